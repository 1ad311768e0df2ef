#include "tests/unit/bodies.h"

#include "protocol/moment.h"
#include "protocol/revocation.h"

#define THUMB_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA"
#define THUMB_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA"
#define LIST(seq, revoked)                                                     \
    "{\"iss\":\"root\",\"iat\":1000,\"jti\":\"r\",\"fleet\":\"lastcall\","     \
    "\"seq\":" seq ",\"revoked\":" revoked "}"

static enum lastcall_status decode(const char *text,
                                   struct revocation_list *out)
{
    struct verified verified = bodies_parse(TOKEN_REVOCATION, text);
    enum lastcall_status status = revocation_decode(&verified, out);

    verified_deinit(&verified);
    return status;
}

/* holds 3.7 */
static void what_was_issued_before_the_second_is_void(void **state)
{
    struct revocation_list list;

    (void)state;
    assert_int_equal(decode(LIST("1", "{\"" THUMB_B "\":500,\"" THUMB_A
                                      "\":\"1970-01-01T00:10:00Z\"}"),
                            &list),
                     LASTCALL_OK);
    assert_true(revocation_covers(&list, THUMB_B, 499));
    assert_false(revocation_covers(&list, THUMB_B, 500));
    assert_false(revocation_covers(&list, THUMB_B, 501));
    assert_true(revocation_covers(&list, THUMB_A, 599));
    assert_false(revocation_covers(&list, THUMB_A, 600));
    assert_false(revocation_covers(&list, "another", 0));
    revocation_deinit(&list);
    assert_false(revocation_covers(&list, THUMB_A, 0));
}

/* holds 3.7 */
static void a_star_stands_for_every_key(void **state)
{
    struct revocation_list list;

    (void)state;
    assert_int_equal(
        decode(LIST("1", "{\"*\":500,\"" THUMB_A "\":400}"), &list),
        LASTCALL_OK);
    assert_true(revocation_covers(&list, THUMB_A, 450));
    assert_true(revocation_covers(&list, THUMB_B, 499));
    assert_false(revocation_covers(&list, THUMB_B, 500));
    revocation_deinit(&list);
}

static void a_part_of_a_second_counts_as_the_whole(void **state)
{
    struct revocation_list list;

    (void)state;
    assert_int_equal(
        decode(LIST("1", "{\"*\":\"1970-01-01T00:00:10.001Z\"}"), &list),
        LASTCALL_OK);
    assert_true(revocation_covers(&list, THUMB_A, 10));
    assert_false(revocation_covers(&list, THUMB_A, 11));
    revocation_deinit(&list);
}

static void lists_that_are_refused(void **state)
{
    static const char *const texts[] = {
        LIST("0", "{}"),
        LIST("-1", "{}"),
        LIST("1.5", "{}"),
        LIST("\"1\"", "{}"),
        LIST("1", "[]"),
        LIST("1", "{\"short\":5}"),
        LIST("1", "{\"" THUMB_A "a\":5}"),
        LIST("1", "{\"" THUMB_A "\":-5}"),
        LIST("1", "{\"" THUMB_A "\":5.5}"),
        LIST("1", "{\"" THUMB_A "\":null}"),
        LIST("1", "{\"" THUMB_A "\":\"yesterday\"}"),
        LIST("1", "{\"" THUMB_A "\":999999999999999}"),
        "{\"iss\":\"root\",\"iat\":1,\"seq\":1,\"revoked\":{}}",
        "{\"iss\":\"root\",\"iat\":1,\"fleet\":\"f\",\"revoked\":{}}",
        "{\"iss\":\"root\",\"iat\":1,\"fleet\":\"f\",\"seq\":1}",
        "{\"iss\":\"root\",\"iat\":1,\"fleet\":\"F\",\"seq\":1,"
        "\"revoked\":{}}",
        "{\"iss\":\"host:a\",\"iat\":1,\"fleet\":\"f\",\"seq\":1,"
        "\"revoked\":{}}",
    };
    struct revocation_list list;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (decode(texts[i], &list) != LASTCALL_E_SHAPE)
            fail_msg("accepted: %s", texts[i]);
        assert_null(list.entries);
    }
}

static void a_list_is_encoded_as_it_was(void **state)
{
    static const char text[] =
        LIST("7", "{\"*\":1,\"" THUMB_A "\":2,\"" THUMB_B "\":3}");
    struct revocation_list list;
    char *again = NULL;

    (void)state;
    assert_int_equal(decode(text, &list), LASTCALL_OK);
    again = bodies_text(revocation_encode(&list, "r"));
    assert_string_equal(again, text);
    free(again);
    revocation_deinit(&list);
}

static void adding_keeps_the_later_time(void **state)
{
    struct revocation_list list = {0};

    (void)state;
    assert_int_equal(revocation_add(&list, THUMB_B, 10), LASTCALL_OK);
    assert_int_equal(revocation_add(&list, THUMB_A, 20), LASTCALL_OK);
    assert_int_equal(revocation_add(&list, THUMB_B, 5), LASTCALL_OK);
    assert_int_equal(list.count, 2);
    assert_true(revocation_covers(&list, THUMB_B, 9));
    assert_int_equal(revocation_add(&list, THUMB_B, 15), LASTCALL_OK);
    assert_true(revocation_covers(&list, THUMB_B, 14));
    assert_false(revocation_covers(&list, THUMB_B, 15));
    revocation_deinit(&list);
}

static void what_names_no_key_is_not_added(void **state)
{
    struct revocation_list list = {0};

    (void)state;
    assert_int_equal(revocation_add(&list, "aaaa", 1), LASTCALL_E_SYNTAX);
    assert_int_equal(revocation_add(&list, "", 1), LASTCALL_E_SYNTAX);
    assert_int_equal(revocation_add(&list, THUMB_A "A", 1), LASTCALL_E_SYNTAX);
    /* No thumbprint ends with bits that 32 bytes do not have. */
    assert_int_equal(revocation_add(&list,
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                    "B",
                                    1),
                     LASTCALL_E_SYNTAX);
    assert_int_equal(revocation_add(&list, THUMB_A, -1), LASTCALL_E_SYNTAX);
    assert_int_equal(revocation_add(&list, THUMB_A, INT64_MAX),
                     LASTCALL_E_SYNTAX);
    assert_int_equal(list.count, 0);
}

/* `count` entries as JSON. */
static char *many(int count)
{
    struct bytes text;

    bytes_init(&text, 256 * 1024);
    assert_int_equal(
        bytes_append_text(&text, "{\"iss\":\"root\",\"iat\":1,\"jti\":\"r\","
                                 "\"fleet\":\"f\",\"seq\":1,\"revoked\":{"),
        LASTCALL_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(
            bytes_append_format(&text,
                                "%s\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "%07dA\":%d",
                                i > 0 ? "," : "", (i * 7919) % 10000, i + 1),
            LASTCALL_OK);
    assert_int_equal(bytes_append_text(&text, "}}"), LASTCALL_OK);
    return bytes_take(&text);
}

static void the_bound_is_exact(void **state)
{
    struct revocation_list list;
    char *text = many(REVOCATION_COUNT_MAX);

    (void)state;
    assert_int_equal(decode(text, &list), LASTCALL_OK);
    for (size_t i = 0; i < list.count; i++)
        assert_true(revocation_covers(&list, list.entries[i].thumbprint,
                                      list.entries[i].before_s - 1));
    assert_int_equal(REVOCATION_COUNT_MAX, 800);
    assert_int_equal(revocation_add(&list, THUMB_B, 1), LASTCALL_E_TOO_LARGE);
    revocation_deinit(&list);
    free(text);
    text = many(REVOCATION_COUNT_MAX + 1);
    assert_int_equal(decode(text, &list), LASTCALL_E_TOO_LARGE);
    free(text);
}

/* holds 3.7 */
static void the_longest_list_fits_its_token(void **state)
{
    struct revocation_list list;
    char *text = many(REVOCATION_COUNT_MAX);
    struct key root;
    struct bytes token;
    json_t *claims = NULL;

    (void)state;
    assert_int_equal(decode(text, &list), LASTCALL_OK);
    list.seq = INT64_MAX;
    list.iat_s = MOMENT_S_MAX;
    memset(list.fleet, 'f', sizeof(list.fleet) - 1);
    for (size_t i = 0; i < list.count; i++)
        list.entries[i].before_s = MOMENT_S_MAX;
    claims = revocation_encode(&list, "abcdefghijklmnopqrstuvwxyz0123456789"
                                      "abcdefghijklmnopqrstuvwxyz01");
    assert_int_equal(key_generate(&root), LASTCALL_OK);
    assert_int_equal(token_sign(TOKEN_REVOCATION, &root, NULL, claims, &token),
                     LASTCALL_OK);
    json_decref(claims);
    bytes_deinit(&token);
    key_deinit(&root);
    revocation_deinit(&list);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_issued_before_the_second_is_void),
        cmocka_unit_test(a_star_stands_for_every_key),
        cmocka_unit_test(a_part_of_a_second_counts_as_the_whole),
        cmocka_unit_test(lists_that_are_refused),
        cmocka_unit_test(a_list_is_encoded_as_it_was),
        cmocka_unit_test(adding_keeps_the_later_time),
        cmocka_unit_test(what_names_no_key_is_not_added),
        cmocka_unit_test(the_bound_is_exact),
        cmocka_unit_test(the_longest_list_fits_its_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
