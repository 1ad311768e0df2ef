/*
 * What many.c (the thread, and what comes in) and many_connection.c (what goes
 * out, and connection.h) share.
 */
#ifndef LASTCALL_BENCH_FLEET_MANY_PRIVATE_H
#define LASTCALL_BENCH_FLEET_MANY_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "protocol/io/connection.h"
#include "protocol/io/gate.h"
#include "tests/bench/fleet/many.h"
#include "tests/bench/fleet/stream.h"

/* The id of the one SUBSCRIBE; no PUBLISH has it. */
#define MANY_SUBSCRIBE_ID 1

/* A publish that the broker has not acknowledged. */
struct flight {
    uint16_t id; /* 0: free */
    uint64_t tag;
    enum many_kind kind;
};

struct waiting {
    struct waiting *next;
    struct mqtt_message message; /* topic and payload behind it */
    uint64_t tag;
};

struct connection {
    struct many *many;
    size_t slot;
    struct connection_options options;
    struct connection_handler handler;
    bool is_connecting, is_connected; /* the thread's */
    int64_t spoke_ms;

    struct gate gate; /* of everything below */
    struct stream stream;
    bool is_ready;
    bool is_lost;
    bool holds_result;
    uint16_t last_id;
    struct flight flights[CONNECTION_IN_FLIGHT_MAX];
    size_t flight_count;
    struct waiting *first, **last; /* owned */
    size_t waiting_count;
    struct waiting *held; /* owned; the latest first */
    bool has_kind[MANY_KIND_COUNT];
};

struct many {
    struct mqtt_link_ops ops; /* first: many_of() */
    pthread_t thread;
    int epoll;
    int wake;
    pthread_mutex_t lock;      /* of the slots; held while the thread works */
    struct connection **slots; /* owned; NULL: free */
    size_t room;
    size_t used;  /* slots that were ever given out */
    size_t begun; /* of those, for which a connect was begun */
    size_t connecting;
    int64_t swept_ms;
    atomic_bool is_stopping;
    atomic_bool is_holding;
    atomic_size_t ready, settled, lost, holding;
    atomic_int_fast64_t active_ms;
    atomic_uint_fast64_t counts[MANY_KIND_COUNT], bytes[MANY_KIND_COUNT];
};

/* Milliseconds of the steady clock. */
int64_t many_now_ms(void);

/* Tell the thread that there is a connection to make, or that it is to end. */
void many_wake(struct many *many);

/* What a topic is for. */
enum many_kind many_kind_of(const char *topic);

/* Count a payload that came or left. */
void many_count(struct many *many, enum many_kind kind, size_t len);

/* With the connection's gate locked, the last one also when nobody else knows
 * the connection any more: */

/* Send what the socket takes. */
void many_flush(struct connection *connection);

/* Send what waits, as far as the gate is open. */
void many_pump(struct connection *connection);

/* Send the results that were held back. */
void many_send_held(struct connection *connection);

/* End the publishes that wait: the connection is gone. */
void many_drop_waiting(struct connection *connection);

#endif
