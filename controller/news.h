/*
 * News of a host: its status, or the inventory or an event of one of its
 * servers, proved to come from the host of their topic (PROTOCOL.md, section
 * 7).
 */
#ifndef LASTCALL_CONTROLLER_NEWS_H
#define LASTCALL_CONTROLLER_NEWS_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/key.h"
#include "protocol/name.h"
#include "protocol/presence.h"
#include "protocol/topic.h"
#include "protocol/trust.h"

/* {0} is empty. */
struct news {
    enum topic_kind kind; /* TOPIC_STATUS, _SESSIONS or _EVENT */
    struct name host;
    int64_t iat_s;
    char signer[KEY_THUMBPRINT_SIZE]; /* the host's key */
    int64_t granted_s;                /* when the root granted it */
    int64_t arrived_ms;               /* since 1970 */
    uint64_t session; /* with the broker, in which it came; they count up */
    struct host_status status; /* owned; of a status */
    struct name *groups;       /* owned; of a status: those of the grant */
    size_t group_count;
    struct inventory inventory; /* owned; of an inventory */
    struct event *event;        /* owned; of an event, else NULL */
};

void news_deinit(struct news *news);

/*
 * Open a status, an inventory or an event: token, grant, signature, a host's
 * grant, that host, and that server, in the topic.
 *
 *   trust   proves the token
 *   parts   the topic; of one of those kinds (asserted)
 *   now_ms  milliseconds since 1970
 *   out     filled on LASTCALL_OK, empty on error
 *   why     a sentence; may be ""
 *
 * Returns LASTCALL_OK, what token_decode() and trust_verify() return,
 *         LASTCALL_E_TYPE (another type of token), LASTCALL_E_GRANT (not that
 *         host's or that server's), LASTCALL_E_SHAPE, LASTCALL_E_NOMEM.
 * Owner:  the caller calls news_deinit(out).
 * Thread: any, with a trust of its own.
 */
LASTCALL_MUST_USE enum lastcall_status
news_open(struct trust *trust, const struct topic_parts *parts,
          const struct bytes *message, int64_t now_ms, struct news *out,
          struct json_error *why);

#endif
