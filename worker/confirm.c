#include "worker/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

static bool is_same_text(const struct session *a, const struct session *b,
                         enum session_field field)
{
    const char *one = session_text(a, field);
    const char *other = session_text(b, field);

    return one != NULL && other != NULL && strcmp(one, other) == 0;
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

void watch_update(struct watch *watch, const struct session_list *list)
{
    const struct session *old = &watch->job->targets[watch->target].session;
    const char *id = session_text(old, SESSION_ID);

    watch->is_blind = list == NULL;
    if (list == NULL)
        return;
    watch->is_listed = id != NULL && session_list_find(list, id) != NULL;
    if (!watch->is_listed)
        watch->was_gone = true;
    /* Beside a target that never went nothing came back. */
    watch->has_twin = watch->was_gone && has_twin(watch, list);
}

void watch_settle(const struct watch *watch, struct session_outcome *outcome)
{
    if (watch->is_listed && watch->was_gone)
        outcome_set(outcome, LASTCALL_REAPPEARED,
                    "the session ended and came back under the same id");
    else if (watch->has_twin)
        outcome_set(outcome, LASTCALL_REAPPEARED,
                    "the same user began the same thing again on the same "
                    "player");
    else if (watch->is_listed)
        outcome_set(outcome, LASTCALL_UNCONFIRMED,
                    "the server accepted, and still lists the session");
    else if (!watch->was_gone)
        outcome_set(outcome, LASTCALL_UNCONFIRMED,
                    "the server accepted, and could not be asked since");
    else
        outcome_set(outcome, LASTCALL_OK, "");
}
