#include "worker/wts_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include "protocol/io/gate.h"

#define WINDOW_MS 1000
/* A wait that has not begun yet cannot be ended: again after so long. */
#define FLUSH_TICK_MS 20

struct wts_watch {
    struct wts_host *host; /* held */
    void (*changed)(void *context);
    void *context;
    pthread_t thread;
    struct gate gate; /* of everything below */
    bool is_closing;
    bool is_done; /* the thread is at its end */
    bool is_left; /* the thread frees the watch */
    unsigned failures;
    unsigned burst;
    int64_t window_ms; /* monotonic; when the burst began */
};

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static void watch_free(struct wts_watch *watch)
{
    gate_deinit(&watch->gate);
    wts_host_release(watch->host);
    free(watch);
}

/* Wait, or until the watch is closed; with the lock held. */
static void pause_for(struct wts_watch *watch, int64_t pause_ms)
{
    int64_t until_ms = now_ms() + pause_ms;

    while (!watch->is_closing && now_ms() < until_ms)
        gate_wait(&watch->gate, until_ms - now_ms());
}

/* After a wait that failed; with the lock held. */
static void back_off(struct wts_watch *watch)
{
    int64_t pause_ms = WTS_WATCH_RETRY_FIRST_MS;

    for (unsigned i = 0; i < watch->failures; i++)
        if (pause_ms < WTS_WATCH_RETRY_MAX_MS)
            pause_ms *= 2;
    if (pause_ms > WTS_WATCH_RETRY_MAX_MS)
        pause_ms = WTS_WATCH_RETRY_MAX_MS;
    watch->failures++;
    pause_for(watch, pause_ms);
}

/* Pass on what was told, and see that it is not told all the time; with the
 * lock held, so that nothing is passed on once the watch is closed. */
static void pass_on(struct wts_watch *watch)
{
    int64_t age_ms = now_ms() - watch->window_ms;

    watch->failures = 0;
    watch->changed(watch->context);
    if (age_ms >= WINDOW_MS) {
        watch->window_ms = now_ms();
        watch->burst = 0;
        return;
    }
    if (++watch->burst < WTS_WATCH_BURST_MAX)
        return;
    pause_for(watch, WINDOW_MS - age_ms);
    if (!watch->is_closing)
        watch->changed(watch->context); /* whatever the pause passed over */
}

static void *watch_main(void *argument)
{
    struct wts_watch *watch = argument;
    struct wts_host *host = watch->host;
    bool is_left = false;

    gate_lock(&watch->gate);
    while (!watch->is_closing) {
        uint32_t error = WTS_ERROR_NONE;

        gate_unlock(&watch->gate);
        error = host->api->wait_event(host->handle);
        gate_lock(&watch->gate);
        if (watch->is_closing)
            break;
        if (error == WTS_ERROR_NONE)
            pass_on(watch);
        else
            back_off(watch);
    }
    watch->is_done = true;
    is_left = watch->is_left;
    if (!is_left)
        gate_signal(&watch->gate); /* locked: who closes frees it */
    gate_unlock(&watch->gate);
    if (is_left)
        watch_free(watch);
    return NULL;
}

enum lastcall_status wts_watch_open(struct wts_host *host,
                                    void (*changed)(void *context),
                                    void *context, struct wts_watch **out)
{
    struct wts_watch *watch = calloc(1, sizeof(*watch));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    if (watch == NULL)
        return status;
    status = gate_init(&watch->gate);
    if (status != LASTCALL_OK) {
        free(watch);
        return status;
    }
    watch->host = wts_host_hold(host);
    watch->changed = changed;
    watch->context = context;
    watch->window_ms = now_ms();
    status = gate_thread_start(&watch->thread, watch_main, watch);
    if (status == LASTCALL_OK)
        *out = watch;
    else
        watch_free(watch);
    return status;
}

static void flush_ask(struct wts_call *call, const struct wts_host *host)
{
    (void)call;
    host->api->flush_events(host->handle);
}

static void flush_free(struct wts_call *call)
{
    free(call);
}

/* End the wait that is under way; with the lock held, but for that. */
static void flush(struct wts_watch *watch, struct wts_calls *calls)
{
    struct wts_call *call = calloc(1, sizeof(*call));

    gate_unlock(&watch->gate);
    if (call != NULL) {
        *call = (struct wts_call){.ask = flush_ask, .free = flush_free};
        if (wts_calls_run(calls, call, WTS_WATCH_CLOSE_MS, WTS_CALL_LAST) ==
            LASTCALL_OK)
            flush_free(call);
    }
    gate_lock(&watch->gate);
}

void wts_watch_close(struct wts_watch *watch, struct wts_calls *calls)
{
    int64_t until_ms = now_ms() + WTS_WATCH_CLOSE_MS;
    bool is_done = false;

    if (watch == NULL)
        return;
    gate_lock(&watch->gate);
    watch->is_closing = true;
    gate_signal(&watch->gate);
    while (!watch->is_done && now_ms() < until_ms) {
        flush(watch, calls);
        if (!watch->is_done)
            gate_wait(&watch->gate, FLUSH_TICK_MS);
    }
    is_done = watch->is_done;
    watch->is_left = !is_done;
    if (!is_done)
        pthread_detach(watch->thread);
    gate_unlock(&watch->gate);
    if (is_done) {
        pthread_join(watch->thread, NULL);
        watch_free(watch);
    }
}
