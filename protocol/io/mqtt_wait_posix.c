#include "protocol/io/mqtt_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_BYTES 64

static bool set_flags(int descriptor)
{
    return fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

enum lastcall_status mqtt_wake_open(struct mqtt_wake *wake)
{
    int ends[2];

    *wake = (struct mqtt_wake){0};
    if (pipe(ends) != 0)
        return LASTCALL_E_INTERNAL;
    *wake = (struct mqtt_wake){
        .is_open = true, .reader = ends[0], .writer = ends[1]};
    if (set_flags(ends[0]) && set_flags(ends[1]))
        return LASTCALL_OK;
    mqtt_wake_close(wake);
    return LASTCALL_E_INTERNAL;
}

void mqtt_wake_close(struct mqtt_wake *wake)
{
    if (!wake->is_open)
        return;
    close(wake->reader);
    close(wake->writer);
    *wake = (struct mqtt_wake){0};
}

void mqtt_wake_up(const struct mqtt_wake *wake)
{
    /* A full pipe wakes as well as one more byte would. */
    (void)!write(wake->writer, "", 1);
}

static void drain(const struct mqtt_wake *wake)
{
    char bytes[DRAIN_BYTES];

    while (read(wake->reader, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        ;
}

unsigned mqtt_wait(const struct mqtt_wake *wake, int socket, unsigned wanted,
                   int64_t timeout_ms)
{
    struct pollfd list[] = {
        {.fd = wake->reader, .events = POLLIN},
        /* poll() passes over a negative one. */
        {.fd = wanted != 0 ? socket : MQTT_NO_SOCKET,
         .events = (short)(((wanted & MQTT_WAIT_READ) != 0 ? POLLIN : 0) |
                           ((wanted & MQTT_WAIT_WRITE) != 0 ? POLLOUT : 0))},
    };
    unsigned ready = 0;

    if (timeout_ms > INT_MAX)
        timeout_ms = INT_MAX;
    if (poll(list, 2, timeout_ms < 0 ? -1 : (int)timeout_ms) <= 0)
        return 0;
    if (list[0].revents != 0)
        drain(wake);
    if ((list[1].revents & POLLIN) != 0)
        ready |= MQTT_WAIT_READ;
    if ((list[1].revents & POLLOUT) != 0)
        ready |= MQTT_WAIT_WRITE;
    if ((list[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        ready |= wanted;
    return ready;
}

bool mqtt_wait_is_connected(int socket, char text[MQTT_WAIT_TEXT_SIZE])
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int code = 0;
    socklen_t len = sizeof(code);

    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        code = errno;
    if (code == 0 &&
        getpeername(socket, (struct sockaddr *)&peer, &peer_len) == 0)
        return true;
    /* The system tells an error once, and OpenSSL may have met it already. */
    if (code == 0)
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "%s", MQTT_WAIT_NOBODY);
    else
        mqtt_wait_error_text(code, text);
    return false;
}

/* Linux alone; a failure costs no more than small packets. */
static void set_cork(int socket, int value)
{
#ifdef TCP_CORK
    (void)setsockopt(socket, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
#else
    (void)socket;
    (void)value;
#endif
}

void mqtt_wait_gather(int socket)
{
    set_cork(socket, 1);
}

void mqtt_wait_let_go(int socket)
{
    set_cork(socket, 0);
}

void mqtt_wait_acknowledge(int socket)
{
#ifdef TCP_QUICKACK
    const int on = 1;

    (void)setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
#else
    (void)socket;
#endif
}

void mqtt_wait_error_text(int code, char text[MQTT_WAIT_TEXT_SIZE])
{
    if (strerror_r(code, text, MQTT_WAIT_TEXT_SIZE) != 0)
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "error %d", code);
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
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "%s", gai_strerror(code));
        return 0;
    }
    for (const struct addrinfo *at = found; at != NULL && count < max;
         at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, list[count].text,
                        sizeof(list[count].text), NULL, 0, NI_NUMERICHOST) == 0)
            count++;
    freeaddrinfo(found);
    if (count == 0)
        snprintf(text, MQTT_WAIT_TEXT_SIZE, "it has no address");
    return count;
}
