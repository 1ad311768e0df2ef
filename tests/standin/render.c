#include "tests/standin/render.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest digits that read back as the same number, as Plex writes. */
static void real_shortest(double value, char number[RENDER_NUMBER_MAX])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(number, RENDER_NUMBER_MAX, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            break;
    }
    if (strpbrk(number, ".en") == NULL)
        (void)snprintf(number, RENDER_NUMBER_MAX, "%.1f", value);
}

const char *render_scalar(const json_t *value, char number[RENDER_NUMBER_MAX])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "1" : "0";
    if (json_is_integer(value)) {
        (void)snprintf(number, RENDER_NUMBER_MAX, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
        return number;
    }
    if (json_is_real(value)) {
        real_shortest(json_real_value(value), number);
        return number;
    }
    return NULL;
}

void render_json(const json_t *container, struct text *out)
{
    char *dump = json_dumps(container, JSON_COMPACT | JSON_ENCODE_ANY);

    text_puts(out, "{\"MediaContainer\":");
    text_puts(out, dump != NULL ? dump : "null");
    text_puts(out, "}");
    free(dump);
}

static void xml_escape(const char *string, struct text *out)
{
    for (; *string != '\0'; string++) {
        switch (*string) {
        case '&':
            text_puts(out, "&amp;");
            break;
        case '<':
            text_puts(out, "&lt;");
            break;
        case '>':
            text_puts(out, "&gt;");
            break;
        case '"':
            text_puts(out, "&quot;");
            break;
        case '\t':
        case '\n':
        case '\r':
            text_printf(out, "&#%d;", *string);
            break;
        default:
            if ((unsigned char)*string >= ' ')
                text_append(out, string, 1);
        }
    }
}

static const char *element_name(const char *key, const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));

    if (strcmp(key, "Metadata") != 0)
        return key;
    if (type != NULL && strcmp(type, "track") == 0)
        return "Track";
    if (type != NULL && strcmp(type, "photo") == 0)
        return "Photo";
    return "Video";
}

static void xml_attributes(const json_t *object, struct text *out)
{
    const char *key;
    json_t *value;
    char number[RENDER_NUMBER_MAX];

    json_object_foreach(json_walk(object), key, value)
    {
        const char *scalar = render_scalar(value, number);

        if (scalar == NULL)
            continue;
        text_printf(out, " %s=\"", key);
        xml_escape(scalar, out);
        text_puts(out, "\"");
    }
}

static bool has_children(const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_walk(object), key, value)
    {
        if (json_is_object(value) || json_array_size(value) != 0)
            return true;
    }
    return false;
}

static void xml_element(const char *key, const json_t *object,
                        struct text *out);

static void xml_children(const json_t *object, struct text *out)
{
    const char *key;
    json_t *value;
    json_t *entry;
    size_t i;

    json_object_foreach(json_walk(object), key, value)
    {
        if (json_is_object(value))
            xml_element(key, value, out);
        json_array_foreach(value, i, entry)
        {
            if (json_is_object(entry))
                xml_element(key, entry, out);
        }
    }
}

/* As deep as the JSON that was loaded, which jansson bounds. */
static void xml_element(const char *key, const json_t *object, struct text *out)
{
    const char *name = element_name(key, object);

    text_printf(out, "<%s", name);
    xml_attributes(object, out);
    if (!has_children(object)) {
        text_puts(out, "/>\n");
        return;
    }
    text_puts(out, ">\n");
    xml_children(object, out);
    text_printf(out, "</%s>\n", name);
}

void render_xml(const json_t *container, struct text *out)
{
    text_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<MediaContainer");
    xml_attributes(container, out);
    text_puts(out, ">\n");
    xml_children(container, out);
    text_puts(out, "</MediaContainer>\n");
}

static bool stays_typed(const char *parent, const char *key)
{
    return strcmp(parent, "Player") == 0 &&
           (strcmp(key, "local") == 0 || strcmp(key, "relayed") == 0 ||
            strcmp(key, "secure") == 0 || strcmp(key, "userID") == 0);
}

static json_t *stringly(const char *parent, const json_t *value)
{
    char number[RENDER_NUMBER_MAX];
    const char *scalar = render_scalar(value, number);
    json_t *copy = NULL;
    json_t *member;
    const char *key;
    size_t i;

    if (scalar != NULL)
        return json_string(scalar);
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, member)
            json_array_append_new(copy, stringly(parent, member));
        return copy;
    }
    if (!json_is_object(value))
        return json_null();
    copy = json_object();
    json_object_foreach(json_walk(value), key, member)
    {
        json_object_set_new(copy, key,
                            stays_typed(parent, key) ? json_incref(member)
                                                     : stringly(key, member));
    }
    return copy;
}

json_t *render_dialect_b(const json_t *item)
{
    return stringly("", item);
}
