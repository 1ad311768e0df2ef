/*
 * A DLL as an attacker would put it beside a program: whoever loads it ends
 * at once with a status of its own.
 */
#include <windows.h>

#define PLANTED_STATUS 99

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)instance;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        TerminateProcess(GetCurrentProcess(), PLANTED_STATUS);
    return TRUE;
}
