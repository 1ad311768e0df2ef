/*
 * The worker as a service of the operating system: being installed, being told
 * to stop or to reload, and telling the supervisor how it goes.  Here are the
 * process's own matters: there is one of each, and nothing to pass about.
 * Fillings: service_posix.c; service_win32.c (requests),
 * service_manager_win32.c, service_install_win32.c.
 */
#ifndef LASTCALL_WORKER_SERVICE_H
#define LASTCALL_WORKER_SERVICE_H

#include <stdint.h>

#include "protocol/io/platform.h"
#include "protocol/status.h"

enum service_request {
    SERVICE_REQUEST_STOP,
    SERVICE_REQUEST_RELOAD,
    SERVICE_REQUEST_SESSIONS, /* the system's sessions changed (Windows) */
    SERVICE_REQUEST_TICK,     /* the time given to service_wait() is over */
};

/*
 * Prepare the process: stop and reload requests are kept for service_wait(),
 * files are made for their owner alone, secrets do not end in a core dump, a
 * broken connection is an error and not a signal.  Call it before any thread
 * of ours is started.
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

/* Tell that the worker's threads run; the broker may be away still. */
void service_started(void);

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

/*
 * Run the worker for a service manager that calls it (Windows): the manager's
 * requests reach service_wait(), and it is told when `run` has returned.
 *
 *   run  the worker, called once, on another thread; its result is 0 or an
 *        exit status
 *
 * Returns the status to exit with; 2, with a sentence on standard error, when
 * it was not a service manager that started this process.
 */
int service_dispatch(int (*run)(void *context), void *context);

/* What to install. */
struct service_installation {
    const char *name;      /* NULL: "lastcall-worker" */
    const char *config;    /* the file; need not be absolute */
    const char *log_level; /* NULL: the usual one */
    /* Is the file good?  Called once the folders are in order. */
    enum lastcall_status (*check)(const char *config,
                                  struct platform_error *error);
};

/*
 * Make this program a service of the system, or update it, and say what was
 * done on standard output, what is wrong on standard error.
 *
 * Returns the status to exit with: 0, 1, or 2 where the system has another
 * way.
 */
int service_install(const struct service_installation *installation);

/* Stop and remove the service; NULL: "lastcall-worker".  Configuration and
 * journal stay.  Returns as service_install(). */
int service_uninstall(const char *name);

#endif
