/*
 * What the pipeline asks of one server: a job, with the sessions that it
 * selected and what became of each.
 */
#ifndef LASTCALL_WORKER_JOB_H
#define LASTCALL_WORKER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/session.h"
#include "worker/policy.h"
#include "worker/session_backend.h"

enum job_kind {
    JOB_SELECT,
    JOB_ACT,
};

struct job_target {
    struct session session; /* owned; as it was selected */
    bool is_wanted;         /* set by the pipeline: act on it */
    struct session_outcome outcome;
};

/* Owned by whoever holds it: the pipeline, or the executor until done(). */
struct job {
    struct job *next; /* in the queue that holds it */
    enum job_kind kind;
    size_t server;             /* index among the settings' servers */
    const struct order *order; /* borrowed; unchanged while the job is out */
    void *owner;               /* the pipeline's */
    struct session_outcome outcome; /* of listing, after JOB_SELECT */
    struct job_target *targets;     /* owned; filled by JOB_SELECT */
    size_t target_count;
    size_t target_capacity;
    char **others; /* owned; ids that were listed and not selected, where
                      the order is to be confirmed */
    size_t other_count;
    size_t watch_count; /* the executor's: confirmations still open */
    size_t lane_count;  /* the lane's: targets that still wait */
};

/* Free the targets; the job itself is the caller's. */
void job_deinit(struct job *job);

/* Set a code and its sentence. */
void outcome_set(struct session_outcome *outcome, enum lastcall_status code,
                 const char *detail);

/* Give an outcome that may not travel a code that may. */
void outcome_mend(struct session_outcome *outcome);

/*
 * Take what the order selects from a list.
 *
 *   outcome  of listing; becomes the job's
 */
void job_select(struct job *job, const struct session_list *list,
                const struct session_outcome *outcome);

/* What stands between a target and its act. */
struct job_gate {
    const struct clock *clock;
    bool is_interrupted;
};

/* Say whether a target's turn has come; else it has its outcome. */
bool job_may_begin(struct job *job, size_t target, const struct job_gate *gate);

/* Do the order's action on one target, which has its outcome then. */
void job_act_on(struct job *job, size_t target,
                const struct session_backend_ops *ops, void *backend);

/* Take the jobs of one kind out of a chain. */
struct job *jobs_split(struct job **jobs, enum job_kind kind);

#endif
