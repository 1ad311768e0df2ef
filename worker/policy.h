/*
 * The host owner's own word, above every grant: which actions are allowed,
 * which sessions are protected, how many may be touched at once.  The only
 * maker of orders: what reaches a backend has passed here.
 */
#ifndef LASTCALL_WORKER_POLICY_H
#define LASTCALL_WORKER_POLICY_H

#include <stdint.h>

#include "protocol/filter.h"
#include "protocol/grant.h"
#include "protocol/request.h"
#include "worker/settings.h"

/* {0} allows whatever a grant allows and protects nothing. */
struct policy {
    bool has_allow;
    uint32_t allow[BACKEND_KIND_COUNT]; /* sets of actions */
    bool has_protect;
    struct filter protect; /* owned */
    int64_t max_sessions;  /* 0: no bound */
};

/* An authorised request.  {0} is empty. */
struct order {
    struct request request; /* owned */
    char issuer[TOKEN_ISSUER_SIZE];
    struct request_id id;
    uint64_t servers; /* bit n: the n-th server of the settings takes part */
    int64_t until_s;  /* wall clock: no act begins after it; 0: for ever */
    int64_t limit;    /* the smaller of the request's and the policy's, or
                         REQUEST_LIMIT_NONE */
};

/*
 * Read the policy out of the settings: allow is "plex:stop,list; wts:list",
 * '*' for every kind or action, "end" included in its backend's own ending.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (error says what), LASTCALL_E_NOMEM.
 * Owner:  the caller calls policy_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status policy_load(const struct settings *from,
                                                   struct policy *out,
                                                   struct config_error *error);
void policy_deinit(struct policy *policy);

/*
 * Authorise a request: the servers it reaches, the grant's permit for each of
 * their kinds, then the host's allow list.  Starts from the refusal.
 *
 *   settings  the host's servers
 *   audience  the address the command came on
 *   request   moved into out->request on LASTCALL_OK, else left alone
 *   detail    a sentence on refusal
 *
 * Returns LASTCALL_OK, LASTCALL_FORBIDDEN, LASTCALL_NOT_FOUND (no such
 *         server), LASTCALL_UNSUPPORTED (no server here knows the action).
 * Owner:  the caller calls order_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
policy_authorise(const struct policy *policy, const struct settings *settings,
                 const struct grant *grant, const struct address *audience,
                 struct request *request, struct order *out,
                 struct json_error *detail);
void order_deinit(struct order *order);

/* Say whether the host's owner protects a session from being ended; a message
 * may still be shown to it. */
bool policy_protects(const struct policy *policy,
                     const struct session *session);

#endif
