/*
 * The table of Windows calls keeps its word, whatever fills it: the double on
 * Linux, wts_api_win32.c over the stand-in's DLL under Wine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wts_stage.h"

#define FT_PER_S INT64_C(10000000)
#define CROWD 500

/* A name with letters of two, three and four bytes in UTF-8. */
#define NAME_OF_MANY "J\xc3\xbcrgen \xe6\x9d\xb1\xf0\x9f\x90\x88"

/* ---- reading ---- */

static void test_enumerate_gives_every_session(void **state)
{
    struct wts_entries entries;

    (void)state;
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_int_equal(entries.count, 3);
    assert_int_equal(entries.items[0].id, 0);
    assert_int_equal(entries.items[0].state, WTS_STATE_DISCONNECTED);
    assert_string_equal(entries.items[0].session_name, "Services");
    assert_null(entries.items[0].username);
    assert_null(entries.items[0].domain);
    assert_int_equal(entries.items[1].id, 2);
    assert_int_equal(entries.items[1].state, WTS_STATE_ACTIVE);
    assert_string_equal(entries.items[1].session_name, "RDP-Tcp#0");
    assert_string_equal(entries.items[1].username, "alice");
    assert_string_equal(entries.items[1].domain, "CORP");
    assert_int_equal(entries.items[2].id, WTS_SESSION_LISTENER_FIRST);
    assert_int_equal(entries.items[2].state, WTS_STATE_LISTEN);
    wts_entries_deinit(&entries);
    assert_int_equal(entries.count, 0);
}

static void test_a_state_of_a_later_windows_is_a_number(void **state)
{
    struct wts_entries entries;

    (void)state;
    stage_write("session\tid=3\tstate=77\tuser=\tdomain=\n");
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.items[0].state, 77);
    assert_null(entries.items[0].session_name);
    assert_null(entries.items[0].username); /* "" is nobody too */
    wts_entries_deinit(&entries);
}

static void test_nobody_at_all(void **state)
{
    struct wts_entries entries;

    (void)state;
    stage_write("");
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_int_equal(entries.count, 0);
    wts_entries_deinit(&entries);
}

static void test_a_crowd(void **state)
{
    static char text[CROWD * 64];
    struct wts_entries entries;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < CROWD; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "session\tid=%d\tuser=user%d\n", i + 1, i);
    stage_write(text);
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_int_equal(entries.count, CROWD);
    assert_string_equal(entries.items[CROWD - 1].username, "user499");
    wts_entries_deinit(&entries);
}

static void test_letters_of_all_lengths(void **state)
{
    struct wts_entries entries;
    char *text;

    (void)state;
    stage_write("session\tid=2\tuser=" NAME_OF_MANY "\n");
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_string_equal(entries.items[0].username, NAME_OF_MANY);
    wts_entries_deinit(&entries);
    assert_int_equal(
        stage_api()->read_text(stage_server, 2, WTS_TEXT_USERNAME, &text),
        WTS_ERROR_NONE);
    assert_string_equal(text, NAME_OF_MANY);
    free(text);
}

static void test_a_list_that_is_no_good(void **state)
{
    static const char *const lines[] = {
        "fail\tfn=WTSEnumerateSessionsExW\tnullptr=1",
        "fail\tfn=WTSEnumerateSessionsExW\tlevel=2",
    };
    struct wts_entries entries;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        stage_write_more(lines[i]);
        /* Empty would mean that everybody has gone. */
        assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                         WTS_ERROR_UNKNOWN);
        assert_int_equal(entries.count, 0);
        assert_null(entries.items);
    }
}

static void test_info_has_all_times(void **state)
{
    struct wts_info info, again;

    (void)state;
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_NONE);
    assert_int_equal(info.state, WTS_STATE_ACTIVE);
    assert_int_equal(info.lock_flags, stage_api()->is_lock_reversed()
                                          ? WTS_LOCK_UNLOCKED
                                          : WTS_LOCK_LOCKED);
    assert_int_equal(info.disconnect_ft, 0);
    assert_in_range(info.current_ft - info.last_input_ft, 300 * FT_PER_S,
                    330 * FT_PER_S);
    assert_in_range(info.current_ft - info.logon_ft, 7200 * FT_PER_S,
                    7230 * FT_PER_S);
    assert_int_equal(info.connect_ft - info.logon_ft, 100 * FT_PER_S);
    /* What the file gave as an age stays the moment that it was. */
    assert_int_equal(stage_api()->read_info(stage_server, 2, &again),
                     WTS_ERROR_NONE);
    assert_int_equal(again.logon_ft, info.logon_ft);
}

static void test_info_from_the_older_class(void **state)
{
    static const char *const lines[] = {
        "fail\tfn=WTSQuerySessionInformationW\tclass=25\terror=87",
        "fail\tfn=WTSQuerySessionInformationW\tclass=25\terror=50",
    };
    struct wts_info info;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        stage_write_more(lines[i]);
        assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                         WTS_ERROR_NONE);
        assert_int_equal(info.state, WTS_STATE_ACTIVE);
        assert_int_equal(info.lock_flags, WTS_LOCK_UNKNOWN);
        assert_in_range(info.current_ft - info.last_input_ft, 300 * FT_PER_S,
                        330 * FT_PER_S);
        assert_int_equal(info.connect_ft - info.logon_ft, 100 * FT_PER_S);
        assert_int_equal(stage_count("\"class\":24"), 1);
    }
    /* Another refusal is no reason to ask the older one. */
    stage_write_more("fail\tfn=WTSQuerySessionInformationW\tclass=25\terror=5");
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info), 5);
    assert_int_equal(stage_count("\"class\":24"), 0);
}

static void test_replies_that_are_too_short(void **state)
{
    static const char *const lines[] = {
        "fail\tfn=WTSQuerySessionInformationW\tbytes=1",
        "fail\tfn=WTSQuerySessionInformationW\tnullptr=1",
    };
    struct wts_info info;
    struct wts_client client;
    uint32_t protocol;
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        stage_write_more(lines[i]);
        assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                         WTS_ERROR_UNKNOWN);
        assert_int_equal(stage_api()->read_client(stage_server, 2, &client),
                         WTS_ERROR_UNKNOWN);
        assert_null(client.name);
        assert_int_equal(stage_api()->read_protocol(stage_server, 2, &protocol),
                         WTS_ERROR_UNKNOWN);
        assert_int_equal(
            stage_api()->read_text(stage_server, 2, WTS_TEXT_DOMAIN, &text),
            WTS_ERROR_NONE);
        assert_null(text);
    }
}

static void test_info_of_another_level(void **state)
{
    struct wts_info info;

    (void)state;
    stage_write_more("fail\tfn=WTSQuerySessionInformationW\tclass=25\tlevel=2");
    assert_int_equal(stage_api()->read_info(stage_server, 2, &info),
                     WTS_ERROR_UNKNOWN);
    assert_int_equal(info.current_ft, 0);
}

static void test_client(void **state)
{
    struct wts_client client;

    (void)state;
    assert_int_equal(stage_api()->read_client(stage_server, 2, &client),
                     WTS_ERROR_NONE);
    assert_string_equal(client.name, "LAPTOP7");
    assert_string_equal(client.address, "10.1.2.3");
    assert_string_equal(client.directory, "C:\\Windows");
    assert_int_equal(client.build, 19041);
    assert_int_equal(client.width, 1920);
    assert_int_equal(client.height, 1080);
    assert_int_equal(client.color_depth, 32);
    wts_client_deinit(&client);

    /* At the console there is none. */
    stage_write("session\tid=1\tname=Console\tuser=bob\n");
    assert_int_equal(stage_api()->read_client(stage_server, 1, &client),
                     WTS_ERROR_NONE);
    assert_null(client.name);
    assert_null(client.address);
    assert_null(client.directory);
    wts_client_deinit(&client);
}

static void test_client_address_of_ipv6(void **state)
{
    struct wts_client client;

    (void)state;
    stage_write("session\tid=2\tuser=alice\taddr=2001:db8::42\n");
    assert_int_equal(stage_api()->read_client(stage_server, 2, &client),
                     WTS_ERROR_NONE);
    assert_string_equal(client.address, "2001:db8::42");
    wts_client_deinit(&client);
}

static void test_texts_and_protocol(void **state)
{
    uint32_t protocol;
    char *text;

    (void)state;
    assert_int_equal(
        stage_api()->read_text(stage_server, 2, WTS_TEXT_USERNAME, &text),
        WTS_ERROR_NONE);
    assert_string_equal(text, "alice");
    free(text);
    assert_int_equal(
        stage_api()->read_text(stage_server, 2, WTS_TEXT_DOMAIN, &text),
        WTS_ERROR_NONE);
    assert_string_equal(text, "CORP");
    free(text);
    assert_int_equal(
        stage_api()->read_text(stage_server, 0, WTS_TEXT_USERNAME, &text),
        WTS_ERROR_NONE);
    assert_null(text);
    assert_int_equal(stage_api()->read_protocol(stage_server, 2, &protocol),
                     WTS_ERROR_NONE);
    assert_int_equal(protocol, WTS_PROTOCOL_RDP);
}

/* ---- other machines ---- */

static void test_another_machine(void **state)
{
    struct wts_entries entries;
    void *other;

    (void)state;
    stage_write_more("server\tname=SERVER01\n"
                     "session\tserver=SERVER01\tid=2\tuser=carol");
    assert_int_equal(stage_api()->open("SERVER01", &other), WTS_ERROR_NONE);
    assert_int_equal(stage_api()->enumerate(other, &entries), WTS_ERROR_NONE);
    assert_int_equal(entries.count, 1);
    assert_string_equal(entries.items[0].username, "carol");
    wts_entries_deinit(&entries);
    assert_int_equal(stage_api()->disconnect(other, 2), WTS_ERROR_NONE);
    assert_int_equal(stage_count("\"server\":\"SERVER01\",\"session\":2"), 1);
    stage_api()->close(other);
    /* The one here is untouched. */
    assert_int_equal(stage_api()->enumerate(stage_server, &entries),
                     WTS_ERROR_NONE);
    assert_int_equal(entries.items[1].state, WTS_STATE_ACTIVE);
    wts_entries_deinit(&entries);
}

static void test_a_machine_that_nobody_knows(void **state)
{
    struct wts_entries entries;
    void *other;

    (void)state;
    assert_int_equal(stage_api()->open("NOWHERE", &other), WTS_ERROR_NONE);
    assert_int_equal(stage_api()->enumerate(other, &entries), 1722);
    assert_int_equal(stage_api()->disconnect(other, 2), 1722);
    stage_api()->close(other);
}

/* ---- this machine ---- */

static void test_what_the_machine_says_of_itself(void **state)
{
    char text[128] = "";
    uint32_t own = 0;

    (void)state;
    assert_int_equal(stage_api()->own_session(&own), WTS_ERROR_NONE);
    assert_int_equal(own, 1);
    stage_api()->version_text(text, sizeof(text));
    assert_int_equal(strncmp(text, "Windows ", 8), 0);
    text[0] = '\0';
    stage_api()->computer_name(text, sizeof(text));
    assert_true(text[0] != '\0');
}

static void test_errors_have_texts(void **state)
{
    static const uint32_t errors[] = {
        5, 1722, 7007, 7022, 7045, 1u << 29, WTS_ERROR_UNKNOWN};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        text[0] = '\0';
        stage_api()->error_text(errors[i], text, sizeof(text));
        assert_true(text[0] != '\0');
        assert_null(strpbrk(text, "\r\n"));
    }
    stage_api()->error_text(5, text, sizeof(text));
    assert_non_null(strstr(text, "denied"));
    /* Of terminal services alone: systems differ in whether they know it. */
    stage_api()->error_text(7022, text, sizeof(text));
    assert_non_null(strstr(text, "session"));
}

/* ---- the stand-in itself ---- */

static void test_a_slip_in_the_file_is_seen(void **state)
{
    static const char *const slips[] = {"session\tid=2\tusr=alice\n",
                                        "session\tid=two\n",
                                        "session\tid=2\tid=3\n",
                                        "session\tid\n",
                                        "sesion\tid=2\n",
                                        "session\tid=2\tstate=actve\n",
                                        "fail\tfn=X\tafter=2\n",
                                        "session\tid=2\tuser=a\\x\n",
                                        "session id=2\n",
                                        "session\tid=-1\n"};
    struct wts_entries entries;

    (void)state;
    stage_expect_fault();
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        stage_write(slips[i]);
        assert_int_equal(stage_api()->enumerate(stage_server, &entries), 13);
        assert_int_equal(stage_count("\"fault\":\"line 1: "), 1);
    }
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, stage_server_setup,                  \
                                    stage_server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_enumerate_gives_every_session),
        TEST(test_a_state_of_a_later_windows_is_a_number),
        TEST(test_nobody_at_all),
        TEST(test_a_crowd),
        TEST(test_letters_of_all_lengths),
        TEST(test_a_list_that_is_no_good),
        TEST(test_info_has_all_times),
        TEST(test_info_from_the_older_class),
        TEST(test_replies_that_are_too_short),
        TEST(test_info_of_another_level),
        TEST(test_client),
        TEST(test_client_address_of_ipv6),
        TEST(test_texts_and_protocol),
        TEST(test_another_machine),
        TEST(test_a_machine_that_nobody_knows),
        TEST(test_what_the_machine_says_of_itself),
        TEST(test_errors_have_texts),
        TEST(test_a_slip_in_the_file_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
