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

/* Write a value as the document has it: its later lines deeper. */
static void write_deep(struct output *output, const json_t *value, int indent)
{
    char *text = value == NULL
                     ? NULL
                     : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY |
                                             JSON_REAL_PRECISION(REAL_DIGITS));
    const char *line = text;

    if (text == NULL)
        output->status = LASTCALL_E_NOMEM;
    while (line != NULL) {
        const char *next = strchr(line, '\n');
        const int len =
            (int)(next == NULL ? strlen(line) : (size_t)(next - line));

        fprintf(output->stream, "%s%*s%.*s", line == text ? "" : "\n",
                line == text ? 0 : indent, "", len, line);
        line = next == NULL ? NULL : next + 1;
    }
    free(text);
}

static void write_member(struct output *output, const char *name,
                         const json_t *value)
{
    fprintf(output->stream, "%*s\"%s\": ", MEMBER_INDENT, "", name);
    write_deep(output, value, MEMBER_INDENT);
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

static void document_record(struct output *output, const json_t *record)
{
    fprintf(output->stream, "%s\n%*s", output->record_count > 0 ? "," : "",
            RECORD_INDENT, "");
    write_deep(output, record, RECORD_INDENT);
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
    .end = end_document,
};

const struct output_writer output_ndjson = {
    .name = "ndjson",
    .begin = begin_lines,
    .record = line_record,
    .end = end_lines,
    .is_live = true,
};
