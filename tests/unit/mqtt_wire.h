/*
 * The broker's end of a connection, byte by byte: for what a real broker never
 * does, and to see what a link really sends.  The test itself is the broker;
 * the link has threads of its own.
 */
#ifndef LASTCALL_TESTS_UNIT_MQTT_WIRE_H
#define LASTCALL_TESTS_UNIT_MQTT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BODY_SIZE 2048
#define WIRE_TEXT_SIZE 64

enum wire_kind {
    WIRE_CONNECT = 1,
    WIRE_CONNACK = 2,
    WIRE_PUBLISH = 3,
    WIRE_PUBACK = 4,
    WIRE_SUBSCRIBE = 8,
    WIRE_SUBACK = 9,
    WIRE_PINGREQ = 12,
    WIRE_DISCONNECT = 14,
};

struct wire_packet {
    enum wire_kind kind;
    unsigned flags; /* the low half of the first byte */
    size_t len;
    unsigned char body[WIRE_BODY_SIZE];
};

/* A CONNECT, taken apart. */
struct wire_connect {
    bool clean_start;
    unsigned keep_alive_s;
    uint32_t session_expiry_s;
    uint32_t receive_maximum;
    uint32_t packet_bytes_max;
    char client_id[WIRE_TEXT_SIZE];
    bool has_will;
    bool will_is_retained;
    unsigned will_qos;
    uint32_t will_delay_s;
    char will_content_type[WIRE_TEXT_SIZE];
    char will_topic[WIRE_TEXT_SIZE];
    char will_payload[WIRE_TEXT_SIZE];
    char username[WIRE_TEXT_SIZE];
    char password[WIRE_TEXT_SIZE];
};

/* Listen on a free port of 127.0.0.1. */
int wire_listen(unsigned *port);

/* Wait for a connection; -1: none came within 20 s. */
int wire_accept(int listener);

/* Wait for a whole packet; false: the peer closed, or none came in 20 s. */
bool wire_read(int peer, struct wire_packet *out);

/* Read on until the peer closes; false: it did not within 20 s. */
bool wire_read_end(int peer);

/* Send bytes as they are. */
bool wire_send(int peer, const void *bytes, size_t len);

/* Take a CONNECT apart; false: it is none of MQTT 5. */
bool wire_parse_connect(const struct wire_packet *packet,
                        struct wire_connect *out);

/* End a connection with a reset. */
void wire_reset(int peer);

#endif
