/*
 * The inside of the pipeline, shared by its two halves: pipeline.c goes round
 * and decides when, pipeline_handle.c does what one message or one job asks.
 * Everything here runs on the pipeline's thread, between batch_open() and
 * batch_close() where it records something.
 */
#ifndef LASTCALL_WORKER_PIPELINE_PRIVATE_H
#define LASTCALL_WORKER_PIPELINE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "worker/batch.h"
#include "worker/delivery.h"
#include "worker/maintenance_run.h"
#include "worker/pipeline.h"
#include "worker/recover.h"
#include "worker/run.h"

struct pipeline {
    struct pipeline_options options;
    struct delivery delivery;
    struct herald herald;
    struct batch batch;
    struct maintenance_run *maintenance; /* owned */
    struct inbox_batch taken;            /* what the inbox gave */
    struct inbox_message *messages;      /* owned; those still to be handled */
    struct recovery *recoveries;         /* owned */
    struct snapshot *untold;             /* owned; at most one a server */
    bool was_busy;
    int64_t news_due_ms; /* monotonic; of what waits for commands to end */
    bool was_ready;
    enum inbox_stop stop;
    int64_t drain_until_ms; /* monotonic */
    bool is_interrupted;
    int64_t prune_due_ms; /* monotonic */
    bool has_prunable;    /* something was finished since all was pruned */
    int64_t retry_due_ms; /* monotonic */
    atomic_uint_fast64_t heartbeat;
    pthread_t thread;
    bool is_started;
};

int64_t pipeline_now_ms(const struct pipeline *pipeline); /* monotonic */
int64_t pipeline_wall_s(const struct pipeline *pipeline);

/* Handle and free at most PIPELINE_BATCH_MAX of the messages that wait. */
void pipeline_handle_messages(struct pipeline *pipeline);

/* Take back a job from its executor; with the last one of its run, go on to
 * the act, or conclude the run. */
void pipeline_handle_job(struct pipeline *pipeline, struct job *job);

/* Answer what a crash interrupted, where that is settled by now. */
void pipeline_handle_recoveries(struct pipeline *pipeline);

#endif
