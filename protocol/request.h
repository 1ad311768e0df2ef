/*
 * Requests: what a command asks for (PROTOCOL.md, section 5).
 */
#ifndef LASTCALL_PROTOCOL_REQUEST_H
#define LASTCALL_PROTOCOL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/filter.h"
#include "protocol/name.h"
#include "protocol/session.h"
#include "protocol/token.h"
#include "protocol/topic.h"

#define REQUEST_REASON_CHARS_MAX 512 /* characters, not bytes */
#define REQUEST_TITLE_CHARS_MAX 128
#define REQUEST_MESSAGE_CHARS_MAX 2048
#define REQUEST_STYLE_CHARS_MAX 64
#define REQUEST_PRECONDITION_COUNT_MAX 16
#define REQUEST_LIMIT_MAX SESSION_COUNT_MAX
#define REQUEST_SPLAY_S_MAX 3600
#define REQUEST_CONFIRM_S_MAX 120
#define REQUEST_TIMEOUT_S_MAX 3600
#define REQUEST_LIMIT_NONE (-1)

/* A field that the target must still have. */
struct request_precondition {
    enum session_field field;
    struct session_value value; /* owned; VALUE_NULL asks for null */
};

/* A decoded and checked request.  {0} is empty. */
struct request {
    enum action action;
    uint32_t backends;  /* the kinds it may reach: one, or all of them */
    struct name server; /* "" for every server */
    char *session_id;   /* owned; NULL when a filter (or nothing) is given */
    bool has_where;
    struct filter where; /* owned; meaningful when has_where */
    struct request_precondition *preconditions; /* owned */
    size_t precondition_count;
    bool dry_run;
    bool pass_thru;
    int64_t limit; /* REQUEST_LIMIT_NONE, or 0 to REQUEST_LIMIT_MAX */
    int64_t splay_s;
    char *reason; /* owned or NULL */
    int64_t confirm_s;
    char *title;   /* owned or NULL; message only, as the next four */
    char *message; /* owned or NULL */
    char *style;   /* owned or NULL; message_style_parse() takes it */
    int64_t timeout_s;
    bool wait;
};

/* Free what it owns; it is then empty. */
void request_deinit(struct request *request);

/*
 * Read and check the member "request" of a verified command.  A member that
 * the action does not know is refused: a misspelt "dry_run" must not become a
 * real stop.
 *
 *   verified  of type TOKEN_COMMAND
 *   out       filled on LASTCALL_OK
 *   error     says what is wrong, for the answer's detail
 *
 * Returns LASTCALL_OK, LASTCALL_INVALID_REQUEST, LASTCALL_E_NOMEM.
 * Owner:  the caller calls request_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
request_decode(const struct verified *verified, struct request *out,
               struct json_error *error);

/*
 * Write a request as the member "request"; members at their default are left
 * out.
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *request_encode(const struct request *request);

/* The claims of a command that stand around its request. */
struct command_claims {
    struct request_id jti;
    struct address audience;
    int64_t iat_s;
    int64_t exp_s;
};

/*
 * Read aud, exp and jti of a verified command.  Only their form is checked;
 * times are command_check_times()' business, the address the caller's.
 *
 * Returns LASTCALL_OK, LASTCALL_INVALID_REQUEST.
 */
LASTCALL_MUST_USE enum lastcall_status
command_decode(const struct verified *verified, struct command_claims *out,
               struct json_error *error);

/*
 * Check the times of a command: exp - iat at most the longest lifetime, and
 * iat - skew <= now < exp + skew.
 *
 *   detail  filled on refusal; gives both clocks
 *
 * Returns LASTCALL_OK, LASTCALL_EXPIRED, LASTCALL_NOT_YET_VALID,
 *         LASTCALL_INVALID_REQUEST (lifetime).
 */
LASTCALL_MUST_USE enum lastcall_status
command_check_times(const struct command_claims *claims, int64_t now_s,
                    int64_t skew_s, int64_t lifetime_max_s,
                    struct json_error *detail);

/*
 * Write the claims of a command, its request included.
 *
 *   iss  "controller:<name>"
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *command_encode(const char *iss, const struct command_claims *claims,
                       const struct request *request);

/*
 * Check a session against a request's preconditions.
 *
 * Returns LASTCALL_OK, LASTCALL_CHANGED (detail names the field).
 */
LASTCALL_MUST_USE enum lastcall_status
request_check_precondition(const struct request *request,
                           const struct session *session,
                           struct json_error *detail);

#endif
