/*
 * The watch over a stream that goes as the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/unit/stream_bench.h"
#include "worker/plex_watch.h"
#include "worker/sse.h"

/* Long enough to see that something does not happen. */
#define NEVER_MS 400
#define LONG_NEVER_MS 1200

#define STREAM(text, does_stay)                                                \
    {                                                                          \
        .status = 200, .type = "text/event-stream", .bytes = (text),           \
        .stays = (does_stay),                                                  \
    }
#define PLAYING(key, state)                                                    \
    "event: playing\ndata: {\"PlaySessionStateNotification\":"                 \
    "{\"sessionKey\":\"" key "\",\"state\":\"" state "\"}}\n\n"

static void the_stream_is_asked_for_as_it_should_be(void **state)
{
    const struct stream_answer answer = STREAM(NULL, true);
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &answer);
    assert_true(stream_await(&stream_seen.streams, 1, STREAM_PATIENCE_MS));
    stream_bench_close(&bench);
    assert_string_equal(stream_seen.url,
                        "http://127.0.0.1:32400/:/eventsource/notifications"
                        "?filters=playing");
    assert_string_equal(stream_seen.token, "first");
    assert_string_equal(stream_seen.accept, "text/event-stream");
    assert_int_equal(stream_seen.silence_ms, PLEX_WATCH_SILENCE_MS);
    assert_in_range(PLEX_WATCH_SILENCE_MS, 30000, 45000);
}

static void a_beginning_and_a_change_are_hinted(void **state)
{
    const struct stream_answer quiet = STREAM(": hello\n\n", true);
    const struct stream_answer change =
        STREAM("event: ping\ndata: {}\n\n" PLAYING("1", "playing"), true);
    struct stream_bench bench;

    (void)state;
    /* At the beginning, and once more three seconds later. */
    stream_bench_open(&bench, &quiet);
    assert_true(stream_await(&stream_seen.hints, 1, STREAM_PATIENCE_MS));
    assert_false(stream_await(&stream_seen.hints, 2, NEVER_MS));
    assert_true(stream_await(&stream_seen.hints, 2, STREAM_PATIENCE_MS));
    assert_false(stream_await(&stream_seen.hints, 3, NEVER_MS));
    stream_bench_close(&bench);
    /* What comes with it is one hint with it. */
    stream_bench_open(&bench, &change);
    assert_true(stream_await(&stream_seen.hints, 1, STREAM_PATIENCE_MS));
    assert_false(stream_await(&stream_seen.hints, 2, NEVER_MS));
    stream_bench_close(&bench);
}

static void an_end_is_hinted_soon_again(void **state)
{
    const struct stream_answer answer = STREAM(PLAYING("1", "stopped"), true);
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &answer);
    assert_true(stream_await(&stream_seen.hints, 2,
                             2500)); /* before the three seconds */
    assert_true(stream_await(&stream_seen.hints, 3, STREAM_PATIENCE_MS));
    assert_false(stream_await(&stream_seen.hints, 4, NEVER_MS));
    stream_bench_close(&bench);
}

static void what_is_too_long_to_be_read_is_hinted(void **state)
{
    char name[SSE_NAME_BYTES_MAX + 2];
    char text[2 * sizeof(name)];
    const struct stream_answer answer = {.status = 200,
                                         .type = "text/event-stream",
                                         .later = text,
                                         .stays = true};
    struct stream_bench bench;

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(text, sizeof(text), "event: %s\ndata: a\n\n", name);
    stream_bench_open(&bench, &answer);
    assert_true(stream_await(&stream_seen.hints, 2,
                             2500)); /* before the three seconds */
    stream_bench_close(&bench);
}

/* What a stream left half said is no part of the next one. */
static void each_stream_is_read_from_its_beginning(void **state)
{
    const struct stream_answer half =
        STREAM("event: playing\ndata: {\"PlaySessionStateNotification\":"
               "{\"sessionKey\":\"1\",\"state\":\"stopped\"}}\n",
               false);
    const struct stream_answer rest = STREAM("\n", true);
    struct stream_bench bench;
    unsigned hints = 0;

    (void)state;
    stream_bench_open(&bench, &half);
    assert_true(stream_await(&stream_seen.streams, 1, STREAM_PATIENCE_MS));
    stream_set_answer(&rest);
    assert_true(stream_await(&stream_seen.streams, 2, STREAM_PATIENCE_MS));
    assert_false(stream_await(&stream_seen.hints, UINT32_MAX, NEVER_MS));
    hints = stream_count_of(&stream_seen.hints);
    /* An end would be looked at once more before the three seconds. */
    assert_false(stream_await(&stream_seen.hints, hints + 1, LONG_NEVER_MS));
    stream_bench_close(&bench);
}

static void a_type_that_only_looks_like_it_is_none(void **state)
{
    static const char *const types[] = {"text/event-streams", "text/event", "",
                                        "text/html",
                                        "application/json; text/event-stream"};
    static const char *const good[] = {"text/event-stream",
                                       "text/event-stream;charset=utf-8",
                                       "text/event-stream ; charset=utf-8"};
    struct stream_bench bench;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct stream_answer answer = {
            .status = 200, .type = types[i], .stays = true};

        stream_bench_open(&bench, &answer);
        assert_true(stream_await(&stream_seen.attempts, 1, STREAM_PATIENCE_MS));
        stream_bench_close(&bench);
        assert_int_equal(stream_seen.streams, 0);
        assert_int_equal(stream_seen.hints, 0);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct stream_answer answer = {
            .status = 200, .type = good[i], .stays = true};

        stream_bench_open(&bench, &answer);
        assert_true(stream_await(&stream_seen.streams, 1, STREAM_PATIENCE_MS));
        stream_bench_close(&bench);
    }
}

/* Each is an end of its own kind, told once, and tried again at its pace. */
static void
what_is_lost_is_tried_again_and_what_is_not_there_is_not(void **state)
{
    static const struct {
        struct stream_answer answer;
        const char *event;
        const char *says;
        bool is_soon;
    } cases[] = {
        {{.transport = LASTCALL_UNREACHABLE}, "STREAM-LOST", "test", true},
        {{.transport = LASTCALL_TIMEOUT}, "STREAM-LOST", "test", true},
        {{.transport = LASTCALL_SERVER_ERROR}, "STREAM-LOST", "test", true},
        {STREAM(NULL, false), "STREAM-LOST", "without a word", true},
        {{.status = 503, .type = "text/html"}, "STREAM-LOST", "503", true},
        {{.status = 500, .type = "text/html"}, "STREAM-LOST", "500", true},
        {{.status = 429, .type = "text/html"}, "STREAM-LOST", "429", true},
        {{.status = 400, .type = "text/html"}, "STREAM-LOST", "400", true},
        {{.status = 401, .type = ""}, "STREAM-DENIED", "401", false},
        {{.status = 403, .type = ""}, "STREAM-DENIED", "403", false},
        {{.status = 404, .type = "text/html"}, "STREAM-ABSENT", "404", false},
        {{.status = 405, .type = "text/html"}, "STREAM-ABSENT", "405", false},
        {{.status = 302, .type = "text/html"}, "STREAM-ABSENT", "302", false},
        {{.status = 204, .type = ""}, "STREAM-ABSENT", "204", false},
        {{.status = 200, .type = "text/html"}, "STREAM-ABSENT", "200", false},
        {{.status = 201, .type = "text/event-stream"},
         "STREAM-ABSENT",
         "201",
         false},
    };
    struct stream_bench bench;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned more = cases[i].is_soon ? 2 : 1;

        stream_bench_open(&bench, &cases[i].answer);
        assert_true(
            stream_await(&stream_seen.attempts, more, STREAM_PATIENCE_MS));
        if (!cases[i].is_soon)
            assert_false(stream_await(&stream_seen.attempts, 2, NEVER_MS));
        stream_bench_close(&bench);
        assert_int_equal(stream_logged(cases[i].event), 1);
        if (strstr(stream_seen.log, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].says, stream_seen.log);
        assert_non_null(strstr(stream_seen.log, "read every 60 s"));
        assert_null(strstr(stream_seen.log, "first")); /* the token */
    }
}

static void a_server_that_answers_again_is_asked_at_once(void **state)
{
    const struct stream_answer denied = {.status = 403, .type = ""};
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &denied);
    assert_true(stream_await(&stream_seen.attempts, 1, STREAM_PATIENCE_MS));
    /* Lists that go well, or ill, are no news. */
    plex_watch_listed(bench.watch, LASTCALL_OK);
    plex_watch_listed(bench.watch, LASTCALL_OK);
    plex_watch_listed(bench.watch, LASTCALL_DENIED);
    plex_watch_listed(bench.watch, LASTCALL_TIMEOUT);
    assert_false(stream_await(&stream_seen.attempts, 2, LONG_NEVER_MS));
    plex_watch_listed(bench.watch, LASTCALL_OK);
    assert_true(stream_await(&stream_seen.attempts, 2, 2000));
    stream_bench_close(&bench);
}

/* However often there is reason to, there is a second between two attempts. */
static void reasons_without_end_make_no_storm(void **state)
{
    const struct stream_answer answer = STREAM(NULL, false);
    const int64_t until_ms = stream_now_ms() + 2500;
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &answer);
    while (stream_now_ms() < until_ms) {
        plex_watch_listed(bench.watch, LASTCALL_TIMEOUT);
        plex_watch_listed(bench.watch, LASTCALL_OK);
    }
    stream_bench_close(&bench);
    /* The first pause may be half a second. */
    assert_in_range(stream_seen.attempts, 2, 5);
    assert_int_equal(stream_logged("STREAM-LOST"), 1);
}

static void another_token_is_tried_at_once(void **state)
{
    const struct stream_answer denied = {.status = 401, .type = ""};
    const struct stream_answer good = STREAM(NULL, true);
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &denied);
    assert_true(stream_await(&stream_seen.attempts, 1, STREAM_PATIENCE_MS));
    /* The same one is not. */
    for (int i = 0; i < 5; i++)
        plex_watch_listed(bench.watch, LASTCALL_DENIED);
    assert_false(stream_await(&stream_seen.attempts, 2, LONG_NEVER_MS));
    stream_set_answer(&good);
    stream_bench_write_token(&bench, "second\n");
    while (stream_count_of(&stream_seen.attempts) < 2) {
        const struct timespec moment = {.tv_nsec = 50000000};

        plex_watch_listed(bench.watch, LASTCALL_DENIED);
        nanosleep(&moment, NULL);
    }
    assert_true(stream_await(&stream_seen.streams, 1, STREAM_PATIENCE_MS));
    stream_bench_close(&bench);
    assert_string_equal(stream_seen.token, "second");
    assert_int_equal(stream_seen.attempts, 2);
}

/* A token that was renewed before it is refused costs no pause at all. */
static void a_renewed_token_is_taken_in_the_same_attempt(void **state)
{
    const struct stream_answer good = STREAM(NULL, false);
    const struct stream_answer denied = {.status = 401, .type = ""};
    struct stream_bench bench;

    (void)state;
    stream_bench_open(&bench, &good);
    assert_true(stream_await(&stream_seen.streams, 1, STREAM_PATIENCE_MS));
    stream_bench_write_token(&bench, "second\n");
    stream_set_answer(&denied);
    assert_true(stream_await(&stream_seen.attempts, 3, STREAM_PATIENCE_MS));
    stream_bench_close(&bench);
    assert_string_equal(stream_seen.token, "second");
    assert_int_equal(stream_logged("STREAM-DENIED"), 1);
}

static void nothing_to_watch_is_fine(void **state)
{
    (void)state;
    plex_watch_listed(NULL, LASTCALL_OK);
    plex_watch_interrupt(NULL);
    plex_watch_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_is_asked_for_as_it_should_be),
        cmocka_unit_test(a_beginning_and_a_change_are_hinted),
        cmocka_unit_test(an_end_is_hinted_soon_again),
        cmocka_unit_test(what_is_too_long_to_be_read_is_hinted),
        cmocka_unit_test(each_stream_is_read_from_its_beginning),
        cmocka_unit_test(a_type_that_only_looks_like_it_is_none),
        cmocka_unit_test(
            what_is_lost_is_tried_again_and_what_is_not_there_is_not),
        cmocka_unit_test(a_server_that_answers_again_is_asked_at_once),
        cmocka_unit_test(reasons_without_end_make_no_storm),
        cmocka_unit_test(another_token_is_tried_at_once),
        cmocka_unit_test(a_renewed_token_is_taken_in_the_same_attempt),
        cmocka_unit_test(nothing_to_watch_is_fine),
    };

    return cmocka_run_group_tests_name("plex_watch", tests, NULL, NULL);
}
