/*
 * What plays on the stand-in, and how its clients react to being ended.
 *
 * Nothing here has a timer of its own: every call is given the time, and
 * sessions_advance() does what has fallen due since the last one.  The caller
 * holds the stand-in's lock.
 */
#ifndef STANDIN_SESSIONS_H
#define STANDIN_SESSIONS_H

#include "tests/standin/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What happens when the server accepts a terminate; see README.md. */
enum react {
    REACT_PROMPT,
    REACT_DELAYED,
    REACT_IGNORE,
    REACT_ZOMBIE,
    REACT_RESUME,
    REACT_SWAP,
    REACT_RACE404,
    REACT_SLOW200,
    REACT_LOST,
    REACT_NOEFFECT
};

/* When another item takes the place of this one. */
enum swap_on { SWAP_NONE, SWAP_NEXT_LIST, SWAP_NEXT_TERMINATE };

/* One session: the item as listed, and the client behind it. */
struct play {
    json_t *item;         /* owned */
    json_t *swap;         /* owned; NULL stands for an invented item */
    enum swap_on swap_on; /* SWAP_NONE: swap is not used */
    enum react react;
    uint64_t after_ms; /* before scaling */
    uint64_t hide_at;  /* clock_ms() when it leaves the list; 0 is never */
    uint64_t show_at;  /* when it comes back; 0 is never */
    bool hidden;
    bool renew; /* comes back under new ids */
};

struct sessions {
    struct play *plays; /* owned */
    size_t count;
    size_t cap;
    uint64_t version;  /* changes whenever the list would read differently */
    uint64_t next_due; /* when sessions_advance() has something to do */
    uint64_t next_key;
    uint64_t next_id;
    double scale; /* of every duration */
};

/* What a terminate met. */
struct kill {
    bool found;
    enum react react;
    uint64_t wait_ms; /* before the answer is sent */
    json_t *matched;  /* owned: what of the session was hit, or NULL */
};

/* Make *sessions an empty list with durations multiplied by scale. */
void sessions_init(struct sessions *sessions, double scale);

/* Free what it holds. */
void sessions_deinit(struct sessions *sessions);

/* Do what has fallen due until now. */
void sessions_advance(struct sessions *sessions, uint64_t now_ms);

/*
 * Add one item, an array of items or a whole sample.
 *
 *   added  an object with MediaContainer, an item with an optional _client,
 *          or an array of items; not changed
 *   why    set to a complaint when it is refused
 *
 * Returns how many were added, or -1.
 */
int sessions_add(struct sessions *sessions, const json_t *added,
                 const char **why);

/* Add count invented movies. */
void sessions_generate(struct sessions *sessions, size_t count);

/* One invented movie; the caller owns it. */
json_t *sessions_invent(uint64_t number);

/* The position of the session with this sessionKey, or -1. */
long sessions_find(const struct sessions *sessions, const char *key);

/* Forget the session at this position. */
void sessions_remove(struct sessions *sessions, size_t at);

/* Forget all sessions. */
void sessions_clear(struct sessions *sessions);

/* Apply a JSON merge patch (RFC 7386) to one; _client may be in it. */
bool sessions_patch(struct sessions *sessions, size_t at, const json_t *patch,
                    const char **why);

/*
 * Put another item into a session that keeps its sessionKey and Session.
 *
 *   when  "now", "next_list" or "next_terminate"
 *   item  what comes, or NULL for an invented one; not changed
 *
 * Returns whether when was understood.
 */
bool sessions_swap(struct sessions *sessions, size_t at, const char *when,
                   const json_t *item);

/* The items that are listed, as an array; the caller owns it. */
json_t *sessions_listed(const struct sessions *sessions);

/* Everything, with client models; the caller owns it. */
json_t *sessions_describe(const struct sessions *sessions);

/* A list was answered: do the swaps that waited for it. */
void sessions_after_list(struct sessions *sessions);

/*
 * End the sessions with this Session.id.
 *
 *   id       the decoded bytes
 *   all      whether every match is hit rather than the first
 *   now_ms   clock_ms()
 *
 * Returns what was met.
 * Owner:  the caller owns matched.
 */
struct kill sessions_kill(struct sessions *sessions, const struct text *id,
                          bool all, uint64_t now_ms);

/* Number all sessions anew from base, as after a restart. */
void sessions_renumber(struct sessions *sessions, uint64_t base);

/* Take away the TranscodeSession whose key ends in /id; whether one had it. */
bool sessions_stop_transcode(struct sessions *sessions, const char *id);

/* The TranscodeSession objects, as an array; the caller owns it. */
json_t *sessions_transcodes(const struct sessions *sessions);

#endif
