/*
 * The way of a command through the worker, on one thread:
 *
 *     inbox -> decode, verify, check, authorise -> journal -> executors
 *           -> decide -> journal -> executors -> journal, sign -> broker
 *
 * Everything that waits is taken at once and shares one commit.  Whatever
 * that batch made (jobs for executors, results for the broker) is handed out
 * after the commit, so that nothing is done that is not on record.
 */
#ifndef LASTCALL_WORKER_PIPELINE_H
#define LASTCALL_WORKER_PIPELINE_H

#include <stdint.h>

#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "protocol/trust.h"
#include "worker/counters.h"
#include "worker/executor.h"
#include "worker/herald.h"
#include "worker/identity.h"
#include "worker/inbox.h"
#include "worker/journal.h"
#include "worker/policy.h"
#include "worker/settings.h"

/* Commands that share one commit; the next ones wait for the next. */
#define PIPELINE_BATCH_MAX 64
/* Commands under way; more are answered as busy. */
#define PIPELINE_PENDING_MAX 256
/* How long a stop waits for what runs, before it is interrupted. */
#define PIPELINE_DRAIN_MS 10000
/* How soon a result that could not be recorded is tried again. */
#define PIPELINE_RETRY_MS 1000
/* How long events, inventories and the status let commands pass first.  Less
 * than EXECUTOR_SETTLE_MS: a list that follows an act is told by itself. */
#define PIPELINE_NEWS_HOLD_MS 100
#define PIPELINE_PRUNE_INTERVAL_MS 30000
/* And when there was more than one pruning looks at, so that it keeps up. */
#define PIPELINE_PRUNE_AGAIN_MS 100

/* Everything is borrowed for the life. */
struct pipeline_options {
    const struct settings *settings;
    const struct policy *policy;
    const struct identity *identity;
    struct trust *trust;
    struct journal *journal;
    struct inbox *inbox;
    struct executor **executors; /* one for each server of the settings */
    struct counters *counters;
    struct inventory_numbers *numbers; /* that outlive it; may be NULL */
    const struct clock *clock;
    struct log *log; /* may be NULL */
    struct publisher publisher;
    /* Called once on the pipeline's thread when first connected and
     * subscribed; may be NULL. */
    void (*ready)(void *context);
    void *context;
};

struct pipeline;

/*
 * Make a pipeline, and settle what a crash left in the journal.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_IO (the journal).
 */
LASTCALL_MUST_USE enum lastcall_status
pipeline_open(const struct pipeline_options *options, struct pipeline **out);

/* Start the thread; LASTCALL_OK or LASTCALL_E_INTERNAL. */
LASTCALL_MUST_USE enum lastcall_status
pipeline_start(struct pipeline *pipeline);

/*
 * Wait for the thread, after inbox_put_stop(): what runs is finished within
 * PIPELINE_DRAIN_MS or interrupted, and an offline status is on its way
 * unless it was a reload.
 */
void pipeline_join(struct pipeline *pipeline);

/* Write the acknowledgements that came since; then free.  NULL is fine. */
void pipeline_close(struct pipeline *pipeline);

/* How often the thread has gone round: it moves as long as it works.
 * Thread: any. */
uint64_t pipeline_heartbeat(const struct pipeline *pipeline);

#endif
