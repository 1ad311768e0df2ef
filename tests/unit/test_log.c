#include <fcntl.h>
#include <pthread.h>
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

#define THREAD_COUNT 4
#define LINES_EACH 100

/* A log into a pipe, with a clock that the test moves. */
static int64_t now_ms;
static int ends[2];
static char text[64 * 1024];

static int64_t fake_ms(void *state)
{
    (void)state;
    return now_ms;
}

static const struct clock fake_clock = {fake_ms, fake_ms, NULL};

static int set_up(void **state)
{
    (void)state;
    now_ms = 0;
    unsetenv("JOURNAL_STREAM");
    return pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static const char *written(void)
{
    ssize_t got = read(ends[0], text, sizeof(text) - 1);

    text[got > 0 ? got : 0] = '\0';
    return text;
}

static unsigned count_lines(const char *from)
{
    unsigned count = 0;

    for (; *from != '\0'; from++)
        count += *from == '\n';
    return count;
}

static void test_line(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);

    (void)state;
    log_write(log, LOG_LEVEL_WARN, LOG_EVERY, "LINK-LOST", "next in %d ms", 7);
    assert_string_equal(written(), "1970-01-01T00:00:00.000Z warn LINK-LOST "
                                   "next in 7 ms\n");
    log_write(log, LOG_LEVEL_DEBUG, LOG_EVERY, "X", "not wanted");
    assert_string_equal(written(), "");
    log_set_level(log, LOG_LEVEL_DEBUG);
    log_write(log, LOG_LEVEL_DEBUG, LOG_EVERY, "X", "wanted");
    assert_int_equal(count_lines(written()), 1);
    log_close(log);
    log_write(NULL, LOG_LEVEL_ERROR, LOG_EVERY, "X", "nowhere");
    log_close(NULL);
}

static void test_journal(void **state)
{
    struct stat info;
    char stream[64];
    struct log *log;

    (void)state;
    assert_int_equal(fstat(ends[1], &info), 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)info.st_dev,
             (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);
    log_write(log, LOG_LEVEL_ERROR, LOG_EVERY, "X", "a");
    assert_string_equal(written(), "<3>error X a\n");
    log_close(log);
    setenv("JOURNAL_STREAM", "1:1", 1); /* of some other stream */
    log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);
    log_write(log, LOG_LEVEL_ERROR, LOG_EVERY, "X", "a");
    assert_true(strncmp(written(), "1970-", 5) == 0);
    log_close(log);
}

static void test_control_characters(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);

    (void)state;
    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "X", "%s",
              "a\nb\x1b[2Jc\x7f\xc2\x9b"
              "d\xc3\xa9");
    assert_non_null(strstr(written(), " X a b [2Jc   d\xc3\xa9\n"));
    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "X", "%s", "a\xff");
    assert_non_null(strstr(written(), " X a?\n"));
    log_close(log);
}

static void test_long_line_is_cut(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);
    char longest[4000];
    size_t len;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "X", "%s", longest);
    len = strlen(written());
    assert_true(len <= LOG_LINE_BYTES_MAX);
    assert_string_equal(text + len - 4, "...\n");
    log_close(log);
}

static void flood(struct log *log, const char *event, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        log_write(log, LOG_LEVEL_WARN, LOG_LIMITED, event, "again");
}

static void test_repeats_are_held_back(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);

    (void)state;
    flood(log, "BAD-TOKEN", 100);
    assert_int_equal(count_lines(written()), LOG_REPEAT_MAX);
    /* Other events are not affected. */
    flood(log, "OTHER", 2);
    assert_int_equal(count_lines(written()), 2);
    /* Any line after the minute brings the count. */
    now_ms += LOG_REPEAT_WINDOW_MS;
    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "X", "a");
    assert_non_null(strstr(written(), "BAD-TOKEN 95 more of this event"));
    assert_int_equal(count_lines(text), 2);
    flood(log, "BAD-TOKEN", 6);
    assert_int_equal(count_lines(written()), LOG_REPEAT_MAX);
    log_close(log);
    assert_non_null(strstr(written(), "BAD-TOKEN 1 more of this event"));
}

static void test_many_events(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);
    char event[16];

    (void)state;
    for (unsigned i = 0; i < 3 * LOG_EVENT_COUNT_MAX; i++) {
        snprintf(event, sizeof(event), "E-%u", i);
        flood(log, event, 1);
        assert_int_equal(count_lines(written()), 1);
    }
    log_close(log);
}

static void *write_lines(void *context)
{
    for (int i = 0; i < LINES_EACH; i++)
        log_write(context, LOG_LEVEL_INFO, LOG_EVERY, "X", "a line of it");
    return NULL;
}

static void test_threads_keep_lines_whole(void **state)
{
    struct log *log = log_open_fd(LOG_LEVEL_INFO, ends[1], &fake_clock);
    pthread_t threads[THREAD_COUNT];
    const char *line;

    (void)state;
    for (size_t i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log),
                         0);
    for (size_t i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    line = written();
    assert_int_equal(count_lines(line), THREAD_COUNT * LINES_EACH);
    for (; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_memory_equal(line + 25, "info X a line of it\n", 20);
    log_close(log);
}

static void test_levels(void **state)
{
    enum log_level level;

    (void)state;
    assert_int_equal(log_level_parse("debug", &level), LASTCALL_OK);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("Debug", &level), LASTCALL_E_SYNTAX);
    assert_int_equal(log_level_parse("", &level), LASTCALL_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_control_characters, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_long_line_is_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_repeats_are_held_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_many_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_keep_lines_whole, set_up,
                                        tear_down),
        cmocka_unit_test(test_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
