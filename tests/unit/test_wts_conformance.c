/*
 * What a backend for Windows sessions promises, from the interface down to
 * the calls that Windows sees: natively over the double, where sanitizers
 * watch, and under Wine over wtsapi32.dll's stand-in.  The log says what was
 * really asked for.  Here: lists, news of changes, machines; acts are in
 * test_wts_conformance_act.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wts_bench.h"

/* A change must be known so soon. */
#define NEWS_MS 2000
#define CROWD 500
#define DISCONNECT "\"fn\":\"WTSDisconnectSession\""
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t integer(const struct session *session, enum session_field field)
{
    assert_int_equal(session->fields[field].kind, VALUE_INTEGER);
    return session->fields[field].as.integer;
}

/* ---- lists ---- */

static void test_a_list_has_every_field(void **state)
{
    struct session_list sessions;
    const struct session *one;

    (void)state;
    wts_bench_list(&sessions);
    assert_int_equal(sessions.count, 5);
    one = session_list_find(&sessions, "2");
    assert_string_equal(session_text(one, SESSION_SERVER), "desktop");
    assert_string_equal(session_text(one, SESSION_BACKEND), "wts");
    assert_string_equal(session_text(one, SESSION_USERNAME), WTS_BENCH_NAME);
    assert_string_equal(session_text(one, SESSION_DOMAIN), "CORP");
    assert_string_equal(session_text(one, SESSION_STATE), "active");
    assert_string_equal(session_text(one, SESSION_SESSION_NAME), "RDP-Tcp#0");
    assert_string_equal(session_text(one, SESSION_CLIENT_NAME), "LAPTOP7");
    assert_string_equal(session_text(one, SESSION_CLIENT_ADDRESS), "10.1.2.3");
    assert_string_equal(session_text(one, SESSION_CLIENT_DIRECTORY),
                        "C:\\Windows");
    assert_string_equal(session_text(one, SESSION_PROTOCOL), "rdp");
    assert_int_equal(integer(one, SESSION_CLIENT_BUILD), 19041);
    assert_int_equal(integer(one, SESSION_CLIENT_WIDTH), 1920);
    assert_int_equal(integer(one, SESSION_CLIENT_HEIGHT), 1080);
    assert_in_range(integer(one, SESSION_IDLE_S), 300, 330);
    assert_true(session_is(one, SESSION_IS_LOCKED));
    assert_true(session_is(one, SESSION_ENDABLE));
    assert_non_null(session_text(one, SESSION_LOGON_TIME));
    assert_non_null(session_text(one, SESSION_CONNECT_TIME));
    assert_non_null(session_text(one, SESSION_LAST_INPUT_TIME));
    assert_null(session_text(one, SESSION_DISCONNECT_TIME));
    session_list_deinit(&sessions);
}

static void test_what_windows_leaves_out_is_unknown(void **state)
{
    struct session_list sessions;
    const struct session *one;

    (void)state;
    wts_bench_list(&sessions);
    one = session_list_find(&sessions, "0");
    assert_null(session_text(one, SESSION_USERNAME));
    assert_null(session_text(one, SESSION_DOMAIN));
    assert_null(session_text(one, SESSION_CLIENT_NAME));
    assert_int_equal(one->fields[SESSION_IDLE_S].kind, VALUE_NULL);
    one = session_list_find(&sessions, "3");
    assert_string_equal(session_text(one, SESSION_STATE), "disconnected");
    assert_string_equal(session_text(one, SESSION_USERNAME), "bob");
    assert_null(session_text(one, SESSION_SESSION_NAME));
    assert_non_null(session_text(one, SESSION_DISCONNECT_TIME));
    session_list_deinit(&sessions);
}

static void test_a_list_stays_the_same(void **state)
{
    struct session_list sessions;
    char logon[64];

    (void)state;
    wts_bench_list(&sessions);
    snprintf(
        logon, sizeof(logon), "%s",
        session_text(session_list_find(&sessions, "2"), SESSION_LOGON_TIME));
    session_list_deinit(&sessions);
    wts_bench_list(&sessions);
    assert_string_equal(
        session_text(session_list_find(&sessions, "2"), SESSION_LOGON_TIME),
        logon);
    session_list_deinit(&sessions);
}

static void test_a_crowd_with_one_that_fails(void **state)
{
    static char text[CROWD * 80];
    struct session_list sessions;
    size_t len = 0;

    (void)state;
    for (int i = 1; i <= CROWD; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "session\tid=%d\tuser=user%d\tidle_s=60\n",
                                i + 1, i);
    snprintf(text + len, sizeof(text) - len,
             "fail\tfn=WTSQuerySessionInformationW\tsession=250\terror=7007\n");
    stage_write(text);
    wts_bench_list(&sessions);
    assert_int_equal(sessions.count, CROWD);
    for (size_t i = 0; i < sessions.count; i++) {
        const struct session *one = &sessions.items[i];
        bool fails = strcmp(session_text(one, SESSION_ID), "250") == 0;

        assert_non_null(session_text(one, SESSION_USERNAME));
        assert_int_equal(one->fields[SESSION_IDLE_S].kind,
                         fails ? VALUE_NULL : VALUE_INTEGER);
    }
    session_list_deinit(&sessions);
}

static void test_nobody_at_all(void **state)
{
    struct session_list sessions;

    (void)state;
    stage_write("");
    wts_bench_list(&sessions);
    assert_int_equal(sessions.count, 0);
    session_list_deinit(&sessions);
}

static void test_a_list_that_fails_says_why(void **state)
{
    static const struct {
        const char *line;
        enum lastcall_status code;
        const char *detail;
    } cases[] = {
        {"fail\tfn=WTSEnumerateSessionsExW\terror=5", LASTCALL_DENIED, "5"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=1722", LASTCALL_UNREACHABLE,
         "1722"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=7022", LASTCALL_UNREACHABLE,
         "7022"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=31337", LASTCALL_SERVER_ERROR,
         "31337"},
        {"fail\tfn=WTSEnumerateSessionsExW\tlevel=2", LASTCALL_SERVER_ERROR,
         "no error number"},
        {"fail\tfn=WTSEnumerateSessionsExW\tnullptr=1", LASTCALL_SERVER_ERROR,
         "no error number"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session_list sessions = {0};
        struct session_outcome outcome;

        wts_bench_write_more(cases[i].line);
        if (wts_bench_ops.list(wts_bench.backend, &sessions, &outcome) !=
            cases[i].code)
            fail_msg("%s: %s", cases[i].line, outcome.detail);
        assert_int_equal(sessions.count, 0);
        if (strstr(outcome.detail, cases[i].detail) == NULL)
            fail_msg("'%s' says not %s", outcome.detail, cases[i].detail);
    }
}

static void test_a_list_that_hangs_ends_in_time(void **state)
{
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    wts_bench_close();
    wts_bench_write_more(
        "fail\tfn=WTSEnumerateSessionsExW\tdelay_ms=1500\tcount=1");
    wts_bench_open(WTS_BENCH_SHORT_MS, NULL);
    assert_int_equal(wts_bench_ops.list(wts_bench.backend, &sessions, &outcome),
                     LASTCALL_TIMEOUT);
    assert_int_equal(sessions.count, 0);
    assert_int_equal(stage_count("WTSEnumerateSessionsExW"), 0);
    stage_await("WTSEnumerateSessionsExW"); /* its end, long after */
}

/* ---- events ---- */

static void test_a_change_is_news_at_once(void **state)
{
    int64_t until_ms;
    bool is_told;

    (void)state;
    stage_await("\"waiting\":true");
    stage_change("session\tid=2\tstate=disconnected\tuser=alice\n");
    until_ms = platform_clock.monotonic_ms(platform_clock.state) + NEWS_MS;
    gate_lock(&wts_bench.gate);
    while (wts_bench.news == 0 &&
           platform_clock.monotonic_ms(platform_clock.state) < until_ms)
        gate_wait(&wts_bench.gate, NEWS_MS);
    is_told = wts_bench.news > 0;
    gate_unlock(&wts_bench.gate);
    assert_true(is_told);
}

/* ---- other machines ---- */

static void test_another_machine(void **state)
{
    char computer[] = "SERVER01";
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    wts_bench_close();
    wts_bench_write_more("server\tname=SERVER01\n"
                         "session\tserver=SERVER01\tid=2\tuser=carol");
    wts_bench_open(WTS_BENCH_LONG_MS, computer);
    wts_bench_list(&sessions);
    assert_int_equal(sessions.count, 1);
    assert_string_equal(session_text(&sessions.items[0], SESSION_USERNAME),
                        "carol");
    assert_string_equal(session_text(&sessions.items[0], SESSION_COMPUTER_NAME),
                        "SERVER01");
    session_list_deinit(&sessions);
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(
        stage_count(DISCONNECT ",\"server\":\"SERVER01\",\"session\":2"), 1);
}

static void test_a_machine_that_nobody_knows(void **state)
{
    char computer[] = "NOWHERE";
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    wts_bench_close();
    wts_bench_open(WTS_BENCH_LONG_MS, computer);
    assert_int_equal(wts_bench_ops.list(wts_bench.backend, &sessions, &outcome),
                     LASTCALL_UNREACHABLE);
    assert_non_null(strstr(outcome.detail, "1722"));
}

static void test_the_report(void **state)
{
    struct backend_report report;

    (void)state;
    assert_int_equal(wts_bench_ops.report(wts_bench.backend, &report),
                     LASTCALL_OK);
    assert_int_equal(strncmp(report.version, "Windows ", 8), 0);
    assert_true(report.actions != 0);
    wts_bench_write_more("fail\tfn=WTSEnumerateSessionsExW\terror=5");
    assert_int_equal(wts_bench_ops.report(wts_bench.backend, &report),
                     LASTCALL_DENIED);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, wts_bench_setup, wts_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_has_every_field),
        TEST(test_what_windows_leaves_out_is_unknown),
        TEST(test_a_list_stays_the_same),
        TEST(test_a_crowd_with_one_that_fails),
        TEST(test_nobody_at_all),
        TEST(test_a_list_that_fails_says_why),
        TEST(test_a_list_that_hangs_ends_in_time),
        TEST(test_a_change_is_news_at_once),
        TEST(test_another_machine),
        TEST(test_a_machine_that_nobody_knows),
        TEST(test_the_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
