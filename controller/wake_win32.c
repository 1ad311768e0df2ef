#include "controller/wake.h"

#include <limits.h>
#include <stdatomic.h>
#include <windows.h>

/*
 * An event that lets one wait pass, also when it was set just before.  Windows
 * runs the control handler on a thread of its own and hands it no context.
 */
static HANDLE called;
static atomic_bool interrupted;

static BOOL WINAPI on_control(DWORD kind)
{
    (void)kind; /* CTRL+C, CTRL+BREAK, the window's end: all mean stop */
    atomic_store(&interrupted, true);
    SetEvent(called);
    return TRUE;
}

enum lastcall_status wake_open(void)
{
    if (called != NULL)
        return LASTCALL_OK;
    called = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (called == NULL)
        return LASTCALL_E_IO;
    /* A shell may have started us with CTRL+C switched off. */
    if (!SetConsoleCtrlHandler(NULL, FALSE) ||
        !SetConsoleCtrlHandler(on_control, TRUE))
        return LASTCALL_E_IO;
    return LASTCALL_OK;
}

enum lastcall_status wake_open_reload(void)
{
    return wake_open();
}

bool wake_has_reload(void)
{
    return false;
}

bool wake_take_reload(void)
{
    return false;
}

void wake_call(void)
{
    SetEvent(called);
}

bool wake_is_interrupted(void)
{
    return atomic_load(&interrupted);
}

enum wake_reason wake_wait(int64_t timeout_ms)
{
    DWORD ended;

    if (wake_is_interrupted())
        return WAKE_INTERRUPTED;
    if (timeout_ms < 0)
        timeout_ms = 0;
    ended = WaitForSingleObject(
        called, timeout_ms > INT_MAX ? INT_MAX : (DWORD)timeout_ms);
    if (wake_is_interrupted())
        return WAKE_INTERRUPTED;
    return ended == WAIT_OBJECT_0 ? WAKE_CALLED : WAKE_TIMEOUT;
}

/*
 * Has a key been pressed?  What else a console tells of (a key let go, the
 * mouse, the window's size) is taken off, or it would end every wait at once.
 */
static bool has_key(HANDLE console)
{
    INPUT_RECORD record;
    DWORD count = 0;

    while (PeekConsoleInputW(console, &record, 1, &count) && count == 1) {
        if (record.EventType == KEY_EVENT && record.Event.KeyEvent.bKeyDown)
            return true;
        if (!ReadConsoleInputW(console, &record, 1, &count))
            return false;
    }
    return false;
}

enum wake_reason wake_wait_input(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    HANDLE both[] = {called, input};
    DWORD mode = 0;

    /* A pipe cannot be waited for; whoever reads from it waits himself. */
    if (!GetConsoleMode(input, &mode))
        return wake_is_interrupted() ? WAKE_INTERRUPTED : WAKE_INPUT;
    while (!wake_is_interrupted()) {
        if (WaitForMultipleObjects(2, both, FALSE, INFINITE) == WAIT_FAILED)
            return WAKE_INPUT;
        if (!wake_is_interrupted() && has_key(input))
            return WAKE_INPUT;
    }
    return WAKE_INTERRUPTED;
}

/* Whether a pipe takes more cannot be asked; whoever writes waits himself. */
bool wake_wait_output(void)
{
    return true;
}
