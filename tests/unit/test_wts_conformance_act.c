/*
 * What a backend for Windows sessions promises of its acts, from the
 * interface down to the calls that Windows sees; see test_wts_conformance.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wts_bench.h"

#define DISCONNECT "\"fn\":\"WTSDisconnectSession\""
#define LOGOFF "\"fn\":\"WTSLogoffSession\""
#define MESSAGE "\"fn\":\"WTSSendMessageW\""
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- disconnect and logoff ---- */

static void test_disconnect(void **state)
{
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_int_equal(stage_count(DISCONNECT ",\"server\":null,\"session\":2,"
                                            "\"wait\":true,\"error\":0"),
                     1);
    wts_bench_list(&sessions);
    assert_string_equal(
        session_text(session_list_find(&sessions, "2"), SESSION_STATE),
        "disconnected");
    session_list_deinit(&sessions);
    /* Now it is nothing that Windows has to do. */
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_ALREADY_GONE);
    assert_int_equal(stage_count(DISCONNECT), 1);
}

static void test_logoff(void **state)
{
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    assert_int_equal(wts_bench_pick_and_act("3", ACTION_LOGOFF, &outcome),
                     LASTCALL_OK);
    assert_int_equal(stage_count(LOGOFF ",\"server\":null,\"session\":3,"
                                        "\"wait\":false,\"error\":0"),
                     1);
    wts_bench_list(&sessions);
    assert_null(session_list_find(&sessions, "3"));
    session_list_deinit(&sessions);
}

static void test_an_empty_promise_is_watched(void **state)
{
    struct session_outcome outcome;

    (void)state;
    wts_bench_write_more("fail\tfn=WTSDisconnectSession\tnochange=1\n"
                         "fail\tfn=WTSLogoffSession\tnochange=1");
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_true(outcome.settle_ms > 0);
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_LOGOFF, &outcome),
                     LASTCALL_OK);
    assert_true(outcome.settle_ms > 0);
}

struct refusal {
    uint32_t error;
    enum lastcall_status code;
};

static void test_every_refusal_has_its_code(void **state)
{
    static const struct refusal refusals[] = {
        {2, LASTCALL_ALREADY_GONE},    {5, LASTCALL_DENIED},
        {6, LASTCALL_SERVER_ERROR},    {31, LASTCALL_INVALID_REQUEST},
        {50, LASTCALL_UNSUPPORTED},    {87, LASTCALL_INVALID_REQUEST},
        {120, LASTCALL_UNSUPPORTED},   {995, LASTCALL_UNREACHABLE},
        {1062, LASTCALL_UNREACHABLE},  {1460, LASTCALL_TIMEOUT},
        {1722, LASTCALL_UNREACHABLE},  {1726, LASTCALL_UNREACHABLE},
        {1818, LASTCALL_UNREACHABLE},  {7007, LASTCALL_ALREADY_GONE},
        {7022, LASTCALL_ALREADY_GONE}, {7024, LASTCALL_BUSY},
        {7037, LASTCALL_NOT_ENDABLE},  {7041, LASTCALL_NOT_ENDABLE},
        {7045, LASTCALL_DENIED},       {31337, LASTCALL_SERVER_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct session_outcome outcome;
        char line[160], number[16];

        snprintf(number, sizeof(number), "%lu",
                 (unsigned long)refusals[i].error);
        snprintf(line, sizeof(line),
                 "fail\tfn=WTSDisconnectSession\terror=%s\n"
                 "fail\tfn=WTSLogoffSession\terror=%s",
                 number, number);
        wts_bench_write_more(line);
        if (wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome) !=
            refusals[i].code)
            fail_msg("%s: %s", number, outcome.detail);
        assert_non_null(strstr(outcome.detail, number));
        if (wts_bench_pick_and_act("2", ACTION_LOGOFF, &outcome) !=
            refusals[i].code)
            fail_msg("%s: %s", number, outcome.detail);
        /* Never a second time by itself. */
        assert_int_equal(stage_count(DISCONNECT), 1);
        assert_int_equal(stage_count(LOGOFF), 1);
    }
}

static void test_a_lost_reply_is_settled_by_looking(void **state)
{
    struct session_outcome outcome;

    (void)state;
    wts_bench_write_more("fail\tfn=WTSDisconnectSession\terror=1726\tafter=1\n"
                         "fail\tfn=WTSLogoffSession\terror=1726\tafter=1");
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(stage_count(DISCONNECT), 1);
    assert_int_equal(wts_bench_pick_and_act("3", ACTION_LOGOFF, &outcome),
                     LASTCALL_OK);
    assert_int_equal(stage_count(LOGOFF), 1);
}

static void test_a_call_that_hangs_is_settled_by_looking(void **state)
{
    struct session_outcome outcome;

    (void)state;
    wts_bench_close();
    wts_bench_write_more("fail\tfn=WTSDisconnectSession\tdelay_ms=1500");
    wts_bench_open(WTS_BENCH_SHORT_MS, NULL);
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_TIMEOUT);
    stage_await(DISCONNECT);
    assert_int_equal(stage_count(DISCONNECT), 1);
}

static void test_what_is_gone_or_another_is_left_alone(void **state)
{
    static const struct {
        const char *now;
        enum lastcall_status code;
    } cases[] = {
        {"session\tid=1\tuser=worker\n", LASTCALL_ALREADY_GONE},
        {"session\tid=2\tuser=mallory\tdomain=CORP\tlogon_age_s=5\n",
         LASTCALL_CHANGED},
        {"session\tid=2\tuser=" WTS_BENCH_NAME "\tdomain=CORP\tlogon_age_s=5\n",
         LASTCALL_CHANGED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session target;
        struct session_outcome outcome;

        stage_write(wts_bench_ordinary);
        wts_bench_pick("2", &target);
        stage_change(cases[i].now);
        if (wts_bench_act(&target, ACTION_LOGOFF, &outcome) != cases[i].code)
            fail_msg("case %d: %s", (int)i, outcome.detail);
        assert_int_equal(stage_count(LOGOFF), 0);
        session_deinit(&target);
    }
}

static void test_it_vanishes_at_the_last_moment(void **state)
{
    struct session_outcome outcome;

    (void)state;
    wts_bench_write_more("host\tnotfound=7022\n"
                         "fail\tfn=WTSLogoffSession\terror=7022\tafter=1");
    assert_int_equal(wts_bench_pick_and_act("2", ACTION_LOGOFF, &outcome),
                     LASTCALL_ALREADY_GONE);
}

static void test_special_sessions_are_never_touched(void **state)
{
    static const char *const listed[] = {"0", "1", "65536"};
    static const char *const named[] = {"4294967295", "4294967296", "-1"};
    struct session_outcome outcome;

    (void)state;
    for (size_t i = 0; i < COUNT(listed); i++) {
        wts_bench_pick_and_act(listed[i], ACTION_DISCONNECT, &outcome);
        assert_int_not_equal(outcome.code, LASTCALL_OK);
        assert_int_equal(
            wts_bench_pick_and_act(listed[i], ACTION_LOGOFF, &outcome),
            LASTCALL_NOT_ENDABLE);
    }
    for (size_t i = 0; i < COUNT(named); i++) {
        struct session target = {0};

        assert_int_equal(session_set_text(&target, SESSION_ID, named[i]),
                         LASTCALL_OK);
        assert_int_equal(wts_bench_act(&target, ACTION_LOGOFF, &outcome),
                         LASTCALL_INVALID_REQUEST);
        session_deinit(&target);
    }
    assert_int_equal(stage_count(DISCONNECT), 0);
    assert_int_equal(stage_count(LOGOFF), 0);
}

/* ---- messages ---- */

static char message_text[] = "Bitte \"speichern\"\nund " WTS_BENCH_NAME;
static char message_title[] = "W\xc3\xa4rtung";
static char message_style[] = "yes_no,question";

static enum lastcall_status send(const char *id, const struct request *request,
                                 struct session_outcome *outcome)
{
    const struct order order = {.request = *request};
    struct session target;
    enum lastcall_status status;

    wts_bench_pick(id, &target);
    status = wts_bench_ops.act(wts_bench.backend, &target, &order, outcome);
    session_deinit(&target);
    return status;
}

static void test_a_message_arrives_unchanged(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .title = message_title,
        .style = message_style,
    };
    struct session_outcome outcome;

    (void)state;
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "");
    assert_int_equal(
        stage_count(
            MESSAGE
            ",\"server\":null,\"session\":2,\"wait\":false,"
            "\"title\":\"W\xc3\xa4rtung\","
            "\"text\":\"Bitte \\\"speichern\\\"\\u000aund " WTS_BENCH_NAME
            "\",\"style\":36,"),
        1);
}

static void test_a_message_is_answered(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .style = message_style,
        .timeout_s = 30,
        .wait = true,
    };
    struct session_outcome outcome;

    (void)state;
    stage_write("session\tid=2\tuser=alice\treply=6\treply_ms=100\n");
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "yes");
    assert_int_equal(stage_count("\"timeout_s\":30,\"answer\":6,\"error\":0"),
                     1);
}

static void test_a_message_times_out(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .timeout_s = 1,
        .wait = true,
    };
    struct session_outcome outcome;

    (void)state;
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "timeout");
}

static void test_a_message_that_fails(void **state)
{
    static const struct refusal refusals[] = {
        {2, LASTCALL_NOT_FOUND},
        {5, LASTCALL_DENIED},
        {1722, LASTCALL_UNREACHABLE},
        {7022, LASTCALL_NOT_FOUND},
    };
    const struct request request = {.action = ACTION_MESSAGE,
                                    .message = message_text};

    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct session_outcome outcome;
        char line[80];

        snprintf(line, sizeof(line), "fail\tfn=WTSSendMessageW\terror=%lu",
                 (unsigned long)refusals[i].error);
        wts_bench_write_more(line);
        if (send("2", &request, &outcome) != refusals[i].code)
            fail_msg("%s: %s", line, outcome.detail);
        assert_int_equal(stage_count(MESSAGE), 1);
    }
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, wts_bench_setup, wts_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_disconnect),
        TEST(test_logoff),
        TEST(test_an_empty_promise_is_watched),
        TEST(test_every_refusal_has_its_code),
        TEST(test_a_lost_reply_is_settled_by_looking),
        TEST(test_a_call_that_hangs_is_settled_by_looking),
        TEST(test_what_is_gone_or_another_is_left_alone),
        TEST(test_it_vanishes_at_the_last_moment),
        TEST(test_special_sessions_are_never_touched),
        TEST(test_a_message_arrives_unchanged),
        TEST(test_a_message_is_answered),
        TEST(test_a_message_times_out),
        TEST(test_a_message_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
