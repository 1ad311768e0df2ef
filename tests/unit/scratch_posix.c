#define _XOPEN_SOURCE 700 /* mkdtemp */

#include "tests/unit/scratch.h"

#include <stdlib.h>
#include <sys/stat.h>

const char scratch_mend[] = "chmod 600 ";
const bool scratch_modes_are_copied = true;

FILE *scratch_full(void)
{
    return fopen("/dev/full", "w");
}

char *scratch_make(char *template)
{
    return mkdtemp(template);
}

bool scratch_share(const char *path)
{
    return chmod(path, 0644) == 0;
}

bool scratch_hide(const char *path)
{
    return chmod(path, 0600) == 0;
}

bool scratch_is_private(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && (info.st_mode & 0777) == 0600;
}
