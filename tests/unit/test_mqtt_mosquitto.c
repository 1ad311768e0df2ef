#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/mqtt_wait.h"
#include "tests/unit/mqtt_told.h"
#include "tests/unit/mqtt_wire.h"

/* What is this filling's own: addresses, and its bounds. */

#define WAIT_MS 20000
#define PUBLISHES_MAX 1024

static int listener;
static unsigned port;
static char uri[64];

/* The linker puts these in the resolver's place (--wrap). */
size_t __real_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE]);
size_t __wrap_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE]);

/* Guarded by told.watch. */
static unsigned is_looking; /* the link waits for slow.example */
static unsigned is_let_go;

/* A name server that answers when the test lets it, with nothing. */
static size_t look_up_slowly(char *text)
{
    watch_lock(&told.watch);
    is_looking = 1;
    watch_unlock(&told.watch);
    (void)watch_await(&told.watch, &is_let_go, 1, WAIT_MS);
    snprintf(text, MQTT_WAIT_TEXT_SIZE, "no such name");
    return 0;
}

/* two.example has two addresses; nothing listens on the first one. */
size_t __wrap_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE])
{
    if (strcmp(host, "slow.example") == 0)
        return look_up_slowly(text);
    if (strcmp(host, "two.example") != 0)
        return __real_mqtt_wait_resolve(host, list, max, text);
    assert_true(max >= 2);
    snprintf(list[0].text, sizeof(list[0].text), "127.0.0.2");
    snprintf(list[1].text, sizeof(list[1].text), "127.0.0.1");
    return 2;
}

static struct mqtt_link *open_link(const char *host)
{
    struct mqtt_options options = {.uri = uri,
                                   .client_id = "own-client",
                                   .keep_alive_s = 30,
                                   .connect_timeout_s = 6};
    struct mqtt_link *link = NULL;
    char detail[MQTT_DETAIL_SIZE];

    snprintf(uri, sizeof(uri), "mqtt://%s:%u", host, port);
    assert_int_equal(
        mqtt_mosquitto_ops.open(&options, &told_events, NULL, &link, detail),
        LASTCALL_OK);
    assert_int_equal(mqtt_mosquitto_ops.connect(link, NULL, 30), LASTCALL_OK);
    return link;
}

/* Take the connection; connack holds `len` bytes. */
static int take(const void *connack, size_t len)
{
    struct wire_packet packet;
    int peer = wire_accept(listener);

    assert_true(peer >= 0);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_CONNECT);
    assert_true(wire_send(peer, connack, len));
    assert_true(watch_await(&told.watch, &told.connected, 1, WAIT_MS));
    return peer;
}

static enum lastcall_status publish(struct mqtt_link *link, uint64_t tag)
{
    const struct mqtt_message message = {
        .topic = "t", .payload = "hello", .len = 5};

    return mqtt_mosquitto_ops.publish(link, &message, tag);
}

static void test_every_address_is_tried(void **state)
{
    struct mqtt_link *link = open_link("two.example");
    int peer = take("\x20\3\0\0\0", 5);

    (void)state;
    assert_int_equal(told.failed, 0);
    mqtt_mosquitto_ops.close(link);
    close(peer);
}

static void test_no_address(void **state)
{
    struct mqtt_link *link = open_link("nobody.invalid");

    (void)state;
    assert_true(watch_await(&told.watch, &told.failed, 1, WAIT_MS));
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    assert_non_null(strstr(told.detail, "nobody.invalid"));
    mqtt_mosquitto_ops.close(link);
}

/* Whoever disconnects waits for a name server no longer than he said, and
 * hears nothing of that attempt any more. */
static void test_disconnect_while_looking_up(void **state)
{
    struct mqtt_link *link = open_link("slow.example");

    (void)state;
    assert_true(watch_await(&told.watch, &is_looking, 1, WAIT_MS));
    mqtt_mosquitto_ops.disconnect(link, 50);
    watch_lock(&told.watch);
    is_let_go = 1;
    watch_unlock(&told.watch);
    mqtt_mosquitto_ops.close(link);
    assert_int_equal(told.failed, 0);
}

static unsigned take_publish(int peer)
{
    struct wire_packet packet;

    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PUBLISH);
    return (unsigned)packet.body[3] << 8 | packet.body[4];
}

/* No more is under way than the broker takes; the rest follows. */
static void test_receive_maximum_is_kept(void **state)
{
    struct mqtt_link *link = open_link("127.0.0.1");
    int peer = take("\x20\6\0\0\3\x21\0\2", 8);
    const struct mqtt_subscription fence = {.filter = "f", .qos = 1};
    struct wire_packet packet;
    unsigned ids[4];

    (void)state;
    for (uint64_t tag = 1; tag <= 4; tag++)
        assert_int_equal(publish(link, tag), LASTCALL_OK);
    ids[0] = take_publish(peer);
    ids[1] = take_publish(peer);
    /* It comes after whatever else could be sent. */
    assert_int_equal(mqtt_mosquitto_ops.subscribe(link, &fence, 1, 9),
                     LASTCALL_OK);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_SUBSCRIBE);
    for (unsigned i = 0; i < 4; i++) {
        const unsigned char ack[] = {0x40, 2, (unsigned char)(ids[i] >> 8),
                                     (unsigned char)ids[i]};

        assert_true(wire_send(peer, ack, sizeof(ack)));
        if (i + 2 < 4)
            ids[i + 2] = take_publish(peer);
    }
    assert_true(watch_await(&told.watch, &told.published, 4, WAIT_MS));
    assert_int_equal(told.published_lost, 0);
    mqtt_mosquitto_ops.close(link);
    close(peer);
}

static void test_waiting_publishes_are_bounded(void **state)
{
    struct mqtt_link *link = open_link("127.0.0.1");
    int peer = take("\x20\3\0\0\0", 5);

    (void)state;
    for (uint64_t tag = 1; tag <= PUBLISHES_MAX; tag++)
        assert_int_equal(publish(link, tag), LASTCALL_OK);
    assert_int_equal(publish(link, PUBLISHES_MAX + 1), LASTCALL_BUSY);
    mqtt_mosquitto_ops.close(link);
    /* Each that was accepted has its end, the refused one has none. */
    assert_int_equal(told.published, PUBLISHES_MAX);
    assert_int_equal(told.published_lost, PUBLISHES_MAX);
    close(peer);
}

/* The id of the next SUBSCRIBE, which asks for as many one-letter filters. */
static unsigned take_subscribe(int peer, size_t filters)
{
    struct wire_packet packet;

    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_SUBSCRIBE);
    assert_int_equal(packet.len, 3 + 4 * filters);
    return (unsigned)packet.body[0] << 8 | packet.body[1];
}

/* Grant them, but the last with `last`. */
static void send_suback(int peer, unsigned id, unsigned char filters,
                        unsigned char last)
{
    unsigned char answer[8] = {0x90,
                               (unsigned char)(3 + filters),
                               (unsigned char)(id >> 8),
                               (unsigned char)id,
                               0,
                               1,
                               1,
                               1};

    answer[4 + filters] = last;
    assert_true(wire_send(peer, answer, 5 + (size_t)filters));
}

/* Filters with the same options are asked for at once: a broker that sends
 * much for the first might drop the answer to the second. */
static void subscribe_to_three(uint64_t tag, struct mqtt_link *link)
{
    static const struct mqtt_subscription list[] = {
        {.filter = "a", .qos = 1},
        {.filter = "b", .qos = 1},
        {.filter = "c", .qos = 1, .no_local = true},
    };

    assert_int_equal(mqtt_mosquitto_ops.subscribe(link, list, 3, tag),
                     LASTCALL_OK);
}

static void test_filters_share_a_packet(void **state)
{
    struct mqtt_link *link = open_link("127.0.0.1");
    int peer = take("\x20\3\0\0\0", 5);
    unsigned both, other;

    (void)state;
    subscribe_to_three(9, link);
    both = take_subscribe(peer, 2);
    other = take_subscribe(peer, 1);
    send_suback(peer, other, 1, 1);
    send_suback(peer, both, 2, 1);
    assert_true(watch_await(&told.watch, &told.subscribed, 1, WAIT_MS));
    assert_int_equal(told.granted, LASTCALL_OK);
    assert_int_equal(told.last_tag, 9);
    mqtt_mosquitto_ops.close(link);
    close(peer);
}

static void test_the_filter_that_was_refused_is_named(void **state)
{
    struct mqtt_link *link = open_link("127.0.0.1");
    int peer = take("\x20\3\0\0\0", 5);

    (void)state;
    subscribe_to_three(9, link);
    send_suback(peer, take_subscribe(peer, 2), 2, 0x87);
    send_suback(peer, take_subscribe(peer, 1), 1, 1);
    assert_true(watch_await(&told.watch, &told.subscribed, 1, WAIT_MS));
    assert_int_equal(told.granted, LASTCALL_FORBIDDEN);
    assert_string_equal(told.detail, "b: Not authorized");
    mqtt_mosquitto_ops.close(link);
    close(peer);
}

/* Nobody knows which filter the one word is for. */
static void test_an_answer_for_fewer_filters_grants_none(void **state)
{
    struct mqtt_link *link = open_link("127.0.0.1");
    int peer = take("\x20\3\0\0\0", 5);

    (void)state;
    subscribe_to_three(9, link);
    send_suback(peer, take_subscribe(peer, 2), 1, 1);
    send_suback(peer, take_subscribe(peer, 1), 1, 1);
    assert_true(watch_await(&told.watch, &told.subscribed, 1, WAIT_MS));
    assert_int_equal(told.granted, LASTCALL_E_LINK);
    mqtt_mosquitto_ops.close(link);
    close(peer);
}

static int set_up(void **state)
{
    (void)state;
    told_reset();
    is_looking = is_let_go = 0;
    listener = wire_listen(&port);
    return listener >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return close(listener);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_every_address_is_tried),
        TEST(test_no_address),
        TEST(test_disconnect_while_looking_up),
        TEST(test_receive_maximum_is_kept),
        TEST(test_waiting_publishes_are_bounded),
        TEST(test_filters_share_a_packet),
        TEST(test_the_filter_that_was_refused_is_named),
        TEST(test_an_answer_for_fewer_filters_grants_none),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
