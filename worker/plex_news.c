#include "worker/plex_news.h"

#include <string.h>

#include "worker/plex_value.h"

/* FNV-1a: what is remembered needs to differ, not to be read again. */
#define DIGEST_BEGIN UINT64_C(0xcbf29ce484222325)
#define DIGEST_PRIME UINT64_C(0x100000001b3)

static const char play_name[] = "PlaySessionStateNotification";

static uint64_t digest_member(uint64_t digest, const json_t *object,
                              const char *name)
{
    struct plex_text scratch;
    const char *text = plex_text(object, name, &scratch);
    const size_t len = text != NULL ? strlen(text) : 0;

    for (size_t i = 0; i < len; i++)
        digest = (digest ^ (unsigned char)text[i]) * DIGEST_PRIME;
    /* An end, so that "a" and "b" are not "ab" and nothing. */
    return digest * DIGEST_PRIME;
}

static bool is_stopped(const json_t *play)
{
    struct plex_text scratch;
    const char *state = plex_text(play, "state", &scratch);

    return state != NULL && strcmp(state, "stopped") == 0;
}

/* Find the place of a playback, or make one. */
static struct plex_news_play *find_play(struct plex_news *news, uint64_t key)
{
    struct plex_news_play *found = NULL;

    for (size_t i = 0; i < PLEX_NEWS_PLAY_COUNT_MAX; i++) {
        if (news->plays[i].key == key)
            return &news->plays[i];
    }
    found = &news->plays[news->next];
    news->next = (news->next + 1) % PLEX_NEWS_PLAY_COUNT_MAX;
    *found = (struct plex_news_play){.key = key};
    return found;
}

static enum plex_news_kind take_play(struct plex_news *news, const json_t *play)
{
    uint64_t word = DIGEST_BEGIN;
    struct plex_news_play *known = NULL;

    if (!json_is_object(play))
        return PLEX_NEWS_CHANGED;
    word = digest_member(word, play, "state");
    word = digest_member(word, play, "ratingKey");
    word = digest_member(word, play, "transcodeSession");
    known = find_play(news, digest_member(DIGEST_BEGIN, play, "sessionKey"));
    if (known->word == word)
        return PLEX_NEWS_NONE;
    known->word = word;
    return is_stopped(play) ? PLEX_NEWS_STOPPED : PLEX_NEWS_CHANGED;
}

/* What is to be looked at more often wins. */
static enum plex_news_kind stronger(enum plex_news_kind a,
                                    enum plex_news_kind b)
{
    return a > b ? a : b;
}

/* The bare object of the event stream, or what a WebSocket wraps it in; one
 * playback, or several. */
static enum plex_news_kind take_document(struct plex_news *news,
                                         const json_t *document)
{
    const json_t *inner = plex_child(document, "NotificationContainer");
    const json_t *holder = inner != NULL ? inner : document;
    const size_t count = plex_child_count(holder, play_name);
    enum plex_news_kind kind = PLEX_NEWS_NONE;

    /* Nothing in it that we know: it would be there for a reason. */
    if (count == 0 || count > PLEX_NEWS_EVENT_COUNT_MAX)
        return PLEX_NEWS_CHANGED;
    for (size_t i = 0; i < count; i++)
        kind = stronger(kind,
                        take_play(news, plex_child_at(holder, play_name, i)));
    return kind;
}

enum plex_news_kind plex_news_take(struct plex_news *news,
                                   const struct sse_event *event)
{
    enum plex_news_kind kind = PLEX_NEWS_NONE;
    json_t *root = NULL;

    if (!sse_is(event, "playing"))
        return PLEX_NEWS_NONE;
    /* What cannot be read tells at least that something was. */
    if (json_parse_lenient(event->data, event->data_len, &root, NULL) !=
        LASTCALL_OK)
        return PLEX_NEWS_CHANGED;
    if (json_array_size(root) > PLEX_NEWS_EVENT_COUNT_MAX)
        kind = PLEX_NEWS_CHANGED;
    else if (json_is_array(root))
        for (size_t i = 0; i < json_array_size(root); i++)
            kind = stronger(kind, take_document(news, json_array_get(root, i)));
    else
        kind = take_document(news, root);
    json_decref(root);
    return kind;
}
