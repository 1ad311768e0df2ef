/*
 * The parsed form of a where expression, shared by filter_parse.c, which
 * makes it, and filter_match.c, which reads it.
 *
 * A tree in one array.  The terms that stand below an "and", "or" or "not",
 * and the values of an "in" list, are a chain: the first is named by the
 * node above, each other by its predecessor's `next`.  A run of terms joined
 * by one word is one node above them, so the 64 nodes go a long way.
 */
#ifndef LASTCALL_PROTOCOL_FILTER_NODE_H
#define LASTCALL_PROTOCOL_FILTER_NODE_H

#include <stddef.h>

#include "protocol/filter.h"

/* The end of a chain; no node has this index. */
#define FILTER_NODE_NONE FILTER_NODE_MAX

enum filter_operator {
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_TRUTH, /* a bare boolean field */
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_LESS,
    FILTER_LESS_OR_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_OR_EQUAL,
    FILTER_GLOB,
    FILTER_IN,
    FILTER_VALUE, /* one value of an "in" list */
};

struct filter_node {
    enum filter_operator op;
    enum session_field field;   /* of a comparison or a bare field */
    struct session_value value; /* its text is borrowed from behind the nodes */
    size_t first;               /* of the chain below, or FILTER_NODE_NONE */
    size_t next;                /* in the chain this is in */
};

#endif
