#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

static void appending_keeps_the_nul_behind(void **state)
{
    struct bytes bytes;

    (void)state;
    bytes_init(&bytes, 1000);
    for (size_t i = 1; i <= 1000; i++) {
        assert_int_equal(bytes_append(&bytes, "x", 1), LASTCALL_OK);
        assert_int_equal(bytes.len, i);
        assert_int_equal(strlen((char *)bytes.data), i);
    }
    assert_int_equal(bytes_append(&bytes, "x", 1), LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes.len, 1000);
    assert_int_equal(bytes_append(&bytes, NULL, 0), LASTCALL_OK);
    bytes_deinit(&bytes);
    assert_null(bytes.data);
    assert_int_equal(bytes.max, 1000);
    assert_int_equal(bytes_append_text(&bytes, "again"), LASTCALL_OK);
    assert_string_equal((char *)bytes.data, "again");
    bytes_deinit(&bytes);
}

static void the_empty_buffer_refuses_and_deinits(void **state)
{
    struct bytes bytes = {0};

    (void)state;
    assert_int_equal(bytes_append(&bytes, "x", 1), LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes_append_text(&bytes, ""), LASTCALL_OK);
    assert_null(bytes_take(&bytes));
    bytes_deinit(&bytes);
    bytes_deinit(&bytes);
}

static void what_does_not_fit_appends_nothing(void **state)
{
    struct bytes bytes;

    (void)state;
    bytes_init(&bytes, 5);
    assert_int_equal(bytes_append_format(&bytes, "%d%s", 12, "34"),
                     LASTCALL_OK);
    assert_int_equal(bytes_append_format(&bytes, "%s", "56"),
                     LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes_append_base64url(&bytes, "a", 1),
                     LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes_decode_base64url("QUJD", 4, &bytes),
                     LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes_append(&bytes, "y", SIZE_MAX), LASTCALL_E_TOO_LARGE);
    assert_int_equal(bytes.len, 4);
    assert_string_equal((char *)bytes.data, "1234");
    assert_int_equal(bytes_append_format(&bytes, "%s", "5"), LASTCALL_OK);
    assert_string_equal((char *)bytes.data, "12345");
    bytes_deinit(&bytes);
}

static void taking_leaves_the_buffer_empty(void **state)
{
    struct bytes bytes;
    char *text;

    (void)state;
    bytes_init(&bytes, 10);
    assert_int_equal(bytes_append_text(&bytes, "mine"), LASTCALL_OK);
    text = bytes_take(&bytes);
    assert_string_equal(text, "mine");
    assert_null(bytes.data);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(bytes.max, 10);
    free(text);
    bytes_deinit(&bytes);
}

struct pair {
    const char *plain;
    const char *encoded;
};

static void check_pair(const void *plain, size_t len, const char *encoded)
{
    struct bytes bytes;
    unsigned char exact[64];

    bytes_init(&bytes, 1000);
    assert_int_equal(bytes_append_base64url(&bytes, plain, len), LASTCALL_OK);
    assert_string_equal(bytes.data == NULL ? "" : (char *)bytes.data, encoded);
    bytes_deinit(&bytes);

    assert_int_equal(bytes_decode_base64url(encoded, strlen(encoded), &bytes),
                     LASTCALL_OK);
    assert_int_equal(bytes.len, len);
    if (len > 0)
        assert_memory_equal(bytes.data, plain, len);
    bytes_deinit(&bytes);

    assert_true(len < sizeof(exact));
    assert_int_equal(
        bytes_decode_base64url_exact(encoded, strlen(encoded), exact, len),
        LASTCALL_OK);
    assert_memory_equal(exact, plain, len);
    assert_int_equal(
        bytes_decode_base64url_exact(encoded, strlen(encoded), exact, len + 1),
        LASTCALL_E_ENCODING);
}

static void base64url_of_the_rfcs(void **state)
{
    /* RFC 4648, section 10, without the padding. */
    static const struct pair pairs[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
    };
    /* RFC 7515, appendix C. */
    static const unsigned char appendix_c[] = {3, 236, 255, 224, 193};
    /* RFC 7515, appendix A.1.1: the header, with its line break. */
    static const char header[] = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check_pair(pairs[i].plain, strlen(pairs[i].plain), pairs[i].encoded);
    check_pair(appendix_c, sizeof(appendix_c), "A-z_4ME");
    check_pair(header, strlen(header),
               "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9");
}

static void one_value_has_one_spelling(void **state)
{
    static const char *const refused[] = {
        "A",      "AAAAA",   "Zg==", "Zg=",     "Zm8=", "Zm9v\n",  " Zm9v",
        "Zm 9v",  "Zm+v",    "Zm/v", "Zh",      "Zm9",  "Z",       "Zm9vZ",
        "Zm9vZh", "Zm9vZm9", "Zm.v", "Zm\xc3v", "====", "Zm9\x7f",
    };
    struct bytes bytes;
    unsigned char exact[3];

    (void)state;
    bytes_init(&bytes, 100);
    assert_int_equal(bytes_append_text(&bytes, "kept"), LASTCALL_OK);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (bytes_decode_base64url(refused[i], strlen(refused[i]), &bytes) !=
            LASTCALL_E_ENCODING)
            fail_msg("accepted \"%s\"", refused[i]);
        assert_string_equal((char *)bytes.data, "kept");
    }
    assert_int_equal(bytes_decode_base64url("Zm\0v", 4, &bytes),
                     LASTCALL_E_ENCODING);
    assert_int_equal(bytes_decode_base64url_exact("Zm9=", 4, exact, 3),
                     LASTCALL_E_ENCODING);
    assert_memory_equal(exact, "\0\0\0", 3);
    bytes_deinit(&bytes);
}

static void every_byte_value_survives(void **state)
{
    unsigned char all[256];
    struct bytes text, back;

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    bytes_init(&text, 1000);
    bytes_init(&back, 1000);
    for (size_t len = 0; len <= sizeof(all); len++) {
        assert_int_equal(bytes_append_base64url(&text, all, len), LASTCALL_OK);
        assert_int_equal(
            bytes_decode_base64url((char *)text.data, text.len, &back),
            LASTCALL_OK);
        assert_int_equal(back.len, len);
        assert_memory_equal(len > 0 ? back.data : all, all, len);
        bytes_deinit(&text);
        bytes_deinit(&back);
    }
}

static void sha256(void **state)
{
    /* FIPS 180-4's example "abc", and RFC 7638, section 3.1. */
    static const unsigned char abc[BYTES_SHA256_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const char rfc7638[] =
        "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nnd"
        "rQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
        "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5"
        "v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
        "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}";
    unsigned char digest[BYTES_SHA256_LEN];
    char text[BYTES_SHA256_TEXT_SIZE];

    (void)state;
    assert_int_equal(bytes_sha256("abc", 3, digest), LASTCALL_OK);
    assert_memory_equal(digest, abc, sizeof(abc));
    assert_int_equal(bytes_sha256_text(rfc7638, strlen(rfc7638), text),
                     LASTCALL_OK);
    assert_string_equal(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

static void utf8(void **state)
{
    static const char *const good[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xf0\x9f\x8e\xac z",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x8e",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "ok\xfe",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(bytes_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(bytes_is_utf8(bad[i], strlen(bad[i])));
    assert_false(bytes_is_utf8("a\0b", 3));
    assert_int_equal(bytes_mark_len("\xef\xbb\xbf", 3), 3);
    assert_int_equal(bytes_mark_len("\xef\xbb\xbf", 2), 0);
    assert_int_equal(bytes_mark_len(NULL, 0), 0);
    assert_true(bytes_is_utf16("\xff\xfe"
                               "a",
                               3));
    assert_true(bytes_is_utf16("\xfe\xff", 2));
    assert_false(bytes_is_utf16("\xff\xfe", 1));
    /* Cut in the middle, with the rest right behind. */
    assert_false(bytes_is_utf8("\xe2\x82\xac", 2));
}

static void wiping_and_copying(void **state)
{
    char secret[] = "secret";
    char *copy;

    (void)state;
    bytes_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof(secret));
    bytes_wipe(NULL, 0);
    assert_null(bytes_copy_text(NULL));
    copy = bytes_copy_text("text");
    assert_string_equal(copy, "text");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending_keeps_the_nul_behind),
        cmocka_unit_test(the_empty_buffer_refuses_and_deinits),
        cmocka_unit_test(what_does_not_fit_appends_nothing),
        cmocka_unit_test(taking_leaves_the_buffer_empty),
        cmocka_unit_test(base64url_of_the_rfcs),
        cmocka_unit_test(one_value_has_one_spelling),
        cmocka_unit_test(every_byte_value_survives),
        cmocka_unit_test(sha256),
        cmocka_unit_test(utf8),
        cmocka_unit_test(wiping_and_copying),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
