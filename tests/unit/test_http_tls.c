/*
 * Which servers are trusted with the token over TLS.  The certificates come
 * from certificates.cmake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/standin_process.h"
#include "worker/http.h"

#define HOST "127-0-0-1.0123456789abcdef0123456789abcdef.plex.direct"
#define TIMEOUT_MS 20000u
#define CERTIFICATE(name) CERTIFICATES "/" name

enum by {
    BY_NAME,    /* the plex.direct name, resolved by the option */
    BY_ADDRESS, /* a bare address, which no certificate names */
};

static bool decline(void *context, const struct http_response *response)
{
    (void)context;
    (void)response;
    return false;
}

static int64_t no_turn(void *context)
{
    (void)context;
    return HTTP_FOREVER_MS;
}

/* Ask a server over TLS once; a stream must come to the same end. */
static enum lastcall_status ask(int port, const char *ca, enum by by,
                                struct http_response *out)
{
    static const char *const headers[] = {"X-Plex-Token: " STANDIN_TOKEN, NULL};
    char resolve[128];
    char url[128];
    struct http_options options = {.ca = ca, .timeout_ms = TIMEOUT_MS};
    struct http_request request = {.url = url, .headers = headers};
    const struct http_sink sink = {
        .silence_ms = TIMEOUT_MS, .begin = decline, .turn = no_turn};
    void *http = NULL;
    enum lastcall_status status;

    (void)snprintf(resolve, sizeof(resolve), HOST ":%d:127.0.0.1", port);
    (void)snprintf(url, sizeof(url), "https://%s:%d/identity",
                   by == BY_NAME ? HOST : "127.0.0.1", port);
    if (by == BY_NAME)
        options.resolve = resolve;
    assert_int_equal(http_curl_ops.open(&options, &http), LASTCALL_OK);
    status = http_curl_ops.stream(http, &request, &sink, out);
    http_response_deinit(out);
    assert_int_equal(http_curl_ops.perform(http, &request, out), status);
    http_curl_ops.close(http);
    return status;
}

static void start(struct standin_process *standin, const char *certificate,
                  const char *key, const char *priorities)
{
    const char *const args[] = {
        "--tls",    certificate,
        key,        priorities == NULL ? NULL : "--tls-priorities",
        priorities, NULL};

    standin_start(standin, args);
}

static void assert_trusted(const struct standin_process *standin,
                           const char *ca)
{
    struct http_response response;

    if (ask(standin->plex_port, ca, BY_NAME, &response) != LASTCALL_OK)
        fail_msg("%s", response.detail);
    assert_int_equal(response.status, 200);
    http_response_deinit(&response);
    assert_int_equal(standin_count(standin, "requests"), 2); /* and a stream */
}

static void assert_refused(const struct standin_process *standin,
                           const char *ca, enum by by)
{
    struct http_response response;

    assert_int_equal(ask(standin->plex_port, ca, by, &response),
                     LASTCALL_UNREACHABLE);
    assert_int_equal(response.sent, HTTP_NOT_SENT);
    assert_string_not_equal(response.detail, "");
    http_response_deinit(&response);
    /* No request, so that no token came either. */
    assert_int_equal(standin_count(standin, "requests"), 0);
}

static void only_the_right_name_and_authority_are_trusted(void **state)
{
    struct standin_process standin;

    (void)state;
    start(&standin, CERTIFICATE("valid.pem"), CERTIFICATE("valid.key"), NULL);
    assert_refused(&standin, NULL, BY_NAME);
    assert_refused(&standin, CERTIFICATE("other.pem"), BY_NAME);
    assert_refused(&standin, CERTIFICATE("ca.pem"), BY_ADDRESS);
    assert_refused(&standin, CERTIFICATE("no-such-file.pem"), BY_NAME);
    assert_trusted(&standin, CERTIFICATE("ca.pem"));
    standin_stop(&standin);
}

static void an_expired_certificate_is_refused(void **state)
{
    struct standin_process standin;

    (void)state;
    start(&standin, CERTIFICATE("expired.pem"), CERTIFICATE("expired.key"),
          NULL);
    assert_refused(&standin, CERTIFICATE("ca.pem"), BY_NAME);
    standin_stop(&standin);
}

/* A certificate of its own is trusted when the owner names it. */
static void a_self_signed_one_must_be_named(void **state)
{
    struct standin_process standin;

    (void)state;
    start(&standin, CERTIFICATE("self.pem"), CERTIFICATE("self.key"), NULL);
    assert_refused(&standin, NULL, BY_NAME);
    assert_refused(&standin, CERTIFICATE("ca.pem"), BY_NAME);
    assert_refused(&standin, CERTIFICATE("self.pem"), BY_ADDRESS);
    assert_trusted(&standin, CERTIFICATE("self.pem"));
    standin_stop(&standin);
}

static void old_versions_are_refused(void **state)
{
    struct standin_process standin;

    (void)state;
    start(&standin, CERTIFICATE("valid.pem"), CERTIFICATE("valid.key"),
          "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT");
    assert_refused(&standin, CERTIFICATE("ca.pem"), BY_NAME);
    standin_stop(&standin);
}

static void a_broken_handshake_is_no_connection(void **state)
{
    struct standin_process standin;

    (void)state;
    start(&standin, CERTIFICATE("valid.pem"), CERTIFICATE("valid.key"), NULL);
    standin_tell(&standin, "POST", "/lifecycle", "{\"state\":\"abort\"}");
    assert_refused(&standin, CERTIFICATE("ca.pem"), BY_NAME);
    standin_stop(&standin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_right_name_and_authority_are_trusted),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_self_signed_one_must_be_named),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(a_broken_handshake_is_no_connection),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("http_tls", tests, NULL, NULL);
}
