#include "tests/standin/query.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(const char *from, size_t len, char plus, struct text *out)
{
    /* Present but empty differs from absent: make data non-NULL. */
    text_append(out, "", 0);
    for (size_t i = 0; i < len; i++) {
        if (from[i] == '%' && i + 2 < len && hex_digit(from[i + 1]) >= 0 &&
            hex_digit(from[i + 2]) >= 0) {
            text_byte(out,
                      hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]));
            i += 2;
        } else {
            text_append(out, from[i] == '+' ? &plus : &from[i], 1);
        }
    }
}

/* Decode the name of the pair that starts here; where the value starts. */
static const char *pair_split(const char *pair, size_t len, struct text *name)
{
    const char *equals = memchr(pair, '=', len);
    const char *end = equals != NULL ? equals : pair + len;

    decode(pair, (size_t)(end - pair), ' ', name);
    return equals != NULL ? equals + 1 : end;
}

bool query_find(const char *query, const char *name, struct text *out)
{
    bool found = false;

    *out = (struct text){0};
    while (*query != '\0' && !found) {
        size_t len = strcspn(query, "&");
        struct text own = {0};
        const char *value = pair_split(query, len, &own);

        found = strcmp(text_get(&own), name) == 0;
        if (found)
            decode(value, (size_t)(query + len - value), ' ', out);
        text_deinit(&own);
        query += len + (query[len] == '&');
    }
    return found;
}

uint64_t query_number(const char *query, const char *name, uint64_t fallback)
{
    struct text value;
    uint64_t number = fallback;

    if (query_find(query, name, &value) && value.len != 0) {
        char *end = NULL;
        unsigned long long parsed = strtoull(value.data, &end, 10);

        if (*end == '\0')
            number = parsed;
    }
    text_deinit(&value);
    return number;
}

bool query_names(const char *query, const char *name)
{
    bool found = false;

    while (*query != '\0' && !found) {
        size_t len = strcspn(query, "&");
        struct text own = {0};

        (void)pair_split(query, len, &own);
        found = strcasecmp(text_get(&own), name) == 0;
        text_deinit(&own);
        query += len + (query[len] == '&');
    }
    return found;
}

void query_decode_path(const char *path, struct text *out)
{
    *out = (struct text){0};
    decode(path, strlen(path), '+', out);
}
