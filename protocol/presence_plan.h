/*
 * The list of maintenance plans in a status: the part of presence_status.c
 * that section 8 of PROTOCOL.md is about.
 */
#ifndef LASTCALL_PROTOCOL_PRESENCE_PLAN_H
#define LASTCALL_PROTOCOL_PRESENCE_PLAN_H

#include "protocol/body.h"
#include "protocol/presence.h"

/*
 * Write the member "maintenance", and "maintenance_count" where not every plan
 * fits.
 *
 *   claims  of the status, as far as they are written: what is left is room
 */
void status_plans_put(struct body_writer *writer, const json_t *claims,
                      const struct status_plan *plans, size_t count);

/* Read both; absent is empty.  The caller frees out->plans. */
void status_plans_decode(struct body_reader *reader, struct host_status *out);

#endif
