/*
 * The where language: expressions over session fields (PROTOCOL.md,
 * statements 5.12 to 5.15).
 *
 *     expr  = or ;  or = and { "or" and } ;  and = unary { "and" unary }
 *     unary = "not" unary | "(" expr ")" | comparison | field
 *     comparison = field op value | field "in" "[" value { "," value } "]"
 *     op    = "==" "!=" "<" "<=" ">" ">=" "~"
 *     value = 'text' "text" number[s|m|h|d] true false null
 *
 * "~" is a glob that ignores the case of ASCII letters.  A comparison with
 * null is false, except "== null" and "!= null".  An unknown field, a bare
 * field that is no boolean and a comparison of different kinds are errors of
 * the expression, found when it is parsed.  In a text a backslash takes the
 * next character as it is.
 */
#ifndef LASTCALL_PROTOCOL_FILTER_H
#define LASTCALL_PROTOCOL_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/session.h"
#include "protocol/status.h"

#define FILTER_TEXT_MAX 4096
#define FILTER_NODE_MAX 64
#define FILTER_DEPTH_MAX 16

#define FILTER_ERROR_SIZE 160

struct filter_error {
    size_t position; /* bytes from the beginning of the expression */
    char text[FILTER_ERROR_SIZE];
};

struct filter_node;

/* A parsed expression.  {0} matches every session. */
struct filter {
    struct filter_node *nodes; /* owned */
    size_t node_count;
    size_t root;
    char *text; /* owned; the expression as given */
};

/* Free what it owns; it then matches every session. */
void filter_deinit(struct filter *filter);

/*
 * Parse an expression.
 *
 *   text   NUL-terminated; hostile input is fine
 *   out    filled on LASTCALL_OK, empty on error
 *   error  may be NULL; says what is wrong and where
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_TOO_LARGE (over one of
 *         the three limits above), LASTCALL_E_ENCODING, LASTCALL_E_NOMEM.
 * Owner:  the caller calls filter_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
filter_parse(const char *text, struct filter *out, struct filter_error *error);

/*
 * Say whether a session matches.  Time: each node once; a glob takes at worst
 * the product of the lengths of its pattern and the text.
 */
bool filter_match(const struct filter *filter, const struct session *session);

#endif
