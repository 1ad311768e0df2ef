/* What counts as consent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Each verb says what it does, and what it costs. */
static void test_sentences(void **state)
{
    static const struct {
        enum action action;
        int64_t sessions;
        int64_t hosts;
        const char *says;
    } cases[] = {
        {ACTION_STOP, 1, 1, "This ends 1 session on 1 host."},
        {ACTION_END, 0, 2, "This ends 0 sessions on 2 hosts."},
        {ACTION_DISCONNECT, 3, 2,
         "This disconnects 3 sessions on 2 hosts; the users stay logged on."},
        {ACTION_LOGOFF, 1, 1,
         "This logs off 1 session on 1 host; unsaved work is lost."},
        {ACTION_MESSAGE, 2, 1,
         "This shows the message in 2 sessions on 1 host."},
    };
    char sentence[CONFIRM_SENTENCE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct confirm_question question = {
            .action = cases[i].action,
            .sessions = cases[i].sessions,
            .hosts = cases[i].hosts,
        };

        confirm_sentence(&question, sentence);
        assert_string_equal(sentence, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yes),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
