/*
 * Cases that need no C to extend: a folder below tests/cases/ with a file a
 * case.
 */
#ifndef LASTCALL_TESTS_UNIT_CASE_FILES_H
#define LASTCALL_TESTS_UNIT_CASE_FILES_H

#include "tests/unit/case_lines.h"

#include <dirent.h>

#define CASE_FILE_SIZE (64 * 1024)

/*
 * Call check with the name and the content of each file in tests/cases/<folder>
 * whose name begins with `prefix`.  Fails the test when there is none.
 */
static inline void case_files_each(const char *folder, const char *prefix,
                                   void (*check)(const char *name,
                                                 const char *text))
{
    static char text[CASE_FILE_SIZE];
    char path[1024];
    size_t count = 0;
    struct dirent *entry = NULL;
    DIR *dir = NULL;

    (void)snprintf(path, sizeof(path), "%s/cases/%s", TEST_SOURCE_DIR, folder);
    dir = opendir(path);
    if (dir == NULL)
        fail_msg("cannot open %s", path);
    while ((entry = readdir(dir)) != NULL) {
        FILE *file = NULL;
        size_t len = 0;

        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/cases/%s/%s", TEST_SOURCE_DIR,
                       folder, entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            fail_msg("cannot open %s", path);
        len = fread(text, 1, sizeof(text) - 1, file);
        text[len] = '\0';
        assert_int_equal(fclose(file), 0);
        check(entry->d_name, text);
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    assert_true(count > 0);
}

#endif
