/*
 * One terminal session as a flat object: what Windows tells of it in several
 * replies becomes the fields of PROTOCOL.md 5.10.  What Windows does not tell
 * is null.  Pure.
 */
#ifndef LASTCALL_WORKER_WTS_SESSION_H
#define LASTCALL_WORKER_WTS_SESSION_H

#include "protocol/session.h"
#include "worker/wts_host.h"

/* What was asked of a session.  Borrowed; NULL where it was not asked or
 * Windows did not tell. */
struct wts_facts {
    const struct wts_entry *entry; /* always there */
    const struct wts_info *info;
    const struct wts_client *client;
    const uint32_t *protocol; /* an enum wts_protocol */
    const char *username;     /* whole, where the entry's may be cut */
    const char *domain;
};

/*
 * Make a session.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 * Owner:  the caller calls session_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
wts_session_make(const struct wts_host *host, const struct wts_facts *facts,
                 struct session *out);

/* Name a state as on the wire; "unknown" for a later Windows' number. */
const char *wts_state_name(int32_t state);

/* Say whether somebody sits at the session: there are client facts. */
bool wts_state_has_client(int32_t state);

/* Say whether there is more to ask of a session than its line in the list. */
bool wts_state_has_facts(int32_t state);

/*
 * Why a session can neither be disconnected nor logged off: a sentence, or
 * NULL when it can.
 */
const char *wts_session_obstacle(const struct wts_host *host, uint32_t id,
                                 int32_t state);

/*
 * Say whether two sessions of one id are the same: user, domain, logon time.
 * A logon time that one of the two does not tell is passed over.
 *
 * Returns the field in which they differ, or SESSION_FIELD_COUNT.
 */
enum session_field wts_session_difference(const struct session *a,
                                          const struct session *b);

/*
 * Read a session id: a plain decimal number below WTS_SESSION_CURRENT, which
 * would be the worker's own.
 */
bool wts_session_id_parse(const char *text, uint32_t *out);

#endif
