#include "controller/watch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void watch_deinit(struct watch *watch)
{
    free(watch->tracks);
    text_index_deinit(&watch->by_key);
    *watch = (struct watch){0};
}

/* ---- which events are new ---- */

static const char *key_at(const void *array, size_t position)
{
    return ((const struct watch_track *)array)[position].key;
}

static enum lastcall_status make_room(struct watch *watch)
{
    const size_t capacity =
        watch->track_capacity == 0 ? 16 : 2 * watch->track_capacity;
    struct watch_track *grown = NULL;

    if (watch->track_count < watch->track_capacity)
        return LASTCALL_OK;
    grown = realloc(watch->tracks, capacity * sizeof *grown);
    if (grown == NULL)
        return LASTCALL_E_NOMEM;
    watch->tracks = grown;
    watch->track_capacity = capacity;
    return LASTCALL_OK;
}

/* The track of a server, made where there is none; NULL beyond the bound. */
static enum lastcall_status find_or_add(struct watch *watch,
                                        const struct news *news,
                                        struct watch_track **out)
{
    char key[WATCH_KEY_SIZE];
    size_t at = TEXT_INDEX_NONE;
    enum lastcall_status status = LASTCALL_OK;

    *out = NULL;
    snprintf(key, sizeof key, "%s/%s", news->host.text,
             news->event->server.text);
    at = text_index_find(&watch->by_key, watch->tracks, key);
    if (at == TEXT_INDEX_NONE && watch->track_count >= WATCH_TRACK_MAX)
        return LASTCALL_OK;
    if (at == TEXT_INDEX_NONE) {
        status = make_room(watch);
        if (status != LASTCALL_OK)
            return status;
        at = watch->track_count;
        watch->tracks[at] = (struct watch_track){0};
        memcpy(watch->tracks[at].key, key, sizeof key);
        watch->by_key.text_at = key_at;
        status = text_index_add(&watch->by_key, watch->tracks, at);
        if (status != LASTCALL_OK)
            return status;
        watch->track_count++;
    }
    *out = &watch->tracks[at];
    return LASTCALL_OK;
}

static struct registry_inventory *
find_inventory(const struct registry *registry, const struct name *host_name,
               const struct name *server)
{
    struct registry_host *host = registry_find(registry, host_name);

    for (size_t i = 0; host != NULL && i < host->inventory_count; i++) {
        if (strcmp(host->inventories[i].inventory.server.text, server->text) ==
            0)
            return &host->inventories[i];
    }
    return NULL;
}

/* Another life than the one that the host's status tells of, and no later. */
static bool is_of_earlier_life(const struct registry *registry,
                               const struct news *news)
{
    const struct registry_host *host = registry_find(registry, &news->host);

    return host != NULL && host->has_status &&
           strcmp(host->status.boot_id, news->event->boot_id) != 0 &&
           news->iat_s <= host->iat_s;
}

/* Nothing of this server was seen yet: what it has published says how old an
 * event may be. */
static bool is_older_than_list(const struct registry *registry,
                               const struct news *news)
{
    const struct registry_inventory *known =
        find_inventory(registry, &news->host, &news->event->server);

    return known != NULL && news->iat_s < known->iat_s;
}

/* Whether a number of this life was seen before. */
static bool is_repeated(const struct watch *watch,
                        const struct watch_track *track, int64_t seq)
{
    const int64_t back = track->seq - seq;

    if (back < 0)
        return false;
    if (watch->share == WATCH_ALONE || back >= WATCH_WINDOW)
        return true;
    return (track->recent >> back & 1) != 0;
}

static void note_seq(struct watch_track *track, const struct news *news)
{
    const int64_t ahead = news->event->seq - track->seq;

    if (ahead > 0) {
        track->recent = ahead < WATCH_WINDOW ? track->recent << ahead : 0;
        track->recent |= 1;
        track->seq = news->event->seq;
    } else if (ahead > -WATCH_WINDOW) {
        track->recent |= UINT64_C(1) << (unsigned)-ahead;
    }
    if (news->iat_s > track->iat_s)
        track->iat_s = news->iat_s;
}

/*
 * Judge an event by its number, and take note of it.
 *
 *   missed  how many events before it never came; at least -1
 *
 * Returns whether it is new.
 */
static bool admit(const struct watch *watch, const struct registry *registry,
                  struct watch_track *track, const struct news *news,
                  int64_t *missed)
{
    const struct event *event = news->event;
    const bool is_first = track->boot_id[0] == '\0';

    *missed = 0;
    if (is_of_earlier_life(registry, news))
        return false;
    if (is_first && is_older_than_list(registry, news))
        return false;
    if (!is_first && strcmp(track->boot_id, event->boot_id) == 0) {
        if (is_repeated(watch, track, event->seq))
            return false;
        *missed = event->seq - track->seq - 1;
    } else {
        if (!is_first && news->iat_s < track->iat_s)
            return false;
        *missed = is_first ? 0 : event->seq - 1;
        memcpy(track->boot_id, event->boot_id, sizeof track->boot_id);
        track->seq = 0;
        track->recent = 0;
    }
    note_seq(track, news);
    if (watch->share == WATCH_SHARED)
        *missed = 0;
    return true;
}

/* ---- what a session was before ---- */

static struct session *find_session(struct session_list *list,
                                    const struct session *session)
{
    for (size_t i = 0; i < list->count; i++) {
        if (session_identity_order(&list->items[i], session) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* Bring the list to what the event says; the session is moved. */
static enum lastcall_status apply(struct session_list *list,
                                  struct session *before, struct event *event)
{
    if (event->kind != EVENT_ENDED && before == NULL)
        return session_list_take(list, &event->session);
    if (before == NULL)
        return LASTCALL_OK;
    session_deinit(before);
    if (event->kind == EVENT_ENDED) {
        list->count--;
        list->total_count--;
        *before = list->items[list->count];
    } else {
        *before = event->session;
        event->session = (struct session){0};
    }
    return LASTCALL_OK;
}

static enum lastcall_status tell(const struct registry *registry,
                                 const struct news *news,
                                 const struct watch_sink *sink)
{
    struct event *event = news->event;
    struct registry_inventory *known =
        find_inventory(registry, &news->host, &event->server);
    struct session_list *list =
        known == NULL ? NULL : &known->inventory.sessions;
    struct session *before =
        list == NULL ? NULL : find_session(list, &event->session);
    const struct watch_event told = {
        .host = &news->host,
        .server = &event->server,
        .backend = event->backend,
        .kind = event->kind,
        .before = before,
        .session = &event->session,
        .event = event,
    };

    sink->event(sink->context, &told);
    return list == NULL ? LASTCALL_OK : apply(list, before, event);
}

enum lastcall_status watch_take_event(struct watch *watch,
                                      const struct registry *registry,
                                      struct news *news,
                                      const struct watch_sink *sink)
{
    struct watch_track *track = NULL;
    int64_t missed = 0;
    enum lastcall_status status = find_or_add(watch, news, &track);

    assert(news->kind == TOPIC_EVENT);
    if (status == LASTCALL_OK && track != NULL &&
        !admit(watch, registry, track, news, &missed)) {
        watch->repeated_count++;
        news_deinit(news);
        return LASTCALL_OK;
    }
    if (missed > 0)
        sink->gap(sink->context, &news->host, &news->event->server, missed);
    if (status == LASTCALL_OK)
        status = tell(registry, news, sink);
    news_deinit(news);
    return status;
}

/* ---- what no event told of ---- */

/* The sessions of a list in their order; NULL when out of memory. */
static const struct session **sorted(const struct session_list *list)
{
    const struct session **items =
        calloc(list->count + 1, sizeof(const struct session *));

    for (size_t i = 0; items != NULL && i < list->count; i++)
        items[i] = &list->items[i];
    return items;
}

static int compare_pointers(const void *a, const void *b)
{
    const struct session *const *one = a;
    const struct session *const *other = b;

    return session_identity_order(*one, *other);
}

/* Walk over both sorted lists side by side. */
static void tell_differences(const struct session **old, size_t old_count,
                             const struct session **fresh, size_t fresh_count,
                             struct watch_event told,
                             const struct watch_sink *sink)
{
    size_t i = 0;
    size_t k = 0;

    while (i < old_count || k < fresh_count) {
        int order = 0;

        if (i == old_count || k == fresh_count)
            order = i == old_count ? 1 : -1;
        else
            order = session_identity_order(old[i], fresh[k]);
        told.before = order > 0 ? NULL : old[i];
        told.session = order < 0 ? old[i] : fresh[k];
        told.kind = order < 0   ? EVENT_ENDED
                    : order > 0 ? EVENT_STARTED
                                : EVENT_CHANGED;
        if (order != 0 ||
            !session_is_equal(old[i], fresh[k], SESSION_COMPARE_STILL))
            sink->event(sink->context, &told);
        i += order <= 0;
        k += order >= 0;
    }
}

/* Whether a list is the one after another, and both say all there is. */
static bool is_comparable(const struct registry_inventory *known,
                          const struct news *news)
{
    const struct inventory *fresh = &news->inventory;
    const struct inventory *old = &known->inventory;

    if (!registry_list_is_later(known, news))
        return false;
    return fresh->reachable && !fresh->truncated && !old->truncated;
}

enum lastcall_status watch_compare(const struct registry *registry,
                                   const struct news *news,
                                   const struct watch_sink *sink)
{
    const struct inventory *fresh = &news->inventory;
    const struct registry_inventory *known =
        find_inventory(registry, &news->host, &fresh->server);
    const struct watch_event told = {
        .host = &news->host,
        .server = &fresh->server,
        .backend = fresh->backend,
    };
    const struct session **old_items = NULL;
    const struct session **fresh_items = NULL;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (known == NULL || !is_comparable(known, news))
        return LASTCALL_OK;
    old_items = sorted(&known->inventory.sessions);
    fresh_items = sorted(&fresh->sessions);
    if (old_items != NULL && fresh_items != NULL) {
        const size_t old_count = known->inventory.sessions.count;

        qsort(old_items, old_count, sizeof(const struct session *),
              compare_pointers);
        qsort(fresh_items, fresh->sessions.count,
              sizeof(const struct session *), compare_pointers);
        tell_differences(old_items, old_count, fresh_items,
                         fresh->sessions.count, told, sink);
        status = LASTCALL_OK;
    }
    free(old_items);
    free(fresh_items);
    return status;
}
