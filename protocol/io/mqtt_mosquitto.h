/*
 * Inside the libmosquitto filling of the link: its callers' side
 * (mqtt_mosquitto.c), its thread (mqtt_mosquitto_loop.c), what that does for
 * them (mqtt_mosquitto_commands.c), what the library tells it
 * (mqtt_mosquitto_events.c) and TLS (mqtt_mosquitto_tls.c).
 *
 * libmosquitto for Windows is built without threads: of one client, every call
 * comes from one thread.  It is the link's own.  The callers' side puts
 * commands into a queue, bounded by MQTT_MOSQUITTO_PUBLISHES_MAX, and wakes
 * that thread; everything in struct attempt belongs to the thread alone.
 *
 * Each connection attempt, and within it each address, has a client of its
 * own: one that is kept sends unacknowledged publishes again after a
 * reconnect, and by then we have told their senders that they are lost.
 *
 * The epoch counts what the callers decided: connect, disconnect, close.  An
 * attempt of an earlier epoch tells nothing any more but the ends of its
 * publishes.
 */
#ifndef LASTCALL_IO_MQTT_MOSQUITTO_H
#define LASTCALL_IO_MQTT_MOSQUITTO_H

#include <mosquitto.h>
#include <pthread.h>

#include "protocol/io/gate.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/mqtt_wait.h"

/* Publishes that were accepted and have no end yet. */
#define MQTT_MOSQUITTO_PUBLISHES_MAX 1024
#define MQTT_MOSQUITTO_ADDRESSES_MAX 8
#define MQTT_MOSQUITTO_REASON_SIZE 128
/* What is read before we look at the callers' commands again: messages, and
 * bytes of TLS. */
#define MQTT_MOSQUITTO_TURN_MESSAGES_MAX 64
#define MQTT_MOSQUITTO_TURN_BYTES_MAX ((size_t)64 * 1024)
#define MQTT_REFUSED_FROM 0x80 /* reason codes from here on are refusals */

struct ssl_ctx_st;

enum command_kind {
    COMMAND_CONNECT,
    COMMAND_SUBSCRIBE,
    COMMAND_PUBLISH,
    COMMAND_DISCONNECT,
};

/* What a caller wants of the thread; its copies lie behind it. */
struct command {
    struct command *next;
    enum command_kind kind;
    uint64_t epoch;              /* connect, disconnect: the one it begins */
    uint64_t tag;                /* subscribe, publish */
    struct mqtt_message message; /* publish */
    struct mqtt_will will;       /* connect */
    uint16_t keep_alive_s;       /* connect */
    const struct mqtt_subscription *list; /* subscribe; filters borrowed */
    size_t count;                         /* of list */
    int64_t drain_until_ms;               /* disconnect: wait for publishes */
    int64_t leave_until_ms;               /* disconnect: wait for its packet */
};

/* A publish that waits for its PUBACK. */
struct publishing {
    struct publishing *next;
    int mid;
    uint64_t tag;
};

struct subscribing_filter {
    const char *text; /* borrowed */
    int mid;          /* 0 once it was answered */
};

/* A call of subscribe that waits for its SUBACKs.  The library takes one set of
 * options for all filters of a packet, so each run of filters with the same
 * ones is a packet, and they share its id. */
struct subscribing {
    struct subscribing *next;
    uint64_t tag;
    size_t count;
    size_t waiting; /* of them */
    enum lastcall_status status;
    char detail[MQTT_DETAIL_SIZE];
    struct subscribing_filter filters[];
};

enum stage {
    STAGE_TCP,     /* connect() is under way */
    STAGE_CONNACK, /* TLS and CONNECT are */
    STAGE_UP,
    STAGE_LEAVING, /* disconnect: publishes, then DISCONNECT, are waited for */
};

/* One connection, from connect() to its end.  The thread's. */
struct attempt {
    struct mqtt_link *link;
    uint64_t epoch;
    struct command *command;  /* owned; what to connect with */
    struct mosquitto *client; /* owned; of the address that is tried */
    struct ssl_ctx_st *tls;   /* owned; NULL without TLS */
    enum stage stage;
    struct mqtt_address addresses[MQTT_MOSQUITTO_ADDRESSES_MAX];
    size_t address_count, address_next;
    int64_t connect_until_ms; /* for all addresses */
    int64_t until_ms;         /* for this address; leaving: for everything */
    int64_t drain_until_ms;   /* leaving: for publishes */
    uint64_t leave_epoch;     /* leaving: the one that waits for it */
    bool has_sent_disconnect;
    size_t readable_bytes;            /* what TLS may yet read in this turn */
    uint64_t received;                /* messages, wanted or not */
    uint16_t keep_alive_s;            /* the broker's, where it named one */
    struct publishing *publishings;   /* owned */
    struct subscribing *subscribings; /* owned */
    uint8_t reason;                   /* the broker's last word; 0: none */
    /* What TLS or the system said first of the address that is tried; empty:
     * nothing. */
    char text[MQTT_MOSQUITTO_REASON_SIZE];
};

struct mqtt_link {
    struct mqtt_options options; /* texts borrowed */
    struct mqtt_events events;
    void *context;
    struct mqtt_uri uri;
    struct mqtt_wake wake;
    pthread_t thread;
    pthread_mutex_t leaving; /* serialises those who disconnect */

    struct gate gate;
    /* Guarded by the gate. */
    struct command *head, *tail; /* owned */
    uint64_t epoch;
    uint64_t settled; /* the last epoch whose disconnect is done */
    size_t publishes; /* accepted and without an end */
    bool is_up;       /* connected, in this epoch */
    bool is_closing;
    bool forgets; /* a disconnect ends the session */

    struct attempt *attempt; /* owned; the thread's */
};

/* The monotonic clock of the waits. */
int64_t mqtt_mosquitto_now_ms(void);

/* ---- mqtt_mosquitto_loop.c ---- */

/* The thread; the argument is the link.  Ends when is_closing. */
void *mqtt_mosquitto_run(void *link);

/* ---- mqtt_mosquitto_commands.c ---- */

/* Add what the options say of the payloads, if anything; a code. */
int mqtt_mosquitto_add_content_type(mosquitto_property **properties,
                                    const struct mqtt_options *options);

/* Do what a caller wants; where there is no connection, its end is told. */
void mqtt_mosquitto_publish(struct mqtt_link *link,
                            const struct command *command);
void mqtt_mosquitto_subscribe(struct mqtt_link *link,
                              const struct command *command);

/* ---- mqtt_mosquitto_events.c ---- */

/* Give a client the callbacks; its user data is the attempt. */
void mqtt_mosquitto_listen(struct mosquitto *client);

/* Tell the end of a publish that was accepted. */
void mqtt_mosquitto_tell_published(struct mqtt_link *link, uint64_t tag,
                                   enum lastcall_status status);

/* Tell a subscription's end, while the attempt is what the callers want. */
void mqtt_mosquitto_tell_subscribed(struct attempt *attempt, uint64_t tag,
                                    enum lastcall_status status,
                                    const char *detail);

/*
 * End an attempt and free it: what has no end yet is told lost.
 *
 *   detail  why, for connect_failed or lost, which come only while the epoch
 *           is the attempt's; NULL: neither comes
 */
void mqtt_mosquitto_end(struct attempt *attempt, enum mqtt_failure failure,
                        const char *detail);

/* The same, with what the library's code and the attempt know. */
void mqtt_mosquitto_fail(struct attempt *attempt, int code);

/*
 * Take the answer to a SUBSCRIBE; the last one ends its subscribe.
 *
 *   mid      of the SUBSCRIBE
 *   granted  what the broker said, filter by filter
 *   count    of granted; another than that of the filters refuses them all.
 *            0: it could not be sent
 */
void mqtt_mosquitto_answer(struct attempt *attempt, int mid, const int *granted,
                           size_t count);

/* ---- mqtt_mosquitto_tls.c ---- */

/*
 * Make the TLS of a connection: version 1.2 or later, the authorities of
 * options.ca or the system's, the host's name or address checked, our
 * certificate.  All of it is ours: libmosquitto takes the context as it is.
 *
 *   attempt  borrowed for the context's life; gets the reason of a failure,
 *            and says how much may be read.  NULL: only to see whether it can
 *            be made
 *   detail   says why not
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (a file is no certificate or key),
 *         LASTCALL_E_INTERNAL (the system's store), LASTCALL_E_NOMEM.
 * Owner:  the caller frees *out with mqtt_mosquitto_tls_free().
 */
LASTCALL_MUST_USE enum lastcall_status
mqtt_mosquitto_tls_new(const struct mqtt_link *link, struct attempt *attempt,
                       struct ssl_ctx_st **out, char detail[MQTT_DETAIL_SIZE]);
void mqtt_mosquitto_tls_free(struct ssl_ctx_st *context);

/* How a client's TLS stands. */
struct mqtt_mosquitto_tls {
    bool is_shaking;  /* the handshake is under way */
    bool wants_write; /* ... and waits to send */
    bool is_broken;   /* ... and will never end */
    bool has_more;    /* received and decrypted, so poll() does not tell */
};
struct mqtt_mosquitto_tls mqtt_mosquitto_tls_of(struct mosquitto *client);

#endif
