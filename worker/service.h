/*
 * The worker as a service of the operating system: being told to stop or to
 * reload, and telling the supervisor how it goes.
 * Filling: service_posix.c.
 */
#ifndef LASTCALL_WORKER_SERVICE_H
#define LASTCALL_WORKER_SERVICE_H

#include <stdint.h>

#include "protocol/status.h"

enum service_request {
    SERVICE_STOP,
    SERVICE_RELOAD,
    SERVICE_SESSIONS, /* the system's sessions changed (Windows) */
    SERVICE_TICK,     /* the time that service_wait() was given is over */
};

/*
 * Prepare the process: stop and reload requests are kept for service_wait(),
 * files are made for their owner alone, secrets do not end in a core dump, a
 * broken connection is an error and not a signal.  Call it before any thread
 * is started.
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status service_prepare(void);

/*
 * Wait for a request.
 *
 *   timeout_ms  how long at most; below 0: for ever
 */
enum service_request service_wait(int64_t timeout_ms);

/*
 * Tell the supervisor a state, such as "READY=1"; nothing happens where there
 * is none.  Thread: any.
 * Source: sd_notify(3), section "Description".
 */
void service_notify(const char *state);

/* Tell that a reload began: "RELOADING=1" with the time. */
void service_notify_reloading(void);

/*
 * How often the supervisor wants "WATCHDOG=1", halved for safety, in
 * milliseconds; below 0 when it does not.
 */
int64_t service_watchdog_ms(void);

#endif
