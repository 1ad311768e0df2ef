#include "tests/unit/bodies.h"

#include "protocol/result.h"

/* A result of sessions and servers with these codes, tallied. */
static void tally(struct result *result, const enum lastcall_status *sessions,
                  size_t session_count, const enum lastcall_status *servers,
                  size_t server_count)
{
    result->has_action = true;
    for (size_t i = 0; i < server_count; i++) {
        struct server_result *server = result_add_server(result);

        assert_non_null(server);
        server->server = (struct name){"home"};
        server->code = servers[i];
    }
    for (size_t i = 0; i < session_count; i++) {
        struct session_result *session = result_add_session(result);

        assert_non_null(session);
        session->code = sessions[i];
    }
    result_tally(result);
}

struct tally_case {
    enum action action;
    bool dry_run;
    size_t session_count;
    enum lastcall_status sessions[3];
    size_t server_count;
    enum lastcall_status servers[2];
    enum lastcall_status code;
    bool success;
    int succeeded;
    const char *detail;
};

static const struct tally_case tally_cases[] = {
    {ACTION_STOP,
     false,
     3,
     {LASTCALL_OK, LASTCALL_OK, LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     3,
     "ended 3 sessions"},
    {ACTION_STOP,
     false,
     1,
     {LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     1,
     "ended 1 session"},
    {ACTION_STOP,
     false,
     3,
     {LASTCALL_OK, LASTCALL_DENIED, LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_PARTIAL,
     false,
     2,
     "ended 2 of 3 sessions; 1 failed: denied"},
    {ACTION_STOP,
     false,
     2,
     {LASTCALL_DENIED, LASTCALL_DENIED},
     1,
     {LASTCALL_OK},
     LASTCALL_DENIED,
     false,
     0,
     "ended 0 of 2 sessions; 2 failed: denied"},
    {ACTION_STOP,
     false,
     2,
     {LASTCALL_DENIED, LASTCALL_TIMEOUT},
     1,
     {LASTCALL_OK},
     LASTCALL_PARTIAL,
     false,
     0,
     "ended 0 of 2 sessions; 2 failed: denied, timeout"},
    {ACTION_STOP,
     false,
     2,
     {LASTCALL_OK, LASTCALL_ALREADY_GONE},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     2,
     "ended 2 sessions, 1 of them gone already"},
    {ACTION_DISCONNECT,
     true,
     2,
     {LASTCALL_OK, LASTCALL_ALREADY_GONE},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     2,
     "would disconnect 2 sessions, 1 of them gone or disconnected already"},
    {ACTION_STOP,
     false,
     1,
     {LASTCALL_ALREADY_GONE},
     1,
     {LASTCALL_OK},
     LASTCALL_ALREADY_GONE,
     true,
     1,
     NULL},
    {ACTION_STOP,
     false,
     1,
     {LASTCALL_UNCONFIRMED},
     1,
     {LASTCALL_OK},
     LASTCALL_UNCONFIRMED,
     false,
     0,
     NULL},
    {ACTION_STOP,
     false,
     2,
     {LASTCALL_OK, LASTCALL_REAPPEARED},
     1,
     {LASTCALL_OK},
     LASTCALL_PARTIAL,
     false,
     1,
     NULL},
    {ACTION_STOP,
     true,
     2,
     {LASTCALL_OK, LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     2,
     "would end 2 sessions"},
    {ACTION_STOP,
     true,
     2,
     {LASTCALL_OK, LASTCALL_PROTECTED},
     1,
     {LASTCALL_OK},
     LASTCALL_PARTIAL,
     false,
     1,
     "would end 1 of 2 sessions; 1 would fail: protected"},
    {ACTION_STOP,
     false,
     0,
     {LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_NO_MATCH,
     true,
     0,
     "no session matches"},
    {ACTION_STOP,
     false,
     1,
     {LASTCALL_OK},
     2,
     {LASTCALL_OK, LASTCALL_UNREACHABLE},
     LASTCALL_PARTIAL,
     false,
     1,
     "ended 1 session; server home: unreachable"},
    {ACTION_STOP,
     false,
     0,
     {LASTCALL_OK},
     2,
     {LASTCALL_OK, LASTCALL_TIMEOUT},
     LASTCALL_TIMEOUT,
     false,
     0,
     "server home: timeout"},
    {ACTION_STOP,
     false,
     1,
     {LASTCALL_DENIED},
     2,
     {LASTCALL_OK, LASTCALL_TIMEOUT},
     LASTCALL_TIMEOUT,
     false,
     0,
     NULL},
    {ACTION_LIST,
     false,
     2,
     {LASTCALL_OK, LASTCALL_OK},
     1,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     2,
     "listed 2 sessions"},
    {ACTION_PING,
     false,
     0,
     {LASTCALL_OK},
     0,
     {LASTCALL_OK},
     LASTCALL_OK,
     true,
     0,
     "here"},
};

/* holds 6.3, 6.4, 6.5 */
static void codes_are_derived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tally_cases) / sizeof(tally_cases[0]); i++) {
        const struct tally_case *c = &tally_cases[i];
        struct result result = {.action = c->action, .dry_run = c->dry_run};

        tally(&result, c->sessions, c->session_count, c->servers,
              c->server_count);
        if (result.code != c->code ||
            (c->detail != NULL && strcmp(result.detail, c->detail) != 0))
            fail_msg("case %zu: %s, \"%s\"", i, status_name(result.code),
                     result.detail);
        assert_int_equal(result_is_success(&result), c->success);
        assert_int_equal(result.matched, c->session_count);
        assert_int_equal(result.succeeded, c->succeeded);
        assert_int_equal(result.failed, result.matched - result.succeeded);
        result_deinit(&result);
    }
}

/* A server's own words go along, as far as there is room and in whole
 * characters: the token could not be made otherwise. */
static void a_server_that_failed_says_why(void **state)
{
    struct result result = {.action = ACTION_STOP};
    struct server_result *server = result_add_server(&result);
    size_t len = 0;

    (void)state;
    assert_non_null(server);
    snprintf(server->server.text, sizeof(server->server.text), "home");
    server->code = LASTCALL_DENIED;
    snprintf(server->detail, sizeof(server->detail), "no such token (401)");
    result_tally(&result);
    assert_string_equal(result.detail,
                        "server home: denied: no such token (401)");
    for (len = 0; len + 4 < sizeof(server->detail); len += 3)
        memcpy(server->detail + len, "\xE5\xA4\x9C", 4);
    result_tally(&result);
    len = strlen(result.detail);
    assert_true(len > sizeof(result.detail) - 4);
    assert_true(bytes_is_utf8(result.detail, len));
    assert_string_equal(result.detail + len - 3, "\xE2\x80\xA6");
    result_deinit(&result);
}

/* However little is left of the sentence, nothing is written behind it. */
static void a_reason_needs_room(void **state)
{
    struct result result = {.action = ACTION_STOP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server_result *server = result_add_server(&result);

        assert_non_null(server);
        snprintf(server->server.text, sizeof(server->server.text), "home");
        server->code = LASTCALL_DENIED;
        snprintf(server->detail, sizeof(server->detail), "%s",
                 "no such token, and many a word on what that is");
    }
    for (size_t len = 1; len + 1 < RESULT_DETAIL_SIZE; len++) {
        struct result guarded = result;

        memset(guarded.servers[0].detail, 'x', len);
        guarded.servers[0].detail[len] = '\0';
        memset(guarded.detail, 0x7e, sizeof(guarded.detail));
        result_tally(&guarded);
        assert_non_null(memchr(guarded.detail, '\0', sizeof(guarded.detail)));
        assert_true(bytes_is_utf8(guarded.detail, strlen(guarded.detail)));
        /* Its neighbour in memory is what it was. */
        assert_int_equal(guarded.server_count, 2);
        assert_ptr_equal(guarded.servers, result.servers);
    }
    result_deinit(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_derived),
        cmocka_unit_test(a_server_that_failed_says_why),
        cmocka_unit_test(a_reason_needs_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
