/*
 * Before main(): whatever is loaded from now on comes from System32, never
 * from the folder of the program.  That goes for our own delayed DLLs
 * (deploy/windows/delayed.cmake says which and why) and for what the system's
 * DLLs load in their turn, such as the providers of CryptAcquireContext.
 *
 * Source: SetDefaultDllDirectories on learn.microsoft.com.
 */
#include <stdlib.h>
#include <windows.h>

/* 101 is the first that a program may have: before the stack protector's own,
 * which gets its random number from such a provider. */
__attribute__((constructor(101))) static void load_from_system_only(void)
{
    if (!SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32))
        abort();
}
