/*
 * What installing the service asks of Windows.  Wine's manager keeps little of
 * it and tells none of it, so here the calls of the manager and of the registry
 * are ours: advapi32 is asked through pointers, which stand below.
 */
#include "tests/unit/case_lines.h"

#include <windows.h>
#include <winsvc.h>

#include <stdlib.h>
#include <wchar.h>

#include "protocol/io/platform.h"
#include "protocol/io/wide_win32.h"
#include "worker/access_win32.h"
#include "worker/service_win32.h"

#define TEXT_UNITS 1024
#define LONG_UNITS 4096
#define STEP_MAX 8
#define NOBODY ((const wchar_t *)L"-")
#define OURS L"\"C:\\old.exe\" --service --config \"C:\\old.conf\""

/* ---- Windows ---- */

/* What it is to answer, and what it was asked for. */
static struct {
    /* orders */
    const wchar_t *present; /* the command of a service that is there */
    DWORD lacks;            /* an extra that this Windows has not */
    unsigned wrong_step;    /* the check that fails; 0: none */
    /* what was seen */
    char steps[STEP_MAX][TEXT_UNITS]; /* checks, in order */
    unsigned step_count;
    unsigned created, changed, opened, closed;
    wchar_t names[TEXT_UNITS];
    wchar_t command[LONG_UNITS];
    const wchar_t *account;
    DWORD start, type;
    SERVICE_FAILURE_ACTIONSW failure;
    SC_ACTION actions[STEP_MAX];
    BOOL also_errors, delayed;
    DWORD preshutdown_ms, sid;
    wchar_t description[TEXT_UNITS];
    wchar_t key[TEXT_UNITS];
    wchar_t message_file[TEXT_UNITS];
    DWORD event_types;
} seen;

static SC_HANDLE a_handle(void)
{
    seen.opened++;
    return (SC_HANDLE)&seen;
}

static SC_HANDLE WINAPI open_manager(const wchar_t *machine,
                                     const wchar_t *database, DWORD rights)
{
    (void)machine, (void)database, (void)rights;
    return a_handle();
}

static SC_HANDLE WINAPI create_service(
    SC_HANDLE manager, const wchar_t *name, const wchar_t *display,
    DWORD rights, DWORD type, DWORD start, DWORD error, const wchar_t *command,
    const wchar_t *group, DWORD *tag, const wchar_t *needs,
    const wchar_t *account, const wchar_t *password)
{
    (void)manager, (void)rights, (void)error, (void)group, (void)tag;
    (void)needs, (void)password;
    _snwprintf(seen.names, TEXT_UNITS - 1, L"%ls, %ls", name, display);
    if (seen.present != NULL) {
        SetLastError(ERROR_SERVICE_EXISTS);
        return NULL;
    }
    seen.created++;
    seen.type = type;
    seen.start = start;
    seen.account = account;
    _snwprintf(seen.command, LONG_UNITS - 1, L"%ls", command);
    return a_handle();
}

static SC_HANDLE WINAPI open_service(SC_HANDLE manager, const wchar_t *name,
                                     DWORD rights)
{
    (void)manager, (void)name, (void)rights;
    return a_handle();
}

static BOOL WINAPI change_config(SC_HANDLE service, DWORD type, DWORD start,
                                 DWORD error, const wchar_t *command,
                                 const wchar_t *group, DWORD *tag,
                                 const wchar_t *needs, const wchar_t *account,
                                 const wchar_t *password,
                                 const wchar_t *display)
{
    (void)service, (void)error, (void)group, (void)tag, (void)needs;
    (void)password, (void)display;
    seen.changed++;
    seen.type = type;
    seen.start = start;
    seen.account = account;
    _snwprintf(seen.command, LONG_UNITS - 1, L"%ls", command);
    return TRUE;
}

static BOOL WINAPI query_config(SC_HANDLE service, QUERY_SERVICE_CONFIGW *out,
                                DWORD size, DWORD *needed)
{
    wchar_t *text = (wchar_t *)(void *)(out + 1);

    (void)service, (void)size, (void)needed;
    wcscpy(text, seen.present);
    *out = (QUERY_SERVICE_CONFIGW){.lpBinaryPathName = text};
    return TRUE;
}

static BOOL WINAPI change_extra(SC_HANDLE service, DWORD level, void *info)
{
    (void)service;
    if (level == seen.lacks) {
        SetLastError(ERROR_INVALID_LEVEL);
        return FALSE;
    }
    switch (level) {
    case SERVICE_CONFIG_DESCRIPTION:
        _snwprintf(seen.description, TEXT_UNITS - 1, L"%ls",
                   ((SERVICE_DESCRIPTIONW *)info)->lpDescription);
        break;
    case SERVICE_CONFIG_FAILURE_ACTIONS:
        seen.failure = *(SERVICE_FAILURE_ACTIONSW *)info;
        assert_in_range(seen.failure.cActions, 1, STEP_MAX);
        memcpy(seen.actions, seen.failure.lpsaActions,
               seen.failure.cActions * sizeof(seen.actions[0]));
        break;
    case SERVICE_CONFIG_FAILURE_ACTIONS_FLAG:
        seen.also_errors = ((SERVICE_FAILURE_ACTIONS_FLAG *)info)
                               ->fFailureActionsOnNonCrashFailures;
        break;
    case SERVICE_CONFIG_DELAYED_AUTO_START_INFO:
        seen.delayed =
            ((SERVICE_DELAYED_AUTO_START_INFO *)info)->fDelayedAutostart;
        break;
    case SERVICE_CONFIG_PRESHUTDOWN_INFO:
        seen.preshutdown_ms =
            ((SERVICE_PRESHUTDOWN_INFO *)info)->dwPreshutdownTimeout;
        break;
    case SERVICE_CONFIG_SERVICE_SID_INFO:
        seen.sid = ((SERVICE_SID_INFO *)info)->dwServiceSidType;
        break;
    default:
        fail_msg("level %lu", level);
    }
    return TRUE;
}

static BOOL WINAPI close_handle(SC_HANDLE handle)
{
    assert_ptr_equal(handle, &seen);
    seen.closed++;
    return TRUE;
}

static LSTATUS WINAPI create_key(HKEY root, const wchar_t *path, DWORD reserved,
                                 wchar_t *class, DWORD options, REGSAM rights,
                                 const SECURITY_ATTRIBUTES *security, HKEY *out,
                                 DWORD *disposition)
{
    (void)reserved, (void)class, (void)options, (void)rights, (void)security;
    (void)disposition;
    assert_ptr_equal(root, HKEY_LOCAL_MACHINE);
    _snwprintf(seen.key, TEXT_UNITS - 1, L"%ls", path);
    *out = (HKEY)(void *)&seen;
    return ERROR_SUCCESS;
}

static LSTATUS WINAPI set_value(HKEY key, const wchar_t *name, DWORD reserved,
                                DWORD type, const BYTE *data, DWORD size)
{
    (void)key, (void)reserved;
    if (wcscmp(name, L"EventMessageFile") == 0) {
        assert_int_equal(type, REG_EXPAND_SZ);
        assert_true(size <= sizeof(seen.message_file));
        memcpy(seen.message_file, data, size);
    } else {
        assert_int_equal(wcscmp(name, L"TypesSupported"), 0);
        assert_int_equal(type, REG_DWORD);
        memcpy(&seen.event_types, data, sizeof(seen.event_types));
    }
    return ERROR_SUCCESS;
}

static LSTATUS WINAPI close_key(HKEY key)
{
    assert_ptr_equal(key, &seen);
    return ERROR_SUCCESS;
}

/* The pointers that imports go through; found before advapi32's own. */
#define STANDS_FOR(import, function)                                           \
    extern void (*const import)(void);                                         \
    void (*const import)(void) = (void (*)(void))(function)
STANDS_FOR(__imp_OpenSCManagerW, open_manager);
STANDS_FOR(__imp_CreateServiceW, create_service);
STANDS_FOR(__imp_OpenServiceW, open_service);
STANDS_FOR(__imp_ChangeServiceConfigW, change_config);
STANDS_FOR(__imp_ChangeServiceConfig2W, change_extra);
STANDS_FOR(__imp_QueryServiceConfigW, query_config);
STANDS_FOR(__imp_CloseServiceHandle, close_handle);
STANDS_FOR(__imp_RegCreateKeyExW, create_key);
STANDS_FOR(__imp_RegSetValueExW, set_value);
STANDS_FOR(__imp_RegCloseKey, close_key);

/* ---- checks of files, in the place of access_win32.c ---- */

static enum lastcall_status step(const char *what, const wchar_t *path,
                                 struct platform_error *error)
{
    char *text = wide_to_utf8(path);

    assert_true(seen.step_count < STEP_MAX);
    snprintf(seen.steps[seen.step_count++], TEXT_UNITS, "%s %s", what, text);
    free(text);
    /* Nothing is made before all is looked at. */
    assert_int_equal(seen.created + seen.changed, 0);
    if (seen.step_count != seen.wrong_step)
        return LASTCALL_OK;
    snprintf(error->text, sizeof(error->text), "it is wrong");
    return LASTCALL_E_PERMISSION;
}

enum lastcall_status access_check_file(const wchar_t *path,
                                       struct platform_error *error)
{
    return step("file", path, error);
}

enum lastcall_status access_close_folder(const wchar_t *path,
                                         struct platform_error *error)
{
    return step("folder", path, error);
}

static enum lastcall_status check(const char *config,
                                  struct platform_error *error)
{
    wchar_t *path = wide_from_utf8(config);
    enum lastcall_status status = step("read", path, error);

    free(path);
    return status;
}

/* ---- the tests ---- */

static int set_up(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    seen.account = NOBODY;
    return 0;
}

static int install_as(const char *name, const char *level)
{
    const struct service_installation installation = {
        .name = name,
        .config = "C:\\ä b\\worker.conf",
        .log_level = level,
        .check = check};
    const int code = service_install(&installation);

    assert_int_equal(seen.opened, seen.closed);
    return code;
}

static int install(const char *level)
{
    return install_as(NULL, level);
}

static void program(wchar_t out[TEXT_UNITS])
{
    assert_in_range(GetModuleFileNameW(NULL, out, TEXT_UNITS), 1,
                    TEXT_UNITS - 1);
}

static void what_is_asked_of_the_manager(void **state)
{
    wchar_t path[TEXT_UNITS];
    wchar_t command[LONG_UNITS];

    (void)state;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(seen.created, 1);
    program(path);
    _snwprintf(command, LONG_UNITS - 1,
               L"\"%ls\" --service --config \"C:\\ä b\\worker.conf\"", path);
    assert_int_equal(wcscmp(seen.command, command), 0);
    assert_null(seen.account); /* LocalSystem */
    assert_int_equal(seen.type, SERVICE_WIN32_OWN_PROCESS);
    assert_int_equal(seen.start, SERVICE_AUTO_START);
    assert_true(seen.delayed);
    assert_int_equal(seen.preshutdown_ms, SERVICE_STOP_LIMIT_MS);
    assert_int_equal(seen.sid, SERVICE_SID_TYPE_UNRESTRICTED);
    assert_true(seen.description[0] != L'\0');
}

static void a_failure_has_it_started_again(void **state)
{
    static const DWORD delays_ms[] = {5000, 30000, 60000};

    (void)state;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(seen.failure.cActions, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen.actions[i].Type, SC_ACTION_RESTART);
        assert_int_equal(seen.actions[i].Delay, delays_ms[i]);
    }
    assert_int_equal(seen.failure.dwResetPeriod, 24 * 60 * 60);
    assert_null(seen.failure.lpCommand);
    assert_null(seen.failure.lpRebootMsg);
    assert_true(seen.also_errors);
}

static void the_event_log_knows_its_source(void **state)
{
    wchar_t path[TEXT_UNITS];

    (void)state;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(wcscmp(seen.key,
                            L"SYSTEM\\CurrentControlSet\\Services\\EventLog"
                            L"\\Application\\Lastcall"),
                     0);
    program(path);
    assert_int_equal(wcscmp(seen.message_file, path), 0);
    assert_int_equal(seen.event_types, EVENTLOG_ERROR_TYPE |
                                           EVENTLOG_WARNING_TYPE |
                                           EVENTLOG_INFORMATION_TYPE);
}

/* Windows takes neither name twice. */
static void a_second_one_has_names_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(wcscmp(seen.names, L"lastcall-worker, Lastcall worker"),
                     0);
    set_up(NULL);
    assert_int_equal(install_as("büro", NULL), EXIT_SUCCESS);
    assert_int_equal(wcscmp(seen.names, L"büro, Lastcall worker (büro)"), 0);
}

static void a_level_stands_in_the_command(void **state)
{
    (void)state;
    assert_int_equal(install("debug"), EXIT_SUCCESS);
    assert_non_null(wcsstr(seen.command, L".conf\" --log-level debug"));
}

/* Program, folder, configuration: who may change them; then what it says. */
static void nothing_is_made_of_what_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(seen.step_count, 4);
    assert_int_equal(strncmp(seen.steps[0], "file ", 5), 0);
    assert_non_null(strstr(seen.steps[0], "test_service_install_win32.exe"));
    assert_string_equal(seen.steps[1], "folder C:\\ProgramData\\Lastcall");
    assert_string_equal(seen.steps[2], "file C:\\ä b\\worker.conf");
    assert_string_equal(seen.steps[3], "read C:\\ä b\\worker.conf");
    for (unsigned wrong = 1; wrong <= 4; wrong++) {
        set_up(NULL);
        seen.wrong_step = wrong;
        assert_int_equal(install(NULL), EXIT_FAILURE);
        assert_int_equal(seen.step_count, wrong);
        assert_int_equal(seen.created + seen.changed, 0);
        assert_true(seen.key[0] == L'\0');
    }
}

static void a_windows_that_lacks_something_gets_the_rest(void **state)
{
    static const DWORD extras[] = {SERVICE_CONFIG_DESCRIPTION,
                                   SERVICE_CONFIG_FAILURE_ACTIONS,
                                   SERVICE_CONFIG_FAILURE_ACTIONS_FLAG,
                                   SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
                                   SERVICE_CONFIG_PRESHUTDOWN_INFO,
                                   SERVICE_CONFIG_SERVICE_SID_INFO};

    (void)state;
    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        const DWORD lacks = extras[i];

        set_up(NULL);
        seen.lacks = lacks;
        assert_int_equal(install(NULL), EXIT_SUCCESS);
        assert_int_equal(seen.failure.cActions > 0,
                         lacks != SERVICE_CONFIG_FAILURE_ACTIONS);
        assert_int_equal(seen.sid != 0,
                         lacks != SERVICE_CONFIG_SERVICE_SID_INFO);
    }
}

static void one_that_is_there_is_brought_up_to_date(void **state)
{
    (void)state;
    seen.present = OURS;
    assert_int_equal(install(NULL), EXIT_SUCCESS);
    assert_int_equal(seen.changed, 1);
    assert_null(wcsstr(seen.command, L"old"));
    assert_null(seen.account); /* it stays what somebody made of it */
    assert_int_equal(seen.start, SERVICE_AUTO_START);
    assert_int_equal(seen.failure.cActions, 3);
}

static void another_programs_is_left_alone(void **state)
{
    (void)state;
    seen.present = L"C:\\Windows\\system32\\svchost.exe -k x";
    assert_int_equal(install(NULL), EXIT_FAILURE);
    assert_int_equal(seen.changed, 0);
    assert_int_equal(seen.failure.cActions, 0);
    assert_true(seen.key[0] == L'\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_asked_of_the_manager, set_up),
        cmocka_unit_test_setup(a_failure_has_it_started_again, set_up),
        cmocka_unit_test_setup(the_event_log_knows_its_source, set_up),
        cmocka_unit_test_setup(a_second_one_has_names_of_its_own, set_up),
        cmocka_unit_test_setup(a_level_stands_in_the_command, set_up),
        cmocka_unit_test_setup(nothing_is_made_of_what_is_wrong, set_up),
        cmocka_unit_test_setup(a_windows_that_lacks_something_gets_the_rest,
                               set_up),
        cmocka_unit_test_setup(one_that_is_there_is_brought_up_to_date, set_up),
        cmocka_unit_test_setup(another_programs_is_left_alone, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
