#include "tests/unit/stream_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

struct stream_seen stream_seen; /* guarded by the lock */

/* ---- the table ---- */

static enum lastcall_status fake_open(const struct http_options *options,
                                      void **state)
{
    (void)options;
    *state = &stream_seen;
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
    stream_seen.token[0] = '\0';
    for (const char *const *line = request->headers; *line != NULL; line++) {
        if (strncmp(*line, "X-Plex-Token: ", 14) == 0)
            (void)snprintf(stream_seen.token, STREAM_TEXT_SIZE, "%s",
                           *line + 14);
        if (strncmp(*line, "Accept: ", 8) == 0)
            (void)snprintf(stream_seen.accept, STREAM_TEXT_SIZE, "%s",
                           *line + 8);
    }
    (void)snprintf(stream_seen.url, STREAM_TEXT_SIZE, "%s", request->url);
}

/* Give a stream its turns until it is interrupted. */
static void stay(const struct http_sink *sink)
{
    pthread_mutex_lock(&lock);
    while (!stream_seen.is_interrupted) {
        struct timespec until;
        int64_t wait_ms = 0;

        pthread_mutex_unlock(&lock);
        wait_ms = sink->turn(sink->context);
        pthread_mutex_lock(&lock);
        if (wait_ms < 0 || wait_ms > STREAM_PATIENCE_MS)
            wait_ms = STREAM_PATIENCE_MS;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (!stream_seen.is_interrupted)
            (void)pthread_cond_timedwait(&news, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
}

static enum lastcall_status fake_stream(void *state,
                                        const struct http_request *request,
                                        const struct http_sink *sink,
                                        struct http_response *out)
{
    struct stream_answer answer;

    (void)state;
    *out = (struct http_response){0};
    pthread_mutex_lock(&lock);
    answer = stream_seen.answer;
    stream_seen.silence_ms = sink->silence_ms;
    note_headers(request);
    stream_seen.attempts++;
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
    stream_seen.streams++;
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
    stream_seen.is_interrupted = true;
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
    stream_seen.hints++;
    stream_seen.closed_hints += stream_seen.is_closed;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static void on_log(intptr_t target, enum log_level level, const char *line,
                   size_t len)
{
    (void)target;
    (void)level;
    pthread_mutex_lock(&lock);
    if (strlen(stream_seen.log) + len + 2 < STREAM_LOG_SIZE) {
        strncat(stream_seen.log, line, len);
        strncat(stream_seen.log, "\n", 2);
    }
    pthread_mutex_unlock(&lock);
}

int64_t stream_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

bool stream_await(const unsigned *count, unsigned wanted, int64_t patience_ms)
{
    const int64_t until_ms = stream_now_ms() + patience_ms;
    bool is_there = false;

    while (!is_there && stream_now_ms() < until_ms) {
        const struct timespec moment = {.tv_nsec = 2000000};

        pthread_mutex_lock(&lock);
        is_there = *count >= wanted;
        pthread_mutex_unlock(&lock);
        if (!is_there)
            nanosleep(&moment, NULL);
    }
    return is_there;
}

unsigned stream_count_of(const unsigned *count)
{
    unsigned value = 0;

    pthread_mutex_lock(&lock);
    value = *count;
    pthread_mutex_unlock(&lock);
    return value;
}

void stream_set_answer(const struct stream_answer *answer)
{
    pthread_mutex_lock(&lock);
    stream_seen.answer = *answer;
    pthread_mutex_unlock(&lock);
}

unsigned stream_logged(const char *event)
{
    unsigned count = 0;

    pthread_mutex_lock(&lock);
    for (const char *at = strstr(stream_seen.log, event); at != NULL;
         at = strstr(at + 1, event))
        count++;
    pthread_mutex_unlock(&lock);
    return count;
}

void stream_bench_write_token(const struct stream_bench *bench,
                              const char *token)
{
    FILE *file = fopen(bench->token_path, "w");

    assert_non_null(file);
    assert_true(fputs(token, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(bench->token_path, 0600), 0);
}

void stream_bench_open(struct stream_bench *bench,
                       const struct stream_answer *answer)
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

    memset(&stream_seen, 0, sizeof(stream_seen));
    stream_seen.answer = *answer;
    *bench = (struct stream_bench){.token_path = "/tmp/lastcall-watch-XXXXXX",
                                   .url = "http://127.0.0.1:32400/"};
    fd = mkstemp(bench->token_path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    stream_bench_write_token(bench, "first\n");
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

void stream_bench_close(struct stream_bench *bench)
{
    const int64_t began_ms = stream_now_ms();

    plex_watch_close(bench->watch);
    pthread_mutex_lock(&lock);
    stream_seen.is_closed = true;
    pthread_mutex_unlock(&lock);
    assert_true(stream_now_ms() - began_ms < 1000);
    log_close(bench->log);
    assert_int_equal(unlink(bench->token_path), 0);
    assert_int_equal(stream_seen.closed_hints, 0);
}
