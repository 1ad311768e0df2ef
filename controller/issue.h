/*
 * What the root key signs: grants.  Shared by `lastcall grant` and `lastcall
 * enroll`.
 */
#ifndef LASTCALL_CONTROLLER_ISSUE_H
#define LASTCALL_CONTROLLER_ISSUE_H

#include "controller/options.h"
#include "protocol/bytes.h"
#include "protocol/grant.h"
#include "protocol/key.h"

#define ISSUE_EXPIRES_PRESET_MS (INT64_C(365) * 24 * 3600 * 1000)

/*
 * Fill fleet, groups, jti and times of a grant from --fleet, --groups and
 * --expires.  What is wrong is said on standard error.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status issue_fill(const struct options *options,
                                                  struct grant *grant);

/*
 * Sign a grant.
 *
 *   root   with its private half
 *   grant  filled but for text
 *   out    initialised by this function; the token, without a line's end
 *
 * Returns what token_sign() returns; said on standard error.
 */
LASTCALL_MUST_USE enum lastcall_status issue_sign(const struct key *root,
                                                  const struct grant *grant,
                                                  struct bytes *out);

/*
 * Write a token and a line's end to a new file; what is wrong is said on
 * standard error.
 *
 *   path  NULL: standard output
 *
 * Returns what platform_create_file() returns.
 */
LASTCALL_MUST_USE enum lastcall_status issue_write(const char *path,
                                                   struct bytes *token);

#endif
