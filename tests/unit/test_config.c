#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocol/bytes.h"
#include "protocol/io/platform.h"
#include "tests/unit/config_example.h"

#define CASES TEST_SOURCE_DIR "/cases/config"
#define EXPECT "; expect: "

static void read_case(const char *name, struct bytes *out)
{
    char path[512];

    snprintf(path, sizeof(path), CASES "/%s", name);
    assert_int_equal(
        platform_read_file(path, FILE_PUBLIC, CONFIG_FILE_BYTES_MAX, out, NULL),
        LASTCALL_OK);
}

/* The first line of what must be refused says what the error must hold. */
static void refuse_case(const char *name, const struct bytes *text)
{
    const char *first = (const char *)text->data;
    struct example example;
    struct config_error error;
    char expected[200];

    assert_memory_equal(first, EXPECT, sizeof(EXPECT) - 1);
    first += sizeof(EXPECT) - 1;
    snprintf(expected, sizeof(expected), "%.*s", (int)strcspn(first, "\r\n"),
             first);
    assert_int_equal(
        example_read((const char *)text->data, text->len, &example, &error),
        LASTCALL_E_CONFIG);
    if (strstr(error.text, expected) == NULL)
        print_error("%s: expected \"%s\" in \"%s\"\n", name, expected,
                    error.text);
    assert_non_null(strstr(error.text, expected));
    example_deinit(&example);
}

static void accept_case(const char *name, const struct bytes *text)
{
    struct example example;
    struct config_error error;

    if (example_read((const char *)text->data, text->len, &example, &error) !=
        LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    example_deinit(&example);
}

static void test_cases(void **state)
{
    DIR *directory = opendir(CASES);
    const struct dirent *entry;
    unsigned accepted = 0;
    unsigned refused = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        struct bytes text;

        if (strstr(entry->d_name, ".conf") == NULL)
            continue;
        read_case(entry->d_name, &text);
        if (strncmp(entry->d_name, "accept-", 7) == 0) {
            accept_case(entry->d_name, &text);
            accepted++;
        } else {
            refuse_case(entry->d_name, &text);
            refused++;
        }
        bytes_deinit(&text);
    }
    closedir(directory);
    assert_true(accepted > 3);
    assert_true(refused > 20);
}

static void test_values(void **state)
{
    static const char text[] = "[main]\n"
                               "host = media-07 ; the one in the cellar\n"
                               "path = a;b\n"
                               "expiry = 24h\n"
                               "pause = 3\n"
                               "count = -10\n"
                               "enabled = off\n"
                               "[server \"home\"]\n"
                               "kind = wts\n"
                               "url = http://[::1]:32400/?a=b\n"
                               "[server \"x\"]\n";
    struct example example;
    struct config_error error;

    (void)state;
    assert_int_equal(example_read(text, sizeof(text) - 1, &example, &error),
                     LASTCALL_OK);
    assert_string_equal(example.main.host.text, "media-07");
    assert_string_equal(example.main.path, "a;b");
    assert_int_equal(example.main.expiry_s, 86400);
    assert_int_equal(example.main.pause_ms, 3000);
    assert_int_equal(example.main.count, -10);
    assert_false(example.main.is_on);
    assert_int_equal(example.server_count, 2);
    assert_string_equal(example.servers[0].label.text, "home");
    assert_int_equal(example.servers[0].kind, 1);
    assert_string_equal(example.servers[0].url, "http://[::1]:32400/?a=b");
    assert_string_equal(example.servers[1].label.text, "x");
    example_deinit(&example);
}

static void test_defaults(void **state)
{
    struct example example;
    struct config_error error;

    (void)state;
    assert_int_equal(example_read("", 0, &example, &error), LASTCALL_OK);
    assert_string_equal(example.main.host.text, "");
    assert_string_equal(example.main.path, "/tmp");
    assert_int_equal(example.main.expiry_s, 120);
    assert_int_equal(example.main.pause_ms, 250);
    assert_true(example.main.is_on);
    example_deinit(&example);
}

/* A line of exactly len characters, "path = aaa...". */
static enum lastcall_status read_long_line(size_t len,
                                           struct config_error *error)
{
    static const char head[] = "[main]\npath = ";
    struct example example;
    enum lastcall_status status;
    size_t size = sizeof("[main]\n") - 1 + len;
    char *text = malloc(size + 1);

    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, head, sizeof(head) - 1);
    text[size] = '\n';
    status = example_read(text, size + 1, &example, error);
    if (status == LASTCALL_OK)
        assert_int_equal(strlen(example.main.path),
                         len - (sizeof("path = ") - 1));
    example_deinit(&example);
    free(text);
    return status;
}

static void test_line_length(void **state)
{
    struct config_error error;

    (void)state;
    assert_int_equal(read_long_line(200, &error), LASTCALL_OK);
    assert_int_equal(read_long_line(CONFIG_LINE_MAX, &error), LASTCALL_OK);
    assert_int_equal(read_long_line(CONFIG_LINE_MAX + 1, &error),
                     LASTCALL_E_CONFIG);
    assert_int_equal(error.line, 2);
    assert_non_null(strstr(error.text, "longer than 4096"));
}

static void test_utf16(void **state)
{
    static const char text[] = "\xff\xfe[\0m\0a\0i\0n\0]\0\n\0";
    struct example example;
    struct config_error error;

    (void)state;
    assert_int_equal(example_read(text, sizeof(text) - 1, &example, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "save it as UTF-8"));
    example_deinit(&example);
}

static void test_nul_byte(void **state)
{
    static const char text[] = "[main]\npath = a\0b\n";
    struct example example;
    struct config_error error;

    (void)state;
    assert_int_equal(example_read(text, sizeof(text) - 1, &example, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "test.conf:2: a control character"));
    example_deinit(&example);
}

static void test_missing_file(void **state)
{
    struct example example = {0};
    const struct config_target target = {.section = example_section,
                                         .state = &example};
    struct config_error error;

    (void)state;
    assert_int_equal(config_read_file("/nonexistent/x.conf", example_keys,
                                      EXAMPLE_KEY_COUNT, &target, &error),
                     LASTCALL_E_MISSING);
    assert_non_null(strstr(error.text, "/nonexistent/x.conf"));
    assert_int_equal(error.line, 0);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"90", 90000},
        {"250ms", 250},
        {"2m", 120000},
        {"24h", 86400000},
        {"7d", 604800000},
        {"1s", 1000},
        {"", -1},
        {"s", -1},
        {"-1", -1},
        {"+1", -1},
        {" 1", -1},
        {"1 s", -1},
        {"1.5s", -1},
        {"1w", -1},
        {"0x10", -1},
        {"1S", -1},
        {"99999999999999999999", -1},
        {"9223372036854775807d", -1},
        {"9223372036854775807ms", -1},
        {"3652500d", CONFIG_DURATION_MS_MAX},
        {"3652501d", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 0;
        enum lastcall_status status = config_parse_duration(cases[i].text, &ms);

        assert_int_equal(status,
                         cases[i].ms < 0 ? LASTCALL_E_SYNTAX : LASTCALL_OK);
        if (cases[i].ms >= 0)
            assert_int_equal(ms, cases[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_values),
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_utf16),        cmocka_unit_test(test_nul_byte),
        cmocka_unit_test(test_missing_file), cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
