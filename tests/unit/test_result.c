#include "tests/unit/bodies.h"
#include "tests/unit/case_files.h"

#include "protocol/result.h"

static struct result_claims claims_of_test(void)
{
    struct result_claims claims = {.host = {"web-1"},
                                   .controller = {"alice"},
                                   .request_id = {"abcdefghijklmnop"},
                                   .iat_s = 1000};

    memset(claims.request_hash, 'A', sizeof(claims.request_hash) - 1);
    return claims;
}

static void accept(const char *name, const char *text)
{
    json_t *wanted = bodies_json(text);
    struct verified verified = bodies_parse(TOKEN_RESULT, text);
    struct result_claims claims;
    struct result result;
    struct json_error error = {"before"};
    json_t *again = NULL;
    bool is_success = false;

    if (result_decode(&verified, &claims, &result, &error) != LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(error.text, "");
    again = result_encode(&claims, verified.jti, &result);
    if (!json_equal(again, wanted))
        fail_msg("%s: %s", name, bodies_text(again));
    json_decref(again);
    is_success = result_is_success(&result);
    result_pack(&result);
    result_pack(&result); /* it is packed */
    assert_int_equal(result_is_success(&result), is_success);
    again = result_encode(&claims, verified.jti, &result);
    if (!json_equal(again, wanted))
        fail_msg("%s, packed: %s", name, bodies_text(again));
    json_decref(again);
    json_decref(wanted);
    result_deinit(&result);
    verified_deinit(&verified);
}

static void refuse(const char *name, const char *text)
{
    struct verified verified = bodies_parse(TOKEN_RESULT, text);
    const char *part =
        json_string_value(json_object_get(verified.claims, "expect_detail"));
    struct result_claims claims;
    struct result result;
    struct json_error error = {""};

    if (result_decode(&verified, &claims, &result, &error) != LASTCALL_E_SHAPE)
        fail_msg("%s: accepted", name);
    if (part == NULL || strstr(error.text, part) == NULL)
        fail_msg("%s: %s", name, error.text);
    assert_null(result.sessions);
    assert_null(result.servers);
    assert_string_equal(claims.host.text, "");
    verified_deinit(&verified);
}

/* holds 6.1, 6.2, 6.8, 8.5 */
static void results_that_are_good(void **state)
{
    (void)state;
    case_files_each("result", "accept-", accept);
}

/* holds 6.2, 6.6, 6.8 */
static void results_that_are_refused(void **state)
{
    (void)state;
    case_files_each("result", "refuse-", refuse);
}

static void add_row(struct result *result, const char *id, const char *detail)
{
    struct session_result *session = result_add_session(result);

    assert_non_null(session);
    session->session_id = id == NULL ? NULL : bytes_copy_text(id);
    snprintf(session->server.text, sizeof(session->server.text), "home");
    session->backend = BACKEND_WTS;
    session->code = LASTCALL_ALREADY_GONE;
    snprintf(session->detail, sizeof(session->detail), "%s", detail);
    snprintf(session->response, sizeof(session->response), "%s",
             id == NULL ? "" : "ok");
}

static void packing_keeps_every_row(void **state)
{
    struct result result = {.matched = 2};
    struct server_result *server = result_add_server(&result);
    struct result whole;

    (void)state;
    assert_non_null(server);
    snprintf(server->server.text, sizeof(server->server.text), "home");
    server->backend = BACKEND_WTS;
    server->code = LASTCALL_OK;
    snprintf(server->detail, sizeof(server->detail), "a word");
    add_row(&result, "one", "it was gone");
    add_row(&result, NULL, "");
    result_pack(&result);
    assert_non_null(result.packed);
    assert_null(result.sessions);
    assert_int_equal(result.session_count, 0);
    assert_int_equal(result.server_count, 0);
    assert_int_equal(result_unpack(&result, &whole), LASTCALL_OK);
    result_deinit(&result);
    assert_int_equal(whole.matched, 2);
    assert_int_equal(whole.server_count, 1);
    assert_string_equal(whole.servers[0].server.text, "home");
    assert_string_equal(whole.servers[0].detail, "a word");
    assert_int_equal(whole.servers[0].backend, BACKEND_WTS);
    assert_int_equal(whole.session_count, 2);
    assert_string_equal(whole.sessions[0].session_id, "one");
    assert_string_equal(whole.sessions[0].detail, "it was gone");
    assert_string_equal(whole.sessions[0].response, "ok");
    assert_int_equal(whole.sessions[0].code, LASTCALL_ALREADY_GONE);
    assert_null(whole.sessions[1].session_id);
    assert_string_equal(whole.sessions[1].server.text, "home");
    result_deinit(&whole);
}

/* What somebody looks at by itself: failed servers, told sessions. */
static void not_all_is_packed(void **state)
{
    struct result result = {0};
    struct server_result *server = result_add_server(&result);

    (void)state;
    assert_non_null(server);
    server->code = LASTCALL_UNREACHABLE;
    result_pack(&result);
    assert_null(result.packed);
    assert_false(result_is_success(&result));
    result.servers[0].code = LASTCALL_OK;
    add_row(&result, "one", "");
    result.sessions[0].session = calloc(1, sizeof(struct session));
    result.sessions[0].has_session = true;
    result_pack(&result);
    assert_null(result.packed);
    assert_int_equal(result.session_count, 1);
    result_deinit(&result);
}

/* `count` sessions with details of their own. */
static void fill(struct result *result, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct session_result *session = result_add_session(result);
        char id[32];

        assert_non_null(session);
        (void)snprintf(id, sizeof(id), "session-%zu", i);
        session->session_id = bytes_copy_text(id);
        session->server = (struct name){"home"};
        session->session = calloc(1, sizeof *session->session);
        assert_non_null(session->session);
        session->has_session = true;
        assert_int_equal(
            session_set_text(session->session, SESSION_BACKEND, "plex"),
            LASTCALL_OK);
        assert_int_equal(
            session_set_text(session->session, SESSION_MEDIA_TITLE,
                             "a title \"quoted\" \xF0\x9F\x8D\xBF"),
            LASTCALL_OK);
    }
    result_tally(result);
}

/* holds 2.10 */
static void what_does_not_fit_is_cut_and_said(void **state)
{
    const size_t count = 6000;
    struct result_claims claims = claims_of_test();
    struct result result = {.has_action = true, .action = ACTION_LIST};
    struct result again;
    struct verified verified;
    struct key key;
    struct bytes token;
    char *grant = test_malloc(TOKEN_GRANT_BYTES_MAX);

    (void)state;
    fill(&result, count);
    verified =
        bodies_verified(TOKEN_RESULT, result_encode(&claims, "jti", &result));
    assert_int_equal(result_decode(&verified, &claims, &again, NULL),
                     LASTCALL_OK);
    assert_true(again.truncated);
    assert_int_equal(again.matched, count);
    assert_true(again.session_count > 1000 && again.session_count < count);
    assert_string_equal(again.sessions[999].session_id, "session-999");

    /* The fullest result and the largest grant make one token. */
    memset(grant, 'g', TOKEN_GRANT_BYTES_MAX - 1);
    grant[TOKEN_GRANT_BYTES_MAX - 1] = '\0';
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(
        token_sign(TOKEN_RESULT, &key, grant, verified.claims, &token),
        LASTCALL_OK);
    assert_true(token.len > TOKEN_RESULT_BYTES_MAX - 16 * 1024);
    bytes_deinit(&token);
    key_deinit(&key);
    test_free(grant);
    verified_deinit(&verified);
    result_deinit(&again);
    result_deinit(&result);
}

/* As long as a session gets: every text full of what JSON escapes. */
static void fill_up(struct result *result, size_t count)
{
    char text[SESSION_TEXT_MAX + 1];

    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct session_result *session = result_add_session(result);

        assert_non_null(session);
        session->session_id = bytes_copy_text(text);
        session->server = (struct name){"home"};
        session->session = calloc(1, sizeof *session->session);
        assert_non_null(session->session);
        session->has_session = true;
        memset(session->detail, '"', sizeof(session->detail) - 1);
        for (enum session_field k = 0; k < SESSION_FIELD_COUNT; k++) {
            if (session_field_info(k)->kind == VALUE_TEXT)
                assert_int_equal(session_set_text(session->session, k, text),
                                 LASTCALL_OK);
        }
        assert_int_equal(
            session_set_text(session->session, SESSION_BACKEND, "plex"),
            LASTCALL_OK);
    }
    result_tally(result);
}

/* holds 2.10 */
static void whatever_is_encoded_can_be_signed(void **state)
{
    struct result_claims claims = claims_of_test();
    size_t cut_count = 0;
    struct key key;

    (void)state;
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    for (size_t count = 1; count <= 64; count *= 2) {
        struct result result = {.has_action = true, .action = ACTION_LIST};
        json_t *encoded = NULL;
        const json_t *body = NULL;
        size_t kept = 0;
        struct bytes token;

        fill_up(&result, count);
        encoded = result_encode(&claims, "jti", &result);
        assert_int_equal(
            token_sign(TOKEN_RESULT, &key, "grant", encoded, &token),
            LASTCALL_OK);
        body = json_object_get(encoded, "result");
        kept = json_array_size(json_object_get(body, "sessions"));
        /* The mark stands where some were left out, and nowhere else. */
        assert_int_equal(json_is_true(json_object_get(body, "truncated")),
                         kept < count);
        assert_int_equal(json_integer_value(json_object_get(body, "matched")),
                         count);
        cut_count += kept < count;
        bytes_deinit(&token);
        json_decref(encoded);
        result_deinit(&result);
    }
    assert_int_equal(cut_count, 1); /* of 64; 32 fit */
    key_deinit(&key);
}

/* A server's message may hold anything; the result is written all the same. */
static void details_are_cleaned(void **state)
{
    struct result_claims claims = claims_of_test();
    struct result result = {.code = LASTCALL_SERVER_ERROR};
    struct result again;
    struct verified verified;

    (void)state;
    (void)snprintf(result.detail, sizeof(result.detail),
                   "said \x1b[2J and \xFF");
    verified =
        bodies_verified(TOKEN_RESULT, result_encode(&claims, "jti", &result));
    assert_non_null(verified.claims);
    assert_int_equal(result_decode(&verified, &claims, &again, NULL),
                     LASTCALL_OK);
    assert_string_equal(again.detail, "said  [2J and \xEF\xBF\xBD");
    assert_false(result_is_success(&again));
    verified_deinit(&verified);
    result_deinit(&again);
}

static void rows_are_bounded(void **state)
{
    struct result result = {.has_action = false};

    (void)state;
    for (int i = 0; i < RESULT_SERVER_COUNT_MAX; i++)
        assert_non_null(result_add_server(&result));
    assert_null(result_add_server(&result));
    assert_int_equal(result.server_count, RESULT_SERVER_COUNT_MAX);
    result_deinit(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_that_are_good),
        cmocka_unit_test(results_that_are_refused),
        cmocka_unit_test(packing_keeps_every_row),
        cmocka_unit_test(not_all_is_packed),
        cmocka_unit_test(what_does_not_fit_is_cut_and_said),
        cmocka_unit_test(whatever_is_encoded_can_be_signed),
        cmocka_unit_test(details_are_cleaned),
        cmocka_unit_test(rows_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
