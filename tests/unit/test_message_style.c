#include "tests/unit/bodies.h"

#include "protocol/message_style.h"

/* holds 5.18 */
static void names_become_flags(void **state)
{
    static const struct {
        const char *text;
        uint32_t flags;
    } cases[] = {
        {NULL, 0x0},
        {"ok", 0x0},
        {"ok_cancel", 0x1},
        {"abort_retry_ignore", 0x2},
        {"yes_no_cancel", 0x3},
        {"yes_no", 0x4},
        {"retry_cancel", 0x5},
        {"cancel_try_continue", 0x6},
        {"error", 0x10},
        {"question", 0x20},
        {"warning", 0x30},
        {"information", 0x40},
        {"yes_no,default_2", 0x104},
        {"default_3,yes_no_cancel", 0x203},
        {"system_modal", 0x1000},
        {"topmost", 0x40000},
        {"topmost,yes_no,system_modal,question,default_2", 0x41124},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_error error = {"before"};
        uint32_t flags = 0xFFFFFFFFu;

        if (message_style_parse(cases[i].text, &flags, &error) != LASTCALL_OK)
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_int_equal(flags, cases[i].flags);
        assert_string_equal(error.text, "");
    }
}

/* holds 5.18 */
static void what_is_no_style(void **state)
{
    static const struct {
        const char *text;
        const char *detail;
    } cases[] = {
        {"", "a comma without a name"},
        {",", "a comma without a name"},
        {"yes_no,", "a comma without a name"},
        {",yes_no", "a comma without a name"},
        {"yesno", "did you mean 'yes_no'?"},
        {"YES_NO", "style knows no 'YES_NO'; it takes buttons"},
        {"warning ", "did you mean 'warning'?"},
        {"0x30", "style knows no '0x30'; it takes buttons"},
        {"xxx", "style knows no 'xxx'; it takes buttons"},
        {"yes_no,ok", "two sets of buttons: 'yes_no' and 'ok'"},
        {"error,topmost,question", "two icons: 'error' and 'question'"},
        {"yes_no_cancel,default_2,default_3",
         "two default buttons: 'default_2' and 'default_3'"},
        {"topmost,topmost", "style names 'topmost' twice"},
        {"ok,ok", "style names 'ok' twice"},
        {"default_2", "style has 'default_2', but 'ok' has fewer buttons"},
        {"default_3,yes_no",
         "style has 'default_3', but 'yes_no' has fewer buttons"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "topmost"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_error error = {""};
        uint32_t flags = 0xFFFFFFFFu;

        if (message_style_parse(cases[i].text, &flags, &error) !=
            LASTCALL_E_SYNTAX)
            fail_msg("%s: accepted", cases[i].text);
        if (strstr(error.text, cases[i].detail) == NULL)
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_int_equal(flags, 0);
        assert_int_equal(message_style_parse(cases[i].text, &flags, NULL),
                         LASTCALL_E_SYNTAX);
    }
}

/* Every name that is listed is one, and PROTOCOL.md knows it (5.18). */
static void the_names_are_listed(void **state)
{
    size_t count = 0;

    (void)state;
    for (; message_style_name(count) != NULL; count++) {
        char text[64];
        uint32_t flags = 0;

        (void)snprintf(text, sizeof(text), "%s%s",
                       strncmp(message_style_name(count), "default", 7) == 0
                           ? "yes_no_cancel,"
                           : "",
                       message_style_name(count));
        assert_int_equal(message_style_parse(text, &flags, NULL), LASTCALL_OK);
    }
    assert_int_equal(count, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_flags),
        cmocka_unit_test(what_is_no_style),
        cmocka_unit_test(the_names_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
