/* SIGHUP ends a wait, for who has asked for it, and is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "controller/wake.h"
#include "protocol/io/gate.h"

#define LONG_MS (INT64_C(3600) * 1000)
#define ROUNDS 200

static int open_once(void **state)
{
    (void)state;
    return wake_open_reload() == LASTCALL_OK ? 0 : -1;
}

static void a_reload_is_told_once(void **state)
{
    (void)state;
    assert_false(wake_has_reload());
    assert_false(wake_take_reload());
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(wake_wait(LONG_MS), WAKE_CALLED);
    assert_true(wake_has_reload());
    assert_true(wake_take_reload());
    assert_false(wake_has_reload());
    assert_false(wake_take_reload());
    assert_int_equal(wake_wait(0), WAKE_TIMEOUT);
    assert_false(wake_is_interrupted());
}

static void *hang_up(void *context)
{
    pthread_kill(*(pthread_t *)context, SIGHUP);
    return NULL;
}

/* Before the wait, or in the midst of it: poll() is then interrupted. */
static void a_reload_ends_the_wait(void **state)
{
    pthread_t self = pthread_self();

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        assert_int_equal(gate_thread_start(&thread, hang_up, &self),
                         LASTCALL_OK);
        assert_int_equal(wake_wait(LONG_MS), WAKE_CALLED);
        assert_true(wake_take_reload());
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_is_told_once),
        cmocka_unit_test(a_reload_ends_the_wait),
    };

    return cmocka_run_group_tests(tests, open_once, NULL);
}
