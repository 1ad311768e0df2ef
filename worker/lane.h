/*
 * Messages that wait for their answer: a person may take an hour to press a
 * button, and nobody else may wait for that.  Each target is asked on a thread
 * of its own, up to LANE_THREAD_MAX of a server at once; more take turns.
 *
 * A lane belongs to an executor, which hands it the jobs of such orders.
 */
#ifndef LASTCALL_WORKER_LANE_H
#define LASTCALL_WORKER_LANE_H

#include "worker/job.h"

/* Messages of one server that wait at the same time. */
#define LANE_THREAD_MAX 64
/* Orders of one server that wait; more are refused.  Fewer than the pipeline
 * takes in, so that those that end sessions find room. */
#define LANE_JOB_MAX 128

struct lane_options {
    const struct session_backend_ops *ops;
    void *backend; /* borrowed until close */
    const struct clock *clock;
    void *context;
    /* Called on a thread of the lane, or in lane_take(). */
    void (*done)(void *context, struct job *job);
};

struct lane;

/* Say whether an order is one for the lane. */
bool lane_is_for(const struct order *order);

/*
 * Make a lane; it has no thread yet.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
lane_open(const struct lane_options *options, struct lane **out);

/*
 * Take a JOB_ACT over; it comes back through done() in every case, with
 * LASTCALL_BUSY where the lane is full.  Thread: one at a time.
 */
void lane_take(struct lane *lane, struct job *job);

/*
 * No target begins any more: what has not begun has LASTCALL_INTERRUPTED.
 * What is under way ends by the backend's interrupt.  Thread: any.
 */
void lane_interrupt(struct lane *lane);

/* Interrupt and join; the backend is to be interrupted before.  Every job has
 * come back then.  NULL is fine. */
void lane_close(struct lane *lane);

#endif
