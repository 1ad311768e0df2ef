/* One name a line, for the next command of a pipe. */
#include <stdbool.h>
#include <string.h>

#include "controller/display.h"
#include "controller/output.h"

#define NAME_BYTES_MAX 4096

static bool is_shown(const struct output_layout *layout, const json_t *record)
{
    const char *value = NULL;

    if (layout->name_if == NULL)
        return true;
    value = json_string_value(output_member(record, layout->name_if));
    return value != NULL && strcmp(value, "true") == 0;
}

static void record(struct output *output, const json_t *value)
{
    const char *text =
        json_string_value(output_member(value, output->layout->name));
    struct bytes clean;

    if (text == NULL || !is_shown(output->layout, value))
        return;
    bytes_init(&clean, NAME_BYTES_MAX);
    if (display_append_clean(&clean, text) != LASTCALL_OK)
        output->status = LASTCALL_E_NOMEM;
    else if (clean.data != NULL)
        fprintf(output->stream, "%s\n", (const char *)clean.data);
    bytes_deinit(&clean);
    output_flush(output);
}

const struct output_writer output_names = {
    .name = "names",
    .record = record,
    .is_live = true,
};
