/*
 * What a Plex Media Server answers, path by path.  The lock is held.
 */
#ifndef STANDIN_PLEX_ROUTES_H
#define STANDIN_PLEX_ROUTES_H

#include "tests/standin/standin.h"

#define TERMINATE_PATH "/status/sessions/terminate"

/* Check the token and answer the request. */
void plex_route(struct exchange *exchange, struct answer *answer);

/* Whose token the request carries; in a header or else in the query. */
enum token_class plex_token_class(const struct exchange *exchange);

/*
 * Enter a terminate into the record.
 *
 *   class    whose token it came with
 *   status   of the answer; 0 when there is none
 *   matched  what it hit, borrowed, or NULL
 *   result   the word for it in README.md
 */
void route_note_terminate(struct exchange *exchange, enum token_class class,
                          unsigned status, json_t *matched, const char *result);

#endif
