#include "protocol/io/platform_win32.h"

#include <fcntl.h>
#include <io.h>
#include <shellapi.h>
#include <shlobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/wide_win32.h"

#define FOLDER_NAME "\\Lastcall"
#define FOLDER_BYTES_MAX 1024
#define DATA_DIR_USUAL "C:\\ProgramData"

const char platform_separator[] = "\\";

/* A folder that Windows keeps for programs; NULL: not found. */
static char *known_folder(int id)
{
    wchar_t wide[MAX_PATH] = L"";

    /* Asks the registry, not the environment, which a service may not have. */
    if (SHGetFolderPathW(NULL, id, NULL, SHGFP_TYPE_CURRENT, wide) != S_OK)
        return NULL;
    return wide_array_to_utf8(wide, MAX_PATH);
}

/* "BASE\Lastcall" with more behind it; the caller frees it. */
static char *below(const char *base, const char *more)
{
    struct bytes path;
    char *text = NULL;

    bytes_init(&path, FOLDER_BYTES_MAX);
    if (bytes_append_format(&path, "%s%s%s", base, FOLDER_NAME, more) ==
        LASTCALL_OK)
        text = bytes_copy_text((const char *)path.data);
    bytes_deinit(&path);
    return text;
}

/* What the two functions return; written once, before anybody reads it. */
static struct {
    INIT_ONCE once;
    char config[FOLDER_BYTES_MAX];
    char state[FOLDER_BYTES_MAX];
} machine = {.once = INIT_ONCE_STATIC_INIT};

static void copy_folder(const char *base, const char *more,
                        char out[FOLDER_BYTES_MAX])
{
    char *path = below(base, more);

    snprintf(out, FOLDER_BYTES_MAX, "%s",
             path != NULL ? path : DATA_DIR_USUAL FOLDER_NAME);
    free(path);
}

static BOOL CALLBACK find_machine(INIT_ONCE *once, void *parameter,
                                  void **context)
{
    char *found = known_folder(CSIDL_COMMON_APPDATA);
    const char *base = found != NULL ? found : DATA_DIR_USUAL;

    (void)once;
    (void)parameter;
    (void)context;
    copy_folder(base, "", machine.config);
    copy_folder(base, "\\state", machine.state);
    free(found);
    return TRUE;
}

const char *platform_config_dir(void)
{
    InitOnceExecuteOnce(&machine.once, find_machine, NULL, NULL);
    return machine.config;
}

const char *platform_state_dir(void)
{
    InitOnceExecuteOnce(&machine.once, find_machine, NULL, NULL);
    return machine.state;
}

/*
 * The environment's texts come in the system's code page.  One that holds more
 * than that has '?' in their place, which no path may have, or is not UTF-8:
 * then the system is asked.
 */
static char *find_personal(const char *(*environment)(const char *name),
                           const char *variable, int folder)
{
    const char *base = environment(variable);
    char *found = NULL;
    char *path = NULL;

    if (base == NULL || !platform_is_absolute(base) ||
        strchr(base, '?') != NULL || !bytes_is_utf8(base, strlen(base)))
        base = found = known_folder(folder);
    if (base != NULL)
        path = below(base, "");
    free(found);
    return path;
}

char *platform_personal_dir(const char *(*environment)(const char *name))
{
    return find_personal(environment, "APPDATA", CSIDL_APPDATA);
}

char *platform_personal_state_dir(const char *(*environment)(const char *name))
{
    return find_personal(environment, "LOCALAPPDATA", CSIDL_LOCAL_APPDATA);
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

/* "C:\x", "\\server\x"; also "\x", to which nothing can be prepended. */
bool platform_is_absolute(const char *path)
{
    if (is_separator(path[0]))
        return true;
    return ((path[0] >= 'A' && path[0] <= 'Z') ||
            (path[0] >= 'a' && path[0] <= 'z')) &&
           path[1] == ':' && is_separator(path[2]);
}

/* "\\\\?\\C:\\x" alone of what begins with two is a drive's. */
bool platform_is_elsewhere(const char *path)
{
    if (!is_separator(path[0]) || !is_separator(path[1]))
        return false;
    return path[2] != '?' || !is_separator(path[3]) || path[4] == '\0' ||
           path[5] != ':';
}

size_t platform_folder_len(const char *path)
{
    size_t len = strlen(path);

    while (len > 0 && !is_separator(path[len - 1]))
        len--;
    if (len == 0 && path[0] != '\0' && path[1] == ':')
        return 2; /* "C:x": where drive C stands */
    return len;
}

/* Without the prefix that says that a path is taken literally. */
static char *without_prefix(wchar_t *wide)
{
    static const wchar_t share[] = L"\\\\?\\UNC\\";
    static const wchar_t drive[] = L"\\\\?\\";

    if (wcsncmp(wide, share, wcslen(share)) == 0) {
        wide += wcslen(share) - 2; /* two back-slashes begin a share */
        wide[0] = L'\\';
    } else if (wcsncmp(wide, drive, wcslen(drive)) == 0) {
        wide += wcslen(drive);
    }
    return wide_to_utf8(wide);
}

char *platform_full_path(const char *path)
{
    wchar_t *wide = wide_from_utf8(path);
    wchar_t *full = NULL;
    char *text = NULL;
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD units = 0;

    if (wide != NULL)
        file = CreateFileW(
            wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE)
        goto out;
    units = GetFinalPathNameByHandleW(file, NULL, 0, 0);
    full = calloc((size_t)units + 1, sizeof(*full));
    if (units == 0 || full == NULL)
        goto out;
    if (GetFinalPathNameByHandleW(file, full, units + 1, 0) <= units)
        text = without_prefix(full);

out:
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    free(full);
    free(wide);
    return text;
}

/* The console's code page, to be put back: the console outlives us. */
static UINT console_before;

static void restore_console(void)
{
    SetConsoleOutputCP(console_before);
}

/* What is written is UTF-8 with its own ends of line, for a file and a pipe as
 * for a console. */
static void prepare_output(void)
{
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
    console_before = GetConsoleOutputCP();
    if (console_before != 0 && console_before != CP_UTF8 &&
        SetConsoleOutputCP(CP_UTF8))
        (void)atexit(restore_console);
}

enum lastcall_status platform_arguments(int *argc, char ***argv)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    int count = 0;
    LPWSTR *wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **texts = NULL;

    prepare_output();
    if (wide == NULL)
        return status;
    texts = calloc((size_t)count + 1, sizeof(*texts));
    if (texts == NULL)
        goto out;
    for (int i = 0; i < count; i++) {
        texts[i] = wide_to_utf8(wide[i]);
        if (texts[i] == NULL)
            goto out;
    }
    *argc = count;
    *argv = texts;
    texts = NULL;
    status = LASTCALL_OK;

out:
    for (int i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
    LocalFree(wide);
    return status;
}
