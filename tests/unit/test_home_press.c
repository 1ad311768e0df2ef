/* Presses: only a fresh one of a button that stands there counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_press.h"

static char any_lobby[] = "lobby-*";

static struct home_button buttons[] = {
    {.id = {"all-off"},
     .scope = ADDRESS_ALL,
     .min_interval_ms = 5000,
     .timeout_ms = 4000},
    {.id = {"stop-kids"},
     .scope = ADDRESS_HOST,
     .pattern = any_lobby,
     .min_interval_ms = 2000,
     .timeout_ms = 4000},
};
static const struct bridge_config config = {.buttons = buttons,
                                            .button_count = 2};
static const struct name own = {""};
static const struct name lobby = {"lobby-1"};
static const struct name office = {"office-1"};

static const struct home_button *find(const struct name *host, const char *text)
{
    return home_press_find(&config, host, text, strlen(text));
}

static void test_a_button_is_found_where_it_stands(void **unused)
{
    (void)unused;
    assert_ptr_equal(find(&lobby, "stop-kids"), &buttons[1]);
    assert_null(find(&office, "stop-kids"));
    assert_null(find(&own, "stop-kids"));
    assert_ptr_equal(find(&own, "all-off"), &buttons[0]);
    assert_null(find(&lobby, "all-off"));
}

static void test_a_payload_is_an_id_and_nothing_else(void **unused)
{
    static const char behind[] = "stop-kids\0more";
    static char large[1024 * 1024];

    (void)unused;
    memset(large, 's', sizeof large);
    for (size_t i = 0; i < 9; i++)
        large[i] = behind[i];
    assert_null(find(&lobby, ""));
    assert_null(home_press_find(&config, &lobby, NULL, 0));
    assert_null(find(&lobby, "stop-kid"));
    assert_null(find(&lobby, "stop-kids "));
    assert_null(find(&lobby, "Stop-kids"));
    assert_null(find(&lobby, "PRESS"));
    assert_null(find(&lobby, "*"));
    assert_null(home_press_find(&config, &lobby, behind, sizeof behind - 1));
    assert_null(home_press_find(&config, &lobby, large, sizeof large));
    /* It need not end with a NUL. */
    assert_ptr_equal(home_press_find(&config, &lobby, behind, 9), &buttons[1]);
}

static void test_the_longest_id_is_found(void **unused)
{
    struct home_button longest = {.scope = ADDRESS_ALL};
    const struct bridge_config one = {.buttons = &longest, .button_count = 1};
    char text[NAME_LEN_MAX + 1];

    (void)unused;
    memset(longest.id.text, 'a', NAME_LEN_MAX);
    memset(text, 'a', sizeof text);
    assert_ptr_equal(home_press_find(&one, &own, text, NAME_LEN_MAX), &longest);
    assert_null(home_press_find(&one, &own, text, NAME_LEN_MAX + 1));
}

/* The verdict on a press so long after we were ready. */
static enum press_verdict judge(struct home_press *state, int64_t after_ms)
{
    const struct home_pressing pressing = {
        .came_ms = 70000 + after_ms,
        .now_ms = 70000 + after_ms,
        .ready_ms = 70000,
        .quiet_ms = 3000,
    };

    return home_press_judge(state, &buttons[1], &pressing);
}

static void test_presses_right_after_the_connect_are_dropped(void **unused)
{
    struct home_press state = {0};

    (void)unused;
    assert_int_equal(judge(&state, 0), PRESS_EARLY);
    assert_int_equal(judge(&state, 2999), PRESS_EARLY);
    assert_false(state.has_accepted);
    assert_int_equal(judge(&state, 3000), PRESS_ACCEPTED);
}

static void test_a_second_press_waits_for_the_interval(void **unused)
{
    struct home_press state = {0};

    (void)unused;
    assert_int_equal(judge(&state, 10000), PRESS_ACCEPTED);
    assert_int_equal(judge(&state, 10001), PRESS_REPEATED);
    assert_int_equal(judge(&state, 11999), PRESS_REPEATED);
    /* What was dropped does not put the next one off. */
    assert_int_equal(judge(&state, 12000), PRESS_ACCEPTED);
    assert_int_equal(judge(&state, 13999), PRESS_REPEATED);
}

static void test_retained_beats_every_other_reason(void **unused)
{
    const struct home_pressing early = {.is_retained = true,
                                        .came_ms = 1,
                                        .now_ms = 1,
                                        .ready_ms = 1,
                                        .quiet_ms = 3000};
    const struct home_pressing late = {.is_retained = true,
                                       .came_ms = 90000,
                                       .now_ms = 90000,
                                       .ready_ms = 1,
                                       .quiet_ms = 3000};
    struct home_press state = {0};

    (void)unused;
    assert_int_equal(home_press_judge(&state, &buttons[1], &late),
                     PRESS_RETAINED);
    assert_int_equal(home_press_judge(NULL, NULL, &early), PRESS_RETAINED);
    assert_false(state.has_accepted);
}

static void test_an_unknown_button_has_no_state(void **unused)
{
    const struct home_pressing early = {
        .came_ms = 1, .now_ms = 1, .quiet_ms = 3000};
    const struct home_pressing late = {
        .came_ms = 9000, .now_ms = 9000, .quiet_ms = 3000};

    (void)unused;
    assert_int_equal(home_press_judge(NULL, NULL, &early), PRESS_EARLY);
    assert_int_equal(home_press_judge(NULL, NULL, &late), PRESS_UNKNOWN);
}

/* The verdict on a press that waited to be looked at. */
static enum press_verdict judge_waited(struct home_press *state,
                                       int64_t after_ms, int64_t waited_ms)
{
    const struct home_pressing pressing = {
        .came_ms = 70000 + after_ms,
        .now_ms = 70000 + after_ms + waited_ms,
        .ready_ms = 70000,
        .quiet_ms = 3000,
    };

    return home_press_judge(state, &buttons[1], &pressing);
}

static void test_what_waited_is_judged_by_when_it_came(void **unused)
{
    struct home_press state = {0};

    (void)unused;
    assert_int_equal(judge_waited(&state, 2999, 1000), PRESS_EARLY);
    assert_int_equal(judge_waited(&state, -1, 3500), PRESS_EARLY);
    assert_int_equal(judge_waited(&state, 3000, 4000), PRESS_LATE);
    assert_int_equal(judge_waited(&state, 3000, 4001), PRESS_LATE);
    /* What was dropped does not put the next one off. */
    assert_int_equal(judge_waited(&state, 3001, 3999), PRESS_ACCEPTED);
    assert_int_equal(judge_waited(&state, 5000, 2000), PRESS_REPEATED);
    assert_int_equal(judge_waited(&state, 5001, 0), PRESS_ACCEPTED);
    assert_int_equal(judge_waited(&state, 5002, 4000), PRESS_LATE);
}

static void test_a_first_press_at_time_0_counts(void **unused)
{
    const struct home_pressing pressing = {0};
    struct home_press state = {0};

    (void)unused;
    assert_int_equal(home_press_judge(&state, &buttons[1], &pressing),
                     PRESS_ACCEPTED);
    assert_int_equal(home_press_judge(&state, &buttons[1], &pressing),
                     PRESS_REPEATED);
}

static void test_verdicts_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(press_verdict_name(PRESS_ACCEPTED), "accepted");
    assert_string_equal(press_verdict_name(PRESS_RETAINED), "retained");
    assert_string_equal(press_verdict_name(PRESS_EARLY), "early");
    assert_string_equal(press_verdict_name(PRESS_UNKNOWN), "unknown");
    assert_string_equal(press_verdict_name(PRESS_LATE), "late");
    assert_string_equal(press_verdict_name(PRESS_REPEATED), "repeated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_button_is_found_where_it_stands),
        cmocka_unit_test(test_a_payload_is_an_id_and_nothing_else),
        cmocka_unit_test(test_the_longest_id_is_found),
        cmocka_unit_test(test_presses_right_after_the_connect_are_dropped),
        cmocka_unit_test(test_a_second_press_waits_for_the_interval),
        cmocka_unit_test(test_retained_beats_every_other_reason),
        cmocka_unit_test(test_an_unknown_button_has_no_state),
        cmocka_unit_test(test_what_waited_is_judged_by_when_it_came),
        cmocka_unit_test(test_a_first_press_at_time_0_counts),
        cmocka_unit_test(test_verdicts_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
