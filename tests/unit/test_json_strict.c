#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "protocol/json_strict.h"

static json_t *parsed(const char *text)
{
    json_t *json;

    assert_int_equal(json_parse_object(text, strlen(text), &json, NULL),
                     LASTCALL_OK);
    return json;
}

/* holds 2.5 */
static void strangers_json_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        " ",
        "{",
        "{}x",
        "{} {}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":99999999999999999999}",
        "{\"a\":1,\"a\":1}",
        "{\"b\":{\"a\":1,\"\\u0061\":2}}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\\u0000\":1}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "\xef\xbb\xbf{}",
        "{} // comment",
    };
    struct json_error error;
    json_t *json;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_parse_object(refused[i], strlen(refused[i]), &json, &error) !=
            LASTCALL_E_ENCODING)
            fail_msg("not refused: %s", refused[i]);
        assert_null(json);
        assert_true(error.text[0] != '\0');
    }
    assert_int_equal(json_parse_object("{}\0", 3, &json, &error),
                     LASTCALL_E_ENCODING);
    assert_int_equal(json_parse_object("{\"a\":\"\0\"}", 9, &json, &error),
                     LASTCALL_E_ENCODING);
}

static void a_root_that_is_no_object(void **state)
{
    static const char *const roots[] = {"[]", "1", "\"text\"", "null", "true"};
    struct json_error error;
    json_t *json;

    (void)state;
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        assert_int_equal(
            json_parse_object(roots[i], strlen(roots[i]), &json, &error),
            LASTCALL_E_SHAPE);
        assert_null(json);
    }
}

/* holds 2.11 */
static void depth_is_bounded(void **state)
{
    char text[200000];
    json_t *json;

    (void)state;
    /* Exactly JSON_DEPTH_MAX levels, brackets in a string not counted. */
    memset(text, '[', sizeof(text));
    memcpy(text, "{\"\\\"[[[[\":", 10);
    memset(text + 10 + JSON_DEPTH_MAX - 1, ']', JSON_DEPTH_MAX - 1);
    text[10 + 2 * (JSON_DEPTH_MAX - 1)] = '}';
    assert_int_equal(
        json_parse_object(text, 10 + 2 * (JSON_DEPTH_MAX - 1) + 1, &json, NULL),
        LASTCALL_OK);
    json_decref(json);

    memset(text, '[', sizeof(text));
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_parse_lenient(text, 2 * JSON_DEPTH_MAX, &json, NULL),
                     LASTCALL_OK);
    json_decref(json);

    memset(text, '[', sizeof(text));
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(
        json_parse_lenient(text, 2 * JSON_DEPTH_MAX + 2, &json, NULL),
        LASTCALL_E_ENCODING);

    memset(text, '[', sizeof(text));
    assert_int_equal(json_parse_object(text, sizeof(text), &json, NULL),
                     LASTCALL_E_ENCODING);
    assert_int_equal(json_parse_lenient(text, sizeof(text), &json, NULL),
                     LASTCALL_E_ENCODING);
    /* Closing what was never opened buys no depth. */
    memset(text, ']', sizeof(text) / 2);
    assert_int_equal(json_parse_lenient(text, sizeof(text), &json, NULL),
                     LASTCALL_E_ENCODING);
}

static void siblings_are_not_depth(void **state)
{
    char text[1000] = "{\"a\":[";
    json_t *json;
    size_t len = strlen(text);

    (void)state;
    for (int i = 0; i < 100; i++, len += 3)
        memcpy(text + len, "{},", 3);
    memcpy(text + len, "1]}", 3);
    assert_int_equal(json_parse_object(text, len + 3, &json, NULL),
                     LASTCALL_OK);
    json_decref(json);
}

static void lenient_takes_what_servers_send(void **state)
{
    static const char doubled[] = "\xef\xbb\xbf{\"a\":1,\"a\":2}";
    json_t *json;
    int64_t number = 0;

    (void)state;
    assert_int_equal(json_parse_lenient(doubled, strlen(doubled), &json, NULL),
                     LASTCALL_OK);
    assert_int_equal(
        json_get_integer(json, "a", JSON_REQUIRED, 0, 9, &number, NULL),
        LASTCALL_OK);
    assert_int_equal(number, 2);
    json_decref(json);
    assert_int_equal(json_parse_lenient("\"x\"", 3, &json, NULL), LASTCALL_OK);
    json_decref(json);
    assert_int_equal(json_parse_lenient("\"x\" y", 5, &json, NULL),
                     LASTCALL_E_ENCODING);
    /* One NUL in one text must not cost the whole document. */
    assert_int_equal(json_parse_lenient("\"a\\u0000b\"", 10, &json, NULL),
                     LASTCALL_OK);
    assert_int_equal(json_string_length(json), 3);
    json_decref(json);
    assert_int_equal(json_parse_lenient("", 0, &json, NULL),
                     LASTCALL_E_ENCODING);
    assert_int_equal(json_parse_lenient("\xef\xbb\xbf", 3, &json, NULL),
                     LASTCALL_E_ENCODING);
}

static void getters_give_what_is_there(void **state)
{
    json_t *json = parsed("{\"t\":\"gr\xc3\xbc\xc3\x9f\",\"i\":-7,\"b\":true,"
                          "\"f\":false,\"o\":{},\"a\":[1,2],\"n\":null}");
    const char *text = NULL;
    int64_t number = 0;
    bool flag = false, no = true;
    json_t *object = NULL, *array = NULL;

    (void)state;
    assert_int_equal(json_get_text(json, "t", JSON_REQUIRED, 6, &text, NULL),
                     LASTCALL_OK);
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f");
    assert_int_equal(
        json_get_integer(json, "i", JSON_REQUIRED, -7, -7, &number, NULL),
        LASTCALL_OK);
    assert_int_equal(number, -7);
    assert_int_equal(json_get_bool(json, "b", JSON_REQUIRED, &flag, NULL),
                     LASTCALL_OK);
    assert_true(flag);
    assert_int_equal(json_get_bool(json, "f", JSON_REQUIRED, &no, NULL),
                     LASTCALL_OK);
    assert_false(no);
    assert_int_equal(json_get_object(json, "o", JSON_REQUIRED, &object, NULL),
                     LASTCALL_OK);
    assert_true(json_is_object(object));
    assert_int_equal(json_get_array(json, "a", JSON_REQUIRED, 2, &array, NULL),
                     LASTCALL_OK);
    assert_int_equal(json_array_size(array), 2);
    json_decref(json);
}

static void absent_and_null_leave_the_default(void **state)
{
    static const char *const names[] = {"n", "absent"};
    json_t *json = parsed("{\"n\":null}");
    const char *text = "default";
    int64_t number = 42;
    bool flag = true;
    json_t *value = json;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *name = names[i];

        assert_int_equal(
            json_get_text(json, name, JSON_OPTIONAL, 9, &text, NULL),
            LASTCALL_OK);
        assert_int_equal(
            json_get_integer(json, name, JSON_OPTIONAL, 0, 9, &number, NULL),
            LASTCALL_OK);
        assert_int_equal(json_get_bool(json, name, JSON_OPTIONAL, &flag, NULL),
                         LASTCALL_OK);
        assert_int_equal(
            json_get_object(json, name, JSON_OPTIONAL, &value, NULL),
            LASTCALL_OK);
        assert_int_equal(
            json_get_array(json, name, JSON_OPTIONAL, 9, &value, NULL),
            LASTCALL_OK);
        assert_int_equal(
            json_get_text(json, name, JSON_REQUIRED, 9, &text, NULL),
            LASTCALL_E_SHAPE);
    }
    assert_string_equal(text, "default");
    assert_int_equal(number, 42);
    assert_true(flag);
    assert_ptr_equal(value, json);
    json_decref(json);
}

static void getters_name_the_member_that_is_wrong(void **state)
{
    json_t *json = parsed("{\"t\":\"abc\",\"i\":5,\"r\":5.0,\"a\":[1,2]}");
    json_t *array = json_object_get(json, "a");
    struct json_error error;
    const char *text = NULL;
    int64_t number = 0;
    bool flag = false;
    json_t *value = NULL;

    (void)state;
    assert_int_equal(json_get_text(json, "i", JSON_OPTIONAL, 9, &text, &error),
                     LASTCALL_E_SHAPE);
    assert_string_equal(error.text, "\"i\" is not a text");
    assert_int_equal(json_get_text(json, "t", JSON_OPTIONAL, 2, &text, &error),
                     LASTCALL_E_TOO_LARGE);
    assert_string_equal(error.text, "\"t\" is longer than 2 bytes");
    assert_int_equal(
        json_get_integer(json, "r", JSON_REQUIRED, 0, 9, &number, &error),
        LASTCALL_E_SHAPE);
    assert_int_equal(
        json_get_integer(json, "i", JSON_REQUIRED, 6, 9, &number, &error),
        LASTCALL_E_SHAPE);
    assert_string_equal(error.text, "\"i\" is not between 6 and 9");
    assert_int_equal(
        json_get_integer(json, "i", JSON_REQUIRED, 0, 4, &number, NULL),
        LASTCALL_E_SHAPE);
    assert_int_equal(json_get_bool(json, "i", JSON_REQUIRED, &flag, &error),
                     LASTCALL_E_SHAPE);
    assert_string_equal(error.text, "\"i\" is not a boolean");
    assert_int_equal(json_get_object(json, "a", JSON_REQUIRED, &value, &error),
                     LASTCALL_E_SHAPE);
    assert_int_equal(
        json_get_array(json, "a", JSON_REQUIRED, 1, &value, &error),
        LASTCALL_E_TOO_LARGE);
    assert_int_equal(json_get_bool(json, "x", JSON_REQUIRED, &flag, &error),
                     LASTCALL_E_SHAPE);
    assert_string_equal(error.text, "\"x\" is missing");
    /* A member of something that is no object is absent. */
    assert_int_equal(json_get_bool(array, "x", JSON_REQUIRED, &flag, NULL),
                     LASTCALL_E_SHAPE);
    assert_int_equal(json_get_bool(NULL, "x", JSON_OPTIONAL, &flag, NULL),
                     LASTCALL_OK);
    assert_null(value);
    json_decref(json);
}

static void unknown_members_are_named_in_ascii(void **state)
{
    static const char *const names[] = {"dry_run", "limit", NULL};
    json_t *good = parsed("{\"limit\":1}");
    json_t *bad = parsed("{\"limit\":1,\"dry\xc3\xbc\\nrun\":true}");
    struct json_error error = {""};

    (void)state;
    assert_int_equal(json_check_members(good, names, &error), LASTCALL_OK);
    assert_int_equal(json_check_members(bad, names, NULL), LASTCALL_E_SHAPE);
    assert_int_equal(json_check_members(bad, names, &error), LASTCALL_E_SHAPE);
    assert_string_equal(error.text, "unknown member \"dry???run\"");
    json_decref(good);
    json_decref(bad);
}

static void writing_is_compact_ordered_and_bounded(void **state)
{
    json_t *object = json_object();
    struct bytes out;

    (void)state;
    assert_int_equal(json_put(object, "z", json_integer(1)), LASTCALL_OK);
    assert_int_equal(json_put(object, "a", json_text_or_null(NULL)),
                     LASTCALL_OK);
    assert_int_equal(
        json_put(object, "m", json_text_or_null("\xf0\x9f\x8e\xac")),
        LASTCALL_OK);
    /* What a constructor without memory gives. */
    assert_int_equal(json_put(object, "x", NULL), LASTCALL_E_NOMEM);
    assert_int_equal(json_put(NULL, "x", json_true()), LASTCALL_E_NOMEM);

    bytes_init(&out, 40);
    assert_int_equal(bytes_append_text(&out, "before "), LASTCALL_OK);
    assert_int_equal(json_write(object, &out), LASTCALL_OK);
    assert_string_equal(
        (char *)out.data,
        "before {\"z\":1,\"a\":null,\"m\":\"\xf0\x9f\x8e\xac\"}");
    assert_int_equal(json_write(object, &out), LASTCALL_E_TOO_LARGE);
    assert_string_equal(
        (char *)out.data,
        "before {\"z\":1,\"a\":null,\"m\":\"\xf0\x9f\x8e\xac\"}");
    bytes_deinit(&out);
    json_decref(object);
}

/* Write with both writers. */
static void check_writing(json_t *value)
{
    char *expected = NULL;
    struct bytes out;

    assert_non_null(value);
    expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
                                     JSON_REAL_PRECISION(15));
    assert_non_null(expected);
    bytes_init(&out, 10000000);
    assert_int_equal(json_write(value, &out), LASTCALL_OK);
    assert_string_equal((const char *)out.data, expected);
    assert_int_equal(out.len, strlen(expected));
    bytes_deinit(&out);
    free(expected);
    json_decref(value);
}

static void writing_is_janssons(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "[[],{},[{}],{\"a\":[]}]",
        "{\"z\":1,\"a\":{\"b\":[true,false,null,\"\"]},\"m\":-0.5,\"\":\"\"}",
        "[0,-1,9223372036854775807,-9223372036854775808]",
        "[1.0,42.3,1e300,-1e-300,0.1,123456789012345680.0,5e-324]",
        "\"alone\"",
        "7",
        "{\"a \\\" \\\\ / \\n \\u0001 \xc3\xa4\":\"/\\u007f\\u2028\"}",
        "[\"\xf0\x9f\x8e\xac/\"]",
    };
    char every[4000];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_writing(
            json_loads(texts[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    for (size_t i = 0; i < 128; i++)
        every[i] = (char)i;
    check_writing(json_stringn(every, 128));
    /* As long as what is gathered, and around it; with an escape at the end. */
    memset(every + 128, 'x', sizeof(every) - 128);
    for (size_t len = 500; len < 520; len++) {
        check_writing(json_stringn(every + 128, len));
        check_writing(json_pack("[o,o,o]", json_stringn(every + 30, len),
                                json_stringn(every, len),
                                json_stringn(every + 1000, 3000)));
    }
    check_writing(json_stringn("\"", 1));
    check_writing(json_stringn("a\0\n", 3));
}

/* The same numbers in every run. */
static uint32_t dice(uint32_t sides)
{
    static uint64_t state = 88172645463325252;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % sides;
}

static json_t *any_text(void)
{
    static const char *const pieces[] = {
        "\"",
        "\\",
        "/",
        "\x7f",
        "\n",
        "\x1f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe2\x80\xa8",
        "\xed\x9f\xbf",
        "a",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "abcdefgh",
    };
    const size_t pieces_max = dice(8) == 0 ? 400 : 12;
    char text[4000] = "";
    size_t len = 0;

    for (size_t i = dice((uint32_t)pieces_max); i > 0; i--) {
        const char *piece = pieces[dice(sizeof(pieces) / sizeof(pieces[0]))];

        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
        if (dice(8) == 0)
            text[len++] = (char)dice(' ');
    }
    return json_stringn(text, len);
}

static json_t *any_number(void)
{
    const uint64_t bits = (uint64_t)dice(UINT32_MAX) << 32 | dice(UINT32_MAX);
    double real = 0;

    if (dice(2) == 0)
        return json_integer((json_int_t)(bits >> dice(64)));
    memcpy(&real, &bits, sizeof(real));
    /* Not a number and infinity have no JSON. */
    return json_real(dice(2) == 0 && real - real == 0 ? real
                                                      : (int32_t)bits / 1000.0);
}

static json_t *any_value(int depth)
{
    json_t *value = NULL;

    switch (dice(depth > 0 ? 6 : 4)) {
    case 0:
    case 1:
        return any_text();
    case 2:
        return any_number();
    case 3:
        return dice(3) == 0 ? json_null() : json_boolean(dice(2));
    case 4:
        value = json_array();
        for (uint32_t i = dice(6); i > 0; i--)
            (void)json_array_append_new(value, any_value(depth - 1));
        return value;
    default:
        value = json_object();
        for (uint32_t i = dice(6); i > 0; i--) {
            json_t *name = any_text();

            /* Up to its first NUL: a name has none. */
            (void)json_object_set_new(value, json_string_value(name),
                                      any_value(depth - 1));
            json_decref(name);
        }
        return value;
    }
}

static void whatever_is_written_is_janssons(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        check_writing(any_value(4));
}

/* Runs out at the double, which jansson writes with memory of its own. */
static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void a_double_without_memory_is_not_an_error_of_ours(void **state)
{
    json_t *value = json_real(0.5);
    json_malloc_t take = NULL;
    json_free_t give = NULL;
    enum lastcall_status status = LASTCALL_OK;
    struct bytes out;

    (void)state;
    bytes_init(&out, 100);
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(no_memory, give);
    status = json_write(value, &out);
    json_set_alloc_funcs(take, give);
    assert_int_equal(status, LASTCALL_E_NOMEM);
    assert_int_equal(out.len, 0);
    bytes_deinit(&out);
    json_decref(value);
}

static void half_a_document_is_none(void **state)
{
    json_t *object = json_pack("{s:[i,s,f],s:{s:s}}", "one", 1, "a\nb", 2.5,
                               "two", "name", "value");
    struct bytes out;
    size_t whole = 0;

    (void)state;
    bytes_init(&out, 1000);
    assert_int_equal(json_write(object, &out), LASTCALL_OK);
    whole = out.len;
    bytes_deinit(&out);
    for (size_t max = 3; max < whole + 3; max++) {
        bytes_init(&out, max);
        assert_int_equal(bytes_append_text(&out, "abc"), LASTCALL_OK);
        assert_int_equal(json_write(object, &out), LASTCALL_E_TOO_LARGE);
        assert_string_equal((const char *)out.data, "abc");
        assert_int_equal(out.len, 3);
        bytes_deinit(&out);
    }
    bytes_init(&out, whole);
    assert_int_equal(json_write(NULL, &out), LASTCALL_E_NOMEM);
    assert_int_equal(out.len, 0);
    assert_int_equal(json_write(object, &out), LASTCALL_OK);
    bytes_deinit(&out);
    json_decref(object);
}

/* Larger than what is gathered at a time: a part of it was there already. */
static void nothing_of_a_large_document_stays(void **state)
{
    char text[3000];
    json_t *array = json_array();
    struct bytes out;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(json_array_append_new(array, json_stringn(text, 400)), 0);
    assert_int_equal(json_array_append_new(array, json_stringn(text, 400)), 0);
    assert_int_equal(json_array_append_new(array, json_stringn(text, 3000)), 0);
    assert_int_equal(json_array_append_new(array, json_stringn(text, 600)), 0);
    bytes_init(&out, 2000);
    assert_int_equal(bytes_append_text(&out, "abc"), LASTCALL_OK);
    assert_int_equal(json_write(array, &out), LASTCALL_E_TOO_LARGE);
    assert_string_equal((const char *)out.data, "abc");
    assert_int_equal(out.len, 3);
    bytes_deinit(&out);
    json_decref(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_json_is_refused),
        cmocka_unit_test(a_root_that_is_no_object),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(siblings_are_not_depth),
        cmocka_unit_test(lenient_takes_what_servers_send),
        cmocka_unit_test(getters_give_what_is_there),
        cmocka_unit_test(absent_and_null_leave_the_default),
        cmocka_unit_test(getters_name_the_member_that_is_wrong),
        cmocka_unit_test(unknown_members_are_named_in_ascii),
        cmocka_unit_test(writing_is_compact_ordered_and_bounded),
        cmocka_unit_test(writing_is_janssons),
        cmocka_unit_test(whatever_is_written_is_janssons),
        cmocka_unit_test(a_double_without_memory_is_not_an_error_of_ours),
        cmocka_unit_test(half_a_document_is_none),
        cmocka_unit_test(nothing_of_a_large_document_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
