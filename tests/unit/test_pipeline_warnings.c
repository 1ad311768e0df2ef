#include "tests/unit/plan_stage.h"
#include "worker/maintenance_private.h"

/* Who is warned again, and who is not. */

/* holds 8.13 */
static void a_warning_that_a_crash_met_is_given_if_nobody_saw_it(void **state)
{
    static const struct {
        const char *sql;
        unsigned acts;
    } rows[] = {
        {"UPDATE command SET state = 0, result = NULL, targets = NULL;", 2},
        {"UPDATE command SET state = 1, result = NULL;", 1},
    };
    struct plan plan = plan_soon();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        stage.journal_sql = NULL;
        plan.iat_shift_s = (int64_t)i * 10;
        plan.body.starts_ms += S;
        fake_reset();
        begin_plan(&plan, "warn:300");
        stop(INBOX_STOP);
        stage.journal_sql = rows[i].sql;
        start_wts();
        if (rows[i].acts == 2)
            expect_step("warn:300:2", LASTCALL_OK, 1);
        stage.run_shift_ms += 2 * MAINTENANCE_SETTLE_MS;
        rest(i == 0 ? "rest-0123456789abcdef0" : "rest-0123456789abcdef1");
        assert_int_equal(act_count(), rows[i].acts);
        stop(INBOX_STOP);
    }
}

/* Both servers have terminal sessions; two cannot be asked. */
static void begin_with_one_away(const struct plan *plan)
{
    fake_play(0, "2", "ann");
    fake_play(1, "5", "bob");
    fake_servers[1].list_status = LASTCALL_UNREACHABLE;
    stage.servers[1].backend = BACKEND_WTS;
    start_wts();
    publish(plan);
    expect_step("warn:300", LASTCALL_PARTIAL, 1);
}

static void set_two_back(enum lastcall_status status)
{
    fake_lock();
    fake_servers[1].list_status = status;
    fake_unlock();
    executor_hint(stage.executors[1]);
}

static unsigned acts_of(size_t server)
{
    unsigned acts = 0;

    fake_lock();
    acts = fake_servers[server].acts;
    fake_unlock();
    return acts;
}

/* holds 8.10, 8.13 */
static void a_server_that_was_away_is_warned_when_it_is_back(void **state)
{
    struct plan plan = plan_soon();
    const struct wrong right = {0};

    (void)state;
    begin_with_one_away(&plan);
    /* Not before it lists: each look would be a step that fails. */
    stage.run_shift_ms = 2 * S;
    deliver("away-0123456789abcdef", PING, &right);
    expect("away-0123456789abcdef", LASTCALL_OK);
    assert_int_equal(count_results_now(step_id("warn:300:2").text), 0);
    set_two_back(LASTCALL_OK);
    expect_step("warn:300:2", LASTCALL_OK, 1);
    assert_int_equal(acts_of(0), 1);
    assert_int_equal(acts_of(1), 1);
    await_counts(2, 0);
    stage.run_shift_ms = 200 * S;
    executor_hint(stage.executors[1]);
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 2);
    /* The next one is for everybody again. */
    shift_wall(191 * S);
    expect_step("warn:60", LASTCALL_OK, 2);
    shift_wall(251 * S);
    expect_step("start", LASTCALL_OK, 2);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void what_a_server_is_owed_survives_a_restart(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_with_one_away(&plan);
    stop(INBOX_STOP);
    /* Two is another number now, and still itself. */
    (void)snprintf(stage.servers[0].name.text,
                   sizeof(stage.servers[0].name.text), "two");
    (void)snprintf(stage.servers[1].name.text,
                   sizeof(stage.servers[1].name.text), "one");
    fake_servers[1].list_status = LASTCALL_OK;
    start_wts();
    stage.run_shift_ms = 2 * MAINTENANCE_SETTLE_MS;
    executor_hint(stage.executors[0]);
    expect_step("warn:300:2", LASTCALL_OK, 1);
    assert_int_equal(acts_of(0), 1);
    assert_int_equal(acts_of(1), 1);
    stop(INBOX_STOP);
}

/* Two lists once, and cannot be asked by the step that comes of it. */
static void let_two_answer_once(void)
{
    fake_lock();
    fake_servers[1].good_lists = 1;
    fake_unlock();
    executor_hint(stage.executors[1]);
}

/* holds 8.10 */
static void who_lists_and_cannot_be_asked_is_asked_less_and_less(void **state)
{
    const struct wrong right = {0};
    struct plan plan = plan_soon();

    (void)state;
    begin_with_one_away(&plan);
    stage.still_ms = platform_clock.monotonic_ms(platform_clock.state) + 2 * S;
    let_two_answer_once();
    expect_step("warn:300:2", LASTCALL_UNREACHABLE, 0);
    /* However long ago: it has not listed since. */
    stage.still_ms += 200 * S;
    deliver("away-0123456789abcdef", PING, &right);
    expect("away-0123456789abcdef", LASTCALL_OK);
    deliver("more-0123456789abcdef", PING, &right);
    expect("more-0123456789abcdef", LASTCALL_OK);
    assert_int_equal(count_results_now(step_id("warn:300:3").text), 0);
    let_two_answer_once();
    expect_step("warn:300:3", LASTCALL_UNREACHABLE, 0);
    set_two_back(LASTCALL_OK);
    rest("rest-0123456789abcdef0");
    stage.still_ms += 4 * S - 1;
    rest("rest-0123456789abcdef1");
    assert_int_equal(count_results_now(step_id("warn:300:4").text), 0);
    assert_int_equal(acts_of(1), 0);
    stage.still_ms += 1;
    rest("rest-0123456789abcdef2");
    expect_step("warn:300:4", LASTCALL_OK, 1);
    assert_int_equal(acts_of(0), 1);
    assert_int_equal(acts_of(1), 1);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void a_server_that_is_gone_is_owed_nothing(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    begin_with_one_away(&plan);
    stop(INBOX_STOP);
    (void)snprintf(stage.servers[1].name.text,
                   sizeof(stage.servers[1].name.text), "three");
    fake_servers[1].list_status = LASTCALL_OK;
    start_wts();
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms = 2 * MAINTENANCE_SETTLE_MS;
    rest("rest-0123456789abcdef1");
    rest("rest-0123456789abcdef2");
    assert_int_equal(count_results_now(step_id("warn:300:2").text), 0);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 8.10 */
static void nobody_is_owed_a_warning_from_the_start_on(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    plan.body.warn_count = 1;
    begin_with_one_away(&plan);
    shift_wall(251 * S);
    expect_step("start", LASTCALL_PARTIAL, 1);
    shift_wall(0); /* a clock that was ahead */
    set_two_back(LASTCALL_OK);
    stage.run_shift_ms = 100 * S;
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_results_now(step_id("warn:300:2").text), 0);
    assert_int_equal(acts_of(1), 0);
    stop(INBOX_STOP);
}

/* holds 8.13; whether the box was seen before it failed nobody knows */
static void who_was_asked_in_vain_is_not_asked_again(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    fake_play(0, "2", "ann");
    fake_servers[0].act_status = LASTCALL_SERVER_ERROR;
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_SERVER_ERROR, 1);
    stage.run_shift_ms = 100 * S;
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_results_now(step_id("warn:300:2").text), 0);
    assert_int_equal(acts_of(0), 1);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void a_server_with_a_session_in_the_result_was_reached(void **state)
{
    struct server_result server = {.server = {"two"},
                                   .code = LASTCALL_UNREACHABLE};
    struct session_result session = {.server = {"two"}};
    struct result result = {.code = LASTCALL_UNREACHABLE,
                            .servers = &server,
                            .server_count = 1,
                            .sessions = &session};

    (void)state;
    assert_int_equal(maintenance_unreached(&stage.settings, &result), 2);
    result.session_count = 1;
    assert_int_equal(maintenance_unreached(&stage.settings, &result), 0);
    assert_int_equal(maintenance_failed(&stage.settings, &result), 2);
    result.session_count = 0;
    result.code = LASTCALL_LIMIT_EXCEEDED;
    assert_int_equal(maintenance_unreached(&stage.settings, &result), 0);
}

/* Of names that begin alike each is itself, and who is gone is passed over. */
static void servers_are_remembered_by_name(void **state)
{
    struct server_settings servers[] = {
        {.name = {"plex"}}, {.name = {"plex-2"}}, {.name = {"rds"}}};
    const struct settings settings = {.servers = servers, .server_count = 3};
    char text[PLAN_SERVERS_TEXT_SIZE];

    (void)state;
    for (uint64_t bits = 0; bits < 8; bits++) {
        maintenance_servers_format(&settings, bits, text);
        assert_int_equal(maintenance_servers_parse(&settings, text), bits);
    }
    assert_string_equal(text, "plex plex-2 rds");
    assert_int_equal(maintenance_servers_parse(&settings, "ple rd gone rds"),
                     4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_was_away_is_warned_when_it_is_back),
        TEST(what_a_server_is_owed_survives_a_restart),
        TEST(who_lists_and_cannot_be_asked_is_asked_less_and_less),
        TEST(a_server_that_is_gone_is_owed_nothing),
        TEST(nobody_is_owed_a_warning_from_the_start_on),
        TEST(who_was_asked_in_vain_is_not_asked_again),
        TEST(a_server_with_a_session_in_the_result_was_reached),
        cmocka_unit_test(servers_are_remembered_by_name),
        TEST(a_warning_that_a_crash_met_is_given_if_nobody_saw_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
