#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "protocol/key.h"

#define HEX_BYTES_MAX 1100
/* RFC 8037, appendix A. */
#define RFC8037_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define RFC8037_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC8037_THUMBPRINT "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
#define RFC8037_SIGNED                                                         \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define RFC8037_SIGNATURE                                                      \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9"   \
    "g7sVvpAr_MuM0KAg"

static size_t from_hex(const char *hex, unsigned char *out)
{
    size_t len = strlen(hex) / 2;

    assert_true(len <= HEX_BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned value = 0;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        out[i] = (unsigned char)value;
    }
    return len;
}

static void from_base64url(const char *text, unsigned char *out, size_t len)
{
    assert_int_equal(bytes_decode_base64url_exact(text, strlen(text), out, len),
                     LASTCALL_OK);
}

struct vector {
    const char *seed;
    const char *public_key;
    const char *message;
    const char *signature;
};

/* RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc). */
static const struct vector vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb882159"
     "0"
     "a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43"
     "e"
     "15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538"
     "d"
     "16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a2"
     "74fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9a"
     "c90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void check_vector(const struct vector *vector)
{
    unsigned char seed[HEX_BYTES_MAX], public_key[HEX_BYTES_MAX];
    unsigned char message[HEX_BYTES_MAX], wanted[HEX_BYTES_MAX];
    unsigned char signature[KEY_SIGNATURE_LEN];
    size_t len = from_hex(vector->message, message);
    struct key pair, public_half;

    (void)from_hex(vector->seed, seed);
    (void)from_hex(vector->public_key, public_key);
    (void)from_hex(vector->signature, wanted);
    assert_int_equal(key_from_seed(seed, &pair), LASTCALL_OK);
    assert_true(pair.has_private);
    assert_memory_equal(pair.public_raw, public_key, KEY_RAW_LEN);
    assert_int_equal(key_sign(&pair, message, len, signature), LASTCALL_OK);
    assert_memory_equal(signature, wanted, KEY_SIGNATURE_LEN);

    assert_int_equal(key_from_public(public_key, &public_half), LASTCALL_OK);
    assert_false(public_half.has_private);
    assert_string_equal(public_half.thumbprint, pair.thumbprint);
    assert_int_equal(key_verify(&public_half, message, len, signature),
                     LASTCALL_OK);

    /* Another message, and each bit of the signature. */
    message[0] ^= 1;
    assert_int_equal(
        key_verify(&public_half, message, len > 0 ? len : 1, signature),
        LASTCALL_E_SIGNATURE);
    message[0] ^= 1;
    for (size_t i = 0; i < 8 * sizeof(signature); i += 7) {
        signature[i / 8] ^= (unsigned char)(1u << i % 8);
        assert_int_equal(key_verify(&public_half, message, len, signature),
                         LASTCALL_E_SIGNATURE);
        signature[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    key_deinit(&public_half);
    key_deinit(&pair);
}

static void vectors_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        check_vector(&vectors[i]);
}

/* holds 2.2, 2.6 */
static void appendix_a_of_rfc_8037(void **state)
{
    unsigned char seed[KEY_RAW_LEN], wanted[KEY_SIGNATURE_LEN];
    unsigned char signature[KEY_SIGNATURE_LEN];
    struct key key, again;
    json_t *jwk;

    (void)state;
    from_base64url(RFC8037_D, seed, sizeof(seed));
    from_base64url(RFC8037_SIGNATURE, wanted, sizeof(wanted));
    assert_int_equal(key_from_seed(seed, &key), LASTCALL_OK);
    assert_string_equal(key.thumbprint, RFC8037_THUMBPRINT);

    jwk = key_to_jwk(&key);
    assert_string_equal(json_string_value(json_object_get(jwk, "x")),
                        RFC8037_X);
    assert_int_equal(json_object_size(jwk), 3);
    assert_int_equal(key_from_jwk(jwk, &again), LASTCALL_OK);
    assert_string_equal(again.thumbprint, RFC8037_THUMBPRINT);

    assert_int_equal(
        key_sign(&key, RFC8037_SIGNED, strlen(RFC8037_SIGNED), signature),
        LASTCALL_OK);
    assert_memory_equal(signature, wanted, sizeof(wanted));
    assert_int_equal(
        key_verify(&again, RFC8037_SIGNED, strlen(RFC8037_SIGNED), wanted),
        LASTCALL_OK);
    json_decref(jwk);
    key_deinit(&again);
    key_deinit(&key);
}

static void jwks_that_are_no_public_ed25519_key(void **state)
{
    static const char *const refused[] = {
        "{}",
        "[]",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
        "{\"kty\":\"OKP\",\"x\":\"" RFC8037_X "\"}",
        "{\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" RFC8037_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"ed25519\",\"x\":\"" RFC8037_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":1}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "=\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "A\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        /* The private half was sent. */
        ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X
         "\",\"d\":\"" RFC8037_D "\"}"),
        ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X
         "\",\"d\":null}"),
        /* The neutral element. */
        ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
         "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
    };
    struct key key;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        json_t *jwk = json_loads(refused[i], 0, NULL);

        assert_non_null(jwk);
        if (key_from_jwk(jwk, &key) != LASTCALL_E_KEY)
            fail_msg("accepted: %s", refused[i]);
        assert_null(key.pkey);
        json_decref(jwk);
    }
}

/* Points for which anyone can sign, and second spellings, both signs. */
static void points_that_are_no_keys(void **state)
{
    static const char *const refused[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    unsigned char raw[KEY_RAW_LEN];
    struct key key;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        (void)from_hex(refused[i], raw);
        assert_int_equal(key_from_public(raw, &key), LASTCALL_E_KEY);
        raw[KEY_RAW_LEN - 1] |= 0x80;
        assert_int_equal(key_from_public(raw, &key), LASTCALL_E_KEY);
        assert_null(key.pkey);
    }
}

static void generated_keys_differ_and_sign(void **state)
{
    unsigned char signature[KEY_SIGNATURE_LEN];
    struct key a, b, folded, empty = {0};

    (void)state;
    assert_int_equal(key_generate(&a), LASTCALL_OK);
    assert_int_equal(key_generate(&b), LASTCALL_OK);
    assert_true(a.has_private);
    assert_string_not_equal(a.thumbprint, b.thumbprint);
    assert_int_equal(key_sign(&a, "x", 1, signature), LASTCALL_OK);
    assert_int_equal(key_verify(&a, "x", 1, signature), LASTCALL_OK);
    assert_int_equal(key_verify(&b, "x", 1, signature), LASTCALL_E_SIGNATURE);
    /* A folded key is the same key. */
    assert_int_equal(key_from_public(a.public_raw, &folded), LASTCALL_OK);
    key_fold(&folded);
    assert_null(folded.pkey);
    assert_string_equal(folded.thumbprint, a.thumbprint);
    assert_int_equal(key_verify(&folded, "x", 1, signature), LASTCALL_OK);
    assert_int_equal(key_verify(&folded, "y", 1, signature),
                     LASTCALL_E_SIGNATURE);
    key_deinit(&folded);
    key_deinit(&a);
    key_deinit(&a);
    key_deinit(&b);
    key_deinit(&empty);
    assert_int_equal(key_take_pkey(NULL, &a), LASTCALL_E_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_8032),
        cmocka_unit_test(appendix_a_of_rfc_8037),
        cmocka_unit_test(jwks_that_are_no_public_ed25519_key),
        cmocka_unit_test(points_that_are_no_keys),
        cmocka_unit_test(generated_keys_differ_and_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
