#include "worker/plex_xml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ENTITY_LEN_MAX 10 /* "#x0010FFFF" */

/* An element that is open. */
struct frame {
    json_t *object; /* borrowed from the tree */
    char name[PLEX_XML_NAME_LEN_MAX + 1];
};

struct reader {
    const char *at;
    const char *end;
    json_t *tree; /* owned */
    struct frame frames[PLEX_XML_DEPTH_MAX];
    size_t depth;
    size_t element_count;
    struct bytes value; /* owned; the attribute being read */
    struct json_error *error;
};

static enum lastcall_status refuse(struct reader *reader, const char *why)
{
    snprintf(reader->error->text, sizeof(reader->error->text), "%s", why);
    return LASTCALL_E_ENCODING;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == ':';
}

static bool is_name_char(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

static bool starts_with(const struct reader *reader, const char *text)
{
    size_t len = strlen(text);

    return (size_t)(reader->end - reader->at) >= len &&
           memcmp(reader->at, text, len) == 0;
}

/* Step over a text if it is what comes next. */
static bool take_text(struct reader *reader, const char *text)
{
    if (!starts_with(reader, text))
        return false;
    reader->at += strlen(text);
    return true;
}

/* Pass over everything up to and with a text. */
static enum lastcall_status skip_past(struct reader *reader, const char *text)
{
    while (reader->at < reader->end) {
        if (take_text(reader, text))
            return LASTCALL_OK;
        reader->at++;
    }
    return refuse(reader, "the XML breaks off");
}

static enum lastcall_status read_name(struct reader *reader,
                                      char name[PLEX_XML_NAME_LEN_MAX + 1])
{
    size_t len = 0;

    if (reader->at == reader->end || !is_name_start(*reader->at))
        return refuse(reader, "a name is missing in the XML");
    while (reader->at < reader->end && is_name_char(*reader->at)) {
        if (len == PLEX_XML_NAME_LEN_MAX)
            return refuse(reader, "a name in the XML is too long");
        name[len++] = *reader->at++;
    }
    name[len] = '\0';
    return LASTCALL_OK;
}

/* The UTF-8 of a code point; its length, or 0 where it is none. */
static size_t encode_char(uint32_t code, char out[4])
{
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The value of a digit in a base of 10 or 16, or the base. */
static uint32_t digit_value(char c, uint32_t base)
{
    uint32_t value = base;

    if (c >= '0' && c <= '9')
        value = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        value = (uint32_t)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
        value = (uint32_t)(c - 'A') + 10;
    return value < base ? value : base;
}

/* Decode "#10" or "#xA"; 0 where that is no character. */
static size_t decode_reference(const char *name, size_t len, char out[4])
{
    uint32_t base = len > 1 && name[1] == 'x' ? 16 : 10;
    size_t i = base == 16 ? 2 : 1;
    uint32_t code = 0;

    if (i == len)
        return 0;
    for (; i < len; i++) {
        uint32_t digit = digit_value(name[i], base);

        if (digit == base || code > 0x10FFFF)
            return 0;
        code = code * base + digit;
    }
    return encode_char(code, out);
}

static size_t decode_entity(const char *name, size_t len, char out[4])
{
    static const struct {
        const char *name;
        char meaning;
    } known[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};

    if (len > 0 && name[0] == '#')
        return decode_reference(name, len, out);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == len &&
            memcmp(known[i].name, name, len) == 0) {
            out[0] = known[i].meaning;
            return 1;
        }
    }
    return 0;
}

/* Append the meaning of the reference at which the reader stands. */
static enum lastcall_status read_entity(struct reader *reader)
{
    const char *name = ++reader->at;
    size_t len = 0;
    char meaning[4];
    size_t meaning_len = 0;

    while (reader->at < reader->end && *reader->at != ';' &&
           len <= ENTITY_LEN_MAX) {
        reader->at++;
        len++;
    }
    if (reader->at < reader->end && *reader->at == ';')
        meaning_len = decode_entity(name, len, meaning);
    if (meaning_len == 0)
        return refuse(reader, "an entity in the XML is unknown");
    reader->at++;
    return bytes_append(&reader->value, meaning, meaning_len);
}

/* Read a quoted value into reader->value. */
static enum lastcall_status read_value(struct reader *reader)
{
    enum lastcall_status status = LASTCALL_OK;
    char quote = '\0';

    reader->value.len = 0;
    if (reader->at < reader->end)
        quote = *reader->at;
    if (quote != '"' && quote != '\'')
        return refuse(reader, "an attribute in the XML has no quoted value");
    reader->at++;
    while (status == LASTCALL_OK && reader->at < reader->end &&
           *reader->at != quote) {
        const char *from = reader->at;

        if (*from == '<')
            return refuse(reader, "an attribute in the XML is not closed");
        if (*from == '&') {
            status = read_entity(reader);
            continue;
        }
        while (reader->at < reader->end && *reader->at != quote &&
               *reader->at != '&' && *reader->at != '<')
            reader->at++;
        status =
            bytes_append(&reader->value, from, (size_t)(reader->at - from));
    }
    if (status != LASTCALL_OK)
        return status;
    if (reader->at == reader->end)
        return refuse(reader, "the XML breaks off");
    reader->at++;
    return LASTCALL_OK;
}

static enum lastcall_status read_attribute(struct reader *reader,
                                           json_t *object)
{
    char name[PLEX_XML_NAME_LEN_MAX + 1];
    const char *text = "";
    json_t *value = NULL;
    enum lastcall_status status = read_name(reader, name);

    if (status != LASTCALL_OK)
        return status;
    skip_space(reader);
    if (!take_text(reader, "="))
        return refuse(reader, "an attribute in the XML has no value");
    skip_space(reader);
    status = read_value(reader);
    if (status != LASTCALL_OK)
        return status;
    if (json_object_get(object, name) != NULL)
        return refuse(reader, "an attribute in the XML is given twice");
    if (json_object_size(object) == PLEX_XML_ATTRIBUTE_COUNT_MAX)
        return LASTCALL_E_TOO_LARGE;
    if (reader->value.len > 0)
        text = (const char *)reader->value.data;
    value = json_stringn(text, reader->value.len);
    return json_put(object, name, value);
}

/* Hang a new element below the one that is open. */
static enum lastcall_status attach(struct reader *reader, const char *name,
                                   json_t *object)
{
    struct frame *parent = &reader->frames[reader->depth - 1];
    bool is_item =
        reader->depth == 1 && strcmp(parent->name, "MediaContainer") == 0;
    const char *group = is_item ? "Metadata" : name;
    json_t *array = json_object_get(parent->object, group);

    if (!json_is_array(array)) {
        enum lastcall_status status =
            json_put(parent->object, group, json_array());

        if (status != LASTCALL_OK) {
            json_decref(object);
            return status;
        }
        array = json_object_get(parent->object, group);
    }
    return json_array_append_new(array, object) == 0 ? LASTCALL_OK
                                                     : LASTCALL_E_NOMEM;
}

static enum lastcall_status open_element(struct reader *reader)
{
    struct frame *frame = NULL;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (reader->depth == PLEX_XML_DEPTH_MAX ||
        reader->element_count++ == PLEX_XML_ELEMENT_COUNT_MAX)
        return LASTCALL_E_TOO_LARGE;
    if (reader->depth == 0 && json_object_size(reader->tree) > 0)
        return refuse(reader, "the XML has a second root");
    frame = &reader->frames[reader->depth];
    status = read_name(reader, frame->name);
    if (status != LASTCALL_OK)
        return status;
    frame->object = json_object();
    if (frame->object == NULL)
        return LASTCALL_E_NOMEM;
    status = reader->depth == 0
                 ? json_put(reader->tree, frame->name, frame->object)
                 : attach(reader, frame->name, frame->object);
    reader->depth++;
    return status;
}

/* Read a start tag behind its "<". */
static enum lastcall_status read_start(struct reader *reader)
{
    enum lastcall_status status = open_element(reader);
    json_t *object = NULL;

    if (status != LASTCALL_OK)
        return status;
    object = reader->frames[reader->depth - 1].object;
    for (;;) {
        const char *before = reader->at;

        skip_space(reader);
        if (take_text(reader, ">"))
            return LASTCALL_OK;
        if (take_text(reader, "/>")) {
            reader->depth--;
            return LASTCALL_OK;
        }
        if (reader->at == reader->end)
            return refuse(reader, "the XML breaks off");
        if (reader->at == before)
            return refuse(reader, "a tag in the XML is malformed");
        status = read_attribute(reader, object);
        if (status != LASTCALL_OK)
            return status;
    }
}

/* Read an end tag behind its "</". */
static enum lastcall_status read_end(struct reader *reader)
{
    char name[PLEX_XML_NAME_LEN_MAX + 1];
    enum lastcall_status status = read_name(reader, name);

    if (status != LASTCALL_OK)
        return status;
    skip_space(reader);
    if (!take_text(reader, ">") || reader->depth == 0 ||
        strcmp(reader->frames[reader->depth - 1].name, name) != 0)
        return refuse(reader, "an end tag in the XML closes nothing");
    reader->depth--;
    return LASTCALL_OK;
}

static enum lastcall_status read_markup(struct reader *reader)
{
    if (take_text(reader, "<?"))
        return skip_past(reader, "?>");
    if (take_text(reader, "<!--"))
        return skip_past(reader, "-->");
    if (starts_with(reader, "<!"))
        return refuse(reader, "the XML has a document type or CDATA");
    if (take_text(reader, "</"))
        return read_end(reader);
    reader->at++;
    return read_start(reader);
}

static enum lastcall_status read_document(struct reader *reader)
{
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && reader->at < reader->end) {
        if (*reader->at == '<')
            status = read_markup(reader);
        else if (reader->depth == 0 && !is_space(*reader->at))
            status = refuse(reader, "text stands outside the XML's root");
        else
            reader->at++;
    }
    if (status != LASTCALL_OK)
        return status;
    if (reader->depth > 0 || json_object_size(reader->tree) == 0)
        return refuse(reader, "the XML breaks off");
    return LASTCALL_OK;
}

enum lastcall_status plex_xml_parse(const char *data, size_t len, json_t **out,
                                    struct json_error *error)
{
    enum lastcall_status status = LASTCALL_E_ENCODING;
    struct reader reader = {
        .at = data,
        .end = data + len,
        .error = error,
    };

    *out = NULL;
    error->text[0] = '\0';
    bytes_init(&reader.value, len);
    if (!bytes_is_utf8(data, len))
        return refuse(&reader, "the XML is not UTF-8");
    reader.tree = json_object();
    if (reader.tree == NULL)
        return LASTCALL_E_NOMEM;
    status = read_document(&reader);
    if (status == LASTCALL_E_TOO_LARGE)
        snprintf(error->text, sizeof(error->text),
                 "the XML is too deep or has too many elements");
    if (status == LASTCALL_OK) {
        *out = reader.tree;
        reader.tree = NULL;
    }
    bytes_deinit(&reader.value);
    json_decref(reader.tree);
    return status;
}
