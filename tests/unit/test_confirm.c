/* What counts as consent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/confirm.h"

static void test_yes(void **state)
{
    static const char *const consent[] = {"y\n", "Y\n", "yes\n", " y \r\n"};
    static const char *const none[] = {"",     "\n",    "n\n",    "no\n",
                                       "yy\n", "y n\n", "yes!\n", "3\n"};

    (void)state;
    for (size_t i = 0; i < sizeof consent / sizeof consent[0]; i++)
        assert_true(confirm_is_consent(CONFIRM_YES, 3, consent[i]));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(confirm_is_consent(CONFIRM_YES, 3, none[i]));
}

static void test_number(void **state)
{
    static const char *const none[] = {"",     "\n",     "y\n",   "2\n", "33\n",
                                       "03\n", "3 no\n", "3.0\n", "+3\n"};

    (void)state;
    assert_true(confirm_is_consent(CONFIRM_NUMBER, 3, "3\n"));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(confirm_is_consent(CONFIRM_NUMBER, 3, none[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yes),
        cmocka_unit_test(test_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
