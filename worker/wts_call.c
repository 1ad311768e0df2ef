#include "worker/wts_call.h"

#include <pthread.h>
#include <stdlib.h>

#include "protocol/io/gate.h"

enum lane_state {
    LANE_IDLE,
    LANE_ASKING,
    LANE_ANSWERED,
    LANE_LEFT,   /* nobody waits for its answer */
    LANE_ENDING, /* nobody needs it any more */
};

/* A thread for calls.  Everything under the lock of the room. */
struct lane {
    struct lane *next;
    struct wts_calls *calls; /* the room; held while is_detached */
    pthread_t thread;
    pthread_cond_t condition; /* of state; who asks and the thread in turn */
    enum wts_call_kind kind;  /* of its call */
    enum lane_state state;
    bool is_detached;      /* frees itself; no longer in the room's list */
    struct wts_call *call; /* owned in LANE_LEFT, borrowed before */
};

struct wts_calls {
    struct wts_host *host; /* held */
    struct gate gate;      /* of everything below */
    struct lane *lanes;    /* owned, but for the detached ones */
    size_t idle_count;
    size_t stuck_counts[WTS_CALL_KIND_COUNT];
    size_t holders; /* its owner, and lanes that are detached */
    bool is_interrupted;
};

enum lastcall_status wts_calls_open(struct wts_host *host,
                                    struct wts_calls **out)
{
    struct wts_calls *calls = calloc(1, sizeof(*calls));

    *out = NULL;
    if (calls == NULL)
        return LASTCALL_E_NOMEM;
    if (gate_init(&calls->gate) != LASTCALL_OK) {
        free(calls);
        return LASTCALL_E_INTERNAL;
    }
    calls->host = wts_host_hold(host);
    calls->holders = 1;
    *out = calls;
    return LASTCALL_OK;
}

/* The last one frees. */
static void calls_release(struct wts_calls *calls)
{
    size_t left = 0;

    gate_lock(&calls->gate);
    left = --calls->holders;
    gate_unlock(&calls->gate);
    if (left > 0)
        return;
    gate_deinit(&calls->gate);
    wts_host_release(calls->host);
    free(calls);
}

static void lane_free(struct lane *lane)
{
    pthread_cond_destroy(&lane->condition);
    free(lane);
}

/* The thread shall end by itself; with the lock held. */
static void lane_detach(struct lane *lane)
{
    struct lane **place = &lane->calls->lanes;

    while (*place != lane)
        place = &(*place)->next;
    *place = lane->next;
    lane->is_detached = true;
    lane->calls->holders++;
    pthread_detach(lane->thread);
}

/* Free a call that nobody waits for; with the lock held, but for that. */
static void lane_drop(struct lane *lane)
{
    struct wts_calls *calls = lane->calls;

    gate_unlock(&calls->gate);
    lane->call->free(lane->call);
    gate_lock(&calls->gate);
    lane->call = NULL;
    calls->stuck_counts[lane->kind]--;
}

/* Ask; with the lock held, but for the asking. */
static void lane_ask(struct lane *lane)
{
    struct wts_calls *calls = lane->calls;
    struct wts_call *call = lane->call;

    gate_unlock(&calls->gate);
    call->ask(call, calls->host);
    gate_lock(&calls->gate);
    if (lane->state == LANE_ASKING) {
        lane->state = LANE_ANSWERED;
        pthread_cond_broadcast(&lane->condition);
        return;
    }
    lane_drop(lane);
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct wts_calls *calls = lane->calls;
    bool is_detached = false;

    gate_lock(&calls->gate);
    while (lane->state != LANE_ENDING && lane->state != LANE_LEFT) {
        if (lane->state == LANE_ASKING)
            lane_ask(lane);
        else
            (void)gate_condition_wait(&lane->condition, &calls->gate.mutex,
                                      GATE_FOREVER_MS);
    }
    if (lane->call != NULL) /* left before it was asked */
        lane_drop(lane);
    is_detached = lane->is_detached;
    gate_unlock(&calls->gate);
    if (is_detached) {
        lane_free(lane);
        calls_release(calls);
    }
    return NULL;
}

/* Start a thread; with the lock held. */
static enum lastcall_status lane_new(struct wts_calls *calls, struct lane **out)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL)
        return LASTCALL_E_NOMEM;
    lane->calls = calls;
    if (gate_condition_init(&lane->condition) != LASTCALL_OK) {
        free(lane);
        return LASTCALL_E_INTERNAL;
    }
    if (gate_thread_start(&lane->thread, lane_main, lane) != LASTCALL_OK) {
        lane_free(lane);
        return LASTCALL_E_INTERNAL;
    }
    lane->next = calls->lanes;
    calls->lanes = lane;
    *out = lane;
    return LASTCALL_OK;
}

size_t wts_calls_stuck_max(enum wts_call_kind kind)
{
    switch (kind) {
    case WTS_CALL_LOOK:
        return WTS_CALL_LOOK_STUCK_MAX;
    case WTS_CALL_ACT:
        return WTS_CALL_ACT_STUCK_MAX;
    case WTS_CALL_BOX:
        return WTS_CALL_BOX_STUCK_MAX;
    case WTS_CALL_LAST:
    case WTS_CALL_KIND_COUNT:
        break;
    }
    return SIZE_MAX;
}

/* Find a thread that is free, or start one; with the lock held. */
static enum lastcall_status
lane_take(struct wts_calls *calls, enum wts_call_kind kind, struct lane **out)
{
    if (calls->stuck_counts[kind] >= wts_calls_stuck_max(kind))
        return LASTCALL_BUSY;
    for (struct lane *lane = calls->lanes; lane != NULL; lane = lane->next) {
        if (lane->state != LANE_IDLE)
            continue;
        calls->idle_count--;
        *out = lane;
        return LASTCALL_OK;
    }
    return lane_new(calls, out);
}

/* The answer was fetched; with the lock held. */
static void lane_give_back(struct lane *lane)
{
    struct wts_calls *calls = lane->calls;

    lane->call = NULL;
    if (calls->idle_count < WTS_CALL_IDLE_MAX) {
        lane->state = LANE_IDLE;
        calls->idle_count++;
        return;
    }
    lane->state = LANE_ENDING;
    lane_detach(lane);
    pthread_cond_broadcast(&lane->condition);
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

int64_t wts_calls_longest_ms(int64_t timeout_ms)
{
    if (timeout_ms >= WTS_CALL_STEPS_MS)
        return timeout_ms;
    if (timeout_ms > WTS_CALL_STEPS_MS / WTS_CALL_STEPS_FACTOR)
        return WTS_CALL_STEPS_MS;
    return timeout_ms * WTS_CALL_STEPS_FACTOR;
}

/* How long somebody waits. */
struct patience {
    int64_t timeout_ms; /* for each step */
    int64_t until_ms;
    int64_t end_ms; /* whatever the steps */
    unsigned steps;
};

static void patience_begin(struct patience *patience, int64_t timeout_ms)
{
    const int64_t now = now_ms();

    patience->timeout_ms = timeout_ms;
    patience->until_ms = now + timeout_ms;
    patience->end_ms = now + wts_calls_longest_ms(timeout_ms);
    patience->steps = 0;
}

/* Say how long there is to wait yet; 0: no longer. */
static int64_t patience_left_ms(struct patience *patience,
                                struct wts_call *call)
{
    const int64_t now = now_ms();
    const unsigned steps = atomic_load(&call->steps);

    if (steps != patience->steps) {
        patience->steps = steps;
        patience->until_ms = now + patience->timeout_ms;
        if (patience->until_ms > patience->end_ms)
            patience->until_ms = patience->end_ms;
    }
    return now < patience->until_ms ? patience->until_ms - now : 0;
}

/* Wait for the answer; with the lock held. */
static enum lastcall_status lane_await(struct lane *lane, int64_t timeout_ms)
{
    struct wts_calls *calls = lane->calls;
    struct patience patience;
    enum lastcall_status status = LASTCALL_OK;

    patience_begin(&patience, timeout_ms);
    while (status == LASTCALL_OK && lane->state == LANE_ASKING) {
        int64_t left_ms = patience_left_ms(&patience, lane->call);

        if (calls->is_interrupted && lane->kind != WTS_CALL_LAST)
            status = LASTCALL_INTERRUPTED;
        else if (left_ms == 0)
            status = LASTCALL_TIMEOUT;
        else
            (void)gate_condition_wait(&lane->condition, &calls->gate.mutex,
                                      left_ms);
    }
    if (status == LASTCALL_OK) {
        lane_give_back(lane);
        return status;
    }
    lane->state = LANE_LEFT;
    atomic_store(&lane->call->is_left, true);
    calls->stuck_counts[lane->kind]++;
    lane_detach(lane);
    return status;
}

enum lastcall_status wts_calls_run(struct wts_calls *calls,
                                   struct wts_call *call, int64_t timeout_ms,
                                   enum wts_call_kind kind)
{
    struct lane *lane = NULL;
    enum lastcall_status status = LASTCALL_INTERRUPTED;

    gate_lock(&calls->gate);
    if (!calls->is_interrupted || kind == WTS_CALL_LAST)
        status = lane_take(calls, kind, &lane);
    if (status == LASTCALL_OK) {
        lane->call = call;
        lane->kind = kind;
        lane->state = LANE_ASKING;
        pthread_cond_broadcast(&lane->condition);
        status = lane_await(lane, timeout_ms);
    }
    gate_unlock(&calls->gate);
    if (lane == NULL)
        call->free(call);
    return status;
}

void wts_calls_interrupt(struct wts_calls *calls)
{
    gate_lock(&calls->gate);
    calls->is_interrupted = true;
    for (struct lane *lane = calls->lanes; lane != NULL; lane = lane->next)
        pthread_cond_broadcast(&lane->condition);
    gate_unlock(&calls->gate);
}

void wts_calls_close(struct wts_calls *calls)
{
    struct lane *lanes = NULL;

    if (calls == NULL)
        return;
    gate_lock(&calls->gate);
    lanes = calls->lanes;
    calls->lanes = NULL;
    for (struct lane *lane = lanes; lane != NULL; lane = lane->next) {
        lane->state = LANE_ENDING;
        pthread_cond_broadcast(&lane->condition);
    }
    gate_unlock(&calls->gate);
    while (lanes != NULL) {
        struct lane *next = lanes->next;

        pthread_join(lanes->thread, NULL);
        lane_free(lanes);
        lanes = next;
    }
    calls_release(calls);
}
