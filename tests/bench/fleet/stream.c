#include "tests/bench/fleet/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536
#define OUT_MAX ((size_t)64 * 1024 * 1024)
#define MQTT_VERSION 5

enum property {
    PROPERTY_EXPIRY = 0x02,
    PROPERTY_CONTENT_TYPE = 0x03,
    PROPERTY_SESSION_EXPIRY = 0x11,
    PROPERTY_SERVER_KEEP_ALIVE = 0x13,
    PROPERTY_WILL_DELAY = 0x18,
    PROPERTY_RECEIVE_MAXIMUM = 0x21,
    PROPERTY_PACKET_MAXIMUM = 0x27,
};

enum connect_flag {
    CONNECT_CLEAN_START = 0x02,
    CONNECT_WILL = 0x2c, /* retained, QoS 1 */
};

void bench_fail(const char *what)
{
    fprintf(stderr, "fleet: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- writing ---- */

static void put(struct bytes *out, const void *data, size_t len)
{
    if (len > 0 && bytes_append(out, data, len) != LASTCALL_OK)
        bench_fail("more waits to be sent than there is room for");
}

/* A number of so many bytes, the highest first. */
static void put_number(struct bytes *out, uint32_t value, size_t size)
{
    for (size_t i = size; i-- > 0;)
        put(out, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
}

static void put_data(struct bytes *out, const void *data, size_t len)
{
    put_number(out, (uint32_t)len, 2);
    put(out, data, len);
}

static void put_text(struct bytes *out, const char *text)
{
    put_data(out, text, strlen(text));
}

static void put_property(struct bytes *out, enum property property,
                         uint32_t value, size_t size)
{
    if (value == 0)
        return;
    put_number(out, property, 1);
    put_number(out, value, size);
}

static void put_length(struct bytes *out, size_t len)
{
    do {
        const unsigned rest = len > 0x7f ? 0x80 : 0;

        put_number(out, (unsigned)(len & 0x7f) | rest, 1);
        len >>= 7;
    } while (len > 0);
}

/* Append a part with its length before it, and empty it. */
static void put_part(struct bytes *out, struct bytes *part)
{
    put_length(out, part->len);
    put(out, part->data, part->len);
    bytes_deinit(part);
}

static struct bytes part_new(void)
{
    struct bytes part;

    bytes_init(&part, OUT_MAX);
    return part;
}

static void put_packet(struct bytes *out, enum packet_kind kind, unsigned flags,
                       struct bytes *body)
{
    put_number(out, (uint32_t)kind << 4 | flags, 1);
    put_part(out, body);
}

static void put_will(struct bytes *body, const struct mqtt_will *will)
{
    struct bytes properties = part_new();

    put_property(&properties, PROPERTY_WILL_DELAY, will->delay_s, 4);
    put_number(&properties, PROPERTY_CONTENT_TYPE, 1);
    put_text(&properties, MQTT_CONTENT_TYPE);
    put_part(body, &properties);
    put_text(body, will->topic);
    put_data(body, will->payload, will->len);
}

void packet_put_connect(struct bytes *out, const struct mqtt_options *options,
                        const struct mqtt_will *will)
{
    struct bytes body = part_new();
    struct bytes properties = part_new();
    unsigned flags = options->clean_start ? CONNECT_CLEAN_START : 0;

    flags |= will != NULL ? CONNECT_WILL : 0;
    put_text(&body, "MQTT");
    put_number(&body, MQTT_VERSION, 1);
    put_number(&body, flags, 1);
    put_number(&body, options->keep_alive_s, 2);
    put_property(&properties, PROPERTY_SESSION_EXPIRY,
                 options->session_expiry_s, 4);
    put_property(&properties, PROPERTY_RECEIVE_MAXIMUM,
                 options->receive_maximum, 2);
    put_property(&properties, PROPERTY_PACKET_MAXIMUM,
                 options->packet_bytes_max, 4);
    put_part(&body, &properties);
    put_text(&body, options->client_id);
    if (will != NULL)
        put_will(&body, will);
    put_packet(out, PACKET_CONNECT, 0, &body);
}

void packet_put_subscribe(struct bytes *out,
                          const struct mqtt_subscription *list, size_t count,
                          uint16_t id)
{
    struct bytes body = part_new();

    put_number(&body, id, 2);
    put_number(&body, 0, 1);
    for (size_t i = 0; i < count; i++) {
        put_text(&body, list[i].filter);
        put_number(&body,
                   (unsigned)list[i].qos | (list[i].no_local ? 0x04u : 0) |
                       (list[i].retain_as_published ? 0x08u : 0) |
                       (unsigned)list[i].retain_handling << 4,
                   1);
    }
    put_packet(out, PACKET_SUBSCRIBE, 2, &body);
}

void packet_put_publish(struct bytes *out, const struct mqtt_message *message,
                        uint16_t id)
{
    struct bytes body = part_new();
    struct bytes properties = part_new();

    put_text(&body, message->topic);
    put_number(&body, id, 2);
    put_property(&properties, PROPERTY_EXPIRY, message->expiry_s, 4);
    put_number(&properties, PROPERTY_CONTENT_TYPE, 1);
    put_text(&properties, MQTT_CONTENT_TYPE);
    put_part(&body, &properties);
    put(&body, message->payload, message->len);
    put_packet(out, PACKET_PUBLISH,
               2u | (message->retain == MQTT_RETAINED ? 1u : 0), &body);
}

void packet_put_puback(struct bytes *out, uint16_t id)
{
    struct bytes body = part_new();

    put_number(&body, id, 2);
    put_packet(out, PACKET_PUBACK, 0, &body);
}

void packet_put_empty(struct bytes *out, enum packet_kind kind)
{
    struct bytes body = part_new();

    put_packet(out, kind, 0, &body);
}

/* ---- reading ---- */

/* What is left of a packet; is_bad once it was too short. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool is_bad;
};

static const unsigned char *take(struct reader *reader, size_t len)
{
    const unsigned char *at = reader->at;

    if (reader->left < len) {
        reader->is_bad = true;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return at;
}

static uint32_t take_number(struct reader *reader, size_t size)
{
    const unsigned char *at = take(reader, size);
    uint32_t value = 0;

    for (size_t i = 0; at != NULL && i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static size_t take_length(struct reader *reader)
{
    size_t len = 0;
    unsigned shift = 0;
    uint32_t byte = 0x80;

    while ((byte & 0x80) != 0 && shift <= 21 && !reader->is_bad) {
        byte = take_number(reader, 1);
        len |= (size_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    reader->is_bad = reader->is_bad || (byte & 0x80) != 0;
    return len;
}

bool packet_read_connack(const struct packet *packet,
                         struct mqtt_connected *info)
{
    struct reader reader = {packet->body, packet->len, false};

    *info = (struct mqtt_connected){.receive_maximum = UINT16_MAX};
    if (packet->kind != PACKET_CONNACK)
        return false;
    info->session_present = take_number(&reader, 1) != 0;
    if (take_number(&reader, 1) != 0)
        return false;
    for (size_t left = take_length(&reader); left > 0 && !reader.is_bad;) {
        const size_t before = reader.left;

        switch (take_number(&reader, 1)) {
        case PROPERTY_RECEIVE_MAXIMUM:
            info->receive_maximum = (uint16_t)take_number(&reader, 2);
            break;
        case PROPERTY_SERVER_KEEP_ALIVE:
            info->server_keep_alive = (uint16_t)take_number(&reader, 2);
            break;
        case PROPERTY_PACKET_MAXIMUM:
            info->packet_bytes_max = take_number(&reader, 4);
            break;
        case 0x22: /* Topic Alias Maximum */
            (void)take_number(&reader, 2);
            break;
        default:
            return !reader.is_bad; /* nothing else concerns us */
        }
        left -= before - reader.left < left ? before - reader.left : left;
    }
    return !reader.is_bad;
}

bool packet_read_suback(const struct packet *packet)
{
    struct reader reader = {packet->body, packet->len, false};

    if (packet->kind != PACKET_SUBACK)
        return false;
    (void)take_number(&reader, 2);
    (void)take(&reader, take_length(&reader));
    while (reader.left > 0)
        reader.is_bad |= take_number(&reader, 1) > 2;
    return !reader.is_bad;
}

bool packet_read_puback(const struct packet *packet, uint16_t *id)
{
    struct reader reader = {packet->body, packet->len, false};

    *id = (uint16_t)take_number(&reader, 2);
    /* 0x10: nobody has subscribed to that; the broker has it all the same. */
    return !reader.is_bad &&
           (reader.left == 0 || (take_number(&reader, 1) & 0x80) == 0);
}

bool packet_read_publish(const struct packet *packet,
                         char topic[TOPIC_LEN_MAX + 1],
                         struct mqtt_message *message, uint16_t *id)
{
    struct reader reader = {packet->body, packet->len, false};
    const size_t len = take_number(&reader, 2);
    const unsigned char *text = take(&reader, len);

    if (text == NULL || len > TOPIC_LEN_MAX)
        return false;
    memcpy(topic, text, len);
    topic[len] = '\0';
    *message = (struct mqtt_message){
        .topic = topic,
        .qos = (int)(packet->flags >> 1 & 3),
        .retain = (packet->flags & 1) != 0 ? MQTT_RETAINED : MQTT_TRANSIENT,
    };
    *id = message->qos > 0 ? (uint16_t)take_number(&reader, 2) : 0;
    (void)take(&reader, take_length(&reader));
    message->payload = reader.at;
    message->len = reader.left;
    return !reader.is_bad;
}

/* ---- the socket ---- */

void stream_open(struct stream *stream, const char *uri)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct mqtt_uri parsed;
    char detail[MQTT_DETAIL_SIZE] = "";
    const int one = 1;

    bytes_init(&stream->out, OUT_MAX);
    bytes_init(&stream->in, OUT_MAX);
    stream->sent = 0;
    if (mqtt_uri_parse(uri, &parsed, detail) != LASTCALL_OK)
        bench_fail(detail);
    address.sin_port = htons(parsed.port);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (parsed.is_tls ||
        inet_pton(AF_INET, parsed.host, &address.sin_addr) != 1)
        bench_fail("the broker's address is mqtt://A.B.C.D:PORT");
    if (stream->fd < 0 ||
        setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) !=
            0 ||
        (connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) !=
             0 &&
         errno != EINPROGRESS))
        bench_fail("no connection to the broker; are there enough files and "
                   "ports?");
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
    bytes_deinit(&stream->out);
    bytes_deinit(&stream->in);
}

bool stream_flush(struct stream *stream)
{
    while (stream->sent < stream->out.len) {
        const ssize_t count =
            send(stream->fd, stream->out.data + stream->sent,
                 stream->out.len - stream->sent, MSG_NOSIGNAL);

        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        /* Not connected yet: it goes out as soon as it is. */
        if (count < 0 && errno == ENOTCONN)
            return true;
        if (count < 0)
            return false;
        stream->sent += (size_t)count;
    }
    bytes_deinit(&stream->out);
    stream->sent = 0;
    return true;
}

/* Hand out the whole packets of some bytes; returns how many bytes they were.
 */
static size_t cut(const unsigned char *data, size_t len,
                  void (*take_packet)(void *context,
                                      const struct packet *packet),
                  void *context)
{
    struct reader reader = {data, len, false};
    size_t used = 0;

    while (reader.left > 0) {
        const uint32_t first = take_number(&reader, 1);
        const size_t size = take_length(&reader);
        struct packet packet = {.kind = (enum packet_kind)(first >> 4),
                                .flags = first & 0x0f,
                                .body = take(&reader, size),
                                .len = size};

        if (reader.is_bad)
            break;
        take_packet(context, &packet);
        used = len - reader.left;
    }
    return used;
}

/* Take bytes in, behind the beginning of a packet where there is one. */
static void
take_bytes(struct stream *stream, const unsigned char *data, size_t len,
           void (*take_packet)(void *context, const struct packet *packet),
           void *context)
{
    struct bytes rest;
    size_t used;

    if (stream->in.len > 0) {
        put(&stream->in, data, len);
        data = stream->in.data;
        len = stream->in.len;
    }
    used = cut(data, len, take_packet, context);
    bytes_init(&rest, OUT_MAX);
    put(&rest, data + used, len - used);
    bytes_deinit(&stream->in);
    stream->in = rest;
}

bool stream_read(struct stream *stream,
                 void (*take_packet)(void *context,
                                     const struct packet *packet),
                 void *context)
{
    unsigned char data[READ_SIZE];

    for (;;) {
        const ssize_t count = recv(stream->fd, data, sizeof(data), 0);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN || errno == ENOTCONN;
        if (count == 0)
            return false;
        take_bytes(stream, data, (size_t)count, take_packet, context);
    }
}
