/*
 * A stand-in Plex server for a test in C: started as a process of its own,
 * told what to do over its control port (tests/standin/README.md), ended with
 * the test.  Every function fails the test when it cannot do its work.
 */
#ifndef LASTCALL_TESTS_UNIT_STANDIN_PROCESS_H
#define LASTCALL_TESTS_UNIT_STANDIN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/json_strict.h"

#define STANDIN_TOKEN "owner-token"
#define STANDIN_SHARED_TOKEN "shared-token"

struct standin_process {
    pid_t pid;
    int stdin_fd; /* closed: it ends */
    int plex_port;
    int control_port;
};

/*
 * Start one and wait until its ports listen.
 *
 *   args  further arguments, ended by NULL; may be NULL
 */
void standin_start(struct standin_process *standin, const char *const *args);
void standin_stop(struct standin_process *standin);

/*
 * Call the control port.
 *
 *   body  JSON text, or NULL
 *
 * Returns the answer, which must have status 200; the caller owns it.
 */
json_t *standin_call(const struct standin_process *standin, const char *method,
                     const char *path, const char *body);

/* The same, for calls whose answer does not matter. */
void standin_tell(const struct standin_process *standin, const char *method,
                  const char *path, const char *body);

/* Forget all sessions and load tests/fixtures/plex/<name>. */
void standin_load(const struct standin_process *standin, const char *name);

/* A counter: requests, lists, terminates, terminations, connections. */
int64_t standin_count(const struct standin_process *standin,
                      const char *counter);

/* Forget faults, log, sessions, and be up. */
void standin_reset(const struct standin_process *standin);

#endif
