/*
 * A mutex with a condition that counts time on the monotonic clock, and
 * threads with a small stack: the few calls that inbox, executor, pipeline and
 * connection share.  How a condition counts time is the system's: fillings
 * gate_posix.c and gate_win32.c; the rest is in gate.c.
 */
#ifndef LASTCALL_IO_GATE_H
#define LASTCALL_IO_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

/* Enough for TLS, DNS and SQLite; small, because there is one a server. */
#define GATE_STACK_BYTES ((size_t)256 * 1024)
/* As a time to wait: until somebody signals. */
#define GATE_FOREVER_MS (-1)

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
};

/* Set up; LASTCALL_OK or LASTCALL_E_INTERNAL.  gate_deinit() ends it. */
LASTCALL_MUST_USE enum lastcall_status gate_init(struct gate *gate);
void gate_deinit(struct gate *gate);

void gate_lock(struct gate *gate);
void gate_unlock(struct gate *gate);

/*
 * Wake whoever waits, after gate_unlock(): with the gate still locked it would
 * wake up only to wait for the lock.
 */
void gate_signal(struct gate *gate);

/*
 * Wait for gate_signal(), with the gate locked; may also return early.
 *
 *   timeout_ms  how long at most, or GATE_FOREVER_MS
 */
void gate_wait(struct gate *gate, int64_t timeout_ms);

/*
 * For a mutex that needs more than one condition: set one up that counts on
 * the monotonic clock; pthread_cond_destroy() ends it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
gate_condition_init(pthread_cond_t *condition);

/*
 * Wait on such a condition, with its mutex locked.
 *
 *   timeout_ms  how long at most, or GATE_FOREVER_MS
 *
 * Returns false when the time is over; true may also come early.
 */
bool gate_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                         int64_t timeout_ms);

/*
 * Start a thread with a stack of GATE_STACK_BYTES.
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
gate_thread_start(pthread_t *thread, void *(*main)(void *), void *argument);

#endif
