/*
 * What one commit of the journal carries, and what is done after it:
 *
 *     begun     recorded as new           -> selected on their servers
 *     armed     targets recorded          -> acted on
 *     finished  result recorded, signed   -> published
 *     refused   only an audit line        -> published once
 *
 * When the journal cannot be written, nothing is run and the answer is busy;
 * results of what had been run already are published, and recorded as soon as
 * there is room again.
 */
#ifndef LASTCALL_WORKER_BATCH_H
#define LASTCALL_WORKER_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/counters.h"
#include "worker/delivery.h"
#include "worker/executor.h"
#include "worker/herald.h"
#include "worker/identity.h"
#include "worker/inbox.h"
#include "worker/journal.h"
#include "worker/run.h"

/* Everything is borrowed for the life. */
struct batch_options {
    const struct settings *settings;
    const struct identity *identity;
    struct journal *journal;
    struct delivery *delivery;
    struct herald *herald;
    struct inbox *inbox;
    struct executor **executors;
    struct counters *counters;
    const struct clock *clock;
    struct log *log; /* may be NULL */
};

/* A list that keeps its order. */
struct run_list {
    struct run *first;
    struct run *last;
};

struct batch {
    struct batch_options options;
    bool is_open;
    bool has_failed;
    bool is_kept;          /* the batch that was closed last */
    uint64_t busy_servers; /* bit i: server i was given a job */
    struct run_list begun; /* owned, as the following */
    struct run_list armed;
    struct run_list finished;
    struct run_list refused;
    struct run_list unrecorded; /* run, but the journal did not take it */
    size_t run_count;           /* begun and not yet finished */
};

/* Make an empty one; what the options name is borrowed for its life. */
void batch_init(struct batch *batch, const struct batch_options *options);
/* Free the runs that are still in it. */
void batch_deinit(struct batch *batch);

/* Open; a failure shows in what batch_close() does. */
void batch_open(struct batch *batch, enum store_durability durability);

/* Say that something else of this batch could not be recorded: nothing of it
 * is kept. */
void batch_fail(struct batch *batch, enum lastcall_status status);

/*
 * Take an authorised run in: record it, or answer from the journal.  A run
 * without jobs (a ping) is finished at once.
 *
 * Returns whether it is new, and so under way as far as this batch is kept.
 */
bool batch_begin(struct batch *batch, struct run *run);

/* Record the targets of a decided run. */
void batch_arm(struct batch *batch, struct run *run);

/* Sign and record a concluded run. */
void batch_finish(struct batch *batch, struct run *run);

/* Answer without a record to replay: the run's result says why. */
void batch_refuse(struct batch *batch, struct run *run);

/* Commit, then hand out what the batch made. */
void batch_close(struct batch *batch);

#endif
