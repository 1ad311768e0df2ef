#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "tests/unit/mqtt_link_suite.h"
#include "tests/unit/mqtt_link_wired.h"

static void test_connect_says_everything(void **state)
{
    const struct mqtt_will will = {
        .topic = "w/t", .payload = "gone", .len = 4, .delay_s = 17};
    struct wire_connect seen;
    struct mqtt_link *link;
    int peer;

    (void)state;
    wired.options.clean_start = true;
    wired.options.session_expiry_s = 86400;
    wired.options.packet_bytes_max = 100000;
    wired.options.username = "me";
    wired.options.password = "secret";
    link = wired_open();
    assert_int_equal(wired.ops->connect(link, &will, 45), LASTCALL_OK);
    peer = wired_take_connect(&seen);
    assert_true(seen.clean_start);
    assert_int_equal(seen.keep_alive_s, 45);
    assert_int_equal(seen.session_expiry_s, 86400);
    assert_int_equal(seen.receive_maximum, 77);
    assert_int_equal(seen.packet_bytes_max, 100000);
    assert_string_equal(seen.client_id, "wire-client");
    assert_string_equal(seen.username, "me");
    assert_string_equal(seen.password, "secret");
    assert_true(seen.has_will);
    assert_true(seen.will_is_retained);
    assert_int_equal(seen.will_qos, 1);
    assert_int_equal(seen.will_delay_s, 17);
    assert_string_equal(seen.will_content_type, MQTT_CONTENT_TYPE);
    assert_string_equal(seen.will_topic, "w/t");
    assert_string_equal(seen.will_payload, "gone");
    wired.ops->close(link);
    close(peer);
}

static void test_what_is_not_named(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = wired_open();
    int peer = wired_begin(link, &seen);

    (void)state;
    assert_false(seen.clean_start);
    assert_false(seen.has_will);
    assert_int_equal(seen.session_expiry_s, 0);
    assert_int_equal(seen.packet_bytes_max, 0);
    assert_string_equal(seen.username, "");
    WIRED_SEND(peer, WIRED_CONNACK_PLAIN);
    wired_await(&told.connected, 1);
    assert_false(told.info.session_present);
    assert_int_equal(told.info.receive_maximum, UINT16_MAX);
    assert_int_equal(told.info.packet_bytes_max, 0);
    assert_int_equal(told.info.server_keep_alive, 0);
    wired.ops->close(link);
    close(peer);
}

static void test_connack_is_told(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_begin(link, NULL);

    (void)state;
    WIRED_SEND(peer, 0x20, 14, 1, 0, 11, 0x21, 0, 9, 0x27, 0, 1, 0, 0, 0x13, 0,
               20);
    wired_await(&told.connected, 1);
    assert_true(told.info.session_present);
    assert_int_equal(told.info.receive_maximum, 9);
    assert_int_equal(told.info.packet_bytes_max, 65536);
    assert_int_equal(told.info.server_keep_alive, 20);
    wired.ops->close(link);
    close(peer);
}

static void test_refusals_have_classes(void **state)
{
    static const struct {
        unsigned char reason;
        enum mqtt_failure failure;
        const char *words;
    } cases[] = {
        {0x86, MQTT_FAILURE_CREDENTIALS, "0x86"},
        {0x87, MQTT_FAILURE_CREDENTIALS, "0x87"},
        {0x85, MQTT_FAILURE_CREDENTIALS, "0x85"},
        {0x8a, MQTT_FAILURE_CREDENTIALS, "0x8a"},
        {0x88, MQTT_FAILURE_SERVER, "0x88"},
        {0x97, MQTT_FAILURE_SERVER, "0x97"},
        {0xbf, MQTT_FAILURE_SERVER, "nown"}, /* what nobody has a name for */
    };
    struct mqtt_link *link = wired_open();

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int peer = wired_begin(link, NULL);

        WIRED_SEND(peer, 0x20, 3, 0, cases[i].reason, 0);
        wired_await(&told.failed, i + 1);
        assert_int_equal(told.failure, cases[i].failure);
        assert_non_null(strstr(told.detail, cases[i].words));
        close(peer);
    }
    assert_int_equal(told.connected, 0);
    assert_int_equal(told.lost, 0);
    wired.ops->close(link);
}

/* What a broker of MQTT 3.1.1 answers to version 5. */
static void test_old_broker(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_begin(link, NULL);

    (void)state;
    WIRED_SEND(peer, 0x20, 2, 0, 1);
    wired_await(&told.failed, 1);
    assert_int_equal(told.connected, 0);
    wired.ops->close(link);
    close(peer);
}

static void test_endings_have_classes(void **state)
{
    static const struct {
        unsigned char reason;
        enum mqtt_failure failure;
        const char *words;
    } cases[] = {
        {0x8e, MQTT_FAILURE_TAKEN_OVER, "aken over"},
        {0x87, MQTT_FAILURE_CREDENTIALS, "uthorized"},
        {0x97, MQTT_FAILURE_SERVER, "uota"},
        {0x8b, MQTT_FAILURE_NETWORK, "hut"},
        {0xbf, MQTT_FAILURE_SERVER, "nown"}, /* what nobody has a name for */
        {0x00, MQTT_FAILURE_NETWORK, ""},
    };
    struct mqtt_link *link = wired_open();

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int peer = wired_connect(link);

        WIRED_SEND(peer, 0xe0, 2, cases[i].reason, 0);
        wired_await(&told.lost, i + 1);
        assert_int_equal(told.failure, cases[i].failure);
        assert_non_null(strstr(told.detail, cases[i].words));
        close(peer);
    }
    assert_int_equal(told.failed, told.lost);
    wired.ops->close(link);
}

static void test_publish_is_as_asked(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    const struct mqtt_message message = {.topic = "t/x",
                                         .payload = "hello",
                                         .len = 5,
                                         .retain = MQTT_RETAINED,
                                         .expiry_s = 258};
    struct wire_packet packet;
    bool has_expiry = false;
    bool has_type = false;

    (void)state;
    assert_int_equal(wired.ops->publish(link, &message, 5), LASTCALL_OK);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PUBLISH);
    assert_int_equal(packet.flags, 1 << 1 | 1); /* QoS 1, retained, new */
    for (size_t i = 7; i + 5 < packet.len; i++) {
        has_expiry |= memcmp(packet.body + i, "\2\0\0\1\2", 5) == 0;
        has_type |= memcmp(packet.body + i, "\3\0\17applic", 9) == 0;
    }
    assert_true(has_expiry);
    assert_true(has_type);
    assert_memory_equal(packet.body + packet.len - 5, "hello", 5);
    WIRED_SEND(peer, 0x40, 2, packet.body[5], packet.body[6]);
    wired_await(&told.published, 1);
    assert_int_equal(told.last_tag, 5);
    assert_int_equal(told.published_lost, 0);
    wired.ops->close(link);
    close(peer);
}

/* What the library handed over with it is given back: wired_tear_down(). */
static void test_message_is_taken(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    struct wire_packet packet;

    (void)state;
    WIRED_SEND(peer, 0x32, 15, 0, 3, 't', '/', 'x', 0, 7, 5, 2, 0, 0, 0, 9, 'h',
               'i');
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PUBACK);
    assert_memory_equal(packet.body, "\0\7", 2);
    wired_await(&told.messages, 1);
    wired.ops->close(link);
    close(peer);
}

static void test_refused_port(void **state)
{
    struct mqtt_link *link = wired_open();
    int64_t begun_ms = wired_now_ms();

    (void)state;
    close(wired.listener);
    assert_int_equal(wired.ops->connect(link, NULL, 30), LASTCALL_OK);
    wired_await(&told.failed, 1);
    assert_true(wired_now_ms() - begun_ms < WIRED_SOON_MS);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    assert_non_null(strstr(told.detail, "cannot be reached"));
    wired.ops->close(link);
    wired.listener = dup(STDERR_FILENO); /* for wired_tear_down() */
}

/* Answer SUBSCRIBEs for count filters, the last one with a refusal; returns
 * the options that were asked for. */
static void grant_but_last(int peer, size_t count, unsigned char *asked)
{
    size_t seen = 0;

    while (seen < count) {
        struct wire_packet packet;
        unsigned char answer[64] = {0x90, 3};
        size_t at = 3; /* after the identifier and no properties */

        assert_true(wire_read(peer, &packet));
        assert_int_equal(packet.kind, WIRE_SUBSCRIBE);
        answer[2] = packet.body[0];
        answer[3] = packet.body[1];
        while (at < packet.len) {
            at += 2u + packet.body[at + 1];
            asked[seen++] = packet.body[at++];
            answer[2 + answer[1]++] = seen == count ? 0x87 : 1;
        }
        assert_true(wire_send(peer, answer, 2u + answer[1]));
    }
}

static void test_each_filter_has_its_options(void **state)
{
    static const struct mqtt_subscription list[] = {
        {.filter = "a", .qos = 1},
        {.filter = "b", .qos = 1, .no_local = true},
        {.filter = "c", .qos = 0, .retain_as_published = true},
        {.filter = "d/#", .qos = 1, .retain_handling = MQTT_RETAIN_NEVER_SEND},
    };
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    unsigned char asked[4];

    (void)state;
    assert_int_equal(wired.ops->subscribe(link, list, 4, 42), LASTCALL_OK);
    grant_but_last(peer, 4, asked);
    wired_await(&told.subscribed, 1);
    assert_int_equal(asked[0], 0x01);
    assert_int_equal(asked[1], 0x01 | 0x04);
    assert_int_equal(asked[2], 0x00 | 0x08);
    assert_int_equal(asked[3], 0x01 | 0x20);
    assert_int_equal(told.last_tag, 42);
    assert_int_equal(told.granted, LASTCALL_FORBIDDEN);
    assert_non_null(strstr(told.detail, "d/#"));
    wired.ops->close(link);
    close(peer);
    assert_int_equal(told.subscribed, 1);
}

static void test_keep_alive(void **state)
{
    struct mqtt_link *link;
    struct wire_packet packet;
    int peer;

    (void)state;
    wired.options.keep_alive_s = 5;
    link = wired_open();
    peer = wired_connect(link);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PINGREQ);
    /* No answer: the connection is as good as gone. */
    wired_await(&told.lost, 1);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    wired.ops->close(link);
    close(peer);
}

static void test_reset_in_the_handshake(void **state)
{
    struct mqtt_link *link;
    int64_t begun_ms = wired_now_ms();
    char byte;
    int peer;

    (void)state;
    snprintf(wired.uri, sizeof(wired.uri), "mqtts://127.0.0.1:%u", wired.port);
    link = wired_open();
    assert_int_equal(wired.ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = wire_accept(wired.listener);
    assert_true(read(peer, &byte, 1) == 1);
    wire_reset(peer);
    wired_await(&told.failed, 1);
    assert_true(wired_now_ms() - begun_ms < WIRED_SOON_MS);
    wired.ops->close(link);
}

int mqtt_link_wire_tests(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, wired_set_up, wired_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_connect_says_everything),
        TEST(test_what_is_not_named),
        TEST(test_connack_is_told),
        TEST(test_refusals_have_classes),
        TEST(test_old_broker),
        TEST(test_endings_have_classes),
        TEST(test_publish_is_as_asked),
        TEST(test_message_is_taken),
        TEST(test_refused_port),
        TEST(test_each_filter_has_its_options),
        TEST(test_keep_alive),
        TEST(test_reset_in_the_handshake),
    };
#undef TEST

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
