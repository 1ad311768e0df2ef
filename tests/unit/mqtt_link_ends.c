#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/mqtt_link_suite.h"
#include "tests/unit/mqtt_link_wired.h"

/* Told lost once, and never sent by the next connection. */
static void test_nothing_is_sent_again(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    struct wire_packet packet;

    (void)state;
    wired_publish(link, 1);
    wired_publish(link, 2);
    (void)wired_take_publish(peer);
    (void)wired_take_publish(peer);
    close(peer);
    wired_await(&told.lost, 1);
    wired_await(&told.published_lost, 2);
    peer = wired_connect(link);
    wired.ops->disconnect(link, WIRED_LEAVE_MS);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    wired.ops->close(link);
    close(peer);
    assert_int_equal(told.published, 2);
}

/* A session is kept unless it is said to be forgotten; then DISCONNECT has a
 * session expiry interval (0x11) of 0. */
static void test_a_session_is_forgotten_on_demand(void **state)
{
    static const unsigned char wanted[] = {0, 5, 0x11, 0, 0, 0, 0};
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    struct wire_packet packet;

    (void)state;
    wired.ops->disconnect(link, WIRED_LEAVE_MS);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    assert_true(packet.len < sizeof(wanted));
    close(peer);
    peer = wired_connect(link);
    wired.ops->forget(link);
    wired.ops->disconnect(link, WIRED_LEAVE_MS);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    assert_int_equal(packet.len, sizeof(wanted));
    assert_memory_equal(packet.body, wanted, sizeof(wanted));
    wired.ops->close(link);
    close(peer);
}

/*
 * Connect to a broker that takes one publish at a time, and have it take it:
 * what is sent after that has not left the link's library.  paho before 1.3.14
 * forgets to free it, see tests/unit/lsan.suppressions.
 */
static int connect_and_fill(struct mqtt_link *link)
{
    static const unsigned char answer[] = {WIRED_CONNACK_ONE_AT_A_TIME};
    int peer = wired_connect_with(link, answer, sizeof(answer));

    wired.forgets = true;
    wired_publish(link, 1);
    (void)wired_take_publish(peer);
    return peer;
}

/* Break the connection, and see that the link goes on. */
static void break_and_go_on(struct mqtt_link *link, int peer, unsigned sent)
{
    close(peer);
    wired_await(&told.lost, 1);
    wired_await(&told.published_lost, sent);
    peer = wired_connect(link);
    wired_publish(link, 9);
    (void)wired_take_publish(peer);
    wired.ops->close(link);
    close(peer);
    assert_int_equal(told.published, sent + 1);
    assert_int_equal(told.subscribed, 0);
}

static void test_publish_that_waits_is_told(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = connect_and_fill(link);

    (void)state;
    wired_publish(link, 2);
    break_and_go_on(link, peer, 2);
}

static void test_subscription_that_waits_is_forgotten(void **state)
{
    static const struct mqtt_subscription both[] = {
        {.filter = "a", .qos = 1},
        {.filter = "b", .qos = 1},
    };
    struct mqtt_link *link = wired_open();
    int peer = connect_and_fill(link);

    (void)state;
    assert_int_equal(wired.ops->subscribe(link, both, 2, 1), LASTCALL_OK);
    break_and_go_on(link, peer, 1);
}

static void test_nothing_without_a_connection(void **state)
{
    const struct mqtt_subscription one = {.filter = "a", .qos = 1};
    const struct mqtt_message message = {.topic = "t", .payload = "", .len = 0};
    struct mqtt_link *link = wired_open();

    (void)state;
    assert_int_equal(wired.ops->publish(link, &message, 1), LASTCALL_E_LINK);
    assert_int_equal(wired.ops->subscribe(link, &one, 1, 1), LASTCALL_E_LINK);
    wired.ops->disconnect(link, WIRED_LEAVE_MS);
    wired.ops->close(link);
    assert_int_equal(told.published, 0);
}

struct leaving {
    struct mqtt_link *link;
    unsigned is_done; /* guarded by the watch */
};

static void *leave(void *argument)
{
    struct leaving *leaving = argument;

    wired.ops->disconnect(leaving->link, WIRED_WAIT_MS);
    watch_lock(&told.watch);
    leaving->is_done = 1;
    watch_unlock(&told.watch);
    return NULL;
}

static void test_disconnect_waits_for_publishes(void **state)
{
    struct leaving leaving = {.link = wired_open()};
    int peer = wired_connect(leaving.link);
    struct wire_packet packet;
    unsigned id;
    pthread_t thread;
    int64_t begun_ms = wired_now_ms();

    (void)state;
    wired_publish(leaving.link, 1);
    id = wired_take_publish(peer);
    assert_int_equal(pthread_create(&thread, NULL, leave, &leaving), 0);
    WIRED_SEND(peer, 0x40, 2, (unsigned char)(id >> 8), (unsigned char)id);
    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_DISCONNECT);
    assert_true(packet.len == 0 || packet.body[0] == 0); /* no will */
    assert_true(wire_read_end(peer));
    wired_await(&leaving.is_done, 1);
    assert_true(wired_now_ms() - begun_ms < WIRED_SOON_MS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(told.published, 1);
    assert_int_equal(told.published_lost, 0);
    assert_int_equal(told.failed, 0); /* we wanted it */
    wired.ops->close(leaving.link);
    close(peer);
}

static void test_disconnect_does_not_wait_for_ever(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_connect(link);
    int64_t begun_ms = wired_now_ms();

    (void)state;
    wired_publish(link, 1);
    (void)wired_take_publish(peer);
    wired.ops->disconnect(link, 600);
    /* Half of the time is for the publish. */
    assert_in_range(wired_now_ms() - begun_ms, 250, WIRED_SOON_MS);
    wired_await(&told.published_lost, 1);
    wired.ops->close(link);
    close(peer);
}

/* A broker that accepts and says nothing. */
static void test_silence_ends_the_attempt(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_begin(link, NULL);

    (void)state;
    wired_await(&told.failed, 1);
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    assert_int_equal(told.lost, 0);
    wired.ops->close(link);
    close(peer);
}

static void test_close_does_not_wait_for_the_broker(void **state)
{
    struct mqtt_link *link = wired_open();
    int64_t begun_ms = wired_now_ms();
    int peer = wired_begin(link, NULL);

    (void)state;
    wired.ops->close(link);
    assert_true(wired_now_ms() - begun_ms < WIRED_SOON_MS);
    (void)wire_send(peer, "\x20\x03\0\0\0", 5);
    close(peer);
    assert_int_equal(told.connected, 0);
    assert_int_equal(told.failed, 0);
}

static void test_disconnect_mutes_an_attempt(void **state)
{
    struct mqtt_link *link = wired_open();
    int peer = wired_begin(link, NULL);

    (void)state;
    /* paho does not free what it has read from a socket that was closed
     * meanwhile, see MQTTAsync_receiveThread(). */
    wired.forgets = true;
    wired.ops->disconnect(link, WIRED_LEAVE_MS);
    (void)wire_send(peer, "\x20\x03\0\0\0", 5);
    close(peer);
    peer = wired_connect(link);
    assert_int_equal(told.connected, 1);
    assert_int_equal(told.failed, 0);
    wired.ops->close(link);
    close(peer);
}

int mqtt_link_end_tests(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, wired_set_up, wired_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_sent_again),
        TEST(test_a_session_is_forgotten_on_demand),
        TEST(test_publish_that_waits_is_told),
        TEST(test_subscription_that_waits_is_forgotten),
        TEST(test_nothing_without_a_connection),
        TEST(test_disconnect_waits_for_publishes),
        TEST(test_disconnect_does_not_wait_for_ever),
        TEST(test_silence_ends_the_attempt),
        TEST(test_close_does_not_wait_for_the_broker),
        TEST(test_disconnect_mutes_an_attempt),
    };
#undef TEST

    return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
