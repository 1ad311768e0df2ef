/*
 * Confirmation: is a session that was ended really gone, and does it stay
 * away?  Pure: the executor feeds it lists.
 */
#ifndef LASTCALL_WORKER_CONFIRM_H
#define LASTCALL_WORKER_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/executor.h"

/* One target under watch. */
struct watch {
    struct watch *next;
    struct job *job;  /* borrowed */
    size_t target;    /* its index in the job */
    int64_t until_ms; /* monotonic */
    bool is_listed;   /* in the latest list */
    bool was_gone;    /* missing from some list since the act */
    bool has_twin;    /* the latest list has the same playback under a new id */
    bool is_blind;    /* the latest attempt to list failed */
};

/*
 * Remember which sessions were there before the act: what was listed and not
 * selected is not the target come back.
 *
 *   list  the list that the job's targets were selected from
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 * Owner:  the job, until job_deinit().
 */
LASTCALL_MUST_USE enum lastcall_status
confirm_prepare(struct job *job, const struct session_list *list);

/* Take a fresh list into account; NULL when listing failed. */
void watch_update(struct watch *watch, const struct session_list *list);

/* Decide what became of the target, once its time is over. */
void watch_settle(const struct watch *watch, struct session_outcome *outcome);

#endif
