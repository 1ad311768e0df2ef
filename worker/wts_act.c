#include "worker/wts_act.h"

#include <inttypes.h>
#include <stdlib.h>

#include "worker/wts_error.h"
#include "worker/wts_message.h"
#include "worker/wts_session.h"

/* A disconnect or a log off. */
struct ending {
    struct wts_call call; /* first */
    enum action action;
    uint32_t session;
    uint32_t error;
};

static void ending_ask(struct wts_call *call, const struct wts_host *host)
{
    struct ending *ending = (struct ending *)call;
    const struct wts_api_ops *api = host->api;

    ending->error = ending->action == ACTION_LOGOFF
                        ? api->logoff(host->handle, ending->session)
                        : api->disconnect(host->handle, ending->session);
}

static void ending_free(struct wts_call *call)
{
    struct ending *ending = (struct ending *)call;

    free(ending);
}

/* Say that the session is not what it was, and by what that shows. */
static enum lastcall_status say_changed(const struct session *was,
                                        const struct session *is,
                                        enum session_field field,
                                        struct session_outcome *outcome)
{
    const char *before = session_text(was, field);
    const char *now = session_text(is, field);

    return wts_outcome(outcome, LASTCALL_CHANGED,
                       "the session is another one by now: %s was '%.100s' "
                       "and is '%.100s'",
                       session_field_info(field)->name,
                       before != NULL ? before : "", now != NULL ? now : "");
}

static bool is_same_state(const struct session *target,
                          const struct session *present)
{
    return session_value_order(&target->fields[SESSION_STATE],
                               &present->fields[SESSION_STATE]) == SESSION_SAME;
}

/* What keeps an ending from being tried; LASTCALL_OK: nothing. */
static enum lastcall_status check_ending(const struct wts_desk *desk,
                                         const struct session *target,
                                         const struct request *request,
                                         const struct wts_sight *sight,
                                         struct session_outcome *outcome)
{
    const enum action action = action_resolve(request->action, BACKEND_WTS);
    const char *obstacle =
        wts_session_obstacle(desk->host, sight->id, sight->state);

    if (action == ACTION_DISCONNECT && sight->state == WTS_STATE_DISCONNECTED)
        return wts_outcome(outcome, LASTCALL_ALREADY_GONE,
                           "the session is disconnected already");
    if (sight->state == WTS_STATE_DOWN || sight->state == WTS_STATE_RESET)
        return wts_outcome(outcome, LASTCALL_ALREADY_GONE, "%s", obstacle);
    if (obstacle != NULL)
        return wts_outcome(outcome, LASTCALL_NOT_ENDABLE,
                           "the session cannot be ended: %s", obstacle);
    /* Whoever was selected as idle for hours may be back at work. */
    if (!is_same_state(target, &sight->session))
        return say_changed(target, &sight->session, SESSION_STATE, outcome);
    if (request->has_where && !filter_match(&request->where, &sight->session))
        return wts_outcome(outcome, LASTCALL_CHANGED,
                           "the session no longer matches the filter");
    return LASTCALL_OK;
}

/* What keeps a message from being shown; LASTCALL_OK: nothing. */
static enum lastcall_status check_message(const struct wts_sight *sight,
                                          struct session_outcome *outcome)
{
    if (session_text(&sight->session, SESSION_USERNAME) == NULL)
        return wts_outcome(outcome, LASTCALL_UNSUPPORTED,
                           "nobody is logged on in this session, so nobody "
                           "would see the message");
    return LASTCALL_OK;
}

/* Check a target against what it is now; LASTCALL_OK: it may be acted on. */
static enum lastcall_status check_target(const struct wts_desk *desk,
                                         const struct session *target,
                                         const struct order *order,
                                         const struct wts_sight *sight,
                                         struct session_outcome *outcome)
{
    const enum action action =
        action_resolve(order->request.action, BACKEND_WTS);
    struct json_error why = {""};
    enum session_field field = SESSION_FIELD_COUNT;
    enum lastcall_status status = LASTCALL_OK;

    if (!sight->is_there)
        return wts_outcome(outcome,
                           action == ACTION_MESSAGE ? LASTCALL_NOT_FOUND
                                                    : LASTCALL_ALREADY_GONE,
                           "the session is no longer there");
    field = wts_session_difference(target, &sight->session);
    if (field != SESSION_FIELD_COUNT)
        return say_changed(target, &sight->session, field, outcome);
    status = action == ACTION_MESSAGE
                 ? check_message(sight, outcome)
                 : check_ending(desk, target, &order->request, sight, outcome);
    if (status != LASTCALL_OK)
        return status;
    if (request_check_precondition(&order->request, &sight->session, &why) !=
        LASTCALL_OK)
        return wts_outcome(outcome, LASTCALL_CHANGED, "%s", why.text);
    return LASTCALL_OK;
}

/* How an ending shows in what a session has become. */
enum aftermath {
    AFTERMATH_ENDED,
    AFTERMATH_STANDING,
    AFTERMATH_UNKNOWN, /* the machine could not be asked */
};

static enum aftermath look_after(const struct wts_desk *desk,
                                 const struct wts_sight *before,
                                 enum action action)
{
    struct wts_sight after = {0};
    struct session_outcome ignored;
    enum aftermath aftermath = AFTERMATH_STANDING;

    if (wts_look_at(desk, before->id, WTS_DEPTH_FULL, &after, &ignored) !=
        LASTCALL_OK)
        aftermath = AFTERMATH_UNKNOWN;
    else if (!after.is_there ||
             wts_session_difference(&before->session, &after.session) !=
                 SESSION_FIELD_COUNT ||
             (action == ACTION_DISCONNECT &&
              !wts_state_has_client(after.state)))
        aftermath = AFTERMATH_ENDED;
    session_deinit(&after.session);
    return aftermath;
}

static const char *ended_word(enum action action)
{
    return action == ACTION_LOGOFF ? "logged off" : "disconnected";
}

/* The machine said that it does it. */
static enum lastcall_status say_accepted(const struct wts_desk *desk,
                                         const struct wts_sight *sight,
                                         enum action action,
                                         struct session_outcome *outcome)
{
    int64_t settle_ms = desk->timeout_ms;

    if (look_after(desk, sight, action) == AFTERMATH_ENDED)
        return wts_outcome(outcome, LASTCALL_OK, "the session is %s",
                           ended_word(action));
    if (action == ACTION_LOGOFF && settle_ms < WTS_LOGOFF_SETTLE_MS)
        settle_ms = WTS_LOGOFF_SETTLE_MS;
    wts_outcome(outcome, LASTCALL_OK, "Windows has accepted it");
    outcome->settle_ms = settle_ms;
    return LASTCALL_OK;
}

/* No answer, or one that says no: it may have happened all the same.  The
 * outcome is filled with what to say if it has not. */
static enum lastcall_status settle(const struct wts_desk *desk,
                                   const struct wts_sight *sight,
                                   enum action action,
                                   struct session_outcome *outcome)
{
    if (outcome->code == LASTCALL_ALREADY_GONE ||
        look_after(desk, sight, action) != AFTERMATH_ENDED)
        return outcome->code;
    return wts_outcome(outcome, LASTCALL_OK,
                       "the session is %s, although Windows' answer was lost "
                       "or another one",
                       ended_word(action));
}

static enum lastcall_status end_session(const struct wts_desk *desk,
                                        const struct wts_sight *sight,
                                        enum action action,
                                        struct session_outcome *outcome)
{
    struct ending *ending = calloc(1, sizeof(*ending));
    uint32_t error = WTS_ERROR_NONE;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (ending == NULL)
        return wts_outcome(outcome, status, "out of memory");
    *ending = (struct ending){.call = {.ask = ending_ask, .free = ending_free},
                              .action = action,
                              .session = sight->id};
    status = wts_calls_run(desk->calls, &ending->call, desk->timeout_ms,
                           WTS_CALL_ACT);
    if (status == LASTCALL_TIMEOUT) {
        wts_outcome(outcome, status,
                    "%.100s did not answer within %" PRId64
                    " ms; the session may yet be %s",
                    desk->host->computer, desk->timeout_ms, ended_word(action));
        return settle(desk, sight, action, outcome);
    }
    if (status != LASTCALL_OK)
        return wts_call_outcome(desk, status, WTS_CALL_ACT,
                                action == ACTION_LOGOFF
                                    ? "; the session may yet be logged off"
                                    : "; the session may yet be disconnected",
                                outcome);
    error = ending->error;
    ending_free(&ending->call);
    if (error == WTS_ERROR_NONE)
        return say_accepted(desk, sight, action, outcome);
    wts_error_outcome(desk->host, error, WTS_PURPOSE_END, outcome);
    return settle(desk, sight, action, outcome);
}

enum lastcall_status wts_act(const struct wts_desk *desk,
                             const struct session *target,
                             const struct order *order,
                             struct session_outcome *outcome)
{
    const enum action action =
        action_resolve(order->request.action, BACKEND_WTS);
    const char *text = session_text(target, SESSION_ID);
    struct wts_sight sight = {0};
    uint32_t id = 0;
    enum lastcall_status status = LASTCALL_OK;

    if (action != ACTION_DISCONNECT && action != ACTION_LOGOFF &&
        action != ACTION_MESSAGE)
        return wts_outcome(outcome, LASTCALL_UNSUPPORTED,
                           "a Windows session can be disconnected, logged off "
                           "or shown a message");
    if (text == NULL || !wts_session_id_parse(text, &id))
        return wts_outcome(outcome, LASTCALL_INVALID_REQUEST,
                           "the session id is not a number from 0 to "
                           "4294967294");
    status = wts_look_at(desk, id, WTS_DEPTH_FULL, &sight, outcome);
    if (status == LASTCALL_OK)
        status = check_target(desk, target, order, &sight, outcome);
    if (status == LASTCALL_OK)
        status = action == ACTION_MESSAGE
                     ? wts_message_show(desk, id, &order->request, outcome)
                     : end_session(desk, &sight, action, outcome);
    session_deinit(&sight.session);
    return status;
}
