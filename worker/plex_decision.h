/*
 * What Plex does to a stream on its way to the player.  The streams of the
 * selected part tell it first; a TranscodeSession element is missing in some
 * answers that do transcode, and only for live television it knows better.
 */
#ifndef LASTCALL_WORKER_PLEX_DECISION_H
#define LASTCALL_WORKER_PLEX_DECISION_H

#include "worker/plex_value.h"

/* The parts of an item that tell of its streams.  Borrowed; may be NULL. */
struct plex_streams {
    const json_t *media; /* the selected version */
    const json_t *part;  /* the selected part of it */
    const json_t *video;
    const json_t *audio;
    const json_t *subtitle; /* only when one is selected */
    const json_t *transcode;
};

/* Find them in an item. */
void plex_streams_find(const json_t *item, struct plex_streams *out);

/*
 * "transcode", "copy" (direct stream), "directplay" and others that Plex
 * names ("burn"), or NULL where nothing tells.  Static or borrowed.
 */
struct plex_decisions {
    const char *overall; /* transcode beats copy beats directplay */
    const char *video;
    const char *audio;
    const char *subtitle;
};

enum plex_source_kind {
    PLEX_RECORDED,
    PLEX_LIVE,
};

/* Tell what a player gets of each of an item's streams. */
void plex_decide(const struct plex_streams *streams, enum plex_source_kind kind,
                 struct plex_decisions *out);

#endif
