/*
 * The maintenance plans of this host: taken in, kept, and carried out step by
 * step through the same machinery as commands (batch.h), which records each
 * step before it is done.
 *
 * Everything here runs on the pipeline's thread.  What a batch is open for:
 *
 *     maintenance_handle, _conclude -> _record, _step -> batch_close
 *                                   -> maintenance_settle
 */
#ifndef LASTCALL_WORKER_MAINTENANCE_RUN_H
#define LASTCALL_WORKER_MAINTENANCE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/batch.h"
#include "worker/maintenance_admission.h"
#include "worker/maintenance_store.h"

/* Plans at once; more are answered as busy. */
#define MAINTENANCE_PLAN_MAX STATUS_PLAN_COUNT_MAX
/* After the start nothing is done before the broker's retained plans have
 * come: one on disk may have been called off meanwhile.  So long after it was
 * connected ... */
#define MAINTENANCE_SETTLE_MS 1000
/* ... or without any broker. */
#define MAINTENANCE_ALONE_MS 30000
/* Between two endings of a plan, doubled as long as they fail. */
#define MAINTENANCE_AGAIN_FIRST_MS 1000
#define MAINTENANCE_AGAIN_MAX_MS 60000
/* How often the wall clock is looked at while a plan waits for it. */
#define MAINTENANCE_CLOCK_MS 10000
/* How long a plan that is over is told of. */
#define MAINTENANCE_TELL_MS (INT64_C(24) * 3600 * 1000)
/* Sessions just ended, which a list may still show for a moment. */
#define MAINTENANCE_ENDED_COUNT_MAX 64
#define MAINTENANCE_ENDED_MS 5000

/* Everything is borrowed for the life. */
struct maintenance_options {
    const struct settings *settings;
    const struct policy *policy;
    const struct identity *identity;
    struct trust *trust;
    struct journal *journal;
    const struct clock *clock;
    struct log *log; /* may be NULL */
};

struct maintenance_run;

/*
 * Read the plans that were kept.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_open(const struct maintenance_options *options,
                 struct maintenance_run **out);
/* Before the journal is closed; NULL is fine. */
void maintenance_close(struct maintenance_run *maintenance);

/* Connected and subscribed. */
void maintenance_ready(struct maintenance_run *maintenance);

/*
 * Take a plan in, or answer why not; once for each refused token.
 *
 *   detail  of a message that gets no answer
 *
 * Returns LASTCALL_OK (all was done), or why to count and drop the message.
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_handle(struct maintenance_run *maintenance, struct batch *batch,
                   const struct inbox_message *message,
                   struct json_error *detail);

/* Look in a fresh list for sessions that a plan ends. */
void maintenance_look(struct maintenance_run *maintenance,
                      const struct snapshot *snapshot);

/*
 * Find the plan and step that an interrupted run was, and name it in the run.
 * A run that was none is left alone.
 */
void maintenance_adopt(struct maintenance_run *maintenance, struct run *run);

/*
 * Take note of a step's result.  A run that is none is left alone.
 *
 *   is_recovered of the run says whether a crash came between
 */
void maintenance_conclude(struct maintenance_run *maintenance,
                          const struct run *run);

/* Record what changed. */
void maintenance_record(struct maintenance_run *maintenance,
                        struct batch *batch);

/* Begin the steps that are due. */
void maintenance_step(struct maintenance_run *maintenance, struct batch *batch);

/* After the batch was closed: whether it was kept. */
void maintenance_settle(struct maintenance_run *maintenance,
                        const struct batch *batch);

/* Forget, within a batch, what no valid token can bring back. */
LASTCALL_MUST_USE enum lastcall_status
maintenance_prune(struct maintenance_run *maintenance, int64_t expired_s);

/* Say whether there is something to record or to begin. */
bool maintenance_is_due(const struct maintenance_run *maintenance);

/* When it will have, as far as the clock tells: monotonic milliseconds. */
int64_t maintenance_next_ms(const struct maintenance_run *maintenance);

/*
 * List where the plans stand, for the status, in the order of PROTOCOL.md, 8.6.
 *
 * Returns how many were written.
 */
size_t maintenance_list(const struct maintenance_run *maintenance,
                        struct status_plan out[STATUS_PLAN_COUNT_MAX]);

#endif
