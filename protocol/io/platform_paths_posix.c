#define _XOPEN_SOURCE 700 /* realpath */

#include "protocol/io/platform.h"

#include <stdlib.h>
#include <string.h>

const char platform_separator[] = "/";

const char *platform_config_dir(void)
{
    return "/etc/lastcall";
}

const char *platform_state_dir(void)
{
    return "/var/lib/lastcall";
}

/* Below a variable's folder, or else below the home; the XDG rules have a
 * relative path ignored. */
static char *find_personal(const char *(*environment)(const char *name),
                           const char *variable, const char *below_home)
{
    const char *base = environment(variable);
    const char *below = "/lastcall";
    struct bytes path;
    char *text = NULL;

    if (base == NULL || !platform_is_absolute(base)) {
        base = environment("HOME");
        below = below_home;
    }
    if (base == NULL || !platform_is_absolute(base))
        return NULL;
    bytes_init(&path, strlen(base) + strlen(below) + 1);
    if (bytes_append_format(&path, "%s%s", base, below) == LASTCALL_OK)
        text = bytes_copy_text((const char *)path.data);
    bytes_deinit(&path);
    return text;
}

char *platform_personal_dir(const char *(*environment)(const char *name))
{
    return find_personal(environment, "XDG_CONFIG_HOME", "/.config/lastcall");
}

char *platform_personal_state_dir(const char *(*environment)(const char *name))
{
    return find_personal(environment, "XDG_STATE_HOME",
                         "/.local/state/lastcall");
}

bool platform_is_absolute(const char *path)
{
    return path[0] == '/';
}

bool platform_is_elsewhere(const char *path)
{
    (void)path;
    return false;
}

size_t platform_folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

char *platform_full_path(const char *path)
{
    return realpath(path, NULL);
}

enum lastcall_status platform_arguments(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return LASTCALL_OK;
}
