#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol/io/platform.h"
#include "tests/unit/standin_process.h"
#include "worker/http.h"

#define TIMEOUT_MS 800u
#define LONG_TIMEOUT_MS 20000u
/* What a loaded machine may need on top of a time limit. */
#define SLACK_MS 3000

static struct standin_process standin;

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static void *open_http(uint32_t timeout_ms)
{
    struct http_options options = {.timeout_ms = timeout_ms};
    void *http = NULL;

    assert_int_equal(http_curl_ops.open(&options, &http), LASTCALL_OK);
    return http;
}

static enum lastcall_status ask(void *http, enum http_repeat repeat,
                                const char *path, struct http_response *out)
{
    static const char *const headers[] = {"X-Plex-Token: " STANDIN_TOKEN,
                                          "Accept: application/json", NULL};
    char url[256];
    struct http_request request = {
        .method = HTTP_GET, .repeat = repeat, .url = url, .headers = headers};

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", standin.plex_port,
                   path);
    return http_curl_ops.perform(http, &request, out);
}

/* Ask with a fault in the way; the verdict alone. */
static void assert_fault(const char *fault, enum lastcall_status expected,
                         const char *sentence)
{
    void *http =
        open_http(expected == LASTCALL_TIMEOUT ? TIMEOUT_MS : LONG_TIMEOUT_MS);
    struct http_response response;
    enum lastcall_status status;

    standin_reset(&standin);
    standin_load(&standin, "sessions-mixed.json");
    standin_tell(&standin, "POST", "/faults", fault);
    status = ask(http, HTTP_REPEAT_NEVER, "/status/sessions", &response);
    if (status != expected)
        fail_msg("%s: %s: %s", fault, status_name(status), response.detail);
    if (strstr(response.detail, sentence) == NULL)
        fail_msg("%s: %s", fault, response.detail);
    assert_int_equal(response.sent, HTTP_MAYBE_SENT);
    assert_true(response.body.len <= HTTP_BODY_BYTES_MAX);
    http_response_deinit(&response);

    /* The next request is none the worse for it. */
    standin_tell(&standin, "DELETE", "/faults", NULL);
    assert_int_equal(
        ask(http, HTTP_REPEAT_NEVER, "/status/sessions", &response),
        LASTCALL_OK);
    assert_int_equal(response.status, 200);
    http_response_deinit(&response);
    http_curl_ops.close(http);
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

static void many_requests_use_one_connection(void **state)
{
    void *http = open_http(LONG_TIMEOUT_MS);
    int64_t before = standin_count(&standin, "connections");
    uint32_t connect_count = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct http_response response;

        assert_int_equal(ask(http, HTTP_REPEAT_SAFE, "/identity", &response),
                         LASTCALL_OK);
        assert_int_equal(response.status, 200);
        assert_string_equal(response.content_type, "application/json");
        connect_count += response.connect_count;
        http_response_deinit(&response);
    }
    assert_int_equal(connect_count, 1);
    assert_int_equal(standin_count(&standin, "connections"), before + 1);
    http_curl_ops.close(http);
}

/*
 * A connection that breaks with the request on its way: libcurl would ask
 * again by itself, which the first half shows and the second must not do.
 */
static void what_may_have_acted_is_not_repeated(void **state)
{
    static const enum http_repeat repeats[] = {HTTP_REPEAT_SAFE,
                                               HTTP_REPEAT_NEVER};
    static const char *const faults[] = {
        "{\"fault\":\"reset\",\"path\":\"/status/sessions\"}",
        "{\"fault\":\"empty_reply\",\"path\":\"/status/sessions\"}"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        enum http_repeat repeat = repeats[i / 2];
        bool is_safe = repeat == HTTP_REPEAT_SAFE;
        void *http = open_http(LONG_TIMEOUT_MS);
        struct http_response response;

        standin_reset(&standin);
        assert_int_equal(ask(http, repeat, "/identity", &response),
                         LASTCALL_OK);
        http_response_deinit(&response);
        standin_tell(&standin, "DELETE", "/log", NULL);
        standin_tell(&standin, "POST", "/faults", faults[i % 2]);

        assert_int_equal(ask(http, repeat, "/status/sessions", &response),
                         is_safe ? LASTCALL_OK : LASTCALL_SERVER_ERROR);
        assert_int_equal(response.sent, HTTP_MAYBE_SENT);
        assert_int_equal(standin_count(&standin, "requests"), is_safe ? 2 : 1);
        http_response_deinit(&response);
        http_curl_ops.close(http);
    }
}

static void faults_are_told_and_survived(void **state)
{
    (void)state;
    assert_fault("{\"fault\":\"hang\"}", LASTCALL_TIMEOUT, "800 ms");
    assert_fault("{\"fault\":\"reset\"}", LASTCALL_SERVER_ERROR, "broke");
    assert_fault("{\"fault\":\"empty_reply\"}", LASTCALL_SERVER_ERROR, "broke");
    assert_fault("{\"fault\":\"stall\"}", LASTCALL_TIMEOUT, "800 ms");
    assert_fault("{\"fault\":\"dribble\"}", LASTCALL_TIMEOUT, "800 ms");
    assert_fault("{\"fault\":\"reset_body\"}", LASTCALL_SERVER_ERROR, "broke");
    assert_fault("{\"fault\":\"half_close\"}", LASTCALL_SERVER_ERROR, "broke");
    assert_fault("{\"fault\":\"truncated\"}", LASTCALL_SERVER_ERROR, "broke");
    assert_fault("{\"fault\":\"huge\"}", LASTCALL_SERVER_ERROR,
                 "larger than 10 MiB");
    assert_fault("{\"fault\":\"huge\",\"chunked\":true}", LASTCALL_SERVER_ERROR,
                 "larger than 10 MiB");
}

/* CURL_MAX_HTTP_HEADER */
#define LIBCURL_HEADER_BYTES_MAX ((size_t)100 * 1024)

static void assert_long_header(size_t header_len)
{
    char *fault = malloc(header_len + 200);
    int len = 0;

    assert_non_null(fault);
    len = snprintf(fault, 100,
                   "{\"fault\":\"body\",\"text\":\"{}\",\"headers\":"
                   "{\"X-Long\":\"");
    memset(fault + len, 'x', header_len);
    memcpy(fault + len + header_len, "\"}}", 4);
    assert_fault(fault, LASTCALL_SERVER_ERROR, "headers are longer");
    free(fault);
}

/* More than we take, and more than libcurl itself does. */
static void headers_have_an_end(void **state)
{
    (void)state;
    assert_long_header(HTTP_HEADER_BYTES_MAX);
    assert_long_header(2 * LIBCURL_HEADER_BYTES_MAX);
}

static void no_connection_means_not_sent(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1:1/", "file:///etc/passwd", "gopher://127.0.0.1/",
        "http://no-such-host.invalid/", "not a url"};
    void *http = open_http(LONG_TIMEOUT_MS);

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct http_request request = {.url = urls[i]};
        struct http_response response;

        assert_int_equal(http_curl_ops.perform(http, &request, &response),
                         LASTCALL_UNREACHABLE);
        assert_int_equal(response.sent, HTTP_NOT_SENT);
        assert_int_equal(response.status, 0);
        assert_string_not_equal(response.detail, "");
        http_response_deinit(&response);
    }
    http_curl_ops.close(http);
}

static void redirects_are_not_followed(void **state)
{
    static const int codes[] = {301, 302, 307, 308};
    struct standin_process other;
    void *http = open_http(LONG_TIMEOUT_MS);

    (void)state;
    standin_start(&other, NULL);
    for (size_t i = 0; i < 4; i++) {
        char fault[200];
        struct http_response response;

        standin_reset(&standin);
        (void)snprintf(fault, sizeof(fault),
                       "{\"fault\":\"redirect\",\"status\":%d,\"location\":"
                       "\"http://127.0.0.1:%d/identity\"}",
                       codes[i], other.plex_port);
        standin_tell(&standin, "POST", "/faults", fault);
        assert_int_equal(ask(http, HTTP_REPEAT_SAFE, "/", &response),
                         LASTCALL_OK);
        assert_int_equal(response.status, codes[i]);
        http_response_deinit(&response);
    }
    assert_int_equal(standin_count(&other, "connections"), 0);
    standin_stop(&other);
    http_curl_ops.close(http);
}

/* A token must not go where the environment points. */
static void proxies_of_the_environment_are_passed_over(void **state)
{
    void *http = NULL;
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    http = open_http(LONG_TIMEOUT_MS);
    assert_int_equal(ask(http, HTTP_REPEAT_SAFE, "/identity", &response),
                     LASTCALL_OK);
    assert_int_equal(response.status, 200);
    http_response_deinit(&response);
    http_curl_ops.close(http);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void a_wanted_header_is_kept(void **state)
{
    struct http_request request = {.wanted = "X-Plex-Protocol"};
    char url[64];
    void *http = open_http(LONG_TIMEOUT_MS);
    struct http_response response;

    (void)state;
    standin_reset(&standin);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/identity",
                   standin.plex_port);
    request.url = url;
    assert_int_equal(http_curl_ops.perform(http, &request, &response),
                     LASTCALL_OK);
    assert_string_equal(response.wanted, "1.0");
    http_response_deinit(&response);
    request.wanted = "X-Plex-Protoco";
    assert_int_equal(http_curl_ops.perform(http, &request, &response),
                     LASTCALL_OK);
    assert_string_equal(response.wanted, "");
    http_response_deinit(&response);
    http_curl_ops.close(http);
}

static const char *header_of(const json_t *entry, const char *name)
{
    json_t *headers = json_object_get(entry, "headers");
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(headers, key, value)
    {
        if (strcasecmp(key, name) == 0)
            return json_string_value(value);
    }
    return NULL;
}

static void a_post_has_no_body(void **state)
{
    struct http_request request = {.method = HTTP_POST};
    char url[64];
    void *http = open_http(LONG_TIMEOUT_MS);
    struct http_response response;
    json_t *entries = NULL;

    (void)state;
    standin_reset(&standin);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/identity",
                   standin.plex_port);
    request.url = url;
    assert_int_equal(http_curl_ops.perform(http, &request, &response),
                     LASTCALL_OK);
    http_response_deinit(&response);
    entries = standin_call(&standin, "GET", "/log", NULL);
    assert_int_equal(json_array_size(entries), 1);
    assert_string_equal(header_of(json_array_get(entries, 0), "Content-Length"),
                        "0");
    assert_null(header_of(json_array_get(entries, 0), "Content-Type"));
    assert_null(header_of(json_array_get(entries, 0), "Expect"));
    assert_null(header_of(json_array_get(entries, 0), "Accept-Encoding"));
    json_decref(entries);
    http_curl_ops.close(http);
}

static void *interrupt_soon(void *http)
{
    /* The request has been received, so that it is under way. */
    standin_tell(&standin, "GET", "/wait?requests=1", NULL);
    http_curl_ops.interrupt(http);
    return NULL;
}

static void an_interrupt_ends_a_request_at_once(void **state)
{
    void *http = open_http(LONG_TIMEOUT_MS);
    struct http_response response;
    int64_t began_ms = 0;
    pthread_t thread;

    (void)state;
    standin_reset(&standin);
    standin_tell(&standin, "POST", "/faults", "{\"fault\":\"hang\"}");
    began_ms = now_ms();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, http), 0);
    assert_int_equal(ask(http, HTTP_REPEAT_SAFE, "/identity", &response),
                     LASTCALL_E_CLOSED);
    assert_true(now_ms() - began_ms < SLACK_MS);
    assert_int_equal(response.sent, HTTP_MAYBE_SENT);
    http_response_deinit(&response);
    assert_int_equal(pthread_join(thread, NULL), 0);

    /* All later ones are refused, and nothing is sent. */
    assert_int_equal(ask(http, HTTP_REPEAT_SAFE, "/identity", &response),
                     LASTCALL_E_CLOSED);
    assert_int_equal(response.sent, HTTP_NOT_SENT);
    http_response_deinit(&response);
    assert_int_equal(http_curl_ops.wait(http, LONG_TIMEOUT_MS),
                     LASTCALL_E_CLOSED);
    assert_int_equal(standin_count(&standin, "requests"), 1);
    http_curl_ops.close(http);
}

static void *interrupt_now(void *http)
{
    http_curl_ops.interrupt(http);
    return NULL;
}

static void an_interrupt_ends_a_wait(void **state)
{
    void *http = open_http(LONG_TIMEOUT_MS);
    int64_t began_ms = now_ms();
    pthread_t thread;

    (void)state;
    assert_int_equal(http_curl_ops.wait(http, 1), LASTCALL_TIMEOUT);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_now, http), 0);
    assert_int_equal(http_curl_ops.wait(http, LONG_TIMEOUT_MS),
                     LASTCALL_E_CLOSED);
    assert_true(now_ms() - began_ms < SLACK_MS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    http_curl_ops.close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_use_one_connection),
        cmocka_unit_test(what_may_have_acted_is_not_repeated),
        cmocka_unit_test(faults_are_told_and_survived),
        cmocka_unit_test(headers_have_an_end),
        cmocka_unit_test(no_connection_means_not_sent),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(proxies_of_the_environment_are_passed_over),
        cmocka_unit_test(a_wanted_header_is_kept),
        cmocka_unit_test(a_post_has_no_body),
        cmocka_unit_test(an_interrupt_ends_a_request_at_once),
        cmocka_unit_test(an_interrupt_ends_a_wait),
    };

    return cmocka_run_group_tests_name("http_curl", tests, start, stop);
}
