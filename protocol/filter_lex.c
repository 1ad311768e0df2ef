#include "protocol/filter_lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum lastcall_status filter_complain(const struct filter_lexer *lexer,
                                     enum lastcall_status status,
                                     const char *at, const char *format, ...)
{
    va_list arguments;

    if (lexer->error == NULL)
        return status;
    lexer->error->position = (size_t)(at - lexer->text);
    va_start(arguments, format);
    (void)vsnprintf(lexer->error->text, sizeof(lexer->error->text), format,
                    arguments);
    va_end(arguments);
    return status;
}

bool filter_lexer_is(const struct filter_lexer *lexer, const char *spelling)
{
    const struct lexeme *current = &lexer->current;

    /* A quoted "and" is a text, not the word. */
    return current->kind != LEXEME_TEXT && current->len == strlen(spelling) &&
           memcmp(current->start, spelling, current->len) == 0;
}

/* The C locale's classes, whatever locale the program runs in. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           c == '_';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum lastcall_status lex_text(struct filter_lexer *lexer)
{
    const char *start = lexer->at;
    const char *from = start + 1;
    char *begin = lexer->arena + lexer->arena_used;
    char *to = begin;

    for (; *from != *start; from++) {
        if (*from == '\\')
            from++;
        if (*from == '\0')
            return filter_complain(lexer, LASTCALL_E_SYNTAX, start,
                                   "this text has no closing quote");
        *to++ = *from;
    }
    *to++ = '\0';
    /* Two quotes make room for one NUL, so the arena holds them all. */
    lexer->arena_used += (size_t)(to - begin);
    lexer->at = from + 1;
    lexer->current.kind = LEXEME_TEXT;
    lexer->current.value.kind = VALUE_TEXT;
    lexer->current.value.as.text = begin;
    return LASTCALL_OK;
}

/* The seconds in a unit, or 0 for a character that is none. */
static int64_t unit_seconds(char c)
{
    switch (c) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return INT64_C(60) * 60;
    case 'd':
        return INT64_C(24) * 60 * 60;
    default:
        return 0;
    }
}

/* Digits, a point perhaps, and digits: as a whole number and the power of
 * ten that divides it.  strtod() would follow the program's locale. */
static size_t lex_digits(const char *at, int64_t *digits, int64_t *divisor)
{
    size_t len = 0;
    size_t count = 0;

    *digits = 0;
    *divisor = 0;
    for (;; len++) {
        if (at[len] == '.' && *divisor == 0 && is_digit(at[len + 1])) {
            *divisor = 1;
            continue;
        }
        if (!is_digit(at[len]))
            break;
        if (++count > FILTER_NUMBER_DIGITS_MAX)
            return 0;
        *digits = *digits * 10 + (at[len] - '0');
        *divisor *= 10;
    }
    return len;
}

static enum lastcall_status lex_number(struct filter_lexer *lexer)
{
    const char *start = lexer->at;
    bool is_negative = *start == '-';
    int64_t digits = 0;
    int64_t divisor = 0;
    int64_t unit = 0;
    size_t len = 0;
    struct session_value *value = &lexer->current.value;

    lexer->at += is_negative;
    if (!is_digit(*lexer->at))
        return filter_complain(lexer, LASTCALL_E_SYNTAX, start,
                               "expected a digit after '-'");
    len = lex_digits(lexer->at, &digits, &divisor);
    if (len == 0)
        return filter_complain(lexer, LASTCALL_E_SYNTAX, start,
                               "a number has at most %d digits",
                               FILTER_NUMBER_DIGITS_MAX);
    lexer->at += len;
    unit = unit_seconds(*lexer->at);
    lexer->at += unit != 0;
    if (is_word(*lexer->at))
        return filter_complain(lexer, LASTCALL_E_SYNTAX, start,
                               "expected a number with at most one unit of "
                               "s, m, h, d");
    if (is_negative)
        digits = -digits;
    if (unit == 0)
        unit = 1;
    lexer->current.kind = LEXEME_NUMBER;
    if (divisor != 0) {
        value->kind = VALUE_REAL;
        value->as.real = (double)digits * (double)unit / (double)divisor;
    } else if (digits > INT64_MAX / unit || digits < INT64_MIN / unit) {
        value->kind = VALUE_REAL;
        value->as.real = (double)digits * (double)unit;
    } else {
        value->kind = VALUE_INTEGER;
        value->as.integer = digits * unit;
    }
    return LASTCALL_OK;
}

static void lex_word(struct filter_lexer *lexer)
{
    lexer->current.kind = LEXEME_WORD;
    while (is_word(*lexer->at))
        lexer->at++;
}

static const struct {
    const char *spelling; /* the longer one first */
    enum filter_operator op;
} operators[] = {
    {"==", FILTER_EQUAL},         {"!=", FILTER_NOT_EQUAL},
    {"<=", FILTER_LESS_OR_EQUAL}, {">=", FILTER_GREATER_OR_EQUAL},
    {"<", FILTER_LESS},           {">", FILTER_GREATER},
    {"~", FILTER_GLOB},
};

static enum lastcall_status lex_mark(struct filter_lexer *lexer)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i].spelling);

        if (strncmp(lexer->at, operators[i].spelling, len) == 0) {
            lexer->current.kind = LEXEME_OPERATOR;
            lexer->current.op = operators[i].op;
            lexer->at += len;
            return LASTCALL_OK;
        }
    }
    if (strchr("()[],", *lexer->at) != NULL) {
        lexer->current.kind = LEXEME_PUNCTUATION;
        lexer->at++;
        return LASTCALL_OK;
    }
    if (*lexer->at == '=')
        return filter_complain(lexer, LASTCALL_E_SYNTAX, lexer->at,
                               "'=' is no operator; equality is '=='");
    return filter_complain(lexer, LASTCALL_E_SYNTAX, lexer->at,
                           "unexpected character");
}

enum lastcall_status filter_lex(struct filter_lexer *lexer)
{
    enum lastcall_status status = LASTCALL_OK;

    while (is_space(*lexer->at))
        lexer->at++;
    lexer->current = (struct lexeme){.start = lexer->at};
    if (*lexer->at == '\0')
        return LASTCALL_OK;
    if (*lexer->at == '"' || *lexer->at == '\'')
        status = lex_text(lexer);
    else if (is_digit(*lexer->at) || *lexer->at == '-')
        status = lex_number(lexer);
    else if (is_word(*lexer->at))
        lex_word(lexer);
    else
        status = lex_mark(lexer);
    lexer->current.len = (size_t)(lexer->at - lexer->current.start);
    return status;
}
