#include "tests/unit/executor_stage.h"

struct back back;
struct executor *executor;

static struct server_settings settings;

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

int set_up(void **state)
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

int tear_down(void **state)
{
    (void)state;
    executor_close(executor);
    executor = NULL;
    gate_deinit(&back.gate);
    return 0;
}

static void start_with(const struct session_backend_ops *ops)
{
    const struct executor_options options = {
        .settings = &settings,
        .ops = ops,
        .clock = &platform_clock,
        .events = {NULL, on_done, on_snapshot},
    };
    struct platform_error error;

    assert_int_equal(executor_open(&options, &executor, &error), LASTCALL_OK);
}

void start(void)
{
    start_with(&fake_backend_ops);
}

void start_wts(void)
{
    settings.backend = BACKEND_WTS;
    start_with(&fake_wts_ops);
}

struct job *await_job(void)
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

void await_snapshots(unsigned count)
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
void submit(struct job *job)
{
    assert_int_equal(executor_submit(executor, job), LASTCALL_OK);
    executor_wake(executor);
    executor_wake(executor);
}

bool is_hanging(const void *context)
{
    (void)context;
    return fake_servers[0].is_hanging;
}

void submit_select(struct job *job, const struct order *order)
{
    *job = (struct job){.kind = JOB_SELECT, .order = order};
    submit(job);
}

void select_for(struct job *job, const struct order *order)
{
    submit_select(job, order);
    assert_ptr_equal(await_job(), job);
    assert_int_equal(job->outcome.code, LASTCALL_OK);
}

void submit_act(struct job *job)
{
    job->kind = JOB_ACT;
    for (size_t i = 0; i < job->target_count; i++)
        job->targets[i].is_wanted = true;
    submit(job);
}

void act_on_all(struct job *job)
{
    submit_act(job);
    assert_ptr_equal(await_job(), job);
}
