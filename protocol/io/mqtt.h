/*
 * The MQTT 5 link: one connection to one broker, no policy.  When to connect
 * again, how many publishes may be under way and what to publish after a
 * connect is connection.h's business.
 *
 * Fillings: mqtt_paho.c, mqtt_mosquitto.c.  Every function of struct
 * mqtt_link_ops may be called from any thread; the events come on the link's
 * thread, which may hold the link's own locks: a handler copies what it needs
 * into a queue and returns, calls nothing of the link and takes no lock that
 * is held while calling it.
 */
#ifndef LASTCALL_IO_MQTT_H
#define LASTCALL_IO_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define MQTT_DETAIL_SIZE 256
#define MQTT_CONTENT_TYPE "application/jwt"

enum mqtt_retain {
    MQTT_TRANSIENT,
    MQTT_RETAINED,
};

/* A message; topic and payload are borrowed for the time of the call. */
struct mqtt_message {
    const char *topic;
    const void *payload;
    size_t len;
    int qos;
    enum mqtt_retain retain; /* as it arrived, with Retain As Published */
    uint32_t expiry_s;       /* message expiry interval; 0: none */
    uint16_t packet_id;      /* as it arrived; 0: none, or not told */
};

struct mqtt_will {
    const char *topic; /* NULL: no will; retained, QoS 1 */
    const void *payload;
    size_t len;
    uint32_t delay_s;
};

/* How to reach the broker; every text is borrowed for the link's life. */
struct mqtt_options {
    /* mqtt://host[:port] or mqtts://host[:port]; no IPv6 address with mqtts */
    const char *uri;
    const char *client_id;
    const char *username; /* NULL: none */
    const char *password; /* NULL: none */
    const char *ca;       /* PEM file, FILE_GUARDED; NULL: the system's */
    const char *cert;     /* PEM file; NULL: none */
    const char *cert_key; /* PEM file; NULL: none */
    /* Of what we publish; "": none is said; NULL: MQTT_CONTENT_TYPE. */
    const char *content_type;
    bool clean_start;
    uint32_t session_expiry_s;
    uint16_t keep_alive_s;
    uint16_t receive_maximum;
    uint32_t packet_bytes_max;  /* 0: no bound */
    uint32_t connect_timeout_s; /* 0: 30 s; the link counts by 3 s */
};

/* The content type of what a link publishes; NULL: none is said. */
const char *mqtt_content_type(const struct mqtt_options *options);

/* What a CONNACK told. */
struct mqtt_connected {
    bool session_present;
    uint16_t receive_maximum;   /* the broker's; 65535 when it named none */
    uint16_t server_keep_alive; /* 0 when it named none */
    uint32_t packet_bytes_max;  /* the broker's; 0 when it named none */
};

enum mqtt_retain_handling {
    MQTT_RETAIN_SEND = 0,
    MQTT_RETAIN_SEND_NEW = 1, /* when the session has not this filter yet */
    MQTT_RETAIN_NEVER_SEND = 2,
};

struct mqtt_subscription {
    const char *filter;
    int qos;
    enum mqtt_retain_handling retain_handling;
    bool retain_as_published;
    bool no_local;
};

/* Why a connection could not be made or ended. */
enum mqtt_failure {
    MQTT_FAILURE_NETWORK,     /* refused, reset, timed out, TLS */
    MQTT_FAILURE_CREDENTIALS, /* bad user name, not authorised, banned */
    MQTT_FAILURE_TAKEN_OVER,  /* another client with our id */
    MQTT_FAILURE_SERVER,      /* busy, unavailable, quota */
};

/* Called on the link's thread; see above for what a handler may do. */
struct mqtt_events {
    void (*connected)(void *context, const struct mqtt_connected *info);
    void (*connect_failed)(void *context, enum mqtt_failure failure,
                           const char *detail);
    void (*lost)(void *context, enum mqtt_failure failure, const char *detail);
    void (*message)(void *context, const struct mqtt_message *message);
    /* The answer to subscribe: LASTCALL_OK when every filter was granted. */
    void (*subscribed)(void *context, uint64_t tag, enum lastcall_status status,
                       const char *detail);
    /* The broker took (LASTCALL_OK) or refused (LASTCALL_FORBIDDEN) a
     * publish, or it went down with the connection (LASTCALL_E_LINK). */
    void (*published)(void *context, uint64_t tag, enum lastcall_status status);
};

#define MQTT_HOST_SIZE 256
#define MQTT_PORT_PLAIN 1883
#define MQTT_PORT_TLS 8883

/* A broker's address. */
struct mqtt_uri {
    char host[MQTT_HOST_SIZE]; /* a name or an address, without brackets */
    uint16_t port;
    bool is_tls;
};

/*
 * Read mqtt://host[:port] or mqtts://host[:port]; an IPv6 address stands in
 * brackets.  Other schemes, user names, paths and queries are refused.
 *
 *   detail  says why not; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG.
 */
LASTCALL_MUST_USE enum lastcall_status
mqtt_uri_parse(const char *text, struct mqtt_uri *out,
               char detail[MQTT_DETAIL_SIZE]);

/*
 * Check what any filling needs of its options: the URI, and that the files can
 * be read and the key by its owner alone.
 *
 *   uri     filled on LASTCALL_OK
 *   detail  says why not
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG.
 */
LASTCALL_MUST_USE enum lastcall_status
mqtt_options_check(const struct mqtt_options *options, struct mqtt_uri *uri,
                   char detail[MQTT_DETAIL_SIZE]);

struct mqtt_link;

struct mqtt_link_ops {
    const char *name;
    /*
     * Make a link; nothing is sent yet.
     * Returns LASTCALL_OK, LASTCALL_E_CONFIG (detail says what), or
     * LASTCALL_E_NOMEM.
     */
    enum lastcall_status (*open)(const struct mqtt_options *options,
                                 const struct mqtt_events *events,
                                 void *context, struct mqtt_link **out,
                                 char detail[MQTT_DETAIL_SIZE]);
    /* Begin to connect; ends in connected or connect_failed. */
    enum lastcall_status (*connect)(struct mqtt_link *link,
                                    const struct mqtt_will *will,
                                    uint16_t keep_alive_s);
    /*
     * Subscribe; ends in subscribed with this tag, or in lost.  The filters
     * are borrowed until then.
     */
    enum lastcall_status (*subscribe)(struct mqtt_link *link,
                                      const struct mqtt_subscription *list,
                                      size_t count, uint64_t tag);
    /*
     * Publish at QoS 1 (content is copied); ends in published.
     * Returns LASTCALL_OK, or without an event LASTCALL_E_LINK (not
     * connected), LASTCALL_BUSY (too many wait), LASTCALL_E_TOO_LARGE,
     * LASTCALL_E_NOMEM.
     */
    enum lastcall_status (*publish)(struct mqtt_link *link,
                                    const struct mqtt_message *message,
                                    uint64_t tag);
    /* Have the disconnects from now on end the session as well: the broker is
     * to keep nothing for us. */
    void (*forget)(struct mqtt_link *link);
    /* Send DISCONNECT (no will) and wait at most timeout_ms for it to leave. */
    void (*disconnect)(struct mqtt_link *link, uint32_t timeout_ms);
    /* No event comes after this returns. */
    void (*close)(struct mqtt_link *link);
};

extern const struct mqtt_link_ops mqtt_paho_ops;
extern const struct mqtt_link_ops mqtt_mosquitto_ops;

/* The filling that a program is linked with: LASTCALL_MQTT of CMake for the
 * worker, LASTCALL_MQTT_COMMAND for the command. */
extern const struct mqtt_link_ops *const mqtt_default_ops;

#endif
