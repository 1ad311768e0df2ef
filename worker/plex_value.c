#include "worker/plex_value.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reals up to this are exact, so that they can stand for an integer. */
#define REAL_EXACT_MAX 9007199254740992.0 /* 2^53 */

const char *plex_text(const json_t *object, const char *name,
                      struct plex_text *scratch)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    int64_t number = 0;

    if (text != NULL)
        return text[0] != '\0' && strlen(text) == json_string_length(value)
                   ? text
                   : NULL;
    if (json_is_boolean(value))
        return json_is_true(value) ? "1" : "0";
    if (!plex_integer(object, name, &number))
        return NULL;
    snprintf(scratch->digits, sizeof(scratch->digits), "%" PRId64, number);
    return scratch->digits;
}

/* A decimal number and nothing else: no blanks, no hexadecimal, no "inf". */
static bool parse_real(const char *text, double *out)
{
    char *end = NULL;
    double real = 0;

    if (text[0] == '\0' || text[strspn(text, "+-0123456789.eE")] != '\0')
        return false;
    errno = 0;
    real = strtod(text, &end);
    if (*end != '\0' || end == text || errno != 0 || !(fabs(real) <= DBL_MAX))
        return false;
    *out = real;
    return true;
}

bool plex_real(const json_t *object, const char *name, double *out)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_string(value))
        return parse_real(json_string_value(value), out);
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return fabs(*out) <= DBL_MAX;
}

bool plex_integer(const json_t *object, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    double real = 0;

    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (text != NULL && text[0] != '\0' &&
        text[strspn(text, "-0123456789")] == '\0') {
        char *end = NULL;

        errno = 0;
        *out = strtoll(text, &end, 10);
        return *end == '\0' && errno == 0;
    }
    if (!plex_real(object, name, &real) || fabs(real) > REAL_EXACT_MAX ||
        trunc(real) != real)
        return false;
    *out = (int64_t)real;
    return true;
}

bool plex_boolean(const json_t *object, const char *name, bool *out)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    int64_t number = 0;

    if (json_is_boolean(value)) {
        *out = json_is_true(value);
        return true;
    }
    if (text != NULL &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        *out = text[0] == 't';
        return true;
    }
    if (!plex_integer(object, name, &number))
        return false;
    *out = number != 0;
    return true;
}

bool plex_is_true(const json_t *object, const char *name)
{
    bool truth = false;

    return plex_boolean(object, name, &truth) && truth;
}

size_t plex_child_count(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_object(value))
        return 1;
    return json_array_size(value);
}

const json_t *plex_child_at(const json_t *object, const char *name,
                            size_t index)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_object(value))
        value = json_array_get(value, index);
    return json_is_object(value) ? value : NULL;
}

const json_t *plex_child(const json_t *object, const char *name)
{
    return plex_child_at(object, name, 0);
}

const json_t *plex_child_selected(const json_t *object, const char *name)
{
    size_t count = plex_child_count(object, name);

    for (size_t i = 0; i < count; i++) {
        const json_t *child = plex_child_at(object, name, i);

        if (plex_is_true(child, "selected"))
            return child;
    }
    return plex_child(object, name);
}
