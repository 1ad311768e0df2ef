#include "tests/standin/wts/world.h"

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

#define PATH_UNITS 1024
#define READ_SIZE 4096
#define LINK_MODE (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/*
 * The mutex keeps Windows' threads and processes apart; the lock on a file
 * also those of the system below Wine.  The rest is written by whoever holds
 * the mutex.
 */
static HANDLE mutex;
static HANDLE lock_file = INVALID_HANDLE_VALUE;
static unsigned depth;

int64_t world_now_ft(void)
{
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    return (int64_t)(((uint64_t)now.dwHighDateTime << 32) | now.dwLowDateTime);
}

int64_t world_monotonic_ms(void)
{
    return (int64_t)GetTickCount64();
}

void world_sleep_ms(uint32_t ms)
{
    Sleep(ms);
}

uint32_t world_pid(void)
{
    return GetCurrentProcessId();
}

/* The folder of the module that this code is in, with its last separator. */
static bool own_folder(wchar_t path[PATH_UNITS])
{
    HMODULE module = NULL;
    wchar_t *end;
    DWORD len;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (const wchar_t *)(const void *)&mutex, &module))
        return false;
    len = GetModuleFileNameW(module, path, PATH_UNITS);
    if (len == 0 || len >= PATH_UNITS)
        return false;
    end = wcsrchr(path, L'\\');
    if (end == NULL)
        return false;
    end[1] = 0;
    return true;
}

static bool find_path(const wchar_t *variable, const wchar_t *file,
                      const wchar_t *suffix, wchar_t path[PATH_UNITS])
{
    wchar_t base[PATH_UNITS];
    DWORD len = GetEnvironmentVariableW(variable, base, PATH_UNITS);
    int used;

    if (len >= PATH_UNITS)
        return false;
    if (len > 0)
        used = swprintf(path, PATH_UNITS, L"%ls%ls", base, suffix);
    else if (own_folder(base))
        used = swprintf(path, PATH_UNITS, L"%ls%ls%ls", base, file, suffix);
    else
        used = -1;
    return used > 0;
}

static bool state_path(const wchar_t *suffix, wchar_t path[PATH_UNITS])
{
    return find_path(L"WTS_STANDIN_STATE", L"wts-standin.txt", suffix, path);
}

void world_lock(void)
{
    HANDLE opened = CreateMutexW(NULL, FALSE, L"Global\\lastcall-wts-standin");
    wchar_t path[PATH_UNITS];
    OVERLAPPED first = {0};

    WaitForSingleObject(opened, INFINITE);
    if (depth++ > 0) {
        CloseHandle(opened);
        return;
    }
    mutex = opened;
    if (!state_path(L".lock", path))
        return;
    lock_file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, LINK_MODE, NULL,
                            OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (lock_file != INVALID_HANDLE_VALUE)
        LockFileEx(lock_file, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &first);
}

void world_unlock(void)
{
    HANDLE held = mutex;

    if (--depth > 0) {
        ReleaseMutex(held);
        return;
    }
    if (lock_file != INVALID_HANDLE_VALUE)
        CloseHandle(lock_file); /* which unlocks it */
    lock_file = INVALID_HANDLE_VALUE;
    ReleaseMutex(held);
    CloseHandle(held);
}

bool world_read_state(struct buffer *out)
{
    wchar_t path[PATH_UNITS];
    char part[READ_SIZE];
    DWORD got = 0;
    BOOL is_good;
    HANDLE file;

    if (!state_path(L"", path))
        return false;
    file = CreateFileW(path, GENERIC_READ, LINK_MODE, NULL, OPEN_EXISTING,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    while ((is_good = ReadFile(file, part, sizeof(part), &got, NULL)) &&
           got > 0)
        buffer_add(out, part, got);
    CloseHandle(file);
    return is_good && !out->is_broken;
}

static bool write_file(const wchar_t *path, DWORD access, DWORD creation,
                       const char *data, size_t len)
{
    DWORD put = 0;
    BOOL is_good;
    HANDLE file = CreateFileW(path, access, LINK_MODE, NULL, creation,
                              FILE_ATTRIBUTE_NORMAL, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return false;
    is_good = WriteFile(file, data, (DWORD)len, &put, NULL);
    CloseHandle(file);
    return is_good && put == len;
}

bool world_write_state(const char *data, size_t len)
{
    wchar_t path[PATH_UNITS], fresh[PATH_UNITS];

    return state_path(L"", path) && state_path(L".new", fresh) &&
           write_file(fresh, GENERIC_WRITE, CREATE_ALWAYS, data, len) &&
           MoveFileExW(fresh, path, MOVEFILE_REPLACE_EXISTING);
}

void world_append_log(const char *data, size_t len)
{
    wchar_t path[PATH_UNITS];

    if (!find_path(L"WTS_STANDIN_LOG", L"wts-standin.log.jsonl", L"", path))
        return;
    world_lock();
    if (!write_file(path, FILE_APPEND_DATA, OPEN_ALWAYS, data, len))
        fputs("wts stand-in: the log cannot be written\n", stderr);
    world_unlock();
}

/* As the Windows that Wine plays has them. */
bool world_is_lock_reversed(void)
{
    typedef LONG(WINAPI * rtl_get_version)(OSVERSIONINFOW *);
    OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof(version)};
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    rtl_get_version call =
        ntdll == NULL ? NULL
                      : (rtl_get_version)(void (*)(void))GetProcAddress(
                            ntdll, "RtlGetVersion");

    return call != NULL && call(&version) == 0 && version.dwMajorVersion == 6 &&
           version.dwMinorVersion == 1;
}
