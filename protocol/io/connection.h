/*
 * When to connect, and what must happen around it: full jitter, slower
 * classes for refusals, subscriptions made and checked after every connect,
 * a gate of CONNECTION_IN_FLIGHT_MAX unacknowledged publishes.
 *
 * One thread of its own runs the loop and calls the handler; only
 * handler.message is called on the link's thread (copy and return).
 */
#ifndef LASTCALL_IO_CONNECTION_H
#define LASTCALL_IO_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/log.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "protocol/status.h"

/* paho 1.3.12 sleeps up to 1 s at the broker's Receive Maximum (20 by
 * default): stay below it. */
#define CONNECTION_IN_FLIGHT_MAX 16
#define CONNECTION_BACKOFF_FIRST_MS 1000
#define CONNECTION_BACKOFF_MAX_MS 120000
#define CONNECTION_BACKOFF_REFUSED_MS 60000
#define CONNECTION_STABLE_MS 60000
/* What a PUBLISH has beside topic and payload: header, id, properties. */
#define CONNECTION_PACKET_REST_BYTES 64
/* Publishes waiting at the gate; more are refused (LASTCALL_BUSY). */
#define CONNECTION_QUEUE_MAX 4096
/* And not more memory than this. */
#define CONNECTION_QUEUE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define CONNECTION_SUBSCRIPTION_MAX 128

enum connection_state {
    CONNECTION_CONNECTING,
    CONNECTION_READY,   /* connected, and every subscription granted */
    CONNECTION_WAITING, /* before the next attempt */
    CONNECTION_CLOSED,
};

struct connection_handler {
    void *context;
    /*
     * Fill the will of the next connect, freshly signed; called before every
     * attempt.  payload is owned by the handler until the next call.  NULL:
     * no will.
     */
    void (*will)(void *context, struct mqtt_will *out);
    /*
     * The broker has no session of ours, or none any more, and made a new one:
     * what is retained comes again, and what is not there any more is not told.
     * On the link's thread, before anything of that session comes.  NULL:
     * ignore.
     */
    void (*session)(void *context);
    /* Connected and subscribed: publish births now.  NULL: nothing to do. */
    void (*ready)(void *context);
    /* An attempt failed or the connection was lost.  NULL: ignore. */
    void (*down)(void *context, enum mqtt_failure failure, const char *detail);
    /* A message, on the link's thread. */
    void (*message)(void *context, const struct mqtt_message *message);
    /*
     * The end of a publish with a non-zero tag: LASTCALL_OK (the broker has
     * it), LASTCALL_FORBIDDEN (it refused), LASTCALL_E_LINK (lost with the
     * connection, or never sent: publish it again after ready).  Comes on the
     * link's thread, which stands still meanwhile: note it and return; not a
     * place to publish from.  NULL: ignore.
     */
    void (*published)(void *context, uint64_t tag, enum lastcall_status status);
};

struct connection_options {
    struct mqtt_options mqtt; /* its texts are borrowed for the life */
    const struct mqtt_link_ops *link;
    const struct clock *clock;
    struct log *log;                               /* may be NULL */
    const struct mqtt_subscription *subscriptions; /* borrowed for the life */
    size_t subscription_count;
    /* Nobody comes back to the session: connection_close() ends it, and the
     * broker does not gather messages for it until it expires. */
    bool ends_session;
};

struct connection;

/*
 * Make the connection object and start connecting.
 *
 *   options, handler  copied, their pointers borrowed for the life
 *   detail            says why not; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL (no thread).
 */
LASTCALL_MUST_USE enum lastcall_status
connection_open(const struct connection_options *options,
                const struct connection_handler *handler,
                struct connection **out, char detail[MQTT_DETAIL_SIZE]);

/*
 * Publish at QoS 1 in the order of the calls, when the gate allows.  Content
 * is copied.  While not ready, everything is refused: after the next ready
 * the state of that moment is published anyway.
 *
 *   message  topic, payload, len, retain and expiry_s are used
 *   tag      0, or given back to handler.published
 *
 * Returns LASTCALL_OK, LASTCALL_E_LINK (not connected; published is not
 *         called), LASTCALL_BUSY (CONNECTION_QUEUE_MAX or
 *         CONNECTION_QUEUE_BYTES_MAX), LASTCALL_E_TOO_LARGE (over the
 *         broker's Maximum Packet Size; it would end the connection),
 *         LASTCALL_E_NOMEM.
 * Source: MQTT 5.0, 3.2.2.3.6.
 * Thread: any; of the handler's calls, ready alone.
 */
LASTCALL_MUST_USE enum lastcall_status
connection_publish(struct connection *connection,
                   const struct mqtt_message *message, uint64_t tag);

/*
 * Subscribe to more, now and after every later connect.  To ask once more for
 * filters that stand makes the broker send again what is retained, and takes
 * no room.
 *
 *   subscriptions  the filters are copied
 *   timeout_ms     how long to wait for the broker's answer
 *
 * Returns LASTCALL_OK (granted), LASTCALL_FORBIDDEN, LASTCALL_E_LINK,
 *         LASTCALL_TIMEOUT, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 * Thread: any but the handler's.
 */
LASTCALL_MUST_USE enum lastcall_status
connection_subscribe(struct connection *connection,
                     const struct mqtt_subscription *subscriptions,
                     size_t count, uint32_t timeout_ms);

/*
 * Wait until ready, or until the first failure that trying again at once will
 * not mend.
 *
 *   timeout_ms  how long at most
 *   detail      why not; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_LINK, LASTCALL_TIMEOUT.
 * Thread: any but the handler's.
 */
LASTCALL_MUST_USE enum lastcall_status
connection_wait_ready(struct connection *connection, uint32_t timeout_ms,
                      char detail[MQTT_DETAIL_SIZE]);

/*
 * Leave the broker and come back to the same session at once: the broker then
 * sends again whatever of the session's messages it did not get acknowledged,
 * those too that it dropped on the way out because we read too slowly.  Not
 * a failure: handler.down is not called; handler.ready is, when we are back.
 * Publishes on their way end with LASTCALL_E_LINK.  Does nothing unless ready;
 * of use with a session_expiry_s and without clean_start only.
 *
 * Source: MQTT 5.0, 4.4.
 * Thread: any but the handler's.
 */
void connection_resume(struct connection *connection);

/* The state now.  Thread: any. */
enum connection_state connection_state(struct connection *connection);

/*
 * Wait until every publish accepted so far has its end; who publishes
 * meanwhile is waited for too.
 *
 * Returns LASTCALL_OK, LASTCALL_TIMEOUT, LASTCALL_E_LINK (connection lost).
 * Thread: any but the handler's.
 */
LASTCALL_MUST_USE enum lastcall_status
connection_flush(struct connection *connection, uint32_t timeout_ms);

/*
 * Disconnect cleanly (no will fires), stop the thread and free.
 *
 * A limit: while the link looks up the broker's name, this waits for as long as
 * the resolver takes (resolv.conf(5): timeout and attempts of each name
 * server).  An address instead of a name does without.
 */
void connection_close(struct connection *connection);

/*
 * The delay before attempt number n (from 0): random(0, min(max, first *
 * 2^n)), from 60 s up for the refused classes.  Pure but for the random
 * source; exported for its test.
 */
uint32_t connection_backoff_ms(uint32_t attempt, enum mqtt_failure failure,
                               uint32_t (*random_below)(uint32_t bound));

#endif
