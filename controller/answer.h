/*
 * Answers: result messages, proved to come from the host of their topic and to
 * be meant for us (PROTOCOL.md, 6.7).
 */
#ifndef LASTCALL_CONTROLLER_ANSWER_H
#define LASTCALL_CONTROLLER_ANSWER_H

#include "protocol/result.h"
#include "protocol/topic.h"
#include "protocol/trust.h"

/* {0} is empty. */
struct answer {
    struct name host;
    struct result_claims claims;
    struct result result; /* owned */
};

void answer_deinit(struct answer *answer);

/*
 * Open a result message: token, grant, signature, a host's grant, that host in
 * the topic, aud us, request_id that of the topic.  Whether request_hash is
 * that of what we sent is campaign_take()'s to say.
 *
 *   controller  our name
 *   parts       of kind TOPIC_RESULT
 *   now_s       seconds since 1970
 *   out         filled on LASTCALL_OK, empty on error
 *   why         a sentence; may be ""
 *
 * Returns LASTCALL_OK, what token_decode() and trust_verify() return,
 *         LASTCALL_E_TYPE (no result), LASTCALL_E_GRANT (not that host's),
 *         LASTCALL_E_SHAPE (not for us, another request, malformed),
 *         LASTCALL_E_NOMEM.
 * Owner:  the caller calls answer_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
answer_open(struct trust *trust, const struct name *controller,
            const struct topic_parts *parts, const struct bytes *message,
            int64_t now_s, struct answer *out, struct json_error *why);

#endif
