/* The gate counts time on the machine's monotonic clock, on every system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/gate.h"
#include "protocol/io/platform.h"

#define WAIT_MS 300
/* A system's tick; no wait may be shorter than it says by more. */
#define TICK_MS 20
#define LATE_MS 10000

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static void a_timed_wait_takes_its_time(void **state)
{
    struct gate gate;
    const int64_t until_ms = now_ms() + WAIT_MS;

    (void)state;
    assert_int_equal(gate_init(&gate), LASTCALL_OK);
    gate_lock(&gate);
    for (int64_t left_ms = WAIT_MS; left_ms > 0; left_ms = until_ms - now_ms())
        if (!gate_condition_wait(&gate.condition, &gate.mutex, left_ms))
            break;
    gate_unlock(&gate);
    assert_true(now_ms() >= until_ms - TICK_MS);
    assert_true(now_ms() < until_ms + LATE_MS);
    gate_deinit(&gate);
}

static void no_time_left_is_no_wait(void **state)
{
    struct gate gate;
    const int64_t begun_ms = now_ms();

    (void)state;
    assert_int_equal(gate_init(&gate), LASTCALL_OK);
    gate_lock(&gate);
    assert_false(gate_condition_wait(&gate.condition, &gate.mutex, 0));
    gate_unlock(&gate);
    assert_true(now_ms() < begun_ms + LATE_MS);
    gate_deinit(&gate);
}

struct handover {
    struct gate gate;
    bool is_done; /* guarded by the gate */
};

static void *hand_over(void *context)
{
    struct handover *handover = context;

    gate_lock(&handover->gate);
    handover->is_done = true;
    gate_unlock(&handover->gate);
    gate_signal(&handover->gate);
    return NULL;
}

/* Hangs, and the test's time is over, where a signal does not wake. */
static void expect_handover(int64_t timeout_ms)
{
    struct handover handover = {.is_done = false};
    pthread_t thread;

    assert_int_equal(gate_init(&handover.gate), LASTCALL_OK);
    gate_lock(&handover.gate);
    /* Locked until the wait begins, so that the signal comes within it. */
    assert_int_equal(gate_thread_start(&thread, hand_over, &handover),
                     LASTCALL_OK);
    while (!handover.is_done)
        gate_wait(&handover.gate, timeout_ms);
    gate_unlock(&handover.gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    gate_deinit(&handover.gate);
}

static void a_signal_ends_a_wait(void **state)
{
    const int64_t begun_ms = now_ms();

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        expect_handover(GATE_FOREVER_MS);
    for (unsigned i = 0; i < 200; i++)
        expect_handover(INT64_C(3600) * 1000);
    assert_true(now_ms() < begun_ms + LATE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timed_wait_takes_its_time),
        cmocka_unit_test(no_time_left_is_no_wait),
        cmocka_unit_test(a_signal_ends_a_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
