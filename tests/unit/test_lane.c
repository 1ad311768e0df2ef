#include "tests/unit/executor_stage.h"

#include "worker/lane.h"

static const struct order asking = {
    .request = {.action = ACTION_MESSAGE, .wait = true}};

/* So many calls hang at once. */
static bool are_hanging(const void *context)
{
    return fake_servers[0].hang_count == *(const unsigned *)context;
}

static void set_hanging(bool hangs)
{
    fake_lock();
    fake_servers[0].hangs_message = hangs;
    fake_changed();
    fake_unlock();
}

/* Ask `count` sessions, none of which answers yet. */
static void ask(struct job *job, const struct order *order, unsigned count)
{
    fake_servers[0].crowd_count = count;
    fake_servers[0].hangs_message = true;
    start_wts();
    select_for(job, order);
    assert_int_equal(job->target_count, count);
    submit_act(job);
}

static void expect_all(const struct job *job, enum lastcall_status code,
                       const char *response)
{
    for (size_t i = 0; i < job->target_count; i++) {
        const struct session_outcome *outcome = &job->targets[i].outcome;

        if (outcome->code != code || strcmp(outcome->response, response) != 0)
            fail_msg("session %zu: %s (%s) %s", i, status_name(outcome->code),
                     outcome->detail, outcome->response);
    }
}

/* holds 5.20 */
static void fifty_are_asked_at_once(void **state)
{
    const struct order order = asking;
    const unsigned count = 50;
    struct job job;

    (void)state;
    ask(&job, &order, count);
    assert_true(fake_await(are_hanging, &count));
    set_hanging(false);
    assert_ptr_equal(await_job(), &job);
    expect_all(&job, LASTCALL_OK, "yes");
    job_deinit(&job);
}

static void more_than_fit_take_turns(void **state)
{
    const struct order order = asking;
    const unsigned most = LANE_THREAD_MAX;
    struct job job;

    (void)state;
    ask(&job, &order, LANE_THREAD_MAX + 36);
    assert_true(fake_await(are_hanging, &most));
    assert_int_equal(fake_servers[0].acts, LANE_THREAD_MAX);
    set_hanging(false);
    assert_ptr_equal(await_job(), &job);
    expect_all(&job, LASTCALL_OK, "yes");
    assert_int_equal(fake_servers[0].acts, LANE_THREAD_MAX + 36);
    job_deinit(&job);
}

/* Threads that have ended are taken for the next order. */
static void one_message_follows_the_other(void **state)
{
    const struct order order = asking;
    struct job job;

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    for (int i = 0; i < FAKE_ACT_MAX; i++) {
        select_for(&job, &order);
        act_on_all(&job);
        expect_all(&job, LASTCALL_OK, "yes");
        job_deinit(&job);
    }
}

/* holds 5.20 */
static void a_message_holds_up_no_other_order(void **state)
{
    const struct order message = asking;
    const struct order logoff = {
        .request = {.action = ACTION_LOGOFF, .session_id = (char[]){"2"}}};
    const unsigned one = 1;
    struct job waiting;
    struct job ending;

    (void)state;
    ask(&waiting, &message, 1);
    assert_true(fake_await(are_hanging, &one));
    fake_play(0, "2", "ann");
    select_for(&ending, &logoff);
    assert_int_equal(ending.target_count, 1);
    act_on_all(&ending);
    assert_int_equal(ending.targets[0].outcome.code, LASTCALL_OK);
    set_hanging(false);
    assert_ptr_equal(await_job(), &waiting);
    job_deinit(&ending);
    job_deinit(&waiting);
}

static void one_that_fails_keeps_no_other_back(void **state)
{
    const struct order order = asking;
    struct job job;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "bob");
    fake_servers[0].act_status = LASTCALL_TIMEOUT;
    snprintf(fake_servers[0].act_fails_for,
             sizeof(fake_servers[0].act_fails_for), "2");
    start_wts();
    select_for(&job, &order);
    job.targets[1].is_wanted = true;
    act_on_all(&job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_TIMEOUT);
    assert_int_equal(job.targets[1].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

static void only_the_wanted_are_asked(void **state)
{
    const struct order order = asking;
    struct job job;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "bob");
    start_wts();
    select_for(&job, &order);
    job.kind = JOB_ACT;
    job.targets[1].is_wanted = true;
    submit(&job);
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(fake_servers[0].acts, 1);
    assert_string_equal(fake_servers[0].acted[0], "3");
    job_deinit(&job);
}

static void a_message_is_not_shown_after_its_time(void **state)
{
    const struct order order = {
        .request = {.action = ACTION_MESSAGE, .wait = true}, .until_s = 1};
    struct job job;

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    select_for(&job, &order);
    act_on_all(&job);
    expect_all(&job, LASTCALL_EXPIRED, "");
    assert_int_equal(fake_servers[0].acts, 0);
    job_deinit(&job);
}

/* Those that have their box are interrupted, those in line are not asked. */
static void an_interrupt_ends_all_that_wait(void **state)
{
    const struct order order = asking;
    const unsigned most = LANE_THREAD_MAX;
    struct job job;

    (void)state;
    ask(&job, &order, LANE_THREAD_MAX + 36);
    assert_true(fake_await(are_hanging, &most));
    executor_interrupt(executor);
    assert_ptr_equal(await_job(), &job);
    expect_all(&job, LASTCALL_INTERRUPTED, "");
    assert_int_equal(fake_servers[0].acts, LANE_THREAD_MAX);
    job_deinit(&job);
}

/* The backend is there until the last thread has left it. */
static void a_close_waits_for_the_threads(void **state)
{
    const struct order order = asking;
    const unsigned count = 20;
    struct job job;

    (void)state;
    fake_servers[0].is_sluggish = true;
    ask(&job, &order, count);
    assert_true(fake_await(are_hanging, &count));
    executor_close(executor);
    executor = NULL;
    assert_true(fake_servers[0].is_closed);
    assert_ptr_equal(await_job(), &job);
    expect_all(&job, LASTCALL_INTERRUPTED, "");
    job_deinit(&job);
}

static void waiting_orders_are_bounded(void **state)
{
    static struct job jobs[LANE_JOB_MAX + 1];
    const struct order order = asking;
    struct job *back_first = NULL;

    (void)state;
    fake_play(0, "2", "ann");
    fake_servers[0].hangs_message = true;
    start_wts();
    for (size_t i = 0; i <= LANE_JOB_MAX; i++)
        select_for(&jobs[i], &order);
    for (size_t i = 0; i <= LANE_JOB_MAX; i++)
        submit_act(&jobs[i]);
    back_first = await_job();
    assert_ptr_equal(back_first, &jobs[LANE_JOB_MAX]);
    expect_all(back_first, LASTCALL_BUSY, "");
    set_hanging(false);
    for (size_t i = 0; i < LANE_JOB_MAX; i++)
        expect_all(await_job(), LASTCALL_OK, "yes");
    for (size_t i = 0; i <= LANE_JOB_MAX; i++)
        job_deinit(&jobs[i]);
}

/* A message that does not wait is done in its turn, as any other act. */
static void only_who_waits_has_a_thread(void **state)
{
    const struct order waits = asking;
    const struct order does_not = {.request = {.action = ACTION_MESSAGE}};
    const struct order ends = {
        .request = {.action = ACTION_LOGOFF, .wait = true}};

    (void)state;
    assert_true(lane_is_for(&waits));
    assert_false(lane_is_for(&does_not));
    assert_false(lane_is_for(&ends));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fifty_are_asked_at_once),
        TEST(more_than_fit_take_turns),
        TEST(one_message_follows_the_other),
        TEST(a_message_holds_up_no_other_order),
        TEST(one_that_fails_keeps_no_other_back),
        TEST(only_the_wanted_are_asked),
        TEST(a_message_is_not_shown_after_its_time),
        TEST(an_interrupt_ends_all_that_wait),
        TEST(a_close_waits_for_the_threads),
        TEST(waiting_orders_are_bounded),
        cmocka_unit_test(only_who_waits_has_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
