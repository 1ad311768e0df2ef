/*
 * The flags of `lastcall maintenance start`: what is to happen, and when.
 */
#ifndef LASTCALL_CONTROLLER_PLAN_OPTIONS_H
#define LASTCALL_CONTROLLER_PLAN_OPTIONS_H

#include "controller/options.h"
#include "protocol/maintenance.h"

/* Warnings where --message is given without --warn. */
#define PLAN_WARN_PRESET "15m,5m,1m"

/*
 * Read --id, --at, --for, --warn, --message, --reason, --action, --enforce and
 * the filter.  What is wrong is said on standard error.
 *
 *   now_ms  milliseconds since 1970: "now" and "+15m" count from it
 *   out     filled on LASTCALL_OK
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL (no random number for an id).
 * Owner:  the caller calls maintenance_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
plan_options_read(const struct options *options, int64_t now_ms,
                  struct maintenance *out);

/*
 * Read a time: RFC 3339 in UTC, "now", or "+" and a length of time.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status
plan_options_time(const char *text, int64_t now_ms, int64_t *out_ms);

#endif
