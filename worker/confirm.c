#include "worker/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

#define MS_PER_S 1000

static bool is_same_text(const struct session *a, const struct session *b,
                         enum session_field field)
{
    const char *one = session_text(a, field);
    const char *other = session_text(b, field);

    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* What one of the two does not tell does not tell them apart. */
static bool is_other_text(const struct session *a, const struct session *b,
                          enum session_field field)
{
    const char *one = session_text(a, field);
    const char *other = session_text(b, field);

    return one != NULL && other != NULL && strcmp(one, other) != 0;
}

/* The session is still listed, and nobody is logged on in it. */
static bool is_empty_now(const struct session *old, const struct session *now)
{
    return session_text(old, SESSION_USERNAME) != NULL &&
           session_text(now, SESSION_USERNAME) == NULL;
}

bool confirm_has_ended(enum action action, const struct session *old,
                       const struct session_list *list)
{
    const char *id = session_text(old, SESSION_ID);
    const struct session *now = NULL;
    const char *state = NULL;

    if (id != NULL)
        now = session_list_find(list, id);
    if (now == NULL || is_other_text(old, now, SESSION_USERNAME) ||
        is_other_text(old, now, SESSION_LOGON_TIME))
        return true;
    if (action == ACTION_LOGOFF && is_empty_now(old, now))
        return true;
    state = session_text(now, SESSION_STATE);
    return action == ACTION_DISCONNECT && state != NULL &&
           strcmp(state, SESSION_STATE_DISCONNECTED) == 0;
}

static bool is_target(const struct job *job, const char *session_id)
{
    for (size_t i = 0; i < job->target_count; i++) {
        const char *id = session_text(&job->targets[i].session, SESSION_ID);

        if (id != NULL && strcmp(id, session_id) == 0)
            return true;
    }
    return false;
}

static bool was_listed(const struct job *job, const char *session_id)
{
    for (size_t i = 0; i < job->other_count; i++) {
        if (strcmp(job->others[i], session_id) == 0)
            return true;
    }
    return is_target(job, session_id);
}

enum lastcall_status confirm_prepare(struct job *job,
                                     const struct session_list *list)
{
    if (job->target_count == 0 || job->target_count == list->count)
        return LASTCALL_OK;
    job->others = calloc(list->count, sizeof(*job->others));
    if (job->others == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < list->count; i++) {
        const char *id = session_text(&list->items[i], SESSION_ID);

        if (id == NULL || is_target(job, id))
            continue;
        job->others[job->other_count] = bytes_copy_text(id);
        if (job->others[job->other_count] == NULL)
            return LASTCALL_E_NOMEM;
        job->other_count++;
    }
    return LASTCALL_OK;
}

/* The same person on the same player began the same thing again: players
 * that reconnect by themselves get a new id. */
static bool has_twin(const struct watch *watch, const struct session_list *list)
{
    const struct session *old = &watch->job->targets[watch->target].session;

    for (size_t i = 0; i < list->count; i++) {
        const struct session *now = &list->items[i];
        const char *id = session_text(now, SESSION_ID);

        if (id != NULL && is_same_text(old, now, SESSION_USERNAME) &&
            is_same_text(old, now, SESSION_PLAYER_MACHINE_ID) &&
            is_same_text(old, now, SESSION_MEDIA_KEY) &&
            !was_listed(watch->job, id))
            return true;
    }
    return false;
}

bool watch_begin(struct watch *out, struct job *job, size_t target,
                 enum backend_kind kind, int64_t now_ms)
{
    const struct request *request = &job->order->request;
    const int64_t confirm_ms = request->confirm_s * MS_PER_S;
    const int64_t settle_ms = job->targets[target].outcome.settle_ms;

    *out = (struct watch){
        .job = job,
        .target = target,
        .action = action_resolve(request->action, kind),
        .confirm_until_ms = now_ms + confirm_ms,
        .until_ms = now_ms + (settle_ms > confirm_ms ? settle_ms : confirm_ms),
    };
    return confirm_ms > 0 || settle_ms > 0;
}

void watch_update(struct watch *watch, const struct session_list *list)
{
    const struct session *old = &watch->job->targets[watch->target].session;

    watch->is_blind = list == NULL;
    if (list == NULL)
        return;
    watch->is_listed = !confirm_has_ended(watch->action, old, list);
    if (!watch->is_listed)
        watch->was_gone = true;
    /* Beside a target that never went nothing came back; and only for an order
     * to be confirmed is it known what was there before. */
    watch->has_twin = watch->was_gone &&
                      watch->job->order->request.confirm_s > 0 &&
                      has_twin(watch, list);
}

bool watch_is_over(const struct watch *watch, int64_t now_ms)
{
    if (now_ms >= watch->until_ms)
        return true;
    return now_ms >= watch->confirm_until_ms && watch->was_gone &&
           !watch->is_blind;
}

void watch_settle(const struct watch *watch, struct session_outcome *outcome)
{
    const bool is_disconnect = watch->action == ACTION_DISCONNECT;

    if (watch->is_listed && watch->was_gone)
        outcome_set(outcome, LASTCALL_REAPPEARED,
                    is_disconnect ? "the user connected to the session again"
                                  : "the session ended and came back under "
                                    "the same id");
    else if (watch->has_twin)
        outcome_set(outcome, LASTCALL_REAPPEARED,
                    "the same user began the same thing again on the same "
                    "player");
    else if (watch->is_listed)
        outcome_set(outcome, LASTCALL_UNCONFIRMED,
                    is_disconnect
                        ? "the server accepted, and still lists the session "
                          "as connected"
                        : "the server accepted, and still lists the session");
    else if (!watch->was_gone)
        outcome_set(outcome, LASTCALL_UNCONFIRMED,
                    "the server accepted, and could not be asked since");
    else
        outcome_set(outcome, LASTCALL_OK, "");
}
