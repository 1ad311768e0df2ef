#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "tests/unit/mqtt_link_suite.h"
#include "tests/unit/mqtt_told.h"
#include "tests/unit/mqtt_wire.h"

#define WAIT_MS 20000
#define LEAVE_MS 5000
/* Far less than the time-outs that would end it otherwise. */
#define SOON_MS 4000

#define SEND(peer, ...)                                                        \
    do {                                                                       \
        const unsigned char bytes[] = {__VA_ARGS__};                           \
                                                                               \
        assert_true(wire_send(peer, bytes, sizeof(bytes)));                    \
    } while (0)
#define CONNACK_PLAIN 0x20, 3, 0, 0, 0

static const struct mqtt_link_ops *ops;

static void await_told(const unsigned *value, unsigned wanted)
{
    assert_true(watch_await(&told.watch, value, wanted, WAIT_MS));
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static int listener;
static unsigned port;
static struct mqtt_options options;
static char uri[64];

static int set_up(void **state)
{
    (void)state;
    ops = mqtt_link_under_test;
    told_reset();
    listener = wire_listen(&port);
    snprintf(uri, sizeof(uri), "mqtt://127.0.0.1:%u", port);
    options = (struct mqtt_options){.uri = uri,
                                    .client_id = "wire-client",
                                    .keep_alive_s = 30,
                                    .receive_maximum = 77,
                                    .connect_timeout_s = 6};
    return listener >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return close(listener);
}

static struct mqtt_link *open_link(void)
{
    struct mqtt_link *link = NULL;
    char detail[MQTT_DETAIL_SIZE];

    assert_int_equal(ops->open(&options, &told_events, NULL, &link, detail),
                     LASTCALL_OK);
    return link;
}

/* Take a link's connection, and its CONNECT. */
static int take_connect(struct wire_connect *out)
{
    int peer = wire_accept(listener);
    struct wire_packet packet;

    assert_true(peer >= 0);
    assert_true(wire_read(peer, &packet));
    assert_true(wire_parse_connect(&packet, out));
    return peer;
}

/* Connect, with a plain answer. */
static int connect_link(struct mqtt_link *link)
{
    const unsigned before = told.connected; /* no connection: nobody writes */
    struct wire_connect seen;
    int peer;

    assert_int_equal(ops->connect(link, NULL, options.keep_alive_s),
                     LASTCALL_OK);
    peer = take_connect(&seen);
    SEND(peer, CONNACK_PLAIN);
    await_told(&told.connected, before + 1);
    return peer;
}

static void publish(struct mqtt_link *link, uint64_t tag)
{
    const struct mqtt_message message = {
        .topic = "t/x", .payload = "hello", .len = 5, .expiry_s = 9};

    assert_int_equal(ops->publish(link, &message, tag), LASTCALL_OK);
}

/* The packet identifier of a PUBLISH with that topic. */
static unsigned take_publish(int peer)
{
    struct wire_packet packet;

    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PUBLISH);
    assert_int_equal(packet.flags >> 1 & 3, 1);
    assert_memory_equal(packet.body, "\0\3t/x", 5);
    return (unsigned)packet.body[5] << 8 | packet.body[6];
}

static void test_connect_says_everything(void **state)
{
    const struct mqtt_will will = {
        .topic = "w/t", .payload = "gone", .len = 4, .delay_s = 17};
    struct wire_connect seen;
    struct mqtt_link *link;
    int peer;

    (void)state;
    options.clean_start = true;
    options.session_expiry_s = 86400;
    options.packet_bytes_max = 100000;
    options.username = "me";
    options.password = "secret";
    link = open_link();
    assert_int_equal(ops->connect(link, &will, 45), LASTCALL_OK);
    peer = take_connect(&seen);
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
    ops->close(link);
    close(peer);
}

static void test_what_is_not_named(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    assert_false(seen.clean_start);
    assert_false(seen.has_will);
    assert_int_equal(seen.session_expiry_s, 0);
    assert_int_equal(seen.packet_bytes_max, 0);
    assert_string_equal(seen.username, "");
    SEND(peer, CONNACK_PLAIN);
    await_told(&told.connected, 1);
    assert_false(told.info.session_present);
    assert_int_equal(told.info.receive_maximum, UINT16_MAX);
    assert_int_equal(told.info.packet_bytes_max, 0);
    assert_int_equal(told.info.server_keep_alive, 0);
    ops->close(link);
    close(peer);
}

static void test_connack_is_told(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    SEND(peer, 0x20, 14, 1, 0, 11, 0x21, 0, 9, 0x27, 0, 1, 0, 0, 0x13, 0, 20);
    await_told(&told.connected, 1);
    assert_true(told.info.session_present);
    assert_int_equal(told.info.receive_maximum, 9);
    assert_int_equal(told.info.packet_bytes_max, 65536);
    assert_int_equal(told.info.server_keep_alive, 20);
    ops->close(link);
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
    };
    struct mqtt_link *link = open_link();

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_connect seen;
        int peer;

        assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
        peer = take_connect(&seen);
        SEND(peer, 0x20, 3, 0, cases[i].reason, 0);
        await_told(&told.failed, i + 1);
        assert_int_equal(told.failure, cases[i].failure);
        assert_non_null(strstr(told.detail, cases[i].words));
        close(peer);
    }
    assert_int_equal(told.connected, 0);
    assert_int_equal(told.lost, 0);
    ops->close(link);
}

/* What a broker of MQTT 3.1.1 answers to version 5. */
static void test_old_broker(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    SEND(peer, 0x20, 2, 0, 1);
    await_told(&told.failed, 1);
    assert_int_equal(told.connected, 0);
    ops->close(link);
    close(peer);
}

static void test_endings_have_classes(void **state)
{
    static const struct {
        unsigned char reason;
        enum mqtt_failure failure;
    } cases[] = {
        {0x8e, MQTT_FAILURE_TAKEN_OVER}, {0x87, MQTT_FAILURE_CREDENTIALS},
        {0x97, MQTT_FAILURE_SERVER},     {0x8b, MQTT_FAILURE_NETWORK},
        {0x00, MQTT_FAILURE_NETWORK},
    };
    struct mqtt_link *link = open_link();

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int peer = connect_link(link);

        SEND(peer, 0xe0, 2, cases[i].reason, 0);
        await_told(&told.lost, i + 1);
        assert_int_equal(told.failure, cases[i].failure);
        close(peer);
    }
    assert_int_equal(told.failed, told.lost);
    ops->close(link);
}

static void test_publish_is_as_asked(void **state)
{
    struct mqtt_link *link = open_link();
    int peer = connect_link(link);
    const struct mqtt_message message = {.topic = "t/x",
                                         .payload = "hello",
                                         .len = 5,
                                         .retain = MQTT_RETAINED,
                                         .expiry_s = 258};
    struct wire_packet packet;
    bool has_expiry = false;
    bool has_type = false;

    (void)state;
    assert_int_equal(ops->publish(link, &message, 5), LASTCALL_OK);
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
    SEND(peer, 0x40, 2, packet.body[5], packet.body[6]);
    await_told(&told.published, 1);
    assert_int_equal(told.last_tag, 5);
    assert_int_equal(told.published_lost, 0);
    ops->close(link);
    close(peer);
}

/* Told lost once, and never sent by the next connection. */
static void test_nothing_is_sent_again(void **state)
{
    struct mqtt_link *link = open_link();
    int peer = connect_link(link);
    struct wire_packet packet;

    (void)state;
    publish(link, 1);
    publish(link, 2);
    (void)take_publish(peer);
    (void)take_publish(peer);
    close(peer);
    await_told(&told.lost, 1);
    await_told(&told.published_lost, 2);
    peer = connect_link(link);
    ops->disconnect(link, LEAVE_MS);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    ops->close(link);
    close(peer);
    assert_int_equal(told.published, 2);
}

static void test_nothing_without_a_connection(void **state)
{
    const struct mqtt_subscription one = {.filter = "a", .qos = 1};
    const struct mqtt_message message = {.topic = "t", .payload = "", .len = 0};
    struct mqtt_link *link = open_link();

    (void)state;
    assert_int_equal(ops->publish(link, &message, 1), LASTCALL_E_LINK);
    assert_int_equal(ops->subscribe(link, &one, 1, 1), LASTCALL_E_LINK);
    ops->disconnect(link, LEAVE_MS);
    ops->close(link);
    assert_int_equal(told.published, 0);
}

struct leaving {
    struct mqtt_link *link;
    unsigned is_done; /* guarded by the watch */
};

static void *leave(void *argument)
{
    struct leaving *leaving = argument;

    ops->disconnect(leaving->link, WAIT_MS);
    watch_lock(&told.watch);
    leaving->is_done = 1;
    watch_unlock(&told.watch);
    return NULL;
}

static void test_disconnect_waits_for_publishes(void **state)
{
    struct leaving leaving = {.link = open_link()};
    int peer = connect_link(leaving.link);
    struct wire_packet packet;
    unsigned id;
    pthread_t thread;
    int64_t begun_ms = now_ms();

    (void)state;
    publish(leaving.link, 1);
    id = take_publish(peer);
    assert_int_equal(pthread_create(&thread, NULL, leave, &leaving), 0);
    SEND(peer, 0x40, 2, (unsigned char)(id >> 8), (unsigned char)id);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    assert_true(packet.len == 0 || packet.body[0] == 0); /* no will */
    assert_true(wire_read_end(peer));
    await_told(&leaving.is_done, 1);
    assert_true(now_ms() - begun_ms < SOON_MS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(told.published, 1);
    assert_int_equal(told.published_lost, 0);
    assert_int_equal(told.failed, 0); /* we wanted it */
    ops->close(leaving.link);
    close(peer);
}

static void test_disconnect_does_not_wait_for_ever(void **state)
{
    struct mqtt_link *link = open_link();
    int peer = connect_link(link);
    int64_t begun_ms = now_ms();

    (void)state;
    publish(link, 1);
    (void)take_publish(peer);
    ops->disconnect(link, 600);
    /* Half of the time is for the publish. */
    assert_in_range(now_ms() - begun_ms, 250, SOON_MS);
    await_told(&told.published_lost, 1);
    ops->close(link);
    close(peer);
}

/* A broker that accepts and says nothing. */
static void test_silence_ends_the_attempt(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    await_told(&told.failed, 1);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    assert_int_equal(told.lost, 0);
    ops->close(link);
    close(peer);
}

static void test_close_does_not_wait_for_the_broker(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int64_t begun_ms = now_ms();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    ops->close(link);
    assert_true(now_ms() - begun_ms < SOON_MS);
    (void)wire_send(peer, "\x20\x03\0\0\0", 5);
    close(peer);
    assert_int_equal(told.connected, 0);
    assert_int_equal(told.failed, 0);
}

static void test_disconnect_mutes_an_attempt(void **state)
{
    struct wire_connect seen;
    struct mqtt_link *link = open_link();
    int peer;

    (void)state;
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = take_connect(&seen);
    ops->disconnect(link, LEAVE_MS);
    (void)wire_send(peer, "\x20\x03\0\0\0", 5);
    close(peer);
    peer = connect_link(link);
    assert_int_equal(told.connected, 1);
    assert_int_equal(told.failed, 0);
    ops->close(link);
    close(peer);
}

static void test_refused_port(void **state)
{
    struct mqtt_link *link = open_link();
    int64_t begun_ms = now_ms();

    (void)state;
    close(listener);
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    await_told(&told.failed, 1);
    assert_true(now_ms() - begun_ms < SOON_MS);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    assert_non_null(strstr(told.detail, "cannot be reached"));
    ops->close(link);
    listener = dup(STDERR_FILENO); /* for tear_down() */
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
    struct mqtt_link *link = open_link();
    int peer = connect_link(link);
    unsigned char asked[4];

    (void)state;
    assert_int_equal(ops->subscribe(link, list, 4, 42), LASTCALL_OK);
    grant_but_last(peer, 4, asked);
    await_told(&told.subscribed, 1);
    assert_int_equal(asked[0], 0x01);
    assert_int_equal(asked[1], 0x01 | 0x04);
    assert_int_equal(asked[2], 0x00 | 0x08);
    assert_int_equal(asked[3], 0x01 | 0x20);
    assert_int_equal(told.last_tag, 42);
    assert_int_equal(told.granted, LASTCALL_FORBIDDEN);
    assert_non_null(strstr(told.detail, "d/#"));
    ops->close(link);
    close(peer);
    assert_int_equal(told.subscribed, 1);
}

static void test_keep_alive(void **state)
{
    struct mqtt_link *link;
    struct wire_packet packet;
    int peer;

    (void)state;
    options.keep_alive_s = 5;
    link = open_link();
    peer = connect_link(link);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PINGREQ);
    /* No answer: the connection is as good as gone. */
    await_told(&told.lost, 1);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    ops->close(link);
    close(peer);
}

static void test_reset_in_the_handshake(void **state)
{
    struct mqtt_link *link;
    int64_t begun_ms = now_ms();
    char byte;
    int peer;

    (void)state;
    snprintf(uri, sizeof(uri), "mqtts://127.0.0.1:%u", port);
    link = open_link();
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    peer = wire_accept(listener);
    assert_true(read(peer, &byte, 1) == 1);
    wire_reset(peer);
    await_told(&told.failed, 1);
    assert_true(now_ms() - begun_ms < SOON_MS);
    ops->close(link);
}

int mqtt_link_wire_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_connect_says_everything),
        TEST(test_what_is_not_named),
        TEST(test_connack_is_told),
        TEST(test_refusals_have_classes),
        TEST(test_old_broker),
        TEST(test_endings_have_classes),
        TEST(test_publish_is_as_asked),
        TEST(test_nothing_is_sent_again),
        TEST(test_nothing_without_a_connection),
        TEST(test_disconnect_waits_for_publishes),
        TEST(test_disconnect_does_not_wait_for_ever),
        TEST(test_silence_ends_the_attempt),
        TEST(test_close_does_not_wait_for_the_broker),
        TEST(test_disconnect_mutes_an_attempt),
        TEST(test_refused_port),
        TEST(test_each_filter_has_its_options),
        TEST(test_keep_alive),
        TEST(test_reset_in_the_handshake),
    };
#undef TEST

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
