/* The event log's texts: the viewer takes them from the program by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#include <cmocka.h>

#include "protocol/io/log_events_win32.h"
#include "protocol/io/wide_win32.h"

static void test_each_number_has_its_text(void **state)
{
    static const DWORD numbers[] = {LOG_EVENT_ERROR, LOG_EVENT_WARN,
                                    LOG_EVENT_INFO};
    wchar_t *path = wide_from_utf8(WORKER_PROGRAM);
    wchar_t line[] = L"START Gr\u00fc\u00dfe 100 %";
    DWORD_PTR inserted[] = {(DWORD_PTR)line};
    HMODULE program = NULL;
    wchar_t text[64];

    (void)state;
    assert_non_null(path);
    program = LoadLibraryExW(path, NULL, LOAD_LIBRARY_AS_DATAFILE);
    free(path);
    assert_non_null(program);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_not_equal(FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE |
                                                FORMAT_MESSAGE_ARGUMENT_ARRAY,
                                            program, numbers[i], 0, text,
                                            sizeof(text) / sizeof(text[0]),
                                            (va_list *)inserted),
                             0);
        assert_int_equal(wcsncmp(text, line, wcslen(line)), 0);
        assert_true(wcslen(text) <= wcslen(line) + 2); /* and a line's end */
    }
    FreeLibrary(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_number_has_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
