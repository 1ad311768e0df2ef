#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/filter.h"
#include "protocol/filter_lex.h"
#include "protocol/filter_node.h"

struct parser {
    struct filter_lexer lexer;
    struct filter_node nodes[FILTER_NODE_MAX];
    size_t node_count;
    size_t depth; /* of "(" and "not" around the present place */
};

static enum lastcall_status parse_joined(struct parser *parser,
                                         enum filter_operator op, size_t *out);

static enum lastcall_status expected(const struct parser *parser,
                                     const char *what)
{
    const struct lexeme *current = &parser->lexer.current;

    if (current->kind == LEXEME_END)
        return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX,
                               current->start, "expected %s, but here it ends",
                               what);
    return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX, current->start,
                           "expected %s", what);
}

static enum lastcall_status add_node(struct parser *parser,
                                     enum filter_operator op, size_t *out)
{
    if (parser->node_count == FILTER_NODE_MAX)
        return filter_complain(
            &parser->lexer, LASTCALL_E_TOO_LARGE, parser->lexer.current.start,
            "more than %d conditions and values", FILTER_NODE_MAX);
    *out = parser->node_count++;
    parser->nodes[*out] = (struct filter_node){
        .op = op, .first = FILTER_NODE_NONE, .next = FILTER_NODE_NONE};
    return LASTCALL_OK;
}

static bool is_keyword(const struct filter_lexer *lexer)
{
    static const char *const keywords[] = {"and",  "or",    "not", "in",
                                           "true", "false", "null"};

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (filter_lexer_is(lexer, keywords[i]))
            return true;
    }
    return false;
}

static enum lastcall_status parse_field(struct parser *parser,
                                        enum session_field *out)
{
    const struct lexeme *current = &parser->lexer.current;
    char name[SESSION_FIELD_NAME_LEN_MAX + 1] = "";
    int shown = (int)(current->len < SESSION_FIELD_NAME_LEN_MAX
                          ? current->len
                          : SESSION_FIELD_NAME_LEN_MAX);
    const char *suggestion = NULL;

    if (current->kind != LEXEME_WORD || is_keyword(&parser->lexer))
        return expected(parser, "a field, 'not' or '('");
    if (current->len <= SESSION_FIELD_NAME_LEN_MAX) {
        memcpy(name, current->start, current->len);
        if (session_field_parse(name, out) == LASTCALL_OK)
            return filter_lex(&parser->lexer);
    }
    suggestion = session_field_suggest(current->start, current->len);
    if (suggestion == NULL)
        return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX,
                               current->start, "there is no field '%.*s'",
                               shown, current->start);
    return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX, current->start,
                           "there is no field '%.*s'; is '%s' meant?", shown,
                           current->start, suggestion);
}

/* Take the present token as a value. */
static bool read_value(const struct filter_lexer *lexer,
                       struct session_value *out)
{
    *out = lexer->current.value;
    if (lexer->current.kind == LEXEME_TEXT ||
        lexer->current.kind == LEXEME_NUMBER)
        return true;
    if (filter_lexer_is(lexer, "null"))
        return true;
    *out = (struct session_value){.kind = VALUE_BOOL};
    out->as.boolean = filter_lexer_is(lexer, "true");
    return out->as.boolean || filter_lexer_is(lexer, "false");
}

/* What a field is compared with, for the sentence that says so. */
static const char *kind_text(enum value_kind kind)
{
    switch (kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        return "true or false";
    case VALUE_INTEGER:
    case VALUE_REAL:
        return "a number";
    case VALUE_TEXT:
        return "a text in quotes";
    }
    return "null";
}

static bool is_number(enum value_kind kind)
{
    return kind == VALUE_INTEGER || kind == VALUE_REAL;
}

/* The value of a comparison; null is for the caller to judge. */
static enum lastcall_status parse_value(struct parser *parser,
                                        struct filter_node *node)
{
    const struct session_field_info *info = session_field_info(node->field);
    const struct lexeme *current = &parser->lexer.current;
    bool fits = false;

    if (!read_value(&parser->lexer, &node->value))
        return expected(parser, kind_text(info->kind));
    fits = node->value.kind == VALUE_NULL || node->value.kind == info->kind ||
           (is_number(node->value.kind) && is_number(info->kind));
    if (!fits)
        return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX,
                               current->start, "%s is compared with %s",
                               info->name, kind_text(info->kind));
    return filter_lex(&parser->lexer);
}

/* Whether an operator makes sense for a kind of field. */
static bool operator_fits(enum filter_operator op, enum value_kind kind)
{
    if (op == FILTER_EQUAL || op == FILTER_NOT_EQUAL)
        return true;
    if (op == FILTER_GLOB)
        return kind == VALUE_TEXT;
    return kind != VALUE_BOOL;
}

static enum lastcall_status parse_comparison(struct parser *parser,
                                             struct filter_node *node)
{
    enum lastcall_status status = LASTCALL_E_SYNTAX;
    const struct lexeme mark = parser->lexer.current;
    const struct session_field_info *info = session_field_info(node->field);

    node->op = mark.op;
    if (!operator_fits(node->op, info->kind))
        return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX, mark.start,
                               "'%.*s' cannot compare %s", (int)mark.len,
                               mark.start, info->name);
    status = filter_lex(&parser->lexer);
    if (status != LASTCALL_OK)
        return status;
    status = parse_value(parser, node);
    if (status != LASTCALL_OK)
        return status;
    if (node->value.kind == VALUE_NULL && node->op != FILTER_EQUAL &&
        node->op != FILTER_NOT_EQUAL)
        return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX, mark.start,
                               "null is compared with '==' and '!=' only");
    return LASTCALL_OK;
}

static enum lastcall_status parse_list(struct parser *parser,
                                       struct filter_node *node)
{
    enum lastcall_status status = filter_lex(&parser->lexer);
    size_t *link = &node->first;

    node->op = FILTER_IN;
    if (status != LASTCALL_OK)
        return status;
    if (!filter_lexer_is(&parser->lexer, "["))
        return expected(parser, "'['");
    do {
        size_t item = FILTER_NODE_NONE;

        status = filter_lex(&parser->lexer);
        if (status == LASTCALL_OK)
            status = add_node(parser, FILTER_VALUE, &item);
        if (status != LASTCALL_OK)
            return status;
        *link = item;
        link = &parser->nodes[item].next;
        parser->nodes[item].field = node->field;
        status = parse_value(parser, &parser->nodes[item]);
        if (status != LASTCALL_OK)
            return status;
    } while (filter_lexer_is(&parser->lexer, ","));
    if (!filter_lexer_is(&parser->lexer, "]"))
        return expected(parser, "',' or ']'");
    return filter_lex(&parser->lexer);
}

/* A field, and what is asked of it. */
static enum lastcall_status parse_term(struct parser *parser, size_t *out)
{
    enum lastcall_status status = add_node(parser, FILTER_TRUTH, out);
    struct filter_node *node = NULL;
    const char *start = parser->lexer.current.start;

    if (status != LASTCALL_OK)
        return status;
    node = &parser->nodes[*out];
    status = parse_field(parser, &node->field);
    if (status != LASTCALL_OK)
        return status;
    if (filter_lexer_is(&parser->lexer, "in"))
        return parse_list(parser, node);
    if (parser->lexer.current.kind == LEXEME_OPERATOR)
        return parse_comparison(parser, node);
    if (session_field_info(node->field)->kind == VALUE_BOOL)
        return LASTCALL_OK;
    return filter_complain(&parser->lexer, LASTCALL_E_SYNTAX, start,
                           "%s is no boolean: expected an operator or 'in' "
                           "behind it",
                           session_field_info(node->field)->name);
}

static enum lastcall_status enter(struct parser *parser)
{
    if (parser->depth == FILTER_DEPTH_MAX)
        return filter_complain(&parser->lexer, LASTCALL_E_TOO_LARGE,
                               parser->lexer.current.start,
                               "nested more than %d deep", FILTER_DEPTH_MAX);
    parser->depth++;
    return filter_lex(&parser->lexer);
}

static enum lastcall_status parse_unary(struct parser *parser, size_t *out)
{
    bool is_not = filter_lexer_is(&parser->lexer, "not");
    enum lastcall_status status = LASTCALL_E_SYNTAX;

    if (!is_not && !filter_lexer_is(&parser->lexer, "("))
        return parse_term(parser, out);
    status = enter(parser);
    if (status != LASTCALL_OK)
        return status;
    if (is_not) {
        status = add_node(parser, FILTER_NOT, out);
        if (status == LASTCALL_OK)
            status = parse_unary(parser, &parser->nodes[*out].first);
    } else {
        status = parse_joined(parser, FILTER_OR, out);
        if (status == LASTCALL_OK)
            status = filter_lexer_is(&parser->lexer, ")")
                         ? filter_lex(&parser->lexer)
                         : expected(parser, "'and', 'or' or ')'");
    }
    parser->depth--;
    return status;
}

/* Terms joined by one word; "and" binds more tightly than "or". */
static enum lastcall_status parse_joined(struct parser *parser,
                                         enum filter_operator op, size_t *out)
{
    const char *word = op == FILTER_AND ? "and" : "or";
    size_t first = FILTER_NODE_NONE;
    size_t *link = &first;
    enum lastcall_status status = LASTCALL_OK;

    *out = FILTER_NODE_NONE;
    for (;;) {
        size_t term = FILTER_NODE_NONE;

        status = op == FILTER_AND ? parse_unary(parser, &term)
                                  : parse_joined(parser, FILTER_AND, &term);
        if (status != LASTCALL_OK)
            return status;
        *link = term;
        link = &parser->nodes[term].next;
        if (!filter_lexer_is(&parser->lexer, word))
            break;
        if (*out == FILTER_NODE_NONE)
            status = add_node(parser, op, out);
        if (status == LASTCALL_OK)
            status = filter_lex(&parser->lexer);
        if (status != LASTCALL_OK)
            return status;
    }
    if (*out == FILTER_NODE_NONE)
        *out = first;
    else
        parser->nodes[*out].first = first;
    return LASTCALL_OK;
}

/* Copy what was parsed into one block: the nodes, and their texts behind. */
static enum lastcall_status keep(struct parser *parser, const char *text,
                                 struct filter *out)
{
    size_t nodes_size = parser->node_count * sizeof(*out->nodes);
    char *block = malloc(nodes_size + parser->lexer.arena_used + 1);
    char *copy = bytes_copy_text(text);

    if (block == NULL || copy == NULL) {
        free(block);
        free(copy);
        return LASTCALL_E_NOMEM;
    }
    memcpy(block, parser->nodes, nodes_size);
    memcpy(block + nodes_size, parser->lexer.arena, parser->lexer.arena_used);
    out->nodes = (struct filter_node *)(void *)block;
    out->node_count = parser->node_count;
    out->text = copy;
    for (size_t i = 0; i < out->node_count; i++) {
        struct session_value *value = &out->nodes[i].value;

        if (value->kind == VALUE_TEXT)
            value->as.text =
                block + nodes_size + (value->as.text - parser->lexer.arena);
    }
    return LASTCALL_OK;
}

static enum lastcall_status parse(struct parser *parser, size_t *root)
{
    enum lastcall_status status = filter_lex(&parser->lexer);

    if (status == LASTCALL_OK)
        status = parse_joined(parser, FILTER_OR, root);
    if (status == LASTCALL_OK && parser->lexer.current.kind != LEXEME_END)
        status = expected(parser, "'and', 'or' or the end");
    return status;
}

enum lastcall_status filter_parse(const char *text, struct filter *out,
                                  struct filter_error *error)
{
    enum lastcall_status status = LASTCALL_E_SYNTAX;
    struct parser parser = {.node_count = 0};
    size_t len = strlen(text);
    size_t root = FILTER_NODE_NONE;

    *out = (struct filter){0};
    if (error != NULL)
        *error = (struct filter_error){0};
    parser.lexer.text = text;
    parser.lexer.at = text;
    parser.lexer.error = error;
    if (len > FILTER_TEXT_MAX)
        return filter_complain(&parser.lexer, LASTCALL_E_TOO_LARGE, text,
                               "longer than %d bytes", FILTER_TEXT_MAX);
    if (!bytes_is_utf8(text, len))
        return filter_complain(&parser.lexer, LASTCALL_E_ENCODING, text,
                               "not UTF-8");

    status = parse(&parser, &root);
    if (status == LASTCALL_OK)
        status = keep(&parser, text, out);
    if (status == LASTCALL_OK)
        out->root = root;
    return status;
}

void filter_deinit(struct filter *filter)
{
    free(filter->nodes);
    free(filter->text);
    *filter = (struct filter){0};
}
