/* What this machine is, and what its errors mean. */
#include "worker/wts_api_win32.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "protocol/io/wide_win32.h"
#include "protocol/text.h"

#define ERROR_UNITS 512
#define NAME_UNITS 256
#define LINE_SIZE 160

uint32_t wts_machine_own_session(uint32_t *out)
{
    DWORD session = 0;

    *out = 0;
    SetLastError(0);
    if (!ProcessIdToSessionId(GetCurrentProcessId(), &session)) {
        DWORD error = GetLastError();

        return error == 0 ? WTS_ERROR_UNKNOWN : error;
    }
    *out = session;
    return WTS_ERROR_NONE;
}

/* RtlGetVersion() tells what GetVersionEx() hides from programs without a
 * manifest.  false: not there. */
static bool read_version(OSVERSIONINFOW *out)
{
    typedef LONG(WINAPI * rtl_get_version)(OSVERSIONINFOW *);
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    rtl_get_version call =
        ntdll == NULL ? NULL
                      : (rtl_get_version)(void (*)(void))GetProcAddress(
                            ntdll, "RtlGetVersion");

    *out = (OSVERSIONINFOW){.dwOSVersionInfoSize = sizeof(*out)};
    return call != NULL && call(out) == 0;
}

void wts_machine_version_text(char *text, size_t size)
{
    OSVERSIONINFOW version;

    if (read_version(&version))
        snprintf(text, size, "Windows %lu.%lu.%lu", version.dwMajorVersion,
                 version.dwMinorVersion, version.dwBuildNumber);
    else
        snprintf(text, size, "Windows");
}

bool wts_machine_is_lock_reversed(void)
{
    OSVERSIONINFOW version;

    return read_version(&version) && version.dwMajorVersion == 6 &&
           version.dwMinorVersion == 1;
}

void wts_machine_computer_name(char *text, size_t size)
{
    wchar_t wide[NAME_UNITS];
    DWORD units = NAME_UNITS;
    char *name = NULL;

    if (GetComputerNameExW(ComputerNameDnsHostname, wide, &units))
        name = wide_array_to_utf8(wide, units);
    snprintf(text, size, "%s",
             name == NULL || name[0] == '\0' ? "localhost" : name);
    free(name);
}

/* Numbers that only terminal services have, and a failure without one;
 * NULL for the others.  Source: System Error Codes (6000-8199). */
static const char *own_text(uint32_t error)
{
    switch (error) {
    case 7007:
        return "The session is being closed.";
    case 7022:
        return "There is no such session.";
    case 7024:
        return "The session is busy; try again.";
    case 7037:
        return "Logons are disabled.";
    case 7038:
        return "Only the console may do this.";
    case 7041:
        return "The console session cannot be disconnected.";
    case 7042:
        return "The console session cannot be connected.";
    case 7045:
        return "Access to the session is denied.";
    case ERROR_CALL_NOT_IMPLEMENTED:
        return "This Windows has no terminal services calls.";
    case WTS_ERROR_UNKNOWN:
        return "Windows gave no reason.";
    default:
        return NULL;
    }
}

/* Windows' own text on one line; the caller frees.  NULL: it has none. */
static char *system_text(uint32_t error)
{
    static const DWORD languages[] = {
        MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), 0};
    wchar_t wide[ERROR_UNITS];

    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        DWORD len = FormatMessageW(
            FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                FORMAT_MESSAGE_MAX_WIDTH_MASK,
            NULL, error, languages[i], wide, ERROR_UNITS, NULL);

        while (len > 0 && wide[len - 1] <= L' ')
            len--;
        if (len > 0)
            return wide_array_to_utf8(wide, len);
    }
    return NULL;
}

void wts_machine_error_text(uint32_t error, char *text, size_t size)
{
    const char *own = own_text(error);
    char *system_one = own == NULL ? system_text(error) : NULL;
    char line[LINE_SIZE];

    snprintf(line, sizeof(line), "Windows error %lu.", (unsigned long)error);
    text_clean(own != NULL          ? own
               : system_one != NULL ? system_one
                                    : line,
               text, size);
    free(system_one);
}
