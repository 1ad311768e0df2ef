/*
 * What Plex does not tell of a session and a watcher can know: since when it
 * is there and since when it is paused.
 *
 * A session is the pair of its session_id and session_key.  started_at is
 * when this worker first saw it; paused_s counts from when it first saw it
 * paused, by the monotonic clock.  Both begin anew when the worker does.
 */
#ifndef LASTCALL_WORKER_PLEX_TRACK_H
#define LASTCALL_WORKER_PLEX_TRACK_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/session.h"
#include "protocol/status.h"

struct plex_seen;

/* {0} has seen nothing.  Never holds more than the latest list did. */
struct plex_track {
    struct plex_seen *seen; /* owned; sorted by key */
    size_t count;
};

void plex_track_deinit(struct plex_track *track);

/*
 * Compare a list with the ones before, and fill started_at, paused_s and
 * idle_s (the pause; 0 while it plays or buffers) of its sessions.  Sessions
 * that are not in it are forgotten.
 *
 *   wall_ms       milliseconds since 1970
 *   monotonic_ms  never less than in the call before
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM (what was seen before is kept).
 */
LASTCALL_MUST_USE enum lastcall_status
plex_track_update(struct plex_track *track, struct session_list *list,
                  int64_t wall_ms, int64_t monotonic_ms);

#endif
