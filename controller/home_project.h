/*
 * What the fleet tells, as plain JSON for the home.  Everything here is made
 * from what was verified before.  Pure.
 *
 * Sessions of a server (retained; the state of its entities):
 *     {"server", "backend", "reachable", "count", "taken_at", "truncated",
 *      "sessions": [{"session_id", "username", ...}, ...]}
 *   A session has the members that are known of it; a member that is null is
 *   left out.  While reachable is false the list is the last known one, so
 *   the count must then show as unavailable.
 *
 * Event of a session (not retained):
 *     {"event_type": "started"|"changed"|"ended", "server", "backend",
 *      "ended_by": request id|null, "ended_by_controller": name|null,
 *      "ended_by_plan": id|null, "session": {...}}
 *
 * Result of a press (not retained):
 *     {"event_type": "success"|"failure"|"refused"|"silent", "button",
 *      "request_id", "code", "detail", "matched", "succeeded", "failed"}
 *   On the bridge's own topic, for a broadcast: the same with
 *      "hosts", "answered", "silent": how many hosts.
 */
#ifndef LASTCALL_CONTROLLER_HOME_PROJECT_H
#define LASTCALL_CONTROLLER_HOME_PROJECT_H

#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/name.h"
#include "protocol/presence.h"
#include "protocol/status.h"

/* Sessions that are listed at home; of more only the count is given. */
#define HOME_SESSION_MAX 256
#define HOME_STATE_BYTES_MAX ((size_t)1024 * 1024)

enum home_outcome {
    HOME_SUCCESS, /* the host answered true; of several: all of them */
    HOME_FAILURE, /* a host answered false */
    HOME_REFUSED, /* refused before anything was done; nothing was sent */
    HOME_SILENT,  /* no answer in time, or known to be offline */
    HOME_OUTCOME_COUNT
};

/* "success", "failure", "refused", "silent": the event types; static. */
const char *home_outcome_name(enum home_outcome outcome);

/*
 * Write the state of a server.
 *
 *   out  appended to; initialised with HOME_STATE_BYTES_MAX
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
home_project_sessions(const struct inventory *inventory, struct bytes *out);

/* Write the event of a session; as home_project_sessions(). */
LASTCALL_MUST_USE enum lastcall_status
home_project_event(const struct event *event, struct bytes *out);

/* What came of a press; texts are borrowed. */
struct home_result {
    enum home_outcome outcome;
    const char *button;
    const char *request_id; /* "" when nothing was signed: null */
    const char *code;       /* a wire code, "silent", "offline" or "busy" */
    const char *detail;
    int64_t matched;
    int64_t succeeded;
    int64_t failed;
    int64_t hosts; /* below 0: of one host; else of a broadcast */
    int64_t answered;
    int64_t silent;
};

/* Write the result of a press; as home_project_sessions(). */
LASTCALL_MUST_USE enum lastcall_status
home_project_result(const struct home_result *result, struct bytes *out);

#endif
