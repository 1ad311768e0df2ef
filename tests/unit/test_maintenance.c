#include "tests/unit/bodies.h"
#include "tests/unit/case_files.h"

#include "protocol/maintenance.h"
#include "protocol/moment.h"

static enum lastcall_status decode(const char *text, struct maintenance *out,
                                   struct json_error *error)
{
    struct verified verified = bodies_parse(TOKEN_MAINTENANCE, text);
    enum lastcall_status status = maintenance_decode(&verified, out, error);

    verified_deinit(&verified);
    return status;
}

static const struct command_claims around = {
    .jti = {"abcdefghijklmnop"},
    .audience = {.kind = ADDRESS_GROUP, .name = {"lobby"}},
    .iat_s = 1000,
    .exp_s = 2000,
};

/* What is accepted is written again member by member as it was. */
static void accept(const char *name, const char *text)
{
    json_t *claims = bodies_json(text);
    struct maintenance plan;
    struct json_error error = {"before"};
    json_t *again = NULL;

    if (decode(text, &plan, &error) != LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(error.text, "");
    again = maintenance_encode("controller:alice", &around, &plan);
    if (!json_equal(json_object_get(again, "maintenance"),
                    json_object_get(claims, "maintenance")))
        fail_msg("%s: %s", name, bodies_text(again));
    assert_string_equal(json_string_value(json_object_get(again, "aud")),
                        "group:lobby");
    assert_int_equal(json_integer_value(json_object_get(again, "exp")), 2000);
    json_decref(again);
    json_decref(claims);
    maintenance_deinit(&plan);
}

static void refuse(const char *name, const char *text)
{
    json_t *claims = bodies_json(text);
    const char *part = json_string_value(json_object_get(claims, "detail"));
    struct maintenance plan;
    struct json_error error = {""};

    if (decode(text, &plan, &error) != LASTCALL_INVALID_REQUEST)
        fail_msg("%s: accepted", name);
    if (part == NULL || strstr(error.text, part) == NULL)
        fail_msg("%s: %s", name, error.text);
    assert_null(plan.message);
    assert_null(plan.reason);
    assert_null(plan.where.nodes);
    assert_int_equal(decode(text, &plan, NULL), LASTCALL_INVALID_REQUEST);
    json_decref(claims);
}

/* holds 8.1, 8.2 */
static void plans_that_are_good(void **state)
{
    (void)state;
    case_files_each("maintenance", "accept-", accept);
}

/* holds 8.1, 8.2 */
static void plans_that_are_refused(void **state)
{
    (void)state;
    case_files_each("maintenance", "refuse-", refuse);
}

/* holds 8.3 */
static void a_cancelled_plan_needs_its_id_alone(void **state)
{
    struct maintenance plan;

    (void)state;
    assert_int_equal(decode("{\"maintenance\":{\"id\":\"p\","
                            "\"cancelled\":true}}",
                            &plan, NULL),
                     LASTCALL_OK);
    assert_true(plan.cancelled);
    assert_int_equal(plan.starts_ms, 0);
    assert_int_equal(plan.action, ACTION_END);
    maintenance_deinit(&plan);
    assert_int_equal(decode("{\"maintenance\":{\"id\":\"p\","
                            "\"cancelled\":false}}",
                            &plan, NULL),
                     LASTCALL_INVALID_REQUEST);
}

/* holds 8.4 */
static void a_plans_times(void **state)
{
    static const struct {
        int64_t iat_s, exp_s, ends_s, now_s;
        enum lastcall_status expected;
    } rows[] = {
        {1000, 5000, 5000, 1000, LASTCALL_OK},
        {1000, 5000, 5001, 1000, LASTCALL_INVALID_REQUEST},
        {1000, 999, 0, 1000, LASTCALL_INVALID_REQUEST},
        {1000, 1000 + 400 * 86400, 5000, 1000, LASTCALL_OK},
        {1000, 1001 + 400 * 86400, 5000, 1000, LASTCALL_INVALID_REQUEST},
        {1000, 5000, 5000, 970, LASTCALL_OK},
        {1000, 5000, 5000, 969, LASTCALL_NOT_YET_VALID},
        {1000, 5000, 5000, 5029, LASTCALL_OK},
        {1000, 5000, 5000, 5030, LASTCALL_EXPIRED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct command_claims claims = {.iat_s = rows[i].iat_s,
                                              .exp_s = rows[i].exp_s};
        const struct maintenance plan = {.ends_ms =
                                             rows[i].ends_s * MOMENT_MS_PER_S};
        struct json_error detail = {"before"};

        if (maintenance_check_times(&claims, &plan, rows[i].now_s, 30,
                                    &detail) != rows[i].expected)
            fail_msg("row %zu: %s", i, detail.text);
        assert_int_equal(detail.text[0] == '\0',
                         rows[i].expected == LASTCALL_OK);
    }
}

/* holds 8.5 */
static void a_steps_id_is_the_same_everywhere(void **state)
{
    const struct name id = {"patch-1"};
    struct request_id step;
    char text[200];

    (void)state;
    /* printf 'lastcall-maintenance\npatch-1\n1763712000\nwarn:300' |
     * openssl dgst -sha256 -binary | basenc --base64url */
    assert_int_equal(maintenance_step_id(&id, 1763712000, "warn:300", &step),
                     LASTCALL_OK);
    assert_string_equal(step.text,
                        "GdhL05E543UdxQ-WmAYa_-fQoEE--_HhcXiiA9N6VDA");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(maintenance_step_id(&id, 0, text, &step),
                     LASTCALL_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_that_are_good),
        cmocka_unit_test(plans_that_are_refused),
        cmocka_unit_test(a_cancelled_plan_needs_its_id_alone),
        cmocka_unit_test(a_plans_times),
        cmocka_unit_test(a_steps_id_is_the_same_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
