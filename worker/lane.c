#include "worker/lane.h"

#include <pthread.h>
#include <stdlib.h>

#include "protocol/io/gate.h"

/* A target that waits for a thread. */
struct turn {
    struct turn *next;
    struct job *job; /* borrowed */
    size_t target;   /* its index in the job */
};

enum runner_state {
    RUNNER_NONE,
    RUNNER_RUNS,
    RUNNER_ENDED, /* to be joined */
};

struct runner {
    struct lane *lane; /* borrowed */
    pthread_t thread;
    enum runner_state state; /* guarded by the lane's gate */
};

/* The gate guards what stands below it, and each job's lane_count. */
struct lane {
    struct lane_options options;
    struct gate gate;
    struct turn *first, *last; /* owned */
    size_t job_count;
    bool is_interrupted;
    struct runner runners[LANE_THREAD_MAX];
    size_t running_count;
};

bool lane_is_for(const struct order *order)
{
    return order->request.action == ACTION_MESSAGE && order->request.wait;
}

enum lastcall_status lane_open(const struct lane_options *options,
                               struct lane **out)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct lane *lane = calloc(1, sizeof(*lane));

    *out = NULL;
    if (lane == NULL)
        return status;
    lane->options = *options;
    status = gate_init(&lane->gate);
    if (status != LASTCALL_OK) {
        free(lane);
        return status;
    }
    *out = lane;
    return LASTCALL_OK;
}

/* ---- the threads ---- */

/* With the gate locked; the caller frees. */
static struct turn *turn_pop(struct lane *lane)
{
    struct turn *turn = lane->first;

    if (turn == NULL)
        return NULL;
    lane->first = turn->next;
    if (lane->first == NULL)
        lane->last = NULL;
    return turn;
}

static void take_turn(struct lane *lane, const struct turn *turn)
{
    const struct lane_options *options = &lane->options;
    struct job_gate gate = {.clock = options->clock};
    bool is_last = false;

    gate_lock(&lane->gate);
    gate.is_interrupted = lane->is_interrupted;
    gate_unlock(&lane->gate);
    if (job_may_begin(turn->job, turn->target, &gate))
        job_act_on(turn->job, turn->target, options->ops, options->backend);
    gate_lock(&lane->gate);
    is_last = --turn->job->lane_count == 0;
    if (is_last)
        lane->job_count--;
    gate_unlock(&lane->gate);
    if (is_last)
        options->done(options->context, turn->job);
}

static void *runner_main(void *argument)
{
    struct runner *runner = argument;
    struct lane *lane = runner->lane;
    struct turn *turn = NULL;

    gate_lock(&lane->gate);
    while ((turn = turn_pop(lane)) != NULL) {
        gate_unlock(&lane->gate);
        take_turn(lane, turn);
        free(turn);
        gate_lock(&lane->gate);
    }
    runner->state = RUNNER_ENDED;
    lane->running_count--;
    gate_unlock(&lane->gate);
    return NULL;
}

/* With the gate locked: have a thread for each turn that waits, as far as may
 * be.  A thread that has ended holds no lock any more. */
static void runners_start(struct lane *lane)
{
    size_t wanted = 0;

    for (const struct turn *turn = lane->first; turn != NULL; turn = turn->next)
        wanted++;
    for (size_t i = 0; i < LANE_THREAD_MAX && wanted > 0; i++) {
        struct runner *runner = &lane->runners[i];

        if (runner->state == RUNNER_RUNS)
            continue;
        if (runner->state == RUNNER_ENDED)
            pthread_join(runner->thread, NULL);
        *runner = (struct runner){.lane = lane, .state = RUNNER_RUNS};
        if (gate_thread_start(&runner->thread, runner_main, runner) !=
            LASTCALL_OK) {
            runner->state = RUNNER_NONE;
            return; /* those that run take the turns */
        }
        lane->running_count++;
        wanted--;
    }
}

/* ---- taking ---- */

/* Give every target that has not begun an outcome. */
static void refuse(struct job *job, const char *detail)
{
    for (size_t i = 0; i < job->target_count; i++) {
        if (job->targets[i].is_wanted)
            outcome_set(&job->targets[i].outcome, LASTCALL_BUSY, detail);
    }
}

static void turns_free(struct turn *turns)
{
    while (turns != NULL) {
        struct turn *turn = turns;

        turns = turn->next;
        free(turn);
    }
}

/* A turn for each wanted target; NULL when out of memory, or none is. */
static struct turn *turns_of(struct job *job, struct turn **last)
{
    struct turn *first = NULL;
    struct turn **end = &first;

    job->lane_count = 0;
    for (size_t i = 0; i < job->target_count; i++) {
        if (!job->targets[i].is_wanted)
            continue;
        *end = calloc(1, sizeof(**end));
        if (*end == NULL) {
            turns_free(first);
            return NULL;
        }
        **end = (struct turn){.job = job, .target = i};
        *last = *end;
        end = &(*end)->next;
        job->lane_count++;
    }
    return first;
}

/* Take all turns back, if no thread is there to take them; gate locked. */
static struct turn *turns_withdraw(struct lane *lane)
{
    struct turn *turns = NULL;

    if (lane->running_count > 0)
        return NULL;
    turns = lane->first;
    lane->first = NULL;
    lane->last = NULL;
    return turns;
}

void lane_take(struct lane *lane, struct job *job)
{
    struct turn *last = NULL;
    struct turn *turns = turns_of(job, &last);
    bool is_taken = false;

    gate_lock(&lane->gate);
    if (turns != NULL && lane->job_count < LANE_JOB_MAX) {
        if (lane->last != NULL)
            lane->last->next = turns;
        else
            lane->first = turns;
        lane->last = last;
        runners_start(lane);
        /* Without any thread the lane held no turns but these. */
        turns = turns_withdraw(lane);
        is_taken = turns == NULL;
        lane->job_count += is_taken;
    }
    gate_unlock(&lane->gate);
    turns_free(turns);
    if (is_taken)
        return;
    refuse(job, "this server has no room for more messages that wait for an "
                "answer; it was not shown");
    lane->options.done(lane->options.context, job);
}

/* ---- the end ---- */

void lane_interrupt(struct lane *lane)
{
    gate_lock(&lane->gate);
    lane->is_interrupted = true;
    gate_unlock(&lane->gate);
}

void lane_close(struct lane *lane)
{
    if (lane == NULL)
        return;
    lane_interrupt(lane);
    /* Nobody hands jobs over any more, so that no thread is started. */
    for (size_t i = 0; i < LANE_THREAD_MAX; i++) {
        enum runner_state state = RUNNER_NONE;

        gate_lock(&lane->gate);
        state = lane->runners[i].state;
        gate_unlock(&lane->gate);
        if (state != RUNNER_NONE)
            pthread_join(lane->runners[i].thread, NULL);
    }
    gate_deinit(&lane->gate);
    free(lane);
}
