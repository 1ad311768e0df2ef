/*
 * The Windows session calls of this machine's wtsapi32.dll.
 *
 * The library is loaded from the system's folder alone, and when it is
 * needed: one that lies beside the program is never taken for it.  Where
 * there is none, each call says 120 (ERROR_CALL_NOT_IMPLEMENTED).
 */
#ifndef LASTCALL_WORKER_WTS_API_WIN32_H
#define LASTCALL_WORKER_WTS_API_WIN32_H

#include "worker/wts_api.h"

extern const struct wts_api_ops wts_api_win32;

/* For the table; in wts_machine_win32.c, described in wts_api.h. */
uint32_t wts_machine_own_session(uint32_t *out);
void wts_machine_version_text(char *text, size_t size);
void wts_machine_computer_name(char *text, size_t size);
bool wts_machine_is_lock_reversed(void);
void wts_machine_error_text(uint32_t error, char *text, size_t size);

#endif
