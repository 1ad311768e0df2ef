#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "worker/arguments.h"

#define WORD_COUNT_MAX 8

/* Parse a command line, given in words; getopt_long() keeps pointers into
 * argv, so that it stays. */
static int parse(struct arguments *out, char *const *words)
{
    static char program[] = "lastcall-worker";
    static char *argv[WORD_COUNT_MAX + 2];
    int argc = 0;

    argv[argc++] = program;
    while (*words != NULL && argc <= WORD_COUNT_MAX)
        argv[argc++] = *words++;
    argv[argc] = NULL;
    optind = 1;
    return arguments_parse(argc, argv, out);
}

#define PARSE(out, ...) parse(out, (char *[]){__VA_ARGS__, NULL})

static char config[] = "--config", conf[] = "a.conf", check[] = "--check",
            history[] = "--history", verify[] = "--verify",
            service_word[] = "service", install[] = "install",
            uninstall[] = "uninstall", managed[] = "--service",
            name[] = "--name", level[] = "--log-level", debug[] = "debug";

static void test_run(void **state)
{
    char expected[ARGUMENTS_PATH_SIZE];
    struct arguments arguments;
    char *none[] = {NULL};

    (void)state;
    assert_true(parse(&arguments, none) < 0);
    assert_int_equal(arguments.mode, MODE_RUN);
    assert_int_equal(arguments.level, LOG_LEVEL_INFO);
    assert_null(arguments.level_text);
    snprintf(expected, sizeof(expected), "%s%sworker.conf",
             platform_config_dir(), platform_separator);
    assert_string_equal(arguments.config, expected);
    assert_true(PARSE(&arguments, config, conf, level, debug) < 0);
    assert_string_equal(arguments.config, "a.conf");
    assert_int_equal(arguments.level, LOG_LEVEL_DEBUG);
    assert_string_equal(arguments.level_text, "debug");
}

static void test_history(void **state)
{
    struct arguments arguments;
    char count[] = "12";
    char wrong[] = "12x";

    (void)state;
    assert_true(PARSE(&arguments, history, count) < 0);
    assert_int_equal(arguments.mode, MODE_HISTORY);
    assert_int_equal(arguments.history_count, 12);
    assert_true(PARSE(&arguments, history, verify) < 0);
    assert_true(arguments.verify);
    assert_int_equal(PARSE(&arguments, history, wrong), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, verify), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, count), EXIT_USAGE);
}

static void test_service(void **state)
{
    struct arguments arguments;
    char second[] = "lastcall-2";
    char other[] = "restart";

    (void)state;
    assert_true(PARSE(&arguments, config, conf, service_word, install) < 0);
    assert_int_equal(arguments.mode, MODE_INSTALL);
    assert_string_equal(arguments.config, "a.conf");
    assert_null(arguments.name);
    assert_true(PARSE(&arguments, service_word, uninstall, name, second) < 0);
    assert_int_equal(arguments.mode, MODE_UNINSTALL);
    assert_string_equal(arguments.name, "lastcall-2");
    assert_true(PARSE(&arguments, managed, config, conf) < 0);
    assert_int_equal(arguments.mode, MODE_MANAGED);
    assert_int_equal(PARSE(&arguments, service_word), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, service_word, other), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, service_word, install, other),
                     EXIT_USAGE);
}

static void test_one_thing_at_a_time(void **state)
{
    struct arguments arguments;
    char second[] = "lastcall-2";

    (void)state;
    assert_int_equal(PARSE(&arguments, check, history), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, check, service_word, install),
                     EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, managed, service_word, install),
                     EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, name, second), EXIT_USAGE);
    assert_int_equal(PARSE(&arguments, managed, name, second), EXIT_USAGE);
}

/* A name becomes a registry key and a part of command lines. */
static void test_service_name(void **state)
{
    static const char *const bad[] = {"",    "a b",  "a\\b",
                                      "a/b", "a\"b", "\xc3\xa4"};
    struct arguments arguments;
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "%s", bad[i]);
        assert_int_equal(PARSE(&arguments, name, text, service_word, install),
                         EXIT_USAGE);
    }
    memset(text, 'n', sizeof(text) - 1);
    text[81] = '\0';
    assert_int_equal(PARSE(&arguments, name, text, service_word, install),
                     EXIT_USAGE);
    text[80] = '\0';
    assert_true(PARSE(&arguments, name, text, service_word, install) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_one_thing_at_a_time),
        cmocka_unit_test(test_service_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
