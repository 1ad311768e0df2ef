/*
 * Confirmation: has a session that was acted on really ended, and does it stay
 * so?  Pure: the executor feeds it lists.
 *
 * A session is watched for two reasons, which may come together: because the
 * order wants it for confirm_s, which is the whole time, and because the server
 * is still at it, which is until the ending shows.
 */
#ifndef LASTCALL_WORKER_CONFIRM_H
#define LASTCALL_WORKER_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/job.h"

/*
 * Say whether an act's ending shows in a list: the session is not there, or
 * its id names another one by now (another user, another logon); after a
 * disconnect also when it is listed as disconnected, and after a log off when
 * nobody is logged on in it.
 *
 *   action  resolved for the kind of server
 *   old     the session as it was before
 */
bool confirm_has_ended(enum action action, const struct session *old,
                       const struct session_list *list);

/* One target under watch. */
struct watch {
    struct watch *next;
    struct job *job;          /* borrowed */
    size_t target;            /* its index in the job */
    enum action action;       /* resolved for the kind of server */
    int64_t confirm_until_ms; /* monotonic; not over before */
    int64_t until_ms;         /* monotonic; over by then */
    bool is_listed;           /* in the latest list, and not as ended */
    bool was_gone;            /* ended in some list since the act */
    bool has_twin;            /* the latest list has the same playback under a
                                 new id */
    bool is_blind;            /* the latest attempt to list failed */
};

/*
 * Begin to watch a target whose act was accepted.
 *
 *   out     filled
 *   kind    of the server
 *   now_ms  monotonic
 *
 * Returns false where there is nothing to wait for.
 */
bool watch_begin(struct watch *out, struct job *job, size_t target,
                 enum backend_kind kind, int64_t now_ms);

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

/* Say whether it is time to settle. */
bool watch_is_over(const struct watch *watch, int64_t now_ms);

/* Decide what became of the target, once its watch is over. */
void watch_settle(const struct watch *watch, struct session_outcome *outcome);

#endif
