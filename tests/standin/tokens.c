#include "tests/standin/tokens.h"

#include "tests/standin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVENTED_TOKEN_MAX = 48 };

const char *token_class_name(enum token_class class)
{
    switch (class) {
    case TOKEN_NONE:
        return "none";
    case TOKEN_UNKNOWN:
        return "unknown";
    case TOKEN_OWNER:
        return "owner";
    case TOKEN_LOCAL:
        return "local";
    case TOKEN_SHARED:
        return "shared";
    case TOKEN_REVOKED:
        return "revoked";
    case TOKEN_EXPIRED:
        return "expired";
    }
    return "unknown";
}

static enum token_class class_of_name(const char *name)
{
    for (int class = TOKEN_OWNER; class <= TOKEN_EXPIRED; class ++) {
        if (strcmp(token_class_name((enum token_class) class), name) == 0)
            return (enum token_class) class;
    }
    return TOKEN_NONE;
}

void tokens_set(struct tokens *tokens, const char *token,
                enum token_class class)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->rows[i].token, token) == 0) {
            tokens->rows[i].class = class;
            return;
        }
    }
    tokens->rows = must_realloc(tokens->rows,
                                (tokens->count + 1) * sizeof(struct token_row));
    tokens->rows[tokens->count].token = must_strdup(token);
    tokens->rows[tokens->count++].class = class;
}

enum token_class tokens_class(const struct tokens *tokens, const char *token)
{
    if (token == NULL || *token == '\0')
        return TOKEN_NONE;
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->rows[i].token, token) == 0)
            return tokens->rows[i].class;
    }
    return TOKEN_UNKNOWN;
}

bool tokens_leak(const struct tokens *tokens, const char *string)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strstr(string, tokens->rows[i].token) != NULL)
            return true;
    }
    return false;
}

void tokens_rotate_local(struct tokens *tokens)
{
    char token[INVENTED_TOKEN_MAX];
    size_t count = tokens->count;
    bool had = false;

    for (size_t i = 0; i < count; i++) {
        if (tokens->rows[i].class != TOKEN_LOCAL)
            continue;
        tokens->rows[i].class = TOKEN_REVOKED;
        had = true;
    }
    if (!had)
        return;
    (void)snprintf(token, sizeof(token), "local-invented-%u",
                   ++tokens->rotations);
    tokens_set(tokens, token, TOKEN_LOCAL);
}

static const char *rotate(struct tokens *tokens, const char *from,
                          const char *to)
{
    enum token_class class = tokens_class(tokens, from);

    if (to == NULL || *to == '\0')
        return "rotate needs to";
    if (class == TOKEN_NONE || class == TOKEN_UNKNOWN)
        return "rotate: no such token";
    tokens_set(tokens, from, TOKEN_REVOKED);
    tokens_set(tokens, to, class);
    return NULL;
}

const char *tokens_change(struct tokens *tokens, const json_t *change)
{
    const char *token = json_string_value(json_object_get(change, "token"));
    const char *class = json_string_value(json_object_get(change, "class"));
    const char *from = json_string_value(json_object_get(change, "rotate"));
    enum token_class as;

    if (json_is_true(json_object_get(change, "replace")))
        tokens_deinit(tokens);
    if (from != NULL)
        return rotate(tokens, from,
                      json_string_value(json_object_get(change, "to")));
    if (token == NULL || *token == '\0' || class == NULL)
        return "needs token and class, or rotate and to";
    as = class_of_name(class);
    if (as == TOKEN_NONE)
        return "class is owner, local, shared, revoked or expired";
    tokens_set(tokens, token, as);
    return NULL;
}

json_t *tokens_describe(const struct tokens *tokens)
{
    json_t *all = json_array();

    for (size_t i = 0; i < tokens->count; i++)
        json_array_append_new(
            all, json_pack("{ssss}", "token", tokens->rows[i].token, "class",
                           token_class_name(tokens->rows[i].class)));
    return all;
}

void tokens_deinit(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++)
        free(tokens->rows[i].token);
    free(tokens->rows);
    *tokens = (struct tokens){.rotations = tokens->rotations};
}
