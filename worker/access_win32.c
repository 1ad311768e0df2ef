#include "worker/access_win32.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "protocol/io/wide_win32.h"

/* Owner: administrators.  LocalSystem and administrators may do everything,
 * files and folders inherit that, and nothing is inherited from above. */
#define CLOSED_FOLDER_SDDL L"O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
#define TRUSTED_INSTALLER_SID                                                  \
    L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

#define TAKE_OVER (WRITE_DAC | WRITE_OWNER | GENERIC_ALL)
/* Rights that let their owner change what stands at a place in a path. */
#define CHANGE_FILE                                                            \
    (TAKE_OVER | DELETE | GENERIC_WRITE | FILE_WRITE_DATA | FILE_APPEND_DATA)
#define CHANGE_FOLDER                                                          \
    (TAKE_OVER | DELETE | GENERIC_WRITE | FILE_ADD_FILE |                      \
     FILE_ADD_SUBDIRECTORY | FILE_DELETE_CHILD)
#define CHANGE_ABOVE (TAKE_OVER | DELETE | FILE_DELETE_CHILD)

static void explain(struct platform_error *error, const wchar_t *path,
                    const char *format, ...) LASTCALL_PRINTF(3, 4);

static void explain(struct platform_error *error, const wchar_t *path,
                    const char *format, ...)
{
    char what[PLATFORM_DETAIL_SIZE / 2];
    char *text = wide_to_utf8(path);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    snprintf(error->text, sizeof(error->text), "%s: %s",
             text != NULL ? text : "?", what);
    free(text);
}

static enum lastcall_status fail(struct platform_error *error,
                                 const wchar_t *path, const char *what,
                                 DWORD code)
{
    if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND) {
        explain(error, path, "is not there");
        return LASTCALL_E_MISSING;
    }
    explain(error, path, "%s: Windows error %lu", what, code);
    return code == ERROR_ACCESS_DENIED ? LASTCALL_E_PERMISSION : LASTCALL_E_IO;
}

static bool is_own(PSID sid)
{
    union {
        TOKEN_USER user;
        BYTE room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } buffer;
    HANDLE token = NULL;
    DWORD size = 0;
    bool is_ours = false;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    if (GetTokenInformation(token, TokenUser, &buffer, sizeof(buffer), &size))
        is_ours = EqualSid(sid, buffer.user.User.Sid);
    CloseHandle(token);
    return is_ours;
}

static bool is_trusted(PSID sid)
{
    PSID installer = NULL;
    bool is_installer = false;

    if (IsWellKnownSid(sid, WinLocalSystemSid) ||
        IsWellKnownSid(sid, WinBuiltinAdministratorsSid) || is_own(sid))
        return true;
    if (ConvertStringSidToSidW(TRUSTED_INSTALLER_SID, &installer))
        is_installer = EqualSid(sid, installer);
    LocalFree(installer);
    return is_installer;
}

/* Say who it is that may change a file, by name where it has one. */
static void blame(struct platform_error *error, const wchar_t *path, PSID sid)
{
    wchar_t name[256];
    wchar_t domain[256];
    DWORD name_len = sizeof(name) / sizeof(name[0]);
    DWORD domain_len = sizeof(domain) / sizeof(domain[0]);
    SID_NAME_USE use;
    wchar_t *number = NULL;
    char *text = NULL;

    if (LookupAccountSidW(NULL, sid, name, &name_len, domain, &domain_len,
                          &use))
        text = wide_to_utf8(name);
    else if (ConvertSidToStringSidW(sid, &number))
        text = wide_to_utf8(number);
    LocalFree(number);
    explain(error, path, "can be changed by %s, who is no administrator",
            text != NULL ? text : "somebody");
    free(text);
}

/*
 * Whom an entry gives one of the rights; NULL: nobody.
 *
 *   is_strange  it is of a kind that is not known, and may give something
 */
static PSID granted_to(const void *entry, ACCESS_MASK wanted, bool *is_strange)
{
    const ACE_HEADER *header = entry;
    /* A conditional entry begins like a plain one. */
    const ACCESS_ALLOWED_ACE *allowed = entry;

    *is_strange = false;
    if ((header->AceFlags & INHERIT_ONLY_ACE) != 0)
        return NULL;
    switch (header->AceType) {
    case ACCESS_ALLOWED_ACE_TYPE:
    case ACCESS_ALLOWED_CALLBACK_ACE_TYPE:
        if ((allowed->Mask & wanted) == 0)
            return NULL;
        return (PSID)(uintptr_t)&allowed->SidStart;
    case ACCESS_DENIED_ACE_TYPE:
    case ACCESS_DENIED_OBJECT_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_ACE_TYPE:
    case ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE:
        return NULL;
    default:
        *is_strange = true;
        return NULL;
    }
}

/* One file or folder: its owner, and every entry that gives a right.  What
 * another entry denies is not subtracted. */
static enum lastcall_status check_one(const wchar_t *path, ACCESS_MASK wanted,
                                      struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    const DWORD code = GetNamedSecurityInfoW(
        path, SE_FILE_OBJECT,
        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
        &list, NULL, &descriptor);

    if (code != ERROR_SUCCESS)
        return fail(error, path, "its access list cannot be read", code);
    if (list == NULL) {
        explain(error, path, "can be changed by everybody");
        goto out;
    }
    if (!is_trusted(owner)) {
        blame(error, path, owner);
        goto out;
    }
    for (DWORD i = 0; i < list->AceCount; i++) {
        void *entry = NULL;
        PSID sid = NULL;
        bool is_strange = true;

        if (GetAce(list, i, &entry))
            sid = granted_to(entry, wanted, &is_strange);
        if (is_strange) {
            explain(error, path,
                    "its access list has an entry of a strange "
                    "kind");
            goto out;
        }
        if (sid != NULL && !is_trusted(sid)) {
            blame(error, path, sid);
            goto out;
        }
    }
    status = LASTCALL_OK;

out:
    LocalFree(descriptor);
    return status;
}

/* Cut the last part of a path off; false when none is left ("C:\"). */
static bool go_up(wchar_t *path)
{
    wchar_t *last = wcsrchr(path, L'\\');

    if (last == NULL || last[1] == L'\0')
        return false;
    /* The root keeps its backslash. */
    last[last > path && last[-1] == L':' ? 1 : 0] = L'\0';
    return path[0] != L'\0' && wcscmp(path, L"\\") != 0;
}

enum lastcall_status access_check_file(const wchar_t *path,
                                       struct platform_error *error)
{
    enum lastcall_status status = check_one(path, CHANGE_FILE, error);
    ACCESS_MASK wanted = CHANGE_FOLDER;
    wchar_t *above = _wcsdup(path);

    if (above == NULL)
        return LASTCALL_E_NOMEM;
    while (status == LASTCALL_OK && go_up(above)) {
        status = check_one(above, wanted, error);
        wanted = CHANGE_ABOVE;
    }
    free(above);
    return status;
}

/* Give an existing folder a descriptor's owner and list. */
static enum lastcall_status close_existing(const wchar_t *path,
                                           PSECURITY_DESCRIPTOR wanted,
                                           struct platform_error *error)
{
    PSECURITY_DESCRIPTOR found = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    BOOL is_present = FALSE;
    BOOL is_default = FALSE;
    wchar_t *name = _wcsdup(path); /* the call takes one that it may change */
    DWORD code =
        GetNamedSecurityInfoW(path, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION,
                              &owner, NULL, NULL, NULL, &found);
    enum lastcall_status status = LASTCALL_OK;

    if (name == NULL) {
        status = LASTCALL_E_NOMEM;
        goto out;
    }
    if (code != ERROR_SUCCESS) {
        status = fail(error, path, "its owner cannot be read", code);
        goto out;
    }
    if (!is_trusted(owner)) {
        status = LASTCALL_E_PERMISSION;
        explain(error, path,
                "belongs to somebody who is no administrator; look at what is "
                "in it, then run icacls FOLDER /setowner *S-1-5-32-544 /T");
        goto out;
    }
    if (!GetSecurityDescriptorDacl(wanted, &is_present, &list, &is_default)) {
        status = LASTCALL_E_INTERNAL;
        goto out;
    }
    code = SetNamedSecurityInfoW(name, SE_FILE_OBJECT,
                                 DACL_SECURITY_INFORMATION |
                                     PROTECTED_DACL_SECURITY_INFORMATION,
                                 NULL, NULL, list, NULL);
    if (code != ERROR_SUCCESS)
        status = fail(error, path, "its access list cannot be set", code);

out:
    free(name);
    LocalFree(found);
    return status;
}

enum lastcall_status access_close_folder(const wchar_t *path,
                                         struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes)};

    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(
            CLOSED_FOLDER_SDDL, SDDL_REVISION_1,
            &attributes.lpSecurityDescriptor, NULL))
        return fail(error, path, "no access list could be made",
                    GetLastError());
    if (!CreateDirectoryW(path, &attributes)) {
        const DWORD code = GetLastError();

        status =
            code == ERROR_ALREADY_EXISTS
                ? close_existing(path, attributes.lpSecurityDescriptor, error)
                : fail(error, path, "the folder cannot be made", code);
    }
    LocalFree(attributes.lpSecurityDescriptor);
    return status;
}
