#include "tests/unit/plan_stage.h"

/* Which plans a host takes.  Server "one" has terminal sessions, server "two"
 * is a Plex. */

/* holds 8.7, 8.8 */
static void what_is_wrong_with_a_plan_is_answered_once(void **state)
{
    struct plan rows[] = {plan_now(), plan_now(), plan_now(), plan_now(),
                          plan_now()};
    static const enum lastcall_status codes[] = {
        LASTCALL_INVALID_REQUEST, LASTCALL_INVALID_REQUEST,
        LASTCALL_INVALID_REQUEST, LASTCALL_NOT_YET_VALID,
        LASTCALL_INVALID_REQUEST};
    struct request_id first;

    (void)state;
    rows[0].id = "other"; /* on the topic of patch */
    rows[0].topic_id = "patch";
    rows[1].audience = "group:lobby"; /* on the topic of all */
    rows[2].topic = "group/kitchen";  /* not ours */
    rows[2].audience = "group:kitchen";
    rows[3].iat_shift_s = 3600;
    rows[3].exp_shift_s = 3600;
    rows[4].exp_shift_s = -7000; /* before ends_at */
    fake_play(0, "2", "ann");
    start_wts();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* Each has an iat of its own, for the id of its answer. */
        rows[i].iat_shift_s += (int64_t)i;
        publish(&rows[i]);
        expect_step("start", codes[i], 0);
        await_phase(PLAN_REFUSED);
        first = step_id("start"); /* a second later it is another plan */
        publish(&rows[i]);
        rest(i % 2 == 0 ? "rest-0123456789abcdef0" : "rest-0123456789abcdef1");
        assert_int_equal(count_results_now(first.text), 1);
    }
    assert_int_equal(act_count(), 0);
    /* The right one is taken all the same. */
    rows[0] = plan_now();
    rows[0].iat_shift_s = 10;
    publish(&rows[0]);
    expect_step("start", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    stop(INBOX_STOP);
}

/* holds 8.7 */
static void what_is_not_proved_is_dropped(void **state)
{
    struct plan plan = plan_now();
    struct key other;

    (void)state;
    assert_int_equal(key_generate(&other), LASTCALL_OK);
    fake_play(0, "2", "ann");
    start_wts();
    plan.signer = &other;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_results_now(step_id("start").text), 0);
    assert_int_equal(counters_read(&stage.counters, COUNTER_DROPPED), 1);
    assert_int_equal(latest_plan().phase, PLAN_PHASE_COUNT);
    stop(INBOX_STOP);
    key_deinit(&other);
}

/* A controller with a permit of its own. */
struct other {
    struct key key;
    char *grant;
};

static void other_init(struct other *out, const char *name, const char *permit)
{
    assert_int_equal(key_generate(&out->key), LASTCALL_OK);
    out->grant =
        fake_grant(&stage.fleet.root, SUBJECT_CONTROLLER, name, &out->key,
                   permit, wall_ms() / S + INT64_C(100) * 3600);
}

static void other_deinit(struct other *other)
{
    key_deinit(&other->key);
    free(other->grant);
}

/* holds 8.8 */
static void a_permit_must_allow_the_ending_and_the_warnings(void **state)
{
    static const struct {
        const char *permit;
        bool has_warning;
        enum lastcall_status code;
    } rows[] = {
        {"*:list@*", false, LASTCALL_FORBIDDEN},
        {"*:end@host:*", false, LASTCALL_FORBIDDEN},
        {"plex:end@*", false, LASTCALL_FORBIDDEN},
        {"*:end@*", true, LASTCALL_FORBIDDEN},
        {"*:end@*!where", false, LASTCALL_FORBIDDEN},
        {"*:end@*!limit", false, LASTCALL_FORBIDDEN},
        {"*:end@*!reason", false, LASTCALL_OK},
        {"*:end,message@*", true, LASTCALL_OK},
    };

    (void)state;
    start_wts();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan plan = rows[i].has_warning ? plan_soon() : plan_now();
        struct other other;
        struct result result;

        other_init(&other, "alice", rows[i].permit);
        plan.signer = &other.key;
        plan.grant = other.grant;
        plan.iat_shift_s = (int64_t)i;
        publish(&plan);
        result = await_step(rows[i].has_warning ? "warn:300" : "start");
        if ((result.code == LASTCALL_FORBIDDEN) !=
            (rows[i].code == LASTCALL_FORBIDDEN))
            fail_msg("%s: %s", rows[i].permit, status_name(result.code));
        result_deinit(&result);
        other_deinit(&other);
    }
    stop(INBOX_STOP);
}

/* holds 8.15 */
static void who_may_not_end_may_not_call_off(void **state)
{
    struct plan plan = plan_soon();
    struct other bob;
    struct other carol;

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    other_init(&bob, "bob", "*:list@*");
    other_init(&carol, "carol", "*:end,message@*");
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    plan.body.cancelled = true;
    plan.issuer = "controller:bob";
    plan.signer = &bob.key;
    plan.grant = bob.grant;
    plan.iat_shift_s = 1;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(latest_plan().phase, PLAN_WARNING);
    assert_int_equal(count_topic_now("result/bob/"), 1);
    plan.issuer = "controller:carol";
    plan.signer = &carol.key;
    plan.grant = carol.grant;
    plan.iat_shift_s = 2;
    publish(&plan);
    await_phase(PLAN_CANCELLED);
    assert_string_equal(latest_plan().issuer, "controller:carol");
    stop(INBOX_STOP);
    other_deinit(&bob);
    other_deinit(&carol);
}

/* holds 8.15 */
static void who_may_do_less_may_not_replace(void **state)
{
    struct plan plan = plan_soon();
    struct other bob;

    (void)state;
    start_wts();
    other_init(&bob, "bob", "plex:stop@*");
    fake_play(0, "2", "ann");
    publish(&plan);
    await_phase(PLAN_WARNING);
    plan = plan_now();
    plan.body.action = ACTION_STOP;
    plan.issuer = "controller:bob";
    plan.signer = &bob.key;
    plan.grant = bob.grant;
    plan.iat_shift_s = 1;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_topic_now("result/bob/"), 1);
    assert_int_equal(latest_plan().phase, PLAN_WARNING);
    stop(INBOX_STOP);
    other_deinit(&bob);
}

/* holds 8.15 */
static void a_plan_that_is_long_over_does_not_come_back(void **state)
{
    struct plan plan = plan_now();
    struct other alice;
    int64_t iat_s = 0;

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    other_init(&alice, "alice", "*:*@*");
    plan.signer = &alice.key;
    plan.grant = alice.grant;
    plan.exp_shift_s = INT64_C(72) * 3600;
    publish(&plan);
    await_phase(PLAN_DONE);
    iat_s = last_iat_s;
    shift_wall(INT64_C(30) * 3600 * S);
    await_phase(PLAN_PHASE_COUNT); /* it is told of no more */
    shift_wall(0);
    plan.iat_shift_s = iat_s - wall_ms() / S;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(latest_plan().phase, PLAN_PHASE_COUNT);
    restart();
    plan.iat_shift_s = iat_s - wall_ms() / S;
    publish(&plan);
    rest("rest-0123456789abcdef1");
    assert_int_equal(latest_plan().phase, PLAN_PHASE_COUNT);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
    other_deinit(&alice);
}

/* holds 8.6 */
static void what_is_under_way_is_told_first(void **state)
{
    static const struct {
        const char *id;
        int64_t starts_in_s;
        bool enforce;
        size_t warn_count;
    } rows[] = {
        {"late", 3000, false, 2},   {"over", -1, false, 0},
        {"early", 100, false, 0},   {"older", -10, false, 0},
        {"warned", 250, false, 2},  {"under-way", -5, true, 0},
        {"at-once-b", -5, true, 0},
    };
    const int64_t now_ms = wall_ms();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan plan = plan_soon();

        plan.id = rows[i].id;
        plan.body.starts_ms = now_ms + rows[i].starts_in_s * S;
        plan.body.ends_ms = now_ms + 3600 * S;
        plan.body.enforce = rows[i].enforce;
        plan.body.warn_count = rows[i].warn_count;
        publish(&plan);
    }
    await_order("at-once-b under-way warned early late over older");
    stop(INBOX_STOP);
}

/* holds 8.8 */
static void a_key_that_is_revoked_before_a_step_ends_its_plan(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_plan(&plan, "warn:300");
    revoke_controller();
    shift_wall(260 * S);
    expect_step("start", LASTCALL_REVOKED, 0);
    await_phase(PLAN_REFUSED);
    stage.run_shift_ms = 100 * S;
    inbox_nudge(stage.inbox);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* holds 8.8 */
static void a_key_that_was_revoked_meanwhile_ends_its_plans(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_plan(&plan, "warn:300");
    stop(INBOX_STOP);
    free(stage.trust.revoked.entries);
    stage.trust.revoked.entries =
        calloc(1, sizeof(*stage.trust.revoked.entries));
    memcpy(stage.trust.revoked.entries[0].thumbprint,
           stage.fleet.controller_key.thumbprint,
           sizeof(stage.trust.revoked.entries[0].thumbprint));
    stage.trust.revoked.entries[0].before_s = wall_ms() / S + 60;
    stage.trust.revoked.count = 1;
    stage.wall_shift_ms = 300 * S;
    start_wts();
    stage.run_shift_ms = 60 * S;
    inbox_nudge(stage.inbox);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* As if so many bytes of answers to a controller were on record. */
#define FILL(issuer, bytes)                                                    \
    "INSERT INTO command (issuer, request_id, hash, audience, action, exp_s,"  \
    " received_ms, state, delivered, bytes) VALUES ('controller:" issuer "',"  \
    " 'filler', 'h', 'host:media-01', 'ping', 99999999999, 0, 2, 1, " bytes    \
    ");"

/* Begin over a journal that was changed: it is counted when it is opened. */
static void start_changed(const char *sql)
{
    stage.journal_sql = sql;
    start_wts();
    stop(INBOX_STOP);
    stage.journal_sql = NULL;
    start_wts();
}

/* holds 4.18 */
static void a_full_share_does_not_hold_up_a_plan(void **state)
{
    const struct wrong right = {0};
    struct plan plan = plan_now();

    (void)state;
    fake_play(0, "2", "ann");
    start_changed(FILL("alice", "536870912"));
    deliver("full-ping-0123456789", PING, &right);
    expect("full-ping-0123456789", LASTCALL_BUSY);
    publish(&plan);
    expect_step("start", LASTCALL_OK, 1);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* A ping that a full journal refuses: the pipeline has looked at its plans. */
static void be_refused(const char *jti)
{
    const struct wrong right = {0};

    deliver(jti, PING, &right);
    expect(jti, LASTCALL_BUSY);
}

/* holds 4.18, 8.10 */
static void
what_a_full_journal_refused_is_begun_when_there_is_room(void **state)
{
    struct plan plan = plan_soon();
    size_t count = 0;

    (void)state;
    fake_play(0, "2", "ann");
    start_changed(FILL("bob", "1073741824"));
    publish(&plan);
    expect_step("warn:300", LASTCALL_BUSY, 0);
    /* It is not tried again with whatever comes in. */
    stage.still_ms = platform_clock.monotonic_ms(platform_clock.state);
    be_refused("full-a-0123456789");
    be_refused("full-b-0123456789");
    count = count_results_now(step_id("warn:300").text);
    be_refused("full-c-0123456789");
    be_refused("full-d-0123456789");
    assert_int_equal(count_results_now(step_id("warn:300").text), count);
    stop(INBOX_STOP);
    stage.still_ms = 0;
    assert_int_equal(act_count(), 0);
    start_changed("DELETE FROM command WHERE issuer = 'controller:bob';");
    await_counts(1, 0);
    assert_int_equal(count_results_now(step_id("warn:300:2").text), 0);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_with_a_plan_is_answered_once),
        TEST(what_is_not_proved_is_dropped),
        TEST(a_permit_must_allow_the_ending_and_the_warnings),
        TEST(who_may_not_end_may_not_call_off),
        TEST(who_may_do_less_may_not_replace),
        TEST(a_plan_that_is_long_over_does_not_come_back),
        TEST(what_is_under_way_is_told_first),
        TEST(a_key_that_is_revoked_before_a_step_ends_its_plan),
        TEST(a_key_that_was_revoked_meanwhile_ends_its_plans),
        TEST(a_full_share_does_not_hold_up_a_plan),
        TEST(what_a_full_journal_refused_is_begun_when_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
