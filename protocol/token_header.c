#include "protocol/token_header.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_NAME_LEN_MAX 32

/* What stands in a compact token: its alphabet and the points. */
#define GRANT_CHARACTERS                                                       \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

/* What token_header_write() puts before each value; BEFORE_GRANT comes behind a
 * quote. */
#define BEFORE_TYPE "{\"alg\":\"" TOKEN_ALGORITHM "\",\"typ\":\""
#define BEFORE_KID "\",\"kid\":\""
#define BEFORE_GRANT ",\"grant\":\""

static bool type_parse(const char *text, size_t len, enum token_type *type)
{
    for (unsigned i = 0; i < TOKEN_TYPE_COUNT; i++) {
        const char *name = token_type_name((enum token_type)i);

        if (strlen(name) == len && memcmp(name, text, len) == 0) {
            *type = (enum token_type)i;
            return true;
        }
    }
    return false;
}

/* ---- as we write it ---- */

/* Step over a text that must stand here. */
static bool skip(const char **at, const char *text)
{
    const size_t len = strlen(text);

    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

/* Step over what stands before the next quote, which must be there, and over
 * that; how long it is. */
static bool skip_value(const char **at, size_t *len)
{
    const char *quote = strchr(*at, '"');

    if (quote == NULL)
        return false;
    *len = (size_t)(quote - *at);
    *at = quote + 1;
    return true;
}

/*
 * Read a header that is byte for byte what token_header_write() would have
 * written: most are, and to parse one costs more than to parse the claims,
 * because of the grant in it.  It says the same to every reader of JSON, for
 * it has no escape, nothing twice and nothing besides.
 *
 * Returns LASTCALL_E_SYNTAX for any other header, which says nothing of it,
 *         LASTCALL_E_NOMEM.
 */
static enum lastcall_status read_plain(const struct bytes *text,
                                       struct token *token)
{
    const char *at = (const char *)text->data;
    const char *value = NULL;
    size_t len = 0;
    enum token_type type = TOKEN_TYPE_COUNT;

    if (text->len == 0 || !skip(&at, BEFORE_TYPE))
        return LASTCALL_E_SYNTAX;
    /* Up to its quote, which BEFORE_KID begins with. */
    if (!type_parse(at, strcspn(at, "\""), &type))
        return LASTCALL_E_SYNTAX;
    at += strlen(token_type_name(type));
    if (token_type_is_roots(type) || !skip(&at, BEFORE_KID))
        return LASTCALL_E_SYNTAX;
    value = at;
    if (!skip_value(&at, &len) || len != KEY_THUMBPRINT_SIZE - 1)
        return LASTCALL_E_SYNTAX;
    memcpy(token->kid, value, KEY_THUMBPRINT_SIZE - 1);
    token->kid[KEY_THUMBPRINT_SIZE - 1] = '\0';
    if (!key_thumbprint_is_valid(token->kid) || !skip(&at, BEFORE_GRANT))
        return LASTCALL_E_SYNTAX;
    value = at;
    if (!skip_value(&at, &len) || len > TOKEN_GRANT_BYTES_MAX ||
        strspn(value, GRANT_CHARACTERS) != len ||
        at != (const char *)text->data + text->len - 1 || *at != '}')
        return LASTCALL_E_SYNTAX;
    token->grant = malloc(len + 1);
    if (token->grant == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(token->grant, value, len);
    token->grant[len] = '\0';
    token->type = type;
    return LASTCALL_OK;
}

/* ---- any other ---- */

static enum lastcall_status header_type(const json_t *header,
                                        enum token_type *type)
{
    const char *text = NULL;

    if (json_get_text(header, "typ", JSON_REQUIRED, TYPE_NAME_LEN_MAX, &text,
                      NULL) != LASTCALL_OK)
        return LASTCALL_E_TYPE;
    return type_parse(text, strlen(text), type) ? LASTCALL_OK : LASTCALL_E_TYPE;
}

static enum lastcall_status header_kid(const json_t *header,
                                       char kid[KEY_THUMBPRINT_SIZE])
{
    const char *text = NULL;

    if (json_get_text(header, "kid", JSON_REQUIRED, KEY_THUMBPRINT_SIZE - 1,
                      &text, NULL) != LASTCALL_OK ||
        !key_thumbprint_is_valid(text))
        return LASTCALL_E_SHAPE;
    memcpy(kid, text, KEY_THUMBPRINT_SIZE);
    return LASTCALL_OK;
}

static enum lastcall_status header_grant(const json_t *header,
                                         enum token_type type, char **grant)
{
    const char *text = NULL;
    enum lastcall_status status;

    if ((json_object_get(header, "grant") == NULL) != token_type_is_roots(type))
        return LASTCALL_E_GRANT;
    if (token_type_is_roots(type))
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
        json_get_text(header, "alg", JSON_REQUIRED, strlen(TOKEN_ALGORITHM),
                      &algorithm, NULL) != LASTCALL_OK ||
        strcmp(algorithm, TOKEN_ALGORITHM) != 0)
        return LASTCALL_E_ALGORITHM;
    status = header_type(header, &token->type);
    if (status == LASTCALL_OK)
        status = header_kid(header, token->kid);
    if (status == LASTCALL_OK)
        status = header_grant(header, token->type, &token->grant);
    return status;
}

enum lastcall_status token_header_read(const struct bytes *text,
                                       struct token *token)
{
    enum lastcall_status status = read_plain(text, token);
    json_t *header = NULL;

    if (status != LASTCALL_E_SYNTAX)
        return status;
    status = json_parse_object(text->data, text->len, &header, NULL);
    if (status == LASTCALL_OK)
        status = check_header(header, token);
    json_decref(header);
    return status;
}

/* ---- writing ---- */

/*
 * Write the header.  Every value is one that needs no escape: the grant is
 * checked for that, because it came from a file.
 */
enum lastcall_status token_header_write(enum token_type type,
                                        const struct key *signer,
                                        const char *grant, struct bytes *out)
{
    enum lastcall_status status;

    if ((grant == NULL) != token_type_is_roots(type) ||
        (grant != NULL && grant[strspn(grant, GRANT_CHARACTERS)] != '\0'))
        return LASTCALL_E_INTERNAL;
    status = bytes_append_format(out, BEFORE_TYPE "%s" BEFORE_KID "%s\"",
                                 token_type_name(type), signer->thumbprint);
    if (status == LASTCALL_OK && grant != NULL)
        status = bytes_append_text(out, BEFORE_GRANT);
    if (status == LASTCALL_OK && grant != NULL)
        status = bytes_append_text(out, grant);
    if (status == LASTCALL_OK)
        status = bytes_append_text(out, grant != NULL ? "\"}" : "}");
    return status;
}
