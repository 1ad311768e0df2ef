/* One name a line, for the next command of a pipe. */
#include "controller/display.h"
#include "controller/output.h"

#define NAME_BYTES_MAX 4096

static void write_name(void *context, const json_t *record, const json_t *item)
{
    struct output *output = context;
    const char *text = json_string_value(
        output_member(item == NULL ? record : item, output->layout->name));
    struct bytes clean;

    if (text == NULL)
        return;
    bytes_init(&clean, NAME_BYTES_MAX);
    if (display_append_clean(&clean, text) != LASTCALL_OK)
        output->status = LASTCALL_E_NOMEM;
    else if (clean.data != NULL)
        fprintf(output->stream, "%s\n", (const char *)clean.data);
    bytes_deinit(&clean);
}

static void record(struct output *output, json_t *value)
{
    const struct output_block block = {.items = output->layout->name_items};

    output_each_row(&block, value, write_name, output);
    if (fflush(output->stream) != 0)
        output->status = LASTCALL_E_IO;
}

const struct output_writer output_names = {
    .name = "names",
    .record = record,
    .is_live = true,
};
