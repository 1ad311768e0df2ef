#include "worker/plex_local.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <shlobj.h>

#include "protocol/io/wide_win32.h"

#define SETTINGS_KEY L"Software\\Plex, Inc.\\Plex Media Server"
#define FOLDER_NAME "Plex Media Server"
#define PATH_BYTES_MAX 4096
#define VALUE_UNITS_MAX 4096

/* A text of the server's settings in the registry; NULL: not there. */
static char *setting(const wchar_t *name)
{
    wchar_t *wide = calloc(VALUE_UNITS_MAX, sizeof(*wide));
    DWORD bytes = VALUE_UNITS_MAX * sizeof(*wide);
    char *text = NULL;

    if (wide != NULL &&
        RegGetValueW(HKEY_CURRENT_USER, SETTINGS_KEY, name, RRF_RT_REG_SZ, NULL,
                     wide, &bytes) == ERROR_SUCCESS)
        text = wide_array_to_utf8(wide, VALUE_UNITS_MAX);
    if (wide != NULL)
        bytes_wipe(wide, VALUE_UNITS_MAX * sizeof(*wide));
    free(wide);
    return text;
}

static char *local_app_data(void)
{
    wchar_t wide[MAX_PATH] = L"";

    if (SHGetFolderPathW(NULL, CSIDL_LOCAL_APPDATA, NULL, SHGFP_TYPE_CURRENT,
                         wide) != S_OK)
        return NULL;
    return wide_array_to_utf8(wide, MAX_PATH);
}

char *plex_local_folder(void)
{
    char *base = setting(L"LocalAppDataPath"); /* where the data was moved */
    struct bytes path;
    char *text = NULL;

    if (base == NULL)
        base = local_app_data();
    if (base == NULL)
        return NULL;
    bytes_init(&path, PATH_BYTES_MAX);
    if (bytes_append_format(&path, "%s\\%s", base, FOLDER_NAME) == LASTCALL_OK)
        text = bytes_take(&path);
    bytes_deinit(&path);
    free(base);
    return text;
}

enum lastcall_status plex_local_token(struct bytes *out)
{
    char *token = setting(L"PlexOnlineToken");
    enum lastcall_status status = LASTCALL_E_MISSING;

    if (token == NULL)
        return status;
    status = bytes_append_text(out, token);
    bytes_wipe(token, strlen(token));
    free(token);
    return status;
}

const char *plex_local_hint(void)
{
    return "; a service does not see the token of a server that runs as "
           "another account: write it into a file and name it with token_file";
}
