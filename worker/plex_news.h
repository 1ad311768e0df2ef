/*
 * What the events of a Plex server say: whether a playback came, went or
 * changed, or whether one merely goes on, which each tells of every ten
 * seconds.  Pure.
 *
 * The events name no user, no title and no session's id; that is why they are
 * only a reason to list.  Nothing in them is believed beyond that: whoever
 * speaks as Plex can make us list, and not more often than plex_pace allows.
 */
#ifndef LASTCALL_WORKER_PLEX_NEWS_H
#define LASTCALL_WORKER_PLEX_NEWS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/sse.h"

/* Playbacks whose latest word is remembered; then the oldest is forgotten,
 * and its next one is news again. */
#define PLEX_NEWS_PLAY_COUNT_MAX 256
/* Playbacks that one event may tell of; more are news as a whole. */
#define PLEX_NEWS_EVENT_COUNT_MAX 64

enum plex_news_kind {
    PLEX_NEWS_NONE,    /* it goes on, or it is nothing about playbacks */
    PLEX_NEWS_CHANGED, /* something came or changed, or cannot be read */
    PLEX_NEWS_STOPPED, /* something went; the list may still show it */
};

/* A playback and what was last said of it, as digests. */
struct plex_news_play {
    uint64_t key; /* 0: a free place */
    uint64_t word;
};

/* {0} remembers nothing. */
struct plex_news {
    struct plex_news_play plays[PLEX_NEWS_PLAY_COUNT_MAX];
    size_t next; /* place to be taken when none is free */
};

/* Take an event in, and say what it means. */
enum plex_news_kind plex_news_take(struct plex_news *news,
                                   const struct sse_event *event);

#endif
