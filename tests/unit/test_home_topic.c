/* The bridge's topics: what is built is what is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_topic.h"

static void test_each_topic_has_its_words(void **state)
{
    static const struct {
        struct home_topic parts;
        const char *text;
    } cases[] = {
        {{HOME_BRIDGE_STATE, {""}, {""}}, "f/ha/bridge/state"},
        {{HOME_BRIDGE_PRESS, {""}, {""}}, "f/ha/bridge/press"},
        {{HOME_BRIDGE_RESULT, {""}, {""}}, "f/ha/bridge/result"},
        {{HOME_HOST_STATE, {"a.b"}, {""}}, "f/ha/host/a.b/state"},
        {{HOME_HOST_SESSIONS, {"h"}, {"s"}}, "f/ha/host/h/sessions/s"},
        {{HOME_HOST_EVENT, {"h"}, {""}}, "f/ha/host/h/event"},
        {{HOME_HOST_PRESS, {"bridge"}, {""}}, "f/ha/host/bridge/press"},
        {{HOME_HOST_RESULT, {"h"}, {""}}, "f/ha/host/h/result"},
    };
    struct topic topic;
    struct home_topic parts;

    (void)state;
    assert_int_equal(sizeof cases / sizeof cases[0], HOME_TOPIC_COUNT);
    for (size_t i = 0; i < HOME_TOPIC_COUNT; i++) {
        home_topic_format("f", &cases[i].parts, &topic);
        assert_string_equal(topic.text, cases[i].text);
        assert_int_equal(home_topic_parse("f", topic.text, &parts),
                         LASTCALL_OK);
        assert_int_equal(parts.kind, cases[i].parts.kind);
        assert_string_equal(parts.host.text, cases[i].parts.host.text);
        assert_string_equal(parts.server.text, cases[i].parts.server.text);
    }
}

static void test_other_topics_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "f",
        "f/ha/",
        "g/ha/bridge/state",
        "ff/ha/bridge/state",
        "f/v1/host/h/status",
        "f/ha/bridge/",
        "f/ha/bridge/event",
        "f/ha/bridge/state/",
        "f/ha/bridge/press/x",
        "f/ha/host/h",
        "f/ha/host/h/",
        "f/ha/host//state",
        "f/ha/host/H/state",
        "f/ha/host/+/press",
        "f/ha/host/h/press/x",
        "f/ha/host/h/presses",
        "f/ha/host/h/sessions",
        "f/ha/host/h/sessions/",
        "f/ha/host/h/sessions/s/x",
        "f/ha/host/h/sessions/S",
    };
    struct home_topic parts;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (home_topic_parse("f", cases[i], &parts) != LASTCALL_E_SYNTAX)
            fail_msg("\"%s\" is taken", cases[i]);
        assert_string_equal(parts.host.text, "");
        assert_string_equal(parts.server.text, "");
    }
}

/* Home Assistant drops what has other letters; and no two devices may share
 * an id, or one would take the other's place. */
static void test_object_ids_are_each_devices_own(void **state)
{
    static const struct {
        const char *fleet;
        struct name host;
        const char *id;
    } cases[] = {
        {"f", {""}, "lastcall_f"},         {"f", {"h"}, "lastcall_f_h"},
        {"f", {"a.b"}, "lastcall_f_a__b"}, {"f.a", {"b"}, "lastcall_f__a_b"},
        {"f.", {"b"}, "lastcall_f___b"},   {"f..a", {""}, "lastcall_f____a"},
        {"f", {"a-b"}, "lastcall_f_a-b"},
    };
    char id[HOME_OBJECT_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        home_object_id(cases[i].fleet, &cases[i].host, id);
        assert_string_equal(id, cases[i].id);
    }
}

static void test_discovery_topics_come_back(void **state)
{
    static const char *const fleets[] = {"f", "f.a", "f.", "f-a", "fa"};
    static const struct name hosts[] = {{""},    {"h"},  {"a"},    {"a.b"},
                                        {"a.."}, {"ab"}, {"a-b.c"}};
    const size_t fleet_count = sizeof fleets / sizeof fleets[0];
    const size_t host_count = sizeof hosts / sizeof hosts[0];
    struct topic topic;
    struct name host;

    (void)state;
    for (size_t i = 0; i < fleet_count * host_count * fleet_count; i++) {
        const char *fleet = fleets[i % fleet_count];
        const struct name *named = &hosts[i / fleet_count % host_count];
        const char *reader = fleets[i / fleet_count / host_count];
        enum lastcall_status status = LASTCALL_OK;

        home_discovery_topic_format("ha/x", fleet, named, &topic);
        status = home_discovery_topic_parse("ha/x", reader, topic.text, &host);
        /* One fleet's devices are never another's. */
        assert_int_equal(status, strcmp(fleet, reader) == 0
                                     ? LASTCALL_OK
                                     : LASTCALL_E_SYNTAX);
        assert_string_equal(host.text,
                            status == LASTCALL_OK ? named->text : "");
    }
}

static void test_other_discovery_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "ha/device/lastcall_f_h",
        "ha/device/lastcall_f_h/config/x",
        "ha/device/lastcall_f_h/state",
        "ha/device/lastcall_f_/config",
        "ha/device/lastcall_f_h_/config",
        "ha/device/lastcall_f_h_i/config",
        "ha/device/lastcall_f_a.b/config",
        "ha/device/lastcall_f_H/config",
        "ha/device/lastcall_f-h/config",
        "ha/device/lastcall_g_h/config",
        "ha/device/lastcall_/config",
        "ha/device/zigbee/config",
        "ha/device/node/lastcall_f_h/config",
        "ha/sensor/lastcall_f_h/config",
        "hb/device/lastcall_f_h/config",
    };
    char longest[600];
    struct name host;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (home_discovery_topic_parse("ha", "f", cases[i], &host) !=
            LASTCALL_E_SYNTAX)
            fail_msg("\"%s\" is taken", cases[i]);
    }
    snprintf(longest, sizeof longest, "ha/device/lastcall_f_%0500d/config", 0);
    assert_int_equal(home_discovery_topic_parse("ha", "f", longest, &host),
                     LASTCALL_E_SYNTAX);
}

static void test_the_longest_names_fit(void **state)
{
    char fleet[NAME_LEN_MAX + 1];
    char prefix[65];
    struct name host;
    struct name back;
    struct topic topic;

    (void)state;
    memset(fleet, '.', sizeof fleet - 1);
    fleet[0] = 'f';
    fleet[NAME_LEN_MAX] = '\0';
    memset(prefix, 'p', 64);
    prefix[64] = '\0';
    memcpy(host.text, fleet, sizeof fleet);
    home_discovery_topic_format(prefix, fleet, &host, &topic);
    assert_int_equal(
        home_discovery_topic_parse(prefix, fleet, topic.text, &back),
        LASTCALL_OK);
    assert_string_equal(back.text, host.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_topic_has_its_words),
        cmocka_unit_test(test_other_topics_are_refused),
        cmocka_unit_test(test_object_ids_are_each_devices_own),
        cmocka_unit_test(test_discovery_topics_come_back),
        cmocka_unit_test(test_other_discovery_is_refused),
        cmocka_unit_test(test_the_longest_names_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
