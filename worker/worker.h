/*
 * The whole worker, put together from its settings: identity, policy,
 * journal, executors, pipeline and the broker connection.
 */
#ifndef LASTCALL_WORKER_WORKER_H
#define LASTCALL_WORKER_WORKER_H

#include <stdint.h>

#include "protocol/io/connection.h"
#include "protocol/io/log.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "worker/counters.h"
#include "worker/inbox.h"
#include "worker/session_backend.h"
#include "worker/settings.h"

#define WORKER_RECEIVE_MAXIMUM 16
/* For topic and properties, beside the token. */
#define WORKER_PACKET_ROOM_BYTES 4096
#define WORKER_CONNECT_TIMEOUT_S 15
#define WORKER_FLUSH_MS 2000
#define WORKER_PASSWORD_LEN_MAX 1024
#define WORKER_CLIENT_ID_SIZE (sizeof("lastcall--") + sizeof(struct name[2]))

/* What outlives a reload, and what tests replace.  Borrowed for the life. */
struct worker_context {
    const struct clock *clock;
    struct log *log; /* may be NULL */
    const struct mqtt_link_ops *link;
    /* By enum backend_kind; NULL where this build has none. */
    const struct session_backend_ops *const *backends;
    struct counters *counters;
    struct inventory_numbers *numbers; /* may be NULL */
    struct inbox *inbox;
    const char *boot_id;
    void (*ready)(void *context); /* first connected; may be NULL */
    void *ready_context;
};

struct worker;

/*
 * Read the settings and what they name (keys, grant, policy), and start
 * nothing yet.
 *
 *   path   of worker.conf
 *   error  a sentence with file, line and mend
 *
 * Returns LASTCALL_OK, and what settings_load(), policy_load() and
 *         identity_load() return.
 */
LASTCALL_MUST_USE enum lastcall_status
worker_new(const struct worker_context *context, const char *path,
           struct worker **out, struct platform_error *error);

/* Its settings; borrowed. */
const struct settings *worker_settings(const struct worker *worker);

/*
 * Open the journal, start the threads and begin to connect.
 *
 * Returns LASTCALL_OK, and what journal_open(), executor_open(),
 *         connection_open() and pipeline_open() return.
 */
LASTCALL_MUST_USE enum lastcall_status
worker_start(struct worker *worker, struct platform_error *error);

/* Finish what runs (bounded), tell the fleet unless it is a reload, and end
 * all threads. */
void worker_stop(struct worker *worker, enum inbox_stop how);

/* Free a worker that was never started or has been stopped; NULL is fine. */
void worker_free(struct worker *worker);

/* Say that the sessions of this machine changed: the servers of a kind whose
 * sessions are the system's own are listed soon.  Thread: any. */
void worker_sessions_changed(const struct worker *worker);

/* See pipeline_heartbeat(). */
uint64_t worker_heartbeat(const struct worker *worker);

/*
 * Check everything that worker.conf names, the broker and each server
 * included, and print what is found, with what mends it.
 *
 * Returns LASTCALL_OK when nothing is wrong.
 */
LASTCALL_MUST_USE enum lastcall_status
worker_check(const struct worker_context *context, const char *path);

#endif
