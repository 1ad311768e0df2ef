#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/token.h"

#define CASES TEST_SOURCE_DIR "/cases/token"
#define SUFFIX ".jwt"
/* Larger than the largest case. */
#define CASE_SIZE_MAX 200000
#define IAT INT64_C(1795249800)

/* The keys of cases/token/make.py. */
static struct key root, alice;

static int make_keys(void **state)
{
    unsigned char seed[KEY_RAW_LEN];

    (void)state;
    memset(seed, 1, sizeof(seed));
    assert_int_equal(key_from_seed(seed, &root), LASTCALL_OK);
    memset(seed, 2, sizeof(seed));
    assert_int_equal(key_from_seed(seed, &alice), LASTCALL_OK);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    key_deinit(&root);
    key_deinit(&alice);
    return 0;
}

/* Read a case; the caller frees it. */
static char *read_case(const char *name, size_t *len)
{
    char path[1024];
    char *text = malloc(CASE_SIZE_MAX);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", CASES, name);
    file = fopen(path, "rb");
    if (file == NULL || text == NULL)
        fail_msg("cannot read %s", path);
    *len = fread(text, 1, CASE_SIZE_MAX, file);
    assert_true(*len < CASE_SIZE_MAX);
    assert_int_equal(fclose(file), 0);
    return text;
}

static struct token decoded_case(const char *name)
{
    struct token token;
    size_t len;
    char *text = read_case(name, &len);

    assert_int_equal(token_decode(text, len, &token), LASTCALL_OK);
    assert_string_equal(token.text, strncmp(text, token.text, len) == 0
                                        ? token.text
                                        : "changed");
    assert_int_equal(token.text_len, len);
    free(text);
    return token;
}

/* The status that a case's name promises; the count when it promises none. */
static enum lastcall_status expected_status(const char *name)
{
    if (strncmp(name, "accept-", 7) == 0)
        return LASTCALL_OK;
    if (strncmp(name, "refuse-", 7) != 0)
        return LASTCALL_STATUS_COUNT;
    for (int i = 1; i < LASTCALL_STATUS_COUNT; i++) {
        const char *status = status_name((enum lastcall_status)i);
        size_t len = strlen(status);

        if (strncmp(name + 7, status, len) == 0 && name[7 + len] == '-')
            return (enum lastcall_status)i;
    }
    return LASTCALL_STATUS_COUNT;
}

static void check_case(const char *name)
{
    static const struct token empty;
    enum lastcall_status expected = expected_status(name);
    enum lastcall_status got;
    struct token token;
    size_t len;
    char *text;

    if (expected == LASTCALL_STATUS_COUNT)
        fail_msg("%s: not accept-* and not refuse-<status>-*", name);
    text = read_case(name, &len);
    got = token_decode(text, len, &token);
    free(text);
    if (got != expected)
        fail_msg("%s: %s", name, status_name(got));
    if (expected != LASTCALL_OK)
        assert_memory_equal(&token, &empty, sizeof(token));
    token_deinit(&token);
}

/* holds 2.1, 2.2, 2.3, 2.4, 2.5, 2.7, 2.8, 2.10, 4.2 */
static void tokens_of_the_case_folder(void **state)
{
    DIR *folder = opendir(CASES);
    struct dirent *entry;
    size_t accepted = 0, refused = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len < strlen(SUFFIX) ||
            strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) != 0)
            continue;
        check_case(entry->d_name);
        if (entry->d_name[0] == 'a')
            accepted++;
        else
            refused++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(accepted > 0);
    assert_true(refused > 0);
}

static void a_foreign_token_verifies(void **state)
{
    struct token token = decoded_case("accept-command.jwt");
    struct token grant;
    struct verified verified;

    (void)state;
    assert_int_equal(token.type, TOKEN_COMMAND);
    assert_string_equal(token.kid, alice.thumbprint);
    assert_int_equal(token_decode(token.grant, strlen(token.grant), &grant),
                     LASTCALL_OK);
    assert_int_equal(grant.type, TOKEN_GRANT);
    assert_null(grant.grant);

    assert_int_equal(token_verify(&token, &alice, &verified), LASTCALL_OK);
    assert_int_equal(verified.type, TOKEN_COMMAND);
    assert_string_equal(verified.kid, alice.thumbprint);
    assert_string_equal(verified.hash, token.hash);
    assert_string_equal(verified.iss, "controller:alice");
    assert_string_equal(verified.jti, "0123456789abcdef");
    assert_true(verified.iat_s == IAT);
    assert_true(json_is_object(json_object_get(verified.claims, "request")));
    verified_deinit(&verified);

    assert_int_equal(token_verify(&grant, &root, &verified), LASTCALL_OK);
    assert_string_equal(verified.iss, "root");
    verified_deinit(&verified);
    token_deinit(&grant);
    token_deinit(&token);
}

/* holds 2.6 */
static void only_the_signer_verifies(void **state)
{
    static const struct verified empty;
    struct token token = decoded_case("accept-command.jwt");
    struct key claimed = root;
    struct verified verified;

    (void)state;
    assert_int_equal(token_verify(&token, &root, &verified), LASTCALL_E_KEY);
    assert_memory_equal(&verified, &empty, sizeof(verified));

    /* A thumbprint that is claimed, with another key behind it. */
    memcpy(claimed.thumbprint, alice.thumbprint, sizeof(claimed.thumbprint));
    assert_int_equal(token_verify(&token, &claimed, &verified),
                     LASTCALL_E_SIGNATURE);
    assert_memory_equal(&verified, &empty, sizeof(verified));
    token_deinit(&token);
}

/* Change each character in turn: decoding or the signature must refuse. */
static void no_character_can_be_changed(void **state)
{
    size_t len;
    char *text = read_case("accept-command.jwt", &len);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        char before = text[i];
        struct token token;
        struct verified verified;

        text[i] = before == 'A' ? 'B' : 'A';
        if (token_decode(text, len, &token) == LASTCALL_OK) {
            assert_int_not_equal(token_verify(&token, &alice, &verified),
                                 LASTCALL_OK);
            assert_null(verified.claims);
        }
        token_deinit(&token);
        text[i] = before;
    }
    free(text);
}

static void no_piece_of_a_token_is_one(void **state)
{
    size_t len;
    char *text = read_case("accept-command.jwt", &len);
    struct token token;

    (void)state;
    for (size_t i = 0; i < len; i++) {
        assert_int_not_equal(token_decode(text, i, &token), LASTCALL_OK);
        assert_int_not_equal(token_decode(text + i + 1, len - i - 1, &token),
                             LASTCALL_OK);
    }
    free(text);
}

static const char *any_grant(void)
{
    return "e30.e30.e30";
}

/* What token_verify() says to claims that were rightly signed. */
static enum lastcall_status verdict_on(const char *claims_text)
{
    json_t *claims = json_loads(claims_text, 0, NULL);
    struct verified verified;
    struct token token;
    struct bytes text;
    enum lastcall_status status;

    assert_non_null(claims);
    assert_int_equal(
        token_sign(TOKEN_COMMAND, &alice, any_grant(), claims, &text),
        LASTCALL_OK);
    assert_int_equal(token_decode(text.data, text.len, &token), LASTCALL_OK);
    status = token_verify(&token, &alice, &verified);
    assert_int_equal(verified.claims != NULL, status == LASTCALL_OK);
    verified_deinit(&verified);
    token_deinit(&token);
    bytes_deinit(&text);
    json_decref(claims);
    return status;
}

/* holds 2.9 */
static void registered_claims_are_demanded(void **state)
{
    static const char *const refused[] = {
        "{}",
        "[]",
        "{\"iat\":1,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":1}",
        "{\"iss\":1,\"iat\":1,\"jti\":\"x\"}",
        "{\"iss\":null,\"iat\":1,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":1.0,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":\"1\",\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":-1,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":253402300800,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":1,\"jti\":1}",
        /* One over the longest issuer and id. */
        "{\"iss\":\"0123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789\",\"iat\":1,\"jti\":\"x\"}",
        "{\"iss\":\"a\",\"iat\":1,\"jti\":\"01234567890123456789012345678901"
        "234567890123456789012345678901234\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (verdict_on(refused[i]) != LASTCALL_E_SHAPE)
            fail_msg("accepted: %s", refused[i]);
    }
    assert_int_equal(verdict_on("{\"iss\":\"a\",\"iat\":1,\"jti\":\"x\"}"),
                     LASTCALL_OK);
    /* Unknown claims are ignored. */
    assert_int_equal(
        verdict_on("{\"iss\":\"a\",\"iat\":1,\"jti\":\"x\",\"y\":[]}"),
        LASTCALL_OK);
}

static void signed_rubbish_stays_rubbish(void **state)
{
    struct token token = decoded_case("accept-payload-no-json.jwt");
    struct verified verified;

    (void)state;
    assert_int_equal(token_verify(&token, &alice, &verified),
                     LASTCALL_E_ENCODING);
    assert_null(verified.claims);
    token_deinit(&token);
}

static void signing_gives_what_python_gives(void **state)
{
    struct token token = decoded_case("accept-command.jwt");
    struct token ours;
    struct verified verified, again;
    struct bytes text;

    (void)state;
    assert_int_equal(token_verify(&token, &alice, &verified), LASTCALL_OK);
    assert_int_equal(
        token_sign(TOKEN_COMMAND, &alice, token.grant, verified.claims, &text),
        LASTCALL_OK);
    assert_int_equal(token_decode(text.data, text.len, &ours), LASTCALL_OK);
    assert_string_equal(ours.grant, token.grant);
    assert_int_equal(ours.payload.len, token.payload.len);
    assert_memory_equal(ours.payload.data, token.payload.data,
                        ours.payload.len);
    assert_int_equal(token_verify(&ours, &alice, &again), LASTCALL_OK);
    assert_true(json_equal(again.claims, verified.claims));
    verified_deinit(&again);
    verified_deinit(&verified);
    token_deinit(&ours);
    token_deinit(&token);
    bytes_deinit(&text);
}

static void what_cannot_be_signed(void **state)
{
    json_t *claims = token_claims_new("controller:alice", IAT, "x");
    struct bytes text;
    char *large = calloc(1, TOKEN_COMMAND_BYTES_MAX);

    (void)state;
    /* A grant against the type's rule, and one that would break the JSON. */
    assert_int_equal(token_sign(TOKEN_COMMAND, &alice, NULL, claims, &text),
                     LASTCALL_E_INTERNAL);
    assert_int_equal(token_sign(TOKEN_GRANT, &root, any_grant(), claims, &text),
                     LASTCALL_E_INTERNAL);
    assert_int_equal(token_sign(TOKEN_COMMAND, &alice, "e30\"", claims, &text),
                     LASTCALL_E_INTERNAL);
    assert_null(text.data);

    assert_non_null(large);
    memset(large, 'x', TOKEN_COMMAND_BYTES_MAX - 1);
    assert_int_equal(json_put(claims, "large", json_string(large)),
                     LASTCALL_OK);
    assert_int_equal(
        token_sign(TOKEN_COMMAND, &alice, any_grant(), claims, &text),
        LASTCALL_E_TOO_LARGE);
    assert_null(text.data);
    /* The same claims fit into a result. */
    assert_int_equal(
        token_sign(TOKEN_RESULT, &alice, any_grant(), claims, &text),
        LASTCALL_OK);
    bytes_deinit(&text);
    assert_int_equal(token_sign(TOKEN_COMMAND, &alice, large, claims, &text),
                     LASTCALL_E_TOO_LARGE);
    free(large);
    json_decref(claims);
}

static void claims_can_be_begun_without_jti(void **state)
{
    json_t *claims = token_claims_new("host:h", 7, NULL);

    (void)state;
    assert_int_equal(json_object_size(claims), 2);
    json_decref(claims);
    assert_null(token_claims_new("not utf-8: \xff", 7, NULL));
}

/* holds 2.10 */
static void types_have_names_and_limits(void **state)
{
    static const size_t wanted[TOKEN_TYPE_COUNT] = {
        [TOKEN_GRANT] = 16384,    [TOKEN_REVOCATION] = 65536,
        [TOKEN_COMMAND] = 65536,  [TOKEN_MAINTENANCE] = 65536,
        [TOKEN_RESULT] = 4194304, [TOKEN_SESSIONS] = 4194304,
        [TOKEN_EVENT] = 65536,    [TOKEN_STATUS] = 65536,
    };

    (void)state;
    for (int i = 0; i < TOKEN_TYPE_COUNT; i++) {
        enum token_type type = (enum token_type)i;

        assert_non_null(strstr(token_type_name(type), "lastcall-"));
        assert_non_null(strstr(token_type_name(type), "+jwt"));
        assert_int_equal(token_type_bytes_max(type), wanted[i]);
    }
    assert_string_equal(token_type_name(TOKEN_TYPE_COUNT), "unknown");
    assert_int_equal(token_type_bytes_max(TOKEN_TYPE_COUNT), 0);
}

/* Not looked into, whatever it may hold. */
static void what_no_type_may_be_is_too_large(void **state)
{
    const size_t len = (size_t)TOKEN_RESULT_BYTES_MAX + 1;
    char *text = malloc(len);
    struct token token;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    assert_int_equal(token_decode(text, len, &token), LASTCALL_E_TOO_LARGE);
    assert_int_equal(token_decode(text, len - 1, &token), LASTCALL_E_ENCODING);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_the_case_folder),
        cmocka_unit_test(a_foreign_token_verifies),
        cmocka_unit_test(only_the_signer_verifies),
        cmocka_unit_test(no_character_can_be_changed),
        cmocka_unit_test(no_piece_of_a_token_is_one),
        cmocka_unit_test(registered_claims_are_demanded),
        cmocka_unit_test(signed_rubbish_stays_rubbish),
        cmocka_unit_test(signing_gives_what_python_gives),
        cmocka_unit_test(what_cannot_be_signed),
        cmocka_unit_test(claims_can_be_begun_without_jti),
        cmocka_unit_test(types_have_names_and_limits),
        cmocka_unit_test(what_no_type_may_be_is_too_large),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
