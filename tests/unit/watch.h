/*
 * A lock over what other threads count, and a bounded wait for such a count.
 */
#ifndef LASTCALL_TESTS_UNIT_WATCH_H
#define LASTCALL_TESTS_UNIT_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct watch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

void watch_init(struct watch *watch);
void watch_lock(struct watch *watch);
/* Unlock; whoever waits looks again. */
void watch_unlock(struct watch *watch);

/*
 * Wait until a count is high enough.
 *
 *   value       changed only between watch_lock() and watch_unlock()
 *   timeout_ms  how long at most
 *
 * Returns whether *value is at least wanted.
 */
bool watch_await(struct watch *watch, const unsigned *value, unsigned wanted,
                 uint32_t timeout_ms);

#endif
