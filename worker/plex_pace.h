/*
 * When the watch of a Plex server's event stream connects, and when what it
 * heard makes the sessions be listed.  Pure: the time is handed in, in
 * monotonic milliseconds.
 *
 * Connecting.  A stream that is lost is tried again after 1 s, twice as long
 * with each further failure, 30 s at most; half of each pause is chance.  Only
 * a stream that still brings events a while after it began counts as none of
 * them: there are servers that accept, say a word and close.  Where the token
 * is refused, or there is no event stream at all, the pause is five minutes.
 *
 * Listing.  A change is listed at once, and again a little later: Plex tells
 * of an end before its own list does.  However much is told, in the long run
 * there is one hint a second for what changes, and besides, for looking again,
 * one each PLEX_HINT_SOON_MS at most.
 */
#ifndef LASTCALL_WORKER_PLEX_PACE_H
#define LASTCALL_WORKER_PLEX_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/plex_news.h"

#define PLEX_PACE_NEVER INT64_MAX

/* ---- connecting ---- */

#define PLEX_RETRY_FIRST_MS 1000
#define PLEX_RETRY_MAX_MS 30000
#define PLEX_RETRY_SLOW_MS 300000
/* What counts as stable: an event so long after the beginning, or ... */
#define PLEX_RETRY_HEARD_MS 5000
/* ... a stream that lasted so long. */
#define PLEX_RETRY_LASTED_MS 60000
/* Never two attempts within this, whatever calls for one. */
#define PLEX_RETRY_GAP_MS 1000

enum plex_stream {
    PLEX_STREAM_UNKNOWN,
    PLEX_STREAM_LIVE,
    PLEX_STREAM_LOST,
    PLEX_STREAM_DENIED, /* the token is refused */
    PLEX_STREAM_ABSENT, /* this server has none, or a proxy hides it */
};

/* {0} may be tried at once. */
struct plex_retry {
    enum plex_stream state; /* as it was last worth telling */
    unsigned failures;
    int64_t begun_ms;  /* of the latest attempt */
    int64_t opened_ms; /* of the stream that runs; meaningful when is_open */
    bool is_open;
    int64_t next_ms; /* of the next attempt */
};

/* An attempt begins. */
void plex_retry_begin(struct plex_retry *retry, int64_t now_ms);

/* The server answered with an event stream. */
void plex_retry_open(struct plex_retry *retry, int64_t now_ms);

/* An event came.  Returns whether the stream is live and was not before. */
bool plex_retry_hear(struct plex_retry *retry, int64_t now_ms);

/*
 * The attempt, or the stream, has ended.
 *
 *   state   LOST, DENIED or ABSENT
 *   chance  0 to UINT32_MAX, at random
 *
 * Returns whether that is another state than before.
 */
bool plex_retry_end(struct plex_retry *retry, enum plex_stream state,
                    int64_t now_ms, uint32_t chance);

/* There is reason to try now: the server answers again, the token changed. */
void plex_retry_nudge(struct plex_retry *retry, int64_t now_ms);

/* ---- listing ---- */

/* Hints that may come at once; then one each ... */
#define PLEX_HINT_BURST 4
#define PLEX_HINT_PAUSE_MS 1000
/* Once more after something stopped, and after any change. */
#define PLEX_HINT_SOON_MS 700
#define PLEX_HINT_LATER_MS 3000

struct plex_hints {
    int64_t now_ms; /* wanted at; PLEX_PACE_NEVER: not wanted */
    int64_t soon_ms;
    int64_t later_ms;
    int64_t spent_ms; /* until when what was given has been earned */
};

void plex_hints_init(struct plex_hints *hints);

/* Note what an event means. */
void plex_hints_note(struct plex_hints *hints, enum plex_news_kind kind,
                     int64_t now_ms);

/* When the next hint is due, or PLEX_PACE_NEVER. */
int64_t plex_hints_due_ms(const struct plex_hints *hints);

/* Take the hint that is due; false when there is none. */
bool plex_hints_take(struct plex_hints *hints, int64_t now_ms);

#endif
