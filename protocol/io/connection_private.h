/*
 * Inside the connection: what its callers' side (connection.c) and its thread
 * (connection_loop.c) share.
 *
 * Locks, in the order they are taken: `subscribing` serialises those who
 * subscribe to more; `sending` keeps publishes in order and is held while the
 * link is called; `lock` guards every other member.  The link's events take
 * `lock` alone, and nothing is called while it is held.
 */
#ifndef LASTCALL_IO_CONNECTION_PRIVATE_H
#define LASTCALL_IO_CONNECTION_PRIVATE_H

#include <pthread.h>

#include "protocol/io/connection.h"
#include "protocol/io/gate.h"

/* A publish that waits at the gate; the texts lie behind it. */
struct queued {
    struct queued *next;
    struct mqtt_message message;
    uint64_t tag;
    size_t bytes;
};

/* The answer to a subscription. */
struct answer {
    uint64_t tag; /* of the one waited for; 0: none */
    bool has_come;
    enum lastcall_status status;
    char detail[MQTT_DETAIL_SIZE];
};

struct text_block {
    struct text_block *next;
    char text[];
};

struct connection {
    struct connection_options options;
    struct connection_handler handler;
    struct mqtt_link *link; /* owned */
    pthread_t thread;

    pthread_mutex_t subscribing;
    pthread_mutex_t sending;
    pthread_mutex_t lock;
    pthread_cond_t work;    /* for the thread */
    pthread_cond_t changed; /* for those who wait for it */

    /* Guarded by lock. */
    enum connection_state state;
    bool is_stopping;
    bool is_resuming;   /* connection_resume() was called */
    bool has_connected; /* the link's events, until the thread took them */
    struct mqtt_connected info;
    bool has_failed;
    enum mqtt_failure failure;
    char detail[MQTT_DETAIL_SIZE]; /* of the last failure */
    bool has_hopeless;  /* a failure that trying again at once won't mend */
    struct answer own;  /* to the thread's subscription */
    struct answer more; /* to connection_subscribe() */
    uint64_t last_tag;  /* of subscriptions */

    unsigned gate; /* how many may be in flight */
    unsigned in_flight;
    struct queued *head, *tail; /* owned */
    size_t queue_count;
    size_t queue_bytes;
    uint64_t accepted; /* publishes ever accepted */
    uint64_t ended;    /* of them; told, where they have a tag */
    uint64_t losses;   /* connections that ended */

    struct mqtt_subscription subscriptions[CONNECTION_SUBSCRIPTION_MAX];
    size_t subscription_count;
    struct text_block *texts; /* owned; the filters, kept until the close */

    /* The thread's own. */
    uint16_t keep_alive_s;
    uint32_t attempt;     /* failures since the last stable connection */
    unsigned short_lives; /* connections in a row that died young */
    int64_t connected_ms; /* when the current connection was made */
};

/* The thread; returns when is_stopping. */
void *connection_run(void *connection);

/* The events that the link is given; the context is the connection. */
extern const struct mqtt_events connection_events;

/* Wait on a condition with lock held; false when until_ms has come. */
bool connection_wait_until(struct connection *connection, pthread_cond_t *on,
                           int64_t until_ms);

/* The clock of waits: the machine's monotonic one, whatever options.clock
 * says. */
int64_t connection_now_ms(void);

#endif
