/*
 * The writing half of protocol/token.h.
 */
#include <string.h>

#include "protocol/token.h"
#include "protocol/token_header.h"

/* Append ".", then bytes in base64url. */
static enum lastcall_status append_part(struct bytes *token, const void *data,
                                        size_t len)
{
    enum lastcall_status status = bytes_append_text(token, ".");

    if (status == LASTCALL_OK)
        status = bytes_append_base64url(token, data, len);
    return status;
}

enum lastcall_status token_sign(enum token_type type, const struct key *signer,
                                const char *grant, const json_t *claims,
                                struct bytes *out)
{
    enum lastcall_status status;
    unsigned char signature[KEY_SIGNATURE_LEN];
    struct bytes part;

    bytes_init(out, token_type_bytes_max(type));
    bytes_init(&part, TOKEN_HEADER_BYTES_MAX);
    status = token_header_write(type, signer, grant, &part);
    if (status != LASTCALL_OK)
        goto out;
    status = bytes_append_base64url(out, part.data, part.len);
    if (status != LASTCALL_OK)
        goto out;

    bytes_deinit(&part);
    bytes_init(&part, out->max);
    status = json_write(claims, &part);
    if (status != LASTCALL_OK)
        goto out;
    status = append_part(out, part.data, part.len);
    if (status != LASTCALL_OK)
        goto out;

    status = key_sign(signer, out->data, out->len, signature);
    if (status != LASTCALL_OK)
        goto out;
    status = append_part(out, signature, sizeof(signature));
out:
    bytes_deinit(&part);
    if (status != LASTCALL_OK)
        bytes_deinit(out);
    return status;
}

json_t *token_claims_new(const char *iss, int64_t iat_s, const char *jti)
{
    json_t *claims = json_object();

    if (json_put(claims, "iss", json_string(iss)) != LASTCALL_OK ||
        json_put(claims, "iat", json_integer(iat_s)) != LASTCALL_OK ||
        (jti != NULL &&
         json_put(claims, "jti", json_string(jti)) != LASTCALL_OK)) {
        json_decref(claims);
        return NULL;
    }
    return claims;
}
