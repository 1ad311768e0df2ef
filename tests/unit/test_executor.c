#include "tests/unit/executor_stage.h"

static void one_list_serves_all_that_wait(void **state)
{
    struct order order = {0};
    struct job jobs[20];

    (void)state;
    fake_play(0, "a", "ann");
    start();
    await_snapshots(1);
    fake_lock();
    fake_servers[0].hangs_list = true;
    fake_unlock();
    for (size_t i = 0; i < 20; i++)
        submit_select(&jobs[i], &order);
    fake_lock();
    fake_servers[0].hangs_list = false;
    fake_changed();
    fake_unlock();
    for (size_t i = 0; i < 20; i++) {
        struct job *job = await_job();

        assert_int_equal(job->outcome.code, LASTCALL_OK);
        assert_int_equal(job->target_count, 1);
        job_deinit(job);
    }
    /* The first snapshot, the list that hung, and one for all the rest. */
    fake_lock();
    assert_in_range(fake_servers[0].lists, 2, 3);
    fake_unlock();
}

static void an_act_is_done_on_the_wanted_alone(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "bob");
    start();
    submit_select(&job, &order);
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.target_count, 2);
    job.kind = JOB_ACT;
    job.targets[1].is_wanted = true;
    submit(&job);
    await_job();
    assert_int_equal(fake_servers[0].acts, 1);
    assert_string_equal(fake_servers[0].acted[0], "b");
    assert_int_equal(job.targets[1].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* holds 5.17 */
static void a_failing_session_does_not_keep_others_back(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "bob");
    fake_play(0, "c", "cyd");
    fake_servers[0].act_status = LASTCALL_DENIED;
    snprintf(fake_servers[0].act_fails_for,
             sizeof(fake_servers[0].act_fails_for), "a");
    start();
    submit_select(&job, &order);
    await_job();
    act_on_all(&job);
    assert_int_equal(fake_servers[0].acts, 3);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_DENIED);
    assert_int_equal(job.targets[1].outcome.code, LASTCALL_OK);
    assert_int_equal(job.targets[2].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* Select ten sessions of a server whose acts time out. */
static void select_ten(struct job *job, const struct order *order)
{
    for (int i = 0; i < 10; i++) {
        char id[8];

        snprintf(id, sizeof(id), "s%d", i);
        fake_play(0, id, "ann");
    }
    fake_servers[0].act_status = LASTCALL_TIMEOUT;
    start();
    await_snapshots(1);
    submit_select(job, order);
    assert_ptr_equal(await_job(), job);
    assert_int_equal(job->target_count, 10);
}

/* Who came while the server let us wait has waited for the same. */
static void one_timeout_answers_all_that_came_meanwhile(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    fake_servers[0].hangs_list = true;
    fake_servers[0].list_status = LASTCALL_TIMEOUT;
    start();
    assert_true(fake_await(is_hanging, NULL));
    submit_select(&job, &order);
    fake_lock();
    fake_servers[0].hangs_list = false;
    fake_changed();
    fake_unlock();
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.outcome.code, LASTCALL_TIMEOUT);
    assert_int_equal(fake_servers[0].lists, 1);
    job_deinit(&job);
}

/* holds 5.17 */
static void sessions_that_time_out_keep_no_other_from_being_tried(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    select_ten(&job, &order);
    act_on_all(&job);
    assert_int_equal(fake_servers[0].acts, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(job.targets[i].outcome.code, LASTCALL_TIMEOUT);
    job_deinit(&job);
}

static void a_server_that_hangs_costs_its_timeout_once(void **state)
{
    static const enum lastcall_status codes[] = {LASTCALL_TIMEOUT,
                                                 LASTCALL_UNREACHABLE};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct order order = {0};
        unsigned lists = 0;
        struct job job;

        fake_reset();
        select_ten(&job, &order);
        fake_lock();
        fake_servers[0].list_status = codes[i];
        lists = fake_servers[0].lists;
        fake_unlock();
        act_on_all(&job);
        fake_lock();
        assert_int_equal(fake_servers[0].acts, 1);
        assert_true(fake_servers[0].lists > lists);
        fake_unlock();
        assert_int_equal(job.targets[0].outcome.code, LASTCALL_TIMEOUT);
        for (size_t k = 1; k < 10; k++)
            assert_int_equal(job.targets[k].outcome.code, codes[i]);
        job_deinit(&job);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void an_act_does_not_begin_after_its_time(void **state)
{
    struct order order = {.until_s = 1};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    submit_select(&job, &order);
    await_job();
    act_on_all(&job);
    assert_int_equal(fake_servers[0].acts, 0);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_EXPIRED);
    job_deinit(&job);
}

static void an_act_is_followed_by_a_list(void **state)
{
    struct order order = {0};
    struct job job;
    unsigned before = 0;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    await_snapshots(1);
    submit_select(&job, &order);
    await_job();
    act_on_all(&job);
    gate_lock(&back.gate);
    before = back.snapshots;
    gate_unlock(&back.gate);
    await_snapshots(before + 1);
    assert_int_equal(back.last_count, 0);
    job_deinit(&job);
}

static void the_queue_is_bounded(void **state)
{
    static struct job jobs[EXECUTOR_QUEUE_MAX + 1];
    static const struct order order;

    (void)state;
    fake_servers[0].hangs_list = true;
    start();
    for (size_t i = 0; i < EXECUTOR_QUEUE_MAX; i++)
        jobs[i] = (struct job){.kind = JOB_ACT, .order = &order};
    /* The thread is in the list that hangs: nothing leaves the queue. */
    assert_true(fake_await(is_hanging, NULL));
    for (size_t i = 0; i < EXECUTOR_QUEUE_MAX; i++)
        assert_int_equal(executor_submit(executor, &jobs[i]), LASTCALL_OK);
    jobs[EXECUTOR_QUEUE_MAX] = (struct job){.order = &order};
    assert_int_equal(executor_submit(executor, &jobs[EXECUTOR_QUEUE_MAX]),
                     LASTCALL_BUSY);
}

static void an_interrupt_gives_every_job_back(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    fake_servers[0].hangs_list = true;
    start();
    submit_select(&job, &order);
    executor_interrupt(executor);
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.outcome.code, LASTCALL_INTERRUPTED);
    assert_int_equal(executor_submit(executor, &job), LASTCALL_E_CLOSED);
    job_deinit(&job);
}

static void an_unreachable_server_is_asked_again(void **state)
{
    (void)state;
    fake_servers[0].list_status = LASTCALL_UNREACHABLE;
    start();
    await_snapshots(1);
    assert_int_equal(back.last_code, LASTCALL_UNREACHABLE);
    fake_lock();
    fake_servers[0].list_status = LASTCALL_OK;
    fake_unlock();
    await_snapshots(2); /* long before sessions_interval */
    assert_int_equal(back.last_code, LASTCALL_OK);
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

/* The sessions are listed once a minute here, and soon after a hint. */
static void a_hint_is_followed_by_a_list(void **state)
{
    int64_t began_ms = 0;

    (void)state;
    start();
    await_snapshots(1);
    fake_play(0, "a", "ann");
    began_ms = now_ms();
    executor_hint(executor);
    await_snapshots(2);
    assert_true(now_ms() - began_ms < 2000);
    assert_int_equal(back.last_count, 1);
}

/* However soon after another: who came and is ended within that moment would
 * be told to nobody. */
static void a_list_that_differs_is_handed_out_at_once(void **state)
{
    struct order order = {0};
    struct job job;

    (void)state;
    start();
    await_snapshots(1);
    for (unsigned i = 0; i < 3; i++) {
        const char id[] = {(char)('a' + i), '\0'};

        fake_play(0, id, "ann");
        select_for(&job, &order);
        await_snapshots(2 + i);
        assert_int_equal(back.last_count, 1 + i);
        job_deinit(&job);
    }
}

static void a_burst_of_hints_is_few_lists(void **state)
{
    int64_t began_ms = 0;
    int64_t most = 0;

    (void)state;
    start();
    await_snapshots(1);
    began_ms = now_ms();
    gate_lock(&back.gate);
    for (int i = 0; i < 100; i++) {
        gate_unlock(&back.gate);
        executor_hint(executor);
        gate_lock(&back.gate);
        gate_wait(&back.gate, 5); /* half a second in all */
    }
    gate_unlock(&back.gate);
    await_snapshots(2);
    most = 2 + (now_ms() - began_ms) / EXECUTOR_SETTLE_MS;
    fake_lock();
    assert_in_range(fake_servers[0].lists, 2, most);
    fake_unlock();
}

/* Hints that never end put no list off. */
static void hints_put_no_list_off(void **state)
{
    int64_t began_ms = 0;
    unsigned snapshots = 0;

    (void)state;
    start();
    await_snapshots(1);
    began_ms = now_ms();
    gate_lock(&back.gate);
    while (back.snapshots < 2 && now_ms() - began_ms < FAKE_WAIT_MS) {
        gate_unlock(&back.gate);
        executor_hint(executor);
        gate_lock(&back.gate);
        gate_wait(&back.gate, 5);
    }
    snapshots = back.snapshots;
    gate_unlock(&back.gate);
    assert_in_range(snapshots, 2, UINT32_MAX);
}

/* But once it is long over, its length puts no list off. */
static void a_long_list_puts_off_nothing_that_comes_later(void **state)
{
    const int64_t long_ms = INT64_C(4) * EXECUTOR_SETTLE_MS;
    int64_t until_ms = 0;

    (void)state;
    start();
    await_snapshots(1);
    fake_lock();
    fake_servers[0].hangs_list = true;
    fake_unlock();
    executor_hint(executor);
    assert_true(fake_await(is_hanging, NULL));
    until_ms = now_ms() + long_ms;
    gate_lock(&back.gate);
    while (now_ms() < until_ms)
        gate_wait(&back.gate, until_ms - now_ms());
    gate_unlock(&back.gate);
    fake_lock();
    fake_servers[0].hangs_list = false;
    fake_changed();
    fake_unlock();
    await_snapshots(2);
    /* As long again, and a little more. */
    until_ms = now_ms() + long_ms + EXECUTOR_SETTLE_MS;
    gate_lock(&back.gate);
    while (now_ms() < until_ms)
        gate_wait(&back.gate, until_ms - now_ms());
    gate_unlock(&back.gate);
    until_ms = now_ms();
    fake_play(0, "a", "ann");
    executor_hint(executor);
    await_snapshots(3);
    assert_true(now_ms() - until_ms < long_ms);
}

/* A list that takes long is not begun anew as soon as it ends. */
static void a_long_list_has_a_pause_behind_it(void **state)
{
    const int64_t long_ms = INT64_C(3) * EXECUTOR_SETTLE_MS;
    int64_t began_ms = 0;

    (void)state;
    start();
    await_snapshots(1);
    fake_lock();
    fake_servers[0].hangs_list = true;
    fake_unlock();
    executor_hint(executor);
    assert_true(fake_await(is_hanging, NULL));
    began_ms = now_ms();
    gate_lock(&back.gate);
    while (now_ms() - began_ms < long_ms)
        gate_wait(&back.gate, 5);
    gate_unlock(&back.gate);
    fake_lock();
    fake_servers[0].hangs_list = false;
    fake_changed();
    fake_unlock();
    await_snapshots(2);
    began_ms = now_ms();
    executor_hint(executor);
    await_snapshots(3);
    assert_in_range(now_ms() - began_ms, long_ms - 50, FAKE_WAIT_MS);
}

/* An act is given time to show, unless the server tells of it. */
static void an_act_is_given_time_to_show(void **state)
{
    struct order order = {0};
    struct job job;
    int64_t began_ms = 0;
    unsigned snapshots = 0;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "bob");
    start();
    await_snapshots(1);
    select_for(&job, &order);
    gate_lock(&back.gate);
    snapshots = back.snapshots;
    gate_unlock(&back.gate);
    began_ms = now_ms();
    act_on_all(&job);
    await_snapshots(snapshots + 1);
    assert_in_range(now_ms() - began_ms, EXECUTOR_ACT_SETTLE_MS, FAKE_WAIT_MS);
    assert_int_equal(back.last_count, 0);
    job.kind = JOB_ACT;
    fake_play(0, "c", "cyd");
    began_ms = now_ms();
    act_on_all(&job);
    executor_hint(executor);
    await_snapshots(snapshots + 2);
    assert_in_range(now_ms() - began_ms, 0, EXECUTOR_ACT_SETTLE_MS - 1);
    job_deinit(&job);
}

/* Wait for a snapshot of so many sessions. */
static void await_listed(size_t count)
{
    const int64_t until_ms = now_ms() + FAKE_WAIT_MS;

    gate_lock(&back.gate);
    while (back.last_count != count && now_ms() < until_ms)
        gate_wait(&back.gate, 100);
    assert_int_equal(back.last_count, count);
    gate_unlock(&back.gate);
}

/* What an act or a hint wants to be looked at is not seen by a command that
 * lists before its time. */
static void a_command_in_between_is_not_the_list_that_is_wanted(void **state)
{
    struct order order = {0};
    struct job act;
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    await_snapshots(1);
    select_for(&act, &order);
    act_on_all(&act);
    for (unsigned i = 0; i < 2; i++) {
        fake_play(0, i == 0 ? "b" : "c", "bob");
        if (i == 1)
            executor_hint(executor);
        select_for(&job, &order);
        job_deinit(&job);
        await_listed(1 + 2 * i);
        fake_play(0, i == 0 ? "d" : "e", "dan");
        await_listed(2 + 2 * i);
    }
    job_deinit(&act);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_list_serves_all_that_wait),
        TEST(an_act_is_done_on_the_wanted_alone),
        TEST(a_failing_session_does_not_keep_others_back),
        TEST(one_timeout_answers_all_that_came_meanwhile),
        TEST(sessions_that_time_out_keep_no_other_from_being_tried),
        TEST(a_server_that_hangs_costs_its_timeout_once),
        TEST(an_act_does_not_begin_after_its_time),
        TEST(an_act_is_followed_by_a_list),
        TEST(the_queue_is_bounded),
        TEST(an_interrupt_gives_every_job_back),
        TEST(an_unreachable_server_is_asked_again),
        TEST(a_hint_is_followed_by_a_list),
        TEST(a_list_that_differs_is_handed_out_at_once),
        TEST(a_burst_of_hints_is_few_lists),
        TEST(hints_put_no_list_off),
        TEST(a_long_list_has_a_pause_behind_it),
        TEST(a_long_list_puts_off_nothing_that_comes_later),
        TEST(an_act_is_given_time_to_show),
        TEST(a_command_in_between_is_not_the_list_that_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
