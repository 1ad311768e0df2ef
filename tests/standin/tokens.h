/*
 * Who a token belongs to.  The caller holds the stand-in's lock.
 */
#ifndef STANDIN_TOKENS_H
#define STANDIN_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum token_class {
    TOKEN_NONE,    /* the request has none */
    TOKEN_UNKNOWN, /* it is not in the table */
    TOKEN_OWNER,
    TOKEN_LOCAL,  /* an owner's; renewed by every restart */
    TOKEN_SHARED, /* valid, but not the owner's */
    TOKEN_REVOKED,
    TOKEN_EXPIRED
};

struct token_row {
    char *token; /* owned */
    enum token_class class;
};

struct tokens {
    struct token_row *rows; /* owned */
    size_t count;
    unsigned rotations;
};

/* Put a token into a class, whether it is known or not. */
void tokens_set(struct tokens *tokens, const char *token,
                enum token_class class);

/* The class of a token; TOKEN_NONE for NULL and "". */
enum token_class tokens_class(const struct tokens *tokens, const char *token);

/* Whether a string contains one of them. */
bool tokens_leak(const struct tokens *tokens, const char *string);

/* Revoke the local tokens and invent a new one, as a restart does. */
void tokens_rotate_local(struct tokens *tokens);

/*
 * Change the table as POST /tokens describes it.
 *
 * Returns NULL, or a complaint (static).
 */
const char *tokens_change(struct tokens *tokens, const json_t *change);

/* The table as JSON; the caller owns it. */
json_t *tokens_describe(const struct tokens *tokens);

/* The name of a class, as in README.md. */
const char *token_class_name(enum token_class class);

/* Free what it holds; afterwards it is empty. */
void tokens_deinit(struct tokens *tokens);

#endif
