/* What the table of Windows calls does; see test_wts_api.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/gate.h"
#include "tests/unit/wts_stage.h"

#define FT_PER_S INT64_C(10000000)

/* A name with letters of two, three and four bytes in UTF-8. */
#define NAME_OF_MANY "J\xc3\xbcrgen \xe6\x9d\xb1\xf0\x9f\x90\x88"

/* ---- acting ---- */

static void test_disconnect(void **state)
{
    struct wts_info info;
    struct wts_entries entries;

    (void)state;
    assert_int_equal(stage_api()->disconnect(stage_server, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_count("\"fn\":\"WTSDisconnectSession\","
                                 "\"server\":null,\"session\":2,"
                                 "\"wait\":true,\"error\":0"),
                     1);
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_NONE);
    assert_int_equal(info.state, WTS_STATE_DISCONNECTED);
    assert_in_range(info.current_ft - info.disconnect_ft, 0, 30 * FT_PER_S);
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_null(entries.items[1].session_name);
    assert_string_equal(entries.items[1].username, "alice");
    wts_entries_deinit(&entries);
    /* A second time it is disconnected already. */
    assert_int_equal(stage_api()->disconnect(stage_server, 2), WTS_ERROR_NONE);
}

static void test_logoff_does_not_wait(void **state)
{
    struct wts_info info;

    (void)state;
    assert_int_equal(stage_api()->logoff(stage_server, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_count("\"fn\":\"WTSLogoffSession\","
                                 "\"server\":null,\"session\":2,"
                                 "\"wait\":false,\"error\":0"),
                     1);
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info), 2);

    /* Nor when it takes long, as it does with unsaved work. */
    stage_write("session\tid=2\tuser=alice\tlogoff_ms=600000\n");
    assert_int_equal(stage_api()->logoff(stage_server, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_NONE);
    assert_int_equal(info.state, WTS_STATE_ACTIVE);

    stage_write("session\tid=2\tuser=alice\tlogoff_ms=1\n");
    assert_int_equal(stage_api()->logoff(stage_server, 2), WTS_ERROR_NONE);
    while (stage_api()->read_info(stage_server, 2, &info) == WTS_ERROR_NONE)
        ;
}

static void test_special_sessions_are_refused(void **state)
{
    static const uint32_t ids[] = {0, WTS_SESSION_LISTENER_FIRST};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(stage_api()->disconnect(stage_server, ids[i]), 5);
        assert_int_equal(stage_api()->logoff(stage_server, ids[i]), 5);
    }
}

static void test_sessions_that_are_not_there(void **state)
{
    struct wts_info info;
    char *text;

    (void)state;
    assert_int_equal(stage_api()->disconnect(stage_server, 9), 2);
    assert_int_equal(stage_api()->logoff(stage_server, 9), 2);
    assert_int_equal(stage_api()->read_info(stage_server, 9, &info), 2);
    assert_int_equal(
        stage_api()->read_text(stage_server, 9, WTS_TEXT_USERNAME, &text), 2);
    assert_null(text);
    /* Some versions of Windows say it so. */
    stage_write_more("host\tnotfound=7022");
    assert_int_equal(stage_api()->disconnect(stage_server, 9), 7022);
}

static void test_every_error_comes_through(void **state)
{
    static const uint32_t errors[] = {2,    5,    6,    31,   87,   120,
                                      995,  1460, 1722, 1818, 7007, 7022,
                                      7024, 7037, 7041, 7045};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        char line[80];
        struct wts_info info;

        snprintf(line, sizeof(line), "fail\tfn=WTSDisconnectSession\terror=%lu",
                 (unsigned long)errors[i]);
        stage_write_more(line);
        assert_int_equal(stage_api()->disconnect(stage_server, 2), errors[i]);
        assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                         WTS_ERROR_NONE);
        assert_int_equal(info.state, WTS_STATE_ACTIVE);
    }
}

static void test_failures_of_one_session_and_for_a_time(void **state)
{
    (void)state;
    stage_write_more(
        "session\tid=3\tuser=bob\n"
        "fail\tfn=WTSDisconnectSession\tsession=3\terror=7024\tcount=2");
    assert_int_equal(stage_api()->disconnect(stage_server, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_api()->disconnect(stage_server, 3), 7024);
    assert_int_equal(stage_api()->disconnect(stage_server, 3), 7024);
    assert_int_equal(stage_api()->disconnect(stage_server, 3), WTS_ERROR_NONE);
}

static void test_lost_replies_and_empty_promises(void **state)
{
    struct wts_info info;

    (void)state;
    stage_write_more("fail\tfn=WTSDisconnectSession\terror=1726\tafter=1");
    assert_int_equal(stage_api()->disconnect(stage_server, 2), 1726);
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_NONE);
    assert_int_equal(info.state, WTS_STATE_DISCONNECTED);

    stage_write_more("fail\tfn=WTSDisconnectSession\tnochange=1");
    assert_int_equal(stage_api()->disconnect(stage_server, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_NONE);
    assert_int_equal(info.state, WTS_STATE_ACTIVE);
}

/* ---- messages ---- */

static const struct wts_message hello = {
    .title = "Grüße, " NAME_OF_MANY,
    .text = "Zeile 1\nZeile \"2\"",
    .style = 0x24,
    .timeout_s = 7,
};

static void test_message_is_shown_unchanged(void **state)
{
    uint32_t answer = 0;

    (void)state;
    assert_int_equal(
        stage_api()->send_message(stage_server, 2, &hello, &answer),
        WTS_ERROR_NONE);
    assert_int_equal(answer, WTS_ANSWER_ASYNC);
    assert_int_equal(stage_count("\"session\":2,\"wait\":false,"
                                 "\"title\":\"Grüße, " NAME_OF_MANY "\","
                                 "\"text\":\"Zeile 1\\u000aZeile \\\"2\\\"\","
                                 "\"style\":36,\"timeout_s\":7,"
                                 "\"answer\":32001,\"error\":0"),
                     1);
}

static void test_message_is_answered(void **state)
{
    struct wts_message message = hello;
    uint32_t answer = 0;

    (void)state;
    message.wait = true;
    stage_write("session\tid=2\tuser=alice\treply=6\n");
    assert_int_equal(
        stage_api()->send_message(stage_server, 2, &message, &answer),
        WTS_ERROR_NONE);
    assert_int_equal(answer, WTS_ANSWER_YES);
}

static void test_message_times_out(void **state)
{
    struct wts_message message = hello;
    uint32_t answer = 0;

    (void)state;
    message.wait = true;
    message.timeout_s = 1;
    assert_int_equal(
        stage_api()->send_message(stage_server, 2, &message, &answer),
        WTS_ERROR_NONE);
    assert_int_equal(answer, WTS_ANSWER_TIMEOUT);
}

static void test_message_fails(void **state)
{
    uint32_t answer = 0;

    (void)state;
    assert_int_equal(
        stage_api()->send_message(stage_server, 9, &hello, &answer), 2);
    assert_int_equal(answer, 0);
}

/* ---- events ---- */

static void *wait_for_event(void *argument)
{
    uint32_t *error = argument;

    *error = stage_api()->wait_event(stage_server);
    return NULL;
}

static void test_a_change_ends_the_wait(void **state)
{
    uint32_t error = WTS_ERROR_UNKNOWN;
    pthread_t thread;

    (void)state;
    assert_int_equal(gate_thread_start(&thread, wait_for_event, &error),
                     LASTCALL_OK);
    stage_await("\"waiting\":true");
    stage_change("session\tid=2\tstate=disconnected\tuser=alice\n");
    pthread_join(thread, NULL);
    assert_int_equal(error, WTS_ERROR_NONE);
    /* Sessions 0 and 65536 went, and 2 was disconnected. */
    assert_int_equal(stage_count("\"events\":210,\"error\":0"), 1);
}

static void test_a_flush_ends_the_wait(void **state)
{
    uint32_t error = WTS_ERROR_UNKNOWN;
    pthread_t thread;

    (void)state;
    assert_int_equal(gate_thread_start(&thread, wait_for_event, &error),
                     LASTCALL_OK);
    stage_await("\"waiting\":true");
    stage_api()->flush_events(stage_server);
    pthread_join(thread, NULL);
    assert_int_equal(error, WTS_ERROR_NONE);
    assert_int_equal(stage_count("\"events\":0,\"error\":0"), 1);
}

static void test_a_wait_can_fail(void **state)
{
    (void)state;
    stage_write_more("fail\tfn=WTSWaitSystemEvent\terror=1722");
    assert_int_equal(stage_api()->wait_event(stage_server), 1722);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_server_setup,                  \
                                    stage_server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_disconnect),
        TEST(test_logoff_does_not_wait),
        TEST(test_special_sessions_are_refused),
        TEST(test_sessions_that_are_not_there),
        TEST(test_every_error_comes_through),
        TEST(test_failures_of_one_session_and_for_a_time),
        TEST(test_lost_replies_and_empty_promises),
        TEST(test_message_is_shown_unchanged),
        TEST(test_message_is_answered),
        TEST(test_message_times_out),
        TEST(test_message_fails),
        TEST(test_a_change_ends_the_wait),
        TEST(test_a_flush_ends_the_wait),
        TEST(test_a_wait_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
