/*
 * Inside the Paho filling of the link: what its callers' side (mqtt_paho.c) and
 * paho's callbacks (mqtt_paho_events.c) share.
 *
 * Each connection attempt has a paho handle of its own.  A handle that is kept
 * sends unacknowledged publishes again after a reconnect; by then we have told
 * their senders that they are lost, and they would count against the broker's
 * Receive Maximum.  With the handle goes everything that it knew.
 *
 * Locks: `api` is held while paho is called and serialises our callers; paho's
 * callbacks come with paho's own mutex held and never take it.  `state` guards
 * what callbacks and callers share; nothing is called while it is held.
 */
#ifndef LASTCALL_IO_MQTT_PAHO_H
#define LASTCALL_IO_MQTT_PAHO_H

#include <MQTTAsync.h>
#include <pthread.h>

#include "protocol/io/mqtt.h"

#define MQTT_PAHO_URI_SIZE (MQTT_HOST_SIZE + 16)
#define MQTT_PAHO_TLS_TEXT_SIZE 128

struct attempt;

enum pending_kind {
    PENDING_PUBLISH,
    PENDING_SUBSCRIPTION,
};

/* What waits for an acknowledgement; the context of paho's callbacks. */
struct pending {
    struct pending *previous, *next;
    struct attempt *attempt;
    uint64_t tag;
    enum pending_kind kind;
    bool is_told;         /* its event was given */
    const char **filters; /* owned, the texts borrowed until the answer */
    size_t filter_count;
};

/* One connection, from connect() to its end. */
struct attempt {
    struct mqtt_link *link;
    MQTTAsync handle;
    struct pending *pendings; /* owned */
    bool is_connected;
    bool is_over; /* connect_failed or lost was given, or disconnect began */
    bool is_disconnected;                   /* paho finished a disconnect */
    char tls_text[MQTT_PAHO_TLS_TEXT_SIZE]; /* OpenSSL's reason, once it gave
                                               one */
};

struct mqtt_link {
    struct mqtt_options options; /* texts borrowed */
    struct mqtt_events events;
    void *context;
    struct mqtt_uri uri;
    char paho_uri[MQTT_PAHO_URI_SIZE];
    pthread_mutex_t api;
    pthread_mutex_t state;
    pthread_cond_t disconnected;
    struct attempt *attempt; /* owned; changed with api held */
    bool forgets;            /* guarded by api: a disconnect ends the session */
};

/* Link a new pending to an attempt; NULL when out of memory.  From then on
 * the connection's end may be told to it. */
struct pending *mqtt_paho_pending_new(struct attempt *attempt,
                                      enum pending_kind kind, uint64_t tag);

/* Unlink and free; says whether its event is still to be given. */
bool mqtt_paho_pending_end(struct pending *pending);

/* End an attempt once; false when it had ended before. */
bool mqtt_paho_attempt_end(struct attempt *attempt);

/* Tell each publish that has no answer yet that it is lost. */
void mqtt_paho_tell_lost(struct attempt *attempt);

/* Paho's callbacks; the context is the attempt, for publishes and
 * subscriptions the pending. */
int mqtt_paho_on_tls_error(const char *text, size_t len, void *context);
void mqtt_paho_on_connected(void *context, MQTTAsync_successData5 *data);
void mqtt_paho_on_connect_failed(void *context, MQTTAsync_failureData5 *data);
void mqtt_paho_on_lost(void *context, char *cause);
void mqtt_paho_on_server_disconnect(void *context, MQTTProperties *properties,
                                    enum MQTTReasonCodes reason);
int mqtt_paho_on_message(void *context, char *topic, int topic_len,
                         MQTTAsync_message *in);
void mqtt_paho_on_published(void *context, MQTTAsync_successData5 *data);
void mqtt_paho_on_publish_failed(void *context, MQTTAsync_failureData5 *data);
void mqtt_paho_on_subscribed(void *context, MQTTAsync_successData5 *data);
void mqtt_paho_on_subscribe_failed(void *context, MQTTAsync_failureData5 *data);
void mqtt_paho_on_disconnected(void *context, MQTTAsync_successData5 *data);
void mqtt_paho_on_disconnect_failed(void *context,
                                    MQTTAsync_failureData5 *data);

#endif
