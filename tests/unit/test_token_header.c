#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/token.h"

/* Larger than the longest header that may be. */
#define TOKEN_SIZE_MAX 200000

#define KID "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopo"
#define BEGINNING                                                              \
    "{\"alg\":\"EdDSA\",\"typ\":\"lastcall-command+jwt\",\"kid\":\""
#define COMMON BEGINNING KID "\",\"grant\":\""

/* Decode a token with a header of our making; nobody has signed it. */
static enum lastcall_status decode_with(const char *header, size_t len,
                                        struct token *out)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    struct bytes text;

    bytes_init(&text, TOKEN_SIZE_MAX);
    assert_int_equal(bytes_append_base64url(&text, header, len), LASTCALL_OK);
    assert_int_equal(bytes_append_text(&text, ".e30."), LASTCALL_OK);
    for (size_t i = 0; i < 86; i++)
        assert_int_equal(bytes_append_text(&text, "A"), LASTCALL_OK);
    status = token_decode(text.data, text.len, out);
    bytes_deinit(&text);
    return status;
}

/* The header that token_sign() writes is read without a parser: what differs
 * from it by a byte must come to what it always came to. */
/* holds 2.3 */
static void headers_mean_the_same_in_every_form(void **state)
{
    static const struct {
        const char *header;
        enum lastcall_status status;
        const char *grant;
    } rows[] = {
        {COMMON "a.b-_9\"}", LASTCALL_OK, "a.b-_9"},
        {COMMON "\"}", LASTCALL_OK, ""},
        {COMMON "a.b\"} ", LASTCALL_OK, "a.b"},
        {COMMON "a.b\" }", LASTCALL_OK, "a.b"},
        {COMMON "a.b\",\"x\":1}", LASTCALL_OK, "a.b"},
        {COMMON "a\\u002eb\"}", LASTCALL_OK, "a.b"},
        {COMMON "a b\"}", LASTCALL_OK, "a b"},
        {"{\"grant\":\"g\",\"kid\":\"" KID
         "\",\"typ\":\"lastcall-command+jwt\",\"alg\":\"EdDSA\"}",
         LASTCALL_OK, "g"},
        {COMMON "a.b\"}}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b\"", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b\"]", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b", LASTCALL_E_ENCODING, NULL},
        {COMMON "}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a\xff\"}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a\tb\"}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b\",\"grant\":\"a.b\"}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b\",\"kid\":\"" KID "\"}", LASTCALL_E_ENCODING, NULL},
        {COMMON "a.b\",\"crit\":[]}", LASTCALL_E_ALGORITHM, NULL},
        {BEGINNING KID "\"}", LASTCALL_E_GRANT, NULL},
        {BEGINNING KID "\",\"grant\":7}", LASTCALL_E_SHAPE, NULL},
        {BEGINNING KID "A\",\"grant\":\"g\"}", LASTCALL_E_SHAPE, NULL},
        {BEGINNING "B\",\"grant\":\"g\"}", LASTCALL_E_SHAPE, NULL},
        {BEGINNING "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop="
                   "\",\"grant\":\"g\"}",
         LASTCALL_E_SHAPE, NULL},
        {"{\"alg\":\"EdDSa\",\"typ\":\"lastcall-command+jwt\",\"kid\":\"" KID
         "\",\"grant\":\"g\"}",
         LASTCALL_E_ALGORITHM, NULL},
        {"{\"alg\":\"EdDSA\",\"typ\":\"lastcall-command+jwtx\",\"kid\":\"" KID
         "\",\"grant\":\"g\"}",
         LASTCALL_E_TYPE, NULL},
        {"{\"alg\":\"EdDSA\",\"typ\":\"lastcall-grant+jwt\",\"kid\":\"" KID
         "\",\"grant\":\"g\"}",
         LASTCALL_E_GRANT, NULL},
        {"{\"alg\":\"EdDSA\",\"typ\":\"lastcall-grant+jwt\",\"kid\":\"" KID
         "\"}",
         LASTCALL_OK, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct token token;

        if (decode_with(rows[i].header, strlen(rows[i].header), &token) !=
            rows[i].status)
            fail_msg("%s: not %s", rows[i].header, status_name(rows[i].status));
        if (rows[i].status == LASTCALL_OK) {
            assert_string_equal(token.kid, KID);
            assert_int_equal(token.type, rows[i].grant != NULL ? TOKEN_COMMAND
                                                               : TOKEN_GRANT);
        }
        if (rows[i].grant != NULL)
            assert_string_equal(token.grant, rows[i].grant);
        else
            assert_null(token.grant);
        token_deinit(&token);
    }
}

/* The same numbers in every run. */
static size_t dice(size_t sides)
{
    static uint64_t state = 88172645463325252;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 20) % sides;
}

/* Change a byte, leave one out, put one in, or end there. */
static size_t spoil(char *header, size_t len)
{
    static const char bytes[] = "\"\\{}:, \0\xff\xc3\xa4=.-_aZ09\n[]";
    const char byte = bytes[dice(sizeof(bytes) - 1)];
    const size_t at = dice(len);

    switch (dice(7)) {
    case 0:
        return at;
    case 1:
    case 2:
        memmove(header + at, header + at + 1, len - at - 1);
        return len - 1;
    case 3:
    case 4:
        memmove(header + at + 1, header + at, len - at);
        header[at] = byte;
        return len + 1;
    default:
        header[at] = byte;
        return len;
    }
}

/* A blank behind it sends a header to the parser, which must say the same. */
/* holds 2.3 */
static void a_spoilt_header_means_what_the_parser_says(void **state)
{
    static const char plain[] = COMMON "eyJhbGciOiJFZERTQSJ9.e30.c2ln-_\"}";
    size_t read_count = 0;

    (void)state;
    for (int i = 0; i < 30000; i++) {
        char header[sizeof(plain) + 8];
        size_t len = sizeof(plain) - 1;
        struct token one;
        struct token other;
        enum lastcall_status status;

        memcpy(header, plain, len);
        for (size_t k = dice(3); k > 0 && len > 0; k--)
            len = spoil(header, len);
        status = decode_with(header, len, &one);
        header[len] = ' ';
        if (decode_with(header, len + 1, &other) != status)
            fail_msg("%.*s: not %s", (int)len, header, status_name(status));
        read_count += status == LASTCALL_OK;
        assert_int_equal(one.type, other.type);
        assert_string_equal(one.kid, other.kid);
        assert_int_equal(one.grant == NULL, other.grant == NULL);
        if (one.grant != NULL)
            assert_string_equal(one.grant, other.grant);
        token_deinit(&one);
        token_deinit(&other);
    }
    assert_in_range(read_count, 10000, 20000);
}

static void a_header_names_each_type(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOKEN_TYPE_COUNT; i++) {
        const enum token_type type = (enum token_type)i;
        const bool is_roots = token_type_is_roots(type);
        struct token token;
        char header[512];

        (void)snprintf(
            header, sizeof(header),
            "{\"alg\":\"EdDSA\",\"typ\":\"%s\",\"kid\":\"" KID "\"%s}",
            token_type_name(type), is_roots ? "" : ",\"grant\":\"g\"");
        assert_int_equal(decode_with(header, strlen(header), &token),
                         LASTCALL_OK);
        assert_int_equal(token.type, type);
        token_deinit(&token);
    }
}

static void a_header_ends_where_it_ends(void **state)
{
    static const char nul_inside[] = COMMON "a\0b\"}";
    static const char nul_behind[] = COMMON "a\"}\0";
    struct token token;

    (void)state;
    assert_int_equal(decode_with(nul_inside, sizeof(nul_inside) - 1, &token),
                     LASTCALL_E_ENCODING);
    assert_int_equal(decode_with(nul_behind, sizeof(nul_behind) - 1, &token),
                     LASTCALL_E_ENCODING);
    assert_int_equal(decode_with("", 0, &token), LASTCALL_E_ENCODING);
}

/* As long as a grant may be, and one longer. */
static void a_grant_has_a_longest(void **state)
{
    char *header = NULL;
    struct token token;

    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        const size_t begin = strlen(COMMON);
        const size_t len = TOKEN_GRANT_BYTES_MAX + extra;

        header = malloc(begin + len + 3);
        assert_non_null(header);
        memcpy(header, COMMON, begin);
        memset(header + begin, 'g', len);
        memcpy(header + begin + len, "\"}", 3);
        assert_int_equal(decode_with(header, begin + len + 2, &token),
                         extra == 0 ? LASTCALL_OK : LASTCALL_E_TOO_LARGE);
        assert_int_equal(extra == 0 ? strlen(token.grant) : len, len);
        token_deinit(&token);
        free(header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_mean_the_same_in_every_form),
        cmocka_unit_test(a_spoilt_header_means_what_the_parser_says),
        cmocka_unit_test(a_header_names_each_type),
        cmocka_unit_test(a_header_ends_where_it_ends),
        cmocka_unit_test(a_grant_has_a_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
