#include "protocol/io/gate.h"

#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

enum lastcall_status gate_condition_init(pthread_cond_t *condition)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return status;
    if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
        pthread_cond_init(condition, &attributes) == 0)
        status = LASTCALL_OK;
    pthread_condattr_destroy(&attributes);
    return status;
}

bool gate_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                         int64_t timeout_ms)
{
    struct timespec until;

    if (timeout_ms < 0)
        return pthread_cond_wait(condition, mutex) == 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / MS_PER_S);
    until.tv_nsec += (long)(timeout_ms % MS_PER_S) * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_S;
    }
    return pthread_cond_timedwait(condition, mutex, &until) == 0;
}
