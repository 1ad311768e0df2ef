/*
 * Sessions of a Windows host, over a table of Windows' session calls.  Each
 * filling of that table gets a backend of its own:
 *
 *     static enum lastcall_status open_mine(...)
 *     {
 *         return backend_wts_open_with(&my_wts_api_ops, around, state, error);
 *     }
 *     const struct session_backend_ops my_ops = BACKEND_WTS_OPS(open_mine);
 */
#ifndef LASTCALL_WORKER_BACKEND_WTS_H
#define LASTCALL_WORKER_BACKEND_WTS_H

#include "worker/session_backend.h"
#include "worker/wts_api.h"

#define BACKEND_WTS_ACTIONS                                                    \
    (ACTION_BIT(ACTION_PING) | ACTION_BIT(ACTION_LIST) |                       \
     ACTION_BIT(ACTION_DISCONNECT) | ACTION_BIT(ACTION_LOGOFF) |               \
     ACTION_BIT(ACTION_MESSAGE) | ACTION_BIT(ACTION_END))

#define BACKEND_WTS_OPS(open_function)                                         \
    {                                                                          \
        .name = "wts", .kind = BACKEND_WTS, .actions = BACKEND_WTS_ACTIONS,    \
        .open = (open_function), .list = backend_wts_list,                     \
        .act = backend_wts_act, .report = backend_wts_report,                  \
        .check_events = backend_wts_check_events,                              \
        .interrupt = backend_wts_interrupt, .close = backend_wts_close,        \
    }

/* As session_backend_ops says of each. */
LASTCALL_MUST_USE enum lastcall_status
backend_wts_open_with(const struct wts_api_ops *api,
                      const struct backend_surroundings *around, void **state,
                      struct platform_error *error);
enum lastcall_status backend_wts_list(void *state, struct session_list *out,
                                      struct session_outcome *outcome);
enum lastcall_status backend_wts_act(void *state, const struct session *target,
                                     const struct order *order,
                                     struct session_outcome *outcome);
enum lastcall_status backend_wts_report(void *state,
                                        struct backend_report *out);
enum lastcall_status backend_wts_check_events(void *state,
                                              struct session_outcome *outcome);
void backend_wts_interrupt(void *state);
void backend_wts_close(void *state);

#endif
