#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <string.h>

#include "protocol/io/mqtt_wait.h"

#define DRAIN_BYTES 64
#define MS_PER_S 1000
#define US_PER_MS 1000

/*
 * The waker is one UDP socket that is connected to itself: it takes datagrams
 * from nobody else, and the firewall asks nobody about it.
 */
enum lastcall_status mqtt_wake_open(struct mqtt_wake *wake)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int len = sizeof(address);
    u_long on = 1;
    SOCKET own = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);

    *wake = (struct mqtt_wake){0};
    if (own == INVALID_SOCKET)
        return LASTCALL_E_INTERNAL;
    /* Handles fit into 32 bits, as libmosquitto takes for granted too. */
    *wake = (struct mqtt_wake){
        .is_open = true, .reader = (int)own, .writer = (int)own};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(own, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(own, (struct sockaddr *)&address, &len) == 0 &&
        connect(own, (struct sockaddr *)&address, len) == 0 &&
        ioctlsocket(own, (long)FIONBIO, &on) == 0)
        return LASTCALL_OK;
    mqtt_wake_close(wake);
    return LASTCALL_E_INTERNAL;
}

void mqtt_wake_close(struct mqtt_wake *wake)
{
    if (!wake->is_open)
        return;
    closesocket((SOCKET)wake->reader);
    *wake = (struct mqtt_wake){0};
}

void mqtt_wake_up(const struct mqtt_wake *wake)
{
    /* What does not fit is not missed: what is there wakes. */
    (void)send((SOCKET)wake->writer, "", 1, 0);
}

static void drain(const struct mqtt_wake *wake)
{
    char bytes[DRAIN_BYTES];

    while (recv((SOCKET)wake->reader, bytes, sizeof(bytes), 0) > 0)
        ;
}

/*
 * select(), since WSAPoll() does not tell of a connect that failed before
 * Windows 10 2004; select() does so in the third set.
 * Source: learn.microsoft.com, WSAPoll, remarks; select, "exceptfds".
 */
unsigned mqtt_wait(const struct mqtt_wake *wake, int socket, unsigned wanted,
                   int64_t timeout_ms)
{
    struct timeval limit = {
        .tv_sec = (long)(timeout_ms / MS_PER_S),
        .tv_usec = (long)(timeout_ms % MS_PER_S * US_PER_MS),
    };
    const SOCKET peer = (SOCKET)socket;
    fd_set readable;
    fd_set writable;
    fd_set broken;
    unsigned ready = 0;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&broken);
    FD_SET((SOCKET)wake->reader, &readable);
    if (socket != MQTT_NO_SOCKET && (wanted & MQTT_WAIT_READ) != 0)
        FD_SET(peer, &readable);
    if (socket != MQTT_NO_SOCKET && (wanted & MQTT_WAIT_WRITE) != 0) {
        FD_SET(peer, &writable);
        FD_SET(peer, &broken);
    }
    if (select(0, &readable, &writable, &broken,
               timeout_ms < 0 ? NULL : &limit) <= 0)
        return 0;
    if (FD_ISSET((SOCKET)wake->reader, &readable))
        drain(wake);
    if (socket == MQTT_NO_SOCKET)
        return 0;
    if (FD_ISSET(peer, &readable))
        ready |= MQTT_WAIT_READ;
    if (FD_ISSET(peer, &writable))
        ready |= MQTT_WAIT_WRITE;
    if (FD_ISSET(peer, &broken))
        ready |= wanted;
    return ready;
}

bool mqtt_wait_is_connected(int socket, char text[MQTT_WAIT_TEXT_SIZE])
{
    struct sockaddr_storage peer;
    int peer_len = sizeof(peer);
    int code = 0;
    int len = sizeof(code);

    if (getsockopt((SOCKET)socket, SOL_SOCKET, SO_ERROR, (char *)&code, &len) !=
        0)
        code = WSAGetLastError();
    if (code == 0 &&
        getpeername((SOCKET)socket, (struct sockaddr *)&peer, &peer_len) == 0)
        return true;
    /* The system may tell an error once, and OpenSSL have met it already. */
    if (code == 0)
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "%s", MQTT_WAIT_NOBODY);
    else
        mqtt_wait_error_text(code, text);
    return false;
}

void mqtt_wait_gather(int socket)
{
    (void)socket;
}

void mqtt_wait_let_go(int socket)
{
    (void)socket;
}

void mqtt_wait_acknowledge(int socket)
{
    (void)socket;
}

void mqtt_wait_error_text(int code, char text[MQTT_WAIT_TEXT_SIZE])
{
    static const struct {
        int code;
        const char *text;
    } known[] = {
        {WSAECONNREFUSED, "connection refused"},
        {WSAECONNRESET, "connection reset"},
        {WSAECONNABORTED, "connection aborted"},
        {WSAETIMEDOUT, "connection timed out"},
        {WSAEHOSTUNREACH, "no route to the host"},
        {WSAENETUNREACH, "the network is unreachable"},
        {WSAEACCES, "not permitted; does a firewall forbid it?"},
        {WSAHOST_NOT_FOUND, "no such host is known"},
        {WSATRY_AGAIN, "the name server does not answer"},
        {WSANO_DATA, "it has no address"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].code == code) {
            snprintf(text, MQTT_WAIT_TEXT_SIZE, "%s", known[i].text);
            return;
        }
    snprintf(text, MQTT_WAIT_TEXT_SIZE, "Windows Sockets error %d", code);
}

size_t mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                         size_t max, char text[MQTT_WAIT_TEXT_SIZE])
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    size_t count = 0;

    if (code != 0) {
        mqtt_wait_error_text(code, text);
        return 0;
    }
    for (const struct addrinfo *at = found; at != NULL && count < max;
         at = at->ai_next)
        if (getnameinfo(at->ai_addr, (socklen_t)at->ai_addrlen,
                        list[count].text, sizeof(list[count].text), NULL, 0,
                        NI_NUMERICHOST) == 0)
            count++;
    freeaddrinfo(found);
    if (count == 0)
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "it has no address");
    return count;
}
