/*
 * The fleet as one command sees it: settings, trust, identity, the session
 * with the broker and the registry.
 */
#ifndef LASTCALL_CONTROLLER_FLEET_H
#define LASTCALL_CONTROLLER_FLEET_H

#include "controller/exit_code.h"
#include "controller/fleet_link.h"
#include "controller/identity.h"
#include "controller/plans.h"
#include "controller/registry.h"
#include "controller/select.h"

/*
 * When the retained messages have all come: a broker sends them before, or
 * right after, the answer to the subscription that asks for them, so the
 * answer to a second subscription marks their end; under flow control some
 * may still be queued behind it, hence the quiet time after the last one.
 *
 * A broker that had too many to send at once has dropped some, and perhaps
 * that answer too.  So it is asked for again while messages come.  After a
 * large burst a retained message that we have already is asked for, since its
 * packet shows what was dropped before it; and where something was, or no
 * answer comes, the session is resumed (fleet_link.h).
 */
#define FLEET_QUIET_MS 40
/* For what is asked for again, behind the answer; more than a delayed TCP
 * acknowledgement (40 ms), which brokers with Nagle's algorithm wait for. */
#define FLEET_PROBE_MS 250
#define FLEET_GATHER_MAX_MS 2000
/* For the first answer; then twice that, and so on. */
#define FLEET_FENCE_MS 30
/* Hosts named one by one are subscribed to one by one up to this number, each
 * with its status, its inventories and its events. */
#define FLEET_SINGLE_MAX 32
#define FLEET_FILTER_MAX (3 * FLEET_SINGLE_MAX + 5)

enum fleet_need {
    FLEET_NEED_NOTHING = 0,
    FLEET_NEED_STATUSES = 1 << 0,
    FLEET_NEED_INVENTORIES = 1 << 1,
    FLEET_NEED_IDENTITY = 1 << 2, /* our key, our grant, our inbox */
    FLEET_NEED_PLANS = 1 << 3,    /* retained maintenance plans */
    FLEET_NEED_DETAILS = 1 << 4,  /* of statuses: registry.keeps_details */
    FLEET_NEED_EVENTS = 1 << 5,   /* those that come after fleet_open() */
};

/* Results that are kept which come while the retained messages are read; the
 * broker has nobody else to give them to. */
#define FLEET_EARLY_MAX 256

/* {0} is empty. */
struct fleet {
    struct controller_settings settings; /* owned */
    struct trust trust;                  /* owned */
    struct identity identity;            /* owned; with FLEET_NEED_IDENTITY */
    struct registry registry;            /* owned */
    struct plans plans;                  /* owned */
    struct fleet_link *link;             /* owned */
    struct fleet_event *early;           /* owned: room for FLEET_EARLY_MAX */
    size_t early_count;
    size_t early_taken;
    struct name share; /* with whom events are shared; "" for nobody */
    struct topic filters[FLEET_FILTER_MAX];
    struct mqtt_subscription subscriptions[FLEET_FILTER_MAX];
    size_t subscription_count;
};

/*
 * Load settings, trust and identity, connect, and read the retained messages
 * that are needed.  What is wrong is said on standard error.
 *
 *   needs       set of enum fleet_need
 *   target      whose statuses; borrowed for the call
 *   timeout_ms  for the connection
 *
 * Returns EXIT_CODE_OK, EXIT_CODE_USAGE (configuration, keys),
 *         EXIT_CODE_BROKER, EXIT_CODE_INTERRUPTED.
 * Owner:  the caller calls fleet_close(out) in every case.
 */
enum exit_code fleet_open(const struct options *options, uint32_t needs,
                          const struct target *target, int64_t timeout_ms,
                          struct fleet *out);
void fleet_close(struct fleet *fleet);

/* Say on standard error which patterns of a target match no known host: most
 * likely one was misspelt, and the others go on without it. */
void fleet_say_unmatched(const struct fleet *fleet,
                         const struct target *target);

/* As fleet_link_next(), but first come the results that came while
 * fleet_open() read what is retained. */
void fleet_next(struct fleet *fleet, int64_t until_ms, struct fleet_event *out);

/* Leave the broker: what is known stays, and nothing comes any more.  The link
 * is gone. */
void fleet_hang_up(struct fleet *fleet);

/*
 * Give a message to whom it concerns: statuses and inventories to the
 * registry, revocation lists to trust.  A host whose status was cleared is
 * forgotten, and borrowed pointers to it end.  News that was refused is noted
 * in the registry; an event that was proved is only for who reads event->proof.
 *
 *   event  what the registry takes is moved from its proof; what is no message
 *          is passed over
 *
 * Returns whether it is a result; its proof is then the caller's to judge.
 */
bool fleet_handle(struct fleet *fleet, const struct fleet_event *event);

#endif
