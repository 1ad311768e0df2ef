/*
 * Whether the server is up, and the stages of a restart.
 *
 * Only main opens and closes the Plex port; the others say what is wanted and
 * wake it.  The caller holds the stand-in's lock.
 */
#ifndef STANDIN_LIFECYCLE_H
#define STANDIN_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

enum life {
    LIFE_UP,
    LIFE_STARTING, /* 503 Maintenance for everything */
    LIFE_REFUSE,   /* the port is closed */
    LIFE_HANG,     /* requests are taken and never answered */
    LIFE_ABORT     /* connections are accepted and closed at once */
};

struct lifecycle {
    enum life state;         /* what holds once the stages are over */
    uint64_t refuse_until;   /* clock_ms(); 0 is no such stage */
    uint64_t starting_until; /* afterwards, 503 until then */
    uint64_t empty_until;    /* afterwards, nothing plays until then */
    bool open;               /* main: the port is open */
    bool cut;                /* close all connections, even to reopen */
};

/* What holds now. */
enum life lifecycle_now(const struct lifecycle *life, uint64_t now_ms);

/* Whether the list is still empty after a restart. */
bool lifecycle_empty(const struct lifecycle *life, uint64_t now_ms);

/* Whether the port should be open. */
bool lifecycle_wants_open(const struct lifecycle *life, uint64_t now_ms);

/* Read a state by its name; false when there is none of that name. */
bool life_of_name(const char *name, enum life *out);

/* The name of a state, as in README.md. */
const char *life_name(enum life life);

#endif
