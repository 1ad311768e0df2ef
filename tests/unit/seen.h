/*
 * A program on top of a connection that does nothing but keep what it was
 * told, for tests of the connection over whatever link.
 */
#ifndef LASTCALL_TESTS_UNIT_SEEN_H
#define LASTCALL_TESTS_UNIT_SEEN_H

#include "protocol/io/connection.h"
#include "tests/unit/watch.h"

#define SEEN_TAG_MAX 512

/* Written by the connection's threads, with the watch locked. */
struct seen {
    struct watch watch;
    unsigned sessions;
    unsigned readies;
    unsigned downs;
    enum mqtt_failure last_failure;
    char last_detail[MQTT_DETAIL_SIZE];
    unsigned messages;
    unsigned retained; /* of those */
    uint32_t last_expiry_s;
    /* the ends of publishes: in all, taken, refused */
    unsigned told;
    unsigned told_ok;
    unsigned told_refused;
    /* how often each tag's end was told, and the last one */
    unsigned ends[SEEN_TAG_MAX + 1];
    enum lastcall_status status[SEEN_TAG_MAX + 1];
};
extern struct seen seen;

/* Keeps everything in seen; has no will. */
extern const struct connection_handler seen_handler;

/* Forget everything; only while no connection is open. */
void seen_reset(void);

/* Wait until one of the counts in seen is high enough; false: timed out. */
bool seen_await(const unsigned *value, unsigned wanted, uint32_t timeout_ms);

/* Why the last attempt failed or the connection was lost. */
enum mqtt_failure seen_last_failure(void);

#endif
