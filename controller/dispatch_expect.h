/*
 * Between dispatch.c and dispatch_expect.c: whom a campaign expects, and what
 * is signed for whom.
 */
#ifndef LASTCALL_CONTROLLER_DISPATCH_EXPECT_H
#define LASTCALL_CONTROLLER_DISPATCH_EXPECT_H

#include "controller/dispatch.h"

/* What the registry knows of a host; NULL: it does not know it. */
enum campaign_presence dispatch_presence(const struct registry_host *known);

/*
 * Expect everybody who belongs to the target, and sign the broadcast where it
 * is one.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM, why it could
 *         not be signed, or why it cannot be told what was signed before.
 */
LASTCALL_MUST_USE enum lastcall_status
dispatch_expect_all(struct dispatching *run);

/*
 * It is a host's turn: sign now, so that its time begins now, unless what was
 * signed for it before is still good.  Returns as dispatch_expect_all().
 */
LASTCALL_MUST_USE enum lastcall_status
dispatch_ask(const struct dispatching *run, const struct name *name);

/* Say whether a broadcast that may still be run was sent to a host: when it
 * comes back the broker may have kept that for it, and one more command would
 * make it two. */
bool dispatch_has_broadcast(const struct dispatching *run,
                            const struct name *name);

#endif
