/*
 * A real mosquitto on a free port of the loopback, for tests of the link.
 */
#ifndef LASTCALL_TESTS_BROKER_H
#define LASTCALL_TESTS_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

#define BROKER_PATH_SIZE 256

struct broker {
    char directory[BROKER_PATH_SIZE]; /* of its own, removed at the end */
    char ca[BROKER_PATH_SIZE];
    char wrong_ca[BROKER_PATH_SIZE];
    unsigned plain_port; /* this and the others: 0 before the first start */
    unsigned tls_port;   /* certificate for localhost and 127.0.0.1 */
    unsigned name_port;  /* certificate for another name */
    unsigned v6_port;    /* on ::1, no TLS; 0 where there is no IPv6 */
    pid_t pid;           /* 0 when it is not running */
};

/* Below this nobody may publish. */
#define BROKER_DENIED "denied/"

/* Write certificates and rules; false when a tool is missing. */
bool broker_prepare(struct broker *broker);

/* Start, and wait until it accepts connections.  The first start chooses the
 * ports, each further one keeps them; false, with the broker's log on standard
 * error and no broker, when it does not run. */
bool broker_start(struct broker *broker);

/* Kill it without a good-bye and collect it. */
void broker_kill(struct broker *broker);

/* Kill it and remove its directory. */
void broker_remove(struct broker *broker);

#endif
