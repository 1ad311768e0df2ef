#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/maintenance_plan.h"

#define S INT64_C(1000)
#define START (INT64_C(10000) * S)
#define END (START + 600 * S)

static struct maintenance plan_of_test(void)
{
    return (struct maintenance){
        .id = {"p"},
        .starts_ms = START,
        .ends_ms = END,
        .warn_s = {900, 300, 60},
        .warn_count = 3,
        .action = ACTION_END,
        .enforce = true,
    };
}

static struct plan_moment at(int64_t now_ms)
{
    return (struct plan_moment){.now_ms = now_ms, .may_start = true};
}

/* What is due; "" for nothing. */
static const char *due(const struct maintenance *plan,
                       const struct plan_state *state,
                       const struct plan_moment *moment)
{
    static struct plan_step step;

    if (!plan_next(plan, state, moment, &step)) {
        assert_string_equal(step.name, "");
        return "";
    }
    return step.name;
}

/* Begin what is due and conclude it. */
static void carry_out(const struct maintenance *plan, struct plan_state *state,
                      int64_t now_ms, const char *wanted,
                      enum lastcall_status code)
{
    struct session_result sessions[] = {{.code = code}};
    const struct result result = {
        .code = code, .sessions = sessions, .session_count = 1, .matched = 1};
    const struct plan_moment moment = {
        .now_ms = now_ms, .may_start = true, .has_new = true};
    struct plan_step step;

    assert_true(plan_next(plan, state, &moment, &step));
    assert_string_equal(step.name, wanted);
    plan_begin(state, &step);
    plan_conclude(state, step.kind, &result, true);
}

/* holds 8.9, 8.10 */
static void a_plan_from_its_first_warning_to_its_end(void **state)
{
    const struct maintenance plan = plan_of_test();
    struct plan_state on = {0};
    struct plan_moment moment = at(0);

    (void)state;
    plan_state_init(&on);
    assert_string_equal(due(&plan, &on, &moment), "");
    assert_int_equal(plan_phase_of(&plan, &on, 0), PLAN_SCHEDULED);
    assert_int_equal(plan_wake_ms(&plan, &on, 0), START - 900 * S);
    moment.now_ms = START - 900 * S - 1;
    assert_string_equal(due(&plan, &on, &moment), "");
    carry_out(&plan, &on, START - 900 * S, "warn:900", LASTCALL_OK);
    assert_int_equal(plan_phase_of(&plan, &on, moment.now_ms), PLAN_WARNING);
    assert_int_equal(plan_wake_ms(&plan, &on, START - 900 * S),
                     START - 300 * S);
    moment.now_ms = START - 300 * S - 1;
    assert_string_equal(due(&plan, &on, &moment), "");
    carry_out(&plan, &on, START - 300 * S, "warn:300", LASTCALL_OK);
    carry_out(&plan, &on, START - 60 * S, "warn:60", LASTCALL_OK);
    assert_int_equal(on.warned, 3);
    assert_int_equal(plan_wake_ms(&plan, &on, START - 59 * S), START);
    moment.now_ms = START - 1;
    assert_string_equal(due(&plan, &on, &moment), "");
    carry_out(&plan, &on, START, "start", LASTCALL_OK);
    assert_int_equal(on.ended, 1);
    assert_int_equal(plan_phase_of(&plan, &on, START), PLAN_ENFORCING);
    assert_int_equal(plan_wake_ms(&plan, &on, START), END);
    moment = at(START + 1);
    assert_string_equal(due(&plan, &on, &moment), "");
    carry_out(&plan, &on, START + S, "enforce:1", LASTCALL_OK);
    carry_out(&plan, &on, END - 1, "enforce:2", LASTCALL_OK);
    moment = at(END);
    moment.has_new = true;
    assert_string_equal(due(&plan, &on, &moment), "");
    assert_int_equal(plan_phase_of(&plan, &on, END), PLAN_DONE);
    assert_int_equal(plan_wake_ms(&plan, &on, END), PLAN_NEVER);
    assert_int_equal(on.ended, 3);
}

/* holds 8.10 */
static void a_late_host_gives_the_latest_warning_only(void **state)
{
    static const struct {
        int64_t now_ms;
        const char *wanted;
    } rows[] = {
        {START - 899 * S, "warn:900"},
        {START - 300 * S, "warn:300"},
        {START - 61 * S, "warn:300"},
        {START - 60 * S, "warn:60"},
        {START - 1, "warn:60"},
        {START, "start"},
        {END - 1, "start"},
        {END, ""},
    };
    const struct maintenance plan = plan_of_test();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct plan_moment moment = at(rows[i].now_ms);
        struct plan_state on = {0};

        plan_state_init(&on);
        assert_string_equal(due(&plan, &on, &moment), rows[i].wanted);
        if (i == 2) {
            carry_out(&plan, &on, rows[i].now_ms, "warn:300", LASTCALL_OK);
            assert_string_equal(due(&plan, &on, &moment), "");
        }
    }
}

/* holds 8.11 */
static void a_window_that_went_by_is_missed(void **state)
{
    const struct maintenance plan = plan_of_test();
    struct plan_state on = {0};

    (void)state;
    plan_state_init(&on);
    carry_out(&plan, &on, START - 60 * S, "warn:60", LASTCALL_OK);
    assert_int_equal(plan_phase_of(&plan, &on, END), PLAN_MISSED);
}

/* holds 8.14 */
static void a_cancelled_plan_does_nothing(void **state)
{
    static const int64_t times[] = {START - 60 * S, START, START + S, END};
    struct maintenance plan = plan_of_test();
    struct plan_state on = {0};

    (void)state;
    plan.cancelled = true;
    plan_state_init(&on);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct plan_moment moment = at(times[i]);

        moment.has_new = true;
        assert_string_equal(due(&plan, &on, &moment), "");
        assert_int_equal(plan_phase_of(&plan, &on, times[i]), PLAN_CANCELLED);
        assert_int_equal(plan_wake_ms(&plan, &on, times[i]), PLAN_NEVER);
    }
}

static void one_step_of_a_kind_at_a_time(void **state)
{
    const struct maintenance plan = plan_of_test();
    struct plan_state on = {0};
    struct plan_moment moment = at(START - 60 * S);

    (void)state;
    plan_state_init(&on);
    moment.is_warning = true;
    assert_string_equal(due(&plan, &on, &moment), "");
    /* The start waits for no warning. */
    moment.now_ms = START;
    assert_string_equal(due(&plan, &on, &moment), "start");
    moment.is_acting = true;
    assert_string_equal(due(&plan, &on, &moment), "");
    moment.is_acting = false;
    moment.may_start = false;
    assert_string_equal(due(&plan, &on, &moment), "");
    assert_int_equal(plan_phase_of(&plan, &on, START), PLAN_SCHEDULED);
}

/* holds 8.9 */
static void
enforce_does_not_wait_for_a_server_that_is_owed_its_start(void **state)
{
    const struct maintenance plan = plan_of_test();
    const struct result result = {.code = LASTCALL_UNREACHABLE};
    struct plan_state on = {0};
    struct plan_moment moment = at(START);
    struct plan_step step;

    (void)state;
    plan_state_init(&on);
    assert_true(plan_next(&plan, &on, &moment, &step));
    plan_begin(&on, &step);
    plan_conclude(&on, PLAN_START, &result, false);
    assert_int_equal(plan_phase_of(&plan, &on, START), PLAN_RUNNING);
    moment.may_start = false;
    assert_string_equal(due(&plan, &on, &moment), "");
    moment.has_new = true;
    assert_string_equal(due(&plan, &on, &moment), "enforce:1");
    moment.may_start = true;
    assert_string_equal(due(&plan, &on, &moment), "start:2");
}

/* holds 8.13 */
static void an_ending_that_was_interrupted_is_done_again(void **state)
{
    static const enum lastcall_status codes[] = {LASTCALL_INTERRUPTED,
                                                 LASTCALL_BUSY};
    const struct maintenance plan = plan_of_test();
    const struct plan_moment moment = at(START + S);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct plan_state on = {0};

        plan_state_init(&on);
        carry_out(&plan, &on, START, "start", codes[i]);
        assert_false(on.is_started);
        assert_int_equal(plan_phase_of(&plan, &on, START), PLAN_RUNNING);
        assert_string_equal(due(&plan, &on, &moment), "start:2");
        carry_out(&plan, &on, START + S, "start:2", LASTCALL_NO_MATCH);
        assert_true(on.is_started);
        assert_string_equal(due(&plan, &on, &moment), "");
    }
}

/* holds 8.13 */
static void
a_warning_is_repeated_only_when_nobody_can_have_seen_it(void **state)
{
    const struct result nobody = {.code = LASTCALL_INTERRUPTED};
    const struct maintenance plan = plan_of_test();
    const struct plan_moment moment = at(START - 200 * S);
    struct plan_state on = {0};
    struct plan_step step;

    (void)state;
    plan_state_init(&on);
    /* Some session was on record: it may have been shown. */
    carry_out(&plan, &on, START - 300 * S, "warn:300", LASTCALL_INTERRUPTED);
    assert_string_equal(due(&plan, &on, &moment), "");
    plan_state_init(&on);
    for (int i = 0; i < 2; i++) {
        assert_true(plan_next(&plan, &on, &moment, &step));
        assert_string_equal(step.name, i == 0 ? "warn:300" : "warn:300:2");
        plan_begin(&on, &step);
        assert_string_equal(due(&plan, &on, &moment), "");
        plan_conclude(&on, PLAN_WARN, &nobody, false);
    }
    assert_string_equal(due(&plan, &on, &moment), "warn:300:3");
    /* The next one is better than the last again, and it is the first. */
    carry_out(&plan, &on, START - 60 * S, "warn:60", LASTCALL_OK);
    assert_string_equal(due(&plan, &on, &moment), "");
}

/* holds 8.10, 8.13 */
static void a_warning_is_owed_to_whom_it_did_not_reach(void **state)
{
    const struct result nobody = {.code = LASTCALL_INTERRUPTED};
    const struct maintenance plan = plan_of_test();
    struct plan_moment moment = at(START - 200 * S);
    struct plan_state on = {0};
    struct plan_state taken = {0};
    struct plan_step step;

    (void)state;
    plan_state_init(&on);
    carry_out(&plan, &on, START - 300 * S, "warn:300", LASTCALL_PARTIAL);
    plan_owe_warning(&on, 6);
    moment.is_warn_held = true;
    assert_string_equal(due(&plan, &on, &moment), "");
    plan_inherit(&taken, &plan, &on, &plan);
    assert_int_equal(taken.warn_servers, 6);
    moment.is_warn_held = false;
    assert_true(plan_next(&plan, &on, &moment, &step));
    assert_string_equal(step.name, "warn:300:2");
    /* Begun, and not a word of it: to the same once more. */
    plan_begin(&on, &step);
    assert_string_equal(due(&plan, &on, &moment), "");
    assert_int_equal(on.warn_servers, 6);
    plan_conclude(&on, PLAN_WARN, &nobody, false);
    assert_string_equal(due(&plan, &on, &moment), "warn:300:3");
    assert_int_equal(on.warn_servers, 6);
    /* A later one is for everybody. */
    moment.now_ms = START - 60 * S;
    moment.is_warn_held = true;
    assert_true(plan_next(&plan, &on, &moment, &step));
    assert_string_equal(step.name, "warn:60");
    plan_begin(&on, &step);
    assert_int_equal(on.warn_servers, 0);
    assert_int_equal(on.warn_count, 1);
    plan_owe_warning(&on, 6);
    moment = at(START);
    assert_string_equal(due(&plan, &on, &moment), "start");
}

/* holds 8.16 */
static void a_clock_that_steps_repeats_nothing(void **state)
{
    const struct maintenance plan = plan_of_test();
    struct plan_state on = {0};
    struct plan_moment moment = at(0);

    (void)state;
    plan_state_init(&on);
    carry_out(&plan, &on, START - 300 * S, "warn:300", LASTCALL_OK);
    for (moment.now_ms = START - 2000 * S; moment.now_ms < START - 60 * S;
         moment.now_ms += S)
        assert_string_equal(due(&plan, &on, &moment), "");
    /* Over the last warning and the start: what is due now. */
    carry_out(&plan, &on, START + S, "start", LASTCALL_OK);
    for (moment.now_ms = START - 2000 * S; moment.now_ms < END;
         moment.now_ms += S)
        assert_string_equal(due(&plan, &on, &moment), "");
    moment.now_ms = 0;
    assert_int_equal(plan_phase_of(&plan, &on, 0), PLAN_ENFORCING);
}

/* What was begun in one round of the following test. */
struct begun {
    int64_t least_s; /* the latest warning */
    int starts;
};

/* Begin what is due, which must be of its time and new. */
static void begin_what_is_new(const struct maintenance *plan,
                              struct plan_state *on, int64_t now_ms,
                              struct begun *begun)
{
    const struct plan_moment moment = at(now_ms);
    const struct result result = {.code = LASTCALL_OK};
    struct plan_step step;

    if (!plan_next(plan, on, &moment, &step))
        return;
    assert_true(now_ms < END);
    assert_int_equal(step.kind == PLAN_START, now_ms >= START);
    if (step.kind == PLAN_START) {
        begun->starts++;
    } else {
        assert_int_equal(begun->starts, 0);
        assert_true(step.warn_s < begun->least_s);
        assert_true(now_ms >= START - step.warn_s * S);
        begun->least_s = step.warn_s;
    }
    plan_begin(on, &step);
    plan_conclude(on, step.kind, &result, true);
}

/* Whatever the clock does, a warning is given once, the start is begun once,
 * nothing is begun outside of its time. */
static void no_order_of_clock_steps_does_anything_twice(void **state)
{
    const struct maintenance plan = plan_of_test();
    unsigned random = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct plan_state on = {0};
        struct begun begun = {.least_s = PLAN_WARN_NONE};
        int64_t now_ms = START - 1200 * S;

        plan_state_init(&on);
        for (int i = 0; i < 60; i++) {
            random = random * 1664525u + 1013904223u;
            begin_what_is_new(&plan, &on, now_ms, &begun);
            /* Mostly on, by up to 200 s; sometimes far, either way. */
            now_ms += (int64_t)((random >> 8) % 200) * S;
            if ((random >> 16) % 8 == 0)
                now_ms += ((int64_t)((random >> 20) % 3000) - 1500) * S;
        }
        assert_true(begun.starts <= 1);
    }
}

/* holds 8.15 */
static void a_newer_version_repeats_no_warning_of_the_same_start(void **state)
{
    const struct maintenance old = plan_of_test();
    struct maintenance next = plan_of_test();
    const struct plan_moment moment = at(START - 200 * S);
    struct plan_state on = {0};
    struct plan_state taken = {0};

    (void)state;
    plan_state_init(&on);
    carry_out(&old, &on, START - 300 * S, "warn:300", LASTCALL_OK);
    plan_inherit(&taken, &next, &on, &old);
    assert_string_equal(due(&next, &taken, &moment), "");
    assert_int_equal(taken.warned, 1);
    /* Put off by an hour: people are told anew. */
    next.starts_ms += 3600 * S;
    next.ends_ms += 3600 * S;
    plan_inherit(&taken, &next, &on, &old);
    carry_out(&next, &taken, next.starts_ms - 900 * S, "warn:900", LASTCALL_OK);
    assert_int_equal(taken.warned, 2);
}

/* holds 8.13, 8.15 */
static void a_newer_version_takes_over_what_is_owed(void **state)
{
    const struct result nobody = {.code = LASTCALL_INTERRUPTED};
    const struct maintenance old = plan_of_test();
    struct maintenance next = plan_of_test();
    const struct plan_moment moment = at(START - 200 * S);
    struct plan_state on = {0};
    struct plan_state taken = {0};
    struct plan_step step;

    (void)state;
    plan_state_init(&on);
    for (int i = 0; i < 2; i++) {
        assert_true(plan_next(&old, &on, &moment, &step));
        plan_begin(&on, &step);
        plan_conclude(&on, PLAN_WARN, &nobody, false);
    }
    plan_inherit(&taken, &next, &on, &old);
    assert_string_equal(due(&next, &taken, &moment), "warn:300:3");
    /* Not over a cancellation, and not to another time. */
    next.cancelled = true;
    plan_inherit(&taken, &next, &on, &old);
    assert_int_equal(taken.warned_s, 300);
    assert_false(taken.is_warn_owed);
    next.cancelled = false;
    next.starts_ms++;
    plan_inherit(&taken, &next, &on, &old);
    assert_int_equal(taken.warned_s, PLAN_WARN_NONE);
    assert_int_equal(taken.warn_count, 0);
    assert_false(taken.is_warn_owed);
}

/* holds 8.15 */
static void
a_newer_version_takes_over_the_counts_but_not_the_start(void **state)
{
    const struct maintenance old = plan_of_test();
    const struct plan_moment moment = at(START + S);
    struct plan_state taken = {0};
    struct plan_state on = {
        .warned_s = 60,
        .start_count = 2,
        .is_started = true,
        .enforce_count = 3,
        .warned = 4,
        .ended = 5,
        .failed = 6,
        .last_code = LASTCALL_PARTIAL,
    };

    (void)state;
    plan_inherit(&taken, &old, &on, &old);
    assert_int_equal(taken.warned, 4);
    assert_int_equal(taken.ended, 5);
    assert_int_equal(taken.failed, 6);
    assert_int_equal(taken.last_code, LASTCALL_PARTIAL);
    assert_int_equal(taken.enforce_count, 0);
    assert_string_equal(due(&old, &taken, &moment), "start");
}

/* holds 8.6 */
static void what_failed_is_of_the_latest_ending(void **state)
{
    const struct result first = {
        .code = LASTCALL_PARTIAL, .matched = 9, .failed = 2};
    const struct result limit = {
        .code = LASTCALL_LIMIT_EXCEEDED, .matched = 9, .failed = 0};
    const struct result warning = {
        .code = LASTCALL_PARTIAL, .matched = 9, .failed = 4};
    struct plan_state on = {0};

    (void)state;
    plan_state_init(&on);
    plan_conclude(&on, PLAN_WARN, &warning, false);
    assert_int_equal(on.failed, 0);
    plan_conclude(&on, PLAN_START, &first, true);
    assert_int_equal(on.failed, 2);
    plan_conclude(&on, PLAN_ENFORCE, &limit, true);
    assert_int_equal(on.failed, 9);
    assert_int_equal(on.last_code, LASTCALL_LIMIT_EXCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_from_its_first_warning_to_its_end),
        cmocka_unit_test(a_late_host_gives_the_latest_warning_only),
        cmocka_unit_test(a_window_that_went_by_is_missed),
        cmocka_unit_test(a_cancelled_plan_does_nothing),
        cmocka_unit_test(one_step_of_a_kind_at_a_time),
        cmocka_unit_test(
            enforce_does_not_wait_for_a_server_that_is_owed_its_start),
        cmocka_unit_test(an_ending_that_was_interrupted_is_done_again),
        cmocka_unit_test(
            a_warning_is_repeated_only_when_nobody_can_have_seen_it),
        cmocka_unit_test(a_warning_is_owed_to_whom_it_did_not_reach),
        cmocka_unit_test(a_clock_that_steps_repeats_nothing),
        cmocka_unit_test(no_order_of_clock_steps_does_anything_twice),
        cmocka_unit_test(a_newer_version_repeats_no_warning_of_the_same_start),
        cmocka_unit_test(a_newer_version_takes_over_what_is_owed),
        cmocka_unit_test(
            a_newer_version_takes_over_the_counts_but_not_the_start),
        cmocka_unit_test(what_failed_is_of_the_latest_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
