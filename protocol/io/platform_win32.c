#include "protocol/io/platform_win32.h"

#include <bcrypt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/wide_win32.h"

/* From 1601, the epoch of Windows, to 1970 in milliseconds. */
#define EPOCH_MS INT64_C(11644473600000)
#define TICKS_PER_MS 10000
#define HOST_NAME_SIZE 256
#define REASON_SIZE 200
#define VERSION_KEY L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
#define VERSION_TEXT_SIZE 128
/* Windows 11 calls itself "Windows 10" in the registry; its builds begin here.
 */
#define WINDOWS_11_BUILD 22000

static int64_t wall_ms(void *state)
{
    FILETIME now;
    ULARGE_INTEGER ticks;

    (void)state;
    GetSystemTimeAsFileTime(&now);
    ticks.LowPart = now.dwLowDateTime;
    ticks.HighPart = now.dwHighDateTime;
    return (int64_t)(ticks.QuadPart / TICKS_PER_MS) - EPOCH_MS;
}

static int64_t monotonic_ms(void *state)
{
    LARGE_INTEGER count;
    LARGE_INTEGER per_s;

    (void)state;
    /* Neither can fail since Windows XP. */
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_s);
    return count.QuadPart / per_s.QuadPart * 1000 +
           count.QuadPart % per_s.QuadPart * 1000 / per_s.QuadPart;
}

const struct clock platform_clock = {wall_ms, monotonic_ms, NULL};

void platform_local_clock(int64_t unix_ms, char text[PLATFORM_CLOCK_TEXT_SIZE])
{
    const uint64_t ticks = (uint64_t)(unix_ms + EPOCH_MS) * TICKS_PER_MS;
    const FILETIME file_time = {(DWORD)ticks, (DWORD)(ticks >> 32)};
    SYSTEMTIME universal;
    SYSTEMTIME here;

    memcpy(text, "--:--:--", PLATFORM_CLOCK_TEXT_SIZE);
    if (FileTimeToSystemTime(&file_time, &universal) &&
        SystemTimeToTzSpecificLocalTime(NULL, &universal, &here))
        snprintf(text, PLATFORM_CLOCK_TEXT_SIZE, "%02u:%02u:%02u",
                 here.wHour % 24u, here.wMinute % 60u, here.wSecond % 60u);
}

/* The system's own sentence about a code, without its end of line. */
static void reason_of(DWORD code, char reason[REASON_SIZE])
{
    wchar_t wide[REASON_SIZE] = L"";
    char *text = NULL;
    size_t len;

    FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                       FORMAT_MESSAGE_MAX_WIDTH_MASK,
                   NULL, code, 0, wide, REASON_SIZE, NULL);
    text = wide_array_to_utf8(wide, REASON_SIZE);
    len = text == NULL ? 0 : strlen(text);
    while (len > 0 && strchr(" .", text[len - 1]) != NULL)
        len--;
    if (len > 0 && len < REASON_SIZE - 24)
        snprintf(reason, REASON_SIZE, "%.*s (error %lu)", (int)len, text, code);
    else
        snprintf(reason, REASON_SIZE, "error %lu", code);
    free(text);
}

enum lastcall_status platform_fail(const char *path, const char *what,
                                   DWORD code, struct platform_error *error)
{
    char reason[REASON_SIZE];

    reason_of(code, reason);
    platform_explain(error, "%s: cannot %s: %s", path, what, reason);
    switch (code) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
        return LASTCALL_E_MISSING;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_WRITE_PROTECT:
        return LASTCALL_E_PERMISSION;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return LASTCALL_E_EXISTS;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return LASTCALL_E_NOMEM;
    default:
        return LASTCALL_E_IO;
    }
}

enum lastcall_status platform_random(void *data, size_t len)
{
    if (len > ULONG_MAX ||
        BCryptGenRandom(NULL, data, (ULONG)len,
                        BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
        return LASTCALL_E_INTERNAL;
    return LASTCALL_OK;
}

enum lastcall_status platform_lock(const char *path, struct platform_lock *lock,
                                   struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_IO;
    OVERLAPPED where = {0};
    wchar_t *wide = wide_from_utf8(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    DWORD code = ERROR_SUCCESS;

    platform_explain(error, "%s", "");
    *lock = (struct platform_lock){0};
    if (wide == NULL)
        return platform_fail(path, "open", ERROR_INVALID_NAME, error);
    file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        status = platform_fail(path, "open", GetLastError(), error);
        if (status != LASTCALL_E_PERMISSION)
            status = LASTCALL_E_IO;
        goto out;
    }
    if (!LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY,
                    0, 1, 0, &where)) {
        code = GetLastError(); /* saying it makes calls of its own */
        (void)platform_fail(path, "lock", code, error);
        if (code == ERROR_LOCK_VIOLATION || code == ERROR_IO_PENDING) {
            platform_explain(error, "%s: another process holds this lock",
                             path);
            status = LASTCALL_BUSY;
        }
        CloseHandle(file);
        goto out;
    }
    *lock = (struct platform_lock){.is_held = true, .handle = (intptr_t)file};
    status = LASTCALL_OK;

out:
    free(wide);
    return status;
}

void platform_unlock(struct platform_lock *lock)
{
    if (lock->is_held)
        CloseHandle((HANDLE)lock->handle);
    *lock = (struct platform_lock){0};
}

enum lastcall_status platform_host_name(struct name *out)
{
    wchar_t wide[HOST_NAME_SIZE] = L"";
    DWORD units = HOST_NAME_SIZE;
    enum lastcall_status status = LASTCALL_E_SYNTAX;
    char *host = NULL;

    *out = (struct name){0};
    if (!GetComputerNameExW(ComputerNameDnsHostname, wide, &units))
        return LASTCALL_E_SYNTAX;
    host = wide_array_to_utf8(wide, HOST_NAME_SIZE);
    if (host == NULL)
        return LASTCALL_E_SYNTAX;
    status = name_parse_lowered(host, strcspn(host, "."), out);
    free(host);
    return status;
}

/* One text of the registry's description of this system; "" when not there. */
static void version_text(const wchar_t *name, char text[VERSION_TEXT_SIZE])
{
    wchar_t wide[VERSION_TEXT_SIZE] = L"";
    DWORD bytes = sizeof(wide);
    char *found = NULL;

    text[0] = '\0';
    if (RegGetValueW(HKEY_LOCAL_MACHINE, VERSION_KEY, name, RRF_RT_REG_SZ, NULL,
                     wide, &bytes) == ERROR_SUCCESS)
        found = wide_array_to_utf8(wide, VERSION_TEXT_SIZE);
    if (found != NULL && strlen(found) < VERSION_TEXT_SIZE)
        memcpy(text, found, strlen(found) + 1);
    free(found);
}

void platform_os_text(char *text, size_t size)
{
    static const char ten[] = "Windows 10";
    char product[VERSION_TEXT_SIZE];
    char build[VERSION_TEXT_SIZE];

    version_text(L"ProductName", product);
    version_text(L"CurrentBuild", build);
    if (strncmp(product, ten, strlen(ten)) == 0 &&
        strtol(build, NULL, 10) >= WINDOWS_11_BUILD)
        product[strlen(ten) - 1] = '1';
    if (product[0] == '\0')
        snprintf(product, sizeof(product), "Windows");
    if (build[0] == '\0')
        snprintf(text, size, "%s", product);
    else
        snprintf(text, size, "%s, build %s", product, build);
}

/*
 * Windows lists no sockets of a process.  The link's filling there sets the
 * option itself.
 */
void platform_share_heap(void)
{
}

unsigned platform_core_count(void)
{
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    return system.dwNumberOfProcessors < 1
               ? 1
               : (unsigned)system.dwNumberOfProcessors;
}

unsigned platform_no_delay(uint16_t peer_port)
{
    (void)peer_port;
    return 0;
}

void platform_hold_standard_files(void)
{
    /* Handles have no numbers of their own that others could get. */
}

void platform_clean_environment(void)
{
    static const char *const names[] = {
        "http_proxy=",    "https_proxy=",  "PAHO_C_CLIENT_USE_HTTP_PROXY=",
        "SSLKEYLOGFILE=", "OPENSSL_CONF=", "OPENSSL_MODULES="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)_putenv(names[i]); /* nothing behind the '=': unset */
}
