#include "worker/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/confirm.h"

void job_deinit(struct job *job)
{
    for (size_t i = 0; i < job->target_count; i++)
        session_deinit(&job->targets[i].session);
    free(job->targets);
    for (size_t i = 0; i < job->other_count; i++)
        free(job->others[i]);
    free(job->others);
    *job = (struct job){0};
}

/* ---- outcomes ---- */

void outcome_mend(struct session_outcome *outcome)
{
    if (status_is_wire(outcome->code))
        return;
    if (outcome->detail[0] == '\0')
        snprintf(outcome->detail, sizeof(outcome->detail), "%s",
                 status_text(outcome->code));
    outcome->code = outcome->code == LASTCALL_E_CLOSED ? LASTCALL_INTERRUPTED
                                                       : LASTCALL_SERVER_ERROR;
}

void outcome_set(struct session_outcome *outcome, enum lastcall_status code,
                 const char *detail)
{
    outcome->code = code;
    snprintf(outcome->detail, sizeof(outcome->detail), "%s", detail);
}

/* ---- selecting ---- */

static bool is_selected(const struct request *request,
                        const struct session *session)
{
    const char *id = NULL;

    if (request->session_id != NULL) {
        id = session_text(session, SESSION_ID);
        return id != NULL && strcmp(id, request->session_id) == 0;
    }
    return !request->has_where || filter_match(&request->where, session);
}

static enum lastcall_status target_add(struct job *job,
                                       const struct session *session)
{
    struct job_target *target = NULL;

    if (job->target_count == job->target_capacity) {
        const size_t capacity =
            job->target_capacity == 0 ? 4 : job->target_capacity * 2;
        struct job_target *grown =
            realloc(job->targets, capacity * sizeof(*grown));

        if (grown == NULL)
            return LASTCALL_E_NOMEM;
        job->targets = grown;
        job->target_capacity = capacity;
    }
    target = &job->targets[job->target_count];
    *target = (struct job_target){0};
    if (session_copy(session, &target->session) != LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    job->target_count++;
    return LASTCALL_OK;
}

void job_select(struct job *job, const struct session_list *list,
                const struct session_outcome *outcome)
{
    enum lastcall_status status = LASTCALL_OK;

    job->outcome = *outcome;
    if (outcome->code != LASTCALL_OK)
        return;
    for (size_t i = 0; i < list->count && status == LASTCALL_OK; i++) {
        if (is_selected(&job->order->request, &list->items[i]))
            status = target_add(job, &list->items[i]);
    }
    if (status == LASTCALL_OK && job->order->request.confirm_s > 0)
        status = confirm_prepare(job, list);
    if (status != LASTCALL_OK)
        outcome_set(&job->outcome, LASTCALL_BUSY, "out of memory");
}

/* ---- acting ---- */

/* An order may have waited for long behind others of a slow server. */
static bool is_over(const struct order *order, const struct clock *clock)
{
    return order->until_s != 0 &&
           clock->wall_ms(clock->state) >= order->until_s * 1000;
}

bool job_may_begin(struct job *job, size_t target, const struct job_gate *gate)
{
    struct session_outcome *outcome = &job->targets[target].outcome;

    if (gate->is_interrupted) {
        outcome_set(outcome, LASTCALL_INTERRUPTED,
                    "the worker stopped before this session's turn");
        return false;
    }
    if (is_over(job->order, gate->clock)) {
        outcome_set(outcome, LASTCALL_EXPIRED,
                    "the command's time ran out before this session's turn");
        return false;
    }
    return true;
}

void job_act_on(struct job *job, size_t target,
                const struct session_backend_ops *ops, void *backend)
{
    struct job_target *on = &job->targets[target];

    on->outcome = (struct session_outcome){.code = LASTCALL_SERVER_ERROR};
    on->outcome.code =
        ops->act(backend, &on->session, job->order, &on->outcome);
    outcome_mend(&on->outcome);
}

/* ---- chains ---- */

struct job *jobs_split(struct job **jobs, enum job_kind kind)
{
    struct job *taken = NULL;
    struct job **end = &taken;
    struct job **link = jobs;

    while (*link != NULL) {
        struct job *job = *link;

        if (job->kind != kind) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        job->next = NULL;
        *end = job;
        end = &job->next;
    }
    return taken;
}
