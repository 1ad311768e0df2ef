/*
 * Publishing a maintenance plan: one signed, retained token an address.
 */
#ifndef LASTCALL_CONTROLLER_PLAN_SEND_H
#define LASTCALL_CONTROLLER_PLAN_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "controller/fleet.h"
#include "controller/select.h"
#include "protocol/maintenance.h"
#include "protocol/topic.h"

/* What is sent where; set the first three. */
struct plan_send {
    struct fleet *fleet;            /* borrowed; open, with identity */
    const struct maintenance *plan; /* borrowed */
    int64_t timeout_ms;             /* for the broker to take each token */
    struct address *addresses;      /* owned */
    size_t count;
    size_t capacity;
    size_t taken_count; /* the first so many are at the broker */
};

/* Add an address; LASTCALL_OK or LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status plan_send_add(struct plan_send *sending,
                                                     enum address_kind kind,
                                                     const struct name *name);

/*
 * Add the addresses of a target: all, a group, or each host that is known or
 * named; of those that are named and unknown standard error is told.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_SYNTAX (TARGET_NONE).
 */
LASTCALL_MUST_USE enum lastcall_status
plan_send_add_target(struct plan_send *sending, const struct target *target);

/* A plan's token is good for so long after its end. */
#define PLAN_EXPIRY_S 3600

/* The times of a token. */
struct plan_span {
    int64_t iat_s;
    int64_t exp_s;
};

/* Times that make the plan newer than every retained version of it, and
 * believed for as long as any. */
struct plan_span plan_send_span(const struct plan_send *sending, int64_t now_s);

/*
 * Publish the plan at every address and wait for the broker to take each.
 * What is wrong is said on standard error, and how far it came.
 *
 *   iat_s, exp_s  of the tokens
 *
 * Returns LASTCALL_OK, LASTCALL_FORBIDDEN (the broker's access rules),
 *         LASTCALL_E_NOMEM, or what retain_publish() and retain_await()
 *         return.
 */
LASTCALL_MUST_USE enum lastcall_status
plan_send_publish(struct plan_send *sending, int64_t iat_s, int64_t exp_s);

void plan_send_deinit(struct plan_send *sending);

/*
 * Check that we may take the place of what is retained under the plan's name
 * already; see plans_find_foreign().  What is wrong is said on standard error.
 *
 * Returns EXIT_CODE_OK, EXIT_CODE_REFUSED, EXIT_CODE_BROKER (our grant cannot
 *         be read).
 */
enum exit_code plan_send_check_foreign(const struct plan_send *sending);

#endif
