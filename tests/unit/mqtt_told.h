/*
 * The handler of a bare link that does nothing but keep what it was told.
 */
#ifndef LASTCALL_TESTS_UNIT_MQTT_TOLD_H
#define LASTCALL_TESTS_UNIT_MQTT_TOLD_H

#include "protocol/io/mqtt.h"
#include "tests/unit/watch.h"

/* Written by the link's threads, with the watch locked. */
struct told {
    struct watch watch;
    unsigned connected;
    struct mqtt_connected info;
    unsigned failed; /* connect_failed and lost */
    unsigned lost;   /* of them */
    enum mqtt_failure failure;
    char detail[MQTT_DETAIL_SIZE];
    unsigned subscribed;
    enum lastcall_status granted;
    unsigned published;
    unsigned published_lost;
    uint64_t last_tag;
    unsigned messages;
};
extern struct told told;

/* Keeps everything in told. */
extern const struct mqtt_events told_events;

/* Forget everything; only while no link is open. */
void told_reset(void);

#endif
