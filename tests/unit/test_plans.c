/* Retained maintenance plans, and the rows that the fleet's word makes. */
#include "controller/plan_progress.h"
#include "tests/unit/fleet_keys.h"

#define PHASE_SIZE 16
#define ROW_MAX 8

static struct fleet_keys fleet;
static struct member alice;
static struct member media;
static struct member desk;
static struct plans plans;
static int64_t now_ms;
static int64_t told_starts_ms;
static bool is_cancelled; /* what plan_token() makes */
static struct registry registry;

static int set_up(void **state)
{
    (void)state;
    fleet_keys_init(&fleet);
    member_init(&alice, &fleet.root, SUBJECT_CONTROLLER, "alice", NULL);
    member_init(&media, &fleet.root, SUBJECT_HOST, "media-01", "lobby");
    member_init(&desk, &fleet.root, SUBJECT_HOST, "desk-07", NULL);
    plans = (struct plans){0};
    registry = (struct registry){0};
    now_ms = FLEET_NOW_S * 1000;
    told_starts_ms = now_ms;
    is_cancelled = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plans_deinit(&plans);
    registry_deinit(&registry);
    member_deinit(&alice);
    member_deinit(&media);
    member_deinit(&desk);
    fleet_keys_deinit(&fleet);
    return 0;
}

static char *plan_token(const struct member *member, const char *audience,
                        const char *id, int64_t iat_s)
{
    struct command_claims claims = {
        .jti = {"0123456789abcdef"}, .iat_s = iat_s, .exp_s = iat_s + 9000};
    struct maintenance plan = {
        .id = fleet_name(id),
        .starts_ms = FLEET_NOW_S * 1000,
        .ends_ms = FLEET_NOW_S * 1000 + 60000,
        .action = ACTION_END,
        .cancelled = is_cancelled,
    };

    assert_int_equal(address_parse(audience, &claims.audience), LASTCALL_OK);
    return fleet_sign(TOKEN_MAINTENANCE, &member->key, member->grant,
                      maintenance_encode(member->subject, &claims, &plan));
}

/* Hand a token over as a topic's; frees it. */
static enum lastcall_status take(const char *topic, char *token)
{
    struct topic_parts parts;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    assert_int_equal(topic_parse("lastcall", topic, &parts), LASTCALL_OK);
    status = plans_take(&plans, &fleet.trust, &parts, token,
                        token == NULL ? 0 : strlen(token), FLEET_NOW_S);
    free(token);
    return status;
}

static void tell(const struct member *member, const char *host,
                 enum host_state state, const char *plan, enum plan_phase phase)
{
    struct status_plan told = {
        .id = fleet_name(plan == NULL ? "" : plan),
        .issuer = "controller:alice",
        .action = ACTION_END,
        .starts_ms = told_starts_ms,
        .ends_ms = told_starts_ms + 60000,
        .phase = phase,
        .ended = 3,
    };
    struct host_status status = {
        .state = state,
        .boot_id = "boot",
        .version = "0.1.0",
        .protocol = 1,
        .os = "test",
        .clock_ms = FLEET_NOW_S * 1000,
        .plans = &told,
        .plan_count = plan != NULL,
    };
    const struct topic_parts parts = {.kind = TOPIC_STATUS,
                                      .host = fleet_name(host)};
    struct bytes message;
    struct news news;
    struct json_error why;
    char *token = fleet_sign(
        TOKEN_STATUS, &member->key, member->grant,
        host_status_encode(member->subject, FLEET_NOW_S, "jti", &status));

    bytes_init(&message, TOKEN_RESULT_BYTES_MAX);
    assert_int_equal(bytes_append_text(&message, token), LASTCALL_OK);
    free(token);
    assert_int_equal(news_open(&fleet.trust, &parts, &message,
                               FLEET_NOW_S * 1000, &news, &why),
                     LASTCALL_OK);
    assert_int_equal(registry_take(&registry, &news), LASTCALL_OK);
    bytes_deinit(&message);
}

struct seen {
    size_t count;
    struct {
        char host[NAME_LEN_MAX + 1];
        char id[NAME_LEN_MAX + 1];
        char phase[PHASE_SIZE];
        bool is_over;
        bool is_told;
    } rows[ROW_MAX];
};

static void see(void *context, const struct plan_row *row)
{
    struct seen *seen = context;
    json_t *record = plan_row_record(row);

    assert_non_null(record);
    assert_true(seen->count < ROW_MAX);
    (void)snprintf(seen->rows[seen->count].host, NAME_LEN_MAX + 1, "%s",
                   row->host->name.text);
    (void)snprintf(seen->rows[seen->count].id, NAME_LEN_MAX + 1, "%s",
                   row->id.text);
    (void)snprintf(seen->rows[seen->count].phase, PHASE_SIZE, "%s", row->phase);
    seen->rows[seen->count].is_over = plan_row_is_over(row, now_ms);
    seen->rows[seen->count].is_told = row->is_told;
    seen->count++;
    json_decref(record);
}

static struct seen see_rows(const char *id)
{
    const struct target everybody = {0};
    const struct name only = fleet_name(id == NULL ? "" : id);
    struct seen seen = {0};

    plan_rows_each(&registry, &plans, id == NULL ? NULL : &only, &everybody,
                   see, &seen);
    return seen;
}

static void test_the_newest_word_on_a_plan_stays(void **state)
{
    (void)state;
    assert_int_equal(take("lastcall/v1/all/maintenance/a",
                          plan_token(&alice, "all", "a", FLEET_NOW_S - 5)),
                     LASTCALL_OK);
    assert_int_equal(take("lastcall/v1/all/maintenance/a",
                          plan_token(&alice, "all", "a", FLEET_NOW_S)),
                     LASTCALL_OK);
    assert_int_equal(take("lastcall/v1/all/maintenance/a",
                          plan_token(&alice, "all", "a", FLEET_NOW_S - 9)),
                     LASTCALL_OK);
    assert_int_equal(plans.count, 1);
    assert_int_equal(plans.items[0].iat_s, FLEET_NOW_S);
    assert_string_equal(plans.items[0].issuer, "controller:alice");
    /* The broker's place is empty. */
    assert_int_equal(take("lastcall/v1/all/maintenance/a", NULL), LASTCALL_OK);
    assert_int_equal(plans.count, 0);
}

static void test_what_nobody_may_plan_is_refused(void **state)
{
    (void)state;
    /* A host signed it; another address; another id. */
    assert_int_not_equal(take("lastcall/v1/all/maintenance/a",
                              plan_token(&media, "all", "a", FLEET_NOW_S)),
                         LASTCALL_OK);
    assert_int_not_equal(
        take("lastcall/v1/all/maintenance/a",
             plan_token(&alice, "group:lobby", "a", FLEET_NOW_S)),
        LASTCALL_OK);
    assert_int_not_equal(take("lastcall/v1/all/maintenance/b",
                              plan_token(&alice, "all", "a", FLEET_NOW_S)),
                         LASTCALL_OK);
    assert_int_not_equal(
        take("lastcall/v1/all/maintenance/a", bytes_copy_text("nonsense")),
        LASTCALL_OK);
    assert_int_equal(plans.count, 0);
    assert_int_equal(plans.refused_count, 4);
}

static void test_a_row_for_each_host_that_a_plan_reaches(void **state)
{
    struct seen seen;

    (void)state;
    tell(&desk, "desk-07", HOST_ONLINE, "other", PLAN_DONE);
    tell(&media, "media-01", HOST_ONLINE, "a", PLAN_ENFORCING);
    assert_int_equal(take("lastcall/v1/group/lobby/maintenance/a",
                          plan_token(&alice, "group:lobby", "a", FLEET_NOW_S)),
                     LASTCALL_OK);
    assert_int_equal(take("lastcall/v1/all/maintenance/b",
                          plan_token(&alice, "all", "b", FLEET_NOW_S)),
                     LASTCALL_OK);
    seen = see_rows(NULL);
    assert_int_equal(seen.count, 4);
    assert_string_equal(seen.rows[0].host, "desk-07");
    assert_string_equal(seen.rows[0].id, "other");
    assert_string_equal(seen.rows[0].phase, "done");
    assert_true(seen.rows[0].is_over);
    assert_string_equal(seen.rows[1].id, "b");
    assert_string_equal(seen.rows[1].phase, PLAN_ROW_WAITING);
    assert_false(seen.rows[1].is_over);
    assert_string_equal(seen.rows[2].host, "media-01");
    assert_string_equal(seen.rows[2].phase, "enforcing");
    assert_false(seen.rows[2].is_over);
    assert_string_equal(seen.rows[3].id, "b");
    assert_int_equal(see_rows("a").count, 1);
    assert_int_equal(see_rows("nobody").count, 0);
}

static void test_a_host_that_is_off_is_said_so(void **state)
{
    struct seen seen;

    (void)state;
    tell(&media, "media-01", HOST_OFFLINE, NULL, PLAN_DONE);
    assert_int_equal(
        take("lastcall/v1/host/media-01/maintenance/a",
             plan_token(&alice, "host:media-01", "a", FLEET_NOW_S)),
        LASTCALL_OK);
    seen = see_rows(NULL);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.rows[0].phase, PLAN_ROW_OFFLINE);
    assert_true(seen.rows[0].is_over);
}

/* It told of as many as its status holds. */
static void test_a_host_that_left_plans_out_may_have_one_of_them(void **state)
{
    struct seen seen;

    (void)state;
    tell(&media, "media-01", HOST_ONLINE, "other", PLAN_DONE);
    assert_int_equal(
        take("lastcall/v1/host/media-01/maintenance/a",
             plan_token(&alice, "host:media-01", "a", FLEET_NOW_S)),
        LASTCALL_OK);
    assert_string_equal(see_rows("a").rows[0].phase, PLAN_ROW_WAITING);
    registry.hosts[0]->status.plan_total++;
    seen = see_rows("a");
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.rows[0].phase, PLAN_ROW_UNLISTED);
    assert_false(seen.rows[0].is_over);
}

static void publish(const char *audience, int64_t iat_s)
{
    assert_int_equal(take("lastcall/v1/all/maintenance/a",
                          plan_token(&alice, audience, "a", iat_s)),
                     LASTCALL_OK);
}

static struct seen see_media(enum plan_phase phase)
{
    struct seen seen;

    tell(&media, "media-01", HOST_ONLINE, "a", phase);
    seen = see_rows("a");
    assert_int_equal(seen.count, 1);
    return seen;
}

static void test_a_word_on_an_older_version_is_not_the_last(void **state)
{
    struct seen seen;

    (void)state;
    publish("all", FLEET_NOW_S);
    seen = see_media(PLAN_DONE);
    assert_true(seen.rows[0].is_told);
    assert_true(seen.rows[0].is_over);
    told_starts_ms -= 1000; /* of the version before */
    seen = see_media(PLAN_DONE);
    assert_false(seen.rows[0].is_told);
    assert_false(seen.rows[0].is_over);
    assert_string_equal(seen.rows[0].phase, "done");
    /* Nobody waits for it past its end. */
    now_ms += 60000;
    assert_true(see_media(PLAN_SCHEDULED).rows[0].is_over);
}

static void test_a_cancellation_is_told_of_when_nothing_more_comes(void **state)
{
    struct seen seen;

    (void)state;
    is_cancelled = true;
    publish("all", FLEET_NOW_S);
    seen = see_media(PLAN_ENFORCING);
    assert_false(seen.rows[0].is_told);
    assert_false(seen.rows[0].is_over);
    now_ms += 60000;
    assert_false(see_media(PLAN_ENFORCING).rows[0].is_over);
    now_ms += INT64_C(9000) * 1000; /* no token of it is believed any more */
    assert_true(see_media(PLAN_ENFORCING).rows[0].is_over);
    seen = see_media(PLAN_CANCELLED);
    assert_true(seen.rows[0].is_told);
    assert_true(seen.rows[0].is_over);
    /* It is planned anew. */
    is_cancelled = false;
    publish("all", FLEET_NOW_S + 1);
    assert_false(see_media(PLAN_CANCELLED).rows[0].is_told);
}

/* holds 8.15 */
static void test_of_one_second_the_cancellation_wins(void **state)
{
    (void)state;
    publish("all", FLEET_NOW_S);
    is_cancelled = true;
    /* At another address, too. */
    assert_int_equal(take("lastcall/v1/group/lobby/maintenance/a",
                          plan_token(&alice, "group:lobby", "a", FLEET_NOW_S)),
                     LASTCALL_OK);
    assert_true(see_media(PLAN_CANCELLED).rows[0].is_told);
    assert_false(plans.items[0].body.cancelled);
    publish("all", FLEET_NOW_S);
    assert_true(plans.items[0].body.cancelled);
    is_cancelled = false;
    publish("all", FLEET_NOW_S);
    assert_true(plans.items[0].body.cancelled);
    assert_int_equal(plans.count, 2);
}

static void pass_over(struct output *output, const json_t *record)
{
    (void)output;
    (void)record;
}

static const struct output_writer nowhere = {
    .name = "nowhere",
    .record = pass_over,
};

/* The figures of plan "a"; how many rows were shown of those that changed. */
static struct plan_account add_up(struct plan_shown *shown, size_t *shown_count)
{
    const struct target everybody = {0};
    const struct name id = fleet_name("a");
    const struct plan_view view = {&registry, &plans, &id, &everybody};
    struct plan_account account;
    struct output output = {0};

    output_begin(&output, &nowhere, &plan_rows_layout, stderr, json_object());
    assert_int_equal(
        plan_progress_take(&view, shown, &output, now_ms, &account),
        LASTCALL_OK);
    *shown_count = output.record_count;
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_OK);
    return account;
}

static void test_a_row_is_shown_when_it_changes(void **state)
{
    struct plan_shown shown = {0};
    size_t count = 0;

    (void)state;
    publish("all", FLEET_NOW_S);
    tell(&desk, "desk-07", HOST_ONLINE, "a", PLAN_SCHEDULED);
    tell(&media, "media-01", HOST_ONLINE, "other", PLAN_DONE);
    assert_int_equal(add_up(&shown, &count).unfinished, 2);
    assert_int_equal(count, 2);
    (void)add_up(&shown, &count);
    assert_int_equal(count, 0);
    tell(&media, "media-01", HOST_ONLINE, "a", PLAN_SCHEDULED);
    (void)add_up(&shown, &count);
    assert_int_equal(count, 1);
    registry.hosts[0]->status.plans[0].failed = 1; /* and nothing else */
    (void)add_up(&shown, &count);
    assert_int_equal(count, 1);
    tell(&desk, "desk-07", HOST_ONLINE, "a", PLAN_DONE);
    tell(&media, "media-01", HOST_ONLINE, "a", PLAN_DONE);
    assert_int_equal(add_up(&shown, &count).unfinished, 0);
    assert_int_equal(count, 2);
    (void)add_up(NULL, &count); /* who has shown nothing shows all */
    assert_int_equal(count, 2);
    plan_shown_deinit(&shown);
}

static void test_the_rows_are_added_up(void **state)
{
    struct plan_account account;
    const struct name id = fleet_name("a");
    char line[PLAN_PROGRESS_TEXT_SIZE];
    json_t *summary = NULL;
    size_t count = 0;

    (void)state;
    publish("all", FLEET_NOW_S);
    tell(&desk, "desk-07", HOST_ONLINE, "a", PLAN_MISSED);
    tell(&media, "media-01", HOST_OFFLINE, NULL, PLAN_DONE);
    account = add_up(NULL, &count);
    assert_int_equal(account.rows, 2);
    assert_int_equal(account.offline, 1);
    assert_int_equal(account.untold, 0);
    assert_int_equal(account.failed, 1); /* it missed it */
    plan_progress_format(&account, &id, line);
    assert_string_equal(line, "2 hosts: 1 offline, 1 missed; 0 sessions "
                              "warned, 3 ended, 0 failed");
    summary = plan_progress_summary(&account, &id);
    assert_non_null(summary);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(summary, "phases"), "missed")),
                     1);
    assert_int_equal(
        json_integer_value(json_object_get(summary, "sessions_ended")), 3);
    json_decref(summary);
    /* Not told; refused; a row of all plans. */
    tell(&media, "media-01", HOST_ONLINE, "other", PLAN_DONE);
    tell(&desk, "desk-07", HOST_ONLINE, "a", PLAN_REFUSED);
    account = add_up(NULL, &count);
    assert_int_equal(account.offline, 0);
    assert_int_equal(account.untold, 1);
    assert_int_equal(account.refused, 1);
    assert_int_equal(account.failed, 0);
    account.rows = 1;
    plan_progress_format(&account, NULL, line);
    assert_string_equal(line, "1 row: 1 waiting, 1 refused; 0 sessions "
                              "warned, 3 ended, 0 failed");
}

/* What hosts say may be as large as a number gets. */
static void test_no_sum_of_the_rows_overflows(void **state)
{
    struct plan_account account;
    size_t count = 0;

    (void)state;
    publish("all", FLEET_NOW_S);
    tell(&desk, "desk-07", HOST_ONLINE, "a", PLAN_DONE);
    tell(&media, "media-01", HOST_ONLINE, "a", PLAN_DONE);
    for (size_t i = 0; i < registry.count; i++) {
        struct status_plan *told = &registry.hosts[i]->status.plans[0];

        told->warned = INT64_MAX;
        told->ended = INT64_MAX;
        told->failed = INT64_MAX;
    }
    account = add_up(NULL, &count);
    assert_int_equal(count, 2);
    assert_int_equal(account.sessions_warned, INT64_MAX);
    assert_int_equal(account.sessions_ended, INT64_MAX);
    assert_int_equal(account.sessions_failed, INT64_MAX);
}

/* Whether a controller with one rule may take the place of alice's plan for
 * the group "lobby", which ends sessions and gives neither reason nor filter.
 */
static bool may_replace(const char *subject, const char *permit)
{
    const struct name id = fleet_name("patch");
    struct permit_rule rule;
    struct grant grant = {
        .kind = SUBJECT_CONTROLLER, .rules = &rule, .rule_count = 1};
    bool answer = false;

    assert_int_equal(permit_rule_parse(permit, &rule), LASTCALL_OK);
    (void)snprintf(grant.subject, sizeof grant.subject, "%s", subject);
    answer = plans_find_foreign(&plans, &id, &grant) == NULL;
    permit_rule_deinit(&rule);
    return answer;
}

static void test_anothers_plan_needs_a_right_of_its_own(void **state)
{
    const struct name other_id = fleet_name("other");
    const struct grant nobody = {.subject = "controller:bob"};

    (void)state;
    assert_int_equal(
        take("lastcall/v1/group/lobby/maintenance/patch",
             plan_token(&alice, "group:lobby", "patch", FLEET_NOW_S)),
        LASTCALL_OK);
    assert_true(may_replace("controller:alice", "plex:list@host:x"));
    assert_true(may_replace("controller:bob", "*:*@*"));
    assert_true(may_replace("controller:bob", "plex:end@group:lobby"));
    assert_true(may_replace("controller:bob", "wts:end@group:*"));
    assert_false(may_replace("controller:bob", "*:*@group:office"));
    assert_false(may_replace("controller:bob", "*:message@*"));
    assert_false(may_replace("controller:bob", "*:*@*!reason"));
    assert_false(may_replace("controller:bob", "*:*@*!where"));
    assert_non_null(
        plans_find_foreign(&plans, &(struct name){"patch"}, &nobody));
    assert_null(plans_find_foreign(&plans, &other_id, &nobody));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_newest_word_on_a_plan_stays,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_nobody_may_plan_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_row_for_each_host_that_a_plan_reaches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_that_is_off_is_said_so,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_host_that_left_plans_out_may_have_one_of_them, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_word_on_an_older_version_is_not_the_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_of_one_second_the_cancellation_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_cancellation_is_told_of_when_nothing_more_comes, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_a_row_is_shown_when_it_changes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_rows_are_added_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_sum_of_the_rows_overflows,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_anothers_plan_needs_a_right_of_its_own, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
