#include "tests/unit/bodies.h"

#include "protocol/filter.h"

/* holds 5.12 */
static void accept(const char *line)
{
    struct filter filter;
    struct filter_error error;

    if (filter_parse(line, &filter, &error) != LASTCALL_OK)
        fail_msg("refused: %s\n%zu: %s", line, error.position, error.text);
    assert_string_equal(filter.text, line);
    assert_string_equal(error.text, "");
    filter_deinit(&filter);
}

/* "expression<TAB>status" */
static void refuse(const char *line)
{
    const char *tab = strrchr(line, '\t');
    char text[CASE_LINE_SIZE];
    struct filter filter;
    struct filter_error error;
    enum lastcall_status status = LASTCALL_OK;

    assert_non_null(tab);
    (void)snprintf(text, sizeof(text), "%.*s", (int)(tab - line), line);
    status = filter_parse(text, &filter, &error);
    if (strcmp(status_name(status), tab + 1) != 0)
        fail_msg("%s: %s, not %s", text, status_name(status), tab + 1);
    assert_true(error.position <= strlen(text));
    assert_string_not_equal(error.text, "");
    assert_null(filter.nodes);
    assert_int_equal(filter_parse(text, &filter, NULL), status);
}

/* {"where", "session", "match"} */
static void match(const char *line)
{
    json_t *object = bodies_json(line);
    const char *where = json_string_value(json_object_get(object, "where"));
    bool wanted = json_is_true(json_object_get(object, "match"));
    struct filter filter;
    struct session session;

    assert_int_equal(filter_parse(where, &filter, NULL), LASTCALL_OK);
    assert_int_equal(
        session_decode(json_object_get(object, "session"), &session, NULL),
        LASTCALL_OK);
    if (filter_match(&filter, &session) != wanted)
        fail_msg("not %s: %s", wanted ? "matched" : "refused", line);
    session_deinit(&session);
    filter_deinit(&filter);
    json_decref(object);
}

static void expressions_that_are_good(void **state)
{
    (void)state;
    case_lines_each("filter/accept.txt", accept);
}

/* holds 5.14 */
static void expressions_that_are_refused(void **state)
{
    (void)state;
    case_lines_each("filter/refuse.txt", refuse);
}

/* holds 5.12, 5.15 */
static void sessions_that_match_or_not(void **state)
{
    (void)state;
    case_lines_each("filter/match.jsonl", match);
}

/* `count` times a piece, between what stands before and behind. */
static char *repeated(const char *before, const char *piece, size_t count,
                      const char *behind)
{
    struct bytes text;

    bytes_init(&text, 64 * 1024);
    assert_int_equal(bytes_append_text(&text, before), LASTCALL_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes_append_text(&text, piece), LASTCALL_OK);
    assert_int_equal(bytes_append_text(&text, behind), LASTCALL_OK);
    return bytes_take(&text);
}

static void check_parse(char *text, enum lastcall_status wanted)
{
    struct filter filter;
    struct session session = {0};

    assert_int_equal(filter_parse(text, &filter, NULL), wanted);
    (void)filter_match(&filter, &session);
    filter_deinit(&filter);
    free(text);
}

/* holds 5.13 */
static void the_bounds_are_exact(void **state)
{
    (void)state;
    /* The numbers that PROTOCOL.md states. */
    assert_int_equal(FILTER_TEXT_MAX, 4096);
    assert_int_equal(FILTER_NODE_MAX, 64);
    assert_int_equal(FILTER_DEPTH_MAX, 16);
    /* A "not" is a node, and so is each run of terms joined by "and". */
    check_parse(repeated("not endable", " or not endable", 30, ""),
                LASTCALL_OK);
    check_parse(repeated("not endable", " or not endable", 31, ""),
                LASTCALL_E_TOO_LARGE);
    check_parse(
        repeated("endable and is_local", " or endable and is_local", 20, ""),
        LASTCALL_OK);
    check_parse(
        repeated("endable and is_local", " or endable and is_local", 21, ""),
        LASTCALL_E_TOO_LARGE);
    /* One "or" and 63 terms are 64 nodes. */
    check_parse(repeated("is_local", " or endable", FILTER_NODE_MAX - 2, ""),
                LASTCALL_OK);
    check_parse(repeated("is_local", " or endable", FILTER_NODE_MAX - 1, ""),
                LASTCALL_E_TOO_LARGE);
    /* One "in" and 63 values. */
    check_parse(repeated("year in [1", ",2", FILTER_NODE_MAX - 2, "]"),
                LASTCALL_OK);
    check_parse(repeated("year in [1", ",2", FILTER_NODE_MAX - 1, "]"),
                LASTCALL_E_TOO_LARGE);

    check_parse(repeated("", "not ", FILTER_DEPTH_MAX, "endable"), LASTCALL_OK);
    check_parse(repeated("", "not ", FILTER_DEPTH_MAX + 1, "endable"),
                LASTCALL_E_TOO_LARGE);
    check_parse(repeated("((((((((((((((((endable", ")", FILTER_DEPTH_MAX, ""),
                LASTCALL_OK);
    check_parse(
        repeated("(((((((((((((((((endable", ")", FILTER_DEPTH_MAX + 1, ""),
        LASTCALL_E_TOO_LARGE);
    check_parse(repeated("", "(", 4000, ""), LASTCALL_E_TOO_LARGE);
    /* Depth is given back: many groups side by side are not deep. */
    check_parse(repeated("endable", " or (endable)", 40, ""), LASTCALL_OK);

    check_parse(repeated("username == '", "a", FILTER_TEXT_MAX - 14, "'"),
                LASTCALL_OK);
    check_parse(repeated("username == '", "a", FILTER_TEXT_MAX - 13, "'"),
                LASTCALL_E_TOO_LARGE);
    check_parse(repeated("endable", " ", FILTER_TEXT_MAX - 7, ""), LASTCALL_OK);
}

static void what_is_not_utf8_is_refused(void **state)
{
    struct filter filter;

    (void)state;
    assert_int_equal(filter_parse("username == '\xFF'", &filter, NULL),
                     LASTCALL_E_ENCODING);
}

/* holds 5.14 */
static void errors_say_where_and_what(void **state)
{
    static const struct {
        const char *text;
        size_t position;
        const char *part;
    } cases[] = {
        {"usrname == 'a'", 0, "'username'"},
        {"endable and usename == 'a'", 12, "'username'"},
        {"is_lokal", 0, "'is_local'"},
        {"bandwidth == 5", 0, "no field 'bandwidth'"},
        {"bandwidth == 5", 0, "'bandwidth_kbps'"},
        {"user == 'a'", 0, "'username'"},
        {"title == 'a'", 0, "'media_title'"},
        {"year == 'a'", 8, "a number"},
        {"username == 5", 12, "text in quotes"},
        {"endable ==", 10, "true or false"},
        {"username ~ null", 9, "'=='"},
        {"username = 'a'", 9, "'=='"},
        {"endable endable", 8, "'and'"},
        {"(endable", 8, "')'"},
        {"username == 'a", 12, "closing quote"},
        {"username", 0, "operator"},
        {"year ~ 5", 5, "year"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filter filter;
        struct filter_error error;

        assert_int_equal(filter_parse(cases[i].text, &filter, &error),
                         LASTCALL_E_SYNTAX);
        assert_int_equal(error.position, cases[i].position);
        if (strstr(error.text, cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].text, error.text);
    }
}

static void no_suggestion_for_what_is_far_off(void **state)
{
    char *name = repeated("", "x", 2000, "");
    struct filter filter;
    struct filter_error error;

    (void)state;
    assert_int_equal(filter_parse("zzzzzz", &filter, &error),
                     LASTCALL_E_SYNTAX);
    assert_null(strstr(error.text, "meant"));
    assert_int_equal(filter_parse("ame == 'a'", &filter, &error),
                     LASTCALL_E_SYNTAX);
    assert_null(strstr(error.text, "meant"));
    assert_int_equal(filter_parse(name, &filter, &error), LASTCALL_E_SYNTAX);
    assert_null(strstr(error.text, "meant"));
    free(name);
}

static void the_empty_filter_matches_all(void **state)
{
    struct filter filter = {0};
    struct session session = {0};

    (void)state;
    assert_true(filter_match(&filter, &session));
    filter_deinit(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_that_are_good),
        cmocka_unit_test(expressions_that_are_refused),
        cmocka_unit_test(sessions_that_match_or_not),
        cmocka_unit_test(the_bounds_are_exact),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(no_suggestion_for_what_is_far_off),
        cmocka_unit_test(the_empty_filter_matches_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
