#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "tests/unit/scratch.h"

static char directory[] = "/tmp/lastcall-platform-XXXXXX";
static struct platform_error error;

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void test_clock(void **state)
{
    int64_t before;

    (void)state;
    before = platform_clock.monotonic_ms(platform_clock.state);
    assert_true(platform_clock.monotonic_ms(platform_clock.state) >= before);
    /* 2020-01-01: the machine's clock is not at its epoch. */
    assert_true(platform_clock.wall_ms(platform_clock.state) >
                INT64_C(1577836800000));
}

static void test_random(void **state)
{
    struct request_id first;
    struct request_id second;
    bool seen[3] = {false};

    (void)state;
    assert_int_equal(platform_random_id(&first), LASTCALL_OK);
    assert_int_equal(platform_random_id(&second), LASTCALL_OK);
    assert_int_equal(strlen(first.text), 22);
    assert_string_not_equal(first.text, second.text);
    assert_int_equal(platform_random_below(0), 0);
    assert_int_equal(platform_random_below(1), 0);
    for (int i = 0; i < 300; i++)
        seen[platform_random_below(3)] = true;
    assert_true(seen[0] && seen[1] && seen[2]);
    for (int i = 0; i < 300; i++)
        assert_true(platform_random_below(UINT32_MAX) < UINT32_MAX);
}

static void test_a_sentence_is_cut_where_it_is_full(void **state)
{
    char longest[2 * PLATFORM_DETAIL_SIZE];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    platform_explain(&error, "%s: %d", "file", 7);
    assert_string_equal(error.text, "file: 7");
    platform_explain(&error, "%s", longest);
    assert_int_equal(strlen(error.text), PLATFORM_DETAIL_SIZE - 1);
    platform_explain(NULL, "%s", longest);
}

static void refuse_read(const char *path, enum file_secrecy secrecy,
                        size_t len_max, enum lastcall_status expected)
{
    struct bytes data;

    assert_int_equal(platform_read_file(path, secrecy, len_max, &data, &error),
                     expected);
    assert_int_equal(data.len, 0);
    assert_true(error.text[0] != '\0');
}

static void read_hello(const char *path)
{
    struct bytes data;

    assert_int_equal(platform_read_file(path, FILE_SECRET, 5, &data, &error),
                     LASTCALL_OK);
    assert_int_equal(data.len, 5);
    assert_string_equal((const char *)data.data, "hello");
    bytes_deinit(&data);
}

static void test_secrets_are_for_their_owner(void **state)
{
    (void)state;
    assert_int_equal(
        platform_create_file(at("a"), FILE_SECRET, "hello", 5, &error),
        LASTCALL_OK);
    assert_true(scratch_is_private(at("a")));
    read_hello(at("a"));
    assert_int_equal(platform_create_file(at("a"), FILE_SECRET, "y", 1, &error),
                     LASTCALL_E_EXISTS);
    assert_non_null(strstr(error.text, at("a")));
    refuse_read(at("a"), FILE_SECRET, 4, LASTCALL_E_TOO_LARGE);

    assert_true(scratch_share(at("a")));
    assert_false(scratch_is_private(at("a")));
    refuse_read(at("a"), FILE_SECRET, 5, LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, scratch_mend));
    assert_true(scratch_hide(at("a")));
    read_hello(at("a"));
    unlink(at("a"));
}

static void test_what_is_no_file_is_not_read(void **state)
{
    (void)state;
    refuse_read(at("none"), FILE_PUBLIC, 10, LASTCALL_E_MISSING);
    refuse_read(at("none/none"), FILE_PUBLIC, 10, LASTCALL_E_MISSING);
    refuse_read(directory, FILE_PUBLIC, 10, LASTCALL_E_IO);
}

static void test_directories_are_made_with_their_parents(void **state)
{
    (void)state;
    assert_int_equal(platform_make_directory(at("x/y//z"), &error),
                     LASTCALL_OK);
    assert_int_equal(platform_make_directory(at("x/y/z/"), &error),
                     LASTCALL_OK);
    assert_int_equal(platform_create_file(at("x/f"), FILE_PUBLIC, "", 0, NULL),
                     LASTCALL_OK);
    assert_int_equal(platform_make_directory(at("x/f"), &error), LASTCALL_E_IO);
    assert_non_null(strstr(error.text, "not a directory"));
    assert_int_equal(platform_make_directory("", &error), LASTCALL_E_IO);
    unlink(at("x/f"));
    assert_int_equal(rmdir(at("x/y/z")), 0);
    assert_int_equal(rmdir(at("x/y")), 0);
    assert_int_equal(rmdir(at("x")), 0);
}

static void test_full_paths_begin_at_a_root(void **state)
{
    char *full;

    (void)state;
    assert_null(platform_full_path(at("none")));
    assert_int_equal(platform_create_file(at("f"), FILE_PUBLIC, "", 0, NULL),
                     LASTCALL_OK);
    full = platform_full_path(at("f"));
    assert_non_null(full);
    assert_true(platform_is_absolute(full));
    assert_string_equal(full + platform_folder_len(full), "f");
    free(full);
    unlink(at("f"));
}

static void test_empty_file(void **state)
{
    struct bytes data;

    (void)state;
    assert_int_equal(platform_create_file(at("e"), FILE_PUBLIC, NULL, 0, NULL),
                     LASTCALL_OK);
    assert_int_equal(platform_read_file(at("e"), FILE_PUBLIC, 0, &data, NULL),
                     LASTCALL_OK);
    assert_int_equal(data.len, 0);
    bytes_deinit(&data);
    unlink(at("e"));
}

static void test_names(void **state)
{
    struct name host;
    char text[80] = "";

    (void)state;
    if (platform_host_name(&host) == LASTCALL_OK)
        assert_true(name_is_valid(host.text, strlen(host.text)));
    else
        assert_string_equal(host.text, "");
    platform_os_text(text, sizeof(text));
    assert_true(text[0] != '\0');
    platform_os_text(text, 4);
    assert_true(strlen(text) < 4);
}

static void test_there_is_a_core(void **state)
{
    (void)state;
    assert_in_range(platform_core_count(), 1, 65536);
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
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_a_sentence_is_cut_where_it_is_full),
        cmocka_unit_test(test_secrets_are_for_their_owner),
        cmocka_unit_test(test_what_is_no_file_is_not_read),
        cmocka_unit_test(test_directories_are_made_with_their_parents),
        cmocka_unit_test(test_full_paths_begin_at_a_root),
        cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_there_is_a_core),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
