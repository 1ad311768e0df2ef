/*
 * Maintenance plans: what a host is to do around a window of time
 * (PROTOCOL.md, section 8).  A plan is a state that is wished for, published
 * retained, and no command: who comes late does what is still due.
 */
#ifndef LASTCALL_PROTOCOL_MAINTENANCE_H
#define LASTCALL_PROTOCOL_MAINTENANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/filter.h"
#include "protocol/name.h"
#include "protocol/request.h"
#include "protocol/token.h"

#define MAINTENANCE_WARN_COUNT_MAX 16
#define MAINTENANCE_WARN_S_MAX INT64_C(604800)    /* 7 days */
#define MAINTENANCE_WINDOW_S_MAX INT64_C(2678400) /* 31 days */
/* A plan's exp - iat. */
#define MAINTENANCE_LIFETIME_S_MAX INT64_C(34560000) /* 400 days */
#define MAINTENANCE_MESSAGE_CHARS_MAX REQUEST_MESSAGE_CHARS_MAX
#define MAINTENANCE_REASON_CHARS_MAX REQUEST_REASON_CHARS_MAX

/* A decoded and checked plan.  {0} is empty. */
struct maintenance {
    struct name id;
    bool cancelled;    /* then only id need be there */
    int64_t starts_ms; /* milliseconds since 1970; 0 where absent */
    int64_t ends_ms;
    int64_t warn_s[MAINTENANCE_WARN_COUNT_MAX]; /* strictly decreasing */
    size_t warn_count;
    char *message; /* owned or NULL; there wherever warn_count is above 0 */
    char *reason;  /* owned or NULL */
    enum action action;
    bool has_where;
    struct filter where; /* owned; meaningful when has_where */
    bool enforce;
};

/* Free what it owns; it is then empty. */
void maintenance_deinit(struct maintenance *plan);

/*
 * Read and check the member "maintenance" of a verified plan.  A member that
 * this page does not name is refused: a misspelt "where" must not become
 * everybody.  The claims around it are read with command_decode().
 *
 *   verified  of type TOKEN_MAINTENANCE
 *   out       filled on LASTCALL_OK
 *   error     says what is wrong, for the answer's detail
 *
 * Returns LASTCALL_OK, LASTCALL_INVALID_REQUEST, LASTCALL_E_NOMEM.
 * Owner:  the caller calls maintenance_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_decode(const struct verified *verified, struct maintenance *out,
                   struct json_error *error);

/*
 * Check a plan's times against its claims and the clock: iat - skew <= now <
 * exp + skew; exp - iat at most MAINTENANCE_LIFETIME_S_MAX; exp not before
 * ends_at.
 *
 *   detail  filled on refusal
 *
 * Returns LASTCALL_OK, LASTCALL_EXPIRED, LASTCALL_NOT_YET_VALID,
 *         LASTCALL_INVALID_REQUEST.
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_check_times(const struct command_claims *claims,
                        const struct maintenance *plan, int64_t now_s,
                        int64_t skew_s, struct json_error *detail);

/*
 * Write the claims of a plan, for token_sign() with TOKEN_MAINTENANCE.
 * Members at their default are left out.
 *
 *   iss     "controller:<name>"
 *   claims  audience is the address of the topic that it will be published on
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *maintenance_encode(const char *iss, const struct command_claims *claims,
                           const struct maintenance *plan);

/*
 * Name the result of a step: the same on every side (PROTOCOL.md, 8.5).
 *
 *   iat_s  of the plan's token
 *   step   "warn:300", "start", ...
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (libcrypto, or step too long).
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_step_id(const struct name *id, int64_t iat_s, const char *step,
                    struct request_id *out);

#endif
