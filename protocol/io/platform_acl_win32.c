#include "protocol/io/platform_win32.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/io/wide_win32.h"

/* Rights with which somebody can change what is in a file or a folder, or give
 * himself such rights; and those with which he can read it. */
#define CHANGING_RIGHTS                                                        \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE |         \
     WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL | MAXIMUM_ALLOWED)
#define READING_RIGHTS (FILE_READ_DATA | GENERIC_READ)
#define DESCRIPTION_SIZE 256
#define PATH_SHOWN_MAX 150

/* A user's SID, which has this size at most, behind the structure. */
struct user {
    union {
        TOKEN_USER token;
        BYTE room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } data;
    PSID sid; /* borrowed, from data; NULL: not known */
};

/* A file whose rights are looked at; all borrowed. */
struct inquiry {
    const char *path;
    enum file_secrecy secrecy;
    enum platform_heirs heirs;
    PSID owner;
    struct user user;
    struct platform_error *error;
};

static void find_user(struct user *user)
{
    HANDLE token = NULL;
    DWORD bytes = 0;

    user->sid = NULL;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return;
    if (GetTokenInformation(token, TokenUser, &user->data, sizeof(user->data),
                            &bytes))
        user->sid = user->data.token.User.Sid;
    CloseHandle(token);
}

/* A SID as icacls and SDDL take it; the caller frees it; NULL: no memory. */
static char *sid_text(PSID sid)
{
    LPWSTR wide = NULL;
    char *text = NULL;

    if (!ConvertSidToStringSidW(sid, &wide))
        return NULL;
    text = wide_to_utf8(wide);
    LocalFree(wide);
    return text;
}

/* The two that may do everything on a machine anyway. */
static bool is_machine(PSID sid)
{
    return IsWellKnownSid(sid, WinLocalSystemSid) ||
           IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
}

static bool is_user(PSID sid, const struct user *user)
{
    return user->sid != NULL && EqualSid(sid, user->sid);
}

/* CREATOR OWNER stands for whoever makes something in a folder, and where that
 * can be a stranger another entry says so. */
static bool is_trusted(PSID sid, const struct inquiry *inquiry)
{
    return is_machine(sid) || EqualSid(sid, inquiry->owner) ||
           IsWellKnownSid(sid, WinCreatorOwnerRightsSid) ||
           IsWellKnownSid(sid, WinCreatorOwnerSid) ||
           is_user(sid, &inquiry->user);
}

PSID platform_ace_grantee(const void *entry, ACCESS_MASK rights,
                          enum platform_heirs heirs, bool *is_strange)
{
    const ACE_HEADER *header = entry;

    *is_strange = false;
    if ((header->AceFlags & INHERIT_ONLY_ACE) != 0 && heirs == PLATFORM_FILE)
        return NULL;
    switch (header->AceType) {
    case ACCESS_ALLOWED_ACE_TYPE:
    case ACCESS_ALLOWED_CALLBACK_ACE_TYPE: {
        /* These two begin alike. */
        const ACCESS_ALLOWED_ACE *allowed = entry;

        if ((allowed->Mask & rights) == 0)
            return NULL;
        return (PSID)(uintptr_t)&allowed->SidStart;
    }
    case ACCESS_DENIED_ACE_TYPE:
    case ACCESS_DENIED_OBJECT_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE:
        return NULL;
    default:
        *is_strange = true; /* may give something; none is used for files */
        return NULL;
    }
}

/* Say the command that takes a file from everybody else. */
static void explain_mend(const struct inquiry *inquiry, PSID stranger,
                         bool is_inherited)
{
    const bool is_secret = inquiry->secrecy == FILE_SECRET;
    char *who = stranger == NULL ? NULL : sid_text(stranger);
    char *own = is_machine(inquiry->owner) ? NULL : sid_text(inquiry->owner);
    const bool is_removed = who != NULL && !is_inherited;
    const bool is_folder = inquiry->heirs == PLATFORM_FOLDER;
    const char *rights = is_folder ? "(OI)(CI)F" : "F";
    const char *what = is_folder   ? "change what is in this folder"
                       : is_secret ? "use this secret file"
                                   : "change this file";

    platform_explain(inquiry->error,
                     "%.*s: others than its owner may %s (%s); mend it: "
                     "icacls \"%.*s\" /inheritance:r /grant:r "
                     "*S-1-5-18:%s *S-1-5-32-544:%s%s%s%s%s%s%s",
                     PATH_SHOWN_MAX, inquiry->path, what,
                     who != NULL ? who : "everyone", PATH_SHOWN_MAX,
                     inquiry->path, rights, rights, own != NULL ? " *" : "",
                     own != NULL ? own : "", own != NULL ? ":" : "",
                     own != NULL ? rights : "",
                     is_removed ? " /remove:g *" : "", is_removed ? who : "");
    free(who);
    free(own);
}

static enum lastcall_status check_entries(PACL list,
                                          const struct inquiry *inquiry)
{
    const ACCESS_MASK rights = inquiry->secrecy == FILE_SECRET
                                   ? CHANGING_RIGHTS | READING_RIGHTS
                                   : CHANGING_RIGHTS;

    for (DWORD i = 0; i < list->AceCount; i++) {
        void *entry = NULL;
        PSID sid = NULL;
        bool is_strange = true;

        if (GetAce(list, i, &entry))
            sid = platform_ace_grantee(entry, rights, inquiry->heirs,
                                       &is_strange);
        if (!is_strange && (sid == NULL || is_trusted(sid, inquiry)))
            continue;
        explain_mend(inquiry, sid,
                     entry != NULL && (((const ACE_HEADER *)entry)->AceFlags &
                                       INHERITED_ACE) != 0);
        return LASTCALL_E_PERMISSION;
    }
    return LASTCALL_OK;
}

static enum lastcall_status check_owner(const struct inquiry *inquiry)
{
    char *who;

    if (is_machine(inquiry->owner) || is_user(inquiry->owner, &inquiry->user))
        return LASTCALL_OK;
    who = sid_text(inquiry->owner);
    /* What he put into it would stay his. */
    if (inquiry->heirs == PLATFORM_FOLDER)
        platform_explain(inquiry->error,
                         "%.*s: this folder belongs to %s, not to us or the "
                         "Administrators; move it away",
                         PATH_SHOWN_MAX, inquiry->path,
                         who != NULL ? who : "another");
    else
        platform_explain(inquiry->error,
                         "%.*s: this file belongs to %s, not to us or the "
                         "Administrators; mend it: icacls \"%.*s\" /setowner "
                         "*S-1-5-32-544",
                         PATH_SHOWN_MAX, inquiry->path,
                         who != NULL ? who : "another", PATH_SHOWN_MAX,
                         inquiry->path);
    free(who);
    return LASTCALL_E_PERMISSION;
}

enum lastcall_status platform_check_descriptor(PSECURITY_DESCRIPTOR descriptor,
                                               enum file_secrecy secrecy,
                                               enum platform_heirs heirs,
                                               const char *path,
                                               struct platform_error *error)
{
    struct inquiry inquiry = {
        .path = path, .secrecy = secrecy, .heirs = heirs, .error = error};
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    PACL list = NULL;
    BOOL is_there = FALSE;
    BOOL is_default = FALSE;

    find_user(&inquiry.user);
    if (!GetSecurityDescriptorOwner(descriptor, &inquiry.owner, &is_default) ||
        !GetSecurityDescriptorDacl(descriptor, &is_there, &list, &is_default) ||
        inquiry.owner == NULL)
        return platform_fail(path, "find out who may use it",
                             ERROR_ACCESS_DENIED, error);
    status = check_owner(&inquiry);
    if (status != LASTCALL_OK)
        return status;
    if (!is_there || list == NULL) { /* then everybody may do everything */
        explain_mend(&inquiry, NULL, false);
        return LASTCALL_E_PERMISSION;
    }
    return check_entries(list, &inquiry);
}

enum lastcall_status platform_check_file(HANDLE file, enum file_secrecy secrecy,
                                         enum platform_heirs heirs,
                                         const char *path,
                                         struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    const DWORD code =
        GetSecurityInfo(file, SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                        NULL, NULL, NULL, NULL, &descriptor);

    if (code == ERROR_SUCCESS)
        status =
            platform_check_descriptor(descriptor, secrecy, heirs, path, error);
    else
        (void)platform_fail(path, "find out who may use it", code, error);
    LocalFree(descriptor);
    return status;
}

PSECURITY_DESCRIPTOR platform_private_descriptor(enum platform_heirs heirs)
{
    const char *flags = heirs == PLATFORM_FOLDER ? "OICI" : "";
    PSECURITY_DESCRIPTOR descriptor = NULL;
    char description[DESCRIPTION_SIZE];
    wchar_t *wide = NULL;
    char *own = NULL;
    struct user user;

    find_user(&user);
    own = user.sid == NULL ? NULL : sid_text(user.sid);
    if (own == NULL)
        return NULL;
    snprintf(description, sizeof(description),
             "D:P(A;%s;FA;;;SY)(A;%s;FA;;;BA)(A;%s;FA;;;%s)", flags, flags,
             flags, own);
    free(own);
    wide = wide_from_utf8(description);
    if (wide != NULL && !ConvertStringSecurityDescriptorToSecurityDescriptorW(
                            wide, SDDL_REVISION_1, &descriptor, NULL))
        descriptor = NULL;
    free(wide);
    return descriptor;
}
