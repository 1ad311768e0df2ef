/*
 * The worker's life as its service manager makes it, over the real control
 * handler: no manager can be made to send a change of sessions, and Wine's
 * never sends one.
 */
#include "tests/unit/bodies.h"

#include <process.h>
#include <stdlib.h>

#include "tests/unit/worker_stage.h"
#include "worker/serve.h"
#include "worker/service_win32.h"

static BOOL WINAPI ignore_report(SERVICE_STATUS_HANDLE handle,
                                 SERVICE_STATUS *status)
{
    (void)handle;
    (void)status;
    return TRUE;
}

static struct service_manager manager = {.set_status = ignore_report};

static void control(DWORD code, DWORD type)
{
    WTSSESSION_NOTIFICATION session = {.cbSize = sizeof(session),
                                       .dwSessionId = 2};

    assert_int_equal(service_manager_control(code, type, &session, &manager),
                     NO_ERROR);
}

static unsigned __stdcall live(void *stage)
{
    (void)stage;
    return (unsigned)serve(&worker_stage.context, worker_stage.config);
}

static void it_does_what_the_manager_asks_for(void **state)
{
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, live, NULL, 0, NULL);
    DWORD code = EXIT_FAILURE;

    (void)state;
    assert_non_null(thread);
    worker_stage_await_lists(1, 1);
    control(SERVICE_CONTROL_SESSIONCHANGE, WTS_SESSION_LOGON);
    worker_stage_await_lists(2, 1);
    fake_lock();
    assert_int_equal(fake_servers[1].lists, 1); /* a Plex is no part of it */
    fake_unlock();
    /* The worker of the new settings looks at all of them. */
    control(SERVICE_CONTROL_PARAMCHANGE, 0);
    worker_stage_await_lists(3, 2);
    /* It is the new one that is told from now on. */
    control(SERVICE_CONTROL_SESSIONCHANGE, WTS_REMOTE_DISCONNECT);
    worker_stage_await_lists(4, 2);
    control(SERVICE_CONTROL_STOP, 0);
    assert_int_equal(WaitForSingleObject(thread, SERVICE_STOP_LIMIT_MS),
                     WAIT_OBJECT_0);
    assert_true(GetExitCodeThread(thread, &code));
    assert_int_equal(code, EXIT_SUCCESS);
    CloseHandle(thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_does_what_the_manager_asks_for,
                                        worker_stage_setup,
                                        worker_stage_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
