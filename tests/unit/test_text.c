#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/text.h"

/* Clean a text that ends where its memory does, so that a sanitizer sees
 * every look behind its end. */
static void check_clean(const char *text, size_t size, const char *wanted)
{
    char *exact = bytes_copy_text(text);
    char *out = malloc(size);

    assert_non_null(exact);
    assert_non_null(out);
    assert_int_equal(text_clean(exact, out, size), strlen(wanted));
    assert_string_equal(out, wanted);
    assert_true(text_is_clean(out));
    free(out);
    free(exact);
}

static void what_is_clean_stays(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "Grüße, \xe2\x82\xac \xf0\x9f\x8e\xac",
        "\xf4\x8f\xbf\xbf",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(text_is_clean(texts[i]));
        check_clean(texts[i], strlen(texts[i]) + 4, texts[i]);
    }
}

static void what_is_no_text_is_replaced(void **state)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"a\tb\nc\x7f", "a b c "},
        {"\x1b[31mred", " [31mred"},
        {"a\xc2\x85z", "a z"}, /* C1: next line */
        {"\xc2\xa0", "\xc2\xa0"},
        {"\xff", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"}, /* an overlong slash */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xf0\x9f\x8e", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xe2", "a\xef\xbf\xbd"}, /* ends within a character */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(text_is_clean(cases[i].text),
                         strcmp(cases[i].text, cases[i].wanted) == 0);
        check_clean(cases[i].text, 64, cases[i].wanted);
    }
}

static void what_does_not_fit_is_cut_and_marked(void **state)
{
    (void)state;
    check_clean("abcd", 5, "abcd");
    check_clean("abcde", 5, "a\xe2\x80\xa6");
    check_clean("abcdef", 4, "\xe2\x80\xa6");
    /* Never within a character. */
    check_clean("a\xf0\x9f\x8e\xac", 6, "a\xf0\x9f\x8e\xac");
    check_clean("a\xf0\x9f\x8e\xac"
                "b",
                6, "a\xe2\x80\xa6");
    /* Nor may what replaces it go past the end. */
    check_clean("abc\xff\xff", 7, "abc\xe2\x80\xa6");
}

static void characters_are_counted(void **state)
{
    (void)state;
    assert_int_equal(text_count_chars(""), 0);
    assert_int_equal(text_count_chars("a\xc3\xbc\xe2\x82\xac"), 3);
    assert_int_equal(text_count_chars("\xf0\x9f\x8e\xac\xf0\x9f\x8e\xac"), 2);
}

static void no_character_goes_past_a_nul(void **state)
{
    (void)state;
    assert_int_equal(bytes_utf8_len("", 4), 0);
    assert_int_equal(bytes_utf8_len("a", 0), 0);
    assert_int_equal(bytes_utf8_len("\xe2", 4), 0);
    assert_int_equal(bytes_utf8_len("\xe2\x82", 4), 0);
    assert_int_equal(bytes_utf8_len("\xe2\x82\xac", 4), 3);
    assert_int_equal(bytes_utf8_len("\xe2\x82\xac", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_clean_stays),
        cmocka_unit_test(what_is_no_text_is_replaced),
        cmocka_unit_test(what_does_not_fit_is_cut_and_marked),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(no_character_goes_past_a_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
