#include "protocol/key.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#define JWK_TYPE "OKP"
#define JWK_CURVE "Ed25519"
/* More than the 43 characters of 32 bytes; bounds the copy. */
#define JWK_X_LEN_MAX ((size_t)64)
#define SIGN_BIT 0x80u

/*
 * The points whose order divides 8, by their y coordinate; each stands for
 * itself and for the point with the other sign of x.  For such a public key
 * anyone can make signatures that verify, so it is no key at all.  These are
 * all y of the curve of RFC 8032, section 5.1, that satisfy 8P = 0; the
 * forms with y >= p are refused by is_canonical() (section 5.1.3, step 1).
 */
static const unsigned char small_orders[][KEY_RAW_LEN] = {
    /* order 4: y = 0 */
    {0},
    /* order 1: y = 1 */
    {1},
    /* order 8 */
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    /* order 8: the negative of that y */
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    /* order 2: y = p - 1 */
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* Say whether y < p = 2^255 - 19. */
static bool is_canonical(const unsigned char y[KEY_RAW_LEN])
{
    if (y[KEY_RAW_LEN - 1] != 0x7f || y[0] < 0xed)
        return true;
    for (size_t i = 1; i < KEY_RAW_LEN - 1; i++) {
        if (y[i] != 0xff)
            return true;
    }
    return false;
}

static bool is_safe_point(const unsigned char raw[KEY_RAW_LEN])
{
    unsigned char y[KEY_RAW_LEN];

    memcpy(y, raw, sizeof(y));
    y[KEY_RAW_LEN - 1] &= (unsigned char)~SIGN_BIT;
    if (!is_canonical(y))
        return false;
    for (size_t i = 0; i < sizeof(small_orders) / sizeof(small_orders[0]);
         i++) {
        if (memcmp(y, small_orders[i], sizeof(y)) == 0)
            return false;
    }
    return true;
}

bool key_thumbprint_is_valid(const char *text)
{
    unsigned char digest[BYTES_SHA256_LEN];

    return bytes_decode_base64url_exact(text, strlen(text), digest,
                                        sizeof(digest)) == LASTCALL_OK;
}

void key_deinit(struct key *key)
{
    EVP_PKEY_free(key->pkey);
    *key = (struct key){0};
}

void key_fold(struct key *key)
{
    assert(!key->has_private);
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
}

/* RFC 7638: the required members in this order, without white space. */
static enum lastcall_status
make_thumbprint(const unsigned char raw[KEY_RAW_LEN],
                char thumbprint[KEY_THUMBPRINT_SIZE])
{
    struct bytes jwk;
    enum lastcall_status status;

    bytes_init(&jwk, 128);
    status = bytes_append_text(&jwk, "{\"crv\":\"" JWK_CURVE
                                     "\",\"kty\":\"" JWK_TYPE "\",\"x\":\"");
    if (status == LASTCALL_OK)
        status = bytes_append_base64url(&jwk, raw, KEY_RAW_LEN);
    if (status == LASTCALL_OK)
        status = bytes_append_text(&jwk, "\"}");
    if (status == LASTCALL_OK)
        status = bytes_sha256_text(jwk.data, jwk.len, thumbprint);
    bytes_deinit(&jwk);
    return status;
}

enum lastcall_status key_take_pkey(struct evp_pkey_st *pkey, struct key *out)
{
    enum lastcall_status status = LASTCALL_E_KEY;
    struct key key = {.pkey = pkey};
    unsigned char seed[KEY_RAW_LEN];
    size_t len = sizeof(key.public_raw);

    *out = (struct key){0};
    if (pkey == NULL || EVP_PKEY_is_a(pkey, JWK_CURVE) != 1 ||
        EVP_PKEY_get_raw_public_key(pkey, key.public_raw, &len) != 1 ||
        len != sizeof(key.public_raw) || !is_safe_point(key.public_raw))
        goto out;
    len = sizeof(seed);
    key.has_private = EVP_PKEY_get_raw_private_key(pkey, seed, &len) == 1;
    bytes_wipe(seed, sizeof(seed));

    status = make_thumbprint(key.public_raw, key.thumbprint);
    if (status != LASTCALL_OK)
        goto out;
    *out = key;
    key = (struct key){0};
out:
    key_deinit(&key);
    ERR_clear_error(); /* a refusal must not look like a TLS error later */
    return status;
}

enum lastcall_status key_generate(struct key *out)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, JWK_CURVE);

    *out = (struct key){0};
    if (pkey == NULL) {
        ERR_clear_error();
        return LASTCALL_E_INTERNAL;
    }
    return key_take_pkey(pkey, out);
}

enum lastcall_status key_from_public(const unsigned char raw[KEY_RAW_LEN],
                                     struct key *out)
{
    return key_take_pkey(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, KEY_RAW_LEN),
        out);
}

enum lastcall_status key_from_seed(const unsigned char seed[KEY_RAW_LEN],
                                   struct key *out)
{
    return key_take_pkey(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY_RAW_LEN),
        out);
}

static bool is_text(const json_t *jwk, const char *name, const char *wanted)
{
    const char *text;

    return json_get_text(jwk, name, JSON_REQUIRED, strlen(wanted), &text,
                         NULL) == LASTCALL_OK &&
           strcmp(text, wanted) == 0;
}

enum lastcall_status key_from_jwk(const json_t *jwk, struct key *out)
{
    unsigned char raw[KEY_RAW_LEN];
    const char *x;

    *out = (struct key){0};
    if (!is_text(jwk, "kty", JWK_TYPE) || !is_text(jwk, "crv", JWK_CURVE) ||
        json_object_get(jwk, "d") != NULL ||
        json_get_text(jwk, "x", JSON_REQUIRED, JWK_X_LEN_MAX, &x, NULL) !=
            LASTCALL_OK ||
        bytes_decode_base64url_exact(x, strlen(x), raw, sizeof(raw)) !=
            LASTCALL_OK)
        return LASTCALL_E_KEY;
    return key_from_public(raw, out);
}

json_t *key_to_jwk(const struct key *key)
{
    json_t *jwk = json_object();
    struct bytes x;

    bytes_init(&x, JWK_X_LEN_MAX);
    if (bytes_append_base64url(&x, key->public_raw, KEY_RAW_LEN) !=
            LASTCALL_OK ||
        json_put(jwk, "crv", json_string(JWK_CURVE)) != LASTCALL_OK ||
        json_put(jwk, "kty", json_string(JWK_TYPE)) != LASTCALL_OK ||
        json_put(jwk, "x", json_string((char *)x.data)) != LASTCALL_OK) {
        json_decref(jwk);
        jwk = NULL;
    }
    bytes_deinit(&x);
    return jwk;
}

enum lastcall_status key_sign(const struct key *key, const void *data,
                              size_t len,
                              unsigned char signature[KEY_SIGNATURE_LEN])
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    size_t signature_len = KEY_SIGNATURE_LEN;
    EVP_MD_CTX *md;

    assert(key->has_private);
    memset(signature, 0, KEY_SIGNATURE_LEN);
    md = EVP_MD_CTX_new();
    if (md == NULL) {
        status = LASTCALL_E_NOMEM;
        goto out;
    }
    if (EVP_DigestSignInit(md, NULL, NULL, NULL, key->pkey) != 1 ||
        EVP_DigestSign(md, signature, &signature_len, data, len) != 1 ||
        signature_len != KEY_SIGNATURE_LEN)
        goto out;
    status = LASTCALL_OK;
out:
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return status;
}

enum lastcall_status
key_verify(const struct key *key, const void *data, size_t len,
           const unsigned char signature[KEY_SIGNATURE_LEN])
{
    enum lastcall_status status = LASTCALL_E_SIGNATURE;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY *unfolded = NULL;

    if (md != NULL && key->pkey == NULL)
        unfolded = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                               key->public_raw, KEY_RAW_LEN);
    if (md == NULL || (key->pkey == NULL && unfolded == NULL)) {
        status = LASTCALL_E_NOMEM;
        goto out;
    }
    if (EVP_DigestVerifyInit(md, NULL, NULL, NULL,
                             key->pkey != NULL ? key->pkey : unfolded) != 1)
        goto out;
    if (EVP_DigestVerify(md, signature, KEY_SIGNATURE_LEN, data, len) != 1)
        goto out;
    status = LASTCALL_OK;
out:
    EVP_PKEY_free(unfolded);
    EVP_MD_CTX_free(md);
    ERR_clear_error(); /* a refusal must not look like a TLS error later */
    return status;
}
