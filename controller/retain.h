/*
 * Leaving a signed message at the broker, where it is retained.
 */
#ifndef LASTCALL_CONTROLLER_RETAIN_H
#define LASTCALL_CONTROLLER_RETAIN_H

#include <stdint.h>

#include "controller/fleet.h"

/* Messages that may be on their way at once: as many as the link takes
 * (connection.h). */
#define RETAIN_WINDOW 16

/*
 * Publish a token, to be retained.
 *
 *   expiry_s  when the broker forgets it; 0: never
 *   tag       for retain_await()
 *
 * Returns what fleet_link_publish() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
retain_publish(struct fleet_link *link, const char *topic,
               const struct bytes *token, uint32_t expiry_s, uint64_t tag);

/*
 * Wait until the broker has taken what was published with a tag.  It takes
 * messages in the order in which they were published, and so are they to be
 * waited for.
 *
 *   fleet  hears what comes meanwhile; NULL: it is passed over
 *
 * Returns LASTCALL_OK, LASTCALL_FORBIDDEN (the broker's access rules),
 *         LASTCALL_TIMEOUT, LASTCALL_E_LINK (the broker went away),
 *         LASTCALL_E_CLOSED (interrupted), or how the publish ended.
 */
LASTCALL_MUST_USE enum lastcall_status retain_await(struct fleet_link *link,
                                                    struct fleet *fleet,
                                                    uint64_t tag,
                                                    int64_t timeout_ms);

#endif
