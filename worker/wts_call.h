/*
 * The deadline that Windows' session calls lack.  A call to another machine
 * may hang for minutes and cannot be cancelled: it runs on a thread of its
 * own, and who asked waits no longer than he wants to.  A call that was left
 * behind ends by itself some day and cleans up after itself.
 *
 *     struct wts_call (the caller's, with its question)
 *         -> wts_calls_run -> LASTCALL_OK        the caller's again, answered
 *                          -> anything else      not the caller's any more
 */
#ifndef LASTCALL_WORKER_WTS_CALL_H
#define LASTCALL_WORKER_WTS_CALL_H

#include <stdatomic.h>

#include "worker/wts_host.h"

/* However well a call comes on with its steps: so many times its timeout, and
 * no longer than a minute. */
#define WTS_CALL_STEPS_FACTOR 12
#define WTS_CALL_STEPS_MS 60000
/* Calls of a kind that hang; with so many no further one of it is begun. */
#define WTS_CALL_LOOK_STUCK_MAX 4
#define WTS_CALL_ACT_STUCK_MAX 16
#define WTS_CALL_BOX_STUCK_MAX 64
/* Threads that are kept for the next call. */
#define WTS_CALL_IDLE_MAX 1

/* The first member of a question with its answer, on the heap. */
struct wts_call {
    /* Ask.  It may take as long as it likes. */
    void (*ask)(struct wts_call *call, const struct wts_host *host);
    /* Free it with all that it holds; on any thread. */
    void (*free)(struct wts_call *call);
    /* Of many: how many are done.  With each the time begins anew, so that a
     * machine may have thousands of sessions and none of them hang. */
    atomic_uint steps;
    /* Nobody waits any more: a call of many steps takes no further one. */
    atomic_bool is_left;
};

/* Each hangs on its own account: an act hangs with one session, and the others
 * can be listed all the same. */
enum wts_call_kind {
    WTS_CALL_LOOK, /* reads */
    WTS_CALL_ACT,
    WTS_CALL_BOX, /* a message that waits for its answer */
    /* To clean up: also after wts_calls_interrupt(), and however many hang. */
    WTS_CALL_LAST,
    WTS_CALL_KIND_COUNT
};

/* So many of a kind may hang. */
size_t wts_calls_stuck_max(enum wts_call_kind kind);

struct wts_calls;

/*
 * Make the room for calls; no thread yet.
 *
 *   host     held on its own account
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status wts_calls_open(struct wts_host *host,
                                                      struct wts_calls **out);

/*
 * Run a call and wait for its end.
 *
 *   call        taken over, but for LASTCALL_OK
 *   timeout_ms  how long to wait for its end, or for its next step
 *
 * Returns LASTCALL_OK, LASTCALL_TIMEOUT (left behind), LASTCALL_BUSY
 *         (wts_calls_stuck_max() hang already: not begun),
 *         LASTCALL_INTERRUPTED, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL (no
 *         thread).
 * Thread: any, several at a time.
 */
LASTCALL_MUST_USE enum lastcall_status wts_calls_run(struct wts_calls *calls,
                                                     struct wts_call *call,
                                                     int64_t timeout_ms,
                                                     enum wts_call_kind kind);

/* The longest that a call with such a timeout is waited for, steps or not. */
int64_t wts_calls_longest_ms(int64_t timeout_ms);

/* End all waits, and those to come.  Thread: any. */
void wts_calls_interrupt(struct wts_calls *calls);

/* Free it, without waiting for calls that hang; NULL is fine.  No
 * wts_calls_run() may be under way. */
void wts_calls_close(struct wts_calls *calls);

#endif
