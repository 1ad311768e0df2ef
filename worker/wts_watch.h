/*
 * Word of changes: a thread that waits for Windows to tell of a session that
 * came, went or changed, and passes it on.  A help and no more: sessions are
 * listed every sessions_interval in any case.
 */
#ifndef LASTCALL_WORKER_WTS_WATCH_H
#define LASTCALL_WORKER_WTS_WATCH_H

#include "worker/wts_call.h"

/* After a wait that failed: the first pause, twice as long with each further
 * failure, and the longest.  Some fail at once, every time. */
#define WTS_WATCH_RETRY_FIRST_MS 1000
#define WTS_WATCH_RETRY_MAX_MS 60000
/* More waits than this that end within a second are no news but noise: then
 * the rest of the second is passed over. */
#define WTS_WATCH_BURST_MAX 20
/* How long closing waits for a wait to end; then it is left behind. */
#define WTS_WATCH_CLOSE_MS 1000

struct wts_watch;

/*
 * Start the thread.
 *
 *   host     held on its own account
 *   changed  called on the thread, at most until close returns
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
wts_watch_open(struct wts_host *host, void (*changed)(void *context),
               void *context, struct wts_watch **out);

/*
 * End the thread, or leave it behind when its wait does not end; NULL is
 * fine.
 *
 *   calls  to end the wait through, as that may hang as well
 */
void wts_watch_close(struct wts_watch *watch, struct wts_calls *calls);

#endif
