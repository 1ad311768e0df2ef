#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/plex_pace.h"

#define BEGIN_MS 1000000
#define MINUTE_MS 60000

/* ---- connecting ---- */

static int64_t fail_at(struct plex_retry *retry, int64_t now_ms,
                       uint32_t chance)
{
    plex_retry_begin(retry, now_ms);
    plex_retry_end(retry, PLEX_STREAM_LOST, now_ms, chance);
    return retry->next_ms - now_ms;
}

static void pauses_double_up_to_half_a_minute(void **state)
{
    static const int64_t most_ms[] = {1000,  2000,  4000, 8000,
                                      16000, 30000, 30000};

    (void)state;
    for (int side = 0; side < 2; side++) {
        struct plex_retry retry = {0};

        for (size_t i = 0; i < sizeof(most_ms) / sizeof(most_ms[0]); i++) {
            const uint32_t half = (uint32_t)(most_ms[i] / 2);
            const int64_t pause_ms =
                fail_at(&retry, BEGIN_MS, side == 0 ? 0 : half);

            assert_int_equal(pause_ms, side == 0 ? most_ms[i] / 2 : most_ms[i]);
        }
        for (int i = 0; i < 1000; i++)
            fail_at(&retry, BEGIN_MS, UINT32_MAX);
        assert_in_range(retry.next_ms - BEGIN_MS, PLEX_RETRY_MAX_MS / 2,
                        PLEX_RETRY_MAX_MS);
    }
}

static void a_word_and_an_end_is_no_stream(void **state)
{
    struct plex_retry retry = {0};

    (void)state;
    for (int i = 0; i < 20; i++) {
        plex_retry_begin(&retry, BEGIN_MS);
        plex_retry_open(&retry, BEGIN_MS);
        assert_false(plex_retry_hear(&retry, BEGIN_MS));
        assert_false(
            plex_retry_hear(&retry, BEGIN_MS + PLEX_RETRY_HEARD_MS - 1));
        plex_retry_end(&retry, PLEX_STREAM_LOST, BEGIN_MS, 0);
    }
    assert_int_equal(retry.next_ms, BEGIN_MS + PLEX_RETRY_MAX_MS / 2);
}

static void a_live_stream_begins_anew(void **state)
{
    struct plex_retry retry = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        fail_at(&retry, BEGIN_MS, 0);
    plex_retry_begin(&retry, BEGIN_MS);
    plex_retry_open(&retry, BEGIN_MS);
    assert_true(plex_retry_hear(&retry, BEGIN_MS + PLEX_RETRY_HEARD_MS));
    assert_int_equal(retry.state, PLEX_STREAM_LIVE);
    /* That is told once. */
    assert_false(plex_retry_hear(&retry, BEGIN_MS + MINUTE_MS));
    assert_true(plex_retry_end(&retry, PLEX_STREAM_LOST, BEGIN_MS, 0));
    assert_int_equal(retry.next_ms, BEGIN_MS + PLEX_RETRY_FIRST_MS / 2);
}

/* A stream of comments alone has no event to be known by. */
static void a_stream_that_lasted_begins_anew(void **state)
{
    (void)state;
    for (int64_t lasted_ms = PLEX_RETRY_LASTED_MS - 1;
         lasted_ms <= PLEX_RETRY_LASTED_MS; lasted_ms++) {
        struct plex_retry retry = {0};
        const int64_t end_ms = BEGIN_MS + lasted_ms;

        for (int i = 0; i < 20; i++)
            fail_at(&retry, BEGIN_MS, 0);
        plex_retry_begin(&retry, BEGIN_MS);
        plex_retry_open(&retry, BEGIN_MS);
        plex_retry_end(&retry, PLEX_STREAM_LOST, end_ms, 0);
        assert_int_equal(retry.next_ms - end_ms,
                         lasted_ms == PLEX_RETRY_LASTED_MS
                             ? PLEX_RETRY_FIRST_MS / 2
                             : PLEX_RETRY_MAX_MS / 2);
    }
    /* A long attempt that no stream came of is none. */
    struct plex_retry retry = {.failures = 20};

    plex_retry_begin(&retry, BEGIN_MS);
    plex_retry_end(&retry, PLEX_STREAM_LOST, BEGIN_MS + 10 * MINUTE_MS, 0);
    assert_int_equal(retry.next_ms,
                     BEGIN_MS + 10 * MINUTE_MS + PLEX_RETRY_MAX_MS / 2);
}

static void refusals_are_left_alone_for_long(void **state)
{
    static const enum plex_stream states[] = {PLEX_STREAM_DENIED,
                                              PLEX_STREAM_ABSENT};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct plex_retry retry = {0};

        plex_retry_begin(&retry, BEGIN_MS);
        assert_true(plex_retry_end(&retry, states[i], BEGIN_MS, 0));
        assert_int_equal(retry.next_ms, BEGIN_MS + PLEX_RETRY_SLOW_MS);
        /* The same again is no news. */
        plex_retry_begin(&retry, retry.next_ms);
        assert_false(plex_retry_end(&retry, states[i], retry.next_ms, 0));
    }
}

static void a_nudge_ends_the_pause_but_not_the_gap(void **state)
{
    struct plex_retry retry = {0};

    (void)state;
    plex_retry_begin(&retry, BEGIN_MS);
    plex_retry_end(&retry, PLEX_STREAM_DENIED, BEGIN_MS, 0);
    plex_retry_nudge(&retry, BEGIN_MS + 10);
    assert_int_equal(retry.next_ms, BEGIN_MS + PLEX_RETRY_GAP_MS);
    plex_retry_begin(&retry, BEGIN_MS);
    plex_retry_end(&retry, PLEX_STREAM_DENIED, BEGIN_MS, 0);
    plex_retry_nudge(&retry, BEGIN_MS + MINUTE_MS);
    assert_int_equal(retry.next_ms, BEGIN_MS + MINUTE_MS);
    /* It never puts an attempt off. */
    retry.next_ms = BEGIN_MS + 5;
    plex_retry_nudge(&retry, BEGIN_MS + MINUTE_MS);
    assert_int_equal(retry.next_ms, BEGIN_MS + 5);
}

/* ---- listing ---- */

/* Take hints millisecond by millisecond; how many there were. */
static unsigned take_until(struct plex_hints *hints, int64_t from_ms,
                           int64_t to_ms)
{
    unsigned count = 0;

    for (int64_t now_ms = from_ms; now_ms < to_ms; now_ms++)
        count += plex_hints_take(hints, now_ms);
    return count;
}

static void nothing_noted_is_nothing_due(void **state)
{
    struct plex_hints hints;

    (void)state;
    plex_hints_init(&hints);
    assert_true(plex_hints_due_ms(&hints) == PLEX_PACE_NEVER);
    plex_hints_note(&hints, PLEX_NEWS_NONE, BEGIN_MS);
    assert_true(plex_hints_due_ms(&hints) == PLEX_PACE_NEVER);
    assert_false(plex_hints_take(&hints, BEGIN_MS));
}

static void a_change_is_hinted_at_once_and_again_later(void **state)
{
    struct plex_hints hints;

    (void)state;
    plex_hints_init(&hints);
    plex_hints_note(&hints, PLEX_NEWS_CHANGED, BEGIN_MS);
    assert_int_equal(plex_hints_due_ms(&hints), BEGIN_MS);
    assert_true(plex_hints_take(&hints, BEGIN_MS));
    assert_false(plex_hints_take(&hints, BEGIN_MS));
    assert_int_equal(plex_hints_due_ms(&hints), BEGIN_MS + PLEX_HINT_LATER_MS);
    assert_true(plex_hints_take(&hints, BEGIN_MS + PLEX_HINT_LATER_MS));
    assert_true(plex_hints_due_ms(&hints) == PLEX_PACE_NEVER);
}

static void an_end_is_hinted_three_times(void **state)
{
    struct plex_hints hints;

    (void)state;
    plex_hints_init(&hints);
    plex_hints_note(&hints, PLEX_NEWS_STOPPED, BEGIN_MS);
    assert_true(plex_hints_take(&hints, BEGIN_MS));
    assert_int_equal(plex_hints_due_ms(&hints), BEGIN_MS + PLEX_HINT_SOON_MS);
    assert_true(plex_hints_take(&hints, BEGIN_MS + PLEX_HINT_SOON_MS));
    assert_int_equal(plex_hints_due_ms(&hints), BEGIN_MS + PLEX_HINT_LATER_MS);
    assert_int_equal(
        take_until(&hints, BEGIN_MS + PLEX_HINT_SOON_MS, BEGIN_MS + MINUTE_MS),
        1);
}

static void what_is_overdue_is_one_hint(void **state)
{
    struct plex_hints hints;

    (void)state;
    plex_hints_init(&hints);
    plex_hints_note(&hints, PLEX_NEWS_STOPPED, BEGIN_MS);
    assert_true(plex_hints_take(&hints, BEGIN_MS + MINUTE_MS));
    assert_true(plex_hints_due_ms(&hints) == PLEX_PACE_NEVER);
}

/* A change now and then is never put off by what the ones before want. */
static void looking_again_costs_no_change_its_turn(void **state)
{
    struct plex_hints hints;

    (void)state;
    plex_hints_init(&hints);
    for (int64_t now_ms = BEGIN_MS; now_ms < BEGIN_MS + MINUTE_MS;
         now_ms += 1000) {
        plex_hints_note(&hints, PLEX_NEWS_STOPPED, now_ms);
        assert_true(plex_hints_take(&hints, now_ms));
        assert_int_equal(take_until(&hints, now_ms, now_ms + 1000), 1);
    }
}

static void a_flood_is_one_hint_a_second(void **state)
{
    struct plex_hints hints;
    unsigned count = 0;

    (void)state;
    plex_hints_init(&hints);
    for (int64_t now_ms = BEGIN_MS; now_ms < BEGIN_MS + MINUTE_MS; now_ms++) {
        plex_hints_note(&hints, PLEX_NEWS_STOPPED, now_ms);
        count += plex_hints_take(&hints, now_ms);
    }
    assert_in_range(count, 60, 60 + PLEX_HINT_BURST);
    /* What came last is not forgotten, but comes in its turn. */
    count = take_until(&hints, BEGIN_MS + MINUTE_MS, BEGIN_MS + 2 * MINUTE_MS);
    assert_in_range(count, 1, 4);
    /* After a rest several may come at once again. */
    count = 0;
    for (int i = 0; i < 100; i++) {
        plex_hints_note(&hints, PLEX_NEWS_CHANGED, BEGIN_MS + 3 * MINUTE_MS);
        count += plex_hints_take(&hints, BEGIN_MS + 3 * MINUTE_MS);
    }
    assert_int_equal(count, PLEX_HINT_BURST);
}

/* Told at the pace that makes for the most hints. */
static void looking_again_is_bounded_too(void **state)
{
    const int64_t most = MINUTE_MS / 1000 + MINUTE_MS / PLEX_HINT_SOON_MS;
    struct plex_hints hints;
    unsigned count = 0;

    (void)state;
    plex_hints_init(&hints);
    for (int64_t now_ms = BEGIN_MS; now_ms < BEGIN_MS + MINUTE_MS; now_ms++) {
        if ((now_ms - BEGIN_MS) % (PLEX_HINT_SOON_MS + 1) == 0)
            plex_hints_note(&hints, PLEX_NEWS_STOPPED, now_ms);
        count += plex_hints_take(&hints, now_ms);
    }
    assert_in_range(count, 60, most + PLEX_HINT_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_half_a_minute),
        cmocka_unit_test(a_word_and_an_end_is_no_stream),
        cmocka_unit_test(a_live_stream_begins_anew),
        cmocka_unit_test(a_stream_that_lasted_begins_anew),
        cmocka_unit_test(refusals_are_left_alone_for_long),
        cmocka_unit_test(a_nudge_ends_the_pause_but_not_the_gap),
        cmocka_unit_test(nothing_noted_is_nothing_due),
        cmocka_unit_test(a_change_is_hinted_at_once_and_again_later),
        cmocka_unit_test(an_end_is_hinted_three_times),
        cmocka_unit_test(what_is_overdue_is_one_hint),
        cmocka_unit_test(looking_again_costs_no_change_its_turn),
        cmocka_unit_test(a_flood_is_one_hint_a_second),
        cmocka_unit_test(looking_again_is_bounded_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
