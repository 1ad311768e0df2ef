#include "tests/standin/standin.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void standin_init(struct standin *standin, double scale)
{
    pthread_condattr_t monotonic;

    *standin = (struct standin){.wake_fd = -1, .scale = scale};
    (void)pthread_mutex_init(&standin->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&standin->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    sessions_init(&standin->sessions, scale);
    options_init(&standin->options);
    record_init(&standin->record);
}

void standin_deinit(struct standin *standin)
{
    sessions_deinit(&standin->sessions);
    options_deinit(&standin->options);
    tokens_deinit(&standin->tokens);
    faults_deinit(&standin->faults);
    record_deinit(&standin->record);
    injections_deinit(&standin->injections);
    text_deinit(&standin->cache_json.body);
    text_deinit(&standin->cache_xml.body);
    (void)pthread_cond_destroy(&standin->changed);
    (void)pthread_mutex_destroy(&standin->lock);
}

void standin_lock(struct standin *standin)
{
    (void)pthread_mutex_lock(&standin->lock);
}

void standin_unlock(struct standin *standin)
{
    (void)pthread_cond_broadcast(&standin->changed);
    (void)pthread_mutex_unlock(&standin->lock);
}

bool standin_wait(struct standin *standin, uint64_t deadline_ms)
{
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ms / 1000),
        .tv_nsec = (long)(deadline_ms % 1000) * 1000000,
    };

    if (deadline_ms == PAUSE_UNTIL_RELEASED)
        return pthread_cond_wait(&standin->changed, &standin->lock) == 0;
    return pthread_cond_timedwait(&standin->changed, &standin->lock,
                                  &deadline) != ETIMEDOUT;
}

bool standin_pause(struct standin *standin, uint64_t ms)
{
    /* The clock is cut to whole milliseconds: one more, or it ends early. */
    uint64_t deadline = ms == PAUSE_UNTIL_RELEASED ? ms : clock_ms() + ms + 1;
    uint64_t releases;
    bool in_time = true;
    bool released;

    standin_lock(standin);
    releases = standin->releases;
    do {
        released =
            standin->closing || standin->stopping ||
            (ms == PAUSE_UNTIL_RELEASED && standin->releases != releases);
        if (!released)
            in_time = standin_wait(standin, deadline);
    } while (!released && in_time);
    (void)pthread_mutex_unlock(&standin->lock);
    return !released;
}

void standin_release(struct standin *standin)
{
    standin->releases++;
}

uint64_t standin_scaled(const struct standin *standin, uint64_t ms)
{
    return (uint64_t)((double)ms * standin->scale);
}
