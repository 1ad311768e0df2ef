/*
 * Results: a worker's signed answer (PROTOCOL.md, section 6).
 */
#ifndef LASTCALL_PROTOCOL_RESULT_H
#define LASTCALL_PROTOCOL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/name.h"
#include "protocol/session.h"
#include "protocol/token.h"

#define RESULT_DETAIL_SIZE 400
#define RESULT_RESPONSE_SIZE 16 /* "try_again" is the longest */
#define RESULT_SERVER_COUNT_MAX 64
/* More rows than this do not fit into 4 MiB. */
#define RESULT_SESSION_COUNT_MAX 40000
#define RESULT_BOOT_ID_SIZE 40
#define RESULT_STEP_SIZE 48 /* "warn:" and two numbers */

/* What became of one session. */
struct session_result {
    char *session_id; /* owned */
    struct name server;
    enum backend_kind backend;
    enum lastcall_status code;
    char detail[RESULT_DETAIL_SIZE];
    char response[RESULT_RESPONSE_SIZE]; /* to a message; "" when none */
    bool has_session;                    /* the answer tells the session */
    struct session *session; /* owned; as it was before; NULL: not known */
};

/* What became of one server. */
struct server_result {
    struct name server;
    enum backend_kind backend;
    enum lastcall_status code;
    char detail[RESULT_DETAIL_SIZE];
};

struct result_pack;

/* A result.  {0} is empty. */
struct result {
    enum lastcall_status code; /* a wire code; result_tally() sets it */
    char detail[RESULT_DETAIL_SIZE];
    bool has_action; /* false when the request could not even be read */
    enum action action;
    bool dry_run;
    bool replayed;
    int64_t matched;
    int64_t succeeded;
    int64_t failed;
    int64_t received_ms; /* milliseconds since 1970; 0 is null on the wire */
    int64_t started_ms;
    int64_t finished_ms;
    char boot_id[RESULT_BOOT_ID_SIZE];
    struct server_result *servers; /* owned */
    size_t server_count;
    struct session_result *sessions; /* owned */
    size_t session_count;
    bool truncated; /* sessions were left out to fit 4 MiB */
    /* Of a maintenance plan's step (PROTOCOL.md, section 8); else "". */
    struct name plan;
    char step[RESULT_STEP_SIZE];
    /* Owned; servers and sessions of one that was packed, which then has none
     * in their places. */
    struct result_pack *packed;
};

/* Free what they own; they are then empty. */
void result_deinit(struct result *result);
void session_result_deinit(struct session_result *result);

/* The boolean: status_is_success() of the code and no server failed. */
bool result_is_success(const struct result *result);

/*
 * Make room for one more; a zeroed element, or NULL when out of memory.
 * The element is borrowed until the next call.
 */
struct server_result *result_add_server(struct result *result);
struct session_result *result_add_session(struct result *result);

/*
 * Count matched, succeeded and failed from the sessions, and derive code and
 * detail from sessions and servers:
 * a server that could not be asked beats everything (partial when some
 * session succeeded, else that server's code); then sessions: all ok "ok",
 * all failed with one code that code, mixed "partial", none "no_match".
 * A `session_id` that no server knows is set by the caller (not_found).
 */
void result_tally(struct result *result);

/*
 * Put servers and sessions together in a tenth of their room: whoever waits for
 * ten thousand results has to keep them all.  What is left can be asked and
 * encoded as before; the rows are got with result_unpack().  One that tells of
 * a failed server or a session's fields is left as it is, and so is one for
 * which there is no memory.
 */
void result_pack(struct result *result);

/*
 * Get a copy with its rows.
 *
 *   packed  with packed != NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 * Owner:  the caller calls result_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
result_unpack(const struct result *packed, struct result *out);

/* The claims that stand around a result. */
struct result_claims {
    struct name host;       /* iss is "host:<host>" */
    struct name controller; /* aud is "controller:<controller>" */
    struct request_id request_id;
    char request_hash[BYTES_SHA256_TEXT_SIZE];
    int64_t iat_s;
};

/*
 * Write the claims of a result token; jti is fresh and given by the caller.
 * Sessions that no token of TOKEN_RESULT_BYTES_MAX would hold are left out
 * from the end, and marked as truncated: signing never finds it too large.
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *result_encode(const struct result_claims *claims, const char *jti,
                      const struct result *result);

/*
 * Read a verified result token.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_NOMEM.
 * Owner:  the caller calls result_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
result_decode(const struct verified *verified, struct result_claims *claims,
              struct result *out, struct json_error *error);

#endif
