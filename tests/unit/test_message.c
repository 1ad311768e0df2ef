/* What `lastcall message` asks for, read from its flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/message.h"

#define WORD_MAX 12

static enum lastcall_status read_words(const char *const *words,
                                       struct request *out)
{
    char *argv[WORD_MAX] = {NULL};
    int argc = 0;
    struct options options;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    *out = (struct request){0};
    for (; words[argc] != NULL; argc++) {
        argv[argc] = bytes_copy_text(words[argc]);
        assert_non_null(argv[argc]);
    }
    assert_int_equal(options_parse(COMMAND_MESSAGE, argc, argv, &options),
                     LASTCALL_OK);
    status = message_read(&options, out);
    options_deinit(&options);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return status;
}

static void test_the_plain_message(void **state)
{
    static const char *const words[] = {"--all", "--every", "Grüße\nan alle",
                                        NULL};
    struct request request;

    (void)state;
    assert_int_equal(read_words(words, &request), LASTCALL_OK);
    assert_string_equal(request.message, "Grüße\nan alle");
    assert_string_equal(request.title, MESSAGE_TITLE_PRESET);
    assert_null(request.style);
    assert_int_equal(request.timeout_s, 0);
    assert_false(request.wait);
    assert_int_equal(message_answer_ms(&request), 0);
    request_deinit(&request);
}

static void test_every_flag(void **state)
{
    static const char *const words[] = {
        "--title", "Ende",    "--style", "yes_no,question", "--timeout-box",
        "1500ms",  "--every", "--",      "-weiter?",        NULL};
    struct request request;

    (void)state;
    assert_int_equal(read_words(words, &request), LASTCALL_OK);
    assert_string_equal(request.message, "-weiter?");
    assert_string_equal(request.title, "Ende");
    assert_string_equal(request.style, "yes_no,question");
    assert_int_equal(request.timeout_s, 2); /* never less than was asked */
    request_deinit(&request);
}

/* A box that is waited for closes by itself, and is waited for long enough. */
static void test_waiting(void **state)
{
    static const char *const preset[] = {"--wait", "x", NULL};
    static const char *const longer[] = {"--wait", "--timeout-box", "5m", "x",
                                         NULL};
    struct request request;

    (void)state;
    assert_int_equal(read_words(preset, &request), LASTCALL_OK);
    assert_true(request.wait);
    assert_int_equal(request.timeout_s, 60);
    assert_int_equal(message_answer_ms(&request), 70000);
    request_deinit(&request);
    assert_int_equal(read_words(longer, &request), LASTCALL_OK);
    assert_int_equal(request.timeout_s, 300);
    assert_int_equal(message_answer_ms(&request), 310000);
    request_deinit(&request);
}

static void test_refusals(void **state)
{
    static const char *const cases[][WORD_MAX] = {
        {""},
        {"\xff"},
        {"--title", "", "x"},
        {"--title", "a\x80", "x"},
        {"--style", "yes_maybe", "x"},
        {"--style", "yes_no,ok", "x"},
        {"--style", "", "x"},
        {"--timeout-box", "soon", "x"},
        {"--timeout-box", "0", "x"},
        {"--timeout-box", "3601", "x"},
    };
    char long_text[REQUEST_MESSAGE_CHARS_MAX + 2];
    const char *words[] = {long_text, NULL};
    struct request request;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (read_words(cases[i], &request) != LASTCALL_E_SYNTAX)
            fail_msg("case %zu was taken", i);
        request_deinit(&request);
    }
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(read_words(words, &request), LASTCALL_E_SYNTAX);
    request_deinit(&request);
    long_text[REQUEST_MESSAGE_CHARS_MAX] = '\0';
    assert_int_equal(read_words(words, &request), LASTCALL_OK);
    request_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_plain_message),
        cmocka_unit_test(test_every_flag),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
