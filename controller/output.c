#include "controller/output.h"

#include <errno.h>
#include <string.h>

#define PATH_PART_MAX 64

const struct output_writer *const output_writers[] = {
    &output_table, &output_json, &output_ndjson, &output_csv, &output_names,
};
const size_t output_writer_count =
    sizeof output_writers / sizeof output_writers[0];

const struct output_writer *output_find(const char *name)
{
    for (size_t i = 0; i < output_writer_count; i++) {
        if (strcmp(output_writers[i]->name, name) == 0)
            return output_writers[i];
    }
    return NULL;
}

void output_begin(struct output *output, const struct output_writer *writer,
                  const struct output_layout *layout, FILE *stream,
                  json_t *head)
{
    output->writer = writer;
    output->layout = layout;
    output->stream = stream;
    output->record_count = 0;
    output->state = NULL;
    output->is_reader_gone = false;
    output->status = head == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
    if (output->status == LASTCALL_OK && writer->begin != NULL)
        writer->begin(output, head);
    json_decref(head);
}

void output_record(struct output *output, json_t *record)
{
    if (record == NULL)
        output->status = LASTCALL_E_NOMEM;
    else if (output->status == LASTCALL_OK) {
        output->writer->record(output, record);
        output->record_count++;
    }
    json_decref(record);
}

enum lastcall_status output_stream_flush(FILE *stream)
{
    if (fflush(stream) == 0) {
        if (!ferror(stream))
            return LASTCALL_OK;
        /* Why an earlier write failed is no longer known: another tells. */
        clearerr(stream);
        if (fputc('\n', stream) != EOF && fflush(stream) == 0)
            return LASTCALL_E_IO;
    }
    return errno == EPIPE ? LASTCALL_E_CLOSED : LASTCALL_E_IO;
}

void output_flush(struct output *output)
{
    const enum lastcall_status status = output_stream_flush(output->stream);

    if (status == LASTCALL_E_CLOSED)
        output->is_reader_gone = true;
    if (output->status == LASTCALL_OK && status != LASTCALL_OK)
        output->status = LASTCALL_E_IO;
}

enum lastcall_status output_end(struct output *output, json_t *summary,
                                enum exit_code code)
{
    enum lastcall_status status = LASTCALL_OK;

    if (summary == NULL)
        output->status = LASTCALL_E_NOMEM;
    if (output->status == LASTCALL_OK && output->writer->end != NULL)
        output->writer->end(output, summary, code);
    output_flush(output);
    status = output->status;
    if (status == LASTCALL_E_IO && output->is_reader_gone)
        status = LASTCALL_OK;
    json_decref(summary);
    if (output->writer->close != NULL)
        output->writer->close(output);
    *output = (struct output){0};
    return status;
}

const json_t *output_member(const json_t *object, const char *path)
{
    char part[PATH_PART_MAX];

    while (object != NULL) {
        size_t len = strcspn(path, ".");

        if (len >= sizeof part)
            return NULL;
        memcpy(part, path, len);
        part[len] = '\0';
        object = json_object_get(object, part);
        if (path[len] == '\0')
            return object;
        path += len + 1;
    }
    return NULL;
}

static bool is_left_out(const struct output_block *block, const json_t *row)
{
    const char *value =
        block->unless_member == NULL
            ? NULL
            : json_string_value(output_member(row, block->unless_member));

    return value != NULL && strcmp(value, block->unless_value) == 0;
}

void output_each_row(const struct output_block *block, const json_t *record,
                     void (*row)(void *context, const json_t *record,
                                 const json_t *item),
                     void *context)
{
    const json_t *items =
        block->items == NULL ? NULL : output_member(record, block->items);

    if (block->items == NULL) {
        if (!is_left_out(block, record))
            row(context, record, NULL);
        return;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);

        if (!is_left_out(block, item))
            row(context, record, item);
    }
}

const json_t *output_cell_value(const struct output_column *column,
                                const json_t *record, const json_t *item)
{
    const char *path = column->path;
    const json_t *value = record;

    while (*path != '\0') {
        char one[PATH_PART_MAX];
        size_t len = strcspn(path, "|");

        if (len >= sizeof one)
            return NULL;
        memcpy(one, path, len);
        one[len] = '\0';
        value = one[0] == '.' ? output_member(item, one + 1)
                              : output_member(record, one);
        if (value != NULL && !json_is_null(value))
            break;
        path += len + (path[len] == '|');
    }
    return value;
}
