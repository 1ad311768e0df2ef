#include "worker/pipeline_private.h"

#include <stdlib.h>

#include "protocol/io/gate.h"

#define MS_PER_S 1000

/* ---- the clock ---- */

int64_t pipeline_now_ms(const struct pipeline *pipeline)
{
    return pipeline->options.clock->monotonic_ms(
        pipeline->options.clock->state);
}

int64_t pipeline_wall_s(const struct pipeline *pipeline)
{
    return pipeline->options.clock->wall_ms(pipeline->options.clock->state) /
           MS_PER_S;
}

/* ---- one round ---- */

static void prune(struct pipeline *pipeline)
{
    const struct pipeline_options *options = &pipeline->options;
    const int64_t expired_s =
        pipeline_wall_s(pipeline) - options->settings->worker.clock_skew_s;
    size_t count = 0;
    bool has_more = false;

    if (pipeline->batch.has_failed ||
        journal_prune(options->journal, expired_s,
                      options->clock->wall_ms(options->clock->state), &count,
                      &has_more) != LASTCALL_OK ||
        maintenance_prune(pipeline->maintenance, expired_s) != LASTCALL_OK)
        has_more = false;
    pipeline->prune_due_ms =
        pipeline_now_ms(pipeline) +
        (has_more ? PIPELINE_PRUNE_AGAIN_MS : PIPELINE_PRUNE_INTERVAL_MS);
}

static bool has_due_recovery(const struct pipeline *pipeline)
{
    const int64_t now = pipeline_now_ms(pipeline);

    for (const struct recovery *recovery = pipeline->recoveries;
         recovery != NULL; recovery = recovery->next) {
        if (recovery_is_over(recovery, now))
            return true;
    }
    return false;
}

static bool is_retry_due(const struct pipeline *pipeline)
{
    return pipeline->batch.unrecorded.first != NULL &&
           pipeline_now_ms(pipeline) >= pipeline->retry_due_ms;
}

static bool is_prune_due(const struct pipeline *pipeline)
{
    return pipeline->has_prunable &&
           pipeline_now_ms(pipeline) >= pipeline->prune_due_ms;
}

/* Targets may be about to be recorded: that commit must survive a power cut. */
static enum store_durability durability_for(const struct job *jobs)
{
    enum store_durability durability = STORE_SURVIVES_PROCESS;

    for (const struct job *job = jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_SELECT && run_may_act(job->owner, job))
            durability = STORE_SURVIVES_POWER;
    }
    return durability;
}

static void run_batch(struct pipeline *pipeline)
{
    struct job *jobs = pipeline->taken.jobs;

    pipeline->taken.jobs = NULL;
    batch_open(&pipeline->batch, durability_for(jobs));
    while (jobs != NULL) {
        struct job *job = jobs;

        jobs = job->next;
        job->next = NULL;
        pipeline_handle_job(pipeline, job);
    }
    pipeline_handle_recoveries(pipeline);
    pipeline_handle_messages(pipeline);
    maintenance_record(pipeline->maintenance, &pipeline->batch);
    if (pipeline->stop == INBOX_GO_ON)
        maintenance_step(pipeline->maintenance, &pipeline->batch);
    if (is_prune_due(pipeline))
        prune(pipeline);
    batch_close(&pipeline->batch);
    maintenance_settle(pipeline->maintenance, &pipeline->batch);
    pipeline->retry_due_ms = pipeline_now_ms(pipeline) + PIPELINE_RETRY_MS;
}

/* Tell the first of the snapshots that wait for it. */
static void tell_snapshot(struct pipeline *pipeline)
{
    struct snapshot *snapshot = pipeline->untold;

    pipeline->untold = snapshot->next;
    herald_take(&pipeline->herald, snapshot);
    snapshot_free(snapshot);
}

/* Keep a snapshot until its news may be told: one of each server, so that what
 * came and went between two of them is told all the same. */
static void keep_snapshot(struct pipeline *pipeline, struct snapshot *snapshot)
{
    struct snapshot **link = &pipeline->untold;
    bool is_second = false;

    for (; *link != NULL; link = &(*link)->next)
        is_second = is_second || (*link)->server == snapshot->server;
    while (is_second && pipeline->untold != NULL)
        tell_snapshot(pipeline);
    link = is_second ? &pipeline->untold : link;
    snapshot->next = NULL;
    *link = snapshot;
}

static void take_snapshots(struct pipeline *pipeline)
{
    while (pipeline->taken.snapshots != NULL) {
        struct snapshot *snapshot = pipeline->taken.snapshots;

        pipeline->taken.snapshots = snapshot->next;
        for (struct recovery *recovery = pipeline->recoveries; recovery != NULL;
             recovery = recovery->next)
            recovery_look(recovery, snapshot, pipeline->options.settings);
        maintenance_look(pipeline->maintenance, snapshot);
        keep_snapshot(pipeline, snapshot);
    }
}

/*
 * Tell news, and find out when there will be some again.  Whoever gave a
 * command waits for its answer, and nobody for an event: while commands are
 * under way the news waits, for PIPELINE_NEWS_HOLD_MS at most.
 */
static int64_t tell_news(struct pipeline *pipeline)
{
    const bool is_busy =
        pipeline->batch.run_count > 0 || pipeline->messages != NULL;
    const int64_t now = pipeline_now_ms(pipeline);

    if (is_busy && !pipeline->was_busy)
        pipeline->news_due_ms = now + PIPELINE_NEWS_HOLD_MS;
    pipeline->was_busy = is_busy;
    if (is_busy && now < pipeline->news_due_ms)
        return pipeline->news_due_ms;
    pipeline->news_due_ms = now + PIPELINE_NEWS_HOLD_MS;
    while (pipeline->untold != NULL)
        tell_snapshot(pipeline);
    return herald_tick(&pipeline->herald);
}

static void take_ready(struct pipeline *pipeline)
{
    if (pipeline->taken.ready_count == 0)
        return;
    if (pipeline->was_ready)
        counters_add(pipeline->options.counters, COUNTER_RECONNECTS);
    herald_ready(&pipeline->herald);
    delivery_ready(&pipeline->delivery);
    maintenance_ready(pipeline->maintenance);
    if (!pipeline->was_ready && pipeline->options.ready != NULL)
        pipeline->options.ready(pipeline->options.context);
    pipeline->was_ready = true;
}

/* New messages go behind those that are still to be handled. */
static void take_messages(struct pipeline *pipeline)
{
    struct inbox_message **end = &pipeline->messages;

    while (*end != NULL)
        end = &(*end)->next;
    *end = pipeline->taken.messages;
    pipeline->taken.messages = NULL;
}

static void take_stop(struct pipeline *pipeline)
{
    if (pipeline->taken.stop == INBOX_GO_ON)
        return;
    if (pipeline->stop == INBOX_GO_ON)
        pipeline->drain_until_ms =
            pipeline_now_ms(pipeline) + PIPELINE_DRAIN_MS;
    pipeline->stop = pipeline->taken.stop;
    if (pipeline->stop == INBOX_STOP)
        herald_announce(&pipeline->herald, HOST_DRAINING);
}

static void absorb(struct pipeline *pipeline)
{
    take_stop(pipeline);
    take_messages(pipeline);
    for (size_t i = 0; i < pipeline->taken.ack_count; i++)
        delivery_end(&pipeline->delivery, pipeline->taken.acks[i].tag,
                     pipeline->taken.acks[i].status);
    pipeline->taken.ack_count = 0;
}

static bool wants_batch(const struct pipeline *pipeline)
{
    return pipeline->messages != NULL || pipeline->taken.jobs != NULL ||
           delivery_wants_write(&pipeline->delivery) ||
           is_retry_due(pipeline) || has_due_recovery(pipeline) ||
           is_prune_due(pipeline) ||
           (pipeline->stop == INBOX_GO_ON &&
            maintenance_is_due(pipeline->maintenance));
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void tell_maintenance(struct pipeline *pipeline)
{
    struct status_plan plans[STATUS_PLAN_COUNT_MAX];

    herald_set_plans(&pipeline->herald, plans,
                     maintenance_list(pipeline->maintenance, plans));
}

/* Publish what is due, and find out when there will be something again. */
static int64_t tick(struct pipeline *pipeline)
{
    int64_t next =
        earlier(delivery_tick(&pipeline->delivery), tell_news(pipeline));

    if (pipeline->batch.unrecorded.first != NULL)
        next = earlier(next, pipeline->retry_due_ms);
    if (pipeline->has_prunable)
        next = earlier(next, pipeline->prune_due_ms);
    for (const struct recovery *recovery = pipeline->recoveries;
         recovery != NULL; recovery = recovery->next)
        next = earlier(next, recovery->waiting == 0 ? 0 : recovery->until_ms);
    if (pipeline->stop != INBOX_GO_ON && !pipeline->is_interrupted)
        next = earlier(next, pipeline->drain_until_ms);
    if (pipeline->stop == INBOX_GO_ON)
        next = earlier(next, maintenance_next_ms(pipeline->maintenance));
    if (pipeline->messages != NULL)
        next = 0;
    return next;
}

/* Is all that is left waiting for a full disk?  It is on record as begun, and
 * the next start settles it. */
static bool is_only_unrecorded(const struct batch *batch)
{
    size_t count = 0;

    for (const struct run *run = batch->unrecorded.first; run != NULL;
         run = run->next)
        count++;
    return count == batch->run_count;
}

/* While stopping: wait for what runs, then end it; true when all has ended. */
static bool is_drained(struct pipeline *pipeline)
{
    const struct pipeline_options *options = &pipeline->options;

    if (pipeline->stop == INBOX_GO_ON)
        return false;
    if (pipeline->batch.run_count == 0 && pipeline->messages == NULL)
        return true;
    if (pipeline_now_ms(pipeline) < pipeline->drain_until_ms)
        return false;
    if (!pipeline->is_interrupted) {
        pipeline->is_interrupted = true;
        log_write(options->log, LOG_LEVEL_WARN, LOG_EVERY, "DRAIN-TIMEOUT",
                  "%zu commands did not finish in time and are interrupted",
                  pipeline->batch.run_count);
        for (size_t i = 0; i < options->settings->server_count; i++)
            executor_interrupt(options->executors[i]);
    }
    return is_only_unrecorded(&pipeline->batch);
}

static void *pipeline_main(void *argument)
{
    struct pipeline *pipeline = argument;
    int64_t next_ms = 0;

    while (!is_drained(pipeline)) {
        const int64_t left_ms = next_ms - pipeline_now_ms(pipeline);

        inbox_take(pipeline->options.inbox,
                   pipeline->stop == INBOX_RELOAD ? INBOX_LEAVE_MESSAGES
                                                  : INBOX_TAKE_ALL,
                   left_ms > 0 ? left_ms : 0, &pipeline->taken);
        atomic_fetch_add_explicit(&pipeline->heartbeat, 1,
                                  memory_order_relaxed);
        absorb(pipeline);
        if (wants_batch(pipeline))
            run_batch(pipeline);
        take_ready(pipeline);
        take_snapshots(pipeline);
        tell_maintenance(pipeline);
        next_ms = tick(pipeline);
    }
    while (pipeline->untold != NULL)
        tell_snapshot(pipeline);
    delivery_release(&pipeline->delivery);
    if (pipeline->stop == INBOX_STOP)
        herald_announce(&pipeline->herald, HOST_OFFLINE);
    return NULL;
}

/* ---- life ---- */

static enum lastcall_status recovery_add(void *context,
                                         const struct journal_open_entry *open)
{
    struct pipeline *pipeline = context;
    struct recovery *recovery = recovery_new(open, pipeline->options.settings,
                                             pipeline_now_ms(pipeline));

    if (recovery == NULL) {
        log_write(pipeline->options.log, LOG_LEVEL_ERROR, LOG_EVERY,
                  "JOURNAL-ENTRY", "an entry of the journal is unreadable: %s",
                  open->entry.request_id.text);
        return LASTCALL_OK;
    }
    maintenance_adopt(pipeline->maintenance, recovery->run);
    recovery->next = pipeline->recoveries;
    pipeline->recoveries = recovery;
    return LASTCALL_OK;
}

static void set_up_parts(struct pipeline *pipeline)
{
    const struct pipeline_options *options = &pipeline->options;
    const struct delivery_options delivery = {
        .identity = options->identity,
        .journal = options->journal,
        .clock = options->clock,
        .counters = options->counters,
        .log = options->log,
        .publisher = options->publisher,
    };
    const struct batch_options batch = {
        .settings = options->settings,
        .identity = options->identity,
        .journal = options->journal,
        .delivery = &pipeline->delivery,
        .herald = &pipeline->herald,
        .inbox = options->inbox,
        .executors = options->executors,
        .counters = options->counters,
        .clock = options->clock,
        .log = options->log,
    };

    delivery_init(&pipeline->delivery, &delivery);
    batch_init(&pipeline->batch, &batch);
}

enum lastcall_status pipeline_open(const struct pipeline_options *options,
                                   struct pipeline **out)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    const struct herald_options herald = {
        .settings = options->settings,
        .identity = options->identity,
        .clock = options->clock,
        .counters = options->counters,
        .numbers = options->numbers,
        .log = options->log,
        .publisher = options->publisher,
    };
    const struct maintenance_options maintenance = {
        .settings = options->settings,
        .policy = options->policy,
        .identity = options->identity,
        .trust = options->trust,
        .journal = options->journal,
        .clock = options->clock,
        .log = options->log,
    };
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

    *out = NULL;
    if (pipeline == NULL)
        return status;
    pipeline->options = *options;
    pipeline->has_prunable = true; /* an earlier run may have left some */
    set_up_parts(pipeline);
    status = herald_init(&pipeline->herald, &herald);
    if (status == LASTCALL_OK)
        status = maintenance_open(&maintenance, &pipeline->maintenance);
    if (status == LASTCALL_OK)
        status = journal_each_open(options->journal, recovery_add, pipeline);
    if (status != LASTCALL_OK) {
        pipeline_close(pipeline);
        return status;
    }
    *out = pipeline;
    return LASTCALL_OK;
}

enum lastcall_status pipeline_start(struct pipeline *pipeline)
{
    enum lastcall_status status =
        gate_thread_start(&pipeline->thread, pipeline_main, pipeline);

    pipeline->is_started = status == LASTCALL_OK;
    return status;
}

void pipeline_join(struct pipeline *pipeline)
{
    if (!pipeline->is_started)
        return;
    pthread_join(pipeline->thread, NULL);
    pipeline->is_started = false;
}

void pipeline_close(struct pipeline *pipeline)
{
    struct recovery *recovery = NULL;

    if (pipeline == NULL)
        return;
    inbox_take(pipeline->options.inbox, INBOX_LEAVE_MESSAGES, 0,
               &pipeline->taken);
    absorb(pipeline);
    batch_open(&pipeline->batch, STORE_SURVIVES_PROCESS);
    batch_close(&pipeline->batch);
    inbox_batch_deinit(&pipeline->taken);
    while ((recovery = pipeline->recoveries) != NULL) {
        pipeline->recoveries = recovery->next;
        recovery_free(recovery);
    }
    batch_deinit(&pipeline->batch);
    maintenance_close(pipeline->maintenance);
    herald_deinit(&pipeline->herald);
    free(pipeline);
}

uint64_t pipeline_heartbeat(const struct pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->heartbeat, memory_order_relaxed);
}
