/* Waiting that ends at once, and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/wake.h"
#include "protocol/io/gate.h"
#include "protocol/io/platform.h"

#define WAIT_MS 200
#define LONG_MS (INT64_C(3600) * 1000)
/* A system's tick. */
#define TICK_MS 20

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static int open_once(void **state)
{
    (void)state;
    /* The second time is as good as the first. */
    return wake_open() == LASTCALL_OK && wake_open() == LASTCALL_OK ? 0 : -1;
}

static void nobody_calls_and_the_time_is_over(void **state)
{
    const int64_t begun_ms = now_ms();

    (void)state;
    assert_int_equal(wake_wait(WAIT_MS), WAKE_TIMEOUT);
    assert_true(now_ms() >= begun_ms + WAIT_MS - TICK_MS);
    assert_int_equal(wake_wait(0), WAKE_TIMEOUT);
    assert_int_equal(wake_wait(-1), WAKE_TIMEOUT);
    assert_false(wake_is_interrupted());
}

static void a_call_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    wake_call();
    wake_call();
    assert_int_equal(wake_wait(LONG_MS), WAKE_CALLED);
    assert_int_equal(wake_wait(0), WAKE_TIMEOUT); /* two calls, one waking */
}

static void *call(void *context)
{
    (void)context;
    wake_call();
    return NULL;
}

static void another_thread_ends_the_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        pthread_t thread;

        assert_int_equal(gate_thread_start(&thread, call, NULL), LASTCALL_OK);
        assert_int_equal(wake_wait(LONG_MS), WAKE_CALLED);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_calls_and_the_time_is_over),
        cmocka_unit_test(a_call_before_the_wait_is_not_lost),
        cmocka_unit_test(another_thread_ends_the_wait),
    };

    return cmocka_run_group_tests(tests, open_once, NULL);
}
