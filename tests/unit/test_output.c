/* Every form of output against files in tests/cases/output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/display.h"
#include "controller/output.h"
#include "controller/plan_rows.h"
#include "controller/records.h"
#include "controller/watch_records.h"
#include "protocol/moment.h"
#include "tests/unit/scratch.h"

#define CASES TEST_SOURCE_DIR "/cases/output/"
#define FILE_BYTES_MAX ((size_t)256 * 1024)

/* Where a line is wider than the terminal after all, since host, server,
 * session and whatever else must not be cut or left out takes so much. */
static const struct {
    const char *name;
    const struct output_layout *layout;
    size_t least; /* columns that a case takes at the least */
} layouts[] = {
    {"hosts", &record_hosts, 40},
    {"sessions", &record_sessions, 50},
    {"results", &record_results, 55},
    {"plans", &record_plans, 63},
    {"pings", &record_pings, 65},
    {"replies", &record_replies, 60},
    {"jobs", &record_jobs, 40},
    {"job_hosts", &record_job_hosts, 82},
    {"maintenance", &plan_rows_layout, 62},
    {"events", &watch_layout, 40},
};

static const struct {
    const char *suffix;
    const struct output_writer *writer;
    enum output_colour colour;
} forms[] = {
    {"table", &output_table, OUTPUT_PLAIN},
    {"colour", &output_table, OUTPUT_COLOURED},
    {"json.txt", &output_json, OUTPUT_PLAIN},
    {"ndjson", &output_ndjson, OUTPUT_PLAIN},
    {"csv", &output_csv, OUTPUT_PLAIN},
    {"names", &output_names, OUTPUT_PLAIN},
};

static char *read_case(const char *name, const char *suffix)
{
    char path[512];
    char *text = calloc(1, FILE_BYTES_MAX);
    FILE *file = NULL;

    assert_non_null(text);
    snprintf(path, sizeof path, CASES "%s.%s", name, suffix);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is not there", path);
    assert_true(fread(text, 1, FILE_BYTES_MAX - 1, file) < FILE_BYTES_MAX - 1);
    assert_false(ferror(file));
    fclose(file);
    return text;
}

static void write_case(const char *name, const char *suffix, const char *text)
{
    char path[512];
    FILE *file = NULL;

    snprintf(path, sizeof path, CASES "%s.%s", name, suffix);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static char directory[] = "/tmp/lastcall-output-XXXXXX";
static char rendered[64]; /* the file that the forms write into */

static int make_directory(void **state)
{
    (void)state;
    if (scratch_make(directory) == NULL)
        return -1;
    snprintf(rendered, sizeof rendered, "%s/rendered", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(rendered);
    return rmdir(directory);
}

/* What a form makes of a case; the caller frees. */
static char *render(const json_t *input, const struct output_layout *layout,
                    const struct output_writer *writer,
                    enum output_colour colour, size_t width)
{
    char *text = NULL;
    long len = 0;
    FILE *stream = fopen(rendered, "w+b");
    const json_t *records = json_object_get(input, "records");
    struct output output = {.colour = colour, .width = width};

    assert_non_null(stream);
    assert_int_equal(moment_parse("2026-11-21T08:00:00Z", &output.now_ms),
                     LASTCALL_OK);
    output_begin(&output, writer, layout, stream,
                 json_incref(json_object_get(input, "head")));
    for (size_t i = 0; i < json_array_size(records); i++)
        output_record(&output, json_incref(json_array_get(records, i)));
    assert_int_equal(
        output_end(
            &output, json_incref(json_object_get(input, "summary")),
            (enum exit_code)json_integer_value(json_object_get(input, "exit"))),
        LASTCALL_OK);
    len = ftell(stream);
    assert_true(len >= 0);
    text = calloc((size_t)len + 1, 1);
    assert_non_null(text);
    rewind(stream);
    assert_int_equal(fread(text, 1, (size_t)len, stream), len);
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* Events are written as they come. */
static const struct output_writer *writer_of(const struct output_layout *layout,
                                             size_t form)
{
    if (layout == &watch_layout && forms[form].writer == &output_table)
        return &output_table_live;
    return forms[form].writer;
}

static void check_layout(size_t which)
{
    char *source = read_case(layouts[which].name, "json");
    json_t *input = json_loads(source, 0, NULL);

    assert_non_null(input);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *text =
            render(input, layouts[which].layout,
                   writer_of(layouts[which].layout, i), forms[i].colour, 0);
        char *wanted = NULL;

        if (getenv("LASTCALL_UPDATE_CASES") != NULL)
            write_case(layouts[which].name, forms[i].suffix, text);
        wanted = read_case(layouts[which].name, forms[i].suffix);
        if (strcmp(text, wanted) != 0)
            fail_msg("%s.%s is now:\n%s", layouts[which].name, forms[i].suffix,
                     text);
        free(wanted);
        free(text);
    }
    json_decref(input);
    free(source);
}

static void test_forms_of_each_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        check_layout(i);
}

/* A case on a terminal, against a file. */
static void check_width(size_t which, const json_t *input, size_t width)
{
    char suffix[20];
    char *text =
        render(input, layouts[which].layout,
               writer_of(layouts[which].layout, 0), OUTPUT_PLAIN, width);
    char *wanted = NULL;

    snprintf(suffix, sizeof suffix, "%zu.table", width);
    if (getenv("LASTCALL_UPDATE_CASES") != NULL)
        write_case(layouts[which].name, suffix, text);
    wanted = read_case(layouts[which].name, suffix);
    if (strcmp(text, wanted) != 0)
        fail_msg("%s.%s is now:\n%s", layouts[which].name, suffix, text);
    free(wanted);
    free(text);
}

/* Whatever tells a row from the others is there in full. */
static void check_names(size_t which, const json_t *input, const char *text)
{
    char *names =
        render(input, layouts[which].layout, &output_names, OUTPUT_PLAIN, 0);
    char *name = names;

    for (char *end = strchr(name, '\n'); end != NULL;
         end = strchr(name, '\n')) {
        *end = '\0';
        if (strstr(text, name) == NULL)
            fail_msg("%s: no %s in\n%s", layouts[which].name, name, text);
        name = end + 1;
    }
    free(names);
}

/* No line is wrapped; a row goes on below itself where its last column is the
 * sentence of an answer, and is one line elsewhere. */
static void check_lines(size_t which, const json_t *input, size_t width)
{
    const struct output_layout *layout = layouts[which].layout;
    size_t room = width < layouts[which].least ? layouts[which].least : width;
    char *text =
        render(input, layout, writer_of(layout, 0), OUTPUT_PLAIN, width);
    char *at = text;
    size_t count = 0;

    /* Where there is room nothing is cut; an event knows of no later one. */
    if (width == 250 && layout != &watch_layout)
        assert_null(strchr(text, '~'));
    /* An event is no row to choose from, a job's short id stands for it. */
    if (layout != &watch_layout && layout != &record_jobs)
        check_names(which, input, text);
    for (char *end = strchr(at, '\n'); end != NULL; end = strchr(at, '\n')) {
        *end = '\0';
        if (display_width(at) > room)
            fail_msg("%s on %zu columns: %s", layouts[which].name, width, at);
        at = end + 1;
        count++;
    }
    if (strcmp(layout->type, "result") != 0)
        assert_int_equal(
            count, 1 + json_array_size(json_object_get(input, "records")));
    free(text);
}

/* What a host says of its answer is there in full, unless it talks too much. */
static void test_a_sentence_goes_on_below(void **state)
{
    static const char detail[] =
        "the command expired at 2026-11-21T22:40:50.000Z, and the clock here "
        "says 2026-11-21T22:41:50.000Z";
    static const char wanted[] =
        "HOST      ANSWER   CODE     DETAIL\n"
        "media-01  refused  expired  the command expired at\n"
        "                            2026-11-21T22:40:50.000Z, and the\n"
        "                            clock here says\n"
        "                            2026-11-21T22:41:50.000Z\n"
        "media-02  silent   -        -\n"
        "web-01    false    error    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx~\n";
    char flood[400] = "";
    json_t *input = NULL;
    char *text = NULL;

    (void)state;
    memset(flood, 'x', sizeof flood - 1);
    input =
        json_pack("{s:{}, s:{}, s:i, s:[{s:s, s:s, s:s, s:s}, {s:s, s:s}, "
                  "{s:s, s:s, s:s, s:s}]}",
                  "head", "summary", "exit", 6, "records", "host", "media-01",
                  "outcome", "refused", "code", "expired", "detail", detail,
                  "host", "media-02", "outcome", "silent", "host", "web-01",
                  "outcome", "false", "code", "error", "detail", flood);
    assert_non_null(input);
    text = render(input, &record_results, &output_table, OUTPUT_PLAIN, 61);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(input);
}

static void test_tables_fit_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        char *source = read_case(layouts[i].name, "json");
        json_t *input = json_loads(source, 0, NULL);

        assert_non_null(input);
        check_width(i, input, 80);
        check_width(i, input, 120);
        for (size_t width = 1; width <= 250; width++)
            check_lines(i, input, width);
        json_decref(input);
        free(source);
    }
}

/* What was cut has the colour of the whole. */
static void test_a_state_that_was_cut_keeps_its_colour(void **state)
{
    json_t *input =
        json_pack("{s:{}, s:{}, s:i, s:[{s:s, s:s, s:{s:s}}]}", "head",
                  "summary", "exit", 0, "records", "at", "2026-11-21T19:14:03Z",
                  "kind", "ended", "session", "state", "disconnected");
    char *text = NULL;

    (void)state;
    assert_non_null(input);
    text =
        render(input, &watch_layout, &output_table_live, OUTPUT_COLOURED, 107);
    assert_non_null(strstr(text, "\033[33mdiscon~\033[0m"));
    free(text);
    json_decref(input);
}

/* What no other column wants is the last one's. */
static void test_detail_has_the_rest_of_the_terminal(void **state)
{
    static const char detail[] =
        "state playing -> paused, media_title Alien -> Aliens, client_name "
        "Lounge -> Kitchen";
    json_t *input =
        json_pack("{s:{}, s:{}, s:i, s:[{s:s, s:s}]}", "head", "summary",
                  "exit", 0, "records", "kind", "changed", "detail", detail);
    char *text = NULL;

    (void)state;
    assert_non_null(input);
    text = render(input, &watch_layout, &output_table_live, OUTPUT_PLAIN, 250);
    assert_non_null(strstr(text, detail));
    free(text);
    json_decref(input);
}

/* A host may say that a session idles for longer than seconds can count. */
static void test_an_idle_time_of_any_length(void **state)
{
    json_t *input =
        json_pack("{s:{}, s:{}, s:i, s:[{s:s, s:I}, {s:s, s:f}, {s:s, s:f}]}",
                  "head", "summary", "exit", 0, "records", "session_id", "s1",
                  "idle_s", (json_int_t)INT64_MAX, "session_id", "s2", "idle_s",
                  -1e300, "session_id", "s3", "idle_s", 90.5);
    char *text = NULL;

    (void)state;
    assert_non_null(input);
    text = render(input, &record_sessions, &output_table, OUTPUT_PLAIN, 0);
    assert_non_null(strstr(text, "  11574074d01h  "));
    assert_non_null(strstr(text, "  0s  "));
    assert_non_null(strstr(text, "  1m30s  "));
    free(text);
    json_decref(input);
}

/* The same exit status in every form that carries one. */
static void test_exit_is_in_the_document(void **state)
{
    char *source = read_case("results", "json");
    json_t *input = json_loads(source, 0, NULL);
    char *document =
        render(input, &record_results, &output_json, OUTPUT_PLAIN, 0);
    char *lines =
        render(input, &record_results, &output_ndjson, OUTPUT_PLAIN, 0);
    json_t *parsed = json_loads(document, 0, NULL);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(parsed, "exit")), 6);
    assert_non_null(strstr(lines, ",\"exit\":6}\n"));
    json_decref(parsed);
    json_decref(input);
    free(lines);
    free(document);
    free(source);
}

/* No form but json lets a stranger's text reach a terminal as a command. */
static void test_no_control_characters_on_a_terminal(void **state)
{
    static const struct output_writer *const plain[] = {
        &output_table, &output_csv, &output_names, &output_ndjson, &output_json,
    };
    char *source = read_case("sessions", "json");
    json_t *input = json_loads(source, 0, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        char *text = render(input, &record_sessions, plain[i], OUTPUT_PLAIN, 0);

        assert_null(strchr(text, '\033'));
        if (i < 3)
            assert_null(strstr(text, "\xE2\x80\xAE"));
        free(text);
    }
    json_decref(input);
    free(source);
}

/* A spreadsheet gets what json gets: each field of each kind of server. */
static void test_csv_of_sessions_has_every_field(void **state)
{
    const struct output_block *csv = &record_sessions.csv;

    (void)state;
    for (unsigned field = 0; field < SESSION_FIELD_COUNT; field++) {
        const char *name = session_field_info((enum session_field)field)->name;
        size_t count = 0;

        for (size_t i = 0; i < csv->column_count; i++)
            count += strcmp(csv->columns[i].title, name) == 0 &&
                     strcmp(csv->columns[i].path, name) == 0;
        if (count != 1)
            fail_msg("%s is in csv %zu times", name, count);
    }
}

static void test_writers_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(output_find("csv"), &output_csv);
    assert_null(output_find("yaml"));
    assert_null(output_find(""));
}

static void test_failure_to_write_is_told(void **state)
{
    FILE *full = scratch_full();
    struct output output = {.now_ms = 0};

    (void)state;
    assert_non_null(full);
    output_begin(&output, &output_names, &record_hosts, full, json_object());
    output_record(&output, json_pack("{s:s}", "host", "media-01"));
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_E_IO);
    fclose(full);
    output = (struct output){.now_ms = 0};
    output_begin(&output, &output_json, &record_hosts, stdout, json_object());
    output_record(&output, NULL);
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_E_NOMEM);
}

/* A record of many; none at MISSING_AT. */
#define MISSING_AT 700

static json_t *one_of_many(const void *context, size_t index)
{
    const bool *is_whole = context;

    if (index == MISSING_AT && !*is_whole)
        return NULL;
    return json_pack("{s:s, s:{s:[i, s], s:{}}, s:f}", "host", "media-01",
                     "more", "list", (int)index, "a\nb", "none", "share", 0.1);
}

/* What a form makes of many records, handed over as a source, or one by one;
 * the caller frees. */
static char *render_many(const struct output_writer *writer, size_t count,
                         bool is_source)
{
    const bool is_whole = true;
    const struct output_source source = {count, one_of_many, &is_whole};
    FILE *stream = fopen(rendered, "w+b");
    struct output output = {.now_ms = 0};
    char *text = calloc(1, FILE_BYTES_MAX);

    assert_non_null(stream);
    assert_non_null(text);
    output_begin(&output, writer, &record_hosts, stream, json_object());
    if (is_source)
        output_records(&output, &source);
    for (size_t i = 0; !is_source && i < count; i++)
        output_record(&output, one_of_many(&is_whole, i));
    assert_int_equal(output.record_count, count);
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_OK);
    rewind(stream);
    assert_true(fread(text, 1, FILE_BYTES_MAX - 1, stream) <
                FILE_BYTES_MAX - 1);
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* Made on all cores or on one, an answer is the same, byte for byte. */
static void test_many_records_are_as_each_by_itself(void **state)
{
    static const size_t counts[] = {0, 1, 32, 33, 65, 200};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t form = 0; form < output_writer_count; form++) {
            const struct output_writer *writer = output_writers[form];
            char *together = render_many(writer, counts[i], true);
            char *alone = render_many(writer, counts[i], false);

            assert_string_equal(together, alone);
            free(alone);
            free(together);
        }
    }
}

static void test_one_of_many_is_missing(void **state)
{
    const bool is_whole = false;
    const struct output_source source = {1000, one_of_many, &is_whole};
    FILE *stream = fopen(rendered, "w+b");
    struct output output = {.now_ms = 0};

    (void)state;
    assert_non_null(stream);
    output_begin(&output, &output_json, &record_hosts, stream, json_object());
    output_records(&output, &source);
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_E_NOMEM);
    fclose(stream);
}

static void test_many_that_cannot_be_written(void **state)
{
    const bool is_whole = true;
    const struct output_source source = {1000, one_of_many, &is_whole};
    FILE *full = scratch_full();
    struct output output = {.now_ms = 0};

    (void)state;
    assert_non_null(full);
    output_begin(&output, &output_json, &record_hosts, full, json_object());
    output_records(&output, &source);
    assert_int_equal(output_end(&output, json_object(), EXIT_CODE_OK),
                     LASTCALL_E_IO);
    fclose(full);
}

/* A host may say any number of its servers. */
static void test_sessions_of_a_host_have_an_end(void **state)
{
    struct status_server servers[] = {
        {.name = {"a"}, .session_count = INT64_MAX},
        {.name = {"b"}, .session_count = 1},
    };
    const struct registry_host host = {
        .name = {"media-01"},
        .status = {.servers = servers, .server_count = 2},
    };
    json_t *record = record_of_host(&host);

    (void)state;
    assert_non_null(record);
    assert_true(json_integer_value(json_object_get(record, "sessions")) ==
                INT64_MAX);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_each_layout),
        cmocka_unit_test(test_tables_fit_the_terminal),
        cmocka_unit_test(test_a_sentence_goes_on_below),
        cmocka_unit_test(test_detail_has_the_rest_of_the_terminal),
        cmocka_unit_test(test_a_state_that_was_cut_keeps_its_colour),
        cmocka_unit_test(test_an_idle_time_of_any_length),
        cmocka_unit_test(test_exit_is_in_the_document),
        cmocka_unit_test(test_no_control_characters_on_a_terminal),
        cmocka_unit_test(test_csv_of_sessions_has_every_field),
        cmocka_unit_test(test_writers_are_found_by_name),
        cmocka_unit_test(test_failure_to_write_is_told),
        cmocka_unit_test(test_many_records_are_as_each_by_itself),
        cmocka_unit_test(test_one_of_many_is_missing),
        cmocka_unit_test(test_many_that_cannot_be_written),
        cmocka_unit_test(test_sessions_of_a_host_have_an_end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
