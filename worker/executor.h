/*
 * One thread per server: everything that is asked of a server is asked here,
 * so that one that hangs for its whole timeout holds up nobody else.
 *
 * The pipeline hands over jobs and gets them back when they are done.  A job
 * has two phases, with the pipeline's decision and the journal in between:
 *
 *     JOB_SELECT  list afresh, and copy what the order selects
 *     JOB_ACT     do the order's action on the targets that are wanted, and
 *                 watch the list for confirm_s where the order says so, or
 *                 until the ending shows where the server is still at it
 *
 * After an act that timed out the server is asked for its list once.  When it
 * answers, the next session is tried; when it does not, it is the server that
 * hangs, and what waits for it is answered so without a timeout each.
 *
 * A message that waits for its answer goes to the lane (lane.h), and holds up
 * nothing here.
 *
 * Besides, the executor lists every sessions_interval, and soon after an act,
 * and hands out snapshots.
 */
#ifndef LASTCALL_WORKER_EXECUTOR_H
#define LASTCALL_WORKER_EXECUTOR_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/session.h"
#include "worker/job.h"
#include "worker/session_backend.h"

/* Jobs waiting for one server; more are refused. */
#define EXECUTOR_QUEUE_MAX 256
#define EXECUTOR_CONFIRM_TICK_MS 500
/* How soon after a hint the sessions are listed again ... */
#define EXECUTOR_SETTLE_MS 250
/* ... and after an act, which takes a server a while; one that tells of its
 * changes gives a hint. */
#define EXECUTOR_ACT_SETTLE_MS 1000
#define EXECUTOR_RETRY_FIRST_MS 1000
/* How often version and rights are asked for. */
#define EXECUTOR_REPORT_INTERVAL_MS 3600000

/* What a server looked like at one time. */
struct snapshot {
    struct snapshot *next;
    size_t server;
    int64_t taken_ms; /* wall clock */
    struct session_outcome outcome;
    struct session_list sessions; /* owned; empty unless outcome is OK */
    struct backend_report report;
    bool has_report;
};

void snapshot_free(struct snapshot *snapshot);

/* Called on the executor's thread: queue and return. */
struct executor_events {
    void *context;
    /* Also on the lane's threads, several at a time. */
    void (*done)(void *context, struct job *job);
    /* Takes the snapshot over. */
    void (*snapshot)(void *context, struct snapshot *snapshot);
};

struct executor_options {
    const struct server_settings *settings; /* borrowed for the life */
    size_t server;                          /* its index */
    const struct session_backend_ops *ops;
    const struct clock *clock;
    struct log *log; /* may be NULL */
    struct executor_events events;
};

struct executor;

/*
 * Open the backend and start the thread.
 *
 *   error  a sentence with the mend
 *
 * Returns what session_backend_ops.open returns, or LASTCALL_E_INTERNAL (no
 *         thread).
 */
LASTCALL_MUST_USE enum lastcall_status
executor_open(const struct executor_options *options, struct executor **out,
              struct platform_error *error);

/*
 * Hand a job over; it comes back through done() in every case.  Call
 * executor_wake() after the last one, so that one list serves them all.
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (EXECUTOR_QUEUE_MAX; still the
 *         caller's), LASTCALL_E_CLOSED (interrupted; still the caller's).
 * Thread: any.
 */
LASTCALL_MUST_USE enum lastcall_status
executor_submit(struct executor *executor, struct job *job);

/* Begin with what was submitted.  Thread: any. */
void executor_wake(struct executor *executor);

/*
 * Say that the server's sessions may have changed: they are listed within
 * EXECUTOR_SETTLE_MS, but not sooner behind a list than it took.
 * The context is the executor.  Thread: any.
 */
void executor_hint(void *executor);

/*
 * End what is under way as soon as can be: every job comes back, those that
 * were not finished with LASTCALL_INTERRUPTED.  Thread: any.
 */
void executor_interrupt(struct executor *executor);

/* Interrupt, join the threads and free; NULL is fine. */
void executor_close(struct executor *executor);

#endif
