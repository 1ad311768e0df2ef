#define _XOPEN_SOURCE 700 /* mkdtemp */

#include "tests/unit/wts_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/standin/wts/double.h"

const struct wts_api_ops *stage_api(void)
{
    return &wts_api_double;
}

void stage_make_folder(char path[STAGE_PATH_SIZE])
{
    snprintf(path, STAGE_PATH_SIZE, "/tmp/lastcall-wts-XXXXXX");
    if (mkdtemp(path) == NULL)
        abort();
}

void stage_remove_folder(const char *path)
{
    rmdir(path);
}

void stage_set_variable(const char *name, const char *value)
{
    setenv(name, value, 1);
}

unsigned stage_leaks(void)
{
    return 0;
}
