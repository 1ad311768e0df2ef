#include "protocol/json_strict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void json_error_say(struct json_error *error, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    for (char *c = error->text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}

void json_error_clear(struct json_error *error)
{
    if (error != NULL)
        error->text[0] = '\0';
}

/* The end of a string whose opening quote is at data[i]. */
static size_t skip_string(const char *data, size_t len, size_t i)
{
    for (i++; i < len && data[i] != '"'; i++) {
        if (data[i] == '\\')
            i++;
    }
    return i;
}

/*
 * Say whether a text nests no deeper than JSON_DEPTH_MAX.  Up to the first
 * mistake this sees the brackets that jansson sees, and at the first mistake
 * jansson stops; so it never recurses deeper than what was counted here.
 */
static bool is_shallow(const char *data, size_t len)
{
    size_t depth = 0;

    for (size_t i = 0; i < len; i++) {
        switch (data[i]) {
        case '"':
            i = skip_string(data, len, i);
            break;
        case '[':
        case '{':
            if (++depth > JSON_DEPTH_MAX)
                return false;
            break;
        case ']':
        case '}':
            if (depth > 0)
                depth--;
            break;
        default:
            break;
        }
    }
    return true;
}

static enum lastcall_status parse(const void *data, size_t len, size_t flags,
                                  json_t **out, struct json_error *error)
{
    json_error_t why = {0};

    if (!is_shallow(data, len)) {
        json_error_say(error, "nested deeper than %d levels", JSON_DEPTH_MAX);
        return LASTCALL_E_ENCODING;
    }
    *out = json_loadb(data, len, flags, &why);
    if (*out != NULL)
        return LASTCALL_OK;

    /* A constructor that runs out of memory leaves no sentence. */
    if (json_error_code(&why) == json_error_out_of_memory ||
        why.text[0] == '\0') {
        json_error_say(error, "out of memory");
        return LASTCALL_E_NOMEM;
    }
    json_error_say(error, "line %d, column %d: %s", why.line, why.column,
                   why.text);
    return LASTCALL_E_ENCODING;
}

enum lastcall_status json_parse_object(const void *data, size_t len,
                                       json_t **out, struct json_error *error)
{
    enum lastcall_status status;

    *out = NULL;
    json_error_clear(error);
    /* Any root is decoded, to tell "not JSON" from "not an object". */
    status =
        parse(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, out, error);
    if (status != LASTCALL_OK)
        return status;
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        json_error_say(error, "not a JSON object");
        return LASTCALL_E_SHAPE;
    }
    return LASTCALL_OK;
}

enum lastcall_status json_parse_lenient(const void *data, size_t len,
                                        json_t **out, struct json_error *error)
{
    const char *text = data;
    const size_t mark_len = bytes_mark_len(data, len);

    *out = NULL;
    json_error_clear(error);
    return parse(text + mark_len, len - mark_len,
                 JSON_DECODE_ANY | JSON_ALLOW_NUL, out, error);
}

/*
 * Find a member and refuse another type than the wanted one (JSON_FALSE
 * stands for both booleans).  *value is NULL when it is absent and may be.
 */
static enum lastcall_status find(const json_t *object, const char *name,
                                 enum json_presence presence, json_type type,
                                 json_t **value, struct json_error *error)
{
    static const char *const type_texts[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a text",    [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",  [JSON_NULL] = "null",
    };
    json_t *found = json_object_get(object, name);

    *value = NULL;
    if (presence == JSON_OPTIONAL && json_is_null(found))
        return LASTCALL_OK;
    if (found == NULL) {
        if (presence == JSON_OPTIONAL)
            return LASTCALL_OK;
        json_error_say(error, "\"%s\" is missing", name);
        return LASTCALL_E_SHAPE;
    }
    if (json_typeof(found) != type &&
        !(type == JSON_FALSE && json_is_true(found))) {
        json_error_say(error, "\"%s\" is not %s", name, type_texts[type]);
        return LASTCALL_E_SHAPE;
    }
    *value = found;
    return LASTCALL_OK;
}

enum lastcall_status json_get_text(const json_t *object, const char *name,
                                   enum json_presence presence, size_t len_max,
                                   const char **out, struct json_error *error)
{
    json_t *value;
    enum lastcall_status status =
        find(object, name, presence, JSON_STRING, &value, error);

    if (status != LASTCALL_OK || value == NULL)
        return status;
    if (json_string_length(value) > len_max) {
        json_error_say(error, "\"%s\" is longer than %zu bytes", name, len_max);
        return LASTCALL_E_TOO_LARGE;
    }
    *out = json_string_value(value);
    return LASTCALL_OK;
}

enum lastcall_status json_get_integer(const json_t *object, const char *name,
                                      enum json_presence presence, int64_t min,
                                      int64_t max, int64_t *out,
                                      struct json_error *error)
{
    json_t *value;
    enum lastcall_status status =
        find(object, name, presence, JSON_INTEGER, &value, error);
    int64_t number;

    if (status != LASTCALL_OK || value == NULL)
        return status;
    number = json_integer_value(value);
    if (number < min || number > max) {
        json_error_say(error, "\"%s\" is not between %" PRId64 " and %" PRId64,
                       name, min, max);
        return LASTCALL_E_SHAPE;
    }
    *out = number;
    return LASTCALL_OK;
}

enum lastcall_status json_get_bool(const json_t *object, const char *name,
                                   enum json_presence presence, bool *out,
                                   struct json_error *error)
{
    json_t *value;
    enum lastcall_status status =
        find(object, name, presence, JSON_FALSE, &value, error);

    if (status == LASTCALL_OK && value != NULL)
        *out = json_is_true(value);
    return status;
}

enum lastcall_status json_get_object(const json_t *object, const char *name,
                                     enum json_presence presence, json_t **out,
                                     struct json_error *error)
{
    json_t *value;
    enum lastcall_status status =
        find(object, name, presence, JSON_OBJECT, &value, error);

    if (status == LASTCALL_OK && value != NULL)
        *out = value;
    return status;
}

enum lastcall_status json_get_array(const json_t *object, const char *name,
                                    enum json_presence presence,
                                    size_t count_max, json_t **out,
                                    struct json_error *error)
{
    json_t *value;
    enum lastcall_status status =
        find(object, name, presence, JSON_ARRAY, &value, error);

    if (status != LASTCALL_OK || value == NULL)
        return status;
    if (json_array_size(value) > count_max) {
        json_error_say(error, "\"%s\" has more than %zu elements", name,
                       count_max);
        return LASTCALL_E_TOO_LARGE;
    }
    *out = value;
    return LASTCALL_OK;
}

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

enum lastcall_status json_check_members(const json_t *object,
                                        const char *const *names,
                                        struct json_error *error)
{
    /* jansson's iterators take the object as changeable; nothing changes. */
    json_t *members = (json_t *)(uintptr_t)object;
    const char *name;
    json_t *value;

    json_object_foreach(members, name, value)
    {
        if (!is_listed(name, names)) {
            json_error_say(error, "unknown member \"%.64s\"", name);
            return LASTCALL_E_SHAPE;
        }
    }
    return LASTCALL_OK;
}

enum lastcall_status json_put(json_t *object, const char *name, json_t *value)
{
    if (object == NULL) {
        json_decref(value);
        return LASTCALL_E_NOMEM;
    }
    /* Refuses a NULL value, and releases the value when it fails. */
    if (json_object_set_new(object, name, value) != 0)
        return LASTCALL_E_NOMEM;
    return LASTCALL_OK;
}

json_t *json_text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}
