/*
 * Maintenance plans as they stand retained at the broker: one signed token a
 * plan and address (PROTOCOL.md, section 8).  Only what the grant of a
 * controller proves is kept.
 */
#ifndef LASTCALL_CONTROLLER_PLANS_H
#define LASTCALL_CONTROLLER_PLANS_H

#include <stddef.h>
#include <stdint.h>

#include "controller/registry.h"
#include "protocol/maintenance.h"
#include "protocol/topic.h"
#include "protocol/trust.h"

/* Tokens that are kept; more are refused, and counted. */
#define PLANS_MAX 4096

struct plan {
    struct address address;
    char issuer[TOKEN_ISSUER_SIZE]; /* "controller:<name>" */
    int64_t iat_s;
    int64_t exp_s;
    struct maintenance body; /* owned */
};

/* {0} is empty. */
struct plans {
    struct plan *items; /* owned */
    size_t count;
    size_t capacity;
    size_t refused_count; /* tokens that are not what they claim to be */
};

void plans_deinit(struct plans *plans);

/*
 * Take a retained token.  Of one id at one address the highest iat stays.
 *
 *   parts      the topic; of kind TOPIC_MAINTENANCE (asserted)
 *   data, len  nothing: the broker's place is empty, and so is ours
 *   now_s      seconds since 1970
 *
 * Returns LASTCALL_OK (taken, or passed over as older), LASTCALL_E_NOMEM,
 *         LASTCALL_E_TOO_LARGE (PLANS_MAX), or why it was refused.
 */
LASTCALL_MUST_USE enum lastcall_status
plans_take(struct plans *plans, struct trust *trust,
           const struct topic_parts *parts, const void *data, size_t len,
           int64_t now_s);

/*
 * Find a plan of a name that is another controller's and that a grant gives
 * no right to take the place of: what we would retain there no host would
 * follow, and hosts that are off would never see the plan.
 *
 *   grant  ours
 *
 * Returns the plan, borrowed, or NULL.
 */
const struct plan *plans_find_foreign(const struct plans *plans,
                                      const struct name *id,
                                      const struct grant *grant);

/* Say whether a plan wins over another one of its name; of two of one second
 * the one that cancels does.  Source: PROTOCOL.md, 8.15. */
bool plan_is_newer(const struct plan *plan, const struct plan *other);

/* Say whether an address reaches a host. */
bool plan_reaches(const struct address *address,
                  const struct registry_host *host);

#endif
