/* Where the journal lies, others could have been before us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <windows.h>

#include <cmocka.h>
#include <sddl.h>

#include "protocol/io/wide_win32.h"
#include "tests/unit/scratch.h"
#include "worker/journal.h"

#define HISTORY_MAX 100

static const char *const files[] = {JOURNAL_FILE, JOURNAL_LOCK_FILE};
static char directory[] = "/tmp/lastcall-journal-XXXXXX";

static void set_list(const char *path, const wchar_t *description)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    wchar_t *wide = wide_from_utf8(path);

    assert_non_null(wide);
    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        description, SDDL_REVISION_1, &descriptor, NULL));
    assert_true(SetFileSecurityW(
        wide, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
        descriptor));
    LocalFree(descriptor);
    free(wide);
}

static enum lastcall_status open_and_close(struct platform_error *error)
{
    struct journal journal = {0};
    enum lastcall_status status =
        journal_open(directory, HISTORY_MAX, &journal, error);

    journal_close(&journal);
    return status;
}

static void what_others_may_change_is_no_journal(void **state)
{
    static const wchar_t closed[] =
        L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)";
    static const wchar_t open[] = L"D:P(A;;FA;;;SY)(A;OICI;FA;;;WD)";
    const char *const names[] = {"", "/" JOURNAL_FILE, "/" JOURNAL_LOCK_FILE};
    struct platform_error error = {{0}};
    char path[256];

    (void)state;
    assert_int_equal(open_and_close(&error), LASTCALL_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", directory, names[i]);
        set_list(path, open);
        assert_int_equal(open_and_close(&error), LASTCALL_E_PERMISSION);
        assert_non_null(strstr(error.text, path));
        assert_non_null(strstr(error.text, "icacls"));
        set_list(path, closed);
        assert_int_equal(open_and_close(&error), LASTCALL_OK);
    }
}

static int set_up(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_may_change_is_no_journal),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
