#include "protocol/io/platform_win32.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/io/wide_win32.h"

#define READ_CHUNK_BYTES 4096
#define PATH_BYTES_MAX 4096

static enum lastcall_status read_all(HANDLE file, const char *path,
                                     size_t len_max, struct bytes *out,
                                     struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    unsigned char chunk[READ_CHUNK_BYTES];
    DWORD got = 0;

    do {
        if (!ReadFile(file, chunk, sizeof(chunk), &got, NULL))
            status = platform_fail(path, "read", GetLastError(), error);
        else
            status = bytes_append(out, chunk, got);
    } while (status == LASTCALL_OK && got > 0);
    if (status == LASTCALL_E_TOO_LARGE)
        platform_explain(error, "%s: larger than %zu bytes", path, len_max);
    bytes_wipe(chunk, sizeof(chunk));
    return status;
}

/* Open what is no pipe that somebody put in the file's place: the flags keep
 * its server from acting in our name. */
static HANDLE open_to_read(const wchar_t *path)
{
    return CreateFileW(path, GENERIC_READ,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING,
                       FILE_FLAG_BACKUP_SEMANTICS | SECURITY_SQOS_PRESENT |
                           SECURITY_ANONYMOUS,
                       NULL);
}

static bool is_regular(HANDLE file)
{
    BY_HANDLE_FILE_INFORMATION info;

    return GetFileType(file) == FILE_TYPE_DISK &&
           GetFileInformationByHandle(file, &info) &&
           (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

enum lastcall_status platform_read_file(const char *path,
                                        enum file_secrecy secrecy,
                                        size_t len_max, struct bytes *out,
                                        struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    HANDLE file = INVALID_HANDLE_VALUE;
    wchar_t *wide = wide_from_utf8(path);

    bytes_init(out, len_max);
    platform_explain(error, "%s", "");
    if (wide == NULL) {
        status = platform_fail(path, "open", ERROR_INVALID_NAME, error);
        goto out;
    }
    file = open_to_read(wide);
    if (file == INVALID_HANDLE_VALUE) {
        status = platform_fail(path, "open", GetLastError(), error);
        goto out;
    }
    /* What is checked is what was opened, whatever the path names by now. */
    if (!is_regular(file)) {
        platform_explain(error, "%s: not a regular file", path);
        status = LASTCALL_E_IO;
        goto out;
    }
    if (secrecy != FILE_PUBLIC) {
        status = platform_check_file(file, secrecy, PLATFORM_FILE, path, error);
        if (status != LASTCALL_OK)
            goto out;
    }
    status = read_all(file, path, len_max, out, error);

out:
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(wide);
    if (status != LASTCALL_OK)
        bytes_deinit(out);
    return status;
}

static bool write_all(HANDLE file, const void *data, size_t len)
{
    const unsigned char *next = data;

    while (len > 0) {
        const DWORD want =
            len > READ_CHUNK_BYTES ? READ_CHUNK_BYTES : (DWORD)len;
        DWORD put = 0;

        if (!WriteFile(file, next, want, &put, NULL))
            return false;
        next += put;
        len -= put;
    }
    return true;
}

static HANDLE create_new(const wchar_t *path, enum file_secrecy secrecy)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes)};
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code;

    if (secrecy == FILE_SECRET) {
        attributes.lpSecurityDescriptor =
            platform_private_descriptor(PLATFORM_FILE);
        if (attributes.lpSecurityDescriptor == NULL) {
            SetLastError(ERROR_ACCESS_DENIED); /* never for everybody */
            return INVALID_HANDLE_VALUE;
        }
    }
    file = CreateFileW(path, GENERIC_WRITE, 0,
                       secrecy == FILE_SECRET ? &attributes : NULL, CREATE_NEW,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    code = GetLastError();
    LocalFree(attributes.lpSecurityDescriptor);
    SetLastError(code);
    return file;
}

/* A new name needs no call of its own to be on disk: NTFS keeps a journal. */
enum lastcall_status platform_create_file(const char *path,
                                          enum file_secrecy secrecy,
                                          const void *data, size_t len,
                                          struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    wchar_t *wide = wide_from_utf8(path);
    HANDLE file = INVALID_HANDLE_VALUE;

    platform_explain(error, "%s", "");
    if (wide == NULL) {
        (void)platform_fail(path, "create", ERROR_INVALID_NAME, error);
        return LASTCALL_E_IO;
    }
    file = create_new(wide, secrecy);
    if (file == INVALID_HANDLE_VALUE) {
        status = platform_fail(path, "create", GetLastError(), error);
        free(wide);
        return status == LASTCALL_E_MISSING ? LASTCALL_E_IO : status;
    }
    if (!write_all(file, data, len) || !FlushFileBuffers(file))
        status = platform_fail(path, "write", GetLastError(), error);
    if (!CloseHandle(file) && status == LASTCALL_OK)
        status = platform_fail(path, "write", GetLastError(), error);
    if (status != LASTCALL_OK)
        DeleteFileW(wide); /* ours: we created it a moment ago */
    free(wide);
    return status;
}

/* One level; an existing directory is fine. */
static enum lastcall_status make_one(const char *path,
                                     struct platform_error *error)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes)};
    enum lastcall_status status = LASTCALL_OK;
    wchar_t *wide = wide_from_utf8(path);
    DWORD found;

    if (wide == NULL)
        return platform_fail(path, "make the directory", ERROR_INVALID_NAME,
                             error);
    found = GetFileAttributesW(wide);
    if (found != INVALID_FILE_ATTRIBUTES) {
        if ((found & FILE_ATTRIBUTE_DIRECTORY) == 0) {
            platform_explain(error, "%s: exists and is not a directory", path);
            status = LASTCALL_E_IO;
        }
        goto out;
    }
    attributes.lpSecurityDescriptor =
        platform_private_descriptor(PLATFORM_FOLDER);
    if (attributes.lpSecurityDescriptor == NULL)
        status = platform_fail(path, "make the directory", ERROR_ACCESS_DENIED,
                               error);
    else if (!CreateDirectoryW(wide, &attributes) &&
             GetLastError() != ERROR_ALREADY_EXISTS)
        status =
            platform_fail(path, "make the directory", GetLastError(), error);
    LocalFree(attributes.lpSecurityDescriptor);

out:
    free(wide);
    return status;
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

/* How much of a path is a root that nobody makes: a drive or a share. */
static size_t root_len(const char *path)
{
    size_t len = 0;

    if (is_separator(path[0]) && is_separator(path[1])) {
        len = 2 + strcspn(path + 2, "/\\");
        if (path[len] != '\0')
            len += 1 + strcspn(path + len + 1, "/\\");
    } else if (path[0] != '\0' && path[1] == ':') {
        len = 2;
    }
    while (is_separator(path[len]))
        len++;
    return len;
}

enum lastcall_status platform_make_directory(const char *path,
                                             struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    char partial[PATH_BYTES_MAX];

    platform_explain(error, "%s", "");
    if (path[0] == '\0' || strlen(path) >= sizeof(partial)) {
        platform_explain(error, "%s: not a path of 1 to %zu characters", path,
                         sizeof(partial) - 1);
        return LASTCALL_E_IO;
    }
    memcpy(partial, path, strlen(path) + 1);
    for (char *at = partial + root_len(path); *at != '\0'; at++) {
        const char separator = *at;

        if (!is_separator(separator))
            continue;
        *at = '\0';
        status = make_one(partial, error);
        *at = separator;
        if (status != LASTCALL_OK)
            break;
    }
    if (status == LASTCALL_OK)
        status = make_one(partial, error);
    return status == LASTCALL_E_PERMISSION || status == LASTCALL_OK
               ? status
               : LASTCALL_E_IO;
}

enum lastcall_status platform_check_guarded(const char *path,
                                            struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    BY_HANDLE_FILE_INFORMATION info;
    wchar_t *wide = wide_from_utf8(path);
    HANDLE file = INVALID_HANDLE_VALUE;

    platform_explain(error, "%s", "");
    if (wide == NULL)
        return platform_fail(path, "open", ERROR_INVALID_NAME, error);
    /* A link is looked at itself: whoever made it leads it where he likes. */
    file =
        CreateFileW(wide, READ_CONTROL | FILE_READ_ATTRIBUTES,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT |
                        SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS,
                    NULL);
    if (file == INVALID_HANDLE_VALUE) {
        status = platform_fail(path, "open", GetLastError(), error);
        if (status == LASTCALL_E_MISSING)
            status = LASTCALL_OK;
    } else if (!GetFileInformationByHandle(file, &info)) {
        status = platform_fail(path, "look at", GetLastError(), error);
    } else {
        status = platform_check_file(
            file, FILE_GUARDED,
            (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0
                ? PLATFORM_FOLDER
                : PLATFORM_FILE,
            path, error);
    }
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(wide);
    return status;
}
