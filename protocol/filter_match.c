#include "protocol/filter.h"
#include "protocol/filter_node.h"
#include "protocol/name.h"

static bool match_order(enum filter_operator op, enum session_order order)
{
    switch (order) {
    case SESSION_LESS:
        return op == FILTER_LESS || op == FILTER_LESS_OR_EQUAL ||
               op == FILTER_NOT_EQUAL;
    case SESSION_GREATER:
        return op == FILTER_GREATER || op == FILTER_GREATER_OR_EQUAL ||
               op == FILTER_NOT_EQUAL;
    case SESSION_SAME:
        return op == FILTER_EQUAL || op == FILTER_LESS_OR_EQUAL ||
               op == FILTER_GREATER_OR_EQUAL;
    case SESSION_UNORDERED:
        break;
    }
    return op == FILTER_NOT_EQUAL;
}

static bool match_comparison(const struct filter_node *node,
                             const struct session_value *value)
{
    /* A null is neither equal nor unequal to anything but null. */
    if (value->kind == VALUE_NULL || node->value.kind == VALUE_NULL) {
        bool is_same = value->kind == node->value.kind;

        return node->value.kind == VALUE_NULL &&
               is_same == (node->op == FILTER_EQUAL);
    }
    if (node->op == FILTER_GLOB)
        return value->kind == VALUE_TEXT &&
               name_glob(node->value.as.text, value->as.text, GLOB_CASE_IGNORE);
    return match_order(node->op, session_value_order(value, &node->value));
}

static bool match_list(const struct filter *filter,
                       const struct filter_node *node,
                       const struct session_value *value)
{
    size_t i = node->first;

    /* null is in no list, not even in one that names it. */
    if (value->kind == VALUE_NULL)
        return false;
    for (; i != FILTER_NODE_NONE; i = filter->nodes[i].next) {
        if (session_value_order(value, &filter->nodes[i].value) == SESSION_SAME)
            return true;
    }
    return false;
}

/* Recursion is bounded by the parser: two levels for each of its own. */
static bool match_node(const struct filter *filter, size_t index,
                       const struct session *session)
{
    const struct filter_node *node = &filter->nodes[index];
    const struct session_value *value = &session->fields[node->field];
    size_t i = node->first;

    switch (node->op) {
    case FILTER_AND:
        while (i != FILTER_NODE_NONE && match_node(filter, i, session))
            i = filter->nodes[i].next;
        return i == FILTER_NODE_NONE;
    case FILTER_OR:
        while (i != FILTER_NODE_NONE && !match_node(filter, i, session))
            i = filter->nodes[i].next;
        return i != FILTER_NODE_NONE;
    case FILTER_NOT:
        return !match_node(filter, node->first, session);
    case FILTER_TRUTH:
        return session_is(session, node->field);
    case FILTER_IN:
        return match_list(filter, node, value);
    case FILTER_EQUAL:
    case FILTER_NOT_EQUAL:
    case FILTER_LESS:
    case FILTER_LESS_OR_EQUAL:
    case FILTER_GREATER:
    case FILTER_GREATER_OR_EQUAL:
    case FILTER_GLOB:
        return match_comparison(node, value);
    case FILTER_VALUE:
        break;
    }
    return false;
}

bool filter_match(const struct filter *filter, const struct session *session)
{
    if (filter->node_count == 0)
        return true;
    return match_node(filter, filter->root, session);
}
