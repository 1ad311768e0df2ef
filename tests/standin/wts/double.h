/*
 * The Windows session calls on a machine without Windows: a filling of
 * wts_api.h over the state file that WTS_STANDIN_STATE names.  It makes the
 * calls that wts_api_win32.c makes, in its order, so that both leave the same
 * lines in the log.
 */
#ifndef LASTCALL_TESTS_STANDIN_WTS_DOUBLE_H
#define LASTCALL_TESTS_STANDIN_WTS_DOUBLE_H

#include "worker/wts_api.h"

extern const struct wts_api_ops wts_api_double;

#endif
