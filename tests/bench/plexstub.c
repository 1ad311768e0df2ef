/*
 * The fastest Plex server there is: fixed answers over keep-alive, one
 * thread, no parsing beyond the request line, and an event stream that says
 * nothing but "ping".  Only for the benchmark; the tests use
 * tests/standin/plex-standin.
 *
 *     plexstub SECONDS
 *
 * Prints "ready PORT", serves 127.0.0.1 for at most SECONDS, and prints
 * "connections N requests N terminates N" when it gets SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CLIENT_MAX = 64, REQUEST_MAX = 8192, PING_S = 10 };

struct client {
    int fd;
    bool is_listener; /* to the events */
    size_t len;
    char data[REQUEST_MAX];
};

static const char sessions_body[] =
    "{\"MediaContainer\":{\"size\":1,\"Metadata\":[{\"type\":\"movie\","
    "\"title\":\"Bench\",\"key\":\"/library/metadata/1\",\"ratingKey\":\"1\","
    "\"sessionKey\":\"1\",\"duration\":6000000,\"viewOffset\":1000,"
    "\"User\":{\"id\":\"1\",\"title\":\"bench\"},"
    "\"Player\":{\"address\":\"192.0.2.1\",\"machineIdentifier\":\"m\","
    "\"platform\":\"Linux\",\"product\":\"P\",\"state\":\"playing\","
    "\"title\":\"Bench\",\"local\":true},"
    "\"Session\":{\"id\":\"bench-session\",\"bandwidth\":1000,"
    "\"location\":\"lan\"}}]}}";
static const char root_body[] =
    "{\"MediaContainer\":{\"size\":0,\"claimed\":true,"
    "\"machineIdentifier\":\"m\",\"version\":\"1.43.0\","
    "\"myPlexSubscription\":true,\"ownerFeatures\":\"session_kick\"}}";

static const char stream_head[] = "HTTP/1.1 200 OK\r\nX-Plex-Protocol: 1.0\r\n"
                                  "Content-Type: text/event-stream\r\n"
                                  "Connection: close\r\n\r\n";
static const char ping[] = "event: ping\ndata: {}\n\n";

static volatile sig_atomic_t stopped;
static unsigned long connections, requests, terminates;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static bool answer(int fd, const char *body)
{
    char text[2048];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\nX-Plex-Protocol: 1.0\r\n"
                       "Content-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);

    return len > 0 && send(fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

static bool say(int fd, const char *text)
{
    const size_t len = strlen(text);

    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Answer every complete request that is buffered. */
static bool serve(struct client *client)
{
    char *end;

    while ((end = memmem(client->data, client->len, "\r\n\r\n", 4)) != NULL) {
        size_t used = (size_t)(end - client->data) + 4;
        const char *body = root_body;

        requests++;
        if (memmem(client->data, used, "/status/sessions/terminate?", 27)) {
            terminates++;
            body = "";
        } else if (memmem(client->data, used, "/status/sessions", 16)) {
            body = sessions_body;
        } else if (memmem(client->data, used, "/:/eventsource/", 15)) {
            client->is_listener = true;
            body = NULL;
        }
        if (!(body != NULL
                  ? answer(client->fd, body)
                  : say(client->fd, stream_head) && say(client->fd, ping)))
            return false;
        client->len -= used;
        memmove(client->data, client->data + used, client->len);
    }
    return client->len < REQUEST_MAX;
}

static bool receive(struct client *client)
{
    ssize_t n = recv(client->fd, client->data + client->len,
                     REQUEST_MAX - client->len, 0);

    if (n <= 0)
        return false;
    client->len += (size_t)n;
    return serve(client);
}

static void hear(struct client *client)
{
    if (receive(client))
        return;
    close(client->fd);
    client->fd = -1;
}

static void accept_client(int listener, int epoll, struct client *clients)
{
    int one = 1;
    int fd = accept(listener, NULL, NULL);

    for (size_t i = 0; fd >= 0 && i < CLIENT_MAX; i++) {
        if (clients[i].fd == -1) {
            struct epoll_event event = {.events = EPOLLIN,
                                        .data.ptr = &clients[i]};

            clients[i].fd = fd;
            clients[i].len = 0;
            clients[i].is_listener = false;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            connections++;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

static int open_listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    printf("ready %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static int open_ticker(int epoll, struct client *ticker)
{
    const struct itimerspec every = {{PING_S, 0}, {PING_S, 0}};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = ticker};

    ticker->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (ticker->fd < 0 || timerfd_settime(ticker->fd, 0, &every, NULL) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, ticker->fd, &event) != 0)
        return -1;
    return 0;
}

static void ping_all(int ticker, const struct client *clients)
{
    uint64_t count = 0;

    if (read(ticker, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    for (size_t i = 0; i < CLIENT_MAX; i++) {
        if (clients[i].fd != -1 && clients[i].is_listener)
            (void)say(clients[i].fd, ping); /* one that left is heard of */
    }
}

int main(int argc, char **argv)
{
    static struct client clients[CLIENT_MAX];
    static struct client ticker;
    struct sigaction action = {.sa_handler = on_signal};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int epoll = epoll_create1(0);
    int listener = open_listener();

    if (argc != 2 || epoll < 0 || listener < 0 ||
        open_ticker(epoll, &ticker) != 0) {
        fprintf(stderr, "usage: plexstub SECONDS\n");
        return 2;
    }
    for (size_t i = 0; i < CLIENT_MAX; i++)
        clients[i].fd = -1;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)strtoul(argv[1], NULL, 10));
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    while (!stopped) {
        struct epoll_event ready[CLIENT_MAX];
        int count = epoll_wait(epoll, ready, CLIENT_MAX, -1);

        for (int i = 0; i < count; i++) {
            struct client *client = ready[i].data.ptr;

            if (client == NULL)
                accept_client(listener, epoll, clients);
            else if (client == &ticker)
                ping_all(ticker.fd, clients);
            else
                hear(client);
        }
    }
    printf("connections %lu requests %lu terminates %lu\n", connections,
           requests, terminates);
    return 0;
}
