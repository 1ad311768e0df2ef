#include "tests/unit/mqtt_link_wired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "tests/unit/mqtt_link_suite.h"

struct wired wired;

void wired_await(const unsigned *value, unsigned wanted)
{
    assert_true(watch_await(&told.watch, value, wanted, WIRED_WAIT_MS));
}

int64_t wired_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

int wired_set_up(void **state)
{
    (void)state;
    told_reset();
    wired = (struct wired){.ops = mqtt_link_under_test,
                           .held_bytes = mqtt_link_held_bytes()};
    wired.listener = wire_listen(&wired.port);
    snprintf(wired.uri, sizeof(wired.uri), "mqtt://127.0.0.1:%u", wired.port);
    wired.options = (struct mqtt_options){.uri = wired.uri,
                                          .client_id = "wire-client",
                                          .keep_alive_s = 30,
                                          .receive_maximum = 77,
                                          .connect_timeout_s = 6};
    return wired.listener >= 0 ? 0 : -1;
}

int wired_tear_down(void **state)
{
    (void)state;
    close(wired.listener);
    if (!wired.forgets)
        assert_int_equal(mqtt_link_held_bytes(), wired.held_bytes);
    return 0;
}

struct mqtt_link *wired_open(void)
{
    struct mqtt_link *link = NULL;
    char detail[MQTT_DETAIL_SIZE];

    assert_int_equal(
        wired.ops->open(&wired.options, &told_events, NULL, &link, detail),
        LASTCALL_OK);
    return link;
}

int wired_take_connect(struct wire_connect *out)
{
    int peer = wire_accept(wired.listener);
    struct wire_packet packet;

    assert_true(peer >= 0);
    assert_true(wire_read(peer, &packet));
    assert_true(wire_parse_connect(&packet, out));
    return peer;
}

int wired_begin(struct mqtt_link *link, struct wire_connect *out)
{
    struct wire_connect ignored;

    assert_int_equal(wired.ops->connect(link, NULL, wired.options.keep_alive_s),
                     LASTCALL_OK);
    return wired_take_connect(out != NULL ? out : &ignored);
}

int wired_connect_with(struct mqtt_link *link, const void *answer, size_t len)
{
    const unsigned before = told.connected; /* no connection: nobody writes */
    int peer = wired_begin(link, NULL);

    assert_true(wire_send(peer, answer, len));
    wired_await(&told.connected, before + 1);
    return peer;
}

int wired_connect(struct mqtt_link *link)
{
    static const unsigned char plain[] = {WIRED_CONNACK_PLAIN};

    return wired_connect_with(link, plain, sizeof(plain));
}

void wired_publish(struct mqtt_link *link, uint64_t tag)
{
    const struct mqtt_message message = {
        .topic = "t/x", .payload = "hello", .len = 5, .expiry_s = 9};

    assert_int_equal(wired.ops->publish(link, &message, tag), LASTCALL_OK);
}

unsigned wired_take_publish(int peer)
{
    struct wire_packet packet;

    assert_true(wire_read(peer, &packet));
    assert_int_equal(packet.kind, WIRE_PUBLISH);
    assert_int_equal(packet.flags >> 1 & 3, 1);
    assert_memory_equal(packet.body, "\0\3t/x", 5);
    return (unsigned)packet.body[5] << 8 | packet.body[6];
}
