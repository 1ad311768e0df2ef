#include "protocol/token.h"

#include "protocol/moment.h"

#include <stdlib.h>
#include <string.h>

#define ALGORITHM "EdDSA"
/* 64 bytes in base64url. */
#define SIGNATURE_TEXT_LEN 86
/* A header of TOKEN_HEADER_BYTES_MAX bytes in base64url. */
#define HEADER_TEXT_LEN_MAX ((TOKEN_HEADER_BYTES_MAX * 4u + 2u) / 3u)
#define TYPE_NAME_LEN_MAX 32
#define IAT_MAX (MOMENT_MS_MAX / 1000)
#define GRANT_CHARACTERS                                                       \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

struct type_row {
    const char *name;
    size_t bytes_max;
    bool is_roots; /* signed by the root, so without a grant */
};

static const struct type_row types[TOKEN_TYPE_COUNT] = {
    [TOKEN_GRANT] = {"lastcall-grant+jwt", TOKEN_GRANT_BYTES_MAX, true},
    [TOKEN_REVOCATION] = {"lastcall-revocation+jwt", TOKEN_COMMAND_BYTES_MAX,
                          true},
    [TOKEN_COMMAND] = {"lastcall-command+jwt", TOKEN_COMMAND_BYTES_MAX, false},
    [TOKEN_MAINTENANCE] = {"lastcall-maintenance+jwt", TOKEN_COMMAND_BYTES_MAX,
                           false},
    [TOKEN_RESULT] = {"lastcall-result+jwt", TOKEN_RESULT_BYTES_MAX, false},
    [TOKEN_SESSIONS] = {"lastcall-sessions+jwt", TOKEN_RESULT_BYTES_MAX, false},
    [TOKEN_EVENT] = {"lastcall-event+jwt", TOKEN_COMMAND_BYTES_MAX, false},
    [TOKEN_STATUS] = {"lastcall-status+jwt", TOKEN_COMMAND_BYTES_MAX, false},
};

const char *token_type_name(enum token_type type)
{
    return (unsigned)type < TOKEN_TYPE_COUNT ? types[type].name : "unknown";
}

size_t token_type_bytes_max(enum token_type type)
{
    return (unsigned)type < TOKEN_TYPE_COUNT ? types[type].bytes_max : 0;
}

void token_deinit(struct token *token)
{
    free(token->grant);
    free(token->text);
    bytes_deinit(&token->payload);
    *token = (struct token){0};
}

void verified_deinit(struct verified *verified)
{
    json_decref(verified->claims);
    *verified = (struct verified){0};
}

/* Where the three parts of a compact token lie in it. */
struct parts {
    const char *header;
    size_t header_len;
    const char *payload;
    size_t payload_len;
    const char *signature; /* SIGNATURE_TEXT_LEN characters */
};

/*
 * Find the parts.  A signature has one length, so the second dot is looked
 * for where it must be; a third would be no base64url.
 */
static enum lastcall_status split(const char *text, size_t len,
                                  struct parts *parts)
{
    const char *end, *dot;

    if (len > TOKEN_RESULT_BYTES_MAX)
        return LASTCALL_E_TOO_LARGE;
    if (len < SIGNATURE_TEXT_LEN + 1)
        return LASTCALL_E_ENCODING;
    end = text + len - SIGNATURE_TEXT_LEN - 1;
    dot = memchr(text, '.', (size_t)(end - text));
    if (*end != '.' || dot == NULL)
        return LASTCALL_E_ENCODING;
    *parts = (struct parts){
        .header = text,
        .header_len = (size_t)(dot - text),
        .payload = dot + 1,
        .payload_len = (size_t)(end - dot - 1),
        .signature = end + 1,
    };
    if (parts->header_len > HEADER_TEXT_LEN_MAX)
        return LASTCALL_E_TOO_LARGE;
    return parts->payload_len == 0 ? LASTCALL_E_ENCODING : LASTCALL_OK;
}

static enum lastcall_status header_type(const json_t *header,
                                        enum token_type *type)
{
    const char *text = NULL;

    if (json_get_text(header, "typ", JSON_REQUIRED, TYPE_NAME_LEN_MAX, &text,
                      NULL) != LASTCALL_OK)
        return LASTCALL_E_TYPE;
    for (unsigned i = 0; i < TOKEN_TYPE_COUNT; i++) {
        if (strcmp(types[i].name, text) == 0) {
            *type = (enum token_type)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_TYPE;
}

static enum lastcall_status header_kid(const json_t *header,
                                       char kid[KEY_THUMBPRINT_SIZE])
{
    unsigned char digest[BYTES_SHA256_LEN];
    const char *text = NULL;

    if (json_get_text(header, "kid", JSON_REQUIRED, KEY_THUMBPRINT_SIZE - 1,
                      &text, NULL) != LASTCALL_OK ||
        bytes_decode_base64url_exact(text, strlen(text), digest,
                                     sizeof(digest)) != LASTCALL_OK)
        return LASTCALL_E_SHAPE;
    memcpy(kid, text, KEY_THUMBPRINT_SIZE);
    return LASTCALL_OK;
}

static enum lastcall_status header_grant(const json_t *header,
                                         enum token_type type, char **grant)
{
    const char *text = NULL;
    enum lastcall_status status;

    if ((json_object_get(header, "grant") == NULL) != types[type].is_roots)
        return LASTCALL_E_GRANT;
    if (types[type].is_roots)
        return LASTCALL_OK;
    status = json_get_text(header, "grant", JSON_REQUIRED,
                           TOKEN_GRANT_BYTES_MAX, &text, NULL);
    if (status != LASTCALL_OK)
        return status;
    *grant = bytes_copy_text(text);
    return *grant == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

/* Judge the header's members, into type, kid and grant of the token. */
static enum lastcall_status check_header(const json_t *header,
                                         struct token *token)
{
    const char *algorithm = NULL;
    enum lastcall_status status;

    /* Nothing of "crit" is understood here: RFC 7515, section 4.1.11. */
    if (json_object_get(header, "crit") != NULL ||
        json_get_text(header, "alg", JSON_REQUIRED, strlen(ALGORITHM),
                      &algorithm, NULL) != LASTCALL_OK ||
        strcmp(algorithm, ALGORITHM) != 0)
        return LASTCALL_E_ALGORITHM;
    status = header_type(header, &token->type);
    if (status == LASTCALL_OK)
        status = header_kid(header, token->kid);
    if (status == LASTCALL_OK)
        status = header_grant(header, token->type, &token->grant);
    return status;
}

static enum lastcall_status decode_header(const struct parts *parts,
                                          struct token *token)
{
    enum lastcall_status status;
    struct bytes text;
    json_t *header = NULL;

    bytes_init(&text, TOKEN_HEADER_BYTES_MAX);
    status = bytes_decode_base64url(parts->header, parts->header_len, &text);
    if (status == LASTCALL_OK)
        status = json_parse_object(text.data, text.len, &header, NULL);
    if (status == LASTCALL_OK)
        status = check_header(header, token);
    json_decref(header);
    bytes_deinit(&text);
    return status;
}

/* Keep the token as it came, and its hash. */
static enum lastcall_status keep_text(const char *text, size_t len,
                                      struct token *token)
{
    token->text = malloc(len + 1);
    if (token->text == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(token->text, text, len);
    token->text[len] = '\0';
    token->text_len = len;
    token->signed_len = len - SIGNATURE_TEXT_LEN - 1;
    return bytes_sha256_text(text, len, token->hash);
}

enum lastcall_status token_decode(const void *data, size_t len,
                                  struct token *out)
{
    enum lastcall_status status = LASTCALL_E_ENCODING;
    struct token token = {0};
    struct parts parts;

    *out = (struct token){0};
    status = split(data, len, &parts);
    if (status != LASTCALL_OK)
        goto out;
    status = decode_header(&parts, &token);
    if (status != LASTCALL_OK)
        goto out;
    status = LASTCALL_E_TOO_LARGE;
    if (len > types[token.type].bytes_max)
        goto out;

    /* The cheap checks come before the large copies. */
    status =
        bytes_decode_base64url_exact(parts.signature, SIGNATURE_TEXT_LEN,
                                     token.signature, sizeof(token.signature));
    if (status != LASTCALL_OK)
        goto out;
    bytes_init(&token.payload, types[token.type].bytes_max);
    status = bytes_decode_base64url(parts.payload, parts.payload_len,
                                    &token.payload);
    if (status != LASTCALL_OK)
        goto out;
    status = keep_text(data, len, &token);
    if (status != LASTCALL_OK)
        goto out;
    *out = token;
    token = (struct token){0};
out:
    token_deinit(&token);
    return status;
}

/* Read the registered claims that every token has. */
static enum lastcall_status read_claims(struct verified *verified)
{
    const json_t *claims = verified->claims;
    const char *iss = NULL;
    const char *jti = NULL;

    if (json_get_text(claims, "iss", JSON_REQUIRED, TOKEN_ISSUER_SIZE - 1, &iss,
                      NULL) != LASTCALL_OK ||
        json_get_text(claims, "jti", JSON_REQUIRED, TOKEN_ID_SIZE - 1, &jti,
                      NULL) != LASTCALL_OK ||
        json_get_integer(claims, "iat", JSON_REQUIRED, 0, IAT_MAX,
                         &verified->iat_s, NULL) != LASTCALL_OK)
        return LASTCALL_E_SHAPE;
    memcpy(verified->iss, iss, strlen(iss) + 1);
    memcpy(verified->jti, jti, strlen(jti) + 1);
    return LASTCALL_OK;
}

enum lastcall_status token_verify(const struct token *token,
                                  const struct key *signer,
                                  struct verified *out)
{
    enum lastcall_status status = LASTCALL_E_SIGNATURE;
    struct verified verified = {.type = token->type};

    *out = (struct verified){0};
    if (strcmp(token->kid, signer->thumbprint) != 0) {
        status = LASTCALL_E_KEY;
        goto out;
    }
    status =
        key_verify(signer, token->text, token->signed_len, token->signature);
    if (status != LASTCALL_OK)
        goto out;

    status = json_parse_object(token->payload.data, token->payload.len,
                               &verified.claims, NULL);
    if (status != LASTCALL_OK)
        goto out;
    status = read_claims(&verified);
    if (status != LASTCALL_OK)
        goto out;
    memcpy(verified.kid, token->kid, sizeof(verified.kid));
    memcpy(verified.hash, token->hash, sizeof(verified.hash));
    *out = verified;
    verified = (struct verified){0};
out:
    verified_deinit(&verified);
    return status;
}

/*
 * Write the header.  Every value is one that needs no escape: the grant is
 * checked for that, because it came from a file.
 */
static enum lastcall_status write_header(enum token_type type,
                                         const struct key *signer,
                                         const char *grant, struct bytes *out)
{
    enum lastcall_status status;

    if ((grant == NULL) != types[type].is_roots ||
        (grant != NULL && grant[strspn(grant, GRANT_CHARACTERS)] != '\0'))
        return LASTCALL_E_INTERNAL;
    status = bytes_append_format(
        out, "{\"alg\":\"" ALGORITHM "\",\"typ\":\"%s\",\"kid\":\"%s\"",
        types[type].name, signer->thumbprint);
    if (status == LASTCALL_OK && grant != NULL)
        status = bytes_append_text(out, ",\"grant\":\"");
    if (status == LASTCALL_OK && grant != NULL)
        status = bytes_append_text(out, grant);
    if (status == LASTCALL_OK)
        status = bytes_append_text(out, grant != NULL ? "\"}" : "}");
    return status;
}

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
    status = write_header(type, signer, grant, &part);
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
