/* What the worker uses is nobody else's: where its journal lies others could
 * have been before, and whoever writes a CA says who gets the token. */
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
#include "worker/backends.h"
#include "worker/journal.h"

#define HISTORY_MAX 100
#define CA_FILE "ca.pem"

static const char *const files[] = {JOURNAL_FILE, JOURNAL_LOCK_FILE, CA_FILE};
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

static void what_others_may_change_is_no_ca(void **state)
{
    char ca[256];
    struct server_settings settings = {
        .backend = BACKEND_PLEX,
        .url = (char[]){"https://plex.example"},
        .token = (char[]){"auto"},
        .ca = ca,
        .timeout_ms = 1000,
    };
    const struct backend_surroundings around = {.settings = &settings,
                                                .clock = &platform_clock};
    struct platform_error error = {{0}};
    void *backend = NULL;

    (void)state;
    snprintf(ca, sizeof(ca), "%s/%s", directory, CA_FILE);
    assert_int_equal(platform_create_file(ca, FILE_SECRET, "x", 1, &error),
                     LASTCALL_OK);
    set_list(ca, L"D:P(A;;FA;;;SY)(A;;FA;;;WD)");
    assert_int_equal(backend_plex_ops.open(&around, &backend, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "change this file"));
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
        cmocka_unit_test(what_others_may_change_is_no_ca),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
