/*
 * The two halves of the Windows service: requests, which service_wait() hands
 * out, and the service manager, which makes them and is told how it goes.
 */
#ifndef LASTCALL_WORKER_SERVICE_WIN32_H
#define LASTCALL_WORKER_SERVICE_WIN32_H

#include <stdbool.h>
#include <stdint.h>
#include <windows.h>

#include "worker/service.h"

#define SERVICE_USUAL_NAME L"lastcall-worker"
/* The longest that a stop takes; service_win32.c holds it against the limits
 * of its parts. */
#define SERVICE_STOP_LIMIT_MS 20000
/* The longest that a start takes: a large journal is checked. */
#define SERVICE_START_LIMIT_MS 120000
/* How often a pending state gets another checkpoint. */
#define SERVICE_CHECKPOINT_MS 1000

/* Keep a request for service_wait(); several of a kind become one.
 * Thread: any. */
void service_request_put(enum service_request request);

/* Whom a service's state is told.  {0} with set_status has told nothing. */
struct service_manager {
    SERVICE_STATUS_HANDLE handle;
    BOOL(WINAPI *set_status)
    (SERVICE_STATUS_HANDLE handle, SERVICE_STATUS *status);
    SRWLOCK lock; /* guards what follows, and the order of what is told */
    SERVICE_STATUS status;
    ULONGLONG pending_until_ms; /* of GetTickCount64() */
};

/*
 * Tell a state.  It never goes back: not from STOP_PENDING to RUNNING, and
 * nothing follows STOPPED.
 *
 *   state      SERVICE_START_PENDING, SERVICE_RUNNING, ...
 *   exit_code  with SERVICE_STOPPED: 0, or what the program would exit with
 */
void service_manager_report(struct service_manager *manager, DWORD state,
                            int exit_code);

/* Give a pending state its next checkpoint, as long as its limit allows: a
 * worker that hangs must look so. */
void service_manager_tick(struct service_manager *manager);

/*
 * The control handler: tells STOP_PENDING where it is to stop, keeps the
 * request and returns at once.
 *
 *   context  a struct service_manager
 *
 * Returns NO_ERROR, ERROR_CALL_NOT_IMPLEMENTED.
 * Source: LPHANDLER_FUNCTION_EX.
 */
DWORD WINAPI service_manager_control(DWORD control, DWORD type, void *data,
                                     void *context);

/* Was this process started with service_dispatch()? */
bool service_is_managed(void);

#endif
