#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/log.h"

#define THREAD_COUNT 4
#define LINES_EACH 100

/* A log into memory, with a clock that the test moves. */
static int64_t now_ms;
static char text[64 * 1024];
static size_t text_len;
static enum log_level last_level;
static unsigned closed_count;

static int64_t fake_ms(void *state)
{
    (void)state;
    return now_ms;
}

static const struct clock fake_clock = {fake_ms, fake_ms, NULL};

static void keep(intptr_t target, enum log_level level, const char *line,
                 size_t len)
{
    assert_int_equal(target, 42);
    assert_true(text_len + len < sizeof(text));
    assert_int_equal(line[len], '\0');
    memcpy(text + text_len, line, len + 1);
    text_len += len;
    last_level = level;
}

static void count_close(intptr_t target)
{
    assert_int_equal(target, 42);
    closed_count++;
}

static struct log *open_log(enum log_form form)
{
    const struct log_sink sink = {form, keep, count_close, 42};

    return log_open_sink(LOG_LEVEL_INFO, &sink, &fake_clock);
}

static int set_up(void **state)
{
    (void)state;
    now_ms = 0;
    text_len = 0;
    closed_count = 0;
    return 0;
}

/* What was written since the last call. */
static const char *written(void)
{
    text[text_len] = '\0';
    text_len = 0;
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
    struct log *log = open_log(LOG_FORM_TIMED);

    (void)state;
    log_write(log, LOG_LEVEL_WARN, LOG_EVERY, "LINK-LOST", "next in %d ms", 7);
    assert_string_equal(written(), "1970-01-01T00:00:00.000Z warn LINK-LOST "
                                   "next in 7 ms\n");
    log_write(log, LOG_LEVEL_DEBUG, LOG_EVERY, "X", "not wanted");
    assert_string_equal(written(), "");
    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "X", "wanted");
    assert_int_equal(count_lines(written()), 1);
    log_close(log);
    log_write(NULL, LOG_LEVEL_ERROR, LOG_EVERY, "X", "nowhere");
    log_close(NULL);
}

static void test_forms(void **state)
{
    struct log *log = open_log(LOG_FORM_PRIORITY);

    (void)state;
    log_write(log, LOG_LEVEL_ERROR, LOG_EVERY, "X", "a");
    assert_string_equal(written(), "<3>error X a\n");
    log_close(log);
    assert_int_equal(closed_count, 1);
    log = open_log(LOG_FORM_BARE);
    log_write(log, LOG_LEVEL_WARN, LOG_EVERY, "X", "a\nb");
    assert_string_equal(written(), "X a b");
    assert_int_equal(last_level, LOG_LEVEL_WARN);
    log_close(log);
    assert_int_equal(closed_count, 2);
}

static void test_control_characters(void **state)
{
    struct log *log = open_log(LOG_FORM_TIMED);

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
    struct log *log = open_log(LOG_FORM_TIMED);
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
    struct log *log = open_log(LOG_FORM_TIMED);

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
    struct log *log = open_log(LOG_FORM_TIMED);
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
    struct log *log = open_log(LOG_FORM_TIMED);
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
        cmocka_unit_test_setup(test_line, set_up),
        cmocka_unit_test_setup(test_forms, set_up),
        cmocka_unit_test_setup(test_control_characters, set_up),
        cmocka_unit_test_setup(test_long_line_is_cut, set_up),
        cmocka_unit_test_setup(test_repeats_are_held_back, set_up),
        cmocka_unit_test_setup(test_many_events, set_up),
        cmocka_unit_test_setup(test_threads_keep_lines_whole, set_up),
        cmocka_unit_test(test_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
