#include "protocol/token.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/moment.h"
#include "protocol/token_header.h"

/* 64 bytes in base64url. */
#define SIGNATURE_TEXT_LEN 86

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

bool token_type_is_roots(enum token_type type)
{
    return (unsigned)type < TOKEN_TYPE_COUNT && types[type].is_roots;
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
    return parts->payload_len == 0 ? LASTCALL_E_ENCODING : LASTCALL_OK;
}

static enum lastcall_status decode_header(const struct parts *parts,
                                          struct token *token)
{
    enum lastcall_status status;
    struct bytes text;

    bytes_init(&text, TOKEN_HEADER_BYTES_MAX);
    status = bytes_decode_base64url(parts->header, parts->header_len, &text);
    if (status == LASTCALL_OK)
        status = token_header_read(&text, token);
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
        json_get_integer(claims, "iat", JSON_REQUIRED, 0, MOMENT_S_MAX,
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

enum lastcall_status token_check_times(const char *what,
                                       const struct token_times *times,
                                       int64_t now_s, struct json_error *detail)
{
    const bool is_over = now_s >= times->exp_s + times->skew_s;
    char told[MOMENT_TEXT_SIZE];
    char now[MOMENT_TEXT_SIZE];

    if (!is_over && now_s >= times->iat_s - times->skew_s)
        return LASTCALL_OK;
    /* Both clocks, for whoever has to find the wrong one. */
    moment_format((is_over ? times->exp_s : times->iat_s) * MOMENT_MS_PER_S,
                  told);
    moment_format(now_s * MOMENT_MS_PER_S, now);
    json_error_say(detail, "%s %s %s, and the clock here says %s", what,
                   is_over ? "expired at" : "was issued at", told, now);
    return is_over ? LASTCALL_EXPIRED : LASTCALL_NOT_YET_VALID;
}
