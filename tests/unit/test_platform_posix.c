/* What is POSIX's own about files: modes, links, FIFOs. */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"

static char directory[] = "/tmp/lastcall-posix-XXXXXX";
static struct platform_error error;

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void test_create_and_read(void **state)
{
    mode_t before = umask(0);
    struct bytes data;
    struct stat info;

    (void)state;
    assert_int_equal(
        platform_create_file(at("a"), FILE_SECRET, "hello", 5, &error),
        LASTCALL_OK);
    assert_int_equal(platform_create_file(at("b"), FILE_PUBLIC, "x", 1, &error),
                     LASTCALL_OK);
    umask(before);
    assert_int_equal(stat(at("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(at("b"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(platform_read_file(at("a"), FILE_SECRET, 5, &data, &error),
                     LASTCALL_OK);
    assert_int_equal(data.len, 5);
    assert_string_equal((const char *)data.data, "hello");
    bytes_deinit(&data);
    assert_int_equal(platform_create_file(at("a"), FILE_SECRET, "y", 1, &error),
                     LASTCALL_E_EXISTS);
    assert_non_null(strstr(error.text, at("a")));
    unlink(at("a"));
    unlink(at("b"));
}

static void test_never_follows_a_planted_link(void **state)
{
    (void)state;
    assert_int_equal(symlink("/nonexistent-target", at("link")), 0);
    assert_int_equal(
        platform_create_file(at("link"), FILE_SECRET, "y", 1, &error),
        LASTCALL_E_EXISTS);
    unlink(at("link"));
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

static void test_refuses_to_read(void **state)
{
    char mend[300];

    (void)state;
    refuse_read(at("none"), FILE_PUBLIC, 10, LASTCALL_E_MISSING);
    refuse_read(directory, FILE_PUBLIC, 10, LASTCALL_E_IO);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    refuse_read(at("fifo"), FILE_PUBLIC, 10, LASTCALL_E_IO); /* at once */
    unlink(at("fifo"));

    assert_int_equal(
        platform_create_file(at("s"), FILE_SECRET, "hello", 5, &error),
        LASTCALL_OK);
    refuse_read(at("s"), FILE_SECRET, 4, LASTCALL_E_TOO_LARGE);
    static const mode_t wide[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};

    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        assert_int_equal(chmod(at("s"), wide[i]), 0);
        refuse_read(at("s"), FILE_SECRET, 10, LASTCALL_E_PERMISSION);
    }
    /* The mend names the file behind a link. */
    snprintf(mend, sizeof(mend), "chmod 600 %s/s", directory);
    assert_int_equal(symlink("s", at("link")), 0);
    refuse_read(at("link"), FILE_SECRET, 10, LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, mend));
    unlink(at("link"));
    unlink(at("s"));
}

static void test_make_directory(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(platform_make_directory(at("x/y//z"), &error),
                     LASTCALL_OK);
    assert_int_equal(platform_make_directory(at("x/y/z/"), &error),
                     LASTCALL_OK);
    assert_int_equal(stat(at("x/y/z"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(platform_create_file(at("x/f"), FILE_PUBLIC, "", 0, NULL),
                     LASTCALL_OK);
    assert_int_equal(platform_make_directory(at("x/f"), &error), LASTCALL_E_IO);
    assert_non_null(strstr(error.text, "not a directory"));
    assert_int_equal(platform_make_directory("", &error), LASTCALL_E_IO);
    unlink(at("x/f"));
    rmdir(at("x/y/z"));
    rmdir(at("x/y"));
    rmdir(at("x"));
}

static const char *variables[3]; /* XDG_CONFIG_HOME, HOME, XDG_STATE_HOME */

static const char *three_variables(const char *name)
{
    if (strcmp(name, "XDG_CONFIG_HOME") == 0)
        return variables[0];
    if (strcmp(name, "XDG_STATE_HOME") == 0)
        return variables[2];
    return strcmp(name, "HOME") == 0 ? variables[1] : NULL;
}

static void expect_personal(const char *xdg, const char *home, const char *dir)
{
    variables[0] = xdg;
    variables[1] = home;
    char *found = platform_personal_dir(three_variables);

    if (dir == NULL)
        assert_null(found);
    else
        assert_string_equal(found, dir);
    free(found);
}

static void personal_settings_lie_where_xdg_says(void **state)
{
    (void)state;
    expect_personal("/x", "/home/a", "/x/lastcall");
    expect_personal(NULL, "/home/a", "/home/a/.config/lastcall");
    expect_personal("relative", "/home/a", "/home/a/.config/lastcall");
    expect_personal("", "relative", NULL);
    expect_personal(NULL, NULL, NULL);
}

static void expect_state(const char *xdg, const char *home, const char *dir)
{
    variables[1] = home;
    variables[2] = xdg;
    char *found = platform_personal_state_dir(three_variables);

    if (dir == NULL)
        assert_null(found);
    else
        assert_string_equal(found, dir);
    free(found);
}

static void personal_state_lies_where_xdg_says(void **state)
{
    (void)state;
    variables[0] = "/elsewhere";
    expect_state("/s", "/home/a", "/s/lastcall");
    expect_state(NULL, "/home/a", "/home/a/.local/state/lastcall");
    expect_state("relative", "/home/a", "/home/a/.local/state/lastcall");
    expect_state(NULL, NULL, NULL);
}

static void paths_have_roots_and_folders(void **state)
{
    (void)state;
    assert_true(platform_is_absolute("/a"));
    assert_false(platform_is_absolute("a/b"));
    assert_false(platform_is_absolute("C:\\a"));
    assert_false(platform_is_absolute(""));
    assert_int_equal(platform_folder_len("/a/b"), 3);
    assert_int_equal(platform_folder_len("/b"), 1);
    assert_int_equal(platform_folder_len("a\\b"), 0);
}

static void the_environment_tells_libraries_nothing(void **state)
{
    static const char *const names[] = {"http_proxy", "https_proxy",
                                        "SSLKEYLOGFILE"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(setenv(names[i], "x", 1), 0);
    platform_clean_environment();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_null(getenv(names[i]));
}

/* In a child: it has no standard files afterwards. */
static int hold_without(void)
{
    char byte = 0;

    for (int file = 0; file <= 2; file++)
        close(file);
    platform_hold_standard_files();
    if (open("/dev/null", O_RDWR) <= 2)
        return 1;
    return read(0, &byte, 1) >= 0 || write(1, "x", 1) >= 0 ||
           write(2, "x", 1) >= 0;
}

static void what_is_opened_is_no_standard_file(void **state)
{
    int ended = 0;
    const pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(hold_without());
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
}

static int set_up_group(void **state)
{
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down_group(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void test_time_of_day(void **state)
{
    char text[PLATFORM_CLOCK_TEXT_SIZE];

    (void)state;
    assert_int_equal(setenv("TZ", "XYZ-2:30", 1), 0);
    tzset();
    platform_local_clock(INT64_C(1763755443999), text);
    assert_string_equal(text, "22:34:03");
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_tells_libraries_nothing),
        cmocka_unit_test(what_is_opened_is_no_standard_file),
        cmocka_unit_test(test_create_and_read),
        cmocka_unit_test(test_time_of_day),
        cmocka_unit_test(test_never_follows_a_planted_link),
        cmocka_unit_test(test_refuses_to_read),
        cmocka_unit_test(test_make_directory),
        cmocka_unit_test(personal_settings_lie_where_xdg_says),
        cmocka_unit_test(personal_state_lies_where_xdg_says),
        cmocka_unit_test(paths_have_roots_and_folders),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
