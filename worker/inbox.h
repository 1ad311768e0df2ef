/*
 * The bounded hand-over to the pipeline's thread.  Messages of strangers have
 * a limit in number and bytes and are dropped beyond it, counted by reason;
 * the worker's own events are never dropped, for they are bounded by what is
 * outstanding.
 */
#ifndef LASTCALL_WORKER_INBOX_H
#define LASTCALL_WORKER_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/log.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "protocol/topic.h"
#include "worker/counters.h"
#include "worker/executor.h"

#define INBOX_MESSAGE_COUNT_MAX 4096
#define INBOX_MESSAGE_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* Publishes with a tag that may be outstanding; who publishes keeps to it. */
#define INBOX_ACK_COUNT_MAX 1024
/* Fewer acknowledgements wait until the pipeline is awake anyway. */
#define INBOX_ACK_WAKE_COUNT 64

/* A copied message.  Its form has been checked, nothing is proved. */
struct inbox_message {
    struct inbox_message *next;
    enum topic_kind kind;   /* TOPIC_COMMAND, _MAINTENANCE or _REVOKED */
    struct address address; /* of a command's or plan's topic */
    struct name plan;       /* of a plan's topic */
    int64_t received_ms;    /* wall clock */
    size_t len;
    unsigned char data[]; /* len bytes */
};

struct inbox_ack {
    uint64_t tag;
    enum lastcall_status status;
};

enum inbox_stop {
    INBOX_GO_ON,
    INBOX_STOP,   /* for good */
    INBOX_RELOAD, /* another pipeline will take over */
};

/* All that was waiting.  The lists are owned by whoever took it. */
struct inbox_batch {
    struct inbox_message *messages;
    struct job *jobs;
    struct snapshot *snapshots;
    struct inbox_ack acks[INBOX_ACK_COUNT_MAX];
    size_t ack_count;
    unsigned ready_count; /* connections made since the last batch */
    enum inbox_stop stop;
};

struct inbox_options {
    struct name fleet;
    const struct clock *clock;
    struct log *log;           /* may be NULL */
    struct counters *counters; /* borrowed for the life */
};

struct inbox;

/* Make an inbox, or NULL when out of memory; inbox_close() frees it. */
struct inbox *inbox_open(const struct inbox_options *options);
void inbox_close(struct inbox *inbox);

/*
 * Take a message in, if its form is right: not too long, not retained where
 * it must not be, on a topic of this fleet, room left.  What is refused is
 * counted and logged at a limited rate.
 *
 * Thread: any; returns at once.
 */
void inbox_offer(struct inbox *inbox, const struct mqtt_message *message);

/* The worker's own events.  Thread: any; each returns at once. */
void inbox_put_job(struct inbox *inbox, struct job *job);
/* Takes the snapshot over; an older one of the same server gives way. */
void inbox_put_snapshot(struct inbox *inbox, struct snapshot *snapshot);
/* Wakes the pipeline only when INBOX_ACK_WAKE_COUNT of them have come. */
void inbox_put_ack(struct inbox *inbox, uint64_t tag,
                   enum lastcall_status status);
void inbox_put_ready(struct inbox *inbox);
void inbox_put_stop(struct inbox *inbox, enum inbox_stop stop);
/* Make the pipeline go round once, to see that it does. */
void inbox_nudge(struct inbox *inbox);

enum inbox_take {
    INBOX_TAKE_ALL,
    INBOX_LEAVE_MESSAGES, /* they stay for the next pipeline */
};

/*
 * Wait until something is there, and take everything at once.
 *
 *   timeout_ms  how long at most, or GATE_FOREVER_MS
 *   out         filled; may be empty after a timeout or a nudge
 *
 * Thread: the pipeline's.
 */
void inbox_take(struct inbox *inbox, enum inbox_take what, int64_t timeout_ms,
                struct inbox_batch *out);

/* Free what is left in a batch: messages and snapshots. */
void inbox_batch_deinit(struct inbox_batch *batch);

#endif
