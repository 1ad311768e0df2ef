/* The control handler called directly: Wine's service manager never sends
 * session changes, and no manager can be made to send each of them. */
#include <process.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/service_win32.h"

#define REPORT_COUNT_MAX 32

/* What the service manager was told. */
static SERVICE_STATUS reports[REPORT_COUNT_MAX];
static size_t report_count;

static BOOL WINAPI keep_report(SERVICE_STATUS_HANDLE handle,
                               SERVICE_STATUS *status)
{
    (void)handle;
    assert_true(report_count < REPORT_COUNT_MAX);
    reports[report_count++] = *status;
    return TRUE;
}

static struct service_manager new_manager(void)
{
    report_count = 0;
    return (struct service_manager){.set_status = keep_report};
}

static const SERVICE_STATUS *last(void)
{
    assert_true(report_count > 0);
    return &reports[report_count - 1];
}

static void test_sessions_become_one_request(void **state)
{
    WTSSESSION_NOTIFICATION notification = {.cbSize = sizeof(notification)};
    struct service_manager manager = new_manager();

    (void)state;
    assert_int_equal(service_wait(0), SERVICE_REQUEST_TICK);
    for (DWORD type = WTS_CONSOLE_CONNECT; type <= WTS_SESSION_TERMINATE;
         type++) {
        notification.dwSessionId = type;
        assert_int_equal(service_manager_control(SERVICE_CONTROL_SESSIONCHANGE,
                                                 type, &notification, &manager),
                         NO_ERROR);
    }
    assert_int_equal(service_wait(-1), SERVICE_REQUEST_SESSIONS);
    assert_int_equal(service_wait(0), SERVICE_REQUEST_TICK);
    assert_int_equal(report_count, 0);
}

static void test_reload(void **state)
{
    struct service_manager manager = new_manager();

    (void)state;
    service_manager_control(SERVICE_CONTROL_SESSIONCHANGE, WTS_SESSION_LOGON,
                            NULL, &manager);
    assert_int_equal(
        service_manager_control(SERVICE_CONTROL_PARAMCHANGE, 0, NULL, &manager),
        NO_ERROR);
    assert_int_equal(service_wait(-1), SERVICE_REQUEST_RELOAD);
    assert_int_equal(service_wait(-1), SERVICE_REQUEST_SESSIONS);
    assert_int_equal(service_wait(0), SERVICE_REQUEST_TICK);
}

static void test_other_controls(void **state)
{
    struct service_manager manager = new_manager();

    (void)state;
    assert_int_equal(
        service_manager_control(SERVICE_CONTROL_INTERROGATE, 0, NULL, &manager),
        NO_ERROR);
    assert_int_equal(
        service_manager_control(SERVICE_CONTROL_PAUSE, 0, NULL, &manager),
        ERROR_CALL_NOT_IMPLEMENTED);
    assert_int_equal(service_manager_control(200, 0, NULL, &manager),
                     ERROR_CALL_NOT_IMPLEMENTED);
    assert_int_equal(service_wait(0), SERVICE_REQUEST_TICK);
    assert_int_equal(report_count, 0);
}

static void test_wait_takes_its_time(void **state)
{
    const ULONGLONG start = GetTickCount64();

    (void)state;
    assert_int_equal(service_wait(60), SERVICE_REQUEST_TICK);
    /* The clock steps by 16 ms. */
    assert_true(GetTickCount64() - start >= 40);
}

static unsigned __stdcall change_sessions(void *manager)
{
    service_manager_control(SERVICE_CONTROL_SESSIONCHANGE, WTS_SESSION_LOCK,
                            NULL, manager);
    return 0;
}

static void test_wait_is_woken(void **state)
{
    struct service_manager manager = new_manager();
    HANDLE thread =
        (HANDLE)_beginthreadex(NULL, 0, change_sessions, &manager, 0, NULL);

    (void)state;
    assert_non_null(thread);
    assert_int_equal(service_wait(-1), SERVICE_REQUEST_SESSIONS);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static void test_life(void **state)
{
    struct service_manager manager = new_manager();

    (void)state;
    service_manager_report(&manager, SERVICE_START_PENDING, 0);
    assert_int_equal(last()->dwCurrentState, SERVICE_START_PENDING);
    assert_int_equal(last()->dwServiceType, SERVICE_WIN32_OWN_PROCESS);
    assert_int_equal(last()->dwControlsAccepted, 0);
    assert_int_equal(last()->dwCheckPoint, 1);
    service_manager_tick(&manager);
    assert_int_equal(last()->dwCheckPoint, 2);

    service_manager_report(&manager, SERVICE_RUNNING, 0);
    assert_int_equal(last()->dwCurrentState, SERVICE_RUNNING);
    assert_int_equal(last()->dwControlsAccepted,
                     SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN |
                         SERVICE_ACCEPT_PRESHUTDOWN |
                         SERVICE_ACCEPT_PARAMCHANGE |
                         SERVICE_ACCEPT_SESSIONCHANGE);
    assert_int_equal(last()->dwCheckPoint, 0);
    assert_int_equal(last()->dwWaitHint, 0);
    service_manager_tick(&manager);
    assert_int_equal(report_count, 3);

    service_manager_report(&manager, SERVICE_STOPPED, 0);
    assert_int_equal(last()->dwCurrentState, SERVICE_STOPPED);
    assert_int_equal(last()->dwWin32ExitCode, NO_ERROR);
    service_manager_report(&manager, SERVICE_RUNNING, 0);
    service_manager_tick(&manager);
    assert_int_equal(report_count, 4);
}

static void test_failure_has_its_code(void **state)
{
    struct service_manager manager = new_manager();

    (void)state;
    service_manager_report(&manager, SERVICE_START_PENDING, 0);
    service_manager_report(&manager, SERVICE_STOPPED, 3);
    assert_int_equal(last()->dwWin32ExitCode, ERROR_SERVICE_SPECIFIC_ERROR);
    assert_int_equal(last()->dwServiceSpecificExitCode, 3);
}

/* A stop is told at once, grows while it lasts, and stops growing when it
 * lasts longer than it may. */
static void test_stop_is_pending(void **state)
{
    struct service_manager manager = new_manager();
    DWORD hint = 0;

    (void)state;
    service_manager_report(&manager, SERVICE_START_PENDING, 0);
    service_manager_report(&manager, SERVICE_RUNNING, 0);
    service_manager_control(SERVICE_CONTROL_STOP, 0, NULL, &manager);
    assert_int_equal(last()->dwCurrentState, SERVICE_STOP_PENDING);
    assert_int_equal(last()->dwControlsAccepted, 0);
    assert_int_equal(last()->dwCheckPoint, 1);
    hint = last()->dwWaitHint;
    assert_int_equal(hint, SERVICE_STOP_LIMIT_MS);

    service_manager_report(&manager, SERVICE_RUNNING, 0);
    assert_int_equal(last()->dwCurrentState, SERVICE_STOP_PENDING);
    service_manager_tick(&manager);
    assert_int_equal(last()->dwCheckPoint, 2);
    assert_true(last()->dwWaitHint <= hint);

    manager.pending_until_ms = GetTickCount64();
    service_manager_tick(&manager);
    assert_int_equal(last()->dwCheckPoint, 2);
    assert_int_equal(report_count, 4);
    service_manager_report(&manager, SERVICE_STOPPED, 0);
    assert_int_equal(last()->dwCurrentState, SERVICE_STOPPED);
}

/* Last, because a stop stays asked for. */
static void test_stop_goes_first_and_stays(void **state)
{
    static const DWORD controls[] = {SERVICE_CONTROL_STOP,
                                     SERVICE_CONTROL_SHUTDOWN,
                                     SERVICE_CONTROL_PRESHUTDOWN};

    (void)state;
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        struct service_manager manager = new_manager();

        service_manager_control(SERVICE_CONTROL_PARAMCHANGE, 0, NULL, &manager);
        assert_int_equal(
            service_manager_control(controls[i], 0, NULL, &manager), NO_ERROR);
        assert_int_equal(last()->dwCurrentState, SERVICE_STOP_PENDING);
        assert_int_equal(service_wait(-1), SERVICE_REQUEST_STOP);
        assert_int_equal(service_wait(-1), SERVICE_REQUEST_STOP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_become_one_request),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_other_controls),
        cmocka_unit_test(test_wait_takes_its_time),
        cmocka_unit_test(test_wait_is_woken),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_failure_has_its_code),
        cmocka_unit_test(test_stop_is_pending),
        cmocka_unit_test(test_stop_goes_first_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
