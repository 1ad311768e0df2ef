/* What `lastcall maintenance start` plans, read from its flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/plan_options.h"

#define WORD_MAX 24
#define NOW_MS INT64_C(1795000000000) /* 2026-11-18T11:06:40Z */

static enum lastcall_status read_words(const char *const *words,
                                       struct maintenance *out)
{
    char *argv[WORD_MAX] = {NULL};
    int argc = 0;
    struct options options;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    for (; words[argc] != NULL; argc++) {
        argv[argc] = bytes_copy_text(words[argc]);
        assert_non_null(argv[argc]);
    }
    assert_int_equal(options_parse(COMMAND_MAINTENANCE, argc, argv, &options),
                     LASTCALL_OK);
    status = plan_options_read(&options, NOW_MS, out);
    options_deinit(&options);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return status;
}

static void test_the_least(void **state)
{
    static const char *const words[] = {"start", "--at", "+30m",
                                        "--for", "2h",   NULL};
    struct maintenance plan;

    (void)state;
    assert_int_equal(read_words(words, &plan), LASTCALL_OK);
    assert_int_equal(plan.starts_ms, NOW_MS + INT64_C(1800000));
    assert_int_equal(plan.ends_ms, plan.starts_ms + INT64_C(7200000));
    assert_int_equal(plan.action, ACTION_END);
    assert_int_equal(plan.warn_count, 0);
    assert_null(plan.message);
    assert_false(plan.has_where);
    assert_false(plan.enforce);
    assert_false(plan.cancelled);
    assert_int_equal(
        strncmp(plan.id.text, "m-20261118-1136-", strlen("m-20261118-1136-")),
        0);
    maintenance_deinit(&plan);
}

static void test_every_flag(void **state)
{
    static const char *const words[] = {
        "start",
        "--at",
        "2026-11-21T22:00:00Z",
        "--for",
        "90m",
        "--warn",
        "1m,15m,5m",
        "--message",
        "Bitte speichern \xe2\x80\x93 gleich ist Schluss",
        "--reason",
        "patch day",
        "--action",
        "logoff",
        "--enforce",
        "--id",
        "patch-7",
        "--state",
        "active",
        NULL};
    static const int64_t warned[] = {900, 300, 60};
    struct maintenance plan;

    (void)state;
    assert_int_equal(read_words(words, &plan), LASTCALL_OK);
    assert_int_equal(plan.starts_ms, INT64_C(1795298400000));
    assert_string_equal(plan.id.text, "patch-7");
    assert_int_equal(plan.warn_count, 3);
    assert_memory_equal(plan.warn_s, warned, sizeof warned);
    assert_string_equal(plan.message,
                        "Bitte speichern \xe2\x80\x93 gleich ist Schluss");
    assert_string_equal(plan.reason, "patch day");
    assert_int_equal(plan.action, ACTION_LOGOFF);
    assert_true(plan.enforce);
    assert_true(plan.has_where);
    /* Windows' own sessions are nobody's. */
    assert_non_null(strstr(plan.where.text, "state ~ 'active'"));
    assert_non_null(strstr(plan.where.text, "username != null"));
    maintenance_deinit(&plan);
}

static void test_a_message_is_given_three_times_by_itself(void **state)
{
    static const char *const words[] = {"start", "--at",      "now",   "--for",
                                        "1h",    "--message", "Save.", NULL};
    static const int64_t warned[] = {900, 300, 60};
    struct maintenance plan;

    (void)state;
    assert_int_equal(read_words(words, &plan), LASTCALL_OK);
    assert_int_equal(plan.starts_ms, NOW_MS);
    assert_int_equal(plan.warn_count, 3);
    assert_memory_equal(plan.warn_s, warned, sizeof warned);
    maintenance_deinit(&plan);
}

static void test_what_is_refused(void **state)
{
    static const char *const lines[][10] = {
        {"start", NULL},
        {"start", "--at", "now", NULL},
        {"start", "--for", "1h", NULL},
        {"start", "--at", "tomorrow", "--for", "1h", NULL},
        {"start", "--at", "+x", "--for", "1h", NULL},
        {"start", "--at", "now", "--for", "32d", NULL},
        /* over before it was made */
        {"start", "--at", "2026-11-01T00:00:00Z", "--for", "1h", NULL},
        {"start", "--at", "now", "--for", "1h", "--warn", "5m", NULL},
        {"start", "--at", "now", "--for", "1h", "--warn", "5m,soon",
         "--message", "x", NULL},
        {"start", "--at", "now", "--for", "1h", "--warn", "8d", "--message",
         "x", NULL},
        {"start", "--at", "now", "--for", "1h", "--message", "", NULL},
        {"start", "--at", "now", "--for", "1h", "--reason", "\xff", NULL},
        {"start", "--at", "now", "--for", "1h", "--action", "message", NULL},
        {"start", "--at", "now", "--for", "1h", "--id", "Not A Name", NULL},
        {"start", "--at", "now", "--for", "1h", "--where", "nonsense", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct maintenance plan;

        assert_int_equal(read_words(lines[i], &plan), LASTCALL_E_SYNTAX);
        maintenance_deinit(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least),
        cmocka_unit_test(test_every_flag),
        cmocka_unit_test(test_a_message_is_given_three_times_by_itself),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
