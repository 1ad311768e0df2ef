#include "worker/plex_decision.h"

#include <string.h>

enum stream_type {
    STREAM_VIDEO = 1,
    STREAM_AUDIO = 2,
    STREAM_SUBTITLE = 3,
};

/* The selected stream of a type, else the first of it. */
static const json_t *find_stream(const json_t *part, enum stream_type type)
{
    size_t count = plex_child_count(part, "Stream");
    const json_t *first = NULL;

    for (size_t i = 0; i < count; i++) {
        const json_t *stream = plex_child_at(part, "Stream", i);
        int64_t found = 0;

        if (!plex_integer(stream, "streamType", &found) ||
            found != (int64_t)type)
            continue;
        if (plex_is_true(stream, "selected"))
            return stream;
        if (first == NULL)
            first = stream;
    }
    return first;
}

void plex_streams_find(const json_t *item, struct plex_streams *out)
{
    *out = (struct plex_streams){0};
    out->media = plex_child_selected(item, "Media");
    out->part = plex_child_selected(out->media, "Part");
    out->video = find_stream(out->part, STREAM_VIDEO);
    out->audio = find_stream(out->part, STREAM_AUDIO);
    out->subtitle = find_stream(out->part, STREAM_SUBTITLE);
    if (!plex_is_true(out->subtitle, "selected"))
        out->subtitle = NULL;
    out->transcode = plex_child(item, "TranscodeSession");
}

/* Texts only: a decision that is a number says nothing. */
static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *decide(const json_t *stream, const char *by_stream,
                          const char *by_session, enum plex_source_kind kind)
{
    if (kind == PLEX_LIVE && by_session != NULL)
        return by_session;
    if (by_stream != NULL)
        return by_stream;
    if (by_session != NULL)
        return by_session;
    return stream != NULL ? "directplay" : NULL;
}

static int weight(const char *decision)
{
    if (decision == NULL)
        return 0;
    if (strcmp(decision, "transcode") == 0)
        return 3;
    return strcmp(decision, "copy") == 0 ? 2 : 1;
}

void plex_decide(const struct plex_streams *streams, enum plex_source_kind kind,
                 struct plex_decisions *out)
{
    const char *whole = text_of(streams->part, "decision");
    int heaviest = 0;

    *out = (struct plex_decisions){
        .video = decide(streams->video, text_of(streams->video, "decision"),
                        text_of(streams->transcode, "videoDecision"), kind),
        .audio = decide(streams->audio, text_of(streams->audio, "decision"),
                        text_of(streams->transcode, "audioDecision"), kind),
        .subtitle =
            decide(NULL, text_of(streams->subtitle, "decision"),
                   text_of(streams->transcode, "subtitleDecision"), kind),
    };
    heaviest = weight(out->video);
    if (weight(out->audio) > heaviest)
        heaviest = weight(out->audio);

    /* The part as a whole counts where its streams do not say. */
    if (heaviest <= 1 && whole != NULL && streams->transcode == NULL &&
        text_of(streams->video, "decision") == NULL &&
        text_of(streams->audio, "decision") == NULL) {
        heaviest = weight(whole);
        out->video = out->video != NULL ? whole : NULL;
        out->audio = out->audio != NULL ? whole : NULL;
    }
    if (heaviest == 0 && streams->media == NULL && streams->transcode == NULL)
        return;
    if (heaviest == 3)
        out->overall = "transcode";
    else
        out->overall = heaviest == 2 ? "copy" : "directplay";
}
