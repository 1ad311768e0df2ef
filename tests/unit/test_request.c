#include "tests/unit/bodies.h"
#include "tests/unit/case_files.h"

#include "protocol/request.h"

#define ID "abcdefghijklmnop"

static enum lastcall_status decode(const char *text, struct request *out,
                                   struct json_error *error)
{
    struct verified verified = bodies_parse(TOKEN_COMMAND, text);
    enum lastcall_status status = request_decode(&verified, out, error);

    verified_deinit(&verified);
    return status;
}

/* What is accepted is written again member by member as it was. */
static void accept(const char *name, const char *text)
{
    json_t *claims = bodies_json(text);
    struct request request;
    struct json_error error = {"before"};
    json_t *again = NULL;

    if (decode(text, &request, &error) != LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(error.text, "");
    again = request_encode(&request);
    if (!json_equal(again, json_object_get(claims, "request")))
        fail_msg("%s: %s", name, bodies_text(again));
    json_decref(again);
    json_decref(claims);
    request_deinit(&request);
}

static void refuse(const char *name, const char *text)
{
    json_t *claims = bodies_json(text);
    const char *part = json_string_value(json_object_get(claims, "detail"));
    struct request request;
    struct json_error error = {""};

    if (decode(text, &request, &error) != LASTCALL_INVALID_REQUEST)
        fail_msg("%s: accepted", name);
    if (part == NULL || strstr(error.text, part) == NULL)
        fail_msg("%s: %s", name, error.text);
    assert_null(request.session_id);
    assert_null(request.where.nodes);
    assert_null(request.preconditions);
    assert_int_equal(decode(text, &request, NULL), LASTCALL_INVALID_REQUEST);
    json_decref(claims);
}

/* holds 5.1, 5.7, 5.8, 5.9, 5.18 */
static void requests_that_are_good(void **state)
{
    (void)state;
    case_files_each("request", "accept-", accept);
}

/* holds 4.10, 5.1, 5.3, 5.7, 5.8, 5.9, 5.18 */
static void requests_that_are_refused(void **state)
{
    (void)state;
    case_files_each("request", "refuse-", refuse);
}

static void what_is_absent_has_its_default(void **state)
{
    struct request request;

    (void)state;
    assert_int_equal(decode("{\"request\":{\"action\":\"list\","
                            "\"where\":null,\"dry_run\":null}}",
                            &request, NULL),
                     LASTCALL_OK);
    assert_int_equal(request.backends, BACKEND_SET_ALL);
    assert_string_equal(request.server.text, "");
    assert_int_equal(request.limit, REQUEST_LIMIT_NONE);
    assert_false(request.has_where);
    assert_false(request.dry_run);
    assert_null(request.session_id);
    request_deinit(&request);
}

/* holds 5.4 */
static void preconditions_are_exact(void **state)
{
    static const struct {
        const char *precondition;
        enum lastcall_status status;
    } cases[] = {
        {"{}", LASTCALL_OK},
        {"{\"username\":\"jdoe\",\"idle_s\":5}", LASTCALL_OK},
        {"{\"idle_s\":5.0,\"progress_percent\":50}", LASTCALL_OK},
        {"{\"client_name\":null,\"is_local\":true}", LASTCALL_OK},
        {"{\"username\":\"JDoe\"}", LASTCALL_CHANGED},
        {"{\"username\":null}", LASTCALL_CHANGED},
        {"{\"client_name\":\"\"}", LASTCALL_CHANGED},
        {"{\"is_local\":false}", LASTCALL_CHANGED},
        {"{\"idle_s\":5.5}", LASTCALL_CHANGED},
        {"{\"username\":\"jdoe\",\"state\":\"playing\"}", LASTCALL_CHANGED},
    };
    json_t *object =
        bodies_json("{\"username\":\"jdoe\",\"idle_s\":5,\"is_local\":true,"
                    "\"progress_percent\":50.0,\"state\":\"paused\"}");
    struct session session;

    (void)state;
    assert_int_equal(session_decode(object, &session, NULL), LASTCALL_OK);
    json_decref(object);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        struct request request;
        struct json_error detail = {""};

        (void)snprintf(text, sizeof(text),
                       "{\"request\":{\"action\":\"stop\",\"session_id\":\"1\""
                       ",\"precondition\":%s}}",
                       cases[i].precondition);
        if (decode(text, &request, &detail) != LASTCALL_OK)
            fail_msg("%s: %s", text, detail.text);
        if (request_check_precondition(&request, &session, &detail) !=
            cases[i].status)
            fail_msg("%s: %s", cases[i].precondition, detail.text);
        assert_int_equal(detail.text[0] != '\0',
                         cases[i].status == LASTCALL_CHANGED);
        request_deinit(&request);
    }
    session_deinit(&session);
}

static enum lastcall_status decode_command(const char *text,
                                           struct command_claims *out)
{
    struct verified verified = bodies_parse(TOKEN_COMMAND, text);
    struct json_error error = {""};
    enum lastcall_status status = command_decode(&verified, out, &error);

    assert_int_equal(error.text[0] != '\0', status != LASTCALL_OK);
    verified_deinit(&verified);
    return status;
}

/* holds 4.6 */
static void a_commands_claims(void **state)
{
    static const char *const refused[] = {
        "{\"iat\":1,\"jti\":\"short\",\"aud\":\"all\",\"exp\":2}",
        "{\"iat\":1,\"jti\":\"abcdefghijklmno/\",\"aud\":\"all\",\"exp\":2}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":\"some\",\"exp\":2}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":\"host:A\",\"exp\":2}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":[\"all\"],\"exp\":2}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"exp\":2}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":\"all\"}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":\"all\",\"exp\":\"2\"}",
        "{\"iat\":1,\"jti\":\"" ID "\",\"aud\":\"all\","
        "\"exp\":9223372036854775807}",
    };
    struct command_claims claims;

    (void)state;
    assert_int_equal(decode_command("{\"iat\":1,\"jti\":\"" ID "\","
                                    "\"aud\":\"group:lobby\",\"exp\":2}",
                                    &claims),
                     LASTCALL_OK);
    assert_int_equal(claims.audience.kind, ADDRESS_GROUP);
    assert_string_equal(claims.audience.name.text, "lobby");
    assert_string_equal(claims.jti.text, ID);
    assert_int_equal(claims.iat_s, 1);
    assert_int_equal(claims.exp_s, 2);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (decode_command(refused[i], &claims) != LASTCALL_INVALID_REQUEST)
            fail_msg("accepted: %s", refused[i]);
    }
}

/* holds 4.8, 4.9 */
static void a_commands_times(void **state)
{
    const struct command_claims claims = {.iat_s = 1000, .exp_s = 1060};
    const struct command_claims backward = {.iat_s = 1000, .exp_s = 999};
    struct json_error detail;

    (void)state;
    assert_int_equal(command_check_times(&claims, 970, 30, 60, &detail),
                     LASTCALL_OK);
    assert_string_equal(detail.text, "");
    assert_int_equal(command_check_times(&claims, 1089, 30, 60, &detail),
                     LASTCALL_OK);
    assert_int_equal(command_check_times(&claims, 1090, 30, 60, &detail),
                     LASTCALL_EXPIRED);
    assert_non_null(strstr(detail.text, "1970-01-01T00:17:40"));
    assert_non_null(strstr(detail.text, "1970-01-01T00:18:10"));
    assert_int_equal(command_check_times(&claims, 969, 30, 60, &detail),
                     LASTCALL_NOT_YET_VALID);
    assert_non_null(strstr(detail.text, "1970-01-01T00:16:40"));
    assert_non_null(strstr(detail.text, "1970-01-01T00:16:09"));
    assert_int_equal(command_check_times(&claims, 1000, 30, 59, &detail),
                     LASTCALL_INVALID_REQUEST);
    assert_non_null(strstr(detail.text, "60 s"));
    assert_int_equal(command_check_times(&backward, 1000, 30, 60, &detail),
                     LASTCALL_INVALID_REQUEST);
    assert_int_equal(command_check_times(&claims, 1090, 30, 60, NULL),
                     LASTCALL_EXPIRED);
}

static void a_command_is_encoded_with_its_request(void **state)
{
    struct command_claims claims = {.jti = {ID}, .iat_s = 1, .exp_s = 2};
    struct request request = {.action = ACTION_PING,
                              .backends = BACKEND_SET_ALL,
                              .limit = REQUEST_LIMIT_NONE};
    char *text = NULL;

    (void)state;
    claims.audience = (struct address){.kind = ADDRESS_HOST, .name = {"a"}};
    text = bodies_text(command_encode("controller:alice", &claims, &request));
    assert_string_equal(text,
                        "{\"iss\":\"controller:alice\",\"iat\":1,\"jti\":\"" ID
                        "\",\"aud\":\"host:a\",\"exp\":2,"
                        "\"request\":{\"action\":\"ping\"}}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_are_good),
        cmocka_unit_test(requests_that_are_refused),
        cmocka_unit_test(what_is_absent_has_its_default),
        cmocka_unit_test(preconditions_are_exact),
        cmocka_unit_test(a_commands_claims),
        cmocka_unit_test(a_commands_times),
        cmocka_unit_test(a_command_is_encoded_with_its_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
