/* What the fleet tells, as plain JSON: exactly these members, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_project.h"

static struct bytes out;

static int begin(void **state)
{
    (void)state;
    bytes_init(&out, HOME_STATE_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bytes_deinit(&out);
    return 0;
}

static void add_session(struct session_list *list, const char *id,
                        const char *user)
{
    struct session session = {0};

    assert_int_equal(session_set_text(&session, SESSION_ID, id), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    session_set_bool(&session, SESSION_IS_LOCAL, 1);
    assert_int_equal(session_list_take(list, &session), LASTCALL_OK);
}

static void test_sessions(void **state)
{
    struct inventory inventory = {
        .server = {"home"},
        .backend = BACKEND_PLEX,
        .taken_ms = INT64_C(1795000000250),
        .reachable = true,
    };

    (void)state;
    add_session(&inventory.sessions, "7", "kim \"k\"");
    assert_int_equal(home_project_sessions(&inventory, &out), LASTCALL_OK);
    assert_string_equal(
        (const char *)out.data,
        "{\"server\":\"home\",\"backend\":\"plex\",\"reachable\":true,"
        "\"count\":1,\"taken_at\":\"2026-11-18T11:06:40.250Z\","
        "\"truncated\":false,\"sessions\":[{\"session_id\":\"7\","
        "\"username\":\"kim \\\"k\\\"\",\"is_local\":true}]}");
    inventory_deinit(&inventory);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word))
        count++;
    return count;
}

/* A state is for a dashboard: the count is whole, the list is not endless. */
static void test_a_long_list_is_cut(void **state)
{
    struct inventory inventory = {.server = {"s"}};
    char id[16];

    (void)state;
    for (int i = 0; i < HOME_SESSION_MAX + 1; i++) {
        snprintf(id, sizeof id, "%d", i);
        add_session(&inventory.sessions, id, "u");
    }
    assert_int_equal(home_project_sessions(&inventory, &out), LASTCALL_OK);
    assert_int_equal(count_of((const char *)out.data, "session_id"),
                     HOME_SESSION_MAX);
    assert_non_null(strstr((const char *)out.data, "\"count\":257"));
    assert_non_null(strstr((const char *)out.data, "\"truncated\":true"));
    inventory_deinit(&inventory);
}

static void test_truncated_there_is_truncated_here(void **state)
{
    struct inventory inventory = {.server = {"s"}, .truncated = true};

    (void)state;
    assert_int_equal(home_project_sessions(&inventory, &out), LASTCALL_OK);
    assert_non_null(strstr((const char *)out.data, "\"truncated\":true"));
    assert_non_null(strstr((const char *)out.data, "\"reachable\":false"));
    assert_non_null(strstr((const char *)out.data, "\"sessions\":[]"));
}

static void test_what_does_not_fit_is_refused(void **state)
{
    struct inventory inventory = {.server = {"s"}};
    struct bytes small;

    (void)state;
    bytes_init(&small, 20);
    assert_int_equal(home_project_sessions(&inventory, &small),
                     LASTCALL_E_TOO_LARGE);
    bytes_deinit(&small);
}

static void test_event(void **state)
{
    struct event event = {
        .server = {"desk"}, .backend = BACKEND_WTS, .kind = EVENT_ENDED};

    (void)state;
    assert_int_equal(session_set_text(&event.session, SESSION_USERNAME, "u"),
                     LASTCALL_OK);
    assert_int_equal(home_project_event(&event, &out), LASTCALL_OK);
    assert_string_equal((const char *)out.data,
                        "{\"event_type\":\"ended\",\"server\":\"desk\","
                        "\"backend\":\"wts\",\"ended_by\":null,"
                        "\"ended_by_controller\":null,"
                        "\"ended_by_plan\":null,"
                        "\"session\":{\"username\":\"u\"}}");
    out.len = 0;
    snprintf(event.ended_by.text, sizeof event.ended_by.text,
             "0123456789abcdef");
    event.ended_by_controller = (struct name){"alice"};
    event.ended_by_plan = (struct name){"night"};
    assert_int_equal(home_project_event(&event, &out), LASTCALL_OK);
    assert_non_null(strstr((const char *)out.data,
                           "\"ended_by_controller\":\"alice\","
                           "\"ended_by_plan\":\"night\""));
    assert_non_null(
        strstr((const char *)out.data, "\"ended_by\":\"0123456789abcdef\""));
    event_deinit(&event);
}

static void test_result(void **state)
{
    struct home_result result = {
        .outcome = HOME_FAILURE,
        .button = "stop-kids",
        .request_id = "0123456789abcdef",
        .code = "partial",
        .detail = "one failed",
        .matched = 3,
        .succeeded = 2,
        .failed = 1,
        .hosts = -1,
    };

    (void)state;
    assert_int_equal(home_project_result(&result, &out), LASTCALL_OK);
    assert_string_equal(
        (const char *)out.data,
        "{\"event_type\":\"failure\",\"button\":\"stop-kids\","
        "\"request_id\":\"0123456789abcdef\",\"code\":\"partial\","
        "\"detail\":\"one failed\",\"matched\":3,\"succeeded\":2,"
        "\"failed\":1}");
    out.len = 0;
    result.outcome = HOME_SILENT;
    result.request_id = "";
    result.hosts = 3;
    result.answered = 2;
    result.silent = 1;
    assert_int_equal(home_project_result(&result, &out), LASTCALL_OK);
    assert_non_null(
        strstr((const char *)out.data, "{\"event_type\":\"silent\","));
    assert_non_null(strstr((const char *)out.data, "\"request_id\":null"));
    assert_non_null(strstr((const char *)out.data,
                           "\"hosts\":3,\"answered\":2,\"silent\":1}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions, begin, end),
        cmocka_unit_test_setup_teardown(test_a_long_list_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(test_truncated_there_is_truncated_here,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_refused,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_event, begin, end),
        cmocka_unit_test_setup_teardown(test_result, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
