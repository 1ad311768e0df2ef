/*
 * Reading sessions, as calls with a deadline: all of them, or one afresh.
 */
#ifndef LASTCALL_WORKER_WTS_LOOK_H
#define LASTCALL_WORKER_WTS_LOOK_H

#include "worker/session_backend.h"
#include "worker/wts_call.h"

/* What questions go through, for one server. */
struct wts_desk {
    struct wts_host *host;   /* held */
    struct wts_calls *calls; /* owned */
    struct log *log;         /* borrowed; may be NULL */
    int64_t timeout_ms;      /* for one question; of a list, for each session */
};

/*
 * Read all sessions.  One that cannot be asked further keeps what its line
 * in the list says.  The time is for each: a machine that hangs is left after
 * it, one that goes on telling after wts_calls_longest_ms().
 *
 *   out      filled on LASTCALL_OK
 *   outcome  code and, unless it is LASTCALL_OK, a sentence
 *
 * Returns outcome->code, see session_backend_ops.list.
 */
enum lastcall_status wts_look_at_all(const struct wts_desk *desk,
                                     struct session_list *out,
                                     struct session_outcome *outcome);

enum wts_depth {
    WTS_DEPTH_LINE, /* what the list says: user, state */
    WTS_DEPTH_FULL,
};

/* One session as it is now. */
struct wts_sight {
    bool is_there;
    uint32_t id;
    int32_t state;
    struct session session; /* owned; meaningful while is_there */
};

/*
 * Read one session afresh.
 *
 *   out  filled on LASTCALL_OK; the caller calls session_deinit() on its
 *        session in every case
 *
 * Returns outcome->code: LASTCALL_OK also when it is not there.
 */
enum lastcall_status wts_look_at(const struct wts_desk *desk, uint32_t id,
                                 enum wts_depth depth, struct wts_sight *out,
                                 struct session_outcome *outcome);

/*
 * Say why a call came to no answer.
 *
 *   status  what wts_calls_run() returned; neither LASTCALL_OK nor
 *           LASTCALL_TIMEOUT, of which each kind has more to say
 *   fear    what may have come of it all the same, such as "; the message may
 *           have been shown", or ""
 *
 * Returns outcome->code.
 */
enum lastcall_status wts_call_outcome(const struct wts_desk *desk,
                                      enum lastcall_status status,
                                      enum wts_call_kind kind, const char *fear,
                                      struct session_outcome *outcome);

#endif
