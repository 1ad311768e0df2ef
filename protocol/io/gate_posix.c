#include "protocol/io/gate.h"

#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

enum lastcall_status gate_init(struct gate *gate)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return status;
    if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&gate->condition, &attributes) != 0)
        goto out;
    if (pthread_mutex_init(&gate->mutex, NULL) != 0) {
        pthread_cond_destroy(&gate->condition);
        goto out;
    }
    status = LASTCALL_OK;

out:
    pthread_condattr_destroy(&attributes);
    return status;
}

void gate_deinit(struct gate *gate)
{
    pthread_mutex_destroy(&gate->mutex);
    pthread_cond_destroy(&gate->condition);
}

void gate_lock(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
}

void gate_unlock(struct gate *gate)
{
    pthread_mutex_unlock(&gate->mutex);
}

void gate_signal(struct gate *gate)
{
    pthread_cond_signal(&gate->condition);
}

void gate_wait(struct gate *gate, int64_t timeout_ms)
{
    struct timespec until;

    if (timeout_ms < 0) {
        pthread_cond_wait(&gate->condition, &gate->mutex);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / MS_PER_S);
    until.tv_nsec += (long)(timeout_ms % MS_PER_S) * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_S;
    }
    pthread_cond_timedwait(&gate->condition, &gate->mutex, &until);
}

enum lastcall_status gate_thread_start(pthread_t *thread, void *(*main)(void *),
                                       void *argument)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    pthread_attr_t attributes;

    if (pthread_attr_init(&attributes) != 0)
        return status;
    if (pthread_attr_setstacksize(&attributes, GATE_STACK_BYTES) == 0 &&
        pthread_create(thread, &attributes, main, argument) == 0)
        status = LASTCALL_OK;
    pthread_attr_destroy(&attributes);
    return status;
}
