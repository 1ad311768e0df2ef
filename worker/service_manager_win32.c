#include "worker/service_win32.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/arguments.h"

#define FILETIME_PER_MS 10000

/* What this process is to its service manager; the manager's entry point
 * takes no context. */
static struct {
    struct service_manager manager;
    int (*run)(void *context);
    void *context;
    int exit_code;
    bool is_managed;
} process = {.manager = {.set_status = SetServiceStatus, .lock = SRWLOCK_INIT},
             .exit_code = EXIT_FAILURE};

/* ---- telling ---- */

static DWORD accepted_in(DWORD state)
{
    if (state != SERVICE_RUNNING)
        return 0;
    return SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN |
           SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE |
           SERVICE_ACCEPT_SESSIONCHANGE;
}

static DWORD limit_in(DWORD state)
{
    if (state == SERVICE_START_PENDING)
        return SERVICE_START_LIMIT_MS;
    return state == SERVICE_STOP_PENDING ? SERVICE_STOP_LIMIT_MS : 0;
}

/* How far a service's life has come, so that it never goes back. */
static int stage_of(DWORD state)
{
    switch (state) {
    case SERVICE_START_PENDING:
        return 1;
    case SERVICE_RUNNING:
        return 2;
    case SERVICE_STOP_PENDING:
        return 3;
    case SERVICE_STOPPED:
        return 4;
    default:
        return 0;
    }
}

void service_manager_report(struct service_manager *manager, DWORD state,
                            int exit_code)
{
    SERVICE_STATUS *status = &manager->status;

    AcquireSRWLockExclusive(&manager->lock);
    if (stage_of(state) > stage_of(status->dwCurrentState)) {
        *status = (SERVICE_STATUS){
            .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
            .dwCurrentState = state,
            .dwControlsAccepted = accepted_in(state),
            .dwWin32ExitCode =
                exit_code == 0 ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR,
            .dwServiceSpecificExitCode = (DWORD)exit_code,
            .dwCheckPoint = limit_in(state) > 0 ? 1 : 0,
            .dwWaitHint = limit_in(state),
        };
        manager->pending_until_ms = GetTickCount64() + limit_in(state);
        manager->set_status(manager->handle, status);
    }
    ReleaseSRWLockExclusive(&manager->lock);
}

void service_manager_tick(struct service_manager *manager)
{
    const ULONGLONG now_ms = GetTickCount64();
    SERVICE_STATUS *status = &manager->status;

    AcquireSRWLockExclusive(&manager->lock);
    if (limit_in(status->dwCurrentState) > 0 &&
        now_ms < manager->pending_until_ms) {
        status->dwCheckPoint++;
        /* What is left, and not the whole again: it ends as a whole. */
        status->dwWaitHint = (DWORD)(manager->pending_until_ms - now_ms);
        manager->set_status(manager->handle, status);
    }
    ReleaseSRWLockExclusive(&manager->lock);
}

/* ---- being told ---- */

DWORD WINAPI service_manager_control(DWORD control, DWORD type, void *data,
                                     void *context)
{
    (void)type;
    (void)data; /* which session it was: they are all listed again */
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN:
        service_manager_report(context, SERVICE_STOP_PENDING, 0);
        service_request_put(SERVICE_REQUEST_STOP);
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        service_request_put(SERVICE_REQUEST_RELOAD);
        return NO_ERROR;
    case SERVICE_CONTROL_SESSIONCHANGE:
        service_request_put(SERVICE_REQUEST_SESSIONS);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* ---- the process ---- */

bool service_is_managed(void)
{
    return process.is_managed;
}

void service_started(void)
{
    if (process.is_managed)
        service_manager_report(&process.manager, SERVICE_RUNNING, 0);
}

static void CALLBACK on_timer(PTP_CALLBACK_INSTANCE instance, void *context,
                              PTP_TIMER timer)
{
    (void)instance;
    (void)timer;
    service_manager_tick(context);
}

/* Without it the wait hint of the first report has to do; NULL is fine. */
static PTP_TIMER start_timer(struct service_manager *manager)
{
    PTP_TIMER timer = CreateThreadpoolTimer(on_timer, manager, NULL);
    ULARGE_INTEGER due = {0};
    FILETIME start;

    if (timer == NULL)
        return NULL;
    /* Below 0: from now on. */
    due.QuadPart = 0 - (ULONGLONG)SERVICE_CHECKPOINT_MS * FILETIME_PER_MS;
    start.dwLowDateTime = due.LowPart;
    start.dwHighDateTime = due.HighPart;
    SetThreadpoolTimer(timer, &start, SERVICE_CHECKPOINT_MS, 0);
    return timer;
}

static void stop_timer(PTP_TIMER timer)
{
    if (timer == NULL)
        return;
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CloseThreadpoolTimer(timer);
}

/* Nothing may follow the report of the end: main() goes on by then. */
static void WINAPI service_entry(DWORD argc, wchar_t **argv)
{
    struct service_manager *manager = &process.manager;
    static const wchar_t usual_name[] = SERVICE_USUAL_NAME;
    PTP_TIMER timer = NULL;

    manager->handle = RegisterServiceCtrlHandlerExW(
        argc > 0 ? argv[0] : usual_name, service_manager_control, manager);
    if (manager->handle == NULL)
        return;
    service_manager_report(manager, SERVICE_START_PENDING, 0);
    timer = start_timer(manager);
    process.exit_code = process.run(process.context);
    stop_timer(timer);
    service_manager_report(manager, SERVICE_STOPPED, process.exit_code);
}

int service_dispatch(int (*run)(void *context), void *context)
{
    wchar_t name[] = SERVICE_USUAL_NAME; /* of no weight in a process alone */
    const SERVICE_TABLE_ENTRYW table[] = {{name, service_entry}, {NULL, NULL}};

    process.run = run;
    process.context = context;
    process.is_managed = true;
    if (StartServiceCtrlDispatcherW(table))
        return process.exit_code;
    if (GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        fputs("lastcall-worker: --service is for the service manager; at a "
              "prompt leave it out\n",
              stderr);
    else
        fprintf(stderr,
                "lastcall-worker: the service manager refused: error %lu\n",
                GetLastError());
    return EXIT_USAGE;
}
