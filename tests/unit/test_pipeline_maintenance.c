#include "tests/unit/plan_stage.h"

/* Server "one" has terminal sessions, server "two" is a Plex. */

/* holds 8.5, 8.6, 8.9, 8.12 */
static void a_plan_warns_ends_and_reports(void **state)
{
    struct plan plan = plan_soon();
    struct result result;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "bob");
    fake_play(1, "p", "cat");
    start_wts();
    publish(&plan);
    result = await_step("warn:300");
    assert_int_equal(result.code, LASTCALL_OK);
    assert_int_equal(result.action, ACTION_MESSAGE);
    assert_int_equal(result.matched, 2);
    assert_int_equal(result.server_count, 1);
    result_deinit(&result);
    await_phase(PLAN_WARNING);
    await_counts(2, 0);
    shift_wall(251 * S);
    result = await_step("start");
    assert_int_equal(result.code, LASTCALL_OK);
    assert_int_equal(result.matched, 3);
    result_deinit(&result);
    await_phase(PLAN_DONE);
    await_counts(2, 3);
    assert_int_equal(latest_plan().failed, 0);
    assert_string_equal(latest_plan().issuer, "controller:alice");
    assert_int_equal(count_results_now(step_id("warn:60").text), 0);
    assert_int_equal(act_count(), 5);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void nothing_is_done_again_after_a_restart(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_plan(&plan, "warn:300");
    restart();
    rest("rest-0123456789abcdef0");
    shift_wall(260 * S);
    expect_step("start", LASTCALL_OK, 1);
    restart();
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 2);
    await_phase(PLAN_DONE);
    await_counts(1, 1);
    stop(INBOX_STOP);
}

/* holds 8.15; the broker sends it again with each connect */
static void a_plan_that_comes_again_is_not_begun_again(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    begin_plan(&plan, "start");
    await_phase(PLAN_DONE);
    fake_play(0, "3", "bob");
    plan.iat_shift_s = last_iat_s - wall_ms() / S;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms += 2 * MAINTENANCE_SETTLE_MS;
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 1);
    await_counts(0, 1);
    stop(INBOX_STOP);
}

/* holds 8.12 */
static void what_is_nobodys_is_left_alone(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    plan.body.action = ACTION_LOGOFF;
    fake_play(0, "1", "");
    fake_servers[0].sessions[0].is_nobodys = true;
    begin_plan(&plan, "warn:300");
    shift_wall(260 * S);
    expect_step("start", LASTCALL_OK, 1);
    assert_int_equal(act_count(), 2);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void what_was_kept_needs_no_broker(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_plan(&plan, "warn:300");
    stop(INBOX_STOP);
    stage.wall_shift_ms = 300 * S;
    start_wts(); /* and no plan is published again */
    expect_step("start", LASTCALL_OK, 1);
    stop(INBOX_STOP);
}

/* holds 8.14 */
static void a_plan_that_was_called_off_meanwhile_is_not_begun(void **state)
{
    struct plan plan = plan_soon();
    size_t before = 0;

    (void)state;
    begin_plan(&plan, "warn:300");
    stop(INBOX_STOP);
    stage.wall_shift_ms = 300 * S;
    before = count_topic_now("/status");
    start_wts();
    await_topic("/status", before + 1);
    rest("rest-0123456789abcdef2"); /* connected, and no plan came yet */
    plan.body.cancelled = true;
    plan.iat_shift_s = last_iat_s - wall_ms() / S; /* of the same second */
    publish(&plan); /* as the broker sends it after the connect */
    await_phase(PLAN_CANCELLED);
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms = MAINTENANCE_SETTLE_MS * 2;
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 8.14, 8.15 */
static void the_highest_iat_wins(void **state)
{
    struct plan plan = plan_soon();
    struct plan bare = {.body = {.cancelled = true, .action = ACTION_END},
                        .iat_shift_s = -20};

    (void)state;
    begin_plan(&plan, "warn:300");
    publish(&bare); /* older: nothing */
    bare.iat_shift_s = 0;
    bare.topic = "host/media-01";
    bare.audience = "host:media-01";
    rest("rest-0123456789abcdef0");
    assert_int_equal(latest_plan().phase, PLAN_WARNING);
    bare.iat_shift_s = 5;
    publish(&bare);
    await_phase(PLAN_CANCELLED);
    assert_true(latest_plan().starts_ms > 0);
    /* The old one is still retained somewhere. */
    publish(&plan);
    restart();
    publish(&plan);
    rest("rest-0123456789abcdef1");
    await_phase(PLAN_CANCELLED);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

static bool is_two_acts(const void *context)
{
    (void)context;
    return fake_servers[0].acts == 2;
}

/* holds 8.9 */
static void who_comes_later_is_ended_too(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    plan.body.enforce = true;
    plan.body.ends_ms = wall_ms() + 600 * S;
    begin_plan(&plan, "start");
    await_phase(PLAN_ENFORCING);
    fake_play(0, "7", "bob");
    executor_hint(stage.executors[0]);
    expect_step("enforce:1", LASTCALL_OK, 1);
    assert_true(fake_await(is_two_acts, NULL));
    /* Who is disconnected stays so, and is nobody new. */
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms = 2 * MAINTENANCE_ENDED_MS;
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef1");
    assert_int_equal(count_results_now(step_id("enforce:2").text), 0);
    /* Who comes back is, and at once. */
    fake_lock();
    snprintf(fake_servers[0].sessions[1].state,
             sizeof(fake_servers[0].sessions[1].state), "active");
    fake_unlock();
    executor_hint(stage.executors[0]);
    expect_step("enforce:2", LASTCALL_OK, 1);
    fake_lock();
    snprintf(fake_servers[0].sessions[1].state,
             sizeof(fake_servers[0].sessions[1].state), "active");
    fake_unlock();
    executor_hint(stage.executors[0]);
    expect_step("enforce:3", LASTCALL_OK, 1);
    /* After the end nobody is. */
    shift_wall(700 * S);
    await_phase(PLAN_DONE);
    fake_play(0, "8", "cat");
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef2");
    assert_int_equal(act_count(), 4);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void a_server_that_was_away_at_the_start_is_owed_its_ending(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(1, "p", "bob");
    fake_servers[1].list_status = LASTCALL_UNREACHABLE;
    start_wts();
    publish(&plan);
    expect_step("start", LASTCALL_PARTIAL, 1);
    await_phase(PLAN_RUNNING);
    fake_lock();
    fake_servers[1].list_status = LASTCALL_OK;
    fake_unlock();
    executor_hint(stage.executors[1]);
    expect_step("start:2", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    await_counts(0, 2);
    stop(INBOX_STOP);
}

/* What server one told before the ending, and what comes only now. */
static void put_old_list(void)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct session session = {0};

    assert_non_null(snapshot);
    snapshot->outcome.code = LASTCALL_OK;
    snapshot->taken_ms = 1; /* long ago */
    assert_int_equal(session_set_text(&session, SESSION_ID, "2"), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, "ann"),
                     LASTCALL_OK);
    assert_int_equal(session_list_take(&snapshot->sessions, &session),
                     LASTCALL_OK);
    inbox_put_snapshot(stage.inbox, snapshot);
}

/* holds 8.9; the clock stands, since it is about seconds */
static void a_list_from_before_the_ending_finds_nobody_new(void **state)
{
    struct plan plan = plan_now();
    const struct wrong right = {0};

    (void)state;
    plan.body.enforce = true;
    fake_play(0, "2", "ann");
    stage.still_ms = platform_clock.monotonic_ms(platform_clock.state);
    start_wts();
    publish(&plan);
    for (int i = 0; i < 2; i++) { /* ready, and a while after that */
        deliver(i == 0 ? "first-0123456789abcd" : "again-0123456789abcd", PING,
                &right);
        expect(i == 0 ? "first-0123456789abcd" : "again-0123456789abcd",
               LASTCALL_OK);
        stage.still_ms += 2 * MAINTENANCE_SETTLE_MS;
        inbox_nudge(stage.inbox);
    }
    expect_step("start", LASTCALL_OK, 1);
    /* It was done at the latest of these times or at the one before. */
    stage.still_ms += 2 * MAINTENANCE_AGAIN_FIRST_MS;
    put_old_list();
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_results_now(step_id("enforce:1").text), 0);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void two_plans_run_beside_each_other(void **state)
{
    struct plan plan = plan_now();
    struct plan other = plan_now();
    const struct name other_id = {"other"};
    struct request_id id;

    (void)state;
    plan.body.action = ACTION_DISCONNECT;
    other.body.action = ACTION_STOP;
    other.id = "other";
    fake_play(0, "2", "ann");
    fake_play(1, "p", "bob");
    start_wts();
    publish(&other);
    assert_int_equal(maintenance_step_id(&other_id, last_iat_s, "start", &id),
                     LASTCALL_OK);
    publish(&plan);
    expect_step("start", LASTCALL_OK, 1);
    expect(id.text, LASTCALL_OK);
    assert_int_equal(act_count(), 2);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void the_owners_limit_and_protection_hold(void **state)
{
    struct plan plan = plan_now();
    struct filter_error error;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "root");
    stage.policy.has_protect = true;
    assert_int_equal(
        filter_parse("username == 'root'", &stage.policy.protect, &error),
        LASTCALL_OK);
    start_wts();
    plan.body.enforce = true;
    publish(&plan);
    expect_step("start", LASTCALL_PARTIAL, 2);
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef0");
    assert_int_equal(act_count(), 1);
    fake_play(1, "p", "bob");
    stage.policy.max_sessions = 1;
    fake_play(1, "q", "cat");
    executor_hint(stage.executors[1]);
    expect_step("enforce:1", LASTCALL_LIMIT_EXCEEDED, 2);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 4.18 */
static void a_step_that_cannot_be_recorded_is_not_done(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    plan.body.starts_ms += 250 * S;
    fake_play(0, "2", "ann");
    start_wts();
    stage.lost_commits = 1;
    publish(&plan); /* kept with the second try */
    await_phase(PLAN_SCHEDULED);
    stage.run_shift_ms = 2 * MAINTENANCE_SETTLE_MS;
    rest("rest-0123456789abcdef0");
    stage.lost_commits = 2;
    shift_wall(260 * S);
    await_phase(PLAN_DONE);
    assert_int_equal(stage.lost_commits, 0);
    assert_int_equal(act_count(), 1);
    assert_true(count_results_now(step_id("start").text) >
                1); /* busy, then ok */
    assert_int_equal(count_results_now(step_id("start:2").text), 0);
    stop(INBOX_STOP);
}

/* A crash between "recorded" and "done": what the journal then holds. */
#define CRASH_START                                                            \
    "UPDATE command SET state = 0, result = NULL, targets = NULL,"             \
    " delivered = 0;"                                                          \
    "UPDATE plan SET is_started = 0, ended = 0;"

/* holds 8.13 */
static void an_ending_that_a_crash_met_is_completed(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    begin_plan(&plan, "start");
    stop(INBOX_STOP);
    fake_reset();
    fake_play(0, "2", "ann");
    stage.journal_sql = CRASH_START;
    start_wts();
    expect_step("start:2", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    assert_int_equal(act_count(), 1);
    await_counts(0, 1);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void an_ending_that_is_found_done_is_looked_at_again(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    begin_plan(&plan, "start");
    stop(INBOX_STOP);
    /* Some server may not have been asked: that was in no journal. */
    stage.journal_sql = "UPDATE command SET state = 1, result = NULL;"
                        "UPDATE plan SET is_started = 0, ended = 0;";
    fake_play(1, "p", "bob");
    start_wts();
    expect_step("start:2", LASTCALL_OK, 1);
    await_counts(0, 2);
    await_phase(PLAN_DONE);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void a_player_that_does_not_heed_is_asked_less_and_less(void **state)
{
    struct plan plan = plan_now();
    char step[RESULT_STEP_SIZE] = "start";
    char jti[] = "rest-0123456789abcdef0";
    int64_t wait_ms = MAINTENANCE_ENDED_MS;

    (void)state;
    plan.body.enforce = true;
    plan.body.action = ACTION_STOP;
    start_wts();
    fake_play(1, "p", "bob");
    publish(&plan);
    for (int i = 0; i < 4; i++, wait_ms *= 2) {
        expect_step(step, LASTCALL_OK, 1);
        fake_play(1, "p", "bob"); /* it is listed all the same */
        stage.run_shift_ms += wait_ms - 2 * S;
        executor_hint(stage.executors[1]);
        snprintf(step, sizeof(step), "enforce:%d", i + 1);
        for (int k = 0; k < 2; k++) {
            jti[sizeof(jti) - 2] = (char)('a' + 2 * i + k);
            rest(jti);
        }
        assert_int_equal(count_results_now(step_id(step).text), 0);
        stage.run_shift_ms += 2 * S;
        executor_hint(stage.executors[1]);
    }
    stop(INBOX_STOP);
}

/* holds 8.16 */
static void
a_clock_that_was_past_the_plan_for_a_while_repeats_nothing(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    plan.body.ends_ms = plan.body.starts_ms + 300 * S;
    plan.exp_shift_s = 700 - 7200;
    begin_plan(&plan, "warn:300");
    stop(INBOX_STOP);
    stage.wall_shift_ms = 900 * S; /* no token of it is valid then */
    start_wts();
    rest("rest-0123456789abcdef0");
    await_phase(PLAN_MISSED);
    stop(INBOX_STOP);
    stage.wall_shift_ms = 0;
    start_wts();
    await_phase(PLAN_WARNING);
    await_counts(1, 0);
    stage.run_shift_ms += 2 * MAINTENANCE_SETTLE_MS;
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 8.13, 8.16 */
static void a_clock_that_is_wrong_at_the_start_forgets_no_plan(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_plan(&plan, "warn:300");
    stop(INBOX_STOP);
    for (int i = 0; i < 2; i++) {
        stage.wall_shift_ms = -1000 * 86400 * S; /* before all grants */
        start_wts();
        await_phase(PLAN_PHASE_COUNT); /* none is told of */
        if (i == 0) {
            stage.run_shift_ms += 2 * MAINTENANCE_CLOCK_MS;
            shift_wall(0);
        } else {
            /* A newer version comes first. */
            stage.wall_shift_ms = 0;
            plan.iat_shift_s = 5;
            publish(&plan);
        }
        await_phase(PLAN_WARNING);
        await_counts(1, 0);
        stop(INBOX_STOP);
    }
    assert_int_equal(act_count(), 1);
}

/* holds 8.15 */
static void so_many_plans_and_no_more(void **state)
{
    struct plan plan = plan_soon();
    struct status_plan plans[STATUS_PLAN_COUNT_MAX];
    char id[16];

    (void)state;
    (void)plans;
    plan.body.starts_ms += 3600 * S;
    plan.body.ends_ms += 3600 * S;
    plan.exp_shift_s = 3600;
    plan.id = id;
    start_wts();
    for (size_t i = 0; i < MAINTENANCE_PLAN_MAX; i++) {
        snprintf(id, sizeof(id), "p%zu", i);
        publish(&plan);
    }
    plan.id = "patch";
    publish(&plan);
    expect_step("warn:300", LASTCALL_BUSY, 0);
    stop(INBOX_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plan_warns_ends_and_reports),
        TEST(nothing_is_done_again_after_a_restart),
        TEST(a_plan_that_comes_again_is_not_begun_again),
        TEST(what_is_nobodys_is_left_alone),
        TEST(what_was_kept_needs_no_broker),
        TEST(a_plan_that_was_called_off_meanwhile_is_not_begun),
        TEST(the_highest_iat_wins),
        TEST(who_comes_later_is_ended_too),
        TEST(a_server_that_was_away_at_the_start_is_owed_its_ending),
        TEST(a_list_from_before_the_ending_finds_nobody_new),
        TEST(two_plans_run_beside_each_other),
        TEST(the_owners_limit_and_protection_hold),
        TEST(a_step_that_cannot_be_recorded_is_not_done),
        TEST(an_ending_that_a_crash_met_is_completed),
        TEST(an_ending_that_is_found_done_is_looked_at_again),
        TEST(a_player_that_does_not_heed_is_asked_less_and_less),
        TEST(a_clock_that_was_past_the_plan_for_a_while_repeats_nothing),
        TEST(a_clock_that_is_wrong_at_the_start_forgets_no_plan),
        TEST(so_many_plans_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
