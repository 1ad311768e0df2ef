/*
 * The watch over a table of HTTP calls that does as the test says: each
 * attempt at the stream stands still until it is told how it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "worker/plex_watch.h"
#include "worker/sse.h"

#define PATIENCE_MS 10000
/* Long enough to see that something does not happen. */
#define NEVER_MS 400
#define LONG_NEVER_MS 1200
#define LOG_SIZE 8192
#define TEXT_SIZE 512

/* What a server does with an attempt. */
struct answer {
    enum lastcall_status transport;
    long status;
    const char *type;
    const char *bytes; /* of the stream; NULL: none */
    const char *later; /* more of it, a turn later */
    bool stays;        /* until interrupted */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

/* Guarded by the lock. */
static struct {
    struct answer answer; /* to the next attempts */
    unsigned attempts;
    unsigned streams; /* attempts that were begun as a stream */
    unsigned hints;
    unsigned closed_hints; /* hints after the close */
    bool is_interrupted;
    bool is_closed;
    uint32_t silence_ms;
    char url[TEXT_SIZE];
    char token[TEXT_SIZE];
    char accept[TEXT_SIZE];
    char log[LOG_SIZE];
} seen;

/* ---- the table ---- */

static enum lastcall_status fake_open(const struct http_options *options,
                                      void **state)
{
    (void)options;
    *state = &seen;
    return LASTCALL_OK;
}

static enum lastcall_status fake_perform(void *state,
                                         const struct http_request *request,
                                         struct http_response *out)
{
    (void)state;
    (void)request;
    (void)out;
    fail_msg("the watch only streams");
    return LASTCALL_E_INTERNAL;
}

static void note_headers(const struct http_request *request)
{
    seen.token[0] = '\0';
    for (const char *const *line = request->headers; *line != NULL; line++) {
        if (strncmp(*line, "X-Plex-Token: ", 14) == 0)
            (void)snprintf(seen.token, TEXT_SIZE, "%s", *line + 14);
        if (strncmp(*line, "Accept: ", 8) == 0)
            (void)snprintf(seen.accept, TEXT_SIZE, "%s", *line + 8);
    }
    (void)snprintf(seen.url, TEXT_SIZE, "%s", request->url);
}

/* Give a stream its turns until it is interrupted. */
static void stay(const struct http_sink *sink)
{
    pthread_mutex_lock(&lock);
    while (!seen.is_interrupted) {
        struct timespec until;
        int64_t wait_ms = 0;

        pthread_mutex_unlock(&lock);
        wait_ms = sink->turn(sink->context);
        pthread_mutex_lock(&lock);
        if (wait_ms < 0 || wait_ms > PATIENCE_MS)
            wait_ms = PATIENCE_MS;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (!seen.is_interrupted)
            (void)pthread_cond_timedwait(&news, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
}

static enum lastcall_status fake_stream(void *state,
                                        const struct http_request *request,
                                        const struct http_sink *sink,
                                        struct http_response *out)
{
    struct answer answer;

    (void)state;
    *out = (struct http_response){0};
    pthread_mutex_lock(&lock);
    answer = seen.answer;
    seen.silence_ms = sink->silence_ms;
    note_headers(request);
    seen.attempts++;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
    if (answer.transport != LASTCALL_OK) {
        (void)snprintf(out->detail, sizeof(out->detail), "as the test said");
        return answer.transport;
    }
    out->status = answer.status;
    (void)snprintf(out->content_type, sizeof(out->content_type), "%s",
                   answer.type);
    if (!sink->begin(sink->context, out))
        return LASTCALL_OK;
    pthread_mutex_lock(&lock);
    seen.streams++;
    pthread_mutex_unlock(&lock);
    if (answer.bytes != NULL)
        sink->bytes(sink->context, answer.bytes, strlen(answer.bytes));
    if (answer.later != NULL) {
        (void)sink->turn(sink->context);
        sink->bytes(sink->context, answer.later, strlen(answer.later));
    }
    if (!answer.stays)
        return LASTCALL_OK;
    stay(sink);
    return LASTCALL_E_CLOSED;
}

static enum lastcall_status fake_wait(void *state, uint32_t timeout_ms)
{
    (void)state;
    (void)timeout_ms;
    return LASTCALL_TIMEOUT;
}

static void fake_interrupt(void *state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    seen.is_interrupted = true;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static void fake_close(void *state)
{
    (void)state;
}

static const struct http_ops fake_ops = {
    .open = fake_open,
    .perform = fake_perform,
    .stream = fake_stream,
    .wait = fake_wait,
    .interrupt = fake_interrupt,
    .close = fake_close,
};

/* ---- around it ---- */

static void on_changed(void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    seen.hints++;
    seen.closed_hints += seen.is_closed;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static void on_log(intptr_t target, enum log_level level, const char *line,
                   size_t len)
{
    (void)target;
    (void)level;
    pthread_mutex_lock(&lock);
    if (strlen(seen.log) + len + 2 < LOG_SIZE) {
        strncat(seen.log, line, len);
        strncat(seen.log, "\n", 2);
    }
    pthread_mutex_unlock(&lock);
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

/* Wait until a count has got there; whether it did. */
static bool await(const unsigned *count, unsigned wanted, int64_t patience_ms)
{
    const int64_t until_ms = now_ms() + patience_ms;
    bool is_there = false;

    while (!is_there && now_ms() < until_ms) {
        const struct timespec moment = {.tv_nsec = 2000000};

        pthread_mutex_lock(&lock);
        is_there = *count >= wanted;
        pthread_mutex_unlock(&lock);
        if (!is_there)
            nanosleep(&moment, NULL);
    }
    return is_there;
}

static unsigned count_of(const unsigned *count)
{
    unsigned value = 0;

    pthread_mutex_lock(&lock);
    value = *count;
    pthread_mutex_unlock(&lock);
    return value;
}

static void set_answer(const struct answer *answer)
{
    pthread_mutex_lock(&lock);
    seen.answer = *answer;
    pthread_mutex_unlock(&lock);
}

static unsigned logged(const char *event)
{
    unsigned count = 0;

    pthread_mutex_lock(&lock);
    for (const char *at = strstr(seen.log, event); at != NULL;
         at = strstr(at + 1, event))
        count++;
    pthread_mutex_unlock(&lock);
    return count;
}

struct bench {
    char token_path[64];
    char url[32];
    struct server_settings settings;
    struct log *log;
    struct plex_watch *watch;
};

static void write_token(const struct bench *bench, const char *token)
{
    FILE *file = fopen(bench->token_path, "w");

    assert_non_null(file);
    assert_true(fputs(token, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(bench->token_path, 0600), 0);
}

static void bench_open(struct bench *bench, const struct answer *answer)
{
    static const struct log_sink sink = {.form = LOG_FORM_BARE,
                                         .write = on_log};
    struct platform_error error = {{0}};
    struct backend_surroundings around = {
        .settings = &bench->settings,
        .clock = &platform_clock,
        .changed = on_changed,
    };
    int fd = -1;

    memset(&seen, 0, sizeof(seen));
    seen.answer = *answer;
    *bench = (struct bench){.token_path = "/tmp/lastcall-watch-XXXXXX",
                            .url = "http://127.0.0.1:32400/"};
    fd = mkstemp(bench->token_path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    write_token(bench, "first\n");
    bench->settings = (struct server_settings){
        .name = {"home"},
        .url = bench->url,
        .token_file = bench->token_path,
        .events = 1,
        .sessions_interval_ms = 60000,
        .timeout_ms = 5000,
    };
    bench->log = log_open_sink(LOG_LEVEL_INFO, &sink, &platform_clock);
    assert_non_null(bench->log);
    around.log = bench->log;
    assert_int_equal(plex_watch_open(&around, &fake_ops, &bench->watch, &error),
                     LASTCALL_OK);
}

/* Close it, which must not take long, and be silent afterwards. */
static void bench_close(struct bench *bench)
{
    const int64_t began_ms = now_ms();

    plex_watch_close(bench->watch);
    pthread_mutex_lock(&lock);
    seen.is_closed = true;
    pthread_mutex_unlock(&lock);
    assert_true(now_ms() - began_ms < 1000);
    log_close(bench->log);
    assert_int_equal(unlink(bench->token_path), 0);
    assert_int_equal(seen.closed_hints, 0);
}

#define STREAM(text, does_stay)                                                \
    {                                                                          \
        .status = 200, .type = "text/event-stream", .bytes = (text),           \
        .stays = (does_stay),                                                  \
    }
#define PLAYING(key, state)                                                    \
    "event: playing\ndata: {\"PlaySessionStateNotification\":"                 \
    "{\"sessionKey\":\"" key "\",\"state\":\"" state "\"}}\n\n"

/* ---- tests ---- */

static void the_stream_is_asked_for_as_it_should_be(void **state)
{
    const struct answer answer = STREAM(NULL, true);
    struct bench bench;

    (void)state;
    bench_open(&bench, &answer);
    assert_true(await(&seen.streams, 1, PATIENCE_MS));
    bench_close(&bench);
    assert_string_equal(seen.url,
                        "http://127.0.0.1:32400/:/eventsource/notifications"
                        "?filters=playing");
    assert_string_equal(seen.token, "first");
    assert_string_equal(seen.accept, "text/event-stream");
    assert_int_equal(seen.silence_ms, PLEX_WATCH_SILENCE_MS);
    assert_in_range(PLEX_WATCH_SILENCE_MS, 30000, 45000);
}

static void a_beginning_and_a_change_are_hinted(void **state)
{
    const struct answer quiet = STREAM(": hello\n\n", true);
    const struct answer change =
        STREAM("event: ping\ndata: {}\n\n" PLAYING("1", "playing"), true);
    struct bench bench;

    (void)state;
    /* At the beginning, and once more three seconds later. */
    bench_open(&bench, &quiet);
    assert_true(await(&seen.hints, 1, PATIENCE_MS));
    assert_false(await(&seen.hints, 2, NEVER_MS));
    assert_true(await(&seen.hints, 2, PATIENCE_MS));
    assert_false(await(&seen.hints, 3, NEVER_MS));
    bench_close(&bench);
    /* What comes with it is one hint with it. */
    bench_open(&bench, &change);
    assert_true(await(&seen.hints, 1, PATIENCE_MS));
    assert_false(await(&seen.hints, 2, NEVER_MS));
    bench_close(&bench);
}

static void an_end_is_hinted_soon_again(void **state)
{
    const struct answer answer = STREAM(PLAYING("1", "stopped"), true);
    struct bench bench;

    (void)state;
    bench_open(&bench, &answer);
    assert_true(await(&seen.hints, 2, 2500)); /* before the three seconds */
    assert_true(await(&seen.hints, 3, PATIENCE_MS));
    assert_false(await(&seen.hints, 4, NEVER_MS));
    bench_close(&bench);
}

static void what_is_too_long_to_be_read_is_hinted(void **state)
{
    char name[SSE_NAME_BYTES_MAX + 2];
    char text[2 * sizeof(name)];
    const struct answer answer = {.status = 200,
                                  .type = "text/event-stream",
                                  .later = text,
                                  .stays = true};
    struct bench bench;

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(text, sizeof(text), "event: %s\ndata: a\n\n", name);
    bench_open(&bench, &answer);
    assert_true(await(&seen.hints, 2, 2500)); /* before the three seconds */
    bench_close(&bench);
}

/* What a stream left half said is no part of the next one. */
static void each_stream_is_read_from_its_beginning(void **state)
{
    const struct answer half =
        STREAM("event: playing\ndata: {\"PlaySessionStateNotification\":"
               "{\"sessionKey\":\"1\",\"state\":\"stopped\"}}\n",
               false);
    const struct answer rest = STREAM("\n", true);
    struct bench bench;
    unsigned hints = 0;

    (void)state;
    bench_open(&bench, &half);
    assert_true(await(&seen.streams, 1, PATIENCE_MS));
    set_answer(&rest);
    assert_true(await(&seen.streams, 2, PATIENCE_MS));
    assert_false(await(&seen.hints, UINT32_MAX, NEVER_MS));
    hints = count_of(&seen.hints);
    /* An end would be looked at once more before the three seconds. */
    assert_false(await(&seen.hints, hints + 1, LONG_NEVER_MS));
    bench_close(&bench);
}

static void a_type_that_only_looks_like_it_is_none(void **state)
{
    static const char *const types[] = {"text/event-streams", "text/event", "",
                                        "text/html",
                                        "application/json; text/event-stream"};
    static const char *const good[] = {"text/event-stream",
                                       "text/event-stream;charset=utf-8",
                                       "text/event-stream ; charset=utf-8"};
    struct bench bench;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct answer answer = {
            .status = 200, .type = types[i], .stays = true};

        bench_open(&bench, &answer);
        assert_true(await(&seen.attempts, 1, PATIENCE_MS));
        bench_close(&bench);
        assert_int_equal(seen.streams, 0);
        assert_int_equal(seen.hints, 0);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct answer answer = {
            .status = 200, .type = good[i], .stays = true};

        bench_open(&bench, &answer);
        assert_true(await(&seen.streams, 1, PATIENCE_MS));
        bench_close(&bench);
    }
}

/* Each is an end of its own kind, told once, and tried again at its pace. */
static void
what_is_lost_is_tried_again_and_what_is_not_there_is_not(void **state)
{
    static const struct {
        struct answer answer;
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
    struct bench bench;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned more = cases[i].is_soon ? 2 : 1;

        bench_open(&bench, &cases[i].answer);
        assert_true(await(&seen.attempts, more, PATIENCE_MS));
        if (!cases[i].is_soon)
            assert_false(await(&seen.attempts, 2, NEVER_MS));
        bench_close(&bench);
        assert_int_equal(logged(cases[i].event), 1);
        if (strstr(seen.log, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].says, seen.log);
        assert_non_null(strstr(seen.log, "read every 60 s"));
        assert_null(strstr(seen.log, "first")); /* the token */
    }
}

static void a_server_that_answers_again_is_asked_at_once(void **state)
{
    const struct answer denied = {.status = 403, .type = ""};
    struct bench bench;

    (void)state;
    bench_open(&bench, &denied);
    assert_true(await(&seen.attempts, 1, PATIENCE_MS));
    /* Lists that go well, or ill, are no news. */
    plex_watch_listed(bench.watch, LASTCALL_OK);
    plex_watch_listed(bench.watch, LASTCALL_OK);
    plex_watch_listed(bench.watch, LASTCALL_DENIED);
    plex_watch_listed(bench.watch, LASTCALL_TIMEOUT);
    assert_false(await(&seen.attempts, 2, LONG_NEVER_MS));
    plex_watch_listed(bench.watch, LASTCALL_OK);
    assert_true(await(&seen.attempts, 2, 2000));
    bench_close(&bench);
}

/* However often there is reason to, there is a second between two attempts. */
static void reasons_without_end_make_no_storm(void **state)
{
    const struct answer answer = STREAM(NULL, false);
    const int64_t until_ms = now_ms() + 2500;
    struct bench bench;

    (void)state;
    bench_open(&bench, &answer);
    while (now_ms() < until_ms) {
        plex_watch_listed(bench.watch, LASTCALL_TIMEOUT);
        plex_watch_listed(bench.watch, LASTCALL_OK);
    }
    bench_close(&bench);
    /* The first pause may be half a second. */
    assert_in_range(seen.attempts, 2, 5);
    assert_int_equal(logged("STREAM-LOST"), 1);
}

static void another_token_is_tried_at_once(void **state)
{
    const struct answer denied = {.status = 401, .type = ""};
    const struct answer good = STREAM(NULL, true);
    struct bench bench;

    (void)state;
    bench_open(&bench, &denied);
    assert_true(await(&seen.attempts, 1, PATIENCE_MS));
    /* The same one is not. */
    for (int i = 0; i < 5; i++)
        plex_watch_listed(bench.watch, LASTCALL_DENIED);
    assert_false(await(&seen.attempts, 2, LONG_NEVER_MS));
    set_answer(&good);
    write_token(&bench, "second\n");
    while (count_of(&seen.attempts) < 2) {
        const struct timespec moment = {.tv_nsec = 50000000};

        plex_watch_listed(bench.watch, LASTCALL_DENIED);
        nanosleep(&moment, NULL);
    }
    assert_true(await(&seen.streams, 1, PATIENCE_MS));
    bench_close(&bench);
    assert_string_equal(seen.token, "second");
    assert_int_equal(seen.attempts, 2);
}

/* A token that was renewed before it is refused costs no pause at all. */
static void a_renewed_token_is_taken_in_the_same_attempt(void **state)
{
    const struct answer good = STREAM(NULL, false);
    const struct answer denied = {.status = 401, .type = ""};
    struct bench bench;

    (void)state;
    bench_open(&bench, &good);
    assert_true(await(&seen.streams, 1, PATIENCE_MS));
    write_token(&bench, "second\n");
    set_answer(&denied);
    assert_true(await(&seen.attempts, 3, PATIENCE_MS));
    bench_close(&bench);
    assert_string_equal(seen.token, "second");
    assert_int_equal(logged("STREAM-DENIED"), 1);
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
