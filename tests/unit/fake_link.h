/*
 * A link to a broker that does what a test tells it to: a filling of struct
 * mqtt_link_ops without a network.  It answers on the thread that calls it,
 * or on the test's, where a test ends what is in flight.
 *
 * There is one broker, and at most one connection to it.
 */
#ifndef LASTCALL_TESTS_UNIT_FAKE_LINK_H
#define LASTCALL_TESTS_UNIT_FAKE_LINK_H

#include "protocol/io/mqtt.h"
#include "tests/unit/watch.h"

#define FAKE_LINK_SENT_MAX 20000
#define FAKE_LINK_WILL_SIZE 64
/* An address that open refuses, and a filter that is refused when it stands
 * last in a list. */
#define FAKE_LINK_BAD_URI "bad"
#define FAKE_LINK_FORBIDDEN "forbidden"

/* While a connection is open, orders are changed with the watch locked. */
struct fake_link {
    struct watch watch;
    /* orders */
    bool refuses_connect;
    enum mqtt_failure refusal; /* the reason it gives for that */
    bool refuses_subscriptions;
    bool keeps_session;
    bool holds_acks;    /* publishes stay in flight: fake_link_end_flying() */
    bool holds_publish; /* the call stands until fake_link_release() and fails
                         * with LASTCALL_E_NOMEM */
    uint16_t receive_maximum;
    uint16_t server_keep_alive;
    /* what was seen */
    unsigned connects;
    unsigned subscribes;
    unsigned disconnects; /* while it was up */
    unsigned forgets;
    unsigned closes;
    size_t last_subscription_count;
    uint16_t last_keep_alive;
    char last_will[FAKE_LINK_WILL_SIZE]; /* its payload; "": none */
    bool is_up;
    unsigned standing; /* publishes that came to stand */
    unsigned flying_count;
    unsigned flying_max;
    unsigned sent_count;
    uint64_t flying[FAKE_LINK_SENT_MAX]; /* tags */
    uint32_t sent[FAKE_LINK_SENT_MAX];   /* what payloads began with, or 0 */
};
extern struct fake_link fake_link;

extern const struct mqtt_link_ops fake_link_ops;

/* No orders but a Receive Maximum of 20, nothing seen; only while no
 * connection is open. */
void fake_link_reset(void);

/* Wait until a count in fake_link is high enough; false: timed out. */
bool fake_link_await(const unsigned *value, unsigned wanted,
                     uint32_t timeout_ms);

/* End every publish in flight with this status; returns how many there were. */
unsigned fake_link_end_flying(enum lastcall_status status);

/* Lose the connection, and with it what is in flight. */
void fake_link_lose(enum mqtt_failure failure);

/* Let the publishes that stand go on, and stop none any more. */
void fake_link_release(void);

#endif
