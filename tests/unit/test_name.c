#include "protocol/name.h"
#include "tests/unit/case_lines.h"

static void accept_name(const char *line)
{
    struct name name;

    if (name_parse(line, strlen(line), &name) != LASTCALL_OK)
        fail_msg("refused: \"%s\"", line);
    assert_string_equal(name.text, line);
}

static void refuse_name(const char *line)
{
    struct name name = {"before"};

    if (name_parse(line, strlen(line), &name) != LASTCALL_E_SYNTAX)
        fail_msg("accepted: \"%s\"", line);
    assert_string_equal(name.text, "");
}

/* holds 1.2 */
static void names_of_the_case_files(void **state)
{
    (void)state;
    case_lines_each("name/accept.txt", accept_name);
    case_lines_each("name/refuse.txt", refuse_name);
}

static void a_name_ends_where_its_length_says(void **state)
{
    struct name name;

    (void)state;
    assert_int_equal(name_parse("host/other", 4, &name), LASTCALL_OK);
    assert_string_equal(name.text, "host");
    assert_false(name_is_valid("ab\0c", 4));
    assert_false(name_is_valid("", 0));
}

static void a_name_in_capitals_is_found(void **state)
{
    static const char longest[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL";
    struct name name = {"before"};

    (void)state;
    assert_int_equal(name_parse_lowered("OFFICE-02.x", 9, &name), LASTCALL_OK);
    assert_string_equal(name.text, "office-02");
    assert_int_equal(name_parse_lowered("A_B", 3, &name), LASTCALL_E_SYNTAX);
    assert_string_equal(name.text, "");
    assert_int_equal(name_parse_lowered("", 0, &name), LASTCALL_E_SYNTAX);
    assert_int_equal(name_parse_lowered(longest, NAME_LEN_MAX, &name),
                     LASTCALL_OK);
    assert_int_equal(name_parse_lowered(longest, NAME_LEN_MAX + 1, &name),
                     LASTCALL_E_SYNTAX);
}

/* holds 1.2 */
static void every_byte_that_is_no_name_character(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = {'a', (char)c};
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        assert_int_equal(name_is_valid(text + 1, 1), good);
        assert_int_equal(name_is_valid(text, 2), good || c == '.' || c == '-');
    }
}

/* holds 4.6 */
static void request_ids(void **state)
{
    static const char longest[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=";
    struct request_id id = {"before"};

    (void)state;
    assert_int_equal(request_id_parse(longest, 64, &id), LASTCALL_OK);
    assert_int_equal(strlen(id.text), 64);
    assert_int_equal(request_id_parse(longest, 16, &id), LASTCALL_OK);
    assert_int_equal(strlen(id.text), 16);

    assert_int_equal(request_id_parse(longest, 65, &id), LASTCALL_E_SYNTAX);
    assert_string_equal(id.text, "");
    assert_false(request_id_is_valid(longest, 15));
    assert_false(request_id_is_valid("aaaaaaaaaaaaaaa/", 16));
    assert_false(request_id_is_valid("aaaaaaaaaaaaaaa+", 16));
    assert_false(request_id_is_valid("aaaaaaaaaaaaaaa.", 16));
    assert_false(request_id_is_valid("aaaaaaaaaaaaaaa\0", 16));
    assert_false(request_id_is_valid("aaaaaaaaaaaaaaa\xc3", 16));
}

static void globs(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool exact;
        bool ignore;
    } cases[] = {
        {"", "", true, true},
        {"", "a", false, false},
        {"*", "", true, true},
        {"*", "anything", true, true},
        {"**", "x", true, true},
        {"a", "a", true, true},
        {"a", "A", false, true},
        {"A", "a", false, true},
        {"web-*", "web-1", true, true},
        {"web-*", "web-", true, true},
        {"web-*", "web", false, false},
        {"*-1", "web-1", true, true},
        {"*-1", "web-12", false, false},
        {"*a*b*", "xxaxxbxx", true, true},
        {"*a*b*", "xxbxxaxx", false, false},
        {"a*b", "aab", true, true},
        {"a*ab", "aaab", true, true},
        {"a?", "ab", false, false},
        {"[a]", "a", false, false},
        {"\\*", "\\anything", true, true},
        {"{", "[", false, false},
        {"@", "`", false, false},
        {"*\xc3\x84*", "a\xc3\x84z", true, true},
        {"*\xc3\x84*", "a\xc3\xa4z", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (name_glob(cases[i].pattern, cases[i].text, GLOB_CASE_EXACT) !=
                cases[i].exact ||
            name_glob(cases[i].pattern, cases[i].text, GLOB_CASE_IGNORE) !=
                cases[i].ignore)
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
    }
}

static void a_hostile_glob_ends_soon(void **state)
{
    char pattern[2001];
    char text[4001];

    (void)state;
    /* Backtracking into every star would take longer than the universe. */
    for (size_t i = 0; i < 2000; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[1999] = 'b';
    pattern[2000] = '\0';
    memset(text, 'a', 4000);
    text[4000] = '\0';
    assert_false(name_glob(pattern, text, GLOB_CASE_EXACT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_case_files),
        cmocka_unit_test(a_name_ends_where_its_length_says),
        cmocka_unit_test(a_name_in_capitals_is_found),
        cmocka_unit_test(every_byte_that_is_no_name_character),
        cmocka_unit_test(request_ids),
        cmocka_unit_test(globs),
        cmocka_unit_test(a_hostile_glob_ends_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
