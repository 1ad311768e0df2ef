/*
 * The two listening ports, on libmicrohttpd.
 */
#ifndef STANDIN_SERVER_H
#define STANDIN_SERVER_H

#include "tests/standin/standin.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Daemon;

/* One port of 127.0.0.1. */
struct server {
    struct standin *standin; /* borrowed */
    int (*handle)(struct exchange *exchange);
    struct MHD_Daemon *daemon; /* owned; NULL while closed */
    uint16_t port;             /* 0 before the first opening takes any */
    int reserved;              /* holds the port while closed; -1 is none */
    bool is_plex;              /* its connections are counted */
    const char *cert;          /* borrowed PEM; NULL is plain HTTP */
    const char *key;           /* borrowed PEM */
    const char *priorities;    /* borrowed: GnuTLS priorities, or NULL */
};

/*
 * Open the port.
 *
 * Returns whether it is open now; a complaint is on stderr otherwise.
 * Thread: main only.
 */
bool server_open(struct server *server);

/*
 * Close the port and all its connections, and refuse new ones.
 *
 * Thread: main only, without the lock; the handlers must not pause.
 */
void server_close(struct server *server);

/* Close it for good. */
void server_deinit(struct server *server);

#endif
