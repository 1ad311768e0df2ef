/*
 * Cases that need no C to extend: text files below tests/cases/, a case a
 * line, empty lines included.
 */
#ifndef LASTCALL_TESTS_UNIT_CASE_LINES_H
#define LASTCALL_TESTS_UNIT_CASE_LINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define CASE_LINE_SIZE 4096

/*
 * Call check with each line of tests/cases/<path>, without its line feed.
 * Fails the test when there is no such file or no line in it.
 */
static inline void case_lines_each(const char *path,
                                   void (*check)(const char *line))
{
    char name[CASE_LINE_SIZE];
    char line[CASE_LINE_SIZE];
    size_t count = 0;
    FILE *file;

    (void)snprintf(name, sizeof(name), "%s/cases/%s", TEST_SOURCE_DIR, path);
    file = fopen(name, "r");
    if (file == NULL)
        fail_msg("cannot open %s", name);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        check(line);
        count++;
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > 0);
}

#endif
