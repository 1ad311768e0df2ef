/*
 * Answers without an end.  What is done to the server while one runs is done
 * in its turn(), on the same thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "protocol/io/platform.h"
#include "tests/unit/standin_process.h"
#include "worker/http.h"

#define PATH "/:/eventsource/notifications?filters=playing"
#define TIMEOUT_MS 5000u
#define SILENCE_MS 300u
#define LONG_SILENCE_MS 20000u
/* What a loaded machine may need on top of a time limit. */
#define SLACK_MS 3000
#define SEEN_SIZE 4096

static struct standin_process standin;

/* A stream as a test sees it, and what the test does meanwhile. */
struct follower {
    bool declines;
    uint32_t bytes_per_s;
    int64_t turn_ms;                        /* what turn() answers */
    void (*act)(struct follower *follower); /* in each turn; may be NULL */
    void *http;
    unsigned begins;
    unsigned turns;
    size_t bytes;
    char seen[SEEN_SIZE]; /* the beginning of what came */
    long status;
    char type[HTTP_CONTENT_TYPE_SIZE];
};

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static bool on_begin(void *context, const struct http_response *response)
{
    struct follower *follower = context;

    follower->begins++;
    follower->status = response->status;
    memcpy(follower->type, response->content_type, sizeof(follower->type));
    return !follower->declines;
}

static void on_bytes(void *context, const void *data, size_t len)
{
    struct follower *follower = context;

    assert_int_equal(follower->begins, 1);
    assert_false(follower->declines);
    if (follower->bytes + len < SEEN_SIZE)
        memcpy(follower->seen + follower->bytes, data, len);
    follower->bytes += len;
}

static int64_t on_turn(void *context)
{
    struct follower *follower = context;

    follower->turns++;
    if (follower->act != NULL)
        follower->act(follower);
    return follower->turn_ms;
}

static enum lastcall_status follow(struct follower *follower,
                                   uint32_t silence_ms,
                                   struct http_response *out)
{
    static const char *const headers[] = {"X-Plex-Token: " STANDIN_TOKEN, NULL};
    const struct http_options options = {.timeout_ms = TIMEOUT_MS};
    const struct http_sink sink = {
        .context = follower,
        .silence_ms = silence_ms,
        .bytes_per_s = follower->bytes_per_s,
        .begin = on_begin,
        .bytes = on_bytes,
        .turn = on_turn,
    };
    char url[128];
    const struct http_request request = {.url = url, .headers = headers};
    enum lastcall_status status = LASTCALL_OK;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d" PATH,
                   standin.plex_port);
    assert_int_equal(http_curl_ops.open(&options, &follower->http),
                     LASTCALL_OK);
    status = http_curl_ops.stream(follower->http, &request, &sink, out);
    assert_int_equal(out->body.len, 0);
    return status;
}

static void leave(struct follower *follower, struct http_response *response)
{
    http_response_deinit(response);
    http_curl_ops.close(follower->http);
    standin_tell(&standin, "POST", "/stream", "{\"close\":true}");
}

static int start(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    standin_start(&standin, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    standin_stop(&standin);
    return 0;
}

/* Say something once, and end the stream a turn later. */
static void say_and_close(struct follower *follower)
{
    if (follower->begins == 0)
        return;
    if (follower->bytes == 0 && follower->turn_ms == HTTP_FOREVER_MS) {
        follower->turn_ms = SLACK_MS;
        standin_tell(&standin, "POST", "/stream", "{\"text\":\"hello\"}");
    } else if (follower->bytes > 0) {
        standin_tell(&standin, "POST", "/stream", "{\"close\":true}");
    }
}

static void bytes_come_as_they_are_sent(void **state)
{
    struct follower follower = {.turn_ms = HTTP_FOREVER_MS,
                                .act = say_and_close};
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_OK);
    assert_int_equal(follower.begins, 1);
    assert_int_equal(follower.status, 200);
    assert_string_equal(follower.type, "text/event-stream");
    assert_string_equal(follower.seen, "hello");
    assert_int_equal(response.status, 200);
    assert_int_equal(response.sent, HTTP_MAYBE_SENT);
    leave(&follower, &response);
}

static void what_is_not_wanted_is_not_read(void **state)
{
    static const struct {
        const char *fault;
        long status;
        const char *type;
    } cases[] = {
        {NULL, 200, "text/event-stream"},
        {"{\"fault\":\"status\",\"status\":404}", 404, "text/html"},
        {"{\"fault\":\"status\",\"status\":401}", 401, "text/html"},
        {"{\"fault\":\"redirect\"}", 302, "text/html"},
        {"{\"fault\":\"html\"}", 200, "text/html"},
        {"{\"fault\":\"huge\",\"chunked\":true}", 200, "application/json"},
        {"{\"fault\":\"status\",\"status\":204,\"body\":\"empty\"}", 204, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct follower follower = {.declines = true,
                                    .turn_ms = HTTP_FOREVER_MS};
        struct http_response response;

        standin_reset(&standin);
        if (cases[i].fault != NULL)
            standin_tell(&standin, "POST", "/faults", cases[i].fault);
        assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                         LASTCALL_OK);
        assert_int_equal(follower.begins, 1);
        assert_int_equal(follower.bytes, 0);
        assert_int_equal(response.status, cases[i].status);
        assert_string_equal(response.content_type, cases[i].type);
        leave(&follower, &response);
    }
}

static void no_server_is_no_stream(void **state)
{
    struct follower follower = {.turn_ms = HTTP_FOREVER_MS};
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    standin_tell(&standin, "POST", "/lifecycle", "{\"state\":\"refuse\"}");
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_UNREACHABLE);
    assert_int_equal(follower.begins, 0);
    assert_string_not_equal(response.detail, "");
    standin_tell(&standin, "POST", "/lifecycle", "{\"state\":\"up\"}");
    leave(&follower, &response);
}

static void silence_is_loss(void **state)
{
    static const char *const faults[] = {NULL, "{\"fault\":\"hang\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct follower follower = {.turn_ms = HTTP_FOREVER_MS};
        struct http_response response;
        const int64_t began_ms = now_ms();
        int64_t took_ms = 0;

        standin_reset(&standin);
        if (faults[i] != NULL)
            standin_tell(&standin, "POST", "/faults", faults[i]);
        assert_int_equal(follow(&follower, SILENCE_MS, &response),
                         LASTCALL_TIMEOUT);
        took_ms = now_ms() - began_ms;
        assert_in_range(took_ms, SILENCE_MS, SILENCE_MS + SLACK_MS);
        assert_non_null(strstr(response.detail, "nothing came for 300 ms"));
        assert_int_equal(follower.begins, faults[i] == NULL);
        /* Nobody was woken up in between: when it began, and at the end. */
        assert_in_range(follower.turns, 1, 8);
        leave(&follower, &response);
    }
}

/* Ten bytes, a tenth of a second apart; then silence. */
static void drip(struct follower *follower)
{
    if (follower->begins > 0 && follower->turns % 2 == 0 &&
        follower->bytes < 10)
        standin_tell(&standin, "POST", "/stream", "{\"text\":\":\"}");
}

static void every_byte_counts_as_life(void **state)
{
    struct follower follower = {.turn_ms = SILENCE_MS / 3, .act = drip};
    struct http_response response;
    const int64_t began_ms = now_ms();

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, SILENCE_MS, &response),
                     LASTCALL_TIMEOUT);
    assert_int_equal(follower.bytes, 10);
    assert_true(now_ms() - began_ms >= 2 * (int64_t)SILENCE_MS);
    leave(&follower, &response);
}

/* A megabyte a turn, twenty times. */
static void pour(struct follower *follower)
{
    if (follower->begins == 0)
        return;
    if (follower->turns < 200 && follower->bytes < 20000000)
        standin_tell(&standin, "POST", "/stream", "{\"fill\":1000000}");
    else
        standin_tell(&standin, "POST", "/stream", "{\"close\":true}");
}

static void a_stream_may_be_longer_than_any_answer(void **state)
{
    struct follower follower = {.turn_ms = 10, .act = pour};
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_OK);
    assert_true(follower.bytes > HTTP_BODY_BYTES_MAX);
    leave(&follower, &response);
}

/* Three megabytes at once, and an end when all of it was read. */
static void pour_once(struct follower *follower)
{
    if (follower->begins == 0)
        return;
    if (follower->bytes == 0 && follower->turn_ms == HTTP_FOREVER_MS)
        standin_tell(&standin, "POST", "/stream", "{\"fill\":3000000}");
    else if (follower->bytes >= 3000000)
        standin_tell(&standin, "POST", "/stream", "{\"close\":true}");
    follower->turn_ms = 10;
}

static void a_flood_is_read_no_faster_than_it_should_be(void **state)
{
    struct follower follower = {
        .bytes_per_s = 1000000, .turn_ms = HTTP_FOREVER_MS, .act = pour_once};
    struct http_response response;
    const int64_t began_ms = now_ms();

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_OK);
    assert_int_equal(follower.bytes, 3000000);
    assert_in_range(now_ms() - began_ms, 2000, 3000 + 2 * SLACK_MS);
    leave(&follower, &response);
}

static void ask_for_too_much(void *http)
{
    struct http_request request = {0};
    struct http_response response;
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/status/sessions",
                   standin.plex_port);
    request.url = url;
    standin_tell(&standin, "POST", "/faults",
                 "{\"fault\":\"huge\",\"path\":\"/status/sessions\"}");
    assert_int_equal(http_curl_ops.perform(http, &request, &response),
                     LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(response.detail, "larger than 10 MiB"));
    http_response_deinit(&response);
}

/* The bounds of a request come back behind a stream. */
static void a_request_behind_a_stream_is_bounded(void **state)
{
    struct follower follower = {.declines = true, .turn_ms = HTTP_FOREVER_MS};
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_OK);
    ask_for_too_much(follower.http);
    leave(&follower, &response);
}

/* The server goes down with the stream on its way. */
static void cut(struct follower *follower)
{
    if (follower->begins > 0)
        standin_tell(&standin, "POST", "/restart", "{}");
}

static void a_break_is_told(void **state)
{
    struct follower follower = {.turn_ms = HTTP_FOREVER_MS, .act = cut};
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(response.detail, "broke"));
    leave(&follower, &response);
}

static void *interrupt_soon(void *context)
{
    struct follower *follower = context;

    /* It was begun, so that it is under way. */
    standin_tell(&standin, "GET", "/wait?streams=1", NULL);
    http_curl_ops.interrupt(follower->http);
    return NULL;
}

static pthread_t interrupter;

static void start_interrupter(struct follower *follower)
{
    if (follower->turns == 1)
        assert_int_equal(
            pthread_create(&interrupter, NULL, interrupt_soon, follower), 0);
}

static void an_interrupt_ends_a_stream_at_once(void **state)
{
    struct follower follower = {.turn_ms = HTTP_FOREVER_MS,
                                .act = start_interrupter};
    struct http_response response;
    const int64_t began_ms = now_ms();

    (void)state;
    standin_reset(&standin);
    assert_int_equal(follow(&follower, LONG_SILENCE_MS, &response),
                     LASTCALL_E_CLOSED);
    assert_true(now_ms() - began_ms < SLACK_MS);
    assert_int_equal(pthread_join(interrupter, NULL), 0);
    leave(&follower, &response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_as_they_are_sent),
        cmocka_unit_test(what_is_not_wanted_is_not_read),
        cmocka_unit_test(no_server_is_no_stream),
        cmocka_unit_test(silence_is_loss),
        cmocka_unit_test(every_byte_counts_as_life),
        cmocka_unit_test(a_stream_may_be_longer_than_any_answer),
        cmocka_unit_test(a_flood_is_read_no_faster_than_it_should_be),
        cmocka_unit_test(a_request_behind_a_stream_is_bounded),
        cmocka_unit_test(a_break_is_told),
        cmocka_unit_test(an_interrupt_ends_a_stream_at_once),
    };

    return cmocka_run_group_tests_name("http_stream", tests, start, stop);
}
