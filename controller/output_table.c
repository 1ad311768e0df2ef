/* For a person: aligned columns, ages instead of times, colours. */
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controller/display.h"
#include "controller/output.h"
#include "protocol/io/platform.h"
#include "protocol/moment.h"

#define CELL_BYTES_MAX 4096
/* A text that nothing cuts and that is wider moves the rest of its own row,
 * so that one title does not push the others away. */
#define CELL_WIDTH_MAX 60
/* Of one that goes on below itself. */
#define CELL_LINES_MAX 5
#define COLUMN_COUNT_MAX 24
#define GAP 2
#define SECONDS_MAX INT64_C(1000000000000)
/* A narrower terminal gets lines for one of this width. */
#define TERMINAL_WIDTH_MIN 40

#define COLOUR_GOOD "\033[32m"
#define COLOUR_BAD "\033[31m"
#define COLOUR_DIM "\033[33m"
#define COLOUR_END "\033[0m"

/* One table being laid out: all cells, row by row, the titles first. */
struct sheet {
    struct output *output;
    const struct output_block *block;
    char **cells; /* owned, each one owned */
    size_t cell_count;
    size_t cell_capacity;
    size_t widths[COLUMN_COUNT_MAX];
    bool says[COLUMN_COUNT_MAX]; /* something, in one row at least */
    bool is_left_out[COLUMN_COUNT_MAX];
    bool has_titles; /* the first row is that of the titles */
};

static enum lastcall_status append_duration(struct bytes *out, int64_t seconds)
{
    int64_t s = seconds < 0 ? 0 : seconds;

    if (s < 60)
        return bytes_append_format(out, "%" PRId64 "s", s);
    if (s < 3600)
        return bytes_append_format(out, "%" PRId64 "m%02" PRId64 "s", s / 60,
                                   s % 60);
    if (s < INT64_C(48) * 3600)
        return bytes_append_format(out, "%" PRId64 "h%02" PRId64 "m", s / 3600,
                                   s % 3600 / 60);
    return bytes_append_format(out, "%" PRId64 "d%02" PRId64 "h", s / 86400,
                               s % 86400 / 3600);
}

/* A host may say any number, also one that is no int64_t. */
static int64_t seconds_of(const json_t *value)
{
    const double real = json_number_value(value);

    if (real >= (double)SECONDS_MAX)
        return SECONDS_MAX;
    return real > 0 ? (int64_t)real : 0;
}

static enum lastcall_status append_age(struct bytes *out, const char *text,
                                       int64_t now_ms)
{
    int64_t then_ms = 0;

    if (text == NULL || moment_parse(text, &then_ms) != LASTCALL_OK)
        return bytes_append_text(out, "-");
    return append_duration(out, (now_ms - then_ms) / 1000);
}

static enum lastcall_status append_clock(struct bytes *out, const char *text)
{
    char clock[PLATFORM_CLOCK_TEXT_SIZE];
    int64_t at_ms = 0;

    if (text == NULL || moment_parse(text, &at_ms) != LASTCALL_OK)
        return bytes_append_text(out, "-");
    platform_local_clock(at_ms, clock);
    return bytes_append_text(out, clock);
}

static enum lastcall_status append_scalar(struct bytes *out,
                                          const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) == 0
                   ? bytes_append_text(out, "-")
                   : display_append_clean(out, json_string_value(value));
    if (json_is_integer(value))
        return bytes_append_format(out, "%lld",
                                   (long long)json_integer_value(value));
    if (json_is_real(value))
        return bytes_append_format(out, "%.1f", json_real_value(value));
    if (json_is_boolean(value))
        return bytes_append_text(out, json_is_true(value) ? "yes" : "no");
    return bytes_append_text(out, "-");
}

/* Names, with a mark on those that cannot be reached. */
static enum lastcall_status append_names(struct bytes *out, const json_t *list)
{
    enum lastcall_status status = LASTCALL_OK;

    if (json_array_size(list) == 0)
        return bytes_append_text(out, "-");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *name =
            json_is_object(item) ? output_member(item, "name") : item;

        if (status == LASTCALL_OK && i > 0)
            status = bytes_append_text(out, ",");
        if (status == LASTCALL_OK)
            status = append_scalar(out, name);
        if (status == LASTCALL_OK && json_is_object(item) &&
            json_is_false(output_member(item, "reachable")))
            status = bytes_append_text(out, "(unreachable)");
    }
    return status;
}

/* "DOMAIN\user", as Windows writes it. */
static enum lastcall_status append_user(struct bytes *out,
                                        const json_t *session)
{
    const json_t *user = output_member(session, "username");
    const json_t *domain = output_member(session, "domain");
    enum lastcall_status status = LASTCALL_OK;

    if (json_is_string(user) && json_string_length(domain) > 0) {
        status = append_scalar(out, domain);
        if (status == LASTCALL_OK)
            status = bytes_append_text(out, "\\");
    }
    return status == LASTCALL_OK ? append_scalar(out, user) : status;
}

static enum lastcall_status append_cell(const struct output *output,
                                        enum output_cell cell,
                                        const json_t *value, struct bytes *out)
{
    switch (cell) {
    case CELL_TEXT:
    case CELL_STATE:
        return append_scalar(out, value);
    case CELL_LIST:
    case CELL_SERVERS:
        return append_names(out, value);
    case CELL_AGE:
        return append_age(out, json_string_value(value), output->now_ms);
    case CELL_CLOCK:
        return append_clock(out, json_string_value(value));
    case CELL_SECONDS:
        return json_is_number(value) ? append_duration(out, seconds_of(value))
                                     : bytes_append_text(out, "-");
    case CELL_MS:
        return json_is_number(value)
                   ? bytes_append_format(out, "%.0f ms",
                                         json_number_value(value))
                   : bytes_append_text(out, "-");
    case CELL_PERCENT:
        return json_is_number(value)
                   ? bytes_append_format(out, "%.0f %%",
                                         json_number_value(value))
                   : bytes_append_text(out, "-");
    case CELL_USER:
        return append_user(out, value);
    }
    return LASTCALL_OK;
}

/* Cut a text at a character where it becomes too wide. */
static void cut(char *text, size_t width_max)
{
    /* What is cut off is at least as long as the mark. */
    if (display_width(text) > width_max)
        memcpy(text + display_fit(text, width_max - 1), "~", 2);
}

/* Whether columns give way to fit the terminal. */
static bool is_bounded(const struct sheet *sheet)
{
    return sheet->block->spans != NULL && sheet->output->width > 0;
}

/* Whether a row is written before the next is known. */
static bool is_live(const struct sheet *sheet)
{
    return sheet->output->writer->is_live;
}

static bool may_be_cut(const struct sheet *sheet, size_t column)
{
    return is_bounded(sheet) && sheet->block->spans[column].least > 0;
}

/* A column is as wide as its widest text. */
static void widen(struct sheet *sheet, size_t column, const char *text)
{
    size_t width_max =
        may_be_cut(sheet, column) ? sheet->output->width : CELL_WIDTH_MAX;
    size_t width = display_width(text);

    if (width > width_max)
        width = width_max;
    if (width > sheet->widths[column])
        sheet->widths[column] = width;
}

static void add_cell(struct sheet *sheet, size_t column, char *text)
{
    if (text == NULL) {
        sheet->output->status = LASTCALL_E_NOMEM;
        return;
    }
    if (sheet->cell_count >= sheet->cell_capacity) {
        size_t wanted =
            sheet->cell_capacity == 0 ? 64 : sheet->cell_capacity * 2;
        char **grown = realloc(sheet->cells, wanted * sizeof(char *));

        if (grown == NULL) {
            free(text);
            sheet->output->status = LASTCALL_E_NOMEM;
            return;
        }
        sheet->cells = grown;
        sheet->cell_capacity = wanted;
    }
    if (!is_live(sheet))
        widen(sheet, column, text);
    else if (may_be_cut(sheet, column))
        cut(text, sheet->widths[column]);
    sheet->cells[sheet->cell_count++] = text;
}

static bool is_nothing(const struct bytes *text)
{
    return text->len == 1 && (text->data[0] == '-' || text->data[0] == '0');
}

static void add_row(void *context, const json_t *record, const json_t *item)
{
    struct sheet *sheet = context;

    for (size_t i = 0; i < sheet->block->column_count; i++) {
        const struct output_column *column = &sheet->block->columns[i];
        struct bytes text;

        bytes_init(&text, CELL_BYTES_MAX);
        if (append_cell(sheet->output, column->cell,
                        output_cell_value(column, record, item),
                        &text) == LASTCALL_E_NOMEM)
            sheet->output->status = LASTCALL_E_NOMEM;
        if (text.data != NULL && !is_nothing(&text))
            sheet->says[i] = true;
        add_cell(sheet, i,
                 text.data == NULL ? bytes_copy_text("-") : bytes_take(&text));
        bytes_deinit(&text);
    }
}

/* Whether a state is this one, also when it was cut. */
static bool is_state(const char *text, const char *state)
{
    size_t len = strlen(text);

    if (len > 1 && text[len - 1] == '~')
        return strncmp(text, state, len - 1) == 0;
    return strcmp(text, state) == 0;
}

static const char *colour_of(const struct output *output,
                             const struct output_column *column,
                             const char *text)
{
    static const char *const good[] = {
        "online",  "true",  "ok",      "playing", "active",   "connected",
        "current", "fresh", "started", "done",    "enforcing"};
    static const char *const dim[] = {
        "offline", "silent",    "draining", "paused",       "disconnected",
        "idle",    "listen",    "no_match", "already_gone", "unknown",
        "stale",   "changed",   "ended",    "unsent",       "waiting",
        "running", "scheduled", "warning",  "unlisted",     "cancelled"};

    if (output->colour == OUTPUT_PLAIN || column->cell != CELL_STATE ||
        strcmp(text, "-") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (is_state(text, good[i]))
            return COLOUR_GOOD;
    }
    for (size_t i = 0; i < sizeof dim / sizeof dim[0]; i++) {
        if (is_state(text, dim[i]))
            return COLOUR_DIM;
    }
    return COLOUR_BAD;
}

/* What a line takes with columns of these widths. */
static size_t line_width(const struct sheet *sheet, const size_t *widths)
{
    size_t sum = 0;

    for (size_t i = 0; i < sheet->block->column_count; i++) {
        if (!sheet->is_left_out[i])
            sum += widths[i] + (sum > 0 ? GAP : 0);
    }
    return sum;
}

/* The last cell of a row: what its column has no room for goes on below it,
 * from a space where there is one. */
static void print_last(const struct sheet *sheet, char *text)
{
    const size_t width = sheet->widths[sheet->block->column_count - 1];
    const size_t indent = line_width(sheet, sheet->widths) - width;
    FILE *stream = sheet->output->stream;

    for (size_t line = 1; display_width(text) > width; line++) {
        size_t len = display_fit(text, width);
        size_t word = len;

        if (line == CELL_LINES_MAX) {
            cut(text, width);
            break;
        }
        while (word > 0 && text[word] != ' ')
            word--;
        if (word > 0)
            len = word;
        fprintf(stream, "%.*s\n%*s", (int)len, text, (int)indent, "");
        text += len + (word > 0 ? 1 : 0);
    }
    fprintf(stream, "%s\n", text);
}

static void print_cell(const struct sheet *sheet, size_t index)
{
    size_t count = sheet->block->column_count;
    size_t column = index % count;
    char *text = sheet->cells[index];
    const char *colour =
        sheet->has_titles && index < count
            ? NULL
            : colour_of(sheet->output, &sheet->block->columns[column], text);
    FILE *stream = sheet->output->stream;
    size_t taken = display_width(text);
    size_t width = sheet->widths[column];

    if (sheet->is_left_out[column])
        return;
    if (column + 1 == count && may_be_cut(sheet, column)) {
        print_last(sheet, text);
        return;
    }
    if (colour != NULL)
        fprintf(stream, "%s%s%s", colour, text, COLOUR_END);
    else
        fputs(text, stream);
    if (column + 1 == count)
        fputc('\n', stream);
    else
        fprintf(stream, "%*s", (int)(width > taken ? width - taken : 0) + GAP,
                "");
}

static void print_rows(const struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->cell_count; i++)
        print_cell(sheet, i);
}

/* Whether of two columns that may be left out this one goes first. */
static bool goes_before(const struct sheet *sheet, size_t column, size_t other)
{
    const struct output_span *spans = sheet->block->spans;

    if (sheet->says[column] != sheet->says[other])
        return sheet->says[other];
    return spans[column].leaves < spans[other].leaves;
}

/* Leave the next column out; false when all that are left stay. */
static bool leave_out(struct sheet *sheet)
{
    size_t next = COLUMN_COUNT_MAX;

    for (size_t i = 0; i < sheet->block->column_count; i++) {
        if (sheet->block->spans[i].leaves > 0 && !sheet->is_left_out[i] &&
            (next == COLUMN_COUNT_MAX || goes_before(sheet, i, next)))
            next = i;
    }
    if (next == COLUMN_COUNT_MAX)
        return false;
    sheet->is_left_out[next] = true;
    return true;
}

/* The least that each column can do with, and what it wants. */
static void ask(const struct sheet *sheet, size_t *least, size_t *wanted)
{
    const struct output_span *spans = sheet->block->spans;

    for (size_t i = 0; i < sheet->block->column_count; i++) {
        wanted[i] = is_live(sheet) ? spans[i].wanted : sheet->widths[i];
        least[i] = spans[i].least > 0 && spans[i].least < wanted[i]
                       ? spans[i].least
                       : wanted[i];
    }
}

/* Give each column what it wants, or its part of what the terminal has; the
 * last one gets what is left over. */
static void share_width(struct sheet *sheet)
{
    const size_t count = sheet->block->column_count;
    const size_t width = sheet->output->width > TERMINAL_WIDTH_MIN
                             ? sheet->output->width
                             : TERMINAL_WIDTH_MIN;
    size_t wanted[COLUMN_COUNT_MAX] = {0};
    size_t least[COLUMN_COUNT_MAX] = {0};
    bool goes_on = true;
    size_t spare = 0;

    ask(sheet, least, wanted);
    while (line_width(sheet, least) > width && leave_out(sheet))
        ;
    if (line_width(sheet, least) < width)
        spare = width - line_width(sheet, least);
    memcpy(sheet->widths, least, count * sizeof *least);
    while (goes_on) {
        goes_on = false;
        for (size_t i = 0; i < count && spare > 0; i++) {
            if (sheet->is_left_out[i] || sheet->widths[i] >= wanted[i])
                continue;
            sheet->widths[i]++;
            spare--;
            goes_on = true;
        }
    }
    sheet->widths[count - 1] += spare;
}

/* Make a whole table fit the terminal. */
static void fit(struct sheet *sheet)
{
    share_width(sheet);
    for (size_t i = 0; i < sheet->cell_count; i++) {
        size_t column = i % sheet->block->column_count;

        if (may_be_cut(sheet, column) &&
            column + 1 < sheet->block->column_count)
            cut(sheet->cells[i], sheet->widths[column]);
    }
}

/* Before the first row: the widths of a table that is live. */
static void set_widths(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->block->column_count; i++)
        sheet->widths[i] = sheet->block->spans[i].wanted;
    if (is_bounded(sheet))
        share_width(sheet);
}

/* One sheet a block of the layout. */
static void begin(struct output *output, const json_t *head)
{
    const struct output_layout *layout = output->layout;
    struct sheet *sheets = calloc(layout->block_count, sizeof *sheets);

    (void)head;
    output->state = sheets;
    if (sheets == NULL) {
        output->status = LASTCALL_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < layout->block_count; i++) {
        const struct output_block *block = &layout->blocks[i];

        sheets[i].output = output;
        sheets[i].block = block;
        sheets[i].has_titles = true;
        if (is_live(&sheets[i]))
            set_widths(&sheets[i]);
        for (size_t j = 0; j < block->column_count; j++) {
            add_cell(&sheets[i], j, bytes_copy_text(block->columns[j].title));
        }
    }
}

static void lay_out(struct output *output, const json_t *record)
{
    struct sheet *sheets = output->state;

    for (size_t i = 0; i < output->layout->block_count; i++)
        output_each_row(&output->layout->blocks[i], record, add_row,
                        &sheets[i]);
}

/* A block without rows writes nothing; between two there is an empty line. */
static void end(struct output *output, const json_t *summary,
                enum exit_code code)
{
    struct sheet *sheets = output->state;
    bool is_first = true;

    (void)summary;
    (void)code;
    for (size_t i = 0; i < output->layout->block_count; i++) {
        if (sheets[i].cell_count <= sheets[i].block->column_count)
            continue;
        if (!is_first)
            fputc('\n', output->stream);
        if (is_bounded(&sheets[i]))
            fit(&sheets[i]);
        print_rows(&sheets[i]);
        is_first = false;
    }
}

static void close_sheets(struct output *output)
{
    struct sheet *sheets = output->state;

    for (size_t i = 0; sheets != NULL && i < output->layout->block_count; i++) {
        for (size_t j = 0; j < sheets[i].cell_count; j++)
            free(sheets[i].cells[j]);
        free(sheets[i].cells);
    }
    free(sheets);
    output->state = NULL;
}

const struct output_writer output_table = {
    .name = "table",
    .begin = begin,
    .record = lay_out,
    .end = end,
    .close = close_sheets,
};

/* ---- rows that are written as they come ---- */

static void print_out(struct sheet *sheet)
{
    print_rows(sheet);
    for (size_t i = 0; i < sheet->cell_count; i++)
        free(sheet->cells[i]);
    sheet->cell_count = 0;
    sheet->has_titles = false;
    output_flush(sheet->output);
}

static void begin_live(struct output *output, const json_t *head)
{
    assert(output->layout->block_count == 1);
    assert(output->layout->blocks[0].spans != NULL);
    begin(output, head);
    if (output->status == LASTCALL_OK)
        print_out(output->state);
}

static void record_live(struct output *output, const json_t *record)
{
    lay_out(output, record);
    if (output->status == LASTCALL_OK)
        print_out(output->state);
}

const struct output_writer output_table_live = {
    .name = "table",
    .begin = begin_live,
    .record = record_live,
    .close = close_sheets,
    .is_live = true,
};
