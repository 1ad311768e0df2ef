#include "tests/unit/bodies.h"

#include "protocol/grant.h"

#define KEY_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define CLAIMS_BEFORE_PERMIT                                                   \
    "{\"iss\":\"root\",\"iat\":1000,\"jti\":\"grant-1\","                      \
    "\"fleet\":\"lastcall\",\"sub\":\"controller:alice\",\"exp\":2000,"        \
    "\"cnf\":{\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" KEY_X     \
    "\"}}"

static enum lastcall_status decode(const char *text, struct grant *out)
{
    struct verified verified = bodies_parse(TOKEN_GRANT, text);
    enum lastcall_status status = grant_decode(&verified, "the.grant", out);

    verified_deinit(&verified);
    return status;
}

static uint32_t requirements(const json_t *names)
{
    uint32_t set = 0;

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        set |= strcmp(name, "reason") == 0  ? PERMIT_REQUIRE_REASON
               : strcmp(name, "where") == 0 ? PERMIT_REQUIRE_WHERE
                                            : PERMIT_REQUIRE_LIMIT;
    }
    return set;
}

static void read_question(const json_t *object,
                          struct permit_question *question,
                          struct address *audience)
{
    const json_t *backends = json_object_get(object, "backends");

    *question = (struct permit_question){.audience = audience};
    assert_int_equal(
        address_parse(json_string_value(json_object_get(object, "audience")),
                      audience),
        LASTCALL_OK);
    assert_int_equal(
        action_parse(json_string_value(json_object_get(object, "action")),
                     &question->action),
        LASTCALL_OK);
    for (size_t i = 0; i < json_array_size(backends); i++) {
        enum backend_kind kind = BACKEND_PLEX;

        assert_int_equal(
            backend_kind_parse(json_string_value(json_array_get(backends, i)),
                               &kind),
            LASTCALL_OK);
        question->backends |= BACKEND_BIT(kind);
    }
    question->given = requirements(json_object_get(object, "given"));
}

/* {"permit", "question", "verdict", "detail": a part of it} */
static void permit_case(const char *line)
{
    json_t *object = bodies_json(line);
    const char *part = json_string_value(json_object_get(object, "detail"));
    json_t *claims = bodies_json(CLAIMS_BEFORE_PERMIT "}");
    struct verified verified;
    struct grant grant;
    struct permit_question question;
    struct permit_answer answer = {0};
    struct address audience;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    assert_int_equal(json_put(claims, "permit",
                              json_incref(json_object_get(object, "permit"))),
                     LASTCALL_OK);
    verified = bodies_verified(TOKEN_GRANT, claims);
    read_question(json_object_get(object, "question"), &question, &audience);
    status = grant_decode(&verified, "the.grant", &grant);
    if (status == LASTCALL_OK)
        status = grant_permits(&grant, &question, &answer);
    if (strcmp(status_name(status),
               json_string_value(json_object_get(object, "verdict"))) != 0)
        fail_msg("%s (%s): %s", status_name(status), answer.detail, line);
    if (part != NULL && strstr(answer.detail, part) == NULL)
        fail_msg("\"%s\": %s", answer.detail, line);
    grant_deinit(&grant);
    verified_deinit(&verified);
    json_decref(object);
}

/* holds 3.3, 3.4, 3.5 */
static void permits_of_the_case_file(void **state)
{
    (void)state;
    case_lines_each("permit/cases.jsonl", permit_case);
}

static void a_controllers_grant_is_read(void **state)
{
    struct grant grant;

    (void)state;
    assert_int_equal(decode(CLAIMS_BEFORE_PERMIT
                            ",\"permit\":[{\"actions\":[\"stop\"],"
                            "\"backends\":[\"plex\"],"
                            "\"audiences\":[\"all\",\"host:*\"],"
                            "\"require\":[\"where\",\"new\"]}]}",
                            &grant),
                     LASTCALL_OK);
    assert_int_equal(grant.kind, SUBJECT_CONTROLLER);
    assert_string_equal(grant.name.text, "alice");
    assert_string_equal(grant.subject, "controller:alice");
    assert_string_equal(grant.fleet.text, "lastcall");
    assert_string_equal(grant.jti, "grant-1");
    assert_string_equal(grant.text, "the.grant");
    assert_int_equal(grant.iat_s, 1000);
    assert_int_equal(grant.exp_s, 2000);
    assert_string_equal(grant.key.thumbprint,
                        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_int_equal(grant.rule_count, 1);
    assert_int_equal(grant.rules[0].require,
                     PERMIT_REQUIRE_WHERE | PERMIT_REQUIRE_UNKNOWN);
    grant_deinit(&grant);
}

/* holds 3.6 */
static void a_hosts_groups_stand_in_its_grant(void **state)
{
    static const char text[] =
        "{\"iss\":\"root\",\"iat\":1,\"jti\":\"g\",\"fleet\":\"f\","
        "\"sub\":\"host:web-1\",\"exp\":2,\"groups\":[\"lobby\",\"b\"],"
        "\"cnf\":{\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" KEY_X
        "\"}}}";
    struct grant grant;

    (void)state;
    assert_int_equal(decode(text, &grant), LASTCALL_OK);
    assert_int_equal(grant.kind, SUBJECT_HOST);
    assert_int_equal(grant.group_count, 2);
    assert_string_equal(grant.groups[0].text, "lobby");
    assert_string_equal(grant.groups[1].text, "b");
    grant_deinit(&grant);
    assert_int_equal(grant.group_count, 0);
}

static void a_grant_is_encoded_as_it_was(void **state)
{
    static const char *const texts[] = {
        CLAIMS_BEFORE_PERMIT ",\"permit\":[]}",
        CLAIMS_BEFORE_PERMIT
        ",\"permit\":[{\"actions\":[\"*\"],\"backends\":[\"*\"],"
        "\"audiences\":[\"all\"]},{\"actions\":[\"list\",\"stop\"],"
        "\"backends\":[\"wts\"],\"audiences\":[\"host:a\",\"host:b\"],"
        "\"require\":[\"reason\",\"limit\"]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct grant grant;
        char *text = NULL;

        assert_int_equal(decode(texts[i], &grant), LASTCALL_OK);
        text = bodies_text(grant_encode(&grant));
        assert_string_equal(text, texts[i]);
        free(text);
        grant_deinit(&grant);
    }
}

/* Replace a member of a good grant, or take it away. */
static enum lastcall_status without(const char *member, const char *value)
{
    json_t *claims = bodies_json(CLAIMS_BEFORE_PERMIT ",\"permit\":[]}");
    struct verified verified;
    struct grant grant;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    if (value == NULL) {
        assert_int_equal(json_object_del(claims, member), 0);
    } else {
        json_t *holder = bodies_json(value);

        assert_int_equal(
            json_put(claims, member, json_incref(json_object_get(holder, "v"))),
            LASTCALL_OK);
        json_decref(holder);
    }
    verified = bodies_verified(TOKEN_GRANT, claims);
    status = grant_decode(&verified, "the.grant", &grant);
    assert_null(grant.text);
    grant_deinit(&grant);
    verified_deinit(&verified);
    return status;
}

/* holds 3.2 */
static void what_is_missing_or_malformed_is_refused(void **state)
{
    (void)state;
    assert_int_equal(without("fleet", NULL), LASTCALL_E_GRANT);
    assert_int_equal(without("sub", NULL), LASTCALL_E_GRANT);
    assert_int_equal(without("exp", NULL), LASTCALL_E_GRANT);
    assert_int_equal(without("cnf", NULL), LASTCALL_E_GRANT);
    assert_int_equal(without("permit", NULL), LASTCALL_E_GRANT);
    assert_int_equal(without("iss", "{\"v\":\"controller:alice\"}"),
                     LASTCALL_E_GRANT);
    assert_int_equal(without("sub", "{\"v\":\"alice\"}"), LASTCALL_E_GRANT);
    assert_int_equal(without("sub", "{\"v\":\"host:\"}"), LASTCALL_E_GRANT);
    assert_int_equal(without("sub", "{\"v\":\"root:alice\"}"),
                     LASTCALL_E_GRANT);
    assert_int_equal(without("sub", "{\"v\":\"controller:A/B\"}"),
                     LASTCALL_E_GRANT);
    assert_int_equal(without("exp", "{\"v\":2000.5}"), LASTCALL_E_GRANT);
    assert_int_equal(without("exp", "{\"v\":-1}"), LASTCALL_E_GRANT);
    assert_int_equal(without("exp", "{\"v\":253402300800}"), LASTCALL_E_GRANT);
    assert_int_equal(without("fleet", "{\"v\":\"Last/Call\"}"),
                     LASTCALL_E_GRANT);
    assert_int_equal(without("cnf", "{\"v\":{\"jwk\":{\"kty\":\"RSA\"}}}"),
                     LASTCALL_E_KEY);
    assert_int_equal(without("cnf", "{\"v\":{}}"), LASTCALL_E_KEY);
}

/* A grant of alice's with `count` rules, each with `actions` actions. */
static enum lastcall_status with_rules(int count, int actions)
{
    struct bytes text;
    struct grant grant;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    bytes_init(&text, 256 * 1024);
    assert_int_equal(
        bytes_append_text(&text, CLAIMS_BEFORE_PERMIT ",\"permit\":["),
        LASTCALL_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(
            bytes_append_text(&text, i > 0 ? ",{\"backends\":[],\"audiences\":"
                                             "[],\"actions\":[\"stop\""
                                           : "{\"backends\":[],\"audiences\":"
                                             "[],\"actions\":[\"stop\""),
            LASTCALL_OK);
        for (int k = 1; k < actions; k++)
            assert_int_equal(bytes_append_text(&text, ",\"list\""),
                             LASTCALL_OK);
        assert_int_equal(bytes_append_text(&text, "]}"), LASTCALL_OK);
    }
    assert_int_equal(bytes_append_text(&text, "]}"), LASTCALL_OK);
    status = decode((const char *)text.data, &grant);
    grant_deinit(&grant);
    bytes_deinit(&text);
    return status;
}

/* A grant of a host with `count` groups. */
static enum lastcall_status with_groups(int count)
{
    json_t *claims = bodies_json(CLAIMS_BEFORE_PERMIT "}");
    json_t *groups = json_array();
    struct grant grant;
    struct verified verified;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    for (int i = 0; i < count; i++)
        assert_int_equal(json_array_append_new(groups, json_string("g")), 0);
    assert_int_equal(json_put(claims, "groups", groups), LASTCALL_OK);
    assert_int_equal(json_put(claims, "sub", json_string("host:web-1")),
                     LASTCALL_OK);
    verified = bodies_verified(TOKEN_GRANT, claims);
    status = grant_decode(&verified, "the.grant", &grant);
    grant_deinit(&grant);
    verified_deinit(&verified);
    return status;
}

/* holds 3.3, 3.6 */
static void no_list_of_a_grant_is_longer_than_its_bound(void **state)
{
    (void)state;
    assert_int_equal(with_rules(64, 64), LASTCALL_OK);
    assert_int_equal(with_rules(65, 1), LASTCALL_E_GRANT);
    assert_int_equal(with_rules(1, 65), LASTCALL_E_GRANT);
    assert_int_equal(with_groups(64), LASTCALL_OK);
    assert_int_equal(with_groups(65), LASTCALL_E_GRANT);
}

static void permits_of_the_command_line(void **state)
{
    struct permit_rule rule;

    (void)state;
    assert_int_equal(
        permit_rule_parse("plex:stop,list@all,group:*!reason", &rule),
        LASTCALL_OK);
    assert_int_equal(rule.backends, BACKEND_BIT(BACKEND_PLEX));
    assert_int_equal(rule.actions,
                     ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_LIST));
    assert_int_equal(rule.require, PERMIT_REQUIRE_REASON);
    assert_int_equal(rule.audience_count, 2);
    assert_string_equal(rule.audiences[1], "group:*");
    permit_rule_deinit(&rule);

    assert_int_equal(permit_rule_parse("*:*@*", &rule), LASTCALL_OK);
    assert_int_equal(rule.backends, BACKEND_SET_ALL);
    assert_int_equal(rule.actions, ACTION_SET_ALL);
    permit_rule_deinit(&rule);
}

static void every_action_can_be_permitted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        struct permit_rule rule;
        char text[64];

        (void)snprintf(text, sizeof(text), "wts:%s@all",
                       action_name((enum action)i));
        if (permit_rule_parse(text, &rule) != LASTCALL_OK)
            fail_msg("%s", text);
        assert_int_equal(rule.actions, ACTION_BIT(i));
        permit_rule_deinit(&rule);
    }
}

static void permits_of_the_command_line_that_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "plex",
        "plex:stop",
        "plex@all:stop",
        ":stop@all",
        "plex:@all",
        "plex:stop@",
        "plex:stop@all,",
        "plex,:stop@all",
        "plex:stop,,list@all",
        "plex:stopp@all",
        "plexx:stop@all",
        "plex:stop@all!",
        "plex:stop@all!reasons",
        "plex:stop@ALL",
        "plex:stop@all group:a",
        "plex:stop@all!reason!where",
    };
    struct permit_rule rule;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (permit_rule_parse(texts[i], &rule) != LASTCALL_E_SYNTAX)
            fail_msg("accepted: %s", texts[i]);
        assert_null(rule.audiences);
    }
}

static void too_many_audiences(void **state)
{
    struct bytes text;
    struct permit_rule rule;

    (void)state;
    bytes_init(&text, 4096);
    assert_int_equal(bytes_append_text(&text, "plex:stop@all"), LASTCALL_OK);
    for (int i = 1; i < GRANT_AUDIENCE_COUNT_MAX; i++)
        assert_int_equal(bytes_append_text(&text, ",all"), LASTCALL_OK);
    assert_int_equal(permit_rule_parse((const char *)text.data, &rule),
                     LASTCALL_OK);
    permit_rule_deinit(&rule);
    assert_int_equal(bytes_append_text(&text, ",all"), LASTCALL_OK);
    assert_int_equal(permit_rule_parse((const char *)text.data, &rule),
                     LASTCALL_E_TOO_LARGE);
    bytes_deinit(&text);
}

/* A set with a kind that does not exist must not slip through. */
static void an_unknown_backend_is_not_permitted(void **state)
{
    struct address audience = {.kind = ADDRESS_ALL};
    struct permit_question question = {.action = ACTION_STOP,
                                       .backends = BACKEND_BIT(7),
                                       .audience = &audience};
    struct permit_answer answer;
    struct grant grant;

    (void)state;
    assert_int_equal(decode(CLAIMS_BEFORE_PERMIT
                            ",\"permit\":[{\"actions\":[\"*\"],"
                            "\"backends\":[\"*\"],\"audiences\":[\"*\"]}]}",
                            &grant),
                     LASTCALL_OK);
    assert_int_equal(grant_permits(&grant, &question, &answer),
                     LASTCALL_FORBIDDEN);
    question.backends |= BACKEND_BIT(BACKEND_PLEX);
    assert_int_equal(grant_permits(&grant, &question, &answer),
                     LASTCALL_FORBIDDEN);
    grant_deinit(&grant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permits_of_the_case_file),
        cmocka_unit_test(a_controllers_grant_is_read),
        cmocka_unit_test(a_hosts_groups_stand_in_its_grant),
        cmocka_unit_test(a_grant_is_encoded_as_it_was),
        cmocka_unit_test(what_is_missing_or_malformed_is_refused),
        cmocka_unit_test(no_list_of_a_grant_is_longer_than_its_bound),
        cmocka_unit_test(permits_of_the_command_line),
        cmocka_unit_test(every_action_can_be_permitted),
        cmocka_unit_test(permits_of_the_command_line_that_are_refused),
        cmocka_unit_test(too_many_audiences),
        cmocka_unit_test(an_unknown_backend_is_not_permitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
