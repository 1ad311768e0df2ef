/*
 * The fleet as its hosts' retained tokens tell it: statuses, and inventories
 * where they are wanted.  Only what a host's own grant proves is believed; the
 * rest is noted as refused.  Pure: the clock and the link are the caller's.
 */
#ifndef LASTCALL_CONTROLLER_REGISTRY_H
#define LASTCALL_CONTROLLER_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/news.h"
#include "protocol/name.h"
#include "protocol/presence.h"
#include "protocol/revocation.h"

/* Hosts that are kept; more are refused, and said. */
#define REGISTRY_HOST_MAX 20000
/* Refusals that are kept with their reason; the rest is counted. */
#define REGISTRY_REFUSAL_MAX 100

struct registry_inventory {
    int64_t iat_s;
    struct inventory inventory; /* owned */
};

struct registry_host {
    struct name name;
    bool has_status;
    int64_t iat_s;                    /* of the status */
    char signer[KEY_THUMBPRINT_SIZE]; /* of the status, too: the host's key */
    int64_t granted_s;                /* and when the root granted it */
    uint64_t session;                 /* and in which session it came */
    struct host_status status;        /* owned; when has_status */
    struct name *groups;              /* owned; from the grant */
    size_t group_count;
    int64_t clock_ahead_ms; /* the least its clock is ahead of ours; 0: none */
    struct registry_inventory *inventories; /* owned */
    size_t inventory_count;
};

/* A message that is not what it claims to be. */
struct registry_refusal {
    struct name host; /* of the topic */
    enum lastcall_status status;
    struct json_error detail;
};

/* {0} is empty.  Hosts are sorted by name. */
struct registry {
    /* Keep of a status what `hosts` shows: its servers and counters. */
    bool keeps_details;
    struct registry_host **hosts; /* owned, and each one owned */
    size_t count;
    size_t capacity;
    struct registry_refusal *refusals; /* owned */
    size_t refusal_count; /* all of them; at most REGISTRY_REFUSAL_MAX kept */
};

void registry_deinit(struct registry *registry);

/*
 * Whether a list that news_open() proved comes after the one that is known.
 * Lists of one life are numbered, and the host's clock may be set back in it;
 * between lives the later one is the one signed later, and within one second
 * the later one to arrive.
 */
bool registry_list_is_later(const struct registry_inventory *known,
                            const struct news *news);

/*
 * Take a status or an inventory that news_open() proved.  An older status than
 * ours, and an offline whose boot_id is not that of the online that we hold,
 * change nothing (PROTOCOL.md, 7.6).
 *
 *   news  moved from; {0} afterwards
 *
 * Returns LASTCALL_OK (taken, or passed over as old), LASTCALL_E_NOMEM,
 *         LASTCALL_E_TOO_LARGE (REGISTRY_HOST_MAX).
 */
LASTCALL_MUST_USE enum lastcall_status registry_take(struct registry *registry,
                                                     struct news *news);

/* Note a message that news_open() refused. */
void registry_refuse(struct registry *registry, const struct name *host,
                     enum lastcall_status status,
                     const struct json_error *detail);

/* Find a host; borrowed, or NULL.  Time: O(log n). */
struct registry_host *registry_find(const struct registry *registry,
                                    const struct name *name);

/* Forget a host, or what is known of one of its servers: it was cleared. */
void registry_forget(struct registry *registry, const struct name *name);
void registry_forget_inventory(struct registry *registry,
                               const struct name *name,
                               const struct name *server);

/* Say whether a host's status has been revoked since it came. */
bool registry_host_is_revoked(const struct registry_host *host,
                              const struct revocation_list *list);

/*
 * Have a host be offline whose status did not come (again) in a session: what
 * we know of it is not what the broker has.
 *
 * Returns whether it was up.
 */
bool registry_host_doubt(struct registry_host *host, uint64_t session);

/* Say whether a host's latest word is that it works. */
bool registry_host_is_up(const struct registry_host *host);

#endif
