#include "tests/unit/watch.h"

#include <stdlib.h>

#include "protocol/io/gate.h"
#include "protocol/io/platform.h"

void watch_init(struct watch *watch)
{
    pthread_mutex_init(&watch->lock, NULL);
    if (gate_condition_init(&watch->changed) != LASTCALL_OK)
        abort();
}

void watch_lock(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
}

void watch_unlock(struct watch *watch)
{
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

bool watch_await(struct watch *watch, const unsigned *value, unsigned wanted,
                 uint32_t timeout_ms)
{
    const struct clock *clock = &platform_clock;
    const int64_t until_ms = clock->monotonic_ms(clock->state) + timeout_ms;
    int64_t left_ms = timeout_ms;
    bool is_there;

    pthread_mutex_lock(&watch->lock);
    while (*value < wanted && left_ms > 0) {
        (void)gate_condition_wait(&watch->changed, &watch->lock, left_ms);
        left_ms = until_ms - clock->monotonic_ms(clock->state);
    }
    is_there = *value >= wanted;
    pthread_mutex_unlock(&watch->lock);
    return is_there;
}
