/*
 * RFC 4180: a header line, CRLF, cells quoted where they must be.
 *
 * A spreadsheet takes a text that begins with = + - @ or a tab for a formula,
 * and these texts come from strangers: such a cell gets an apostrophe before
 * it.  Numbers stay as they are.
 */
#include <string.h>

#include "controller/display.h"
#include "controller/output.h"

#define CELL_BYTES_MAX ((size_t)64 * 1024)

static enum lastcall_status append_list(struct bytes *out, const json_t *list)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_is_object(item)
                               ? json_string_value(output_member(item, "name"))
                               : json_string_value(item);

        if (status == LASTCALL_OK && i > 0)
            status = bytes_append_text(out, " ");
        if (status == LASTCALL_OK && text != NULL)
            status = display_append_clean(out, text);
    }
    return status;
}

/* A value as text; "" for null. */
static enum lastcall_status append_value(struct bytes *out, const json_t *value)
{
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        enum lastcall_status status = LASTCALL_OK;

        if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
            status = bytes_append_text(out, "'");
        return status == LASTCALL_OK ? display_append_clean(out, text) : status;
    }
    if (json_is_integer(value))
        return bytes_append_format(out, "%lld",
                                   (long long)json_integer_value(value));
    if (json_is_real(value))
        return bytes_append_format(out, "%.15g", json_real_value(value));
    if (json_is_boolean(value))
        return bytes_append_text(out, json_is_true(value) ? "true" : "false");
    return json_is_array(value) ? append_list(out, value) : LASTCALL_OK;
}

static void write_cell(struct output *output, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, output->stream);
        return;
    }
    fputc('"', output->stream);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', output->stream);
        fputc(*text, output->stream);
    }
    fputc('"', output->stream);
}

static void begin(struct output *output, const json_t *head)
{
    const struct output_block *block = &output->layout->csv;

    (void)head;
    for (size_t i = 0; i < block->column_count; i++) {
        if (i > 0)
            fputc(',', output->stream);
        write_cell(output, block->columns[i].title);
    }
    fputs("\r\n", output->stream);
}

static void write_row(void *context, const json_t *record, const json_t *item)
{
    struct output *output = context;
    const struct output_block *block = &output->layout->csv;

    for (size_t i = 0; i < block->column_count; i++) {
        const json_t *value =
            output_cell_value(&block->columns[i], record, item);
        struct bytes text;

        bytes_init(&text, CELL_BYTES_MAX);
        if (i > 0)
            fputc(',', output->stream);
        if (append_value(&text, value) != LASTCALL_OK)
            output->status = LASTCALL_E_NOMEM;
        else if (text.data != NULL)
            write_cell(output, (const char *)text.data);
        bytes_deinit(&text);
    }
    fputs("\r\n", output->stream);
}

/* A host without sessions has a row of its own: silence is an answer too. */
static void record(struct output *output, const json_t *value)
{
    const struct output_block *block = &output->layout->csv;

    if (block->items != NULL &&
        json_array_size(output_member(value, block->items)) == 0)
        write_row(output, value, NULL);
    else
        output_each_row(block, value, write_row, output);
    output_flush(output);
}

const struct output_writer output_csv = {
    .name = "csv",
    .begin = begin,
    .record = record,
    .is_live = true,
};
