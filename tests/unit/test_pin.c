/* Pins: an id that was seen is held to what was seen with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/pin.h"

/* What hosts answered to a dry run; h0 is the first. */
struct plan {
    struct campaign campaign;
    struct campaign_host hosts[3];
};

static void begin(struct plan *plan, size_t host_count)
{
    *plan = (struct plan){0};
    plan->campaign.hosts = plan->hosts;
    plan->campaign.host_count = host_count;
    for (size_t i = 0; i < host_count; i++) {
        snprintf(plan->hosts[i].name.text, sizeof plan->hosts[i].name.text,
                 "h%zu", i);
        plan->hosts[i].has_answer = true;
    }
}

static void show(struct plan *plan, size_t host, enum backend_kind backend,
                 const char *id, const char *user, const char *logon)
{
    struct session_result *shown =
        result_add_session(&plan->hosts[host].answer.result);

    assert_non_null(shown);
    shown->session_id = bytes_copy_text(id);
    assert_non_null(shown->session_id);
    shown->backend = backend;
    shown->session = calloc(1, sizeof *shown->session);
    assert_non_null(shown->session);
    shown->has_session = true;
    assert_int_equal(session_set_text(shown->session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    assert_int_equal(
        session_set_text(shown->session, SESSION_LOGON_TIME, logon),
        LASTCALL_OK);
}

static void end(struct plan *plan)
{
    for (size_t i = 0; i < plan->campaign.host_count; i++)
        result_deinit(&plan->hosts[i].answer.result);
}

/* Check that a pin lets through exactly one user and logon. */
static void check(const struct pin *pin, const char *user, const char *logon,
                  enum lastcall_status wanted)
{
    struct request_precondition conditions[PIN_CONDITION_COUNT];
    const struct request request = {
        .preconditions = conditions,
        .precondition_count = pin->count,
    };
    struct session session = {0};
    struct json_error detail = {0};

    memcpy(conditions, pin->conditions, sizeof conditions);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_LOGON_TIME, logon),
                     LASTCALL_OK);
    assert_int_equal(request_check_precondition(&request, &session, &detail),
                     wanted);
    session_deinit(&session);
}

static void test_user_and_logon_are_held(void **state)
{
    struct plan plan;
    struct pin pin;

    (void)state;
    begin(&plan, 1);
    show(&plan, 0, BACKEND_WTS, "2", "other", "t0");
    show(&plan, 0, BACKEND_WTS, "3", "jdoe", "t1");
    pin_of_host(&plan.hosts[0], "3", &pin);
    assert_int_equal(pin.count, PIN_CONDITION_COUNT);
    check(&pin, "jdoe", "t1", LASTCALL_OK);
    check(&pin, "anna", "t1", LASTCALL_CHANGED);
    check(&pin, "jdoe", "t2", LASTCALL_CHANGED);
    check(&pin, NULL, "t1", LASTCALL_CHANGED);
    end(&plan);
}

/* A session where nobody was logged on is not that of who logs on next. */
static void test_nobody_is_held_too(void **state)
{
    struct plan plan;
    struct pin pin;

    (void)state;
    begin(&plan, 1);
    show(&plan, 0, BACKEND_WTS, "3", NULL, NULL);
    pin_of_host(&plan.hosts[0], "3", &pin);
    check(&pin, NULL, NULL, LASTCALL_OK);
    check(&pin, "jdoe", NULL, LASTCALL_CHANGED);
    end(&plan);
}

static void test_what_is_not_pinned(void **state)
{
    struct plan plan;
    struct pin pin;

    (void)state;
    begin(&plan, 2);
    show(&plan, 0, BACKEND_PLEX, "3", "jdoe", NULL);
    show(&plan, 1, BACKEND_WTS, "33", "jdoe", "t1");
    pin_of_host(&plan.hosts[0], "3", &pin);
    assert_int_equal(pin.count, 0);
    pin_of_host(&plan.hosts[1], "3", &pin);
    assert_int_equal(pin.count, 0);
    plan.hosts[1].has_answer = false;
    pin_of_host(&plan.hosts[1], "33", &pin);
    assert_int_equal(pin.count, 0);
    pin_of_host(NULL, "3", &pin);
    assert_int_equal(pin.count, 0);
    plan.hosts[1].has_answer = true;
    end(&plan);
}

/* One body cannot be held to two different sessions. */
static void test_a_broadcast_is_pinned_to_one_host(void **state)
{
    struct plan plan;
    struct pin pin;

    (void)state;
    begin(&plan, 3);
    show(&plan, 0, BACKEND_PLEX, "3", "jdoe", NULL);
    assert_int_equal(pin_of_all(&plan.campaign, "3", &pin), 0);
    assert_int_equal(pin.count, 0);
    show(&plan, 1, BACKEND_WTS, "3", "jdoe", "t1");
    assert_int_equal(pin_of_all(&plan.campaign, "3", &pin), 1);
    check(&pin, "jdoe", "t1", LASTCALL_OK);
    check(&pin, "anna", "t1", LASTCALL_CHANGED);
    show(&plan, 2, BACKEND_WTS, "3", "anna", "t1");
    assert_int_equal(pin_of_all(&plan.campaign, "3", &pin), 2);
    assert_int_equal(pin.count, 0);
    end(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_and_logon_are_held),
        cmocka_unit_test(test_nobody_is_held_too),
        cmocka_unit_test(test_what_is_not_pinned),
        cmocka_unit_test(test_a_broadcast_is_pinned_to_one_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
