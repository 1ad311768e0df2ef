/*
 * The token with which Plex is asked: out of a file of its own, or with
 * `token = auto` the one that the server on this machine keeps for itself.
 * Never logged, never in a URL, wiped when it goes.
 */
#ifndef LASTCALL_WORKER_PLEX_TOKEN_H
#define LASTCALL_WORKER_PLEX_TOKEN_H

#include "protocol/io/platform.h"
#include "protocol/status.h"
#include "worker/settings.h"

/* Tokens of twenty characters are usual, signed ones have hundreds. */
#define PLEX_TOKEN_LEN_MAX 4096
#define PLEX_PREFERENCES_BYTES_MAX ((size_t)1024 * 1024)

/* {0} is empty. */
struct plex_token {
    char *file;   /* owned; NULL with token = auto */
    char *folder; /* owned; the local server's data, NULL with a file */
    char value[PLEX_TOKEN_LEN_MAX + 1]; /* "" while there is none */
};

enum plex_token_news {
    PLEX_TOKEN_SAME,    /* or it could not be read: the former stays */
    PLEX_TOKEN_CHANGED, /* another one than before */
};

/*
 * Find out where the token is and read it.  A file must be there; with
 * token = auto the local server may not have been started yet, and one that
 * nobody has claimed needs no token, so that finding none is no error.
 *
 *   token  large: not for the stack of many
 *   error  a sentence with the mend
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (missing or malformed),
 *         LASTCALL_E_PERMISSION, LASTCALL_E_NOMEM.
 * Owner:  the caller calls plex_token_deinit(token).
 */
LASTCALL_MUST_USE enum lastcall_status
plex_token_init(struct plex_token *token,
                const struct server_settings *settings,
                struct platform_error *error);
void plex_token_deinit(struct plex_token *token);

/* Read it once more, as after a refusal. */
enum plex_token_news plex_token_refresh(struct plex_token *token);

/* Where it comes from, for a sentence; borrowed. */
const char *plex_token_origin(const struct plex_token *token);

#endif
