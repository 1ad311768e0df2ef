/* The command line: parsing, usage, and the manual page beside the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/options.h"
#include "protocol/session.h"

#define MANUAL_BYTES_MAX (256u * 1024u)

/* Parse a line whose words are separated by one blank. */
static enum lastcall_status parse(enum command_id command, const char *line,
                                  char buffer[256], struct options *out)
{
    static char *words[32];
    int count = 0;

    snprintf(buffer, 256, "%s", line);
    for (char *at = buffer; *at != '\0';) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ')
            *at++ = '\0';
    }
    return options_parse(command, count, words, out);
}

static void test_forms_of_a_value(void **state)
{
    static const char *const lines[] = {
        "--output json",
        "--output=json",
        "-o json",
        "-ojson",
    };
    char buffer[256];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct options options;

        assert_int_equal(parse(COMMAND_HOSTS, lines[i], buffer, &options),
                         LASTCALL_OK);
        assert_string_equal(options_value(&options, OPTION_OUTPUT), "json");
        options_deinit(&options);
    }
}

static void test_switches_join_and_repeat(void **state)
{
    struct options options;
    char buffer[256];
    size_t cursor = 0;

    (void)state;
    assert_int_equal(parse(COMMAND_STOP, "--host a,b -ny --host=c --what-if2",
                           buffer, &options),
                     LASTCALL_E_SYNTAX);
    options_deinit(&options);
    assert_int_equal(
        parse(COMMAND_STOP, "--host a,b -ny --host=c", buffer, &options),
        LASTCALL_OK);
    assert_true(options_has(&options, OPTION_DRY_RUN));
    assert_true(options_has(&options, OPTION_YES));
    assert_false(options_has(&options, OPTION_ALL));
    assert_string_equal(options_next(&options, OPTION_HOST, &cursor), "a,b");
    assert_string_equal(options_next(&options, OPTION_HOST, &cursor), "c");
    assert_null(options_next(&options, OPTION_HOST, &cursor));
    options_deinit(&options);
}

static void test_alias_is_the_same_flag(void **state)
{
    struct options options;
    char buffer[256];

    (void)state;
    assert_int_equal(parse(COMMAND_END, "--what-if", buffer, &options),
                     LASTCALL_OK);
    assert_true(options_has(&options, OPTION_DRY_RUN));
    options_deinit(&options);
    assert_int_equal(parse(COMMAND_END, "--what-if -n", buffer, &options),
                     LASTCALL_E_SYNTAX);
    options_deinit(&options);
}

/* Session ids of a server may begin with anything. */
static void test_value_may_begin_with_a_dash(void **state)
{
    struct options options;
    char buffer[256];

    (void)state;
    assert_int_equal(
        parse(COMMAND_STOP, "--session -x7 --all", buffer, &options),
        LASTCALL_OK);
    assert_string_equal(options_value(&options, OPTION_SESSION), "-x7");
    assert_true(options_has(&options, OPTION_ALL));
    options_deinit(&options);
}

static void test_dashes_end_the_flags(void **state)
{
    struct options options;
    char buffer[256];

    (void)state;
    assert_int_equal(parse(COMMAND_VERIFY, "-- -odd-name", buffer, &options),
                     LASTCALL_OK);
    assert_int_equal(options.argument_count, 1);
    assert_string_equal(options.arguments[0], "-odd-name");
    options_deinit(&options);
    assert_int_equal(parse(COMMAND_VERIFY, "-", buffer, &options), LASTCALL_OK);
    assert_string_equal(options.arguments[0], "-");
    options_deinit(&options);
}

static void test_refusals(void **state)
{
    static const struct {
        enum command_id command;
        const char *line;
        const char *says;
    } cases[] = {
        {COMMAND_STOP, "--batches 3", "--batches"},
        {COMMAND_HOSTS, "--reason x", "--reason"},
        {COMMAND_HOSTS, "--fresh", "--fresh"},
        {COMMAND_HOSTS, "-o", "needs a value"},
        {COMMAND_HOSTS, "--output", "needs a value"},
        {COMMAND_HOSTS, "-o json -o csv", "once"},
        {COMMAND_HOSTS, "--all=yes", "no value"},
        {COMMAND_HOSTS, "media-01", "one word too many"},
        {COMMAND_STOP, "--dry", "--dry"},
        {COMMAND_STOP, "-x", "-x"},
        {COMMAND_END, "--confirm 5s", "--confirm"},
        {COMMAND_LOGOFF, "--paused 5m", "--paused"},
        {COMMAND_DISCONNECT, "--title x", "--title"},
        {COMMAND_KEY, "new", "missing"},
        {COMMAND_ENROLL, "", "missing"},
        {COMMAND_VERIFY, "a b", "too many"},
    };
    char buffer[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options options;

        assert_int_equal(
            parse(cases[i].command, cases[i].line, buffer, &options),
            LASTCALL_E_SYNTAX);
        assert_non_null(strstr(options.error, cases[i].says));
        options_deinit(&options);
    }
}

static void test_help_excuses_what_is_missing(void **state)
{
    struct options options;
    char buffer[256];

    (void)state;
    assert_int_equal(parse(COMMAND_KEY, "--help", buffer, &options),
                     LASTCALL_OK);
    assert_true(options_has(&options, OPTION_HELP));
    options_deinit(&options);
}

static void test_numbers_and_durations(void **state)
{
    struct options options;
    char buffer[256];
    int64_t value = -1;

    (void)state;
    assert_int_equal(parse(COMMAND_STOP,
                           "--limit 5 --expect 5x --timeout 250ms --ttl 0",
                           buffer, &options),
                     LASTCALL_OK);
    assert_int_equal(options_count(&options, OPTION_LIMIT, 10, &value),
                     LASTCALL_OK);
    assert_int_equal(value, 5);
    assert_int_equal(options_count(&options, OPTION_LIMIT, 4, &value),
                     LASTCALL_E_SYNTAX);
    assert_int_equal(options_count(&options, OPTION_EXPECT, 10, &value),
                     LASTCALL_E_SYNTAX);
    assert_int_equal(
        options_duration_ms(&options, OPTION_TIMEOUT, 10000, &value),
        LASTCALL_OK);
    assert_int_equal(value, 250);
    assert_int_equal(options_duration_ms(&options, OPTION_TTL, 10000, &value),
                     LASTCALL_E_SYNTAX);
    assert_int_equal(options_duration_ms(&options, OPTION_IDLE, 7, &value),
                     LASTCALL_OK);
    assert_int_equal(value, 7);
    options_deinit(&options);
}

/* The commands and flags of later releases are unknown words, not stubs. */
static void test_only_what_exists_is_known(void **state)
{
    static const char *const later[] = {
        "explain",
        "doctor",
        "",
    };
    enum command_id command;

    (void)state;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        assert_int_equal(command_parse(later[i], &command), LASTCALL_E_SYNTAX);
    assert_int_equal(command_parse("stop", &command), LASTCALL_OK);
    assert_int_equal(command, COMMAND_STOP);
}

/* No subcommand may see one name, alias or letter twice. */
static void test_names_are_unique_in_each_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_table_count; i++) {
        for (size_t j = i + 1; j < option_table_count; j++) {
            const struct option_info *a = &option_table[i];
            const struct option_info *b = &option_table[j];
            bool together = false;

            for (unsigned c = 0; c < COMMAND_COUNT; c++)
                together |= (a->groups & command_table[c].groups) != 0 &&
                            (b->groups & command_table[c].groups) != 0;
            assert_false(together && strcmp(a->name, b->name) == 0);
            assert_false(together && a->letter != 0 && a->letter == b->letter);
        }
    }
}

static void test_usage_names_every_flag(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMMAND_COUNT; c++) {
        struct bytes text;

        bytes_init(&text, MANUAL_BYTES_MAX);
        assert_int_equal(options_command_usage((enum command_id)c, &text),
                         LASTCALL_OK);
        for (size_t i = 0; i < option_table_count; i++) {
            char flag[64];

            snprintf(flag, sizeof flag, "--%s", option_table[i].name);
            if ((option_table[i].groups & command_table[c].groups) != 0)
                assert_non_null(strstr((const char *)text.data, flag));
        }
        bytes_deinit(&text);
    }
}

/* The manual's text without roff's escapes for dashes and fonts. */
static char *read_manual(void)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/../deploy/man/lastcall.1", "r");
    char *text = calloc(1, MANUAL_BYTES_MAX);
    size_t len = 0;
    int c = 0;

    assert_non_null(file);
    assert_non_null(text);
    while ((c = fgetc(file)) != EOF && len + 1 < MANUAL_BYTES_MAX) {
        if (c != '\\') {
            text[len++] = (char)c;
            continue;
        }
        c = fgetc(file);
        if (c == 'f')
            (void)fgetc(file);
        else
            text[len++] = (char)c;
    }
    fclose(file);
    return text;
}

static void test_manual_names_everything(void **state)
{
    char *manual = read_manual();

    (void)state;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_info *row = &option_table[i];
        char flag[64];

        snprintf(flag, sizeof flag, "--%s", row->name);
        if (strstr(manual, flag) == NULL)
            fail_msg("lastcall.1 lacks %s", flag);
        snprintf(flag, sizeof flag, "--%s", row->alias ? row->alias : "");
        if (strstr(manual, flag) == NULL)
            fail_msg("lastcall.1 lacks %s", flag);
    }
    for (unsigned c = 0; c < COMMAND_COUNT; c++) {
        char name[64];

        snprintf(name, sizeof name, "lastcall %s", command_table[c].name);
        if (strstr(manual, name) == NULL)
            fail_msg("lastcall.1 lacks %s", name);
    }
    free(manual);
}

static void test_manual_names_every_field(void **state)
{
    char *manual = read_manual();
    char *fields = strstr(manual, ".SH FIELDS");

    (void)state;
    assert_non_null(fields);
    *strstr(fields + 1, ".SH") = '\0';
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        const char *name = session_field_info((enum session_field)i)->name;
        const char *at = fields;
        size_t len = strlen(name);

        do {
            at = strstr(at + 1, name);
        } while (at != NULL && (strchr(" \n", at[-1]) == NULL ||
                                strchr(",.", at[len]) == NULL));
        if (at == NULL)
            fail_msg("FIELDS in lastcall.1 lacks %s", name);
    }
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_a_value),
        cmocka_unit_test(test_switches_join_and_repeat),
        cmocka_unit_test(test_alias_is_the_same_flag),
        cmocka_unit_test(test_value_may_begin_with_a_dash),
        cmocka_unit_test(test_dashes_end_the_flags),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help_excuses_what_is_missing),
        cmocka_unit_test(test_numbers_and_durations),
        cmocka_unit_test(test_only_what_exists_is_known),
        cmocka_unit_test(test_names_are_unique_in_each_command),
        cmocka_unit_test(test_usage_names_every_flag),
        cmocka_unit_test(test_manual_names_everything),
        cmocka_unit_test(test_manual_names_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
