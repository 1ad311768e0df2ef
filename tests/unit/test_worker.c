#include "tests/unit/bodies.h"

#include "tests/unit/worker_stage.h"

static struct worker *worker;

static int set_up(void **state)
{
    struct platform_error error;
    int result = worker_stage_setup(state);

    if (result == 0 && (worker_new(&worker_stage.context, worker_stage.config,
                                   &worker, &error) != LASTCALL_OK ||
                        worker_start(worker, &error) != LASTCALL_OK))
        fail_msg("%s", error.text);
    return result;
}

static int tear_down(void **state)
{
    worker_stop(worker, INBOX_STOP);
    worker_free(worker);
    return worker_stage_teardown(state);
}

static void a_change_of_the_machines_sessions_lists_them(void **state)
{
    (void)state;
    worker_stage_await_lists(1, 1);
    worker_sessions_changed(worker);
    worker_stage_await_lists(2, 1);
    fake_lock();
    assert_int_equal(fake_servers[1].lists, 1); /* a Plex is no part of it */
    fake_unlock();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_change_of_the_machines_sessions_lists_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
