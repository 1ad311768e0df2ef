/*
 * The list of maintenance plans in a status: the part of presence_status.c
 * that section 8 of PROTOCOL.md is about.
 */
#ifndef LASTCALL_PROTOCOL_PRESENCE_PLAN_H
#define LASTCALL_PROTOCOL_PRESENCE_PLAN_H

#include "protocol/body.h"
#include "protocol/presence.h"

/* The member "maintenance"; a new reference, or NULL when out of memory. */
json_t *status_plans_encode(const struct status_plan *plans, size_t count);

/* Read it; absent is empty.  The caller frees *out. */
void status_plans_decode(struct body_reader *reader, struct status_plan **out,
                         size_t *count);

#endif
