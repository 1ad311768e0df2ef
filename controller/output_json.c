/* One document, or one typed line for each event. */
#include <stdlib.h>

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

static void end_document(struct output *output, const json_t *summary,
                         enum exit_code code)
{
    json_t *document = json_copy(output->head);

    if (document == NULL ||
        json_put(document, output->layout->noun,
                 json_incref(output->records)) != LASTCALL_OK ||
        json_put(document, "summary", json_deep_copy(summary)) != LASTCALL_OK ||
        json_put(document, "exit", json_integer(code)) != LASTCALL_OK)
        output->status = LASTCALL_E_NOMEM;
    else
        write_value(output, document, JSON_INDENT(2));
    json_decref(document);
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
}

static void line_record(struct output *output, json_t *record)
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
    .record = output_keep,
    .end = end_document,
};

const struct output_writer output_ndjson = {
    .name = "ndjson",
    .begin = begin_lines,
    .record = line_record,
    .end = end_lines,
    .is_live = true,
};
