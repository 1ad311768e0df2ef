#include "protocol/io/gate.h"

#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000

/*
 * winpthreads knows no condition on CLOCK_MONOTONIC, so nothing is set: a wait
 * for a length of time is counted by the system's tick, whatever the wall
 * clock does.
 * Source: winpthreads, cond.c, pthread_cond_timedwait_relative_np().
 */
enum lastcall_status gate_condition_init(pthread_cond_t *condition)
{
    return pthread_cond_init(condition, NULL) == 0 ? LASTCALL_OK
                                                   : LASTCALL_E_INTERNAL;
}

bool gate_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                         int64_t timeout_ms)
{
    const struct timespec length = {
        .tv_sec = (time_t)(timeout_ms / MS_PER_S),
        .tv_nsec = (long)(timeout_ms % MS_PER_S) * NS_PER_MS,
    };

    if (timeout_ms < 0)
        return pthread_cond_wait(condition, mutex) == 0;
    return pthread_cond_timedwait_relative_np(condition, mutex, &length) == 0;
}
