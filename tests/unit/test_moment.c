#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "protocol/moment.h"

/* holds 2.9 */
static void moments_round_trip(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {86399999, "1970-01-01T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {1795249800250, "2026-11-21T08:30:00.250Z"},
        {4107542399000, "2100-02-28T23:59:59.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {MOMENT_MS_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char text[MOMENT_TEXT_SIZE];
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        moment_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(moment_parse(cases[i].text, &ms), LASTCALL_OK);
        assert_true(ms == cases[i].ms);
    }
}

/* Every day of 400 years and more, against the C library's calendar. */
static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 150000; day++) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        char text[MOMENT_TEXT_SIZE], expected[MOMENT_TEXT_SIZE];
        const struct tm *tm = gmtime(&seconds); /* there is no other thread */
        int64_t ms;

        assert_non_null(tm);
        assert_int_equal(
            strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.007Z", tm),
            MOMENT_TEXT_SIZE - 1);
        moment_format((int64_t)seconds * 1000 + 7, text);
        assert_string_equal(text, expected);
        assert_int_equal(moment_parse(text, &ms), LASTCALL_OK);
        assert_true(ms == (int64_t)seconds * 1000 + 7);
    }
}

static void outside_is_clamped(void **state)
{
    char text[MOMENT_TEXT_SIZE];

    (void)state;
    moment_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    moment_format(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    moment_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void fractions(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.05Z", 1050},
        {"1970-01-01T00:00:01.005Z", 1005},
        {"1970-01-01T00:00:01.0059Z", 1005},
        {"1970-01-01T00:00:01.123456789Z", 1123},
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(moment_parse(cases[i].text, &ms), LASTCALL_OK);
        assert_true(ms == cases[i].ms);
    }
}

static void what_is_no_moment(void **state)
{
    static const char *const refused[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T08:30Z",
        "2026-11-21T08:30:00",
        "2026-11-21T08:30:00z",
        "2026-11-21t08:30:00Z",
        "2026-11-21 08:30:00Z",
        "2026-11-21T08:30:00+00:00",
        "2026-11-21T08:30:00.Z",
        "2026-11-21T08:30:00,5Z",
        "2026-11-21T08:30:00.1234567890Z",
        "2026-11-21T08:30:00ZZ",
        " 2026-11-21T08:30:00Z",
        "2026-11-21T08:30:60Z",
        "2026-11-21T08:60:00Z",
        "2026-11-21T24:00:00Z",
        "2026-00-21T08:30:00Z",
        "2026-13-21T08:30:00Z",
        "2026-11-00T08:30:00Z",
        "2026-11-31T08:30:00Z",
        "2026-02-29T08:30:00Z",
        "2100-02-29T08:30:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "+026-11-21T08:30:00Z",
        "2026-1-21T08:30:00Z",
        "2026-11-21T08:30:-1Z",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ms = 1;
        if (moment_parse(refused[i], &ms) != LASTCALL_E_SYNTAX)
            fail_msg("accepted: \"%s\"", refused[i]);
        assert_true(ms == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_round_trip),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(outside_is_clamped),
        cmocka_unit_test(fractions),
        cmocka_unit_test(what_is_no_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
