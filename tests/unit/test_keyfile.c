#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/keyfile.h"
#include "tests/unit/scratch.h"

static char directory[] = "/tmp/lastcall-keyfile-XXXXXX";
static char path[128];
static char public_path[160];
static struct platform_error error;

static int set_up(void **state)
{
    static unsigned number;

    (void)state;
    snprintf(path, sizeof(path), "%s/%u.key", directory, number++);
    snprintf(public_path, sizeof(public_path), "%s.pub", path);
    error = (struct platform_error){{0}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(public_path);
    return 0;
}

static void write_secret(const char *text)
{
    assert_int_equal(
        platform_create_file(path, FILE_SECRET, text, strlen(text), &error),
        LASTCALL_OK);
}

static void test_round_trip(void **state)
{
    struct key key;
    struct key back;

    (void)state;
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_OK);
    assert_true(scratch_is_private(path));

    assert_int_equal(keyfile_read_private(path, &back, &error), LASTCALL_OK);
    assert_true(back.has_private);
    assert_string_equal(back.thumbprint, key.thumbprint);
    key_deinit(&back);
    assert_int_equal(keyfile_read_public(public_path, &back, &error),
                     LASTCALL_OK);
    assert_false(back.has_private);
    assert_string_equal(back.thumbprint, key.thumbprint);
    key_deinit(&back);
    assert_int_equal(keyfile_read_any(path, &back, &error), LASTCALL_OK);
    assert_true(back.has_private);
    key_deinit(&back);
    assert_int_equal(keyfile_read_any(public_path, &back, &error), LASTCALL_OK);
    assert_false(back.has_private);
    key_deinit(&back);
    key_deinit(&key);
}

static void test_never_overwrites(void **state)
{
    struct key key;
    struct bytes before;
    struct bytes after;

    (void)state;
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_OK);
    assert_int_equal(platform_read_file(path, FILE_SECRET, 4096, &before, NULL),
                     LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_E_EXISTS);
    /* The secret half alone is enough to be kept, and leaves no .pub behind. */
    unlink(public_path);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_E_EXISTS);
    assert_int_not_equal(access(public_path, F_OK), 0);
    assert_int_equal(platform_read_file(path, FILE_SECRET, 4096, &after, NULL),
                     LASTCALL_OK);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    bytes_deinit(&before);
    bytes_deinit(&after);
    key_deinit(&key);
}

static void test_readable_by_others(void **state)
{
    struct key key;
    char mend[200];

    (void)state;
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_OK);
    key_deinit(&key);
    assert_true(scratch_share(path));
    assert_int_equal(keyfile_read_private(path, &key, &error),
                     LASTCALL_E_PERMISSION);
    snprintf(mend, sizeof(mend), "%s%s", scratch_mend, path);
    assert_non_null(strstr(error.text, mend));
    assert_int_equal(keyfile_read_any(path, &key, &error),
                     LASTCALL_E_PERMISSION);
    assert_null(key.pkey);
}

static void test_wrong_half(void **state)
{
    struct key key;
    struct key back;

    (void)state;
    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_OK);
    key_deinit(&key);
    assert_int_equal(keyfile_read_public(path, &back, &error), LASTCALL_E_KEY);
    assert_non_null(strstr(error.text, ".pub"));
    assert_true(scratch_hide(public_path));
    assert_int_equal(keyfile_read_private(public_path, &back, &error),
                     LASTCALL_E_KEY);
    assert_non_null(strstr(error.text, "a public key"));
}

static void test_other_contents(void **state)
{
    /* A P-256 key and an encrypted Ed25519 one, made by openssl genpkey. */
    static const char p256[] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWGzGIn710C4pb8gh\n"
        "Y0wBUGQ1x/dK/X7R9Odcjm6S1S6hRANCAAQhaoQKFS17SbZa5X2dxyKPKftbkLRb\n"
        "jQaWBqRmSQ2nLQqpiyFP2BT/uEnLDdBJLtlT1Rl/Qrx0OZd6fJCSW7uz\n"
        "-----END PRIVATE KEY-----\n";
    struct key key;

    (void)state;
    write_secret("");
    assert_int_equal(keyfile_read_private(path, &key, &error), LASTCALL_E_KEY);
    unlink(path);
    write_secret("no key\n");
    assert_int_equal(keyfile_read_private(path, &key, &error), LASTCALL_E_KEY);
    assert_non_null(strstr(error.text, path));
    unlink(path);
    write_secret(p256);
    assert_int_equal(keyfile_read_private(path, &key, &error), LASTCALL_E_KEY);
    assert_null(key.pkey);
}

static void test_encrypted_key_asks_nobody(void **state)
{
    static const char encrypted[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiJdTM62un7OgICCAAw\n"
        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFjh+usZF1uS32GAL6mYlzMEQEEG\n"
        "3LCEIxFjL04REui+JmAF61LCOsm1ULuHc11TbFlHCYxmqAp2St+guXj8NuROPz+v\n"
        "abF9sZajgpTfcpCCvy0=\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    struct key key;

    (void)state;
    write_secret(encrypted);
    assert_int_equal(keyfile_read_private(path, &key, &error), LASTCALL_E_KEY);
    assert_non_null(strstr(error.text, "encrypted"));
    assert_non_null(strstr(error.text, "openssl pkey"));
}

static void test_lines(void **state)
{
    static const struct {
        const char *content;
        const char *line; /* NULL: refused */
        enum lastcall_status status;
    } cases[] = {
        {"secret", "secret", LASTCALL_OK},
        {" \tsecret word\r\n\n", "secret word", LASTCALL_OK},
        {"0123456789abcdef\n", "0123456789abcdef", LASTCALL_OK},
        {"0123456789abcdefg\n", NULL, LASTCALL_E_TOO_LARGE},
        {"", NULL, LASTCALL_E_SHAPE},
        {" \n", NULL, LASTCALL_E_SHAPE},
        {"two\nlines\n", NULL, LASTCALL_E_SHAPE},
        {"two\rlines", NULL, LASTCALL_E_SHAPE},
        {"\xff\xfe", NULL, LASTCALL_E_SHAPE},
        {"\xef\xbb\xbf"
         "0123456789abcdef\r\n",
         "0123456789abcdef", LASTCALL_OK},
        {"\xef\xbb\xbf\r\n", NULL, LASTCALL_E_SHAPE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes line;

        write_secret(cases[i].content);
        assert_int_equal(
            keyfile_read_line(path, FILE_SECRET, 16, &line, &error),
            cases[i].status);
        if (cases[i].line != NULL)
            assert_string_equal((const char *)line.data, cases[i].line);
        else
            assert_int_equal(line.len, 0);
        bytes_deinit(&line);
        unlink(path);
    }
}

/* As editors and shells of Windows write texts. */
static void test_texts_of_windows(void **state)
{
    static const char utf16[] = {'\xff', '\xfe', 'a', 0, '\r', 0, '\n', 0};
    struct bytes pem;
    struct bytes line;
    struct key key;

    (void)state;
    assert_int_equal(
        platform_create_file(path, FILE_SECRET, utf16, sizeof(utf16), &error),
        LASTCALL_OK);
    assert_int_equal(keyfile_read_line(path, FILE_SECRET, 16, &line, &error),
                     LASTCALL_E_SHAPE);
    assert_non_null(strstr(error.text, "save it as UTF-8"));
    bytes_deinit(&line);
    assert_int_equal(keyfile_read_private(path, &key, &error), LASTCALL_E_KEY);
    assert_non_null(strstr(error.text, "save it as UTF-8"));
    unlink(path);

    assert_int_equal(key_generate(&key), LASTCALL_OK);
    assert_int_equal(keyfile_write_pair(path, &key, &error), LASTCALL_OK);
    key_deinit(&key);
    assert_int_equal(
        platform_read_file(public_path, FILE_PUBLIC, 8192, &pem, &error),
        LASTCALL_OK);
    unlink(path);
    bytes_init(&line, 8192);
    assert_int_equal(
        bytes_append_format(&line, "\xef\xbb\xbf%s", (const char *)pem.data),
        LASTCALL_OK);
    assert_int_equal(
        platform_create_file(path, FILE_PUBLIC, line.data, line.len, &error),
        LASTCALL_OK);
    assert_int_equal(keyfile_read_public(path, &key, &error), LASTCALL_OK);
    key_deinit(&key);
    bytes_deinit(&line);
    bytes_deinit(&pem);
}

static int set_up_group(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int tear_down_group(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_overwrites, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_readable_by_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_half, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_contents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encrypted_key_asks_nobody, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts_of_windows, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
