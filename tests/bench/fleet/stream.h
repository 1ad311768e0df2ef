/*
 * MQTT 5 for the fleet's benchmark: packets, and a socket that many of them
 * come and go through without anybody waiting.  Only what a worker and a bare
 * program need; a peer that breaks the rules ends the run.
 */
#ifndef LASTCALL_BENCH_FLEET_STREAM_H
#define LASTCALL_BENCH_FLEET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/io/mqtt.h"
#include "protocol/topic.h"

enum packet_kind {
    PACKET_CONNECT = 1,
    PACKET_CONNACK = 2,
    PACKET_PUBLISH = 3,
    PACKET_PUBACK = 4,
    PACKET_SUBSCRIBE = 8,
    PACKET_SUBACK = 9,
    PACKET_PINGREQ = 12,
    PACKET_PINGRESP = 13,
    PACKET_DISCONNECT = 14,
};

/* A packet as it came; its body is borrowed for the time of the call. */
struct packet {
    enum packet_kind kind;
    unsigned flags;
    const unsigned char *body;
    size_t len;
};

/* A connection.  {0} with a bad fd is empty. */
struct stream {
    int fd;
    struct bytes out; /* owned; what the socket did not take yet */
    size_t sent;      /* of out */
    struct bytes in;  /* owned; the beginning of a packet */
};

/* Say why, and end the program. */
_Noreturn void bench_fail(const char *what);

/* packet_put_*: append to what leaves */

void packet_put_connect(struct bytes *out, const struct mqtt_options *options,
                        const struct mqtt_will *will);
void packet_put_subscribe(struct bytes *out,
                          const struct mqtt_subscription *list, size_t count,
                          uint16_t id);
void packet_put_publish(struct bytes *out, const struct mqtt_message *message,
                        uint16_t id);
void packet_put_puback(struct bytes *out, uint16_t id);
/* PINGREQ or DISCONNECT. */
void packet_put_empty(struct bytes *out, enum packet_kind kind);

/* packet_read_*: false when it is not what it should be */

/* A CONNACK that says yes. */
bool packet_read_connack(const struct packet *packet,
                         struct mqtt_connected *info);
/* A SUBACK that grants everything. */
bool packet_read_suback(const struct packet *packet);
/* The id of a PUBACK that says yes. */
bool packet_read_puback(const struct packet *packet, uint16_t *id);
/* The message of a PUBLISH; id is 0 at QoS 0. */
bool packet_read_publish(const struct packet *packet,
                         char topic[TOPIC_LEN_MAX + 1],
                         struct mqtt_message *message, uint16_t *id);

/* Begin to connect to mqtt://address:port; bench_fail() on any other. */
void stream_open(struct stream *stream, const char *uri);
void stream_close(struct stream *stream);

/* Send as much as the socket takes now; false: the peer is gone. */
bool stream_flush(struct stream *stream);

/* Hand out every packet that is there; false: the peer is gone. */
bool stream_read(struct stream *stream,
                 void (*take)(void *context, const struct packet *packet),
                 void *context);

#endif
