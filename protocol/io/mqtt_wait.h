/*
 * What a link that runs a library's loop itself needs of the system: to wait
 * for a socket and to be woken meanwhile, to learn how a connect ended, to
 * look up a name.  Fillings: mqtt_wait_posix.c, mqtt_wait_win32.c.
 *
 * A socket is an int, as libmosquitto hands it out on every system.
 */
#ifndef LASTCALL_IO_MQTT_WAIT_H
#define LASTCALL_IO_MQTT_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define MQTT_NO_SOCKET (-1)
#define MQTT_WAIT_READ 1u
#define MQTT_WAIT_WRITE 2u
/* As a time to wait: until woken. */
#define MQTT_WAIT_FOREVER_MS (-1)

#define MQTT_WAIT_TEXT_SIZE 128
/* What is said of a connect() whose error somebody else was told. */
#define MQTT_WAIT_NOBODY "nobody listens there, or the connection broke at once"
#define MQTT_ADDRESS_SIZE 80 /* an IPv6 address with its scope */

/* Wakes one waiting thread from any other.  {0} is not open. */
struct mqtt_wake {
    bool is_open;
    int reader; /* owned while is_open */
    int writer; /* owned while is_open; may be the same */
};

/* A numeric address, as getaddrinfo() takes it too. */
struct mqtt_address {
    char text[MQTT_ADDRESS_SIZE];
};

/*
 * Open a waker; mqtt_wake_close() ends it.  On Windows WSAStartup() must have
 * been called.
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (no sockets left).
 */
LASTCALL_MUST_USE enum lastcall_status mqtt_wake_open(struct mqtt_wake *wake);
void mqtt_wake_close(struct mqtt_wake *wake);

/* End the wait that is under way, or the next one at once.  Thread: any. */
void mqtt_wake_up(const struct mqtt_wake *wake);

/*
 * Wait until the socket is ready or broken, or somebody woke us.
 *
 *   socket      or MQTT_NO_SOCKET
 *   wanted      MQTT_WAIT_READ, MQTT_WAIT_WRITE, both or none
 *   timeout_ms  how long at most, or MQTT_WAIT_FOREVER_MS
 *
 * Returns those of wanted that are so; a broken socket is everything that was
 * wanted, so that the next call on it tells the error.
 * Thread: one.
 */
LASTCALL_MUST_USE unsigned mqtt_wait(const struct mqtt_wake *wake, int socket,
                                     unsigned wanted, int64_t timeout_ms);

/*
 * Say how a connect() that did not wait has ended, once the socket is
 * writable.
 *
 *   text  why not; untouched where it is connected
 */
LASTCALL_MUST_USE bool mqtt_wait_is_connected(int socket,
                                              char text[MQTT_WAIT_TEXT_SIZE]);

/* Have the system hold back what is written to a socket until it fills packets,
 * or mqtt_wait_let_go(); where it cannot, nothing is held back. */
void mqtt_wait_gather(int socket);
void mqtt_wait_let_go(int socket);

/*
 * Have the system acknowledge at once what was read, where it can (Linux): a
 * broker with Nagle's algorithm, mosquitto by default, sends its next small
 * packet only then, and the system would take 40 ms for it.  Holds until
 * something is written: see tcp(7), TCP_QUICKACK.
 */
void mqtt_wait_acknowledge(int socket);

/* Say in words what the system call that failed last in this thread met; code
 * is errno, into which libmosquitto copies WSAGetLastError(). */
void mqtt_wait_error_text(int code, char text[MQTT_WAIT_TEXT_SIZE]);

/*
 * Look up a name; takes as long as the system's resolver does.
 *
 *   text  why not; untouched where something was found
 *
 * Returns how many addresses were found, in the system's order of preference;
 * those over max are left out.
 */
LASTCALL_MUST_USE size_t mqtt_wait_resolve(const char *host,
                                           struct mqtt_address *list,
                                           size_t max,
                                           char text[MQTT_WAIT_TEXT_SIZE]);

#endif
