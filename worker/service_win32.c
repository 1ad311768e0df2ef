#include "worker/service_win32.h"

#include "worker/pipeline.h"
#include "worker/worker.h"

/* For threads to end, and a disconnect, beside what is bounded by itself. */
#define STOP_ROOM_MS 8000

_Static_assert(SERVICE_STOP_LIMIT_MS >=
                   PIPELINE_DRAIN_MS + WORKER_FLUSH_MS + STOP_ROOM_MS,
               "the service manager is told how long a stop may take");

/* Requests that wait.  The console's handler takes no context, so that they
 * are the process's, as signals are elsewhere. */
static struct {
    SRWLOCK lock; /* guards what follows */
    CONDITION_VARIABLE condition;
    bool stop; /* stays */
    bool reload;
    bool sessions;
} waiting = {.lock = SRWLOCK_INIT, .condition = CONDITION_VARIABLE_INIT};

void service_request_put(enum service_request request)
{
    AcquireSRWLockExclusive(&waiting.lock);
    switch (request) {
    case SERVICE_REQUEST_STOP:
        waiting.stop = true;
        break;
    case SERVICE_REQUEST_RELOAD:
        waiting.reload = true;
        break;
    case SERVICE_REQUEST_SESSIONS:
        waiting.sessions = true;
        break;
    case SERVICE_REQUEST_TICK:
        break;
    }
    ReleaseSRWLockExclusive(&waiting.lock);
    WakeConditionVariable(&waiting.condition);
}

/* The most urgent request, with the lock held; SERVICE_REQUEST_TICK: none. */
static enum service_request take_request(void)
{
    if (waiting.stop)
        return SERVICE_REQUEST_STOP;
    if (waiting.reload) {
        waiting.reload = false;
        return SERVICE_REQUEST_RELOAD;
    }
    if (waiting.sessions) {
        waiting.sessions = false;
        return SERVICE_REQUEST_SESSIONS;
    }
    return SERVICE_REQUEST_TICK;
}

enum service_request service_wait(int64_t timeout_ms)
{
    const ULONGLONG start = GetTickCount64();
    enum service_request request = SERVICE_REQUEST_TICK;

    AcquireSRWLockExclusive(&waiting.lock);
    while ((request = take_request()) == SERVICE_REQUEST_TICK) {
        const ULONGLONG passed = GetTickCount64() - start;
        DWORD rest = INFINITE;

        if (timeout_ms >= 0) {
            if (passed >= (ULONGLONG)timeout_ms)
                break;
            rest = (DWORD)((ULONGLONG)timeout_ms - passed);
        }
        SleepConditionVariableSRW(&waiting.condition, &waiting.lock, rest, 0);
    }
    ReleaseSRWLockExclusive(&waiting.lock);
    return request;
}

/*
 * Source: HandlerRoutine(): the process ends when the handler of a close or a
 * shutdown returns, so that it must not before the worker has ended it.  A
 * logoff may be anybody's.
 */
static BOOL WINAPI on_console(DWORD type)
{
    switch (type) {
    case CTRL_C_EVENT:
    case CTRL_BREAK_EVENT:
        service_request_put(SERVICE_REQUEST_STOP);
        return TRUE;
    case CTRL_CLOSE_EVENT:
    case CTRL_SHUTDOWN_EVENT:
        service_request_put(SERVICE_REQUEST_STOP);
        Sleep(SERVICE_STOP_LIMIT_MS);
        return TRUE;
    default:
        return FALSE;
    }
}

enum lastcall_status service_prepare(void)
{
    /* A crash is for the service manager: no dialog that waits for somebody,
     * and no report that holds our secrets. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    HeapSetInformation(NULL, HeapEnableTerminationOnCorruption, NULL, 0);
    if (!service_is_managed() && !SetConsoleCtrlHandler(on_console, TRUE))
        return LASTCALL_E_INTERNAL;
    return LASTCALL_OK;
}

/* These are systemd's; the service manager knows service_started() and the
 * end of what service_dispatch() runs. */

void service_notify(const char *state)
{
    (void)state;
}

void service_notify_reloading(void)
{
}

int64_t service_watchdog_ms(void)
{
    return -1;
}
