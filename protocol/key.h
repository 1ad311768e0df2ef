/*
 * Ed25519 keys (RFC 8032), their JWK (RFC 8037) and thumbprint (RFC 7638).
 * A key is parsed once and then used for many signatures.
 */
#ifndef LASTCALL_PROTOCOL_KEY_H
#define LASTCALL_PROTOCOL_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/bytes.h"
#include "protocol/json_strict.h"
#include "protocol/status.h"

#define KEY_RAW_LEN 32
#define KEY_SIGNATURE_LEN 64
#define KEY_THUMBPRINT_SIZE BYTES_SHA256_TEXT_SIZE

struct evp_pkey_st; /* EVP_PKEY; <openssl/evp.h> stays in key.c, keyfile.c */

/* A public key, or a pair.  {0} is empty. */
struct key {
    struct evp_pkey_st *pkey; /* owned; NULL of a folded one */
    bool has_private;
    unsigned char public_raw[KEY_RAW_LEN];
    char thumbprint[KEY_THUMBPRINT_SIZE]; /* the "kid" */
};

/*
 * Say whether a text could be a thumbprint: base64url of 32 bytes, in the one
 * spelling that every value has.
 */
bool key_thumbprint_is_valid(const char *text);

/* Free the key; private material is wiped by libcrypto. */
void key_deinit(struct key *key);

/*
 * Fold a public key: leave out what libcrypto made of it, some 400 bytes.
 * key_verify() makes that again each time, which takes a thirtieth of the
 * check: for the keys of many, each seldom used.
 */
void key_fold(struct key *key);

/*
 * Make a key pair.
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (no randomness), LASTCALL_E_NOMEM.
 * Owner:  the caller owns *out and calls key_deinit(); so for all that fill
 *         a struct key.
 */
LASTCALL_MUST_USE enum lastcall_status key_generate(struct key *out);

/*
 * Make a public key of its 32 bytes.  Forms that are not canonical, and the
 * few points for which anyone could make signatures, are refused here and
 * wherever else a key comes in.
 *
 * Returns LASTCALL_OK, LASTCALL_E_KEY, LASTCALL_E_NOMEM.
 * Source: RFC 8032, section 5.1.3; the points of order 1, 2, 4 and 8.
 */
LASTCALL_MUST_USE enum lastcall_status
key_from_public(const unsigned char raw[KEY_RAW_LEN], struct key *out);

/* Make a pair of the 32-byte seed (RFC 8032, 5.1.5). */
LASTCALL_MUST_USE enum lastcall_status
key_from_seed(const unsigned char seed[KEY_RAW_LEN], struct key *out);

/*
 * Take ownership of an EVP_PKEY, also on failure.
 *
 *   pkey  NULL is refused like every key that is not Ed25519
 *
 * Returns LASTCALL_OK, LASTCALL_E_KEY, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status key_take_pkey(struct evp_pkey_st *pkey,
                                                     struct key *out);

/*
 * Read a public JWK: kty "OKP", crv "Ed25519", x 32 bytes.  A JWK that
 * carries the private "d" is refused: it must never have been sent.
 *
 * Returns LASTCALL_OK, LASTCALL_E_KEY, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status key_from_jwk(const json_t *jwk,
                                                    struct key *out);

/* Make the public JWK {"crv","kty","x"}; a new reference or NULL. */
json_t *key_to_jwk(const struct key *key);

/*
 * Sign bytes.
 *
 *   key  must have its private half (asserted)
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
 * Thread: any; several at once with one key are allowed.
 */
LASTCALL_MUST_USE enum lastcall_status
key_sign(const struct key *key, const void *data, size_t len,
         unsigned char signature[KEY_SIGNATURE_LEN]);

/*
 * Check a signature.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SIGNATURE, LASTCALL_E_NOMEM.
 * Source: no digest and no streaming with Ed25519: EVP_SIGNATURE-ED25519(7).
 */
LASTCALL_MUST_USE enum lastcall_status
key_verify(const struct key *key, const void *data, size_t len,
           const unsigned char signature[KEY_SIGNATURE_LEN]);

#endif
