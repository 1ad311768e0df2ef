#include "worker/access_win32.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "protocol/io/platform_win32.h"
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

static const ACCESS_MASK changes[] = {
    [ACCESS_FILE] = CHANGE_FILE,
    [ACCESS_FOLDER] = CHANGE_FOLDER,
    [ACCESS_ABOVE] = CHANGE_ABOVE,
};

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

static enum lastcall_status check_owner(PSID owner, const wchar_t *path,
                                        struct platform_error *error)
{
    if (owner == NULL) {
        explain(error, path, "it has no owner");
        return LASTCALL_E_PERMISSION;
    }
    if (is_trusted(owner))
        return LASTCALL_OK;
    blame(error, path, owner);
    return LASTCALL_E_PERMISSION;
}

enum lastcall_status access_check_descriptor(PSECURITY_DESCRIPTOR descriptor,
                                             enum access_place place,
                                             const wchar_t *path,
                                             struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    PSID owner = NULL;
    PACL list = NULL;
    BOOL is_there = FALSE;
    BOOL is_default = FALSE;

    if (!GetSecurityDescriptorOwner(descriptor, &owner, &is_default) ||
        !GetSecurityDescriptorDacl(descriptor, &is_there, &list, &is_default))
        return fail(error, path, "its access list cannot be read",
                    GetLastError());
    if (!is_there || list == NULL) {
        explain(error, path, "can be changed by everybody");
        return LASTCALL_E_PERMISSION;
    }
    status = check_owner(owner, path, error);
    for (DWORD i = 0; status == LASTCALL_OK && i < list->AceCount; i++) {
        void *entry = NULL;
        PSID sid = NULL;
        bool is_strange = true;

        if (GetAce(list, i, &entry))
            sid = platform_ace_grantee(entry, changes[place], PLATFORM_FILE,
                                       &is_strange);
        if (is_strange) {
            explain(error, path,
                    "its access list has an entry of a strange kind");
            status = LASTCALL_E_PERMISSION;
        } else if (sid != NULL && !is_trusted(sid)) {
            blame(error, path, sid);
            status = LASTCALL_E_PERMISSION;
        }
    }
    return status;
}

bool access_is_link(DWORD attributes, DWORD tag)
{
    return (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
           IsReparseTagNameSurrogate(tag);
}

/*
 * Open what stands at a place itself.  Whoever made a link may let it lead
 * elsewhere after we looked at where it leads, so that none is followed.
 *
 * Returns LASTCALL_OK, LASTCALL_E_PERMISSION (also for a link),
 *         LASTCALL_E_MISSING, LASTCALL_E_IO.
 * Owner:  the caller closes *out.
 * Source: CreateFileW(), FILE_FLAG_OPEN_REPARSE_POINT; "Reparse Point Tags":
 *         a name surrogate stands for something elsewhere.
 */
static enum lastcall_status open_itself(const wchar_t *path, DWORD rights,
                                        HANDLE *out, bool *is_folder,
                                        struct platform_error *error)
{
    FILE_ATTRIBUTE_TAG_INFO info = {0};
    HANDLE file =
        CreateFileW(path, rights | READ_CONTROL | FILE_READ_ATTRIBUTES,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT |
                        SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS,
                    NULL);

    *out = INVALID_HANDLE_VALUE;
    if (file == INVALID_HANDLE_VALUE)
        return fail(error, path, "it cannot be opened", GetLastError());
    if (!GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info,
                                      sizeof(info))) {
        const DWORD code = GetLastError();

        CloseHandle(file);
        return fail(error, path, "it cannot be looked at", code);
    }
    if (access_is_link(info.FileAttributes, info.ReparseTag)) {
        CloseHandle(file);
        explain(error, path, "is a link; name what it leads to");
        return LASTCALL_E_PERMISSION;
    }
    *out = file;
    *is_folder = (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    return LASTCALL_OK;
}

/* One file or folder: its owner, and every entry that gives a right.  What
 * another entry denies is not subtracted. */
static enum lastcall_status check_one(const wchar_t *path,
                                      enum access_place place,
                                      struct platform_error *error)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    HANDLE file = INVALID_HANDLE_VALUE;
    bool is_folder = false;
    enum lastcall_status status =
        open_itself(path, 0, &file, &is_folder, error);
    DWORD code;

    if (status != LASTCALL_OK)
        return status;
    code =
        GetSecurityInfo(file, SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                        NULL, NULL, NULL, NULL, &descriptor);
    status = code == ERROR_SUCCESS
                 ? access_check_descriptor(descriptor, place, path, error)
                 : fail(error, path, "its access list cannot be read", code);
    LocalFree(descriptor);
    CloseHandle(file);
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
    enum lastcall_status status = check_one(path, ACCESS_FILE, error);
    enum access_place place = ACCESS_FOLDER;
    wchar_t *above = _wcsdup(path);

    if (above == NULL)
        return LASTCALL_E_NOMEM;
    while (status == LASTCALL_OK && go_up(above)) {
        status = check_one(above, place, error);
        place = ACCESS_ABOVE;
    }
    free(above);
    return status;
}

/* Give an existing folder a descriptor's list, where its owner is none who
 * would let himself in again. */
static enum lastcall_status close_existing(const wchar_t *path,
                                           PSECURITY_DESCRIPTOR wanted,
                                           struct platform_error *error)
{
    PSECURITY_DESCRIPTOR found = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    BOOL is_present = FALSE;
    BOOL is_default = FALSE;
    HANDLE folder = INVALID_HANDLE_VALUE;
    bool is_folder = false;
    enum lastcall_status status = open_itself(
        path, WRITE_DAC | FILE_LIST_DIRECTORY, &folder, &is_folder, error);
    DWORD code;

    if (status != LASTCALL_OK)
        return status;
    if (!is_folder) {
        status = LASTCALL_E_PERMISSION;
        explain(error, path, "is no folder");
        goto out;
    }
    code = GetSecurityInfo(folder, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION,
                           &owner, NULL, NULL, NULL, &found);
    if (code != ERROR_SUCCESS) {
        status = fail(error, path, "its owner cannot be read", code);
        goto out;
    }
    if (owner == NULL || !is_trusted(owner)) {
        status = LASTCALL_E_PERMISSION;
        explain(error, path,
                "belongs to somebody who is no administrator: move it away "
                "and make it anew");
        goto out;
    }
    if (!GetSecurityDescriptorDacl(wanted, &is_present, &list, &is_default)) {
        status = LASTCALL_E_INTERNAL;
        goto out;
    }
    /* By the handle: the path may lead elsewhere by now. */
    code = SetSecurityInfo(folder, SE_FILE_OBJECT,
                           DACL_SECURITY_INFORMATION |
                               PROTECTED_DACL_SECURITY_INFORMATION,
                           NULL, NULL, list, NULL);
    if (code != ERROR_SUCCESS)
        status = fail(error, path, "its access list cannot be set", code);

out:
    LocalFree(found);
    CloseHandle(folder);
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
