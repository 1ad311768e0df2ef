/*
 * Plex's answers, read: the list of sessions, and what the server says of
 * itself.  Pure: bytes in, structures out.
 */
#ifndef LASTCALL_WORKER_PLEX_PARSE_H
#define LASTCALL_WORKER_PLEX_PARSE_H

#include <stdbool.h>

#include "protocol/json_strict.h"
#include "protocol/session.h"
#include "worker/plex_document.h"
#include "worker/plex_item.h"

/*
 * Read the answer of /status/sessions.
 *
 * A list that says that there is more of it is refused: it would pass for
 * "that session is gone".  endable is true for what has a Session.id that no
 * other item of the list has.  started_at, idle_s and paused_s are null here.
 *
 *   source  whose list it is
 *   out     filled on LASTCALL_OK, empty else; session_list_deinit()
 *   error   a sentence on failure
 *
 * Returns LASTCALL_OK, LASTCALL_SERVER_ERROR, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_parse_sessions(const struct plex_answer *answer,
                    const struct plex_source *source, struct session_list *out,
                    struct json_error *error);

#define PLEX_VERSION_SIZE 64

/* What a server says of itself on / or /identity. */
struct plex_server {
    char version[PLEX_VERSION_SIZE]; /* "" where it does not say */
    bool lacks_pass;                 /* it says that it cannot end sessions */
};

/*
 * Read the answer of / or /identity.
 *
 * Returns as plex_parse_sessions().
 */
LASTCALL_MUST_USE enum lastcall_status
plex_parse_server(const struct plex_answer *answer, struct plex_server *out,
                  struct json_error *error);

#endif
