/*
 * The words of the where language: one token at a time, and the sentence
 * that says where an expression goes wrong.
 */
#ifndef LASTCALL_PROTOCOL_FILTER_LEX_H
#define LASTCALL_PROTOCOL_FILTER_LEX_H

#include <stddef.h>

#include "protocol/filter.h"
#include "protocol/filter_node.h"

/* Longer numbers would lose digits on their way through a double. */
#define FILTER_NUMBER_DIGITS_MAX 15

enum lexeme_kind {
    LEXEME_END,
    LEXEME_WORD, /* a field or a keyword */
    LEXEME_TEXT,
    LEXEME_NUMBER,
    LEXEME_OPERATOR,
    LEXEME_PUNCTUATION, /* one of ( ) [ ] and the comma */
};

struct lexeme {
    enum lexeme_kind kind;
    const char *start; /* borrowed from the expression */
    size_t len;
    enum filter_operator op;    /* of LEXEME_OPERATOR */
    struct session_value value; /* of LEXEME_TEXT, from the arena; NUMBER */
};

struct filter_lexer {
    const char *text; /* borrowed */
    const char *at;
    struct lexeme current;
    char arena[FILTER_TEXT_MAX + 1]; /* decoded texts, NUL behind each */
    size_t arena_used;
    struct filter_error *error; /* borrowed; may be NULL */
};

/*
 * Read the next token into lexer->current.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (error says why).
 */
LASTCALL_MUST_USE enum lastcall_status filter_lex(struct filter_lexer *lexer);

/* Say what is wrong at a place of the expression; returns `status`. */
LASTCALL_MUST_USE enum lastcall_status
filter_complain(const struct filter_lexer *lexer, enum lastcall_status status,
                const char *at, const char *format, ...) LASTCALL_PRINTF(4, 5);

/* Say whether the current token is this keyword, operator or mark. */
bool filter_lexer_is(const struct filter_lexer *lexer, const char *spelling);

#endif
