#include "worker/service_win32.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsvc.h>

#include "protocol/io/log_events_win32.h"
#include "protocol/io/wide_win32.h"
#include "worker/access_win32.h"

/* The longest path of Windows, with its end. */
#define PATH_UNITS 32768
#define DISPLAY_NAME L"Lastcall worker"
#define DESCRIPTION                                                            \
    L"Ends and lists this host's sessions on signed commands of its fleet."
/* What our own services have in their command; others are left alone. */
#define COMMAND_MARK L"\" --service --config \""
/* For quotes, blanks and a log level. */
#define COMMAND_ROOM 64
#define EVENT_KEY                                                              \
    L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application"              \
    L"\\" LOG_EVENTS_SOURCE
#define ALL_EVENT_TYPES                                                        \
    (EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE)
#define FAILURE_RESET_S (24U * 60 * 60)
#define STOP_POLL_MS 100
/* Once for the room, and services come while they are listed. */
#define LIST_TRIES 4

/* What is known and open on the way; all owned. */
struct installing {
    wchar_t *name;
    wchar_t *display;
    wchar_t *program;
    wchar_t *config;
    wchar_t *command;
    SC_HANDLE manager;
    SC_HANDLE service;
};

static void installing_deinit(struct installing *installing)
{
    if (installing->service != NULL)
        CloseServiceHandle(installing->service);
    if (installing->manager != NULL)
        CloseServiceHandle(installing->manager);
    free(installing->name);
    free(installing->display);
    free(installing->program);
    free(installing->config);
    free(installing->command);
    *installing = (struct installing){0};
}

/* ---- saying ---- */

/* Say what a call of Windows came to; code 0: it has none. */
static void say_error(const char *what, DWORD code)
{
    wchar_t *wide = NULL;
    char *text = NULL;

    if (code == ERROR_ACCESS_DENIED) {
        fprintf(stderr,
                "lastcall-worker: %s: access denied; run it from a prompt "
                "that was opened with \"Run as administrator\"\n",
                what);
        return;
    }
    if (code != 0 &&
        FormatMessageW(
            FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
            NULL, code, 0, (wchar_t *)(void *)&wide, 0, NULL) > 0)
        text = wide_to_utf8(wide);
    if (code == 0)
        fprintf(stderr, "lastcall-worker: %s\n", what);
    else
        fprintf(stderr, "lastcall-worker: %s: %s(error %lu)\n", what,
                text != NULL ? text : "", code);
    free(text);
    LocalFree(wide);
}

static int fail(const char *what)
{
    say_error(what, GetLastError());
    return EXIT_FAILURE;
}

/* ---- what it is about ---- */

static wchar_t *full_path(const char *path)
{
    wchar_t *wide = wide_from_utf8(path);
    wchar_t *full = calloc(PATH_UNITS, sizeof(*full));
    DWORD len = 0;

    if (wide != NULL && full != NULL)
        len = GetFullPathNameW(wide, PATH_UNITS, full, NULL);
    free(wide);
    if (len > 0 && len < PATH_UNITS)
        return full;
    free(full);
    return NULL;
}

static wchar_t *program_path(void)
{
    wchar_t *path = calloc(PATH_UNITS, sizeof(*path));
    DWORD len = 0;

    if (path != NULL)
        len = GetModuleFileNameW(NULL, path, PATH_UNITS);
    if (len > 0 && len < PATH_UNITS)
        return path;
    free(path);
    return NULL;
}

/*
 * The command line of the service.  Each path is quoted: of an unquoted one
 * with a blank Windows tries C:\Program.exe first (CreateProcessW(),
 * lpCommandLine).  A path cannot hold a quote.
 */
static wchar_t *make_command(const struct installing *installing,
                             const char *log_level)
{
    wchar_t *level = wide_from_utf8(log_level);
    const size_t size = wcslen(installing->program) +
                        wcslen(installing->config) + wcslen(COMMAND_MARK) +
                        COMMAND_ROOM;
    wchar_t *command = calloc(size, sizeof(*command));

    if (command != NULL)
        _snwprintf(command, size - 1, L"\"%ls" COMMAND_MARK L"%ls\"%ls%ls",
                   installing->program, installing->config,
                   level != NULL ? L" --log-level " : L"",
                   level != NULL ? level : L"");
    free(level);
    return command;
}

/* As people see it; of all services on a machine no two may be the same. */
static wchar_t *make_display(const wchar_t *name)
{
    const size_t size = wcslen(name) + wcslen(DISPLAY_NAME) + COMMAND_ROOM;
    wchar_t *display = calloc(size, sizeof(*display));
    const bool is_usual = _wcsicmp(name, SERVICE_USUAL_NAME) == 0;

    if (display != NULL)
        _snwprintf(display, size - 1,
                   is_usual ? DISPLAY_NAME : DISPLAY_NAME L" (%ls)", name);
    return display;
}

static bool find_out(const struct service_installation *installation,
                     struct installing *out)
{
    out->name = installation->name != NULL ? wide_from_utf8(installation->name)
                                           : _wcsdup(SERVICE_USUAL_NAME);
    out->program = program_path();
    out->config = full_path(installation->config);
    if (out->name == NULL || out->program == NULL || out->config == NULL)
        return false;
    out->display = make_display(out->name);
    out->command = make_command(out, installation->log_level);
    return out->display != NULL && out->command != NULL;
}

/* ---- the files ---- */

/* Folders in order, nothing that others can change, a file that is good. */
static enum lastcall_status
check_files(const struct installing *installing,
            const struct service_installation *installation)
{
    wchar_t *folder = full_path(platform_config_dir());
    char *config = wide_to_utf8(installing->config);
    struct platform_error error = {{0}};
    const char *mend = "";
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (folder == NULL || config == NULL)
        goto out;
    status = access_check_file(installing->program, &error);
    if (status != LASTCALL_OK) {
        mend = "; put the program where administrators alone may write, into "
               "C:\\Program Files\\Lastcall";
        goto out;
    }
    status = access_close_folder(folder, &error);
    if (status != LASTCALL_OK)
        goto out;
    status = access_check_file(installing->config, &error);
    if (status != LASTCALL_OK)
        goto out;
    status = installation->check(config, &error);

out:
    if (status != LASTCALL_OK)
        fprintf(stderr, "lastcall-worker: not installed: %s%s\n",
                error.text[0] != '\0' ? error.text : status_text(status), mend);
    free(config);
    free(folder);
    return status;
}

/* ---- the service ---- */

/* Is the open service one of this program? */
static bool is_ours(SC_HANDLE service)
{
    /* A query's result is 8 KiB at most: QueryServiceConfigW(). */
    union {
        QUERY_SERVICE_CONFIGW config;
        BYTE room[8192];
    } *buffer = calloc(1, sizeof(*buffer));
    DWORD size = 0;
    bool is = false;

    if (buffer != NULL &&
        QueryServiceConfigW(service, &buffer->config, sizeof(*buffer), &size))
        is = wcsstr(buffer->config.lpBinaryPathName, COMMAND_MARK) != NULL;
    free(buffer);
    return is;
}

/* Make the service, or give the one that is there its new command. */
static int make_service(struct installing *installing)
{
    installing->service = CreateServiceW(
        installing->manager, installing->name, installing->display,
        SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
        SERVICE_ERROR_NORMAL, installing->command, NULL, NULL, NULL, NULL,
        NULL);
    if (installing->service != NULL)
        return EXIT_SUCCESS;
    if (GetLastError() != ERROR_SERVICE_EXISTS)
        return fail("the service could not be made");
    installing->service =
        OpenServiceW(installing->manager, installing->name, SERVICE_ALL_ACCESS);
    if (installing->service == NULL)
        return fail("the service is there and could not be opened");
    if (!is_ours(installing->service)) {
        say_error("a service of that name is another program's; choose "
                  "another with --name",
                  0);
        return EXIT_FAILURE;
    }
    /* The account stays what an administrator may have made of it. */
    if (!ChangeServiceConfigW(installing->service, SERVICE_WIN32_OWN_PROCESS,
                              SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
                              installing->command, NULL, NULL, NULL, NULL, NULL,
                              installing->display))
        return fail("the service could not be changed");
    return EXIT_SUCCESS;
}

/* Set what is good to have; a system that lacks it gets a warning. */
static void set_extra(SC_HANDLE service, DWORD level, void *info,
                      const char *what)
{
    if (!ChangeServiceConfig2W(service, level, info))
        say_error(what, GetLastError());
}

static void set_extras(SC_HANDLE service)
{
    wchar_t text[] = DESCRIPTION;
    SERVICE_DESCRIPTIONW description = {.lpDescription = text};
    SC_ACTION steps[] = {{SC_ACTION_RESTART, 5000},
                         {SC_ACTION_RESTART, 30000},
                         {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSW actions = {
        .dwResetPeriod = FAILURE_RESET_S,
        .cActions = sizeof(steps) / sizeof(steps[0]),
        .lpsaActions = steps,
    };
    SERVICE_FAILURE_ACTIONS_FLAG also_errors = {TRUE};
    SERVICE_DELAYED_AUTO_START_INFO delayed = {TRUE};
    SERVICE_PRESHUTDOWN_INFO preshutdown = {SERVICE_STOP_LIMIT_MS};
    SERVICE_SID_INFO sid = {SERVICE_SID_TYPE_UNRESTRICTED};

    set_extra(service, SERVICE_CONFIG_DESCRIPTION, &description,
              "warning: it has no description");
    set_extra(service, SERVICE_CONFIG_FAILURE_ACTIONS, &actions,
              "warning: it is not restarted after a failure");
    set_extra(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_errors,
              "warning: it is restarted after a crash only");
    set_extra(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed,
              "warning: it starts early at boot");
    set_extra(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &preshutdown,
              "warning: a shutdown gives it the usual time");
    set_extra(service, SERVICE_CONFIG_SERVICE_SID_INFO, &sid,
              "warning: it has no account name of its own");
}

/* ---- the event log ---- */

static int make_event_source(const struct installing *installing)
{
    const DWORD types = ALL_EVENT_TYPES;
    HKEY key = NULL;
    LSTATUS code = RegCreateKeyExW(HKEY_LOCAL_MACHINE, EVENT_KEY, 0, NULL, 0,
                                   KEY_SET_VALUE, NULL, &key, NULL);

    if (code == ERROR_SUCCESS)
        code = RegSetValueExW(
            key, L"EventMessageFile", 0, REG_EXPAND_SZ,
            (const BYTE *)installing->program,
            (DWORD)((wcslen(installing->program) + 1) * sizeof(wchar_t)));
    if (code == ERROR_SUCCESS)
        code = RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD,
                              (const BYTE *)&types, sizeof(types));
    if (key != NULL)
        RegCloseKey(key);
    if (code == ERROR_SUCCESS)
        return EXIT_SUCCESS;
    say_error("the event log's source could not be registered", (DWORD)code);
    return EXIT_FAILURE;
}

static void remove_event_source(void)
{
    const LSTATUS code = RegDeleteKeyW(HKEY_LOCAL_MACHINE, EVENT_KEY);

    if (code != ERROR_SUCCESS && code != ERROR_FILE_NOT_FOUND)
        say_error("warning: the event log's source is still registered",
                  (DWORD)code);
}

/* ---- several services of this program ---- */

/* All services of the machine, and how many; NULL: they cannot be had. */
static ENUM_SERVICE_STATUS_PROCESSW *list_services(SC_HANDLE manager,
                                                   DWORD *count)
{
    BYTE *list = NULL;
    DWORD size = 0;

    for (int i = 0; i < LIST_TRIES; i++) {
        DWORD more = 0; /* than there is room for */
        DWORD from = 0;

        free(list);
        list = calloc(1, (size_t)size + 1);
        if (list == NULL)
            return NULL;
        if (EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32,
                                  SERVICE_STATE_ALL, list, size, &more, count,
                                  &from, NULL))
            return (ENUM_SERVICE_STATUS_PROCESSW *)(void *)list;
        if (GetLastError() != ERROR_MORE_DATA)
            break;
        size += more;
    }
    free(list);
    return NULL;
}

/* Is there a service of ours beside the one of that name? */
static bool is_another_ours(SC_HANDLE manager, const wchar_t *name)
{
    DWORD count = 0;
    ENUM_SERVICE_STATUS_PROCESSW *list = list_services(manager, &count);
    bool is = false;

    for (DWORD i = 0; list != NULL && !is && i < count; i++) {
        SC_HANDLE service = NULL;

        if (_wcsicmp(list[i].lpServiceName, name) != 0)
            service = OpenServiceW(manager, list[i].lpServiceName,
                                   SERVICE_QUERY_CONFIG);
        if (service == NULL)
            continue;
        is = is_ours(service);
        CloseServiceHandle(service);
    }
    free(list);
    return is;
}

/* ---- install, uninstall ---- */

static void say_installed(const struct installing *installing)
{
    char *name = wide_to_utf8(installing->name);
    char *command = wide_to_utf8(installing->command);

    if (name != NULL && command != NULL)
        printf("installed the service %s: %s\n"
               "start it:    sc.exe start %s\n"
               "its lines:   event viewer, Windows Logs, Application, source "
               "Lastcall\n",
               name, command, name);
    free(command);
    free(name);
}

int service_install(const struct service_installation *installation)
{
    struct installing installing = {0};
    int code = EXIT_FAILURE;

    /* First, so that who lacks the rights hears of that alone. */
    installing.manager = OpenSCManagerW(
        NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (installing.manager == NULL) {
        code = fail("the service manager could not be opened");
        goto out;
    }
    if (!find_out(installation, &installing)) {
        code = fail("the paths of the program and its configuration could not "
                    "be made out");
        goto out;
    }
    if (check_files(&installing, installation) != LASTCALL_OK)
        goto out;
    if (make_service(&installing) != EXIT_SUCCESS ||
        make_event_source(&installing) != EXIT_SUCCESS)
        goto out;
    set_extras(installing.service);
    say_installed(&installing);
    code = EXIT_SUCCESS;

out:
    installing_deinit(&installing);
    return code;
}

/* Stop it and wait, as long as a stop may take. */
static int stop_service(SC_HANDLE service)
{
    const ULONGLONG until_ms = GetTickCount64() + SERVICE_STOP_LIMIT_MS;
    SERVICE_STATUS status = {0};

    if (!ControlService(service, SERVICE_CONTROL_STOP, &status)) {
        if (GetLastError() == ERROR_SERVICE_NOT_ACTIVE)
            return EXIT_SUCCESS;
        /* It may be starting or stopping. */
        if (GetLastError() != ERROR_SERVICE_CANNOT_ACCEPT_CTRL)
            return fail("the service could not be stopped");
    }
    while (QueryServiceStatus(service, &status)) {
        if (status.dwCurrentState == SERVICE_STOPPED)
            return EXIT_SUCCESS;
        if (GetTickCount64() >= until_ms) {
            say_error("the service does not stop; try again, or end its "
                      "process",
                      0);
            return EXIT_FAILURE;
        }
        Sleep(STOP_POLL_MS);
    }
    return fail("the service's state could not be read");
}

static void say_uninstalled(const struct installing *installing)
{
    char *name = wide_to_utf8(installing->name);

    printf("removed the service %s; configuration, keys and journal stay in "
           "%s\n",
           name != NULL ? name : "", platform_config_dir());
    free(name);
}

int service_uninstall(const char *name)
{
    struct installing installing = {0};
    int code = EXIT_FAILURE;

    installing.manager = OpenSCManagerW(
        NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE);
    if (installing.manager == NULL) {
        code = fail("the service manager could not be opened");
        goto out;
    }
    installing.name =
        name != NULL ? wide_from_utf8(name) : _wcsdup(SERVICE_USUAL_NAME);
    if (installing.name == NULL)
        goto out;
    installing.service = OpenServiceW(installing.manager, installing.name,
                                      SERVICE_STOP | SERVICE_QUERY_STATUS |
                                          SERVICE_QUERY_CONFIG | DELETE);
    if (installing.service == NULL) {
        code = fail("the service could not be opened");
        goto out;
    }
    if (!is_ours(installing.service)) {
        say_error("that service is another program's", 0);
        goto out;
    }
    code = stop_service(installing.service);
    if (code != EXIT_SUCCESS)
        goto out;
    if (!DeleteService(installing.service)) {
        code = fail("the service could not be removed");
        goto out;
    }
    /* They share it. */
    if (!is_another_ours(installing.manager, installing.name))
        remove_event_source();
    say_uninstalled(&installing);

out:
    installing_deinit(&installing);
    return code;
}
