#include "worker/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000
/* So many that doubling it comes to INVENTORY_ENDING_COUNT_MAX. */
#define ENDING_ROOM_MIN ((size_t)16)

void inventory_state_init(struct inventory_state *state,
                          const struct server_settings *settings,
                          const char *boot_id)
{
    *state = (struct inventory_state){
        .settings = settings,
        .due_ms = INVENTORY_NEVER,
    };
    state->current.server = settings->name;
    state->current.backend = (enum backend_kind)settings->backend;
    snprintf(state->current.boot_id, sizeof(state->current.boot_id), "%s",
             boot_id);
}

static void free_endings(struct inventory_state *state)
{
    for (size_t i = 0; i < state->ending_count; i++)
        free(state->endings[i].texts);
    free(state->endings);
    state->endings = NULL;
    state->ending_count = 0;
    state->ending_room = 0;
    state->ending_next = 0;
}

void inventory_state_deinit(struct inventory_state *state)
{
    inventory_deinit(&state->current);
    free_endings(state);
    *state = (struct inventory_state){.due_ms = INVENTORY_NEVER};
}

static size_t find_number(const struct inventory_numbers *numbers,
                          const struct name *server)
{
    size_t at = 0;

    while (at < numbers->count &&
           strcmp(numbers->rows[at].server.text, server->text) != 0)
        at++;
    return at;
}

void inventory_numbers_restore(const struct inventory_numbers *numbers,
                               struct inventory_state *state)
{
    const size_t at = find_number(numbers, &state->current.server);

    if (at == numbers->count)
        return;
    state->current.seq = numbers->rows[at].seq;
    state->event_seq = numbers->rows[at].event_seq;
}

void inventory_numbers_keep(struct inventory_numbers *numbers,
                            const struct inventory_state *state)
{
    size_t at = find_number(numbers, &state->current.server);

    if (at == SETTINGS_SERVER_COUNT_MAX) {
        at--;
        memmove(&numbers->rows[0], &numbers->rows[1],
                at * sizeof numbers->rows[0]);
    } else if (at == numbers->count) {
        numbers->count++;
    }
    numbers->rows[at] = (struct inventory_number){
        state->current.server, state->current.seq, state->event_seq};
}

/* ---- events ---- */

static int compare_items(const void *a, const void *b)
{
    return session_identity_order(a, b);
}

/* FNV-1a. */
static uint32_t digest_of(const char *text)
{
    uint32_t digest = UINT32_C(0x811c9dc5);

    for (; *text != '\0'; text++)
        digest = (digest ^ (unsigned char)*text) * UINT32_C(0x01000193);
    return digest;
}

/* Put a text behind another; returns where the next one goes. */
static char *put_text(char *at, const char *text)
{
    const size_t size = strlen(text) + 1;

    memcpy(at, text, size);
    return at + size;
}

static const char *next_text(const char *text)
{
    return text + strlen(text) + 1;
}

static char *join_texts(const char *session_id,
                        const struct inventory_cause *cause)
{
    char *texts = malloc(
        strlen(session_id) + 1 + strlen(cause->request_id.text) + 1 +
        strlen(cause->controller.text) + 1 + strlen(cause->plan.text) + 1);
    char *at = texts;

    if (texts == NULL)
        return NULL;
    at = put_text(at, session_id);
    at = put_text(at, cause->request_id.text);
    at = put_text(at, cause->controller.text);
    put_text(at, cause->plan.text);
    return texts;
}

static void read_cause(const struct inventory_ending *ending,
                       struct inventory_cause *cause)
{
    const char *text = next_text(ending->texts);

    *cause = (struct inventory_cause){{""}, {""}, {""}};
    put_text(cause->request_id.text, text);
    text = next_text(text);
    put_text(cause->controller.text, text);
    text = next_text(text);
    put_text(cause->plan.text, text);
}

/* One more place; NULL where there is no room for it. */
static struct inventory_ending *append_ending(struct inventory_state *state)
{
    size_t room = state->ending_room * 2;
    struct inventory_ending *place = NULL;
    struct inventory_ending *longer = NULL;

    if (room < ENDING_ROOM_MIN)
        room = ENDING_ROOM_MIN;
    if (state->ending_count == state->ending_room) {
        if (room > INVENTORY_ENDING_COUNT_MAX)
            return NULL;
        longer = realloc(state->endings, room * sizeof(*longer));
        if (longer == NULL)
            return NULL;
        state->endings = longer;
        state->ending_room = room;
    }
    place = &state->endings[state->ending_count++];
    *place = (struct inventory_ending){0};
    return place;
}

/* Where to note an ending that was not noted before. */
static struct inventory_ending *free_place(struct inventory_state *state,
                                           struct inventory_ending *old)
{
    struct inventory_ending *place = old != NULL ? old : append_ending(state);

    if (place == NULL && state->ending_count > 0) {
        place = &state->endings[state->ending_next];
        state->ending_next = (state->ending_next + 1) % state->ending_count;
    }
    if (place == NULL)
        return NULL;
    free(place->texts);
    *place = (struct inventory_ending){0};
    return place;
}

void inventory_note_ending(struct inventory_state *state,
                           const char *session_id,
                           const struct inventory_cause *cause, int64_t now_ms)
{
    const uint32_t session_digest = digest_of(session_id);
    const uint32_t request_digest = digest_of(cause->request_id.text);
    struct inventory_ending *old = NULL;
    struct inventory_ending *place = NULL;

    if (strlen(session_id) >= INVENTORY_ID_SIZE)
        return; /* the event will say null */
    /* A command may be noted when it is given and again when it is done. */
    for (size_t i = 0; i < state->ending_count && place == NULL; i++) {
        struct inventory_ending *ending = &state->endings[i];

        if (ending->until_ms <= now_ms)
            old = old == NULL ? ending : old;
        else if (ending->session_digest == session_digest &&
                 ending->request_digest == request_digest &&
                 strcmp(ending->texts, session_id) == 0 &&
                 strcmp(next_text(ending->texts), cause->request_id.text) == 0)
            place = ending;
    }
    if (place == NULL) {
        char *texts = join_texts(session_id, cause);

        place = texts != NULL ? free_place(state, old) : NULL;
        if (place == NULL) {
            free(texts);
            return; /* out of memory: likewise */
        }
        place->texts = texts;
        place->session_digest = session_digest;
        place->request_digest = request_digest;
    }
    place->until_ms = now_ms + INVENTORY_ENDING_MS;
    state->ending_latest_ms = place->until_ms;
}

/*
 * Find what ended a session, as far as it is remembered; else {0}.  A cause
 * ends one session: the next one with that id has another.
 */
static void take_cause(struct inventory_state *state,
                       const struct session *session, int64_t now_ms,
                       struct inventory_cause *cause)
{
    const char *id = session_text(session, SESSION_ID);
    const uint32_t digest = id != NULL ? digest_of(id) : 0;
    bool is_found = false;

    *cause = (struct inventory_cause){{""}, {""}, {""}};
    for (size_t i = 0; id != NULL && i < state->ending_count; i++) {
        struct inventory_ending *ending = &state->endings[i];

        if (ending->session_digest != digest || strcmp(ending->texts, id) != 0)
            continue;
        if (!is_found && !ending->is_told && ending->until_ms > now_ms) {
            read_cause(ending, cause);
            is_found = true;
        }
        ending->is_told = true;
    }
}

static void emit(struct inventory_state *state, enum event_kind kind,
                 const struct session *session, int64_t now_ms,
                 const struct inventory_sink *sink)
{
    struct event event = {
        .server = state->current.server,
        .backend = state->current.backend,
        .seq = ++state->event_seq,
        .kind = kind,
        .session = *session, /* lent for the time of the call */
    };
    struct inventory_cause cause;

    memcpy(event.boot_id, state->current.boot_id, sizeof(event.boot_id));
    if (kind == EVENT_ENDED) {
        take_cause(state, session, now_ms, &cause);
        event.ended_by = cause.request_id;
        event.ended_by_controller = cause.controller;
        event.ended_by_plan = cause.plan;
    }
    sink->event(sink->context, &event);
}

/* Walk both sorted lists side by side. */
static void emit_events(struct inventory_state *state,
                        const struct session_list *fresh, int64_t now_ms,
                        const struct inventory_sink *sink)
{
    const struct session_list *old = &state->current.sessions;
    size_t i = 0;
    size_t k = 0;

    while (i < old->count || k < fresh->count) {
        int order = 0;

        if (i == old->count)
            order = 1;
        else if (k == fresh->count)
            order = -1;
        else
            order = session_identity_order(&old->items[i], &fresh->items[k]);
        if (order < 0) {
            emit(state, EVENT_ENDED, &old->items[i++], now_ms, sink);
        } else if (order > 0) {
            emit(state, EVENT_STARTED, &fresh->items[k++], now_ms, sink);
        } else {
            if (!session_is_equal(&old->items[i], &fresh->items[k],
                                  SESSION_COMPARE_STILL))
                emit(state, EVENT_CHANGED, &fresh->items[k], now_ms, sink);
            i++;
            k++;
        }
    }
}

/* ---- when to publish ---- */

enum novelty {
    NOVELTY_NONE,
    NOVELTY_MOVED,
    NOVELTY_NEWS,
};

static enum novelty novelty_of(const struct inventory_state *state,
                               const struct snapshot *snapshot)
{
    const struct inventory *current = &state->current;
    const bool is_reachable = snapshot->outcome.code == LASTCALL_OK;

    if (!state->is_known || is_reachable != current->reachable)
        return NOVELTY_NEWS;
    if (!is_reachable)
        return snapshot->outcome.code == current->error_code ? NOVELTY_NONE
                                                             : NOVELTY_NEWS;
    if (!session_list_is_equal(&current->sessions, &snapshot->sessions,
                               SESSION_COMPARE_STILL))
        return NOVELTY_NEWS;
    return session_list_is_equal(&current->sessions, &snapshot->sessions,
                                 SESSION_COMPARE_ALL)
               ? NOVELTY_NONE
               : NOVELTY_MOVED;
}

static void schedule(struct inventory_state *state, enum novelty novelty,
                     int64_t now_ms)
{
    int64_t gap_ms = 0;
    int64_t due_ms = now_ms;

    switch (novelty) {
    case NOVELTY_NONE:
        gap_ms = state->settings->sessions_max_age_s * MS_PER_S;
        break;
    case NOVELTY_MOVED:
        gap_ms = state->settings->sessions_interval_ms;
        break;
    case NOVELTY_NEWS:
        gap_ms = INVENTORY_DEBOUNCE_MS;
        break;
    }
    if (state->is_published && state->published_ms + gap_ms > now_ms)
        due_ms = state->published_ms + gap_ms;
    if (due_ms < state->due_ms)
        state->due_ms = due_ms;
}

static void adopt(struct inventory_state *state, struct snapshot *snapshot)
{
    struct inventory *current = &state->current;

    current->taken_ms = snapshot->taken_ms;
    current->reachable = snapshot->outcome.code == LASTCALL_OK;
    current->error_code = snapshot->outcome.code;
    memcpy(current->error_detail, snapshot->outcome.detail,
           sizeof(current->error_detail));
    state->is_known = true;
    state->report = snapshot->report;
    state->has_report = snapshot->has_report;
    if (!current->reachable)
        return; /* the last known list stays */
    session_list_deinit(&current->sessions);
    current->sessions = snapshot->sessions;
    snapshot->sessions = (struct session_list){0};
    current->truncated =
        current->sessions.total_count > current->sessions.count;
    state->has_listed = true;
}

void inventory_take(struct inventory_state *state, struct snapshot *snapshot,
                    int64_t now_ms, const struct inventory_sink *sink)
{
    enum novelty novelty = NOVELTY_NONE;

    /* A server may list in another order each time. */
    if (snapshot->sessions.count > 1)
        qsort(snapshot->sessions.items, snapshot->sessions.count,
              sizeof(snapshot->sessions.items[0]), compare_items);
    novelty = novelty_of(state, snapshot);
    if (novelty == NOVELTY_NEWS && state->has_listed &&
        snapshot->outcome.code == LASTCALL_OK)
        emit_events(state, &snapshot->sessions, now_ms, sink);
    if (state->ending_latest_ms <= now_ms)
        free_endings(state);
    adopt(state, snapshot);
    schedule(state, novelty, now_ms);
}

void inventory_tick(struct inventory_state *state, int64_t now_ms,
                    const struct inventory_sink *sink)
{
    if (!state->is_known || now_ms < state->due_ms)
        return;
    state->current.seq++;
    if (sink->inventory(sink->context, &state->current) != LASTCALL_OK) {
        state->due_ms = now_ms + INVENTORY_DEBOUNCE_MS;
        return;
    }
    state->published_ms = now_ms;
    state->is_published = true;
    state->due_ms = now_ms + state->settings->sessions_max_age_s * MS_PER_S;
}

void inventory_want(struct inventory_state *state)
{
    if (state->is_known)
        state->due_ms = 0;
}
