/*
 * Signed tokens: the outer layer of every fleet message, JWS compact
 * serialization with EdDSA (RFC 7515, RFC 8037).
 *
 * A message is opened in two steps, and each step has its own type, so that
 * unverified bytes cannot be passed where verified ones are expected:
 *
 *     MQTT payload -> token_decode -> struct token     untrusted
 *     struct token -> token_verify -> struct verified  trusted
 *
 * request_decode(), result_decode() and their like accept only a struct
 * verified.  Nothing here does I/O or logs.  Wire format: PROTOCOL.md,
 * section 2.
 */
#ifndef LASTCALL_PROTOCOL_TOKEN_H
#define LASTCALL_PROTOCOL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/json_strict.h"
#include "protocol/key.h"
#include "protocol/status.h"

/* The one "alg", and the "iss" of what the root signs. */
#define TOKEN_ALGORITHM "EdDSA"
#define TOKEN_ISSUER_ROOT "root"

#define TOKEN_COMMAND_BYTES_MAX ((size_t)64 * 1024)
#define TOKEN_RESULT_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define TOKEN_GRANT_BYTES_MAX ((size_t)16 * 1024)
#define TOKEN_HEADER_BYTES_MAX (TOKEN_GRANT_BYTES_MAX + 1024)
#define TOKEN_ISSUER_SIZE 80 /* "controller:" and a name */
#define TOKEN_ID_SIZE 65

enum token_type {
    TOKEN_GRANT,
    TOKEN_REVOCATION,
    TOKEN_COMMAND,
    TOKEN_MAINTENANCE,
    TOKEN_RESULT,
    TOKEN_SESSIONS,
    TOKEN_EVENT,
    TOKEN_STATUS,
    TOKEN_TYPE_COUNT
};

/* Name a type as its header "typ" does: "lastcall-command+jwt". */
const char *token_type_name(enum token_type type);

/* The largest token of a type that is accepted, in bytes. */
size_t token_type_bytes_max(enum token_type type);

/* Say whether a type is one that the root signs, so without a grant. */
bool token_type_is_roots(enum token_type type);

/* A token that has been taken apart but not been proved.  {0} is empty. */
struct token {
    enum token_type type;
    char kid[KEY_THUMBPRINT_SIZE];
    char *grant; /* owned; the header's grant token, NULL where absent */
    unsigned char signature[KEY_SIGNATURE_LEN];
    char *text; /* owned; the whole token as received, NUL-terminated */
    size_t text_len;
    size_t signed_len;    /* the first signed_len of text are signed */
    struct bytes payload; /* the decoded second part; JSON, not parsed */
    char hash[BYTES_SHA256_TEXT_SIZE]; /* SHA-256 of text */
};

/* A token whose signature was proved with the key that its grant names, or
 * with the root key.  {0} is empty. */
struct verified {
    enum token_type type;
    char kid[KEY_THUMBPRINT_SIZE];     /* who signed */
    char hash[BYTES_SHA256_TEXT_SIZE]; /* of the token as received */
    char iss[TOKEN_ISSUER_SIZE];
    char jti[TOKEN_ID_SIZE]; /* as received; may not be a request id */
    int64_t iat_s;           /* 0 to MOMENT_S_MAX */
    json_t *claims;          /* owned: a reference */
};

/* Free what they own; they are then empty. */
void token_deinit(struct token *token);
void verified_deinit(struct verified *verified);

/*
 * Take a compact token apart and check its header: three parts, strict
 * base64url, "alg" EdDSA, "typ" one of ours, "kid" a thumbprint, no "crit",
 * no duplicate member; "grant" present, or absent where the type is one that
 * the root signs.  Unknown header members are ignored.  Nothing is proved yet.
 *
 *   data, len  as received
 *   out        filled on LASTCALL_OK, empty on any error
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE (over the type's maximum),
 *         LASTCALL_E_ENCODING, LASTCALL_E_SHAPE, LASTCALL_E_ALGORITHM,
 *         LASTCALL_E_TYPE, LASTCALL_E_GRANT (absent, or given on what
 *         the root signs), LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL (libcrypto).
 * Owner:  the caller owns *out and calls token_deinit().
 */
LASTCALL_MUST_USE enum lastcall_status
token_decode(const void *data, size_t len, struct token *out);

/*
 * Check the signature and hand back the signed claims.
 *
 *   token   from token_decode(); not changed
 *   signer  the key that the token's grant names, from trust_verify(), or
 *           the root key
 *   out     filled on LASTCALL_OK, empty on any error
 *
 * Returns LASTCALL_OK, LASTCALL_E_KEY (kid is not that key's thumbprint),
 *         LASTCALL_E_SIGNATURE (that key did not sign these bytes),
 *         LASTCALL_E_SHAPE (the claims are not an object with text iss,
 *         integer iat and text jti), LASTCALL_E_ENCODING, LASTCALL_E_NOMEM.
 * Owner:  the caller owns *out and calls verified_deinit().
 * Thread: any.
 */
LASTCALL_MUST_USE enum lastcall_status token_verify(const struct token *token,
                                                    const struct key *signer,
                                                    struct verified *out);

/* The times of something signed.  Both are 0 to MOMENT_S_MAX. */
struct token_times {
    int64_t iat_s;
    int64_t exp_s;
    int64_t skew_s; /* how far clocks may differ */
};

/*
 * Check times: iat - skew <= now < exp + skew.
 *
 *   what    begins the sentence: "the grant", "the command"
 *   now_s   seconds since 1970
 *   detail  written on refusal, with both clocks; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_EXPIRED, LASTCALL_NOT_YET_VALID.
 */
LASTCALL_MUST_USE enum lastcall_status
token_check_times(const char *what, const struct token_times *times,
                  int64_t now_s, struct json_error *detail);

/*
 * Sign claims.
 *
 *   type    sets "typ"
 *   signer  a key with its private half
 *   grant   the signer's grant token for the header; NULL for the root
 *   claims  an object; serialized as it is
 *   out     initialised by this function with the type's maximum; holds the
 *           compact token on LASTCALL_OK, is empty on error
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL (libcrypto, a grant missing or given against
 *         the type's rule, or no compact token at all).
 */
LASTCALL_MUST_USE enum lastcall_status
token_sign(enum token_type type, const struct key *signer, const char *grant,
           const json_t *claims, struct bytes *out);

/*
 * Make an object with the registered claims iss, iat and jti.
 *
 *   jti  NULL leaves it out for the caller to add
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *token_claims_new(const char *iss, int64_t iat_s, const char *jti);

#endif
