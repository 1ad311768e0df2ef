#include "tests/unit/wts_stage.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/standin/wts/world.h"
#include "worker/wts_api_win32.h"

#define POLL_MS 5
#define NOT_THE_STANDIN 1000u

const struct wts_api_ops *stage_api(void)
{
    return &wts_api_win32;
}

void stage_make_folder(char path[STAGE_PATH_SIZE])
{
    static unsigned number;
    char base[STAGE_PATH_SIZE - 64];

    if (GetTempPathA(sizeof(base), base) == 0)
        abort();
    /* Wine gives its ids out again; one that failed may have left a folder. */
    while (true) {
        snprintf(path, STAGE_PATH_SIZE, "%slastcall-wts-%lu-%u", base,
                 (unsigned long)GetCurrentProcessId(), number++);
        if (CreateDirectoryA(path, NULL))
            return;
        if (GetLastError() != ERROR_ALREADY_EXISTS)
            abort();
    }
}

void stage_remove_folder(const char *path)
{
    RemoveDirectoryA(path);
}

void stage_set_variable(const char *name, const char *value)
{
    SetEnvironmentVariableA(name, value);
}

/* The library goes with the last call that uses it, and says what is left. */
unsigned stage_leaks(void)
{
    int64_t until_ms = world_monotonic_ms() + STAGE_WAIT_MS;
    unsigned unloaded, clean;

    while (GetModuleHandleW(L"wtsapi32.dll") != NULL &&
           world_monotonic_ms() < until_ms)
        world_sleep_ms(POLL_MS);
    unloaded = stage_count("\"unloaded\":true");
    clean = stage_count("\"live_allocs\":0,\"bad_frees\":0,"
                        "\"open_handles\":0");
    if (unloaded == 0)
        return NOT_THE_STANDIN;
    return unloaded - clean + stage_count("\"bad_free\"");
}
