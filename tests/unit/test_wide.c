/* Texts between Windows and us: nothing is cut, nothing invalid gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "protocol/io/wide_win32.h"

static void assert_there_and_back(const char *utf8, const wchar_t *utf16)
{
    wchar_t *wide = wide_from_utf8(utf8);
    char *text = wide_to_utf8(utf16);

    assert_non_null(wide);
    assert_non_null(text);
    assert_int_equal(wcscmp(wide, utf16), 0);
    assert_string_equal(text, utf8);
    free(wide);
    free(text);
}

static void test_texts_go_there_and_back(void **state)
{
    static const wchar_t tabby[] = {0xd83d, 0xdc08, 'x', 0};

    (void)state;
    assert_there_and_back("", L"");
    assert_there_and_back("alice", L"alice");
    assert_there_and_back("J\xc3\xbcrgen \xe6\x9d\xb1", L"J\x00fcrgen \x6771");
    assert_there_and_back("\xf0\x9f\x90\x88x", tabby);
}

static void test_long_texts_stay_whole(void **state)
{
    enum { LEN = 100000 };
    char *utf8 = malloc(LEN * 3 + 1);
    wchar_t *wide;
    char *back;

    (void)state;
    assert_non_null(utf8);
    for (size_t i = 0; i < LEN; i++)
        memcpy(utf8 + 3 * i, "\xe6\x9d\xb1", 3);
    utf8[(size_t)LEN * 3] = '\0';
    wide = wide_from_utf8(utf8);
    assert_non_null(wide);
    assert_int_equal(wcslen(wide), LEN);
    back = wide_to_utf8(wide);
    assert_string_equal(back, utf8);
    free(utf8);
    free(wide);
    free(back);
}

static void test_halves_of_pairs_are_replaced(void **state)
{
    static const wchar_t high[] = {'a', 0xd83d, 'b', 0};
    static const wchar_t low[] = {0xdc08, 0};
    char *text;

    (void)state;
    text = wide_to_utf8(high);
    assert_string_equal(text, "a\xef\xbf\xbd"
                              "b");
    free(text);
    text = wide_to_utf8(low);
    assert_string_equal(text, "\xef\xbf\xbd");
    free(text);
}

static void test_arrays_without_an_end(void **state)
{
    static const wchar_t full[4] = {'r', 'u', 't', 'h'};
    static const wchar_t short_one[4] = {'r', 'u', 0, 'h'};
    char *text;

    (void)state;
    text = wide_array_to_utf8(full, 4);
    assert_string_equal(text, "ruth");
    free(text);
    text = wide_array_to_utf8(short_one, 4);
    assert_string_equal(text, "ru");
    free(text);
    text = wide_array_to_utf8(full, 0);
    assert_string_equal(text, "");
    free(text);
}

static void test_what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    assert_null(wide_from_utf8("a\xff"));
    assert_null(wide_from_utf8("\xed\xa0\xbd"));     /* half a pair */
    assert_null(wide_from_utf8("\xc0\x80"));         /* a NUL in disguise */
    assert_null(wide_from_utf8("\xf0\x9f\x90"));     /* the end is missing */
    assert_null(wide_from_utf8("\xf4\x90\x80\x80")); /* above U+10FFFF */
}

static void test_null_gives_null(void **state)
{
    (void)state;
    assert_null(wide_from_utf8(NULL));
    assert_null(wide_to_utf8(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_go_there_and_back),
        cmocka_unit_test(test_long_texts_stay_whole),
        cmocka_unit_test(test_halves_of_pairs_are_replaced),
        cmocka_unit_test(test_arrays_without_an_end),
        cmocka_unit_test(test_what_is_not_utf8_is_refused),
        cmocka_unit_test(test_null_gives_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
