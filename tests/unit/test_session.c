#include "tests/unit/bodies.h"

#include <math.h>

#include "protocol/session.h"
#include "protocol/text.h"

static void set_text(struct session *session, enum session_field field,
                     const char *text)
{
    assert_int_equal(session_set_text(session, field, text), LASTCALL_OK);
}

static struct session decoded(const char *text)
{
    struct session session;
    json_t *object = bodies_json(text);
    struct json_error error = {0};

    if (session_decode(object, &session, &error) != LASTCALL_OK)
        fail_msg("%s: %s", error.text, text);
    json_decref(object);
    return session;
}

static void every_field_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        const struct session_field_info *info =
            session_field_info((enum session_field)i);
        enum session_field field = SESSION_FIELD_COUNT;

        assert_non_null(info->name);
        assert_int_not_equal(info->kind, VALUE_NULL);
        assert_int_equal(session_field_parse(info->name, &field), LASTCALL_OK);
        assert_int_equal(field, i);
    }
    enum session_field field = SESSION_ID;
    assert_int_equal(session_field_parse("usrname", &field), LASTCALL_E_SYNTAX);
    assert_int_equal(session_field_parse("", &field), LASTCALL_E_SYNTAX);
}

static void text_is_cleaned(void **state)
{
    static const struct {
        const char *given;
        const char *kept;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"tab\tand\nline", "tab and line"},
        {"esc\x1b[31m", "esc [31m"},
        {"del\x7f", "del "},
        {"c1\xC2\x9B!", "c1 !"},
        {"\xC3\xA9t\xC3\xA9 \xF0\x9F\x8D\xBF",
         "\xC3\xA9t\xC3\xA9 \xF0\x9F\x8D\xBF"},
        {"bad\xFF.", "bad\xEF\xBF\xBD."},
        {"long\xC0\x80", "long\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"surrogate\xED\xA0\x80",
         "surrogate\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"cut\xF0\x9F\x8D", "cut\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct session session = {0};

        set_text(&session, SESSION_USERNAME, cases[i].given);
        assert_string_equal(session_text(&session, SESSION_USERNAME),
                            cases[i].kept);
        assert_true(text_is_clean(cases[i].kept));
        session_deinit(&session);
    }
}

/* Text of `len` bytes made of a character, padded with 'x'. */
static char *repeated(const char *piece, size_t len)
{
    char *text = test_malloc(len + 1);
    size_t piece_len = strlen(piece);
    size_t used = 0;

    for (; used + piece_len <= len; used += piece_len)
        memcpy(text + used, piece, piece_len);
    memset(text + used, 'x', len - used);
    text[len] = '\0';
    return text;
}

static void long_text_is_cut_where_a_character_ends(void **state)
{
    static const char *const pieces[] = {"a", "\xC3\xA9", "\xE2\x82\xAC",
                                         "\xF0\x9F\x8D\xBF"};

    (void)state;
    for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
        for (size_t len = SESSION_TEXT_MAX - 5; len < SESSION_TEXT_MAX + 9;
             len++) {
            char *text = repeated(pieces[p], len);
            struct session session = {0};
            const char *kept = NULL;

            set_text(&session, SESSION_USERNAME, text);
            kept = session_text(&session, SESSION_USERNAME);
            assert_true(text_is_clean(kept));
            assert_true(strlen(kept) <= SESSION_TEXT_MAX);
            if (len <= SESSION_TEXT_MAX) {
                assert_string_equal(kept, text);
            } else {
                assert_true(strlen(kept) > SESSION_TEXT_MAX - 4);
                assert_string_equal(kept + strlen(kept) - 3, "\xE2\x80\xA6");
                assert_memory_equal(kept, text, strlen(kept) - 3);
            }
            session_deinit(&session);
            test_free(text);
        }
    }
}

static void a_session_id_is_refused_rather_than_altered(void **state)
{
    char *longest = repeated("i", SESSION_TEXT_MAX);
    char *too_long = repeated("i", SESSION_TEXT_MAX + 1);
    struct session session = {0};

    (void)state;
    set_text(&session, SESSION_ID, longest);
    assert_int_equal(session_set_text(&session, SESSION_ID, too_long),
                     LASTCALL_E_TOO_LARGE);
    assert_int_equal(session_set_text(&session, SESSION_ID, "a\nb"),
                     LASTCALL_E_ENCODING);
    assert_int_equal(session_set_text(&session, SESSION_ID, "a\xFF"),
                     LASTCALL_E_ENCODING);
    assert_string_equal(session_text(&session, SESSION_ID), longest);
    session_deinit(&session);
    test_free(longest);
    test_free(too_long);
}

/* holds 5.10 */
static void common_fields_are_always_there(void **state)
{
    static const char *const common[] = {
        "session_id", "server",      "backend",        "username",
        "state",      "client_name", "client_address", "is_local",
        "started_at", "idle_s",      "endable"};
    struct session session = {0};
    json_t *object = session_encode(&session);

    (void)state;
    assert_int_equal(json_object_size(object),
                     sizeof(common) / sizeof(common[0]));
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        assert_true(json_is_null(json_object_get(object, common[i])));
    json_decref(object);
}

/* holds 5.10 */
static void a_backend_shows_its_own_fields(void **state)
{
    struct session session = {0};
    json_t *object = NULL;

    (void)state;
    set_text(&session, SESSION_BACKEND, "plex");
    session_set_real(&session, SESSION_PROGRESS_PERCENT, 12.5);
    object = session_encode(&session);
    assert_true(json_is_null(json_object_get(object, "media_title")));
    assert_true(
        json_number_value(json_object_get(object, "progress_percent")) == 12.5);
    assert_null(json_object_get(object, "domain"));
    json_decref(object);

    set_text(&session, SESSION_BACKEND, "wts");
    object = session_encode(&session);
    assert_true(json_is_null(json_object_get(object, "domain")));
    assert_null(json_object_get(object, "media_title"));
    json_decref(object);
    session_deinit(&session);
}

static void what_is_decoded_is_encoded_the_same(void **state)
{
    static const char text[] =
        "{\"session_id\":\"~7.1/\\u00e9\",\"backend\":\"plex\",\"idle_s\":3,"
        "\"is_local\":true,\"endable\":false,\"progress_percent\":50,"
        "\"transcode_progress_percent\":8.2,\"year\":1999,\"later\":[1],"
        "\"username\":null}";
    struct session first = decoded(text);
    char *once = bodies_text(session_encode(&first));
    struct session second = decoded(once);
    char *twice = bodies_text(session_encode(&second));

    (void)state;
    assert_string_equal(once, twice);
    assert_non_null(strstr(once, "\"transcode_progress_percent\":8.2,"));
    assert_true(session_is_equal(&first, &second, SESSION_COMPARE_ALL));
    assert_int_equal(first.fields[SESSION_PROGRESS_PERCENT].kind, VALUE_REAL);
    free(once);
    free(twice);
    session_deinit(&first);
    session_deinit(&second);
}

static void a_member_of_the_wrong_type_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *member;
    } cases[] = {
        {"{\"username\":5}", "username"},
        {"{\"idle_s\":\"5\"}", "idle_s"},
        {"{\"idle_s\":5.0}", "idle_s"},
        {"{\"is_local\":1}", "is_local"},
        {"{\"progress_percent\":\"5\"}", "progress_percent"},
        {"{\"session_id\":\"a\\u0007\"}", "session_id"},
        {"{\"state\":[]}", "state"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *object = bodies_json(cases[i].text);
        struct json_error error = {0};
        struct session session;

        assert_int_equal(session_decode(object, &session, &error),
                         LASTCALL_E_SHAPE);
        assert_non_null(strstr(error.text, cases[i].member));
        json_decref(object);
    }
    struct session session;
    assert_int_equal(session_decode(NULL, &session, NULL), LASTCALL_E_SHAPE);
}

static void text_beyond_the_limit_is_refused_from_the_wire(void **state)
{
    char *long_text = repeated("a", SESSION_TEXT_MAX + 1);
    json_t *object = json_object();
    struct session session;

    (void)state;
    assert_int_equal(json_put(object, "username", json_string(long_text)),
                     LASTCALL_OK);
    assert_int_equal(session_decode(object, &session, NULL), LASTCALL_E_SHAPE);
    long_text[SESSION_TEXT_MAX] = '\0';
    assert_int_equal(json_put(object, "username", json_string(long_text)),
                     LASTCALL_OK);
    assert_int_equal(session_decode(object, &session, NULL), LASTCALL_OK);
    session_deinit(&session);
    json_decref(object);
    test_free(long_text);
}

static void what_moves_by_itself_is_no_change(void **state)
{
    struct session a = decoded("{\"session_id\":\"1\",\"idle_s\":1,"
                               "\"view_offset_ms\":1,\"state\":\"playing\"}");
    struct session b;

    (void)state;
    assert_int_equal(session_copy(&a, &b), LASTCALL_OK);
    assert_true(session_is_equal(&a, &b, SESSION_COMPARE_ALL));
    session_set_integer(&b, SESSION_VIEW_OFFSET_MS, 2);
    session_set_null(&b, SESSION_IDLE_S);
    assert_false(session_is_equal(&a, &b, SESSION_COMPARE_ALL));
    assert_true(session_is_equal(&a, &b, SESSION_COMPARE_STILL));
    set_text(&b, SESSION_STATE, "paused");
    assert_false(session_is_equal(&a, &b, SESSION_COMPARE_STILL));
    session_deinit(&a);
    session_deinit(&b);
}

static void numbers_are_compared_without_rounding(void **state)
{
    struct session_value integer = {.kind = VALUE_INTEGER};
    struct session_value real = {.kind = VALUE_REAL};

    (void)state;
    integer.as.integer = INT64_MAX;
    real.as.real = 9223372036854775808.0;
    assert_int_equal(session_value_order(&integer, &real), SESSION_LESS);
    assert_int_equal(session_value_order(&real, &integer), SESSION_GREATER);
    integer.as.integer = INT64_MIN;
    real.as.real = -9223372036854775808.0;
    assert_int_equal(session_value_order(&integer, &real), SESSION_SAME);
    integer.as.integer = INT64_C(9007199254740993); /* 2^53 + 1 */
    real.as.real = 9007199254740992.0;
    assert_int_equal(session_value_order(&integer, &real), SESSION_GREATER);
    integer.as.integer = -5;
    real.as.real = -5.5;
    assert_int_equal(session_value_order(&integer, &real), SESSION_GREATER);
    real.as.real = -5.0;
    assert_int_equal(session_value_order(&integer, &real), SESSION_SAME);
}

static void no_infinity_is_kept(void **state)
{
    struct session session = {0};

    (void)state;
    session_set_real(&session, SESSION_PROGRESS_PERCENT, INFINITY);
    assert_int_equal(session.fields[SESSION_PROGRESS_PERCENT].kind, VALUE_NULL);
    session_set_real(&session, SESSION_PROGRESS_PERCENT, NAN);
    assert_int_equal(session.fields[SESSION_PROGRESS_PERCENT].kind, VALUE_NULL);
}

static void a_list_counts_what_it_leaves_out(void **state)
{
    struct session_list list = {0};

    (void)state;
    for (int i = 0; i < SESSION_COUNT_MAX + 2; i++) {
        struct session session = {0};
        char id[16];

        (void)snprintf(id, sizeof(id), "%d", i);
        set_text(&session, SESSION_ID, id);
        assert_int_equal(session_list_take(&list, &session), LASTCALL_OK);
        assert_null(session_text(&session, SESSION_ID));
    }
    assert_int_equal(list.count, SESSION_COUNT_MAX);
    assert_int_equal(list.total_count, SESSION_COUNT_MAX + 2);
    assert_ptr_equal(session_list_find(&list, "17"), &list.items[17]);
    assert_null(session_list_find(&list, "10001"));
    session_list_deinit(&list);
    assert_int_equal(list.count, 0);
}

static void lists_are_equal_in_the_same_order(void **state)
{
    struct session_list a = {0};
    struct session_list b = {0};

    (void)state;
    assert_true(session_list_is_equal(&a, &b, SESSION_COMPARE_ALL));
    for (int i = 0; i < 2; i++) {
        struct session first = decoded(i == 0 ? "{\"session_id\":\"1\"}"
                                              : "{\"session_id\":\"2\"}");
        struct session second;

        assert_int_equal(session_copy(&first, &second), LASTCALL_OK);
        assert_int_equal(session_list_take(&a, &first), LASTCALL_OK);
        assert_int_equal(session_list_take(&b, &second), LASTCALL_OK);
    }
    assert_true(session_list_is_equal(&a, &b, SESSION_COMPARE_ALL));
    set_text(&b.items[1], SESSION_ID, "3");
    assert_false(session_list_is_equal(&a, &b, SESSION_COMPARE_STILL));
    session_list_deinit(&a);
    session_list_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_name_of_its_own),
        cmocka_unit_test(text_is_cleaned),
        cmocka_unit_test(long_text_is_cut_where_a_character_ends),
        cmocka_unit_test(a_session_id_is_refused_rather_than_altered),
        cmocka_unit_test(common_fields_are_always_there),
        cmocka_unit_test(a_backend_shows_its_own_fields),
        cmocka_unit_test(what_is_decoded_is_encoded_the_same),
        cmocka_unit_test(a_member_of_the_wrong_type_is_named),
        cmocka_unit_test(text_beyond_the_limit_is_refused_from_the_wire),
        cmocka_unit_test(what_moves_by_itself_is_no_change),
        cmocka_unit_test(numbers_are_compared_without_rounding),
        cmocka_unit_test(no_infinity_is_kept),
        cmocka_unit_test(a_list_counts_what_it_leaves_out),
        cmocka_unit_test(lists_are_equal_in_the_same_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
