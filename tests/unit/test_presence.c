#include "tests/unit/bodies.h"
#include "tests/unit/case_files.h"

#include "protocol/body.h"
#include "protocol/presence.h"

#define HEAD "{\"iss\":\"host:web-1\",\"iat\":1000,\"jti\":\"jti\","
#define SESSION                                                                \
    "{\"session_id\":\"s1\",\"server\":\"home\",\"backend\":null,"             \
    "\"username\":\"jdoe\",\"state\":\"paused\",\"client_name\":null,"         \
    "\"client_address\":null,\"is_local\":true,\"started_at\":null,"           \
    "\"idle_s\":4,\"endable\":true}"
#define INVENTORY(error, count, truncated)                                     \
    HEAD "\"inventory\":{\"server\":\"home\",\"backend\":\"plex\","            \
         "\"boot_id\":\"b\",\"seq\":3,"                                        \
         "\"taken_at\":\"2026-11-21T08:00:00.250Z\",\"reachable\":false,"      \
         "\"error\":" error ",\"sessions\":[" SESSION "],\"count\":" count     \
         ",\"truncated\":" truncated "}}"
#define STATUS(state, servers, counters)                                       \
    STATUS_WITH(state, servers, counters, "[]")
#define STATUS_WITH(state, servers, counters, plans)                           \
    HEAD "\"status\":{\"state\":" state ",\"boot_id\":\"b\","                  \
         "\"version\":\"0.1.0\",\"protocol\":1,\"os\":\"Linux\","              \
         "\"clock\":\"2026-11-21T08:00:00.000Z\",\"servers\":" servers         \
         ",\"counters\":" counters ",\"maintenance\":" plans "}}"
#define PLAN(phase, code)                                                      \
    "{\"id\":\"patch-1\",\"issuer\":\"controller:alice\",\"action\":\"end\","  \
    "\"starts_at\":\"2026-11-21T22:00:00.000Z\",\"ends_at\":null,"             \
    "\"phase\":\"" phase "\",\"warned\":1,\"ended\":2,\"failed\":3,"           \
    "\"last_code\":\"" code "\"}"
#define SERVER                                                                 \
    "{\"name\":\"home\",\"backend\":\"plex\",\"reachable\":true,"              \
    "\"version\":null,\"sessions\":null,\"actions\":[\"ping\",\"list\"]}"

static enum lastcall_status inventory_of(const char *text,
                                         struct inventory *out)
{
    struct verified verified = bodies_parse(TOKEN_SESSIONS, text);
    enum lastcall_status status = inventory_decode(&verified, out, NULL);

    verified_deinit(&verified);
    return status;
}

/* holds 7.1, 7.3 */
static void an_inventory_is_encoded_as_it_was(void **state)
{
    static const char *const texts[] = {
        INVENTORY("null", "1", "false"),
        INVENTORY("{\"code\":\"unreachable\",\"detail\":\"no route\"}", "1",
                  "false"),
        INVENTORY("{\"code\":\"timeout\",\"detail\":null}", "9", "true"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct inventory inventory;
        char *again = NULL;

        assert_int_equal(inventory_of(texts[i], &inventory), LASTCALL_OK);
        assert_int_equal(inventory.sessions.count, 1);
        again = bodies_text(
            inventory_encode("host:web-1", 1000, "jti", &inventory));
        assert_string_equal(again, texts[i]);
        free(again);
        inventory_deinit(&inventory);
    }
}

static void inventories_that_are_refused(void **state)
{
    static const char *const texts[] = {
        INVENTORY("null", "0", "false"),
        INVENTORY("null", "-1", "false"),
        INVENTORY("null", "1", "\"no\""),
        INVENTORY("{\"code\":\"fine\"}", "1", "false"),
        INVENTORY("\"unreachable\"", "1", "false"),
        HEAD "\"inventory\":[]}",
        HEAD "\"event\":{}}",
    };
    struct inventory inventory;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (inventory_of(texts[i], &inventory) != LASTCALL_E_SHAPE)
            fail_msg("accepted: %s", texts[i]);
        assert_null(inventory.sessions.items);
    }
}

/* holds 2.10, 7.1 */
static void a_full_inventory_is_cut_and_said(void **state)
{
    struct inventory inventory = {.server = {"home"}, .reachable = true};
    struct inventory again;
    struct verified verified;

    (void)state;
    for (int i = 0; i < SESSION_COUNT_MAX; i++) {
        struct session session = {0};

        assert_int_equal(session_set_text(&session, SESSION_BACKEND, "plex"),
                         LASTCALL_OK);
        assert_int_equal(session_list_take(&inventory.sessions, &session),
                         LASTCALL_OK);
    }
    verified = bodies_verified(
        TOKEN_SESSIONS, inventory_encode("host:web-1", 1, "jti", &inventory));
    assert_int_equal(inventory_decode(&verified, &again, NULL), LASTCALL_OK);
    assert_true(again.truncated);
    assert_int_equal(again.sessions.total_count, SESSION_COUNT_MAX);
    assert_true(again.sessions.count > 1000);
    assert_true(again.sessions.count < SESSION_COUNT_MAX);
    verified_deinit(&verified);
    inventory_deinit(&again);
    inventory_deinit(&inventory);
}

static void accept_event(const char *name, const char *text)
{
    json_t *wanted = bodies_json(text);
    struct verified verified = bodies_parse(TOKEN_EVENT, text);
    struct event event;
    struct json_error error = {"before"};
    json_t *again = NULL;

    if (event_decode(&verified, &event, &error) != LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(error.text, "");
    again = event_encode("host:web-1", verified.iat_s, verified.jti, &event);
    if (!json_equal(again, wanted))
        fail_msg("%s: %s", name, bodies_text(again));
    json_decref(again);
    json_decref(wanted);
    event_deinit(&event);
    verified_deinit(&verified);
}

static void refuse_event(const char *name, const char *text)
{
    struct verified verified = bodies_parse(TOKEN_EVENT, text);
    const char *part =
        json_string_value(json_object_get(verified.claims, "expect_detail"));
    struct event event;
    struct json_error error = {""};

    if (event_decode(&verified, &event, &error) != LASTCALL_E_SHAPE)
        fail_msg("%s: accepted", name);
    if (part == NULL || strstr(error.text, part) == NULL)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(event.server.text, "");
    assert_string_equal(event.ended_by_controller.text, "");
    verified_deinit(&verified);
}

/* holds 7.4, 7.8 */
static void events(void **state)
{
    (void)state;
    case_files_each("event", "accept-", accept_event);
    case_files_each("event", "refuse-", refuse_event);
}

static enum lastcall_status status_of(const char *text, struct host_status *out)
{
    struct verified verified = bodies_parse(TOKEN_STATUS, text);
    enum lastcall_status status = host_status_decode(&verified, out, NULL);

    verified_deinit(&verified);
    return status;
}

/* holds 7.5 */
static void a_status_is_encoded_as_it_was(void **state)
{
    static const char *const texts[] = {
        STATUS("\"online\"", "[" SERVER "]", "{\"signature\":4,\"expired\":0}"),
        STATUS("\"draining\"", "[]", "{}"),
        STATUS("\"offline\"", "[" SERVER "," SERVER "]", "{}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct host_status status;
        char *again = NULL;

        assert_int_equal(status_of(texts[i], &status), LASTCALL_OK);
        assert_int_equal(status.state, i);
        again =
            bodies_text(host_status_encode("host:web-1", 1000, "jti", &status));
        assert_string_equal(again, texts[i]);
        free(again);
        host_status_deinit(&status);
    }
}

static void a_later_versions_actions_are_passed_over(void **state)
{
    struct host_status status;

    (void)state;
    assert_int_equal(
        status_of(STATUS("\"online\"",
                         "[{\"name\":\"home\",\"backend\":\"plex\","
                         "\"reachable\":false,\"sessions\":7,"
                         "\"actions\":[\"stop\",\"teleport\"]}]",
                         "null"),
                  &status),
        LASTCALL_OK);
    assert_int_equal(status.servers[0].actions, ACTION_BIT(ACTION_STOP));
    assert_int_equal(status.servers[0].session_count, 7);
    assert_int_equal(status.counter_count, 0);
    host_status_deinit(&status);
}

/* holds 8.6 */
static void plans_are_encoded_as_they_were(void **state)
{
    static const char *const texts[] = {
        STATUS_WITH(
            "\"online\"", "[]", "{}",
            "[" PLAN("scheduled", "ok") "," PLAN("warning", "ok") "," PLAN(
                "running", "ok") "," PLAN("enforcing", "partial") "]"),
        STATUS_WITH(
            "\"online\"", "[]", "{}",
            "[" PLAN("done", "no_match") "," PLAN("missed", "ok") "," PLAN(
                "cancelled", "ok") "," PLAN("refused", "forbidden") "]"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct host_status status;
        char *again = NULL;

        assert_int_equal(status_of(texts[i], &status), LASTCALL_OK);
        assert_int_equal(status.plan_count, 4);
        assert_int_equal(status.plans[1].warned, 1);
        assert_int_equal(status.plans[1].ended, 2);
        assert_int_equal(status.plans[1].failed, 3);
        again =
            bodies_text(host_status_encode("host:web-1", 1000, "jti", &status));
        assert_string_equal(again, texts[i]);
        free(again);
        host_status_deinit(&status);
    }
}

static void statuses_that_are_refused(void **state)
{
    static const char *const texts[] = {
        STATUS("\"asleep\"", "[]", "{}"),
        STATUS("\"online\"", "{}", "{}"),
        STATUS("\"online\"", "[5]", "{}"),
        STATUS("\"online\"", "[{\"name\":\"A\"}]", "{}"),
        STATUS("\"online\"", "[]", "{\"a\":\"b\"}"),
        STATUS("\"online\"", "[]", "[]"),
        STATUS_WITH("\"online\"", "[]", "{}", "[5]"),
        STATUS_WITH("\"online\"", "[]", "{}", "[" PLAN("asleep", "ok") "]"),
        STATUS_WITH("\"online\"", "[]", "{}", "[" PLAN("done", "fine") "]"),
        STATUS_WITH("\"online\"", "[]", "{}",
                    "[" PLAN("done", "ok") "],\"maintenance_count\":0"),
        STATUS_WITH("\"online\"", "[]", "{}", "[],\"maintenance_count\":-1"),
        STATUS_WITH("\"online\"", "[]", "{}", "[],\"maintenance_count\":[]"),
        STATUS("\"online\"", "[]",
               "{\"a-name-that-is-far-too-long-for-a-counter-of-ours-really\""
               ":1}"),
        HEAD "\"status\":null}",
    };
    struct host_status status;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (status_of(texts[i], &status) != LASTCALL_E_SHAPE)
            fail_msg("accepted: %s", texts[i]);
        assert_null(status.servers);
        assert_null(status.counters);
        assert_null(status.plans);
    }
}

/* A text of so many characters that JSON escapes. */
static void fill(char *text, size_t size)
{
    memset(text, '"', size - 1);
    text[size - 1] = '\0';
}

static void fill_name(struct name *name)
{
    memset(name->text, 'n', sizeof(name->text) - 1);
    name->text[sizeof(name->text) - 1] = '\0';
}

/* The longest that a host may tell: 0 servers and counters, or all. */
static void fill_status(struct host_status *out, size_t count)
{
    *out = (struct host_status){.state = HOST_DRAINING,
                                .protocol = INT64_MAX,
                                .clock_ms = INT64_C(253402300799999),
                                .server_count = count,
                                .counter_count = count,
                                .plan_count = STATUS_PLAN_COUNT_MAX};
    fill(out->boot_id, sizeof(out->boot_id));
    fill(out->version, sizeof(out->version));
    fill(out->os, sizeof(out->os));
    out->servers = calloc(count + 1, sizeof(*out->servers));
    out->counters = calloc(count + 1, sizeof(*out->counters));
    out->plans = calloc(out->plan_count, sizeof(*out->plans));
    if (out->servers == NULL || out->counters == NULL || out->plans == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct status_counter *counter = &out->counters[i];

        fill_name(&out->servers[i].name);
        fill(out->servers[i].version, sizeof(out->servers[i].version));
        out->servers[i].session_count = INT64_MAX;
        out->servers[i].actions = UINT32_MAX;
        snprintf(counter->name, sizeof(counter->name), "%047zu", i);
        counter->value = INT64_MAX;
    }
    for (size_t i = 0; i < out->plan_count; i++) {
        struct status_plan *plan = &out->plans[i];

        fill_name(&plan->id);
        plan->id.text[0] = (char)('a' + i % 26);
        memset(plan->issuer, 'i', sizeof(plan->issuer) - 1);
        plan->starts_ms = plan->ends_ms = INT64_C(253402300799999);
        plan->warned = plan->ended = plan->failed = INT64_MAX;
        plan->action = ACTION_DISCONNECT;
        plan->phase = PLAN_ENFORCING;
        plan->last_code = LASTCALL_LIMIT_EXCEEDED;
    }
}

static size_t len_of(const json_t *claims)
{
    struct bytes text;
    size_t len = 0;

    bytes_init(&text, TOKEN_RESULT_BYTES_MAX);
    assert_int_equal(json_write(claims, &text), LASTCALL_OK);
    len = text.len;
    bytes_deinit(&text);
    return len;
}

/* Sign it under the largest grant, which must do; and read it again. */
static size_t sign_and_read(const struct host_status *status,
                            struct host_status *again)
{
    char *grant = test_malloc(TOKEN_GRANT_BYTES_MAX);
    struct verified verified = bodies_verified(
        TOKEN_STATUS, host_status_encode("host:web-1", 1, "jti", status));
    struct bytes token;
    struct key key;
    size_t len = 0;

    memset(grant, 'g', TOKEN_GRANT_BYTES_MAX - 1);
    grant[TOKEN_GRANT_BYTES_MAX - 1] = '\0';
    assert_true(len_of(verified.claims) <= body_claims_max(TOKEN_STATUS));
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(
        token_sign(TOKEN_STATUS, &key, grant, verified.claims, &token),
        LASTCALL_OK);
    len = token.len;
    assert_int_equal(host_status_decode(&verified, again, NULL), LASTCALL_OK);
    bytes_deinit(&token);
    key_deinit(&key);
    test_free(grant);
    verified_deinit(&verified);
    return len;
}

/* holds 2.10, 8.6 */
static void a_full_status_leaves_out_the_last_plans(void **state)
{
    static const struct {
        size_t servers;
        size_t least;
        size_t most;
    } rows[] = {
        {0, STATUS_PLAN_COUNT_MAX / 2, STATUS_PLAN_COUNT_MAX},
        {RESULT_SERVER_COUNT_MAX, 1, STATUS_PLAN_COUNT_MAX - 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct host_status status;
        struct host_status again;
        size_t len = 0;

        fill_status(&status, rows[i].servers);
        len = sign_and_read(&status, &again);
        print_message("%zu servers: %zu of %zu plans in %zu bytes\n",
                      rows[i].servers, again.plan_count, again.plan_total, len);
        assert_true(len <= TOKEN_COMMAND_BYTES_MAX);
        /* No room was left for one more. */
        assert_true(again.plan_count == STATUS_PLAN_COUNT_MAX ||
                    len > TOKEN_COMMAND_BYTES_MAX - 2048);
        assert_int_equal(again.plan_total, STATUS_PLAN_COUNT_MAX);
        assert_in_range(again.plan_count, rows[i].least, rows[i].most);
        assert_int_equal(again.server_count, rows[i].servers);
        assert_int_equal(again.counter_count, rows[i].servers);
        for (size_t k = 0; k < again.plan_count; k++)
            assert_string_equal(again.plans[k].id.text,
                                status.plans[k].id.text);
        host_status_deinit(&again);
        host_status_deinit(&status);
    }
}

/* holds 8.6 */
static void plans_that_were_left_out_are_counted(void **state)
{
    static const char left_out[] =
        STATUS_WITH("\"online\"", "[]", "{}",
                    "[" PLAN("done", "ok") "],\"maintenance_count\":7");
    static const char all_there[] =
        STATUS_WITH("\"online\"", "[]", "{}", "[" PLAN("done", "ok") "]");
    struct host_status status;

    (void)state;
    assert_int_equal(status_of(left_out, &status), LASTCALL_OK);
    assert_int_equal(status.plan_count, 1);
    assert_int_equal(status.plan_total, 7);
    host_status_deinit(&status);
    assert_int_equal(status_of(all_there, &status), LASTCALL_OK);
    assert_int_equal(status.plan_total, 1);
    host_status_deinit(&status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inventory_is_encoded_as_it_was),
        cmocka_unit_test(inventories_that_are_refused),
        cmocka_unit_test(a_full_inventory_is_cut_and_said),
        cmocka_unit_test(events),
        cmocka_unit_test(a_status_is_encoded_as_it_was),
        cmocka_unit_test(a_later_versions_actions_are_passed_over),
        cmocka_unit_test(plans_are_encoded_as_they_were),
        cmocka_unit_test(statuses_that_are_refused),
        cmocka_unit_test(a_full_status_leaves_out_the_last_plans),
        cmocka_unit_test(plans_that_were_left_out_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
