/*
 * One item of Plex's list as a session.
 */
#ifndef LASTCALL_WORKER_PLEX_ITEM_H
#define LASTCALL_WORKER_PLEX_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/json_strict.h"
#include "protocol/session.h"

/* Whose list it is.  Borrowed. */
struct plex_source {
    const char *server; /* the server's name in the settings */
    const char *uri;    /* its address */
};

/*
 * Say whether an item is no playback of somebody: the theme music of a page
 * (a track whose guid begins with library://), or what a client left behind
 * (stopped, and with neither a user nor a title).
 */
bool plex_item_is_noise(const json_t *item);

/*
 * Read an item.  What is missing or malformed is null.
 *
 * An item without Session.id gets a session_id of our own that is never sent
 * to Plex: "key:<sessionKey>", else "player:<machine identifier>", else
 * "item:<position>"; its endable is false.
 *
 *   position  in the list, from 0
 *   out       filled on LASTCALL_OK; the caller calls session_deinit()
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_item_read(const json_t *item, const struct plex_source *source,
               size_t position, struct session *out);

#endif
