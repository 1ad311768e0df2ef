#include "tests/unit/bodies.h"

#include "tests/unit/fakes.h"
#include "worker/confirm.h"
#include "worker/executor.h"
#include "protocol/io/gate.h"

/* What came back. */
static struct {
    struct gate gate;
    struct job *jobs;
    unsigned snapshots;
    size_t last_count;
    enum lastcall_status last_code;
} back;

static struct server_settings settings;
static struct executor *executor;

static void on_done(void *context, struct job *job)
{
    (void)context;
    gate_lock(&back.gate);
    job->next = back.jobs;
    back.jobs = job;
    gate_signal(&back.gate);
    gate_unlock(&back.gate);
}

static void on_snapshot(void *context, struct snapshot *snapshot)
{
    (void)context;
    gate_lock(&back.gate);
    back.snapshots++;
    back.last_count = snapshot->sessions.count;
    back.last_code = snapshot->outcome.code;
    gate_signal(&back.gate);
    gate_unlock(&back.gate);
    snapshot_free(snapshot);
}

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    memset(&back, 0, sizeof(back));
    settings = (struct server_settings){
        .name = {"one"},
        .sessions_interval_ms = 60000,
        .sessions_max_age_s = 300,
    };
    return gate_init(&back.gate) == LASTCALL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    executor_close(executor);
    executor = NULL;
    gate_deinit(&back.gate);
    return 0;
}

static void start(void)
{
    const struct executor_options options = {
        .settings = &settings,
        .ops = &fake_backend_ops,
        .clock = &platform_clock,
        .events = {NULL, on_done, on_snapshot},
    };
    struct platform_error error;

    assert_int_equal(executor_open(&options, &executor, &error), LASTCALL_OK);
}

static struct job *await_job(void)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;
    struct job *job = NULL;

    gate_lock(&back.gate);
    while (back.jobs == NULL &&
           platform_clock.monotonic_ms(platform_clock.state) < until)
        gate_wait(&back.gate, 100);
    job = back.jobs;
    if (job != NULL)
        back.jobs = job->next;
    gate_unlock(&back.gate);
    assert_non_null(job);
    return job;
}

static void await_snapshots(unsigned count)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    gate_lock(&back.gate);
    while (back.snapshots < count &&
           platform_clock.monotonic_ms(platform_clock.state) < until)
        gate_wait(&back.gate, 100);
    assert_true(back.snapshots >= count);
    gate_unlock(&back.gate);
}

/* Hand a job over, and let the executor begin with it. */
static void submit(struct job *job)
{
    assert_int_equal(executor_submit(executor, job), LASTCALL_OK);
    executor_wake(executor);
    executor_wake(executor);
}

static bool is_hanging(const void *context)
{
    (void)context;
    return fake_servers[0].is_hanging;
}

static void submit_select(struct job *job, const struct order *order)
{
    *job = (struct job){.kind = JOB_SELECT, .order = order};
    submit(job);
}

static void act_on_all(struct job *job)
{
    job->kind = JOB_ACT;
    for (size_t i = 0; i < job->target_count; i++)
        job->targets[i].is_wanted = true;
    submit(job);
    assert_ptr_equal(await_job(), job);
}

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

/* ---- confirmation, without the thread ---- */

static struct session session_of(const char *id, const char *user)
{
    struct session session = {0};

    assert_int_equal(session_set_text(&session, SESSION_ID, id), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    assert_int_equal(
        session_set_text(&session, SESSION_PLAYER_MACHINE_ID, "tv"),
        LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_MEDIA_KEY, "/film"),
                     LASTCALL_OK);
    return session;
}

/* Show lists one after the other ("" is an empty one, NULL a failure). */
static enum lastcall_status settle(const char *const *ids, size_t count)
{
    struct job_target target = {.session = session_of("a", "ann")};
    struct job job = {.targets = &target, .target_count = 1};
    struct watch watch = {.job = &job};
    struct session_outcome outcome = {0};

    for (size_t i = 0; i < count; i++) {
        struct session_list list = {0};
        struct session session = {0};

        if (ids[i] != NULL && ids[i][0] != '\0') {
            session = session_of(ids[i], "ann");
            assert_int_equal(session_list_take(&list, &session), LASTCALL_OK);
        }
        watch_update(&watch, ids[i] != NULL ? &list : NULL);
        session_list_deinit(&list);
    }
    watch_settle(&watch, &outcome);
    session_deinit(&target.session);
    return outcome.code;
}

/* holds 5.8 */
static void a_confirmation_tells_four_ends_apart(void **state)
{
    const char *const gone[] = {"a", ""};
    const char *const there[] = {"a", "a"};
    const char *const back_again[] = {"a", "", "a"};
    const char *const twin[] = {"a", "", "b"};
    const char *const blind[] = {NULL, NULL};

    (void)state;
    assert_int_equal(settle(gone, 2), LASTCALL_OK);
    assert_int_equal(settle(there, 2), LASTCALL_UNCONFIRMED);
    assert_int_equal(settle(back_again, 3), LASTCALL_REAPPEARED);
    assert_int_equal(settle(twin, 3), LASTCALL_REAPPEARED);
    assert_int_equal(settle(blind, 2), LASTCALL_UNCONFIRMED);
}

/* Two streams of one person on one player: the second was there before. */
static void what_was_there_before_did_not_reappear(void **state)
{
    struct order order = {
        .request = {.session_id = (char[]){"a"}, .confirm_s = 1}};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "ann");
    start();
    submit_select(&job, &order);
    await_job();
    assert_int_equal(job.target_count, 1);
    act_on_all(&job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* What failed is not watched: its own code stays. */
static void a_failed_act_is_not_confirmed(void **state)
{
    struct order order = {.request = {.confirm_s = 1}};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].act_status = LASTCALL_DENIED;
    start();
    submit_select(&job, &order);
    await_job();
    act_on_all(&job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_DENIED);
    job_deinit(&job);
}

static void a_confirmation_does_not_hold_up_other_orders(void **state)
{
    struct order confirmed = {.request = {.confirm_s = 1}};
    struct order other = {0};
    struct job slow;
    struct job quick;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].sessions[0].is_deaf = true;
    start();
    submit_select(&slow, &confirmed);
    await_job();
    slow.kind = JOB_ACT;
    slow.targets[0].is_wanted = true;
    submit(&slow);
    submit_select(&quick, &other);
    assert_ptr_equal(await_job(), &quick);
    assert_ptr_equal(await_job(), &slow);
    assert_int_equal(slow.targets[0].outcome.code, LASTCALL_UNCONFIRMED);
    job_deinit(&slow);
    job_deinit(&quick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        cmocka_unit_test(a_confirmation_tells_four_ends_apart),
        TEST(what_was_there_before_did_not_reappear),
        TEST(a_failed_act_is_not_confirmed),
        TEST(a_confirmation_does_not_hold_up_other_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
