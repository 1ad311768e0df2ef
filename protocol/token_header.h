/*
 * The header of a token, the first of its three parts; for token.c and
 * token_sign.c alone.
 */
#ifndef LASTCALL_PROTOCOL_TOKEN_HEADER_H
#define LASTCALL_PROTOCOL_TOKEN_HEADER_H

#include "protocol/token.h"

/*
 * Read and check a header, as token_decode() says it.
 *
 *   text   the header, out of its base64url
 *   token  empty; type, kid and grant are filled, and to be freed with
 *          token_deinit() whatever comes of it
 */
LASTCALL_MUST_USE enum lastcall_status
token_header_read(const struct bytes *text, struct token *token);

/*
 * Append the header of a token.
 *
 *   grant  NULL for what the root signs
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (a grant missing or given against
 *         the type's rule, or no compact token at all), LASTCALL_E_TOO_LARGE,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
token_header_write(enum token_type type, const struct key *signer,
                   const char *grant, struct bytes *out);

#endif
