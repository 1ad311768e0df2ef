#include "tests/standin/sessions.h"

#include "tests/standin/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the reactions take unless after_ms says otherwise, unscaled. */
enum {
    DELAYED_MS = 10000, /* the client learns at its next timeline report */
    ZOMBIE_MS = 10000,
    RESUME_MS = 2000,
    SLOW200_MS = 5000
};

enum { FIRST_KEY = 1001, SWAPPED_RATING_KEY = 900000 };

static const struct {
    const char *name;
    enum react react;
    uint64_t after_ms;
} REACTIONS[] = {
    {"prompt", REACT_PROMPT, 0},
    {"delayed", REACT_DELAYED, DELAYED_MS},
    {"ignore", REACT_IGNORE, 0},
    {"zombie", REACT_ZOMBIE, ZOMBIE_MS},
    {"resume", REACT_RESUME, RESUME_MS},
    {"swap", REACT_SWAP, 0},
    {"race404", REACT_RACE404, 0},
    {"slow200", REACT_SLOW200, SLOW200_MS},
    {"lost", REACT_LOST, 0},
    {"noeffect", REACT_NOEFFECT, 0},
};
enum { REACTION_COUNT = sizeof(REACTIONS) / sizeof(REACTIONS[0]) };

void sessions_init(struct sessions *sessions, double scale)
{
    *sessions = (struct sessions){
        .next_key = FIRST_KEY,
        .next_due = UINT64_MAX,
        .scale = scale,
    };
}

static void play_deinit(struct play *play)
{
    json_decref(play->item);
    json_decref(play->swap);
    *play = (struct play){0};
}

void sessions_clear(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        play_deinit(&sessions->plays[i]);
    sessions->count = 0;
    sessions->version++;
}

void sessions_deinit(struct sessions *sessions)
{
    sessions_clear(sessions);
    free(sessions->plays);
    *sessions = (struct sessions){0};
}

void sessions_remove(struct sessions *sessions, size_t at)
{
    play_deinit(&sessions->plays[at]);
    sessions->count--;
    memmove(&sessions->plays[at], &sessions->plays[at + 1],
            (sessions->count - at) * sizeof(struct play));
    sessions->version++;
}

static json_t *key_text(uint64_t number)
{
    char text[RENDER_NUMBER_MAX];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return json_string(text);
}

static void play_renew(struct sessions *sessions, struct play *play)
{
    char id[RENDER_NUMBER_MAX];
    json_t *session = json_object_get(play->item, "Session");

    (void)snprintf(id, sizeof(id), "resumed%016llx",
                   (unsigned long long)++sessions->next_id);
    json_object_set_new(play->item, "sessionKey",
                        key_text(sessions->next_key++));
    if (json_is_object(session))
        json_object_set_new(session, "id", json_string(id));
    play->renew = false;
}

static void note_due(struct sessions *sessions, uint64_t due_ms)
{
    if (due_ms != 0 && due_ms < sessions->next_due)
        sessions->next_due = due_ms;
}

void sessions_advance(struct sessions *sessions, uint64_t now_ms)
{
    if (now_ms < sessions->next_due)
        return;
    sessions->next_due = UINT64_MAX;
    for (size_t i = sessions->count; i-- > 0;) {
        struct play *play = &sessions->plays[i];

        if (play->hide_at != 0 && now_ms >= play->hide_at) {
            play->hide_at = 0;
            play->hidden = true;
            sessions->version++;
        }
        if (play->show_at != 0 && now_ms >= play->show_at) {
            play->show_at = 0;
            play->hidden = false;
            if (play->renew)
                play_renew(sessions, play);
            sessions->version++;
        }
        note_due(sessions, play->hide_at);
        note_due(sessions, play->show_at);
        if (play->hidden && play->show_at == 0)
            sessions_remove(sessions, i);
    }
}

static bool client_read(struct play *play, const json_t *client,
                        const char **why)
{
    const char *react = json_string_value(json_object_get(client, "react"));
    const json_t *after = json_object_get(client, "after_ms");
    const json_t *item = json_object_get(client, "item");
    int i = 0;

    while (react != NULL && i < REACTION_COUNT &&
           strcmp(REACTIONS[i].name, react) != 0)
        i++;
    if (i == REACTION_COUNT) {
        *why = "_client.react is not a known reaction";
        return false;
    }
    if (react != NULL) {
        play->react = REACTIONS[i].react;
        play->after_ms = REACTIONS[i].after_ms;
        play->swap_on = play->react == REACT_SWAP ? SWAP_NEXT_LIST : SWAP_NONE;
    }
    if (json_is_integer(after) && json_integer_value(after) >= 0)
        play->after_ms = (uint64_t)json_integer_value(after);
    if (json_is_object(item)) {
        json_decref(play->swap);
        play->swap = json_deep_copy(item);
    }
    return true;
}

static bool add_item(struct sessions *sessions, const json_t *item,
                     const char **why)
{
    struct play play = {0};
    const json_t *client = json_object_get(item, "_client");

    *why = "an item is a JSON object";
    if (!json_is_object(item) ||
        (client != NULL && !client_read(&play, client, why)))
        return false;
    play.item = json_deep_copy(item);
    json_object_del(play.item, "_client");
    if (json_object_get(play.item, "sessionKey") == NULL)
        json_object_set_new(play.item, "sessionKey",
                            key_text(sessions->next_key++));
    if (sessions->count == sessions->cap) {
        sessions->cap = sessions->cap != 0 ? sessions->cap * 2 : 8;
        sessions->plays =
            must_realloc(sessions->plays, sessions->cap * sizeof(struct play));
    }
    sessions->plays[sessions->count++] = play;
    sessions->version++;
    return true;
}

int sessions_add(struct sessions *sessions, const json_t *added,
                 const char **why)
{
    const json_t *container = json_object_get(added, "MediaContainer");
    const json_t *items = json_object_get(container, "Metadata");
    int count = 0;
    size_t i;
    json_t *item;

    if (json_is_object(container) && items == NULL)
        return 0;
    if (!json_is_object(container))
        items = added;
    if (!json_is_array(items))
        return add_item(sessions, items, why) ? 1 : -1;
    json_array_foreach(json_walk(items), i, item)
    {
        if (!add_item(sessions, item, why))
            return -1;
        count++;
    }
    return count;
}

json_t *sessions_invent(uint64_t number)
{
    char rating_key[RENDER_NUMBER_MAX];
    char key[64];
    char id[RENDER_NUMBER_MAX];
    unsigned long long n = (unsigned long long)number;

    (void)snprintf(rating_key, sizeof(rating_key), "%llu", 100000 + n);
    (void)snprintf(key, sizeof(key), "/library/metadata/%s", rating_key);
    (void)snprintf(id, sizeof(id), "invented%016llx", n);
    return json_pack(
        "{ssssssssssssssss,sIsIsI,s[{sssssb,s[{ssss}]}],s{ssss},"
        "s{ssssssssssssssssss,sbsbsb,sI},s{sssIss}}",
        "type", "movie", "title", "An Invented Film", "ratingKey", rating_key,
        "key", key, "guid", "plex://movie/invented", "librarySectionID", "1",
        "librarySectionTitle", "Films", "summary", "Invented.", "duration",
        (json_int_t)5400000, "viewOffset", (json_int_t)60000, "year",
        (json_int_t)2020, "Media", "id", rating_key, "videoResolution", "1080",
        "selected", 1, "Part", "id", rating_key, "decision", "directplay",
        "User", "id", "1", "title", "harbourmaster", "Player", "address",
        "192.0.2.77", "device", "Invented", "machineIdentifier", id, "model",
        "", "platform", "Linux", "product", "Plex Web", "state", "playing",
        "title", "Lounge", "version", "1.0", "local", 1, "relayed", 0, "secure",
        1, "userID", (json_int_t)1, "Session", "id", id, "bandwidth",
        (json_int_t)4000, "location", "lan");
}

void sessions_generate(struct sessions *sessions, size_t count)
{
    const char *why = NULL;

    for (size_t i = 0; i < count; i++) {
        json_t *item = sessions_invent(++sessions->next_id);

        (void)add_item(sessions, item, &why);
        json_decref(item);
    }
}

long sessions_find(const struct sessions *sessions, const char *key)
{
    char number[RENDER_NUMBER_MAX];

    for (size_t i = 0; i < sessions->count; i++) {
        const char *own = render_scalar(
            json_object_get(sessions->plays[i].item, "sessionKey"), number);

        if (own != NULL && strcmp(own, key) == 0)
            return (long)i;
    }
    return -1;
}

static void merge(json_t *target, const json_t *patch);

static void merge_member(json_t *target, const char *key, const json_t *value)
{
    json_t *own = json_object_get(target, key);

    if (json_is_null(value)) {
        json_object_del(target, key);
    } else if (json_is_object(value) && json_is_object(own)) {
        merge(own, value);
    } else if (json_is_object(value)) {
        json_object_set_new(target, key, json_object());
        merge(json_object_get(target, key), value);
    } else {
        json_object_set_new(target, key, json_deep_copy(value));
    }
}

static void merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_walk(patch), key, value)
        merge_member(target, key, value);
}

bool sessions_patch(struct sessions *sessions, size_t at, const json_t *patch,
                    const char **why)
{
    struct play *play = &sessions->plays[at];
    const json_t *client = json_object_get(patch, "_client");

    *why = "a patch is a JSON object";
    if (!json_is_object(patch) ||
        (client != NULL && !client_read(play, client, why)))
        return false;
    merge(play->item, patch);
    json_object_del(play->item, "_client");
    sessions->version++;
    return true;
}

/* The new item under the old identity, as when the next episode starts. */
static void swap_now(struct sessions *sessions, struct play *play)
{
    static const char *const KEPT[] = {"sessionKey", "Session", "User",
                                       "Player"};
    json_t *item = json_deep_copy(play->swap);

    if (item == NULL) {
        item = json_deep_copy(play->item);
        char key[64];
        unsigned long long number = SWAPPED_RATING_KEY + ++sessions->next_id;

        (void)snprintf(key, sizeof(key), "/library/metadata/%llu", number);
        json_object_set_new(item, "ratingKey", key_text(number));
        json_object_set_new(item, "key", json_string(key));
        json_object_set_new(item, "title", json_string("Swapped In"));
    }
    for (size_t i = 0; i < sizeof(KEPT) / sizeof(KEPT[0]); i++) {
        json_t *old = json_object_get(play->item, KEPT[i]);

        if (old != NULL && json_object_get(item, KEPT[i]) == NULL)
            json_object_set(item, KEPT[i], old);
    }
    json_decref(play->item);
    json_decref(play->swap);
    play->item = item;
    play->swap = NULL;
    play->swap_on = SWAP_NONE;
    sessions->version++;
}

bool sessions_swap(struct sessions *sessions, size_t at, const char *when,
                   const json_t *item)
{
    struct play *play = &sessions->plays[at];

    if (strcmp(when, "now") == 0)
        play->swap_on = SWAP_NONE;
    else if (strcmp(when, "next_list") == 0)
        play->swap_on = SWAP_NEXT_LIST;
    else if (strcmp(when, "next_terminate") == 0)
        play->swap_on = SWAP_NEXT_TERMINATE;
    else
        return false;
    json_decref(play->swap);
    play->swap = item != NULL ? json_deep_copy(item) : NULL;
    if (play->swap_on == SWAP_NONE)
        swap_now(sessions, play);
    return true;
}

json_t *sessions_listed(const struct sessions *sessions)
{
    json_t *items = json_array();

    for (size_t i = 0; i < sessions->count; i++) {
        if (!sessions->plays[i].hidden)
            json_array_append(items, sessions->plays[i].item);
    }
    return items;
}

json_t *sessions_describe(const struct sessions *sessions)
{
    json_t *all = json_array();

    for (size_t i = 0; i < sessions->count; i++) {
        const struct play *play = &sessions->plays[i];

        json_array_append_new(
            all,
            json_pack("{sO,s{sssI},sb}", "item", play->item, "client", "react",
                      REACTIONS[play->react].name, "after_ms",
                      (json_int_t)play->after_ms, "visible", !play->hidden));
    }
    return all;
}

void sessions_after_list(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (sessions->plays[i].swap_on == SWAP_NEXT_LIST)
            swap_now(sessions, &sessions->plays[i]);
    }
}

static json_t *play_summary(const struct play *play)
{
    static const char *const TOLD[] = {"sessionKey", "ratingKey", "title"};
    json_t *summary = json_object();

    for (size_t i = 0; i < sizeof(TOLD) / sizeof(TOLD[0]); i++) {
        json_t *value = json_object_get(play->item, TOLD[i]);

        if (value != NULL)
            json_object_set(summary, TOLD[i], value);
    }
    return summary;
}

static void play_kill(struct sessions *sessions, struct play *play,
                      uint64_t now_ms)
{
    uint64_t after = (uint64_t)((double)play->after_ms * sessions->scale);

    switch (play->react) {
    case REACT_PROMPT:
    case REACT_DELAYED:
    case REACT_SWAP:
        if (play->hide_at == 0) /* a repeated kill postpones nothing */
            play->hide_at = now_ms + after;
        break;
    case REACT_RACE404:
    case REACT_SLOW200:
    case REACT_LOST:
        play->hide_at = now_ms;
        break;
    case REACT_ZOMBIE:
    case REACT_RESUME:
        play->hide_at = now_ms;
        play->show_at = now_ms + after;
        play->renew = play->react == REACT_RESUME;
        break;
    case REACT_IGNORE:
    case REACT_NOEFFECT:
        break;
    }
    note_due(sessions, play->hide_at);
}

struct kill sessions_kill(struct sessions *sessions, const struct text *id,
                          bool all, uint64_t now_ms)
{
    struct kill kill = {0};
    char number[RENDER_NUMBER_MAX];

    for (size_t i = 0; i < sessions->count && (all || !kill.found); i++) {
        struct play *play = &sessions->plays[i];
        const char *own = render_scalar(
            json_object_get(json_object_get(play->item, "Session"), "id"),
            number);

        if (own == NULL || play->hidden || strlen(own) != id->len ||
            memcmp(own, id->data, id->len) != 0)
            continue;
        if (play->swap_on == SWAP_NEXT_TERMINATE)
            swap_now(sessions, play);
        if (!kill.found) {
            kill.found = true;
            kill.react = play->react;
            kill.matched = play_summary(play);
            if (play->react == REACT_SLOW200)
                kill.wait_ms =
                    (uint64_t)((double)play->after_ms * sessions->scale);
        }
        play_kill(sessions, play, now_ms);
    }
    sessions_advance(sessions, now_ms);
    return kill;
}

void sessions_renumber(struct sessions *sessions, uint64_t base)
{
    sessions->next_key = base;
    for (size_t i = 0; i < sessions->count; i++)
        json_object_set_new(sessions->plays[i].item, "sessionKey",
                            key_text(sessions->next_key++));
    sessions->version++;
}

static bool transcode_is(const json_t *item, const char *id)
{
    const char *key = json_string_value(
        json_object_get(json_object_get(item, "TranscodeSession"), "key"));
    const char *last = key != NULL ? strrchr(key, '/') : NULL;

    if (key == NULL)
        return false;
    return strcmp(last != NULL ? last + 1 : key, id) == 0;
}

bool sessions_stop_transcode(struct sessions *sessions, const char *id)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (!transcode_is(sessions->plays[i].item, id))
            continue;
        json_object_del(sessions->plays[i].item, "TranscodeSession");
        sessions->version++;
        return true;
    }
    return false;
}

json_t *sessions_transcodes(const struct sessions *sessions)
{
    json_t *all = json_array();

    for (size_t i = 0; i < sessions->count; i++) {
        json_t *one =
            json_object_get(sessions->plays[i].item, "TranscodeSession");

        if (one != NULL && !sessions->plays[i].hidden)
            json_array_append(all, one);
    }
    return all;
}
