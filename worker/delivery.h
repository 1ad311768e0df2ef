/*
 * Getting results to the broker: each recorded result is published until the
 * broker acknowledges it, again after every connect.
 */
#ifndef LASTCALL_WORKER_DELIVERY_H
#define LASTCALL_WORKER_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "worker/counters.h"
#include "worker/herald.h"
#include "worker/identity.h"
#include "worker/inbox.h"
#include "worker/journal.h"

/* Results under way at once; the rest waits in the journal. */
#define DELIVERY_OUT_MAX 512
/* Results that are held back for their splay; more are sent at once. */
#define DELIVERY_HELD_MAX 256
/* How long acknowledgements wait for a transaction that takes them along. */
#define DELIVERY_ACK_DELAY_MS 1000
#define DELIVERY_NEVER INT64_MAX

struct delivery_options {
    const struct identity *identity; /* borrowed, as all of these */
    struct journal *journal;
    const struct clock *clock;
    struct counters *counters;
    struct log *log; /* may be NULL */
    struct publisher publisher;
};

/* A recorded result whose time has not come. */
struct delivery_held {
    int64_t due_ms; /* monotonic */
    int64_t id;
};

struct delivery {
    struct delivery_options options;
    size_t out_count; /* published with a tag, without an end */
    bool is_behind;   /* the journal may hold more to send */
    int64_t cursor;   /* the id that was sent last while catching up */
    struct delivery_held held[DELIVERY_HELD_MAX];
    size_t held_count;
    int64_t acked[INBOX_ACK_COUNT_MAX]; /* not yet in the journal */
    size_t acked_count;
    int64_t ack_due_ms; /* when to look for acknowledgements, or write them */
};

/* Nothing is under way yet.  What the options name is borrowed for the life;
 * it owns nothing that would have to be freed. */
void delivery_init(struct delivery *delivery,
                   const struct delivery_options *options);

/* Publish a result.  entry->id 0: it was not recorded, and is sent once. */
void delivery_send(struct delivery *delivery, const struct journal_entry *entry,
                   const struct bytes *token);

/* Publish a recorded result only after some milliseconds. */
void delivery_hold(struct delivery *delivery, const struct journal_entry *entry,
                   const struct bytes *token, int64_t delay_ms);

/* Take the end of a publish with a tag. */
void delivery_end(struct delivery *delivery, uint64_t tag,
                  enum lastcall_status status);

/* After a connect: everything that is undelivered goes out again. */
void delivery_ready(struct delivery *delivery);

/* Look in the journal for a result that could not be sent at once. */
void delivery_want(struct delivery *delivery, int64_t id);

/* Before the end: publish what is held back, whatever its time. */
void delivery_release(struct delivery *delivery);

/* Publish what is due; returns when to call again, monotonic milliseconds. */
int64_t delivery_tick(struct delivery *delivery);

/* Say whether acknowledgements wait to be written, and since long enough. */
bool delivery_wants_write(const struct delivery *delivery);

/* Write the acknowledgements, within the journal's batch. */
LASTCALL_MUST_USE enum lastcall_status
delivery_write(struct delivery *delivery);
/* The batch that took them was committed. */
void delivery_written(struct delivery *delivery);

#endif
