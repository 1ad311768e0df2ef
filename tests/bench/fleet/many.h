/*
 * Many connections on one thread: a second filling of protocol/io/connection.h
 * for the fleet's benchmark, which a program gets by linking it before the
 * library.  It keeps the contract (will, subscriptions, ready, the gate of
 * CONNECTION_IN_FLIGHT_MAX, acknowledgements) but for one thing: it does not
 * connect again, so a connection that is lost is counted, and spoils the run.
 *
 * A worker finds it through worker_context.link: many_link().
 */
#ifndef LASTCALL_BENCH_FLEET_MANY_H
#define LASTCALL_BENCH_FLEET_MANY_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/io/mqtt.h"

enum many_kind {
    MANY_STATUS,
    MANY_SESSIONS,
    MANY_EVENT,
    MANY_RESULT,
    MANY_COMMAND, /* came; all others left */
    MANY_OTHER,
    MANY_KIND_COUNT
};

struct many_traffic {
    uint64_t count;
    uint64_t bytes; /* of the payloads */
};

/* Figures of one moment. */
struct many_figures {
    size_t ready;   /* connected and subscribed at least once */
    size_t settled; /* status and an inventory acknowledged by the broker */
    size_t lost;
    size_t holding;   /* connections with a result that is held back */
    int64_t quiet_ms; /* since the last publish or command */
    struct many_traffic traffic[MANY_KIND_COUNT];
};

struct many;

/*
 * Start the thread.
 *
 *   room  connections at most
 *
 * Never NULL: a benchmark that cannot start ends.
 */
struct many *many_open(size_t room);

/* After every connection was closed. */
void many_close(struct many *many);

/* What makes connection_open() use this thread. */
const struct mqtt_link_ops *many_link(struct many *many);

/* Keep back what is published as a result from now on. */
void many_hold(struct many *many);

/* Send it all, and hold no more. */
void many_release(struct many *many);

void many_read(struct many *many, struct many_figures *out);

#endif
