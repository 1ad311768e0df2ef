/*
 * Pinning: what is touched after a preview is what the preview showed.
 *
 * Windows gives the id of a session that ended to the next one, so an id that
 * a person saw is held to the user and the logon that he saw with it: the host
 * answers `changed` when they are others by then (PROTOCOL.md, 5.4).  A
 * session of Plex has an id of its own and needs no pin.
 */
#ifndef LASTCALL_CONTROLLER_PIN_H
#define LASTCALL_CONTROLLER_PIN_H

#include <stddef.h>

#include "controller/campaign.h"
#include "protocol/request.h"

#define PIN_CONDITION_COUNT 2

/* {0} holds nothing. */
struct pin {
    /* The values are borrowed from the plan. */
    struct request_precondition conditions[PIN_CONDITION_COUNT];
    size_t count; /* 0 or PIN_CONDITION_COUNT */
};

/*
 * Read from a host's answer to a dry run what a session must still be.
 *
 *   planned     borrowed, also by *out; NULL when the host was not asked
 *   session_id  as requested
 *   out         empty when that host showed no such session of Windows
 */
void pin_of_host(const struct campaign_host *planned, const char *session_id,
                 struct pin *out);

/*
 * The same for a broadcast, one body for all hosts.
 *
 * Returns the number of hosts that showed such a session; *out is filled when
 *         it is 1, empty else.
 */
size_t pin_of_all(const struct campaign *plan, const char *session_id,
                  struct pin *out);

#endif
