/*
 * Sessions of a Plex server: plex_client asks, plex_track remembers,
 * plex_verdict finds out what became of an end.
 */
#include "worker/session_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/plex_client.h"
#include "worker/plex_track.h"
#include "worker/plex_verdict.h"
#include "worker/plex_watch.h"

/* A list that was asked for less than this ago is "right before". */
#define PLEX_FRESH_MS 200
#define MS_PER_S 1000

#define PLEX_ACTIONS                                                           \
    (ACTION_BIT(ACTION_PING) | ACTION_BIT(ACTION_LIST) |                       \
     ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_END))
#define PLEX_ENDINGS (ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_END))

struct backend_plex {
    struct plex_client *client; /* owned */
    struct plex_watch *watch;   /* owned; NULL: nobody is told of changes */
    const struct server_settings *settings; /* borrowed */
    const struct clock *clock;              /* borrowed */
    struct plex_track track;
    struct session_list latest; /* owned; what was listed last */
    int64_t latest_ms;          /* monotonic, when it was asked for */
    bool has_latest;
};

static void backend_plex_close(void *state)
{
    struct backend_plex *plex = state;

    if (plex == NULL)
        return;
    plex_watch_close(plex->watch);
    plex_client_close(plex->client);
    plex_track_deinit(&plex->track);
    session_list_deinit(&plex->latest);
    free(plex);
}

static bool has_events(const struct backend_surroundings *around)
{
    return around->changed != NULL && around->settings->events != 0;
}

static enum lastcall_status
backend_plex_open(const struct backend_surroundings *around, void **state,
                  struct platform_error *error)
{
    const struct plex_surroundings client = {
        .settings = around->settings,
        .clock = around->clock,
        .log = around->log,
        .http = &http_curl_ops,
    };
    struct backend_plex *plex = calloc(1, sizeof(*plex));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *state = NULL;
    if (plex == NULL)
        return LASTCALL_E_NOMEM;
    plex->settings = around->settings;
    plex->clock = around->clock;
    status = plex_client_open(&client, &plex->client, error);
    if (status == LASTCALL_OK && has_events(around))
        status = plex_watch_open(around, &http_curl_ops, &plex->watch, error);
    if (status == LASTCALL_OK)
        *state = plex;
    else
        backend_plex_close(plex);
    return status;
}

static enum lastcall_status copy_list(const struct session_list *from,
                                      struct session_list *out)
{
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct session_list){0};
    for (size_t i = 0; status == LASTCALL_OK && i < from->count; i++) {
        struct session copy = {0};

        status = session_copy(&from->items[i], &copy);
        if (status == LASTCALL_OK)
            status = session_list_take(out, &copy);
    }
    out->total_count = from->total_count;
    if (status != LASTCALL_OK)
        session_list_deinit(out);
    return status;
}

/* List afresh and keep it as the latest. */
static enum lastcall_status refresh(struct backend_plex *plex,
                                    struct session_outcome *outcome)
{
    struct session_list list = {0};
    int64_t now_ms = plex->clock->monotonic_ms(plex->clock->state);
    enum lastcall_status status = LASTCALL_OK;

    plex->has_latest = false;
    status = plex_client_list(plex->client, &list, outcome);
    plex_watch_listed(plex->watch, status);
    if (status != LASTCALL_OK)
        return status;
    status = plex_track_update(
        &plex->track, &list, plex->clock->wall_ms(plex->clock->state), now_ms);
    if (status != LASTCALL_OK) {
        session_list_deinit(&list);
        return plex_outcome(outcome, status, "out of memory");
    }
    session_list_deinit(&plex->latest);
    plex->latest = list;
    plex->latest_ms = now_ms;
    plex->has_latest = true;
    return LASTCALL_OK;
}

static enum lastcall_status backend_plex_list(void *state,
                                              struct session_list *out,
                                              struct session_outcome *outcome)
{
    struct backend_plex *plex = state;
    enum lastcall_status status = refresh(plex, outcome);

    *out = (struct session_list){0};
    if (status != LASTCALL_OK)
        return status;
    status = copy_list(&plex->latest, out);
    if (status != LASTCALL_OK)
        plex_outcome(outcome, status, "out of memory");
    return status;
}

static size_t count_id(const struct session_list *list, const char *id)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const char *other = session_text(&list->items[i], SESSION_ID);

        count += other != NULL && strcmp(other, id) == 0;
    }
    return count;
}

/* Say that an id names another session by now, and by what that shows. */
static enum lastcall_status changed(const struct session *was,
                                    const struct session *is,
                                    enum session_field field,
                                    struct session_outcome *outcome)
{
    const char *before = session_text(was, field);
    const char *now = session_text(is, field);

    return plex_outcome(outcome, LASTCALL_CHANGED,
                        "the session id names another session by now: %s was "
                        "'%.100s' and is '%.100s'",
                        session_field_info(field)->name,
                        before == NULL ? "" : before, now == NULL ? "" : now);
}

/* Check a target against the latest list; LASTCALL_OK: it may be ended. */
static enum lastcall_status check_target(const struct backend_plex *plex,
                                         const struct session *target,
                                         const struct order *order,
                                         struct session_outcome *outcome)
{
    const char *id = session_text(target, SESSION_ID);
    const struct session *present = NULL;
    struct json_error why = {0};
    enum session_field field = SESSION_FIELD_COUNT;

    if (id != NULL)
        present = session_list_find(&plex->latest, id);
    if (present == NULL)
        return plex_outcome(outcome, LASTCALL_ALREADY_GONE,
                            "the session is no longer listed");
    if (count_id(&plex->latest, id) > 1)
        return plex_outcome(outcome, LASTCALL_NOT_ENDABLE,
                            "several sessions carry this id, and Plex would "
                            "end any of them");
    if (!session_is(present, SESSION_ENDABLE))
        return plex_outcome(outcome, LASTCALL_NOT_ENDABLE,
                            "Plex gives this session no id to end it by");
    field = plex_verdict_difference(target, present);
    if (field != SESSION_FIELD_COUNT)
        return changed(target, present, field, outcome);
    if (request_check_precondition(&order->request, present, &why) !=
        LASTCALL_OK)
        return plex_outcome(outcome, LASTCALL_CHANGED, "%s", why.text);
    return LASTCALL_OK;
}

static enum lastcall_status end_session(struct backend_plex *plex,
                                        const struct session *target,
                                        const char *reason,
                                        struct session_outcome *outcome)
{
    struct http_response response;
    enum lastcall_status status = plex_client_terminate(
        plex->client, session_text(target, SESSION_ID), reason, &response);

    status = plex_verdict(plex->client, target, status, &response, outcome);
    http_response_deinit(&response);
    return status;
}

static enum lastcall_status backend_plex_act(void *state,
                                             const struct session *target,
                                             const struct order *order,
                                             struct session_outcome *outcome)
{
    struct backend_plex *plex = state;
    enum lastcall_status status = LASTCALL_OK;
    int64_t now_ms = plex->clock->monotonic_ms(plex->clock->state);

    if (action_resolve(order->request.action, BACKEND_PLEX) != ACTION_STOP)
        return plex_outcome(outcome, LASTCALL_UNSUPPORTED,
                            "a Plex server can only stop a session");
    if (!plex->has_latest || now_ms - plex->latest_ms > PLEX_FRESH_MS)
        status = refresh(plex, outcome);
    if (status == LASTCALL_OK)
        status = check_target(plex, target, order, outcome);
    if (status == LASTCALL_OK)
        status = end_session(plex, target, order->request.reason, outcome);
    return status;
}

static enum lastcall_status backend_plex_report(void *state,
                                                struct backend_report *out)
{
    struct backend_plex *plex = state;
    struct plex_server server = {0};
    struct session_list list = {0};
    struct session_outcome *rights = &out->rights;
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct backend_report){.actions = PLEX_ACTIONS};
    status = plex_client_ask(plex->client, PLEX_PAGE_IDENTITY, &server, rights);
    if (status != LASTCALL_OK)
        return status;
    snprintf(out->version, sizeof(out->version), "%s", server.version);

    /* Somebody who is not the owner may see the page but not the list. */
    status = plex_client_list(plex->client, &list, rights);
    session_list_deinit(&list);
    if (status == LASTCALL_OK)
        status = plex_client_ask(plex->client, PLEX_PAGE_ROOT, &server, rights);
    if (status == LASTCALL_DENIED)
        out->actions = ACTION_BIT(ACTION_PING);
    if (status != LASTCALL_OK || !server.lacks_pass)
        return status;
    out->actions &= ~PLEX_ENDINGS;
    return plex_outcome(rights, LASTCALL_NO_PLEX_PASS,
                        "sessions can be listed but not ended: the server's "
                        "owner has no Plex Pass");
}

static enum lastcall_status
backend_plex_check_events(void *state, struct session_outcome *outcome)
{
    struct backend_plex *plex = state;
    const long long interval_s =
        (long long)(plex->settings->sessions_interval_ms / MS_PER_S);
    struct session_outcome why = {0};

    if (plex->settings->events == 0)
        return plex_outcome(outcome, LASTCALL_OK,
                            "events = off: the sessions are read every %lld s",
                            interval_s);
    if (plex_watch_probe(plex->client, &why) == LASTCALL_OK)
        return plex_outcome(outcome, LASTCALL_OK,
                            "its event stream tells of changes");
    return plex_outcome(outcome, why.code,
                        "no event stream, so that the sessions are read every "
                        "%lld s: %.300s",
                        interval_s, why.detail);
}

static void backend_plex_interrupt(void *state)
{
    struct backend_plex *plex = state;

    plex_watch_interrupt(plex->watch);
    plex_client_interrupt(plex->client);
}

const struct session_backend_ops backend_plex_ops = {
    .name = "plex",
    .kind = BACKEND_PLEX,
    .actions = PLEX_ACTIONS,
    .open = backend_plex_open,
    .list = backend_plex_list,
    .act = backend_plex_act,
    .report = backend_plex_report,
    .check_events = backend_plex_check_events,
    .interrupt = backend_plex_interrupt,
    .close = backend_plex_close,
};
