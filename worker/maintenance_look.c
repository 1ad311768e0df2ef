#include "worker/maintenance_private.h"

#include <string.h>

/* FNV-1a; never 0. */
static uint64_t session_hash(const char *server, const char *id)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *text = server; text != NULL;
         text = text == server ? id : NULL) {
        for (size_t i = 0; text[i] != '\0'; i++)
            hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
        if (text == id)
            break;
        hash = (hash ^ '/') * UINT64_C(1099511628211);
    }
    return hash != 0 ? hash : 1;
}

static bool was_just_ended(const struct plan_entry *entry, uint64_t hash,
                           int64_t now_ms)
{
    for (size_t i = 0; i < MAINTENANCE_ENDED_COUNT_MAX; i++) {
        if (entry->ended[i].session == hash &&
            now_ms < entry->ended[i].until_ms)
            return true;
    }
    return false;
}

/* Is this a session that enforce is for? */
static bool is_wanted(const struct maintenance_run *maintenance,
                      const struct plan_entry *entry,
                      const struct server_settings *server,
                      const struct session *session)
{
    const struct maintenance *plan = &entry->plan;
    const enum backend_kind kind = (enum backend_kind)server->backend;
    const struct session_value *endable = &session->fields[SESSION_ENDABLE];
    const char *state = session_text(session, SESSION_STATE);
    const char *id = session_text(session, SESSION_ID);

    if ((backend_kind_actions(kind) & ACTION_BIT(plan->action)) == 0 ||
        id == NULL || (endable->kind == VALUE_BOOL && !endable->as.boolean) ||
        policy_protects(maintenance->options.policy, session))
        return false;
    if (action_resolve(plan->action, kind) == ACTION_DISCONNECT &&
        state != NULL && strcmp(state, SESSION_STATE_DISCONNECTED) == 0)
        return false;
    if (plan->has_where ? !filter_match(&plan->where, session)
                        : session_text(session, SESSION_USERNAME) == NULL)
        return false;
    return !was_just_ended(entry, session_hash(server->name.text, id),
                           maintenance_now_ms(maintenance));
}

/* A list from before our last ending, which was on its way meanwhile. */
static bool is_stale(const struct maintenance_run *maintenance,
                     const struct plan_entry *entry,
                     const struct snapshot *snapshot)
{
    return entry->acted_ms != 0 &&
           maintenance_now_ms(maintenance) <
               entry->acted_ms + MAINTENANCE_ENDED_MS &&
           snapshot->taken_ms < entry->acted_wall_ms;
}

void maintenance_look(struct maintenance_run *maintenance,
                      const struct snapshot *snapshot)
{
    const struct server_settings *server =
        &maintenance->options.settings->servers[snapshot->server];
    const uint64_t bit = UINT64_C(1) << snapshot->server;

    if (snapshot->outcome.code != LASTCALL_OK)
        return;
    for (size_t i = 0; i < maintenance->count; i++) {
        struct plan_entry *entry = &maintenance->entries[i];

        if (is_stale(maintenance, entry, snapshot))
            continue;
        entry->back |= entry->owed & bit;
        entry->warn_back |= entry->state.warn_servers & bit;
        entry->fresh &= ~bit;
        if (!entry->plan.enforce || entry->state.start_count == 0)
            continue;
        for (size_t k = 0; k < snapshot->sessions.count; k++) {
            if (is_wanted(maintenance, entry, server,
                          &snapshot->sessions.items[k]))
                entry->fresh |= bit;
        }
    }
}

/* The place of a session; the oldest where it has none. */
static struct plan_ended *place_of(struct plan_entry *entry, uint64_t hash)
{
    struct plan_ended *place = NULL;

    for (size_t i = 0; i < MAINTENANCE_ENDED_COUNT_MAX; i++) {
        if (entry->ended[i].session == hash)
            return &entry->ended[i];
    }
    place = &entry->ended[entry->ended_next];
    entry->ended_next = (entry->ended_next + 1) % MAINTENANCE_ENDED_COUNT_MAX;
    *place = (struct plan_ended){.session = hash};
    return place;
}

/* A player that does not heed is asked less and less. */
static void remember(struct plan_entry *entry, uint64_t hash, int64_t now_ms)
{
    struct plan_ended *place = place_of(entry, hash);

    place->wait_ms =
        place->wait_ms == 0 ? MAINTENANCE_ENDED_MS : place->wait_ms * 2;
    if (place->wait_ms > MAINTENANCE_AGAIN_MAX_MS)
        place->wait_ms = MAINTENANCE_AGAIN_MAX_MS;
    place->until_ms = now_ms + place->wait_ms;
}

void maintenance_remember_ended(const struct maintenance_run *maintenance,
                                struct plan_entry *entry,
                                const struct result *result)
{
    for (size_t i = 0; i < result->session_count; i++) {
        const struct session_result *session = &result->sessions[i];

        /* A terminal server was watched until the ending showed; whoever is
         * there now has come back. */
        if (!status_is_success(session->code) || session->session_id == NULL ||
            session->backend == BACKEND_WTS)
            continue;
        remember(entry, session_hash(session->server.text, session->session_id),
                 maintenance_now_ms(maintenance));
    }
}
