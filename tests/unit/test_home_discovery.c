/* Discovery payloads: what is said of a host and of the bridge itself.  That
 * Home Assistant takes them, tests/e2e/test_home_assistant.py shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_discovery.h"
#include "controller/output.h"
#include "protocol/json_strict.h"

static char every[] = "*";
static char office[] = "office-*";
static char stop_title[] = "Stop \xe2\x80\x9e"
                           "all\xe2\x80\x9c";
static char kids_title[] = "Bedtime";
static char stop_icon[] = "mdi:stop";

static struct home_button buttons[] = {
    {.id = {"all-off"}, .title = stop_title, .scope = ADDRESS_ALL},
    {.id = {"bed.time"},
     .title = kids_title,
     .icon = stop_icon,
     .scope = ADDRESS_HOST,
     .pattern = every},
    {.id = {"desk"},
     .title = kids_title,
     .scope = ADDRESS_HOST,
     .pattern = office},
};
static const struct bridge_config config = {
    .fleet = {"lastcall"}, .buttons = buttons, .button_count = 3};
static const struct home_server servers[] = {
    {{"desktop"}, BACKEND_WTS},
    {{"home.main"}, BACKEND_PLEX},
};
static const struct home_host media = {.name = {"media-01"},
                                       .version = "1.2.3",
                                       .os = "Debian GNU/Linux 12",
                                       .servers = servers,
                                       .server_count = 2};

static json_t *parse(const struct bytes *bytes)
{
    json_t *root = NULL;

    assert_int_equal(json_parse_object(bytes->data, bytes->len, &root, NULL),
                     LASTCALL_OK);
    return root;
}

static void write_host(const struct bridge_config *of,
                       const struct home_host *host, struct bytes *out)
{
    bytes_init(out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(home_discovery_host(of, host, out), LASTCALL_OK);
}

static json_t *host_payload(const struct bridge_config *of,
                            const struct home_host *host)
{
    struct bytes out;
    json_t *root = NULL;

    write_host(of, host, &out);
    root = parse(&out);
    bytes_deinit(&out);
    return root;
}

/* A component's member, or one of the root where component is "". */
static const json_t *member(const json_t *root, const char *component,
                            const char *name)
{
    if (component[0] != '\0')
        root = json_object_get(json_object_get(root, "components"), component);
    return json_object_get(root, name);
}

static void expect(const json_t *root, const char *component, const char *name,
                   const char *text)
{
    assert_string_equal(json_string_value(member(root, component, name)), text);
}

static void expect_topics(const json_t *root, const char *component,
                          const char *const *topics, size_t count)
{
    const json_t *list = member(root, component, "availability");

    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(json_string_value(json_object_get(
                                json_array_get(list, i), "topic")),
                            topics[i]);
    expect(root, component, "availability_mode", "all");
}

static const char *const upon[] = {
    "lastcall/ha/bridge/state",
    "lastcall/ha/host/media-01/state",
    "lastcall/ha/host/media-01/sessions/home.main",
};

static void test_a_host_is_one_device_with_all_its_entities(void **unused)
{
    static const char *const keys[] = {"worker",
                                       "sessions_desktop",
                                       "reachable_desktop",
                                       "sessions_home.main",
                                       "reachable_home.main",
                                       "event",
                                       "button_bed.time",
                                       "result"};
    json_t *root = host_payload(&config, &media);

    (void)unused;
    assert_int_equal(json_object_size(json_object_get(root, "components")),
                     sizeof keys / sizeof *keys);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(member(root, keys[i], "unique_id"));
    assert_string_equal(json_string_value(output_member(root, "device.name")),
                        "media-01");
    assert_string_equal(
        json_string_value(output_member(root, "device.sw_version")), "1.2.3");
    assert_string_equal(
        json_string_value(output_member(root, "device.hw_version")),
        "Debian GNU/Linux 12");
    assert_string_equal(json_string_value(json_array_get(
                            output_member(root, "device.identifiers"), 0)),
                        "lastcall_lastcall_media-01");
    assert_string_equal(
        json_string_value(output_member(root, "device.via_device")),
        "lastcall_lastcall");
    assert_string_equal(json_string_value(output_member(root, "device.model")),
                        "Plex Media Server, Windows terminal sessions");
    assert_string_equal(json_string_value(output_member(root, "origin.name")),
                        "Lastcall");
    expect_topics(root, "", upon, 2);
    assert_int_equal(json_integer_value(member(root, "", "qos")), 1);
    json_decref(root);
}

static void test_a_host_of_which_little_is_known(void **unused)
{
    static const struct home_host bare = {.name = {"media-01"}};
    json_t *root = host_payload(&config, &bare);

    (void)unused;
    assert_null(output_member(root, "device.sw_version"));
    assert_null(output_member(root, "device.hw_version"));
    assert_null(output_member(root, "device.model"));
    assert_int_equal(json_object_size(json_object_get(root, "components")), 4);
    json_decref(root);
}

static void test_the_count_depends_on_the_server_too(void **unused)
{
    json_t *root = host_payload(&config, &media);
    const char *key = "sessions_home.main";

    (void)unused;
    expect(root, key, "platform", "sensor");
    expect(root, key, "name", "Sessions on home.main");
    expect(root, key, "unique_id",
           "lastcall_lastcall_media-01:sessions_home.main");
    expect(root, key, "default_entity_id",
           "sensor.lastcall_media_01_sessions_home_main");
    expect(root, key, "state_topic", upon[2]);
    expect(root, key, "json_attributes_topic", upon[2]);
    expect(root, key, "value_template", "{{ value_json.count }}");
    expect(root, key, "state_class", "measurement");
    expect(root, key, "icon", "mdi:plex");
    expect_topics(root, key, upon, 3);
    expect(root, "sessions_desktop", "icon", "mdi:remote-desktop");
    json_decref(root);
}

static void test_what_is_reachable_is_told_by_host_and_bridge(void **unused)
{
    json_t *root = host_payload(&config, &media);

    (void)unused;
    expect(root, "reachable_home.main", "platform", "binary_sensor");
    expect(root, "reachable_home.main", "device_class", "connectivity");
    expect(root, "reachable_home.main", "entity_category", "diagnostic");
    expect(root, "reachable_home.main", "state_topic", upon[2]);
    assert_null(member(root, "reachable_home.main", "availability"));
    /* That a worker is away must show as off, not as unavailable. */
    expect(root, "worker", "state_topic", upon[1]);
    expect(root, "worker", "payload_on", "online");
    expect(root, "worker", "payload_off", "offline");
    expect_topics(root, "worker", upon, 1);
    json_decref(root);
}

static void expect_types(const json_t *root, const char *component,
                         const char *const *types, size_t count)
{
    const json_t *list = member(root, component, "event_types");

    expect(root, component, "platform", "event");
    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(json_string_value(json_array_get(list, i)),
                            types[i]);
}

static void test_events_name_their_types(void **unused)
{
    static const char *const kinds[] = {"started", "changed", "ended"};
    static const char *const outcomes[] = {"success", "failure", "refused",
                                           "silent"};
    json_t *root = host_payload(&config, &media);

    (void)unused;
    expect_types(root, "event", kinds, 3);
    expect_types(root, "result", outcomes, 4);
    expect(root, "event", "state_topic", "lastcall/ha/host/media-01/event");
    expect(root, "result", "state_topic", "lastcall/ha/host/media-01/result");
    json_decref(root);
}

static void test_buttons_stand_where_they_belong(void **unused)
{
    static const struct home_host desk = {.name = {"office-7"}};
    json_t *root = host_payload(&config, &media);
    json_t *other = host_payload(&config, &desk);
    const char *key = "button_bed.time";

    (void)unused;
    expect(root, key, "platform", "button");
    expect(root, key, "name", "Bedtime");
    expect(root, key, "icon", "mdi:stop");
    expect(root, key, "command_topic", "lastcall/ha/host/media-01/press");
    expect(root, key, "payload_press", "bed.time");
    expect(root, key, "default_entity_id", "button.lastcall_media_01_bed_time");
    assert_true(json_is_false(member(root, key, "retain")));
    assert_int_equal(json_integer_value(member(root, key, "qos")), 1);
    assert_null(member(root, "button_desk", "platform"));
    assert_null(member(root, "button_all-off", "platform"));
    expect(other, "button_desk", "payload_press", "desk");
    assert_null(member(other, "button_desk", "icon"));
    json_decref(root);
    json_decref(other);
}

static void test_entity_ids_are_such_as_home_assistant_makes(void **unused)
{
    static const struct home_server odd_server = {{"s.-1-"}, BACKEND_PLEX};
    static const struct home_host odd = {
        .name = {"7--a.-b."}, .servers = &odd_server, .server_count = 1};
    struct bridge_config other = config;
    json_t *root = NULL;

    (void)unused;
    other.fleet = (struct name){"my-fleet."};
    root = host_payload(&other, &odd);
    expect(root, "sessions_s.-1-", "default_entity_id",
           "sensor.my_fleet_7_a_b_sessions_s_1");
    json_decref(root);
}

static void test_the_bridge_has_a_device_of_its_own(void **unused)
{
    struct bytes out;
    json_t *root = NULL;

    (void)unused;
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(home_discovery_bridge(&config, &out), LASTCALL_OK);
    root = parse(&out);
    assert_int_equal(json_object_size(json_object_get(root, "components")), 3);
    assert_string_equal(json_string_value(json_array_get(
                            output_member(root, "device.identifiers"), 0)),
                        "lastcall_lastcall");
    /* Whether it is there is never unavailable; all else is without it. */
    assert_null(member(root, "", "availability"));
    expect(root, "bridge", "state_topic", upon[0]);
    assert_null(member(root, "bridge", "availability"));
    expect(root, "button_all-off", "name", stop_title);
    expect(root, "button_all-off", "command_topic", "lastcall/ha/bridge/press");
    expect_topics(root, "button_all-off", upon, 1);
    expect(root, "result", "state_topic", "lastcall/ha/bridge/result");
    expect_topics(root, "result", upon, 1);
    json_decref(root);
    bytes_deinit(&out);
}

/* The payloads as files, which the rules of Home Assistant are held to. */
static void expect_case(const char *name, json_t *root)
{
    json_error_t error;
    char path[512];
    json_t *wanted = NULL;

    snprintf(path, sizeof path, "%s/cases/discovery/%s", TEST_SOURCE_DIR, name);
    wanted = json_load_file(path, 0, &error);
    assert_non_null(wanted);
    assert_int_equal(json_object_set_new(json_object_get(root, "origin"),
                                         "sw_version", json_string("0.0.0")),
                     0);
    if (!json_equal(root, wanted))
        json_dumpf(root, stderr, JSON_INDENT(2));
    assert_true(json_equal(root, wanted));
    json_decref(wanted);
    json_decref(root);
}

static void test_payloads_are_as_the_cases_say(void **unused)
{
    static const char former[] =
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":"
        "{\"button_former\":{\"platform\":\"button\",\"name\":\"Former\"}}}";
    struct bytes next;
    struct bytes out;
    json_t *bridge = NULL;

    (void)unused;
    expect_case("host.json", host_payload(&config, &media));
    write_host(&config, &media, &next);
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(
        home_discovery_retire(former, sizeof former - 1, &next, &out),
        LASTCALL_OK);
    expect_case("retired.json", parse(&out));
    bytes_deinit(&next);
    bytes_deinit(&out);
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(home_discovery_bridge(&config, &out), LASTCALL_OK);
    bridge = parse(&out);
    assert_int_equal(json_object_set_new(json_object_get(bridge, "device"),
                                         "sw_version", json_string("0.0.0")),
                     0);
    expect_case("bridge.json", bridge);
    bytes_deinit(&out);
}

static void fill_name(struct name *name, char first, size_t number)
{
    memset(name->text, 'a', NAME_LEN_MAX);
    name->text[NAME_LEN_MAX] = '\0';
    name->text[0] = first;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(name->text + 1, number % 2 == 0 ? ".-" : "-.", 2);
    name->text[3] = (char)('a' + number % 26);
    name->text[4] = (char)('a' + number / 26);
}

static void test_the_largest_host_fits(void **unused)
{
    static struct home_server most[HOME_SERVER_MAX];
    static struct home_button all[HOME_BUTTON_MAX];
    char title[HOME_TITLE_LEN_MAX + 1];
    char icon[HOME_ICON_LEN_MAX + 1];
    struct bridge_config large = {.buttons = all,
                                  .button_count = HOME_BUTTON_MAX};
    struct home_host host = {.servers = most, .server_count = HOME_SERVER_MAX};
    json_t *root = NULL;

    (void)unused;
    memset(title, '"', sizeof title - 1);
    memset(icon, '\\', sizeof icon - 1);
    title[sizeof title - 1] = icon[sizeof icon - 1] = '\0';
    fill_name(&large.fleet, 'f', 0);
    fill_name(&host.name, 'h', 0);
    for (size_t i = 0; i < HOME_SERVER_MAX; i++)
        fill_name(&most[i].name, 's', i);
    for (size_t i = 0; i < HOME_BUTTON_MAX; i++) {
        fill_name(&all[i].id, 'b', i);
        all[i].title = title;
        all[i].icon = icon;
        all[i].scope = ADDRESS_HOST;
        all[i].pattern = every;
    }
    root = host_payload(&large, &host);
    assert_int_equal(json_object_size(json_object_get(root, "components")),
                     2 * HOME_SERVER_MAX + HOME_BUTTON_MAX + 3);
    json_decref(root);
}

static void test_what_does_not_fit_is_refused(void **unused)
{
    struct bytes out;

    (void)unused;
    bytes_init(&out, 1000);
    assert_int_equal(home_discovery_host(&config, &media, &out),
                     LASTCALL_E_TOO_LARGE);
    assert_int_equal(out.len, 0);
    bytes_deinit(&out);
}

static bool is_ours(const char *text)
{
    return home_discovery_is_ours(text, strlen(text));
}

static void test_our_own_are_known_by_their_origin(void **unused)
{
    struct bytes out;

    (void)unused;
    write_host(&config, &media, &out);
    assert_true(home_discovery_is_ours(out.data, out.len));
    assert_false(home_discovery_is_ours(out.data, out.len - 1));
    bytes_deinit(&out);
    assert_true(is_ours("{\"origin\":{\"name\":\"Lastcall\"}}"));
    assert_false(is_ours(""));
    assert_false(is_ours("{}"));
    assert_false(is_ours("[]"));
    assert_false(is_ours("{\"origin\":\"Lastcall\"}"));
    assert_false(is_ours("{\"origin\":{}}"));
    assert_false(is_ours("{\"origin\":{\"name\":\"Lastcall2\"}}"));
    assert_false(is_ours("{\"origin\":{\"name\":\"lastcall\"}}"));
    assert_false(is_ours("{\"origin\":{\"name\":1}}"));
    assert_false(is_ours("{\"o\":{\"name\":\"Lastcall\"}}"));
}

static void test_what_is_too_large_is_not_ours(void **unused)
{
    static const char ours[] = "{\"origin\":{\"name\":\"Lastcall\"}}";
    static char text[HOME_DISCOVERY_BYTES_MAX + 1];

    (void)unused;
    memset(text, ' ', sizeof text);
    memcpy(text, ours, sizeof ours - 1);
    assert_true(home_discovery_is_ours(text, sizeof text - 1));
    assert_false(home_discovery_is_ours(text, sizeof text));
}

/* What comes out when one host's payload follows another's. */
static json_t *retire(const char *previous, size_t len,
                      const struct home_host *next)
{
    struct bytes after;
    struct bytes out;
    json_t *root = NULL;

    write_host(&config, next, &after);
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(home_discovery_retire(previous, len, &after, &out),
                     LASTCALL_OK);
    if (out.len > 0)
        root = parse(&out);
    bytes_deinit(&after);
    bytes_deinit(&out);
    return root;
}

static void test_what_is_gone_is_sent_as_its_platform_alone(void **unused)
{
    struct home_host less = media;
    struct bytes before;
    json_t *root = NULL;
    json_t *gone = NULL;

    (void)unused;
    less.server_count = 1;
    write_host(&config, &media, &before);
    root = retire((const char *)before.data, before.len, &less);
    gone = json_object_get(json_object_get(root, "components"),
                           "sessions_home.main");
    assert_int_equal(json_object_size(gone), 1);
    expect(root, "sessions_home.main", "platform", "sensor");
    expect(root, "reachable_home.main", "platform", "binary_sensor");
    assert_null(member(root, "reachable_home.main", "unique_id"));
    /* What stays is whole. */
    expect(root, "sessions_desktop", "state_class", "measurement");
    assert_int_equal(json_object_size(json_object_get(root, "components")), 8);
    json_decref(root);
    bytes_deinit(&before);
}

static void test_where_nothing_is_gone_nothing_is_written(void **unused)
{
    static const char *const foreign[] = {
        "",
        "{",
        "{}",
        "{\"origin\":{\"name\":\"Zigbee2MQTT\"},\"components\":"
        "{\"gone\":{\"platform\":\"sensor\"}}}",
        "{\"origin\":{\"name\":\"Lastcall\"}}",
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":[]}",
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":{\"x\":{}}}",
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":{\"x\":[]}}",
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":"
        "{\"x\":{\"platform\":\"an_uncommonly_long_name_of_a_platform\"}}}"};
    struct bytes before;

    (void)unused;
    write_host(&config, &media, &before);
    assert_null(retire((const char *)before.data, before.len, &media));
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_null(retire(foreign[i], strlen(foreign[i]), &media));
    bytes_deinit(&before);
}

static void test_what_was_retired_is_not_retired_for_ever(void **unused)
{
    static const char former[] =
        "{\"origin\":{\"name\":\"Lastcall\"},\"components\":"
        "{\"button_x\":{\"platform\":\"button\"}}}";
    json_t *root = retire(former, sizeof former - 1, &media);

    (void)unused;
    /* A bridge that was killed between the two messages says it again. */
    expect(root, "button_x", "platform", "button");
    json_decref(root);
}

static void test_only_our_own_payload_follows(void **unused)
{
    static unsigned char text[] = "{\"components\":{}}";
    const struct bytes foreign = {.data = text, .len = sizeof text - 1};
    struct bytes out;

    (void)unused;
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    assert_int_equal(home_discovery_retire("{}", 2, &foreign, &out),
                     LASTCALL_E_INTERNAL);
    assert_int_equal(out.len, 0);
    bytes_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_is_one_device_with_all_its_entities),
        cmocka_unit_test(test_a_host_of_which_little_is_known),
        cmocka_unit_test(test_the_count_depends_on_the_server_too),
        cmocka_unit_test(test_what_is_reachable_is_told_by_host_and_bridge),
        cmocka_unit_test(test_events_name_their_types),
        cmocka_unit_test(test_buttons_stand_where_they_belong),
        cmocka_unit_test(test_entity_ids_are_such_as_home_assistant_makes),
        cmocka_unit_test(test_the_bridge_has_a_device_of_its_own),
        cmocka_unit_test(test_payloads_are_as_the_cases_say),
        cmocka_unit_test(test_the_largest_host_fits),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_our_own_are_known_by_their_origin),
        cmocka_unit_test(test_what_is_too_large_is_not_ours),
        cmocka_unit_test(test_what_is_gone_is_sent_as_its_platform_alone),
        cmocka_unit_test(test_where_nothing_is_gone_nothing_is_written),
        cmocka_unit_test(test_what_was_retired_is_not_retired_for_ever),
        cmocka_unit_test(test_only_our_own_payload_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
