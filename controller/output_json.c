/* One document, or one typed line for each event. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/output.h"

/* 41.7 shall not become 41.700000000000003. */
#define REAL_DIGITS 15

static void write_value(struct output *output, const json_t *value,
                        size_t flags)
{
    char *text =
        value == NULL
            ? NULL
            : json_dumps(value, flags | JSON_REAL_PRECISION(REAL_DIGITS));

    if (text == NULL)
        output->status = LASTCALL_E_NOMEM;
    else if (fprintf(output->stream, "%s\n", text) < 0)
        output->status = LASTCALL_E_IO;
    free(text);
}

/* How deep the members of the document stand, and its records. */
#define MEMBER_INDENT 2
#define RECORD_INDENT 4

static const char spaces[RECORD_INDENT + 1] = "    ";

/* Append a value as the document has it: its later lines deeper. */
static enum lastcall_status append_deep(struct bytes *out, const json_t *value,
                                        size_t indent)
{
    char *text = value == NULL
                     ? NULL
                     : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY |
                                             JSON_REAL_PRECISION(REAL_DIGITS));
    const char *line = text;
    enum lastcall_status status = text == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;

    while (line != NULL && status == LASTCALL_OK) {
        const char *end = strchr(line, '\n');
        const char *next = end == NULL ? NULL : end + 1;

        status = bytes_append(
            out, line, next == NULL ? strlen(line) : (size_t)(next - line));
        if (status == LASTCALL_OK && next != NULL)
            status = bytes_append(out, spaces, indent);
        line = next;
    }
    free(text);
    return status;
}

/* Write a text that was made, and free it. */
static void write_text(struct output *output, enum lastcall_status status,
                       struct bytes *text)
{
    if (status != LASTCALL_OK)
        output->status = status;
    else if (text->len > 0 &&
             fwrite(text->data, 1, text->len, output->stream) != text->len)
        output->status = LASTCALL_E_IO;
    bytes_deinit(text);
}

static void write_member(struct output *output, const char *name,
                         const json_t *value)
{
    struct bytes text;

    fprintf(output->stream, "%*s\"%s\": ", MEMBER_INDENT, "", name);
    bytes_init(&text, SIZE_MAX / 2);
    write_text(output, append_deep(&text, value, MEMBER_INDENT), &text);
}

/* The document is written as its parts come, so none of them is kept. */
static void begin_document(struct output *output, const json_t *head)
{
    const char *name = NULL;
    json_t *value = NULL;

    fputs("{\n", output->stream);
    /* What jansson declares takes no const object, though nothing changes. */
    json_object_foreach((json_t *)(uintptr_t)head, name, value)
    {
        write_member(output, name, value);
        fputs(",\n", output->stream);
    }
    fprintf(output->stream, "%*s\"%s\": [", MEMBER_INDENT, "",
            output->layout->noun);
}

static enum lastcall_status format_record(const struct output_layout *layout,
                                          const json_t *record, size_t number,
                                          struct bytes *out)
{
    enum lastcall_status status =
        bytes_append_text(out, number > 0 ? ",\n" : "\n");

    (void)layout;
    if (status == LASTCALL_OK)
        status = bytes_append(out, spaces, RECORD_INDENT);
    return status == LASTCALL_OK ? append_deep(out, record, RECORD_INDENT)
                                 : status;
}

static void document_record(struct output *output, const json_t *record)
{
    enum lastcall_status status = LASTCALL_OK;
    struct bytes text;

    bytes_init(&text, SIZE_MAX / 2);
    status = format_record(output->layout, record, output->record_count, &text);
    write_text(output, status, &text);
}

static void end_document(struct output *output, const json_t *summary,
                         enum exit_code code)
{
    if (output->record_count > 0)
        fprintf(output->stream, "\n%*s", MEMBER_INDENT, "");
    fputs("],\n", output->stream);
    write_member(output, "summary", summary);
    fprintf(output->stream, ",\n%*s\"exit\": %d\n}\n", MEMBER_INDENT, "",
            (int)code);
}

static bool add_all(json_t *line, const json_t *members)
{
    json_t *copy = json_deep_copy(members);
    bool added = copy != NULL && json_object_update(line, copy) == 0;

    json_decref(copy);
    return added;
}

/* "type" comes first on each line, so that a reader can go by its beginning. */
static void write_line(struct output *output, const char *type,
                       const json_t *members, json_t *exit_code)
{
    json_t *line = json_object();

    if (line == NULL ||
        json_put(line, "type", json_string(type)) != LASTCALL_OK ||
        !add_all(line, members) ||
        (exit_code != NULL &&
         json_put(line, "exit", json_incref(exit_code)) != LASTCALL_OK))
        output->status = LASTCALL_E_NOMEM;
    else
        write_value(output, line, JSON_COMPACT);
    json_decref(line);
    json_decref(exit_code);
}

static void begin_lines(struct output *output, const json_t *head)
{
    write_line(output, "start", head, NULL);
    output_flush(output);
}

static void line_record(struct output *output, const json_t *record)
{
    write_line(output, output->layout->type, record, NULL);
    output_flush(output);
}

static void end_lines(struct output *output, const json_t *summary,
                      enum exit_code code)
{
    write_line(output, "summary", summary, json_integer(code));
}

const struct output_writer output_json = {
    .name = "json",
    .begin = begin_document,
    .record = document_record,
    .format = format_record,
    .end = end_document,
};

const struct output_writer output_ndjson = {
    .name = "ndjson",
    .begin = begin_lines,
    .record = line_record,
    .end = end_lines,
    .is_live = true,
};
