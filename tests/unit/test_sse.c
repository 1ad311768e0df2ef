#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/case_lines.h"
#include "worker/sse.h"

#define SEEN_SIZE 4096

/* What was told, written as in the cases. */
struct seen {
    char text[SEEN_SIZE];
    size_t len;
    size_t event_count;
    size_t lost_count;
    size_t data_len; /* of the latest event */
};

static struct sse sse;

static void put(struct seen *seen, const char *bytes, size_t len)
{
    assert_true(len < sizeof(seen->text) - seen->len);
    memcpy(seen->text + seen->len, bytes, len);
    seen->len += len;
}

static void on_event(void *context, const struct sse_event *event)
{
    struct seen *seen = context;

    if (seen->event_count++ > 0)
        put(seen, " ; ", 3);
    put(seen, event->name, event->name_len);
    put(seen, "|", 1);
    seen->data_len = event->data_len;
    if (event->data_len < SEEN_SIZE / 2)
        put(seen, event->data, event->data_len);
}

static void on_lost(void *context)
{
    struct seen *seen = context;

    seen->lost_count++;
}

static void feed(struct seen *seen, const char *bytes, size_t len)
{
    const struct sse_reader reader = {seen, on_event, on_lost};

    sse_feed(&sse, bytes, len, &reader);
}

static void begin(struct seen *seen)
{
    *seen = (struct seen){0};
    sse_init(&sse);
}

static int nibble(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);

    assert_non_null(at);
    return (int)(at - digits);
}

/* Undo the escapes of a case. */
static size_t unescape(const char *text, size_t len, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\') {
            out[used++] = text[i];
            continue;
        }
        switch (text[++i]) {
        case 'n':
            out[used++] = '\n';
            break;
        case 'r':
            out[used++] = '\r';
            break;
        case '0':
            out[used++] = '\0';
            break;
        case 'x':
            out[used++] =
                (char)(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
            i += 2;
            break;
        default:
            out[used++] = text[i];
            break;
        }
    }
    return used;
}

static void compare(const struct seen *seen, const char *expected, size_t len,
                    const char *line)
{
    if (seen->len != len || memcmp(seen->text, expected, len) != 0)
        fail_msg("%s: '%.*s'", line, (int)seen->len, seen->text);
    assert_int_equal(seen->lost_count, 0);
}

static void check_stream(const char *line)
{
    static char stream[CASE_LINE_SIZE];
    static char expected[CASE_LINE_SIZE];
    static struct seen seen;
    const char *arrow = strstr(line, " => ");
    size_t stream_len = 0;
    size_t expected_len = 0;

    assert_non_null(arrow);
    stream_len = unescape(line, (size_t)(arrow - line), stream);
    expected_len = unescape(arrow + 4, strlen(arrow + 4), expected);
    for (size_t cut = 0; cut <= stream_len; cut++) {
        begin(&seen);
        feed(&seen, stream, cut);
        feed(&seen, stream + cut, stream_len - cut);
        compare(&seen, expected, expected_len, line);
    }
    begin(&seen);
    for (size_t i = 0; i < stream_len; i++)
        feed(&seen, stream + i, 1);
    compare(&seen, expected, expected_len, line);
}

static void streams_are_read_as_the_standard_says(void **state)
{
    (void)state;
    case_lines_each("sse/streams.txt", check_stream);
}

static void fill(struct seen *seen, size_t len)
{
    static const char block[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

    while (len > 0) {
        const size_t part = len < sizeof(block) - 1 ? len : sizeof(block) - 1;

        feed(seen, block, part);
        len -= part;
    }
}

static void tell(struct seen *seen, const char *text)
{
    feed(seen, text, strlen(text));
}

static void the_longest_event_is_read_and_a_longer_one_lost(void **state)
{
    static struct seen seen;

    (void)state;
    begin(&seen);
    tell(&seen, "data: ");
    fill(&seen, SSE_DATA_BYTES_MAX - 1); /* a line's end has a place too */
    tell(&seen, "\n\n");
    assert_int_equal(seen.event_count, 1);
    assert_int_equal(seen.data_len, SSE_DATA_BYTES_MAX - 1);
    assert_int_equal(seen.lost_count, 0);

    tell(&seen, "data: ");
    fill(&seen, SSE_DATA_BYTES_MAX);
    tell(&seen, "\n\nevent: ping\ndata: {}\n\n");
    assert_int_equal(seen.event_count, 2);
    assert_int_equal(seen.data_len, 2);
    assert_int_equal(seen.lost_count, 1);
}

static void what_is_too_long_ends_with_its_event(void **state)
{
    static struct seen seen;

    (void)state;
    begin(&seen);
    tell(&seen, "event: playing\ndata: a\ndata: ");
    fill(&seen, (size_t)2 * 1024 * 1024);
    tell(&seen, "\ndata: more of it\nevent: ping\n");
    assert_int_equal(seen.lost_count, 0); /* it goes on */
    tell(&seen, "\n");
    assert_int_equal(seen.lost_count, 1);
    tell(&seen, "data: a\n\n");
    assert_int_equal(seen.event_count, 1);
    assert_string_equal(seen.text, "message|a"); /* with no name of before */

    /* Many lines are as much as a long one. */
    for (size_t i = 0; i < SSE_DATA_BYTES_MAX; i++)
        tell(&seen, "data\n");
    assert_int_equal(seen.lost_count, 1);
    tell(&seen, "data\n\n");
    assert_int_equal(seen.lost_count, 2);
    assert_int_equal(seen.event_count, 1);
}

static void a_name_that_is_too_long_loses_its_event(void **state)
{
    static struct seen seen;

    (void)state;
    begin(&seen);
    tell(&seen, "event: ");
    fill(&seen, SSE_NAME_BYTES_MAX);
    tell(&seen, "\ndata: a\n\n");
    assert_int_equal(seen.event_count, 1);
    tell(&seen, "event: ");
    fill(&seen, SSE_NAME_BYTES_MAX + 1);
    tell(&seen, "\ndata: a\n\n");
    assert_int_equal(seen.event_count, 1);
    assert_int_equal(seen.lost_count, 1);
}

static void what_means_nothing_may_be_of_any_length(void **state)
{
    static struct seen seen;

    (void)state;
    begin(&seen);
    tell(&seen, "data: a\n: ");
    fill(&seen, 4 * SSE_DATA_BYTES_MAX);
    tell(&seen, "\nid: ");
    fill(&seen, 4 * SSE_DATA_BYTES_MAX);
    tell(&seen, "\n");
    fill(&seen, 4 * SSE_DATA_BYTES_MAX); /* a field's name */
    tell(&seen, "\n\n");
    assert_int_equal(seen.lost_count, 0);
    assert_string_equal(seen.text, "message|a");
}

static void a_new_stream_knows_nothing_of_the_old_one(void **state)
{
    static struct seen seen;
    static const char *const olds[] = {"event: old\ndata: old\n", "data: old",
                                       "event: old\r", "\xef\xbb", "da"};

    (void)state;
    for (size_t i = 0; i < sizeof(olds) / sizeof(olds[0]); i++) {
        begin(&seen);
        tell(&seen, olds[i]);
        begin(&seen);
        tell(&seen, "\ndata: a\n\n");
        assert_string_equal(seen.text, "message|a");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_as_the_standard_says),
        cmocka_unit_test(the_longest_event_is_read_and_a_longer_one_lost),
        cmocka_unit_test(what_is_too_long_ends_with_its_event),
        cmocka_unit_test(a_name_that_is_too_long_loses_its_event),
        cmocka_unit_test(what_means_nothing_may_be_of_any_length),
        cmocka_unit_test(a_new_stream_knows_nothing_of_the_old_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
