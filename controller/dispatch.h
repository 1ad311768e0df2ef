/*
 * Sending one request to a target and collecting the answers: the effects
 * around a campaign.
 */
#ifndef LASTCALL_CONTROLLER_DISPATCH_H
#define LASTCALL_CONTROLLER_DISPATCH_H

#include "controller/campaign.h"
#include "controller/fleet.h"
#include "protocol/request.h"

#define DISPATCH_TIMEOUT_PRESET_MS INT64_C(10000)
#define DISPATCH_TTL_PRESET_MS INT64_C(60000)

/* What to send, and for how long. */
struct dispatch {
    const struct request *request; /* borrowed */
    const struct target *target;   /* borrowed */
    int64_t timeout_ms;
    int64_t ttl_ms;
    /*
     * The dry run that this follows, or NULL: no host may touch more than it
     * said in it.  A host named by itself gets its own number as its limit; a
     * broadcast, one body for all, the largest.  A Windows session named by
     * its id is pinned to what the plan showed of it (pin.h); in a broadcast
     * the plan shows it on one host at most.
     */
    const struct campaign *plan;
    /* Called for each answer as it comes; may be NULL. */
    void (*answered)(void *context, const struct campaign *campaign,
                     const struct campaign_host *host);
    void *context;
};

/*
 * Run a campaign to its end.
 *
 *   fleet  open, with statuses and identity
 *   out    the campaign, ended; the caller calls campaign_deinit() in every
 *          case
 *
 * Returns EXIT_CODE_OK (it ran; campaign_exit_code() tells how it went),
 *         EXIT_CODE_USAGE (no host belongs to the target; nothing was sent),
 *         EXIT_CODE_BROKER (could not be signed, or the broker refused it).
 */
enum exit_code dispatch_run(struct fleet *fleet,
                            const struct dispatch *dispatch,
                            struct campaign *out);

#endif
