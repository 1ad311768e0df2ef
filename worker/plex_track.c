#include "worker/plex_track.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/moment.h"

#define NOT_PAUSED (-1)
#define KEY_BYTES_MAX (2 * SESSION_TEXT_MAX + 2)

struct plex_seen {
    char *key; /* owned */
    int64_t first_wall_ms;
    int64_t paused_ms; /* monotonic, or NOT_PAUSED */
};

static void seen_free(struct plex_seen *seen, size_t count)
{
    for (size_t i = 0; seen != NULL && i < count; i++)
        free(seen[i].key);
    free(seen);
}

void plex_track_deinit(struct plex_track *track)
{
    seen_free(track->seen, track->count);
    *track = (struct plex_track){0};
}

static int compare_seen(const void *a, const void *b)
{
    const struct plex_seen *left = a;
    const struct plex_seen *right = b;

    return strcmp(left->key, right->key);
}

/* Session texts hold no line feed, so that the key has one reading. */
static enum lastcall_status make_key(const struct session *session, char **out)
{
    const char *id = session_text(session, SESSION_ID);
    const char *key = session_text(session, SESSION_SESSION_KEY);
    struct bytes text;
    enum lastcall_status status;

    *out = NULL;
    bytes_init(&text, KEY_BYTES_MAX);
    status = bytes_append_format(&text, "%s\n%s", id == NULL ? "" : id,
                                 key == NULL ? "" : key);
    if (status == LASTCALL_OK)
        *out = bytes_take(&text);
    bytes_deinit(&text);
    return status;
}

static bool has_state(const struct session *session, const char *name)
{
    const char *state = session_text(session, SESSION_STATE);

    return state != NULL && strcmp(state, name) == 0;
}

static enum lastcall_status fill(struct session *session,
                                 const struct plex_seen *seen,
                                 int64_t monotonic_ms)
{
    char moment[MOMENT_TEXT_SIZE];

    if (seen->paused_ms != NOT_PAUSED) {
        int64_t paused_s = (monotonic_ms - seen->paused_ms) / 1000;

        session_set_integer(session, SESSION_PAUSED_S, paused_s);
        session_set_integer(session, SESSION_IDLE_S, paused_s);
    } else if (has_state(session, "playing") ||
               has_state(session, "buffering")) {
        session_set_integer(session, SESSION_IDLE_S, 0);
    }
    moment_format(seen->first_wall_ms, moment);
    return session_set_text(session, SESSION_STARTED_AT, moment);
}

/* Find out about one session; now->key is filled on LASTCALL_OK. */
static enum lastcall_status look(const struct plex_track *track,
                                 struct session *session, int64_t wall_ms,
                                 int64_t monotonic_ms, struct plex_seen *now)
{
    const struct plex_seen *before = NULL;
    enum lastcall_status status = make_key(session, &now->key);

    if (status != LASTCALL_OK)
        return status;
    if (track->count > 0)
        before =
            bsearch(now, track->seen, track->count, sizeof(*now), compare_seen);
    now->first_wall_ms = before != NULL ? before->first_wall_ms : wall_ms;
    now->paused_ms = NOT_PAUSED;
    if (has_state(session, "paused"))
        now->paused_ms = before != NULL && before->paused_ms != NOT_PAUSED
                             ? before->paused_ms
                             : monotonic_ms;
    return fill(session, now, monotonic_ms);
}

enum lastcall_status plex_track_update(struct plex_track *track,
                                       struct session_list *list,
                                       int64_t wall_ms, int64_t monotonic_ms)
{
    struct plex_seen *seen = NULL;
    enum lastcall_status status = LASTCALL_OK;

    if (list->count == 0) {
        plex_track_deinit(track);
        return LASTCALL_OK;
    }
    seen = calloc(list->count, sizeof(*seen));
    if (seen == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; status == LASTCALL_OK && i < list->count; i++)
        status = look(track, &list->items[i], wall_ms, monotonic_ms, &seen[i]);
    if (status != LASTCALL_OK) {
        seen_free(seen, list->count);
        return status;
    }
    qsort(seen, list->count, sizeof(*seen), compare_seen);
    plex_track_deinit(track);
    track->seen = seen;
    track->count = list->count;
    return LASTCALL_OK;
}
