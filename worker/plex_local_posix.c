#include "worker/plex_local.h"

#include <stdlib.h>

#define FOLDER_VARIABLE "PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR"
#define FOLDER_DEFAULT "/var/lib/plexmediaserver/Library/Application Support"
#define FOLDER_NAME "Plex Media Server"
#define PATH_BYTES_MAX 4096

char *plex_local_folder(void)
{
    const char *base = getenv(FOLDER_VARIABLE);
    struct bytes path;
    char *text = NULL;

    bytes_init(&path, PATH_BYTES_MAX);
    if (bytes_append_format(&path, "%s/%s",
                            base != NULL ? base : FOLDER_DEFAULT,
                            FOLDER_NAME) == LASTCALL_OK)
        text = bytes_take(&path);
    bytes_deinit(&path);
    return text;
}

enum lastcall_status plex_local_token(struct bytes *out)
{
    (void)out;
    return LASTCALL_E_MISSING; /* everything is in files */
}

const char *plex_local_hint(void)
{
    return "";
}
