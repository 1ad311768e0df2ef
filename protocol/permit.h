/*
 * The rules of a controller's grant, as JSON and as the command line writes
 * them.  Private to grant.c and permit.c; the type stands in grant.h.
 */
#ifndef LASTCALL_PROTOCOL_PERMIT_H
#define LASTCALL_PROTOCOL_PERMIT_H

#include "protocol/grant.h"

/*
 * Read one rule of the claim "permit".
 *
 * Returns LASTCALL_OK, LASTCALL_E_GRANT, LASTCALL_E_NOMEM.
 * Owner:  the caller calls permit_rule_deinit(out), also after a failure.
 */
LASTCALL_MUST_USE enum lastcall_status
permit_rule_decode(const json_t *object, struct permit_rule *out);

/* Write one rule; a new reference or NULL. */
json_t *permit_rule_encode(const struct permit_rule *rule);

#endif
