#include "protocol/io/gate.h"

enum lastcall_status gate_init(struct gate *gate)
{
    if (gate_condition_init(&gate->condition) != LASTCALL_OK)
        return LASTCALL_E_INTERNAL;
    if (pthread_mutex_init(&gate->mutex, NULL) != 0) {
        pthread_cond_destroy(&gate->condition);
        return LASTCALL_E_INTERNAL;
    }
    return LASTCALL_OK;
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
    (void)gate_condition_wait(&gate->condition, &gate->mutex, timeout_ms);
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
