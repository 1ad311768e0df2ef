/*
 * A link under test and the broker's end of its connection, byte by byte: what
 * the tests of both files with such a broker begin with.
 */
#ifndef LASTCALL_TESTS_UNIT_MQTT_LINK_WIRED_H
#define LASTCALL_TESTS_UNIT_MQTT_LINK_WIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/mqtt.h"
#include "tests/unit/mqtt_told.h"
#include "tests/unit/mqtt_wire.h"

#define WIRED_WAIT_MS 20000
#define WIRED_LEAVE_MS 5000
/* Far less than the time-outs that would end it otherwise. */
#define WIRED_SOON_MS 4000

#define WIRED_SEND(peer, ...)                                                  \
    do {                                                                       \
        const unsigned char bytes[] = {__VA_ARGS__};                           \
                                                                               \
        assert_true(wire_send(peer, bytes, sizeof(bytes)));                    \
    } while (0)
#define WIRED_CONNACK_PLAIN 0x20, 3, 0, 0, 0
#define WIRED_CONNACK_ONE_AT_A_TIME 0x20, 6, 0, 0, 3, 0x21, 0, 1

struct wired {
    const struct mqtt_link_ops *ops;
    struct mqtt_options options; /* a test may change them before it opens */
    char uri[64];
    unsigned port;
    int listener;
    size_t held_bytes; /* before the test */
    bool forgets;      /* the library is known not to free everything */
};
extern struct wired wired;

/*
 * Set-up and tear-down of one test: a listener, options, nothing told; in the
 * end the link's library holds no more memory than before.
 */
int wired_set_up(void **state);
int wired_tear_down(void **state);

struct mqtt_link *wired_open(void);

/* Take a link's connection, and its CONNECT. */
int wired_take_connect(struct wire_connect *out);

/* Begin to connect, without a will; the answer is the caller's.  NULL: what the
 * CONNECT says is of no weight. */
int wired_begin(struct mqtt_link *link, struct wire_connect *out);

/* Connect, with these bytes as the answer. */
int wired_connect_with(struct mqtt_link *link, const void *answer, size_t len);

/* Connect, with a plain answer. */
int wired_connect(struct mqtt_link *link);

void wired_publish(struct mqtt_link *link, uint64_t tag);

/* The packet identifier of a PUBLISH as wired_publish() asks for. */
unsigned wired_take_publish(int peer);

void wired_await(const unsigned *value, unsigned wanted);
int64_t wired_now_ms(void);

#endif
