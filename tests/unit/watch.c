#include "tests/unit/watch.h"

#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000L
#define NS_PER_S 1000000000L

void watch_init(struct watch *watch)
{
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->changed, NULL);
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
    struct timespec until;
    int code = 0;
    bool is_there;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / MS_PER_S;
    until.tv_nsec += timeout_ms % MS_PER_S * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_S;
    }
    pthread_mutex_lock(&watch->lock);
    while (*value < wanted && code == 0)
        code = pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    is_there = *value >= wanted;
    pthread_mutex_unlock(&watch->lock);
    return is_there;
}
