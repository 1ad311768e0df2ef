#include "worker/backend_wts.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/wts_act.h"
#include "worker/wts_error.h"
#include "worker/wts_look.h"
#include "worker/wts_watch.h"

struct backend_wts {
    struct wts_desk desk;
    struct wts_watch *watch; /* owned; NULL when nobody wants to be told */
};

void backend_wts_close(void *state)
{
    struct backend_wts *wts = state;

    if (wts == NULL)
        return;
    wts_watch_close(wts->watch, wts->desk.calls);
    wts_calls_close(wts->desk.calls);
    wts_host_release(wts->desk.host);
    free(wts);
}

enum lastcall_status
backend_wts_open_with(const struct wts_api_ops *api,
                      const struct backend_surroundings *around, void **state,
                      struct platform_error *error)
{
    struct backend_wts *wts = calloc(1, sizeof(*wts));
    struct wts_desk *desk = NULL;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *state = NULL;
    if (wts == NULL)
        return status;
    desk = &wts->desk;
    desk->log = around->log;
    desk->timeout_ms = around->settings->timeout_ms;
    status = wts_host_open(api, around->settings, &desk->host, error);
    if (status == LASTCALL_OK)
        status = wts_calls_open(desk->host, &desk->calls);
    if (status == LASTCALL_OK && around->changed != NULL)
        status = wts_watch_open(desk->host, around->changed,
                                around->changed_context, &wts->watch);
    if (status == LASTCALL_E_INTERNAL)
        status = LASTCALL_E_NOMEM; /* no lock, no thread: out of something */
    if (status == LASTCALL_OK)
        *state = wts;
    else
        backend_wts_close(wts);
    return status;
}

enum lastcall_status backend_wts_list(void *state, struct session_list *out,
                                      struct session_outcome *outcome)
{
    struct backend_wts *wts = state;

    return wts_look_at_all(&wts->desk, out, outcome);
}

enum lastcall_status backend_wts_act(void *state, const struct session *target,
                                     const struct order *order,
                                     struct session_outcome *outcome)
{
    struct backend_wts *wts = state;

    return wts_act(&wts->desk, target, order, outcome);
}

enum lastcall_status backend_wts_report(void *state, struct backend_report *out)
{
    struct backend_wts *wts = state;
    const struct wts_host *host = wts->desk.host;
    struct session_list list = {0};
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct backend_report){.actions = BACKEND_WTS_ACTIONS};
    /* It is the version of this machine and no other. */
    if (!host->is_remote)
        host->api->version_text(out->version, sizeof(out->version));
    status = wts_look_at_all(&wts->desk, &list, &out->rights);
    session_list_deinit(&list);
    if (status == LASTCALL_DENIED || status == LASTCALL_UNSUPPORTED)
        out->actions = ACTION_BIT(ACTION_PING);
    return status;
}

/* Windows tells of changes, and of a machine that is not this one it does
 * not: either way there is nothing to mend. */
enum lastcall_status backend_wts_check_events(void *state,
                                              struct session_outcome *outcome)
{
    (void)state;
    *outcome = (struct session_outcome){.code = LASTCALL_OK};
    return LASTCALL_OK;
}

void backend_wts_interrupt(void *state)
{
    struct backend_wts *wts = state;

    wts_calls_interrupt(wts->desk.calls);
}
