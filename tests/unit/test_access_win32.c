#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/access_win32.h"

#include <windows.h>

#include <sddl.h> /* not by itself */

/* Administrators, LocalSystem, and what a test adds. */
#define CLOSED L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
#define EVERYBODY_WRITES CLOSED L"(A;OICI;FA;;;WD)"
#define EVERYBODY_READS CLOSED L"(A;OICI;FRFX;;;WD)"
#define PATH_UNITS 128

/* A file in a folder at the root of C:, where the folders above are as the
 * system made them. */
struct place {
    wchar_t folder[PATH_UNITS];
    wchar_t inner[PATH_UNITS];
    wchar_t file[PATH_UNITS];
};

static void set_list(const wchar_t *path, const wchar_t *sddl)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &descriptor, NULL));
    assert_true(SetFileSecurityW(
        path, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
        descriptor));
    LocalFree(descriptor);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    HANDLE file = INVALID_HANDLE_VALUE;

    if (place == NULL)
        return -1;
    *state = place;
    _snwprintf(place->folder, PATH_UNITS - 1, L"C:\\lastcall-access-%lu",
               GetCurrentProcessId());
    _snwprintf(place->inner, PATH_UNITS - 1, L"%ls\\with blank", place->folder);
    _snwprintf(place->file, PATH_UNITS - 1, L"%ls\\program.exe", place->inner);
    if (!CreateDirectoryW(place->folder, NULL) ||
        !CreateDirectoryW(place->inner, NULL))
        return -1;
    file =
        CreateFileW(place->file, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return -1;
    CloseHandle(file);
    set_list(place->folder, EVERYBODY_READS);
    set_list(place->inner, EVERYBODY_READS);
    set_list(place->file, EVERYBODY_READS);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    DeleteFileW(place->file);
    RemoveDirectoryW(place->inner);
    RemoveDirectoryW(place->folder);
    free(place);
    return 0;
}

static void test_closed_is_fine(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
    assert_string_equal(error.text, "");
    assert_int_equal(
        access_check_file(L"C:\\windows\\system32\\kernel32.dll", &error),
        LASTCALL_OK);
}

static void test_open_is_refused(void **state)
{
    const struct place *place = *state;
    const wchar_t *const paths[] = {place->file, place->inner, place->folder};
    struct platform_error error = {{0}};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        set_list(paths[i], EVERYBODY_WRITES);
        assert_int_equal(access_check_file(place->file, &error),
                         LASTCALL_E_PERMISSION);
        assert_non_null(strstr(error.text, "can be changed by"));
        assert_non_null(strstr(error.text, "lastcall-access-"));
        set_list(paths[i], EVERYBODY_READS);
    }
    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
}

static void test_missing(void **state)
{
    struct platform_error error = {{0}};

    (void)state;
    assert_int_equal(access_check_file(L"C:\\no such folder\\x.exe", &error),
                     LASTCALL_E_MISSING);
    assert_string_equal(error.text, "C:\\no such folder\\x.exe: is not there");
}

static void test_folder_is_closed(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    /* An existing one. */
    set_list(place->inner, EVERYBODY_WRITES);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    /* A new one. */
    DeleteFileW(place->file);
    RemoveDirectoryW(place->inner);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    assert_true((GetFileAttributesW(place->inner) & FILE_ATTRIBUTE_DIRECTORY) !=
                0);
    assert_int_equal(access_check_file(place->inner, &error), LASTCALL_OK);
    /* None above it. */
    assert_int_equal(access_close_folder(L"C:\\no such folder\\x", &error),
                     LASTCALL_E_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_closed_is_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_is_closed, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
