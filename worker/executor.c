#include "worker/executor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/gate.h"
#include "worker/confirm.h"
#include "worker/lane.h"

/* FNV-1a. */
#define DIGEST_BEGIN UINT64_C(0xcbf29ce484222325)
#define DIGEST_PRIME UINT64_C(0x100000001b3)

/* The queue's members are guarded by the gate; the rest is the thread's. */
struct executor {
    struct executor_options options;
    void *backend;     /* owned */
    struct lane *lane; /* owned; messages that wait for their answer */
    pthread_t thread;

    struct gate gate;
    struct job *first, *last; /* owned while queued */
    size_t count;
    bool is_interrupted;
    bool is_hinted; /* list soon */

    struct watch *watches; /* owned */
    int64_t next_poll_ms;
    bool is_wanted; /* an act or a hint waits for that list */
    int64_t next_watch_ms;
    int64_t next_report_ms;
    int64_t snapshot_ms; /* of the latest */
    uint64_t snapshot_digest;
    int64_t retry_ms;  /* 0 while the server answers */
    int64_t list_ms;   /* how long the latest list took */
    int64_t listed_ms; /* when it was over */
    struct backend_report report;
    bool has_report;
};

static int64_t now_ms(const struct executor *executor)
{
    return executor->options.clock->monotonic_ms(
        executor->options.clock->state);
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    session_list_deinit(&snapshot->sessions);
    free(snapshot);
}

static bool is_interrupted(struct executor *executor)
{
    bool answer = false;

    gate_lock(&executor->gate);
    answer = executor->is_interrupted;
    gate_unlock(&executor->gate);
    return answer;
}

static void job_done(struct executor *executor, struct job *job)
{
    executor->options.events.done(executor->options.events.context, job);
}

/* ---- listing ---- */

static void watches_update(struct executor *executor,
                           const struct session_list *list)
{
    struct watch **link = &executor->watches;
    const int64_t now = now_ms(executor);

    while (*link != NULL) {
        struct watch *watch = *link;
        struct job *job = watch->job;

        watch_update(watch, list);
        if (!watch_is_over(watch, now)) {
            link = &watch->next;
            continue;
        }
        watch_settle(watch, &job->targets[watch->target].outcome);
        *link = watch->next;
        free(watch);
        if (--job->watch_count == 0)
            job_done(executor, job);
    }
    executor->next_watch_ms = now + EXECUTOR_CONFIRM_TICK_MS;
}

/* Ask for version and rights now and then, and when a server comes back. */
static void report_refresh(struct executor *executor)
{
    const int64_t now = now_ms(executor);

    if (now < executor->next_report_ms)
        return;
    executor->next_report_ms = now + EXECUTOR_REPORT_INTERVAL_MS;
    executor->has_report =
        executor->options.ops->report(executor->backend, &executor->report) ==
        LASTCALL_OK;
}

static void poll_schedule(struct executor *executor,
                          const struct session_outcome *outcome)
{
    const int64_t interval = executor->options.settings->sessions_interval_ms;
    const bool is_early =
        executor->is_wanted && now_ms(executor) < executor->next_poll_ms;

    if (outcome->code == LASTCALL_OK) {
        executor->retry_ms = 0;
        if (is_early)
            return; /* a command's: what is waited for may not show yet */
    } else {
        /* Soon at first: most failures are a server that restarts. */
        executor->retry_ms = executor->retry_ms == 0 ? EXECUTOR_RETRY_FIRST_MS
                                                     : executor->retry_ms * 2;
        if (executor->retry_ms > interval)
            executor->retry_ms = interval;
        executor->next_report_ms = 0;
    }
    executor->is_wanted = false;
    executor->next_poll_ms =
        now_ms(executor) +
        (executor->retry_ms != 0 ? executor->retry_ms : interval);
}

/* Bring the next list forward. */
static void poll_want(struct executor *executor, int64_t soon_ms)
{
    executor->is_wanted = true;
    if (executor->next_poll_ms > soon_ms)
        executor->next_poll_ms = soon_ms;
}

/*
 * Tell lists apart by who is on them and in which state: each session by
 * itself, as a server may list in another order each time.
 */
static uint64_t list_digest(const struct session_list *list,
                            const struct session_outcome *outcome)
{
    static const enum session_field fields[] = {
        SESSION_ID, SESSION_SESSION_KEY, SESSION_STATE, SESSION_MEDIA_KEY,
        SESSION_USERNAME};
    uint64_t sum = (uint64_t)outcome->code;

    for (size_t i = 0; i < list->count; i++) {
        uint64_t digest = DIGEST_BEGIN;

        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            const char *text = session_text(&list->items[i], fields[k]);

            for (; text != NULL && *text != '\0'; text++)
                digest = (digest ^ (unsigned char)*text) * DIGEST_PRIME;
            digest *= DIGEST_PRIME;
        }
        sum += digest;
    }
    return sum;
}

/* Hand the list out, unless one that said the same left a moment ago: what
 * began and was ended by a command in between would be told to nobody. */
static void snapshot_emit(struct executor *executor, struct session_list *list,
                          const struct session_outcome *outcome)
{
    const struct clock *clock = executor->options.clock;
    const int64_t now = now_ms(executor);
    const uint64_t digest = list_digest(list, outcome);
    struct snapshot *snapshot = NULL;

    if (outcome->code == LASTCALL_INTERRUPTED)
        return; /* says something of us, nothing of the server */
    if (now < executor->next_poll_ms &&
        now - executor->snapshot_ms < EXECUTOR_SETTLE_MS &&
        digest == executor->snapshot_digest)
        return;
    poll_schedule(executor, outcome);
    if (outcome->code == LASTCALL_OK)
        report_refresh(executor);
    snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return; /* the next one will do */
    executor->snapshot_ms = now;
    executor->snapshot_digest = digest;
    snapshot->server = executor->options.server;
    snapshot->taken_ms = clock->wall_ms(clock->state);
    snapshot->outcome = *outcome;
    snapshot->sessions = *list;
    *list = (struct session_list){0};
    snapshot->report = executor->report;
    snapshot->has_report = executor->has_report;
    executor->options.events.snapshot(executor->options.events.context,
                                      snapshot);
}

/* Take what was queued of one kind. */
static struct job *queue_take(struct executor *executor, enum job_kind kind)
{
    struct job *taken = NULL;

    gate_lock(&executor->gate);
    taken = jobs_split(&executor->first, kind);
    executor->last = executor->first;
    while (executor->last != NULL && executor->last->next != NULL)
        executor->last = executor->last->next;
    for (const struct job *job = taken; job != NULL; job = job->next)
        executor->count--;
    gate_unlock(&executor->gate);
    return taken;
}

static void jobs_answer(struct executor *executor, struct job *jobs,
                        const struct session_list *list,
                        const struct session_outcome *outcome)
{
    while (jobs != NULL) {
        struct job *job = jobs;

        jobs = job->next;
        job->next = NULL;
        job_select(job, list, outcome);
        job_done(executor, job);
    }
}

/* One list serves every selection that was waiting for it. */
static void list_once(struct executor *executor)
{
    struct job *selects = queue_take(executor, JOB_SELECT);
    struct session_list list = {0};
    struct session_outcome outcome = {0};
    const int64_t began_ms = now_ms(executor);

    outcome.code =
        executor->options.ops->list(executor->backend, &list, &outcome);
    outcome_mend(&outcome);
    executor->listed_ms = now_ms(executor);
    executor->list_ms = executor->listed_ms - began_ms;
    jobs_answer(executor, selects, &list, &outcome);
    /* Whoever came while a hung server let us wait has waited for the same:
     * another timeout would teach nothing. */
    if (outcome.code == LASTCALL_TIMEOUT)
        jobs_answer(executor, queue_take(executor, JOB_SELECT), &list,
                    &outcome);
    watches_update(executor, outcome.code == LASTCALL_OK ? &list : NULL);
    snapshot_emit(executor, &list, &outcome);
    session_list_deinit(&list);
}

/* ---- acting ---- */

/* Watch a target whose act was accepted, where there is need. */
static void watch_add(struct executor *executor, struct job *job, size_t target)
{
    struct watch begun;
    struct watch *watch = NULL;

    if (!watch_begin(&begun, job, target, executor->options.ops->kind,
                     now_ms(executor)))
        return;
    watch = malloc(sizeof(*watch));
    if (watch == NULL) {
        outcome_set(&job->targets[target].outcome, LASTCALL_UNCONFIRMED,
                    "accepted; out of memory while confirming");
        return;
    }
    *watch = begun;
    watch->next = executor->watches;
    executor->watches = watch;
    job->watch_count++;
    if (executor->next_watch_ms == 0 || watch->next == NULL)
        executor->next_watch_ms = now_ms(executor) + EXECUTOR_CONFIRM_TICK_MS;
}

/* After a timeout: does the server still answer, or was it that one call? */
static void server_ask(struct executor *executor,
                       struct session_outcome *server)
{
    struct session_list list = {0};

    *server = (struct session_outcome){0};
    server->code =
        executor->options.ops->list(executor->backend, &list, server);
    outcome_mend(server);
    snapshot_emit(executor, &list, server);
    session_list_deinit(&list);
}

/*
 * Act on the wanted targets.
 *
 *   server  how the server answered when it was last asked; anything but OK
 *           and it is left alone
 */
static void job_act(struct executor *executor, struct job *job,
                    struct session_outcome *server)
{
    struct job_gate gate = {.clock = executor->options.clock};

    for (size_t i = 0; i < job->target_count; i++) {
        struct job_target *target = &job->targets[i];

        if (!target->is_wanted)
            continue;
        gate.is_interrupted = is_interrupted(executor);
        if (!job_may_begin(job, i, &gate))
            continue;
        if (server->code != LASTCALL_OK) {
            outcome_set(&target->outcome, server->code,
                        "not tried: the server had stopped answering");
            continue;
        }
        job_act_on(job, i, executor->options.ops, executor->backend);
        if (target->outcome.code == LASTCALL_OK)
            watch_add(executor, job, i);
        if (target->outcome.code == LASTCALL_TIMEOUT)
            server_ask(executor, server);
    }
    if (job->watch_count == 0)
        job_done(executor, job);
}

static void act_all(struct executor *executor, struct job *jobs)
{
    struct session_outcome server = {.code = LASTCALL_OK};

    if (jobs == NULL)
        return;
    while (jobs != NULL) {
        struct job *job = jobs;

        jobs = job->next;
        job->next = NULL;
        if (lane_is_for(job->order))
            lane_take(executor->lane, job);
        else
            job_act(executor, job, &server);
    }
    poll_want(executor, now_ms(executor) + EXECUTOR_ACT_SETTLE_MS);
}

/* ---- the thread ---- */

static int64_t due_ms(const struct executor *executor)
{
    if (executor->watches != NULL &&
        executor->next_watch_ms < executor->next_poll_ms)
        return executor->next_watch_ms;
    return executor->next_poll_ms;
}

/* Bring the next list forward where the server told of a change; with the gate
 * locked.  A burst of hints is one list, and a storm of them lists for half of
 * the time at most. */
static void take_hint(struct executor *executor)
{
    const int64_t rested_ms = executor->listed_ms + executor->list_ms;
    int64_t soon = now_ms(executor) + EXECUTOR_SETTLE_MS;

    if (soon < rested_ms)
        soon = rested_ms;
    if (executor->is_hinted)
        poll_want(executor, soon);
    executor->is_hinted = false;
}

/* Wait for a job or for the time to list; false when it is time to end. */
static bool wait_work(struct executor *executor)
{
    bool goes_on = true;

    gate_lock(&executor->gate);
    while (executor->first == NULL && !executor->is_interrupted) {
        int64_t left = 0;

        take_hint(executor);
        left = due_ms(executor) - now_ms(executor);

        if (left <= 0)
            break;
        gate_wait(&executor->gate, left);
    }
    goes_on = !executor->is_interrupted;
    gate_unlock(&executor->gate);
    return goes_on;
}

static bool has_selects(struct executor *executor)
{
    bool answer = false;

    gate_lock(&executor->gate);
    for (const struct job *job = executor->first; job != NULL; job = job->next)
        answer = answer || job->kind == JOB_SELECT;
    gate_unlock(&executor->gate);
    return answer;
}

/* Give everything back: nothing may be kept when the thread ends. */
static void hand_back(struct executor *executor)
{
    const struct session_outcome stopped = {
        .code = LASTCALL_INTERRUPTED,
        .detail = "the worker stopped; nothing was run"};
    struct session_outcome server = {.code = LASTCALL_OK};
    struct job *acts = NULL;

    jobs_answer(executor, queue_take(executor, JOB_SELECT),
                &(struct session_list){0}, &stopped);
    acts = queue_take(executor, JOB_ACT);
    while (acts != NULL) {
        struct job *job = acts;

        acts = job->next;
        job->next = NULL;
        job_act(executor, job, &server); /* marks each target as interrupted */
    }
    while (executor->watches != NULL) {
        executor->watches->until_ms = 0;
        watches_update(executor, NULL);
    }
}

static void *executor_main(void *argument)
{
    struct executor *executor = argument;

    while (wait_work(executor)) {
        /* Acts first: their selection is fresh now. */
        act_all(executor, queue_take(executor, JOB_ACT));
        if (has_selects(executor) || now_ms(executor) >= due_ms(executor))
            list_once(executor);
    }
    hand_back(executor);
    return NULL;
}

/* Open the backend, and what belongs to it. */
static enum lastcall_status backend_open(struct executor *executor,
                                         struct platform_error *error)
{
    const struct executor_options *options = &executor->options;
    const struct backend_surroundings around = {
        .settings = options->settings,
        .clock = options->clock,
        .log = options->log,
        .changed = executor_hint,
        .changed_context = executor,
    };
    struct lane_options lane = {
        .ops = options->ops,
        .clock = options->clock,
        .context = options->events.context,
        .done = options->events.done,
    };
    enum lastcall_status status =
        options->ops->open(&around, &executor->backend, error);

    if (status != LASTCALL_OK)
        return status;
    lane.backend = executor->backend;
    status = lane_open(&lane, &executor->lane);
    if (status != LASTCALL_OK)
        options->ops->close(executor->backend);
    return status;
}

static void backend_close(struct executor *executor)
{
    lane_close(executor->lane);
    executor->options.ops->close(executor->backend);
}

enum lastcall_status executor_open(const struct executor_options *options,
                                   struct executor **out,
                                   struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct executor *executor = calloc(1, sizeof(*executor));

    *out = NULL;
    if (executor == NULL)
        return status;
    executor->options = *options;
    status = gate_init(&executor->gate);
    if (status != LASTCALL_OK) {
        free(executor);
        return status;
    }
    status = backend_open(executor, error);
    if (status != LASTCALL_OK)
        goto out;
    status = gate_thread_start(&executor->thread, executor_main, executor);
    if (status != LASTCALL_OK)
        backend_close(executor);

out:
    if (status != LASTCALL_OK) {
        gate_deinit(&executor->gate);
        free(executor);
        return status;
    }
    *out = executor;
    return LASTCALL_OK;
}

enum lastcall_status executor_submit(struct executor *executor, struct job *job)
{
    enum lastcall_status status = LASTCALL_BUSY;

    job->next = NULL;
    gate_lock(&executor->gate);
    if (executor->is_interrupted) {
        status = LASTCALL_E_CLOSED;
    } else if (executor->count < EXECUTOR_QUEUE_MAX) {
        if (executor->last != NULL)
            executor->last->next = job;
        else
            executor->first = job;
        executor->last = job;
        executor->count++;
        status = LASTCALL_OK;
    }
    gate_unlock(&executor->gate);
    return status;
}

void executor_wake(struct executor *executor)
{
    gate_signal(&executor->gate);
}

void executor_hint(void *context)
{
    struct executor *executor = context;

    gate_lock(&executor->gate);
    executor->is_hinted = true;
    gate_unlock(&executor->gate);
    gate_signal(&executor->gate);
}

void executor_interrupt(struct executor *executor)
{
    gate_lock(&executor->gate);
    executor->is_interrupted = true;
    gate_unlock(&executor->gate);
    gate_signal(&executor->gate);
    lane_interrupt(executor->lane);
    executor->options.ops->interrupt(executor->backend);
}

void executor_close(struct executor *executor)
{
    if (executor == NULL)
        return;
    executor_interrupt(executor);
    pthread_join(executor->thread, NULL);
    backend_close(executor);
    gate_deinit(&executor->gate);
    free(executor);
}
