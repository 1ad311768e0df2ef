#include "worker/maintenance_plan.h"

#include <stdio.h>

#include "protocol/moment.h"

void plan_state_init(struct plan_state *state)
{
    *state = (struct plan_state){.warned_s = PLAN_WARN_NONE};
}

/* ---- what is due ---- */

static int64_t warn_due_ms(const struct maintenance *plan, size_t i)
{
    return plan->starts_ms - plan->warn_s[i] * MOMENT_MS_PER_S;
}

void plan_step_name(struct plan_step *step, int64_t count)
{
    const long long number = (long long)count;
    const size_t size = sizeof(step->name);
    int len = 0;

    switch (step->kind) {
    case PLAN_WARN:
        len = snprintf(step->name, size, "warn:%lld", (long long)step->warn_s);
        break;
    case PLAN_START:
        len = snprintf(step->name, size, "start");
        break;
    case PLAN_ENFORCE:
        snprintf(step->name, size, "enforce:%lld", number);
        return;
    }
    /* The first is the bare name; one that is begun again has a number. */
    if (count > 1 && len > 0)
        snprintf(step->name + len, size - (size_t)len, ":%lld", number);
}

static void make_warning(struct plan_step *out, int64_t warn_s, int64_t count)
{
    *out = (struct plan_step){.kind = PLAN_WARN, .warn_s = warn_s};
    plan_step_name(out, count);
}

/* The latest warning whose time has come, if it was not given. */
static bool next_warning(const struct maintenance *plan,
                         const struct plan_state *state,
                         const struct plan_moment *moment,
                         struct plan_step *out)
{
    size_t i = plan->warn_count;

    while (i > 0 && warn_due_ms(plan, i - 1) > moment->now_ms)
        i--;
    if (i > 0 && plan->warn_s[i - 1] < state->warned_s) {
        make_warning(out, plan->warn_s[i - 1], 1);
        return true;
    }
    if (!state->is_warn_owed || moment->is_warn_held)
        return false;
    make_warning(out, state->warned_s, state->warn_count + 1);
    return true;
}

bool plan_next(const struct maintenance *plan, const struct plan_state *state,
               const struct plan_moment *moment, struct plan_step *out)
{
    *out = (struct plan_step){.kind = PLAN_WARN};
    if (plan->cancelled || moment->now_ms >= plan->ends_ms)
        return false;
    if (moment->now_ms < plan->starts_ms)
        return state->start_count == 0 && !moment->is_warning &&
               next_warning(plan, state, moment, out);
    if (moment->is_acting)
        return false;
    if (!state->is_started && moment->may_start) {
        out->kind = PLAN_START;
        plan_step_name(out, state->start_count + 1);
        return true;
    }
    if (!plan->enforce || state->start_count == 0 || !moment->has_new)
        return false;
    out->kind = PLAN_ENFORCE;
    plan_step_name(out, state->enforce_count + 1);
    return true;
}

int64_t plan_wake_ms(const struct maintenance *plan,
                     const struct plan_state *state, int64_t now_ms)
{
    if (plan->cancelled || now_ms >= plan->ends_ms)
        return PLAN_NEVER;
    if (now_ms >= plan->starts_ms)
        return plan->ends_ms;
    for (size_t i = 0; i < plan->warn_count; i++) {
        if (plan->warn_s[i] < state->warned_s && warn_due_ms(plan, i) > now_ms)
            return warn_due_ms(plan, i);
    }
    return plan->starts_ms;
}

/* ---- what was done ---- */

void plan_begin(struct plan_state *state, const struct plan_step *step)
{
    switch (step->kind) {
    case PLAN_WARN:
        /* One that is given again goes to whom it was owed; a later one, to
         * everybody. */
        if (step->warn_s == state->warned_s) {
            state->warn_count++;
        } else {
            state->warn_count = 1;
            state->warn_servers = 0;
        }
        state->warned_s = step->warn_s;
        state->is_warn_owed = false;
        break;
    case PLAN_START:
        /* From here on nobody is warned, whatever the clock says. */
        state->start_count++;
        break;
    case PLAN_ENFORCE:
        state->enforce_count++;
        break;
    }
}

static int64_t count_done(const struct result *result)
{
    int64_t count = 0;

    for (size_t i = 0; i < result->session_count; i++)
        count += result->sessions[i].code == LASTCALL_OK;
    return count;
}

void plan_conclude(struct plan_state *state, enum plan_step_kind kind,
                   const struct result *result, bool is_tried)
{
    state->last_code = result->code;
    if (kind == PLAN_WARN) {
        state->warned += count_done(result);
        /* Without targets on record nobody can have seen it. */
        state->is_warn_owed =
            result->code == LASTCALL_INTERRUPTED && result->session_count == 0;
        return;
    }
    state->ended += count_done(result);
    state->failed = result->code == LASTCALL_LIMIT_EXCEEDED ? result->matched
                                                            : result->failed;
    if (kind == PLAN_START && is_tried &&
        result->code != LASTCALL_INTERRUPTED && result->code != LASTCALL_BUSY)
        state->is_started = true;
}

void plan_owe_warning(struct plan_state *state, uint64_t servers)
{
    state->is_warn_owed = true;
    state->warn_servers = servers;
}

enum plan_phase plan_phase_of(const struct maintenance *plan,
                              const struct plan_state *state, int64_t now_ms)
{
    if (plan->cancelled)
        return PLAN_CANCELLED;
    if (now_ms >= plan->ends_ms)
        return state->start_count > 0 ? PLAN_DONE : PLAN_MISSED;
    if (state->start_count > 0) {
        if (!state->is_started)
            return PLAN_RUNNING;
        return plan->enforce ? PLAN_ENFORCING : PLAN_DONE;
    }
    return state->warned_s < PLAN_WARN_NONE ? PLAN_WARNING : PLAN_SCHEDULED;
}

void plan_inherit(struct plan_state *state, const struct maintenance *plan,
                  const struct plan_state *old_state,
                  const struct maintenance *old_plan)
{
    plan_state_init(state);
    state->warned = old_state->warned;
    state->ended = old_state->ended;
    state->failed = old_state->failed;
    state->last_code = old_state->last_code;
    if (plan->cancelled) {
        state->warned_s = old_state->warned_s;
    } else if (plan->starts_ms == old_plan->starts_ms) {
        state->warned_s = old_state->warned_s;
        state->warn_count = old_state->warn_count;
        state->is_warn_owed = old_state->is_warn_owed;
        state->warn_servers = old_state->warn_servers;
    }
}
