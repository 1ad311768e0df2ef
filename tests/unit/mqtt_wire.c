#include "tests/unit/mqtt_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_WAIT_MS 20000
#define MQTT_5 5

int wire_listen(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, WIRE_WAIT_MS) == 1;
}

int wire_accept(int listener)
{
    return is_readable(listener) ? accept(listener, NULL, NULL) : -1;
}

static bool read_bytes(int peer, void *out, size_t len)
{
    unsigned char *at = out;

    while (len > 0) {
        ssize_t got = is_readable(peer) ? read(peer, at, len) : -1;

        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

bool wire_read(int peer, struct wire_packet *out)
{
    unsigned char byte;
    unsigned shift = 0;

    *out = (struct wire_packet){0};
    if (!read_bytes(peer, &byte, 1))
        return false;
    out->kind = (enum wire_kind)(byte >> 4);
    out->flags = byte & 0x0f;
    do {
        if (!read_bytes(peer, &byte, 1))
            return false;
        out->len |= (size_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0 && shift < 28);
    return out->len <= sizeof(out->body) &&
           read_bytes(peer, out->body, out->len);
}

bool wire_read_end(int peer)
{
    char byte;

    while (is_readable(peer))
        if (read(peer, &byte, 1) <= 0)
            return true;
    return false;
}

bool wire_send(int peer, const void *bytes, size_t len)
{
    return send(peer, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

void wire_reset(int peer)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(peer);
}

/* What is left to read of a packet; is_bad once it was too short. */
struct reader {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad;
};

static uint32_t take_number(struct reader *reader, size_t len)
{
    uint32_t value = 0;

    if ((size_t)(reader->end - reader->at) < len) {
        reader->is_bad = true;
        return 0;
    }
    while (len-- > 0)
        value = value << 8 | *reader->at++;
    return value;
}

static void take_text(struct reader *reader, char out[WIRE_TEXT_SIZE])
{
    size_t len = take_number(reader, 2);

    if ((size_t)(reader->end - reader->at) < len || len >= WIRE_TEXT_SIZE) {
        reader->is_bad = true;
        return;
    }
    memcpy(out, reader->at, len);
    out[len] = '\0';
    reader->at += len;
}

/* The properties of a CONNECT and of its will; short of 128 bytes. */
static void take_properties(struct reader *reader, struct wire_connect *out)
{
    size_t len = take_number(reader, 1);
    const unsigned char *end = reader->at + len;

    if ((size_t)(reader->end - reader->at) < len || len > 127)
        reader->is_bad = true;
    while (!reader->is_bad && reader->at < end)
        switch (take_number(reader, 1)) {
        case 0x03:
            take_text(reader, out->will_content_type);
            break;
        case 0x11:
            out->session_expiry_s = take_number(reader, 4);
            break;
        case 0x18:
            out->will_delay_s = take_number(reader, 4);
            break;
        case 0x21:
            out->receive_maximum = take_number(reader, 2);
            break;
        case 0x27:
            out->packet_bytes_max = take_number(reader, 4);
            break;
        default:
            reader->is_bad = true;
            break;
        }
}

bool wire_parse_connect(const struct wire_packet *packet,
                        struct wire_connect *out)
{
    struct reader reader = {packet->body, packet->body + packet->len, false};
    char protocol[WIRE_TEXT_SIZE] = "";
    unsigned flags;

    *out = (struct wire_connect){0};
    take_text(&reader, protocol);
    if (packet->kind != WIRE_CONNECT || strcmp(protocol, "MQTT") != 0 ||
        take_number(&reader, 1) != MQTT_5)
        return false;
    flags = take_number(&reader, 1);
    out->clean_start = (flags & 0x02) != 0;
    out->has_will = (flags & 0x04) != 0;
    out->will_qos = flags >> 3 & 3;
    out->will_is_retained = (flags & 0x20) != 0;
    out->keep_alive_s = take_number(&reader, 2);
    take_properties(&reader, out);
    take_text(&reader, out->client_id);
    if (out->has_will) {
        take_properties(&reader, out);
        take_text(&reader, out->will_topic);
        take_text(&reader, out->will_payload);
    }
    if ((flags & 0x80) != 0)
        take_text(&reader, out->username);
    if ((flags & 0x40) != 0)
        take_text(&reader, out->password);
    return !reader.is_bad && reader.at == reader.end;
}
