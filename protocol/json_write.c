/*
 * The writing half of protocol/json_strict.h: what jansson's own writer writes,
 * byte for byte, in two fifths of the time (sessions and results), as that one
 * hands out every quote and every comma by a call.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/json_strict.h"

/* What was read with so many digits is written with the same: 42.3 comes out
 * as 42.3, where the 17 that every double needs make it 42.299999999999997. */
#define REAL_DIGITS 15
#define NUMBER_SIZE 64
#define GATHERED_SIZE 512

/* Gathers small pieces; the first failure stays. */
struct writer {
    struct bytes *out; /* borrowed */
    enum lastcall_status status;
    size_t len;
    char text[GATHERED_SIZE];
};

static void write_value(struct writer *writer, const json_t *value);

static void flush(struct writer *writer)
{
    if (writer->status == LASTCALL_OK)
        writer->status = bytes_append(writer->out, writer->text, writer->len);
    writer->len = 0;
}

static void put(struct writer *writer, const char *text, size_t len)
{
    if (len > sizeof(writer->text) - writer->len)
        flush(writer);
    if (len <= sizeof(writer->text)) {
        memcpy(writer->text + writer->len, text, len);
        writer->len += len;
    } else if (writer->status == LASTCALL_OK) {
        writer->status = bytes_append(writer->out, text, len);
    }
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

/* Write a character that may not stand in a string as it is. */
static void write_escaped(struct writer *writer, char c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char escape[] = "\\u0000";

    for (const char *pair = letters; *pair != '\0'; pair += 2) {
        if (*pair == c) {
            escape[1] = pair[1];
            put(writer, escape, 2);
            return;
        }
    }
    (void)snprintf(escape, sizeof(escape), "\\u%04X",
                   (unsigned)(unsigned char)c);
    put_text(writer, escape);
}

static void write_string(struct writer *writer, const char *text, size_t len)
{
    put(writer, "\"", 1);
    while (len > 0) {
        size_t plain = 0;

        while (plain < len && (unsigned char)text[plain] >= ' ' &&
               text[plain] != '"' && text[plain] != '\\')
            plain++;
        put(writer, text, plain);
        if (plain < len)
            write_escaped(writer, text[plain++]);
        text += plain;
        len -= plain;
    }
    put(writer, "\"", 1);
}

static void write_object(struct writer *writer, const json_t *object)
{
    /* jansson's iterators take the object as changeable; nothing changes. */
    json_t *members = (json_t *)(uintptr_t)object;
    const char *before = "{";

    for (void *at = json_object_iter(members); at != NULL;
         at = json_object_iter_next(members, at)) {
        const char *name = json_object_iter_key(at);

        put(writer, before, 1);
        before = ",";
        write_string(writer, name, strlen(name));
        put(writer, ":", 1);
        write_value(writer, json_object_iter_value(at));
    }
    put_text(writer, *before == '{' ? "{}" : "}");
}

static void write_array(struct writer *writer, const json_t *array)
{
    const size_t count = json_array_size(array);

    put(writer, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put(writer, ",", 1);
        write_value(writer, json_array_get(array, i));
    }
    put(writer, "]", 1);
}

static void write_integer(struct writer *writer, const json_t *value)
{
    char text[NUMBER_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRId64,
                   (int64_t)json_integer_value(value));
    put_text(writer, text);
}

/* A double has more ways to be written than is worth a second writer.  That
 * one takes memory for any value, and needs no more room than there is. */
static void write_real(struct writer *writer, const json_t *value)
{
    char text[NUMBER_SIZE];
    const size_t len =
        json_dumpb(value, text, sizeof(text),
                   JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));

    if (len > 0 && len <= sizeof(text))
        put(writer, text, len);
    else if (writer->status == LASTCALL_OK)
        writer->status = LASTCALL_E_NOMEM;
}

static void write_value(struct writer *writer, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(writer, value);
        break;
    case JSON_ARRAY:
        write_array(writer, value);
        break;
    case JSON_STRING:
        write_string(writer, json_string_value(value),
                     json_string_length(value));
        break;
    case JSON_INTEGER:
        write_integer(writer, value);
        break;
    case JSON_REAL:
        write_real(writer, value);
        break;
    case JSON_TRUE:
        put_text(writer, "true");
        break;
    case JSON_FALSE:
        put_text(writer, "false");
        break;
    case JSON_NULL:
        put_text(writer, "null");
        break;
    }
}

enum lastcall_status json_write(const json_t *value, struct bytes *out)
{
    const size_t len_before = out->len;
    struct writer writer = {.out = out, .status = LASTCALL_E_NOMEM};

    if (value != NULL) {
        writer.status = LASTCALL_OK;
        write_value(&writer, value);
        flush(&writer);
    }
    if (writer.status == LASTCALL_OK)
        return LASTCALL_OK;
    /* Half a document is none. */
    out->len = len_before;
    if (out->data != NULL)
        out->data[len_before] = '\0';
    return writer.status;
}
