#include "tests/unit/fake_desktop.h"

#include <time.h>

#define STEP_MS 500

static void sessions_are_listed(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    const struct session *one = NULL;

    (void)state;
    fake_wts_add(0, WTS_STATE_DISCONNECTED, "");
    fake_wts_add(2, WTS_STATE_ACTIVE, "m\xC3\xBCller");
    fake_wts_add(65536, WTS_STATE_LISTEN, "");
    fake_wts.own_session = 7;
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_list(&desktop, &sessions);
    assert_int_equal(sessions.count, 3);
    one = session_list_find(&sessions, "2");
    assert_non_null(one);
    assert_string_equal(session_text(one, SESSION_SERVER), "desktop");
    assert_string_equal(session_text(one, SESSION_BACKEND), "wts");
    assert_string_equal(session_text(one, SESSION_USERNAME), "m\xC3\xBCller");
    assert_string_equal(session_text(one, SESSION_COMPUTER_NAME), "TS01");
    assert_string_equal(session_text(one, SESSION_CLIENT_NAME), "LAPTOP7");
    assert_string_equal(session_text(one, SESSION_STATE), "active");
    assert_string_equal(session_text(one, SESSION_LOGON_TIME),
                        "2026-11-21T06:30:00.000Z");
    assert_int_equal(one->fields[SESSION_IDLE_S].as.integer, 300);
    assert_true(session_is(one, SESSION_ENDABLE));
    assert_null(
        session_text(session_list_find(&sessions, "0"), SESSION_USERNAME));
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

/* Of 500 sessions one is closing, and one has another fault. */
static void a_session_that_fails_spoils_no_list(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};

    (void)state;
    for (uint32_t id = 1; id <= 500; id++)
        fake_wts_add(id, WTS_STATE_ACTIVE, "user");
    fake_wts_find(250)->query_error = 7007;
    fake_wts_find(251)->query_error = 1733;
    fake_wts_find(252)->query_error = 31337;
    fake_wts.own_session = 9999;
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_list(&desktop, &sessions);
    assert_int_equal(sessions.count, 500);
    for (size_t i = 0; i < sessions.count; i++) {
        const struct session *one = &sessions.items[i];
        bool fails = i >= 249 && i < 252;

        assert_string_equal(session_text(one, SESSION_USERNAME), "user");
        assert_string_equal(session_text(one, SESSION_DOMAIN), "CORP");
        assert_int_equal(one->fields[SESSION_IDLE_S].kind,
                         fails ? VALUE_NULL : VALUE_INTEGER);
        assert_int_equal(one->fields[SESSION_CLIENT_NAME].kind,
                         fails ? VALUE_NULL : VALUE_TEXT);
    }
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

static void what_has_no_client_is_not_asked_for_one(void **state)
{
    static const enum wts_state states[] = {
        WTS_STATE_DISCONNECTED, WTS_STATE_IDLE, WTS_STATE_LISTEN,
        WTS_STATE_RESET,        WTS_STATE_DOWN, WTS_STATE_INIT};
    struct fake_desktop desktop;
    struct session_list sessions = {0};

    (void)state;
    for (uint32_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        fake_wts_add(i + 1, states[i], "");
    /* A listener says so by its id. */
    fake_wts_add(WTS_SESSION_LISTENER_FIRST, WTS_STATE_ACTIVE, "");
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_list(&desktop, &sessions);
    assert_int_equal(sessions.count, 7);
    assert_int_equal(fake_wts.calls[FAKE_WTS_CLIENT], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_PROTOCOL], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_TEXT], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_INFO], 1); /* the first */
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

/* Only a name that may have been cut is asked for. */
static void long_names_are_whole(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};

    (void)state;
    fake_wts_add(1, WTS_STATE_ACTIVE, "a.name.of.14.c");
    fake_wts_add(2, WTS_STATE_ACTIVE, "a.name.that.is.longer.than.twenty");
    fake_wts_find(2)->cut_user = "a.name.that.is.longe";
    fake_wts_add(3, WTS_STATE_ACTIVE, "a.name.of.15.ch")->domain =
        "DOMAIN-OF-15-CH";
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_list(&desktop, &sessions);
    assert_string_equal(session_text(&sessions.items[0], SESSION_USERNAME),
                        "a.name.of.14.c");
    assert_string_equal(session_text(&sessions.items[1], SESSION_USERNAME),
                        "a.name.that.is.longer.than.twenty");
    assert_string_equal(session_text(&sessions.items[2], SESSION_DOMAIN),
                        "DOMAIN-OF-15-CH");
    assert_int_equal(fake_wts.calls[FAKE_WTS_TEXT], 3);
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

static void a_list_that_fails_says_why(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    fake_desktop_open(&desktop, LONG_MS);
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_DENIED);
    fake_desktop_says(&outcome,
                      "Windows error 5: Access is denied. The account");
    assert_null(strstr(outcome.detail, "AllowRemoteRPC"));
    fake_wts.errors[FAKE_WTS_ENUMERATE] = WTS_ERROR_UNKNOWN;
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_SERVER_ERROR);
    fake_desktop_says(&outcome, "no error number");
    fake_desktop_close(&desktop);
}

static void another_computer_gets_its_own_hints(void **state)
{
    struct fake_desktop desktop = {0};
    struct session_list sessions = {0};
    struct session_outcome outcome;
    struct platform_error error = {""};
    char computer[] = "ts02.example";

    (void)state;
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    fake_wts.own_session = 2;
    desktop.settings.computer = computer;
    assert_int_equal(fake_desktop_try(&desktop, LONG_MS, &error), LASTCALL_OK);
    assert_string_equal(fake_wts.opened_computer, "ts02.example");
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_DENIED);
    fake_desktop_says(&outcome, "AllowRemoteRPC");
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 0;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_desktop_list(&desktop, &sessions);
    /* Session 2 there is not the worker's session 2 here. */
    assert_true(session_is(&sessions.items[0], SESSION_ENDABLE));
    assert_string_equal(session_text(&sessions.items[0], SESSION_COMPUTER_NAME),
                        "ts02.example");
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

/* By whatever name the worker reaches its own machine. */
static void the_own_session_is_spared_under_every_name(void **state)
{
    static const struct {
        const char *computer;
        bool is_spared;
    } cases[] = {
        {"ts01", true},        {"ts01.corp.example", true},
        {"TS01.", true},       {"localhost", true},
        {"127.0.0.1", true},   {"localhost.localdomain", true},
        {"ts011", false},      {"ts0.corp.example", false},
        {"10.127.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_desktop desktop = {0};
        struct session_list sessions = {0};
        struct platform_error error = {""};
        char computer[32];

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_wts.own_session = 2;
        snprintf(computer, sizeof(computer), "%s", cases[i].computer);
        desktop.settings.computer = computer;
        assert_int_equal(fake_desktop_try(&desktop, LONG_MS, &error),
                         LASTCALL_OK);
        fake_desktop_list(&desktop, &sessions);
        if (session_is(&sessions.items[0], SESSION_ENDABLE) ==
            cases[i].is_spared)
            fail_msg("%s", computer);
        session_list_deinit(&sessions);
        fake_desktop_close(&desktop);
    }
}

static void computers_by_name(void **state)
{
    static const char *const refused[] = {
        "",  "\\\\TS02", "TS02\\x", "a b", "ts02:1", "a/b",
        "*", "a\tb",     "-x",      ".",   "a\"b",   "TS01,TS02"};
    static const char *const local[] = {"TS01", "ts01", "Ts01"};
    struct platform_error error = {""};

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct fake_desktop desktop = {0};
        char computer[32];

        snprintf(computer, sizeof(computer), "%s", refused[i]);
        desktop.settings.computer = computer;
        if (fake_desktop_try(&desktop, LONG_MS, &error) != LASTCALL_E_CONFIG)
            fail_msg("'%s' is accepted", refused[i]);
        assert_null(desktop.backend);
        assert_non_null(strstr(error.text, "not the name of a computer"));
    }
    assert_int_equal(fake_wts.opens, 0);
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        struct fake_desktop desktop = {0};
        char computer[32];

        snprintf(computer, sizeof(computer), "%s", local[i]);
        desktop.settings.computer = computer;
        assert_int_equal(fake_desktop_try(&desktop, LONG_MS, &error),
                         LASTCALL_OK);
        assert_string_equal(fake_wts.opened_computer, "");
        fake_desktop_close(&desktop);
    }
}

static void a_list_that_hangs_ends_in_time(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_hold(FAKE_WTS_INFO, 1);
    fake_desktop_open(&desktop, MIDDLE_MS);
    fake_desktop_hang(&desktop, 1, &outcome);
    fake_desktop_says(&outcome, "TS01 did not answer within 1000 ms");
    fake_desktop_list(&desktop, &sessions);
    assert_int_equal(sessions.count, 1);
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

/* Every session takes its time. */
static void tarry(enum fake_wts_call call, uint32_t session)
{
    (void)session;
    if (call == FAKE_WTS_INFO)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* The timeout is for a server that hangs, not for one with many sessions. */
static void a_long_list_has_the_time_it_takes(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};

    (void)state;
    for (uint32_t id = 1; id <= 80; id++)
        fake_wts_add(id, WTS_STATE_ACTIVE, "user");
    fake_wts.before = tarry;
    fake_desktop_open(&desktop, MIDDLE_MS);
    fake_desktop_list(&desktop, &sessions); /* 1600 ms */
    assert_int_equal(sessions.count, 80);
    session_list_deinit(&sessions);
    fake_desktop_close(&desktop);
}

static void a_list_that_comes_to_a_stop_ends_in_time(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(1, WTS_STATE_DISCONNECTED, "");
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_hold(FAKE_WTS_CLIENT, 1); /* 1 has none */
    fake_desktop_open(&desktop, SHORT_MS);
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_TIMEOUT);
    fake_desktop_says(&outcome, "TS01 did not answer within 100 ms");
    fake_desktop_close(&desktop);
}

/* A machine that is slow enough to be left is not asked for the rest. */
static void a_list_that_is_left_asks_no_further(void **state)
{
    struct fake_desktop desktop;
    struct session_outcome outcome;
    unsigned asked;

    (void)state;
    for (uint32_t id = 1; id <= 9; id++)
        fake_wts_add(id, WTS_STATE_ACTIVE, "user");
    fake_wts_hold(FAKE_WTS_CLIENT, 1);
    fake_desktop_open(&desktop, SHORT_MS);
    fake_desktop_hang(&desktop, 1, &outcome);
    watch_lock(&fake_wts.watch);
    asked = fake_wts.calls[FAKE_WTS_INFO];
    watch_unlock(&fake_wts.watch);
    fake_desktop_close(&desktop);
    assert_int_equal(fake_wts.calls[FAKE_WTS_INFO], asked);
}

static void a_list_without_end_is_left(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    for (uint32_t id = 1; id <= 500; id++)
        fake_wts_add(id, WTS_STATE_ACTIVE, "user");
    fake_wts.before = tarry;
    fake_desktop_open(&desktop, STEP_MS);
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_TIMEOUT);
    fake_desktop_says(&outcome,
                      "TS01 had not told all its sessions after 6000 ms");
    watch_lock(&fake_wts.watch);
    assert_in_range(fake_wts.calls[FAKE_WTS_INFO], 2, 400);
    fake_wts.before = NULL;
    watch_unlock(&fake_wts.watch);
    fake_desktop_close(&desktop);
}

static void a_server_that_hangs_is_left_in_peace(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_hold(FAKE_WTS_ENUMERATE, 10);
    fake_desktop_open(&desktop, SHORT_MS);
    for (unsigned i = 1; i <= 4; i++)
        fake_desktop_hang(&desktop, i, &outcome);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(
            fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
            LASTCALL_TIMEOUT);
    fake_desktop_says(&outcome, "4 earlier calls to TS01 still have no answer");
    watch_lock(&fake_wts.watch);
    assert_int_equal(fake_wts.calls[FAKE_WTS_ENUMERATE], 4);
    watch_unlock(&fake_wts.watch);
    fake_desktop_close(&desktop);
}

static void what_a_server_says_of_itself(void **state)
{
    struct fake_desktop desktop;
    struct backend_report report;

    (void)state;
    fake_desktop_open(&desktop, LONG_MS);
    assert_int_equal(fake_wts_backend_ops.report(desktop.backend, &report),
                     LASTCALL_OK);
    assert_string_equal(report.version, "Windows 10.0.20348");
    assert_int_equal(report.actions, backend_kind_actions(BACKEND_WTS));
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    assert_int_equal(fake_wts_backend_ops.report(desktop.backend, &report),
                     LASTCALL_DENIED);
    assert_int_equal(report.actions, ACTION_BIT(ACTION_PING));
    assert_int_equal(report.rights.code, LASTCALL_DENIED);
    fake_desktop_close(&desktop);
}

/* This machine's version is none of another one's. */
static void what_another_server_runs_is_not_known(void **state)
{
    struct fake_desktop desktop = {0};
    struct platform_error error = {""};
    struct backend_report report;
    char computer[] = "ts02";

    (void)state;
    desktop.settings.computer = computer;
    assert_int_equal(fake_desktop_try(&desktop, LONG_MS, &error), LASTCALL_OK);
    assert_int_equal(fake_wts_backend_ops.report(desktop.backend, &report),
                     LASTCALL_OK);
    assert_string_equal(report.version, "");
    fake_desktop_close(&desktop);
}

static void an_interrupt_ends_what_is_asked(void **state)
{
    struct fake_desktop desktop;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_desktop_open(&desktop, LONG_MS);
    fake_wts_backend_ops.interrupt(desktop.backend);
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_INTERRUPTED);
    fake_desktop_close(&desktop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sessions_are_listed, fake_desktop_setup),
        cmocka_unit_test_setup(a_session_that_fails_spoils_no_list,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_has_no_client_is_not_asked_for_one,
                               fake_desktop_setup),
        cmocka_unit_test_setup(long_names_are_whole, fake_desktop_setup),
        cmocka_unit_test_setup(a_list_that_fails_says_why, fake_desktop_setup),
        cmocka_unit_test_setup(another_computer_gets_its_own_hints,
                               fake_desktop_setup),
        cmocka_unit_test_setup(the_own_session_is_spared_under_every_name,
                               fake_desktop_setup),
        cmocka_unit_test_setup(computers_by_name, fake_desktop_setup),
        cmocka_unit_test_setup(a_list_that_hangs_ends_in_time,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_long_list_has_the_time_it_takes,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_list_that_comes_to_a_stop_ends_in_time,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_list_that_is_left_asks_no_further,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_list_without_end_is_left, fake_desktop_setup),
        cmocka_unit_test_setup(a_server_that_hangs_is_left_in_peace,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_a_server_says_of_itself,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_another_server_runs_is_not_known,
                               fake_desktop_setup),
        cmocka_unit_test_setup(an_interrupt_ends_what_is_asked,
                               fake_desktop_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
