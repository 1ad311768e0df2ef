/*
 * What the host says without being asked: its status, the inventories of its
 * servers and their events, signed and published.
 */
#ifndef LASTCALL_WORKER_HERALD_H
#define LASTCALL_WORKER_HERALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/log.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "protocol/presence.h"
#include "worker/counters.h"
#include "worker/executor.h"
#include "worker/identity.h"
#include "worker/inventory.h"
#include "worker/settings.h"

/* The status goes out at least this often ... */
#define HERALD_STATUS_INTERVAL_MS 300000
/* ... and so long after something small in it changed (a number). */
#define HERALD_STATUS_SOON_MS 2000
#define HERALD_WILL_DELAY_S 15
#define HERALD_PROTOCOL 1

/* How messages leave: connection_publish(), or a test's own. */
struct publisher {
    void *context;
    enum lastcall_status (*publish)(void *context,
                                    const struct mqtt_message *message,
                                    uint64_t tag);
};

struct herald_options {
    const struct settings *settings; /* borrowed, as all of these */
    const struct identity *identity;
    const struct clock *clock;
    struct counters *counters;
    struct inventory_numbers *numbers; /* that outlive it; may be NULL */
    struct log *log;                   /* may be NULL */
    struct publisher publisher;
};

struct herald {
    struct herald_options options;
    struct inventory_state *servers; /* owned */
    enum host_state state;
    bool is_ready;          /* there is a broker to publish to */
    int64_t status_due_ms;  /* monotonic */
    int64_t dropped_before; /* as the last status told it */
    struct status_plan plans[STATUS_PLAN_COUNT_MAX];
    size_t plan_count;
};

/* LASTCALL_OK or LASTCALL_E_NOMEM; herald_deinit() frees. */
LASTCALL_MUST_USE enum lastcall_status
herald_init(struct herald *herald, const struct herald_options *options);
void herald_deinit(struct herald *herald);

/* After every connect: status and all inventories go out anew. */
void herald_ready(struct herald *herald);

/* Take a snapshot in; its sessions are moved out. */
void herald_take(struct herald *herald, struct snapshot *snapshot);

/* Remember which request ended a session. */
void herald_note_ending(struct herald *herald, size_t server,
                        const char *session_id,
                        const struct inventory_cause *cause);

/* Tell of maintenance plans: the status goes out when they changed. */
void herald_set_plans(struct herald *herald, const struct status_plan *plans,
                      size_t count);

/* Publish a state now: draining, offline. */
void herald_announce(struct herald *herald, enum host_state state);

/*
 * Publish what is due.
 *
 * Returns when to call again: monotonic milliseconds.
 */
int64_t herald_tick(struct herald *herald);

/*
 * Sign an offline status, for the will.
 *
 *   out  initialised by this function; bytes_deinit()
 *
 * Returns what identity_sign() returns.
 * Thread: any.
 */
LASTCALL_MUST_USE enum lastcall_status
herald_sign_offline(const struct identity *identity, const struct clock *clock,
                    struct bytes *out);

/* The topic of this host's status. */
void herald_status_topic(const struct identity *identity, struct topic *out);

#endif
