#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/log.h"

/* Standard error becomes a pipe's end for the time of a test. */
static int reading_end = -1;
static int kept_stderr = -1;
static char text[1024];

static int set_up(void **state)
{
    int ends[2];

    (void)state;
    unsetenv("JOURNAL_STREAM");
    kept_stderr = dup(STDERR_FILENO);
    if (kept_stderr < 0 || pipe(ends) != 0 ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
        dup2(ends[1], STDERR_FILENO) < 0)
        return -1;
    reading_end = ends[0];
    return close(ends[1]);
}

static int tear_down(void **state)
{
    (void)state;
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    return close(reading_end);
}

static const char *written(void)
{
    ssize_t got = read(reading_end, text, sizeof(text) - 1);

    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void test_line(void **state)
{
    struct log *log = log_open(LOG_LEVEL_INFO);

    (void)state;
    log_write(log, LOG_LEVEL_WARN, LOG_EVERY, "LINK-LOST", "next in %d ms", 7);
    assert_non_null(strstr(written(), "Z warn LINK-LOST next in 7 ms\n"));
    log_close(log);
}

static void test_journal(void **state)
{
    struct stat info;
    char stream[64];
    struct log *log;

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)info.st_dev,
             (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log = log_open_service(LOG_LEVEL_INFO);
    log_write(log, LOG_LEVEL_ERROR, LOG_EVERY, "X", "a");
    assert_string_equal(written(), "<3>error X a\n");
    log_close(log);
    setenv("JOURNAL_STREAM", "1:1", 1); /* of some other stream */
    log = log_open(LOG_LEVEL_INFO);
    log_write(log, LOG_LEVEL_ERROR, LOG_EVERY, "X", "a");
    assert_non_null(strstr(written(), "Z error X a\n"));
    log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_journal, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
