/*
 * Where the Plex server on this machine keeps what it knows of itself.
 * Fillings: plex_local_posix.c, plex_local_win32.c.
 */
#ifndef LASTCALL_WORKER_PLEX_LOCAL_H
#define LASTCALL_WORKER_PLEX_LOCAL_H

#include "protocol/bytes.h"
#include "protocol/status.h"

/*
 * Find the folder of the server's data.
 *
 * Returns a text that the caller frees, or NULL (out of memory, or this
 *         account has no such place).
 */
char *plex_local_folder(void);

/*
 * Read the owner's token where the server keeps its settings in no file: the
 * registry of the account that we run as.
 *
 *   out  as bytes_init() left it; a NUL-terminated text
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status plex_local_token(struct bytes *out);

/* What to say beside a token that token = auto did not find, or "". */
const char *plex_local_hint(void);

#endif
