/* A stranger's text on a terminal: how wide it is, and what is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/display.h"

static void test_width_of_text(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        {"", 0},          {"abc", 3}, {"müller", 6},           {"夜の街", 6},
        {"e\xCC\x81", 1}, {"☕", 2},   {"\xF0\x9F\x98\x80", 2}, {"a\xFF", 2},
        {"\xE2\x82", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(display_width(cases[i].text), cases[i].width);
}

static void test_fit_of_text(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
        size_t len;
    } cases[] = {
        {"", 3, 0},       {"abc", 0, 0},        {"abc", 2, 2},
        {"abc", 9, 3},    {"夜の街", 3, 3},     {"夜の街", 4, 6},
        {"夜の街", 1, 0}, {"e\xCC\x81x", 1, 3}, {"e\xCC\x81x", 2, 4},
        {"a\xFFz", 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(display_fit(cases[i].text, cases[i].columns),
                         cases[i].len);
}

static void test_clean_text(void **state)
{
    static const struct {
        const char *text;
        const char *clean;
    } cases[] = {
        {"plain ☕", "plain ☕"},
        {"a\033[2Jb\r\n", "a [2Jb  "},
        {"\xC2\x9B"
         "31m",
         " 31m"},
        {"x\xE2\x80\xAEy", "x\xEF\xBF\xBDy"},
        {"\xFFz", "\xEF\xBF\xBDz"},
        {"\xF0\x9F", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes out;

        bytes_init(&out, 100);
        assert_int_equal(display_append_clean(&out, cases[i].text),
                         LASTCALL_OK);
        assert_string_equal((const char *)out.data, cases[i].clean);
        bytes_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width_of_text),
        cmocka_unit_test(test_fit_of_text),
        cmocka_unit_test(test_clean_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
