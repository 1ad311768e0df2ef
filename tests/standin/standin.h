/*
 * A stand-in Plex Media Server: the one object behind both ports.
 *
 * libmicrohttpd gives every connection a thread.  All state is under one
 * lock; the handlers compute an answer while they hold it and deliver it
 * without it.  Waiting is done in standin_pause(), so that whoever has to
 * close the server can wake everybody.  Interface: README.md.
 */
#ifndef STANDIN_STANDIN_H
#define STANDIN_STANDIN_H

#include "tests/standin/answer.h"
#include "tests/standin/fault.h"
#include "tests/standin/lifecycle.h"
#include "tests/standin/options.h"
#include "tests/standin/record.h"
#include "tests/standin/sessions.h"
#include "tests/standin/stream.h"
#include "tests/standin/text.h"
#include "tests/standin/tokens.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PAUSE_UNTIL_RELEASED UINT64_MAX

/* The list as it was last rendered, for as long as nothing changed. */
struct list_cache {
    struct text body; /* owned */
    uint64_t version;
};

struct standin {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sessions sessions;
    struct options options;
    struct tokens tokens;
    struct faults faults;
    struct lifecycle life;
    struct record record;
    struct injections injections;
    struct list_cache cache_json;
    struct list_cache cache_xml;
    uint64_t releases; /* counts up to end what has no other end */
    bool closing;      /* the Plex port is being closed: nobody may pause */
    bool stopping;
    int wake_fd;  /* borrowed: writing a byte makes main look again */
    double scale; /* of every duration */
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    struct standin *standin;           /* borrowed */
    struct MHD_Connection *connection; /* borrowed */
    char *uri;                         /* owned: as it was sent */
    const char *query;                 /* borrowed: into uri, or "" */
    struct text path;                  /* owned: decoded */
    struct text body;                  /* owned */
    const char *method;                /* borrowed while it is handled */
    uint64_t connection_id;
    uint64_t record_id; /* of its entry in the log */
    bool started;
    bool body_too_large;
    bool close_silently;
};

/* Milliseconds on a clock that only goes forward. */
uint64_t clock_ms(void);

/* Make the empty stand-in. */
void standin_init(struct standin *standin, double scale);

/* Free what it holds; no handler may be running. */
void standin_deinit(struct standin *standin);

/* Take the lock. */
void standin_lock(struct standin *standin);

/* Give the lock back after telling the waiters that something changed. */
void standin_unlock(struct standin *standin);

/*
 * Wait in a handler, without the lock.
 *
 *   ms  how long, already scaled; PAUSE_UNTIL_RELEASED waits for a release
 *
 * Returns whether the time passed; false when released, or when the port is
 *         being closed, which ends the others as well.
 */
bool standin_pause(struct standin *standin, uint64_t ms);

/*
 * Wait for a change, with the lock held.
 *
 *   deadline_ms  on clock_ms(), or PAUSE_UNTIL_RELEASED for no deadline
 *
 * Returns false once the deadline has passed.
 */
bool standin_wait(struct standin *standin, uint64_t deadline_ms);

/* End the pauses that have no other end; the lock is held. */
void standin_release(struct standin *standin);

/* Multiply a duration by the scale. */
uint64_t standin_scaled(const struct standin *standin, uint64_t ms);

/*
 * Answer a request to the Plex port.
 *
 * Thread: that of the connection; returns for the access handler.
 */
int plex_handle(struct exchange *exchange);

/* Answer a request to the control port, as plex_handle() does. */
int control_handle(struct exchange *exchange);

#endif
