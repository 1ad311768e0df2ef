#include "tests/unit/bodies.h"

#include "worker/policy.h"

/* Two servers of one kind, so that a name can narrow them. */
static struct server_settings servers[] = {
    {.name = {"home"}, .backend = BACKEND_PLEX},
    {.name = {"attic"}, .backend = BACKEND_PLEX},
};
static struct settings settings = {.servers = servers, .server_count = 2};

static struct policy load(const char *allow, const char *protect)
{
    struct settings from = {.path = bytes_copy_text("worker.conf")};
    struct config_error error = {0};
    struct policy policy;

    from.policy.allow = bytes_copy_text(allow);
    from.policy.protect = bytes_copy_text(protect);
    from.policy.max_sessions = 50;
    if (policy_load(&from, &policy, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
    free(from.path);
    free(from.policy.allow);
    free(from.policy.protect);
    return policy;
}

static void refuse_load(const char *allow, const char *protect,
                        const char *says)
{
    struct settings from = {.path = bytes_copy_text("worker.conf")};
    struct config_error error = {0};
    struct policy policy;

    from.policy.allow = bytes_copy_text(allow);
    from.policy.protect = bytes_copy_text(protect);
    assert_int_equal(policy_load(&from, &policy, &error), LASTCALL_E_CONFIG);
    if (strstr(error.text, says) == NULL)
        fail_msg("expected '%s' in: %s", says, error.text);
    free(from.path);
    free(from.policy.allow);
    free(from.policy.protect);
}

/* Authorise with one permit rule; the order's server set comes back. */
static enum lastcall_status ask(const struct policy *policy, const char *permit,
                                const char *request_text, struct order *order)
{
    const struct address audience = {.kind = ADDRESS_ALL};
    struct verified verified = bodies_parse(TOKEN_COMMAND, request_text);
    struct permit_rule rule;
    struct grant grant = {.kind = SUBJECT_CONTROLLER};
    struct request request;
    struct json_error error = {0};
    enum lastcall_status status = LASTCALL_FORBIDDEN;

    if (permit_rule_parse(permit, &rule) != LASTCALL_OK)
        fail_msg("permit %s", permit);
    grant.rules = &rule;
    grant.rule_count = 1;
    if (request_decode(&verified, &request, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
    status = policy_authorise(policy, &settings, &grant, &audience, &request,
                              order, &error);
    if (status != LASTCALL_OK)
        assert_true(error.text[0] != '\0');
    request_deinit(&request);
    permit_rule_deinit(&rule);
    verified_deinit(&verified);
    return status;
}

#define STOP(more)                                                             \
    "{\"request\":{\"action\":\"stop\",\"session_id\":\"1\"" more "}}"
#define PING "{\"request\":{\"action\":\"ping\"}}"

struct verdict {
    const char *allow; /* NULL: none is set */
    const char *permit;
    const char *request;
    enum lastcall_status status;
    uint64_t servers;
};

static void judge(const struct verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct policy policy = load(verdicts[i].allow, NULL);
        struct order order;

        if (ask(&policy, verdicts[i].permit, verdicts[i].request, &order) !=
            verdicts[i].status)
            fail_msg("case %zu", i);
        if (order.servers != verdicts[i].servers)
            fail_msg("case %zu: servers %llx", i,
                     (unsigned long long)order.servers);
        order_deinit(&order);
        policy_deinit(&policy);
    }
}

/* holds 3.3, 3.5, 4.11, 5.2 */
static void the_grant_and_the_owner_must_both_allow(void **state)
{
    static const struct verdict verdicts[] = {
        {NULL, "plex:stop@all", STOP(""), LASTCALL_OK, 3},
        {NULL, "plex:list@all", STOP(""), LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:stop@group:x", STOP(""), LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:*@*!reason", STOP(""), LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:*@*!reason", STOP(",\"reason\":\"r\""), LASTCALL_OK, 3},
        {NULL, "plex:*@*!limit", STOP(",\"limit\":1"), LASTCALL_OK, 3},
        {NULL, "plex:*@*!limit", STOP(""), LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:*@*!where", STOP(""), LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:*@*!where",
         "{\"request\":{\"action\":\"stop\",\"where\":\"endable\"}}",
         LASTCALL_OK, 3},
        {"plex:stop", "plex:*@*", STOP(""), LASTCALL_OK, 3},
        {"plex:end", "plex:*@*", STOP(""), LASTCALL_OK, 3},
        {"plex:list", "plex:*@*", STOP(""), LASTCALL_FORBIDDEN, 0},
        {"wts:*", "plex:*@*", STOP(""), LASTCALL_FORBIDDEN, 0},
        {"*:stop", "plex:*@*", STOP(""), LASTCALL_OK, 3},
        {"plex:ping", "plex:*@*", PING, LASTCALL_OK, 0},
        {"plex:stop", "plex:*@*", PING, LASTCALL_FORBIDDEN, 0},
        {NULL, "plex:stop@*", STOP(",\"server\":\"attic\""), LASTCALL_OK, 2},
        {NULL, "plex:stop@*", STOP(",\"server\":\"cellar\""),
         LASTCALL_NOT_FOUND, 0},
        {NULL, "*:*@*", STOP(",\"backend\":\"wts\""), LASTCALL_UNSUPPORTED, 0},
        {NULL, "*:*@*",
         "{\"request\":{\"action\":\"logoff\",\"session_id\":\"1\"}}",
         LASTCALL_UNSUPPORTED, 0},
    };

    (void)state;
    judge(verdicts, sizeof(verdicts) / sizeof(verdicts[0]));
}

#define ON(action)                                                             \
    "{\"request\":{\"action\":\"" action "\",\"session_id\":\"2\"}}"
#define MESSAGE                                                                \
    "{\"request\":{\"action\":\"message\",\"session_id\":\"2\","               \
    "\"message\":\"soon\"}}"

/* holds 3.3, 4.11, 5.2 */
static void a_terminal_server_has_words_of_its_own(void **state)
{
    static const char owner[] = "wts:list,message,disconnect; plex:list";
    static const struct verdict verdicts[] = {
        {owner, "*:*@*", ON("disconnect"), LASTCALL_OK, 2},
        {owner, "*:*@*", ON("logoff"), LASTCALL_FORBIDDEN, 0},
        {owner, "*:*@*", MESSAGE, LASTCALL_OK, 2},
        {"wts:list,disconnect", "*:*@*", MESSAGE, LASTCALL_FORBIDDEN, 0},
        {owner, "*:*@*", ON("list"), LASTCALL_OK, 3},
        /* "end" is the disconnect of a terminal server, and no logoff. */
        {owner, "wts:*@*",
         "{\"request\":{\"action\":\"end\",\"session_id\":\"2\","
         "\"backend\":\"wts\"}}",
         LASTCALL_OK, 2},
        {"wts:end", "wts:*@*", ON("disconnect"), LASTCALL_OK, 2},
        {"wts:end", "wts:*@*", ON("logoff"), LASTCALL_FORBIDDEN, 0},
        {NULL, "wts:disconnect@*",
         "{\"request\":{\"action\":\"end\",\"session_id\":\"2\","
         "\"server\":\"attic\"}}",
         LASTCALL_OK, 2},
        {NULL, "wts:logoff@*",
         "{\"request\":{\"action\":\"end\",\"session_id\":\"2\","
         "\"server\":\"attic\"}}",
         LASTCALL_FORBIDDEN, 0},
        {NULL, "wts:disconnect@*", ON("logoff"), LASTCALL_FORBIDDEN, 0},
        {NULL, "wts:disconnect@*", MESSAGE, LASTCALL_FORBIDDEN, 0},
        /* On both kinds it takes both permits. */
        {NULL, "wts:*@*", ON("end"), LASTCALL_FORBIDDEN, 0},
        {owner, "*:*@*", ON("end"), LASTCALL_FORBIDDEN, 0},
    };

    (void)state;
    servers[1].backend = BACKEND_WTS;
    judge(verdicts, sizeof(verdicts) / sizeof(verdicts[0]));
    servers[1].backend = BACKEND_PLEX;
}

/* holds 5.6 */
static void the_smaller_limit_counts(void **state)
{
    struct policy policy = load(NULL, NULL);
    struct order order;

    (void)state;
    assert_int_equal(ask(&policy, "plex:*@*", STOP(""), &order), LASTCALL_OK);
    assert_int_equal(order.limit, 50);
    order_deinit(&order);
    assert_int_equal(ask(&policy, "plex:*@*", STOP(",\"limit\":7"), &order),
                     LASTCALL_OK);
    assert_int_equal(order.limit, 7);
    order_deinit(&order);
    assert_int_equal(ask(&policy, "plex:*@*", STOP(",\"limit\":70"), &order),
                     LASTCALL_OK);
    assert_int_equal(order.limit, 50);
    order_deinit(&order);
    assert_int_equal(
        ask(&policy, "plex:*@*", "{\"request\":{\"action\":\"list\"}}", &order),
        LASTCALL_OK);
    assert_int_equal(order.limit, REQUEST_LIMIT_NONE);
    order_deinit(&order);
    policy_deinit(&policy);
}

/* holds 5.16 */
static void a_protected_session_is_known(void **state)
{
    struct policy policy = load(NULL, "username == 'ceo'");
    struct policy none = load(NULL, NULL);
    struct session session = {0};

    (void)state;
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, "ceo"),
                     LASTCALL_OK);
    assert_true(policy_protects(&policy, &session));
    assert_false(policy_protects(&none, &session));
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, "jdoe"),
                     LASTCALL_OK);
    assert_false(policy_protects(&policy, &session));
    session_deinit(&session);
    policy_deinit(&policy);
    policy_deinit(&none);
}

static void a_bad_policy_is_named(void **state)
{
    (void)state;
    refuse_load("plex", NULL, "BACKEND:ACTION");
    refuse_load("flex:stop", NULL, "no such backend: 'flex'");
    refuse_load("plex:stop,stpo", NULL, "no such action: 'stpo'");
    refuse_load("plex:", NULL, "no such action");
    refuse_load(NULL, "usrname == 'x'", "protect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grant_and_the_owner_must_both_allow),
        cmocka_unit_test(a_terminal_server_has_words_of_its_own),
        cmocka_unit_test(the_smaller_limit_counts),
        cmocka_unit_test(a_protected_session_is_known),
        cmocka_unit_test(a_bad_policy_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
