/*
 * What became of a request to end a session.  Plex gives the same status for
 * different causes, and no status at all when an answer is lost: here further
 * questions, which change nothing, find out.  The request itself is never
 * repeated.
 *
 *     401   the token, the rights, or no Plex Pass: its page and list tell
 *     404   gone already, or an id that Plex lists and does not know
 *     lost  the list tells, asked again until it is clear or time is up
 */
#ifndef LASTCALL_WORKER_PLEX_VERDICT_H
#define LASTCALL_WORKER_PLEX_VERDICT_H

#include "worker/plex_client.h"

/* The list is asked this often at most after a lost answer. */
#define PLEX_SETTLE_COUNT_MAX 8
/* The first pause between; each further one is twice as long. */
#define PLEX_SETTLE_WAIT_MS 100

/*
 * Say whether two sessions are the same: id, key, user, player and media.
 *
 * Returns the field in which they differ, or SESSION_FIELD_COUNT.
 */
enum session_field plex_verdict_difference(const struct session *a,
                                           const struct session *b);

/*
 * Find out what became of plex_client_terminate().
 *
 *   target     the session, as it was listed right before
 *   transport  what plex_client_terminate() returned
 *   response   what came
 *   outcome    code and a sentence
 *
 * Returns outcome->code: LASTCALL_OK, LASTCALL_ALREADY_GONE,
 *         LASTCALL_NOT_FOUND, LASTCALL_DENIED, LASTCALL_NO_PLEX_PASS,
 *         LASTCALL_SERVER_ERROR, LASTCALL_TIMEOUT, LASTCALL_UNREACHABLE,
 *         LASTCALL_INTERRUPTED, LASTCALL_E_NOMEM.
 */
enum lastcall_status plex_verdict(struct plex_client *client,
                                  const struct session *target,
                                  enum lastcall_status transport,
                                  const struct http_response *response,
                                  struct session_outcome *outcome);

#endif
