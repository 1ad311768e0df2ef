/*
 * What a maintenance plan asks for at a given time: pure, over the wall clock,
 * which may step either way.
 *
 *     plan, state, now -> plan_next -> a step -> plan_begin -> recorded, run
 *                                             -> plan_conclude -> recorded
 *
 * A step is in the state as soon as it is begun, so that nothing is given
 * twice whatever comes between; what was begun and surely not done is owed.
 */
#ifndef LASTCALL_WORKER_MAINTENANCE_PLAN_H
#define LASTCALL_WORKER_MAINTENANCE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/maintenance.h"
#include "protocol/presence.h"
#include "protocol/result.h"

/* No warning was given yet: every one is smaller. */
#define PLAN_WARN_NONE (MAINTENANCE_WARN_S_MAX + 1)
#define PLAN_NEVER INT64_MAX

/* What is on record of a plan.  plan_state_init() makes one. */
struct plan_state {
    int64_t warned_s;      /* warnings of so many seconds or more are over */
    int64_t warn_count;    /* how often the latest was begun */
    bool is_warn_owed;     /* it was shown to nobody ... */
    uint64_t warn_servers; /* ... of these: bits by number; 0: of any server */
    int64_t start_count;   /* how often the ending at starts_at was begun */
    bool is_started;       /* it was tried on every server */
    int64_t enforce_count; /* endings of later sessions begun */
    int64_t warned;        /* sessions: see struct status_plan */
    int64_t ended;
    int64_t failed;
    enum lastcall_status last_code;
};

/* Nothing was done for the plan yet; it owns nothing. */
void plan_state_init(struct plan_state *state);

enum plan_step_kind {
    PLAN_WARN,
    PLAN_START,
    PLAN_ENFORCE,
};

struct plan_step {
    enum plan_step_kind kind;
    int64_t warn_s;              /* of a warning */
    char name[RESULT_STEP_SIZE]; /* as a result names it */
};

/*
 * Name a step by its kind and number: "warn:300", "warn:300:2", "start",
 * "start:2", "enforce:1".
 *
 *   count  from 1: how often it was begun, this time included
 */
void plan_step_name(struct plan_step *step, int64_t count);

/* How things are now, besides the state. */
struct plan_moment {
    int64_t now_ms;  /* wall clock */
    bool is_warning; /* a warning is under way */
    bool is_acting;  /* an ending is */
    bool may_start;  /* the ending at starts_at may be begun (again) */
    bool has_new;    /* a session came that enforce is for */
    /* The servers that are owed a warning cannot be asked yet. */
    bool is_warn_held;
};

/*
 * Find the step that is due.  Of several warnings that are due the latest is
 * the one; past starts_at there are none, past ends_at nothing at all.
 *
 * Returns false when there is none.
 */
bool plan_next(const struct maintenance *plan, const struct plan_state *state,
               const struct plan_moment *moment, struct plan_step *out);

/* Take note that a step of plan_next() is begun. */
void plan_begin(struct plan_state *state, const struct plan_step *step);

/*
 * Take note of a step's result.
 *
 *   is_tried  for PLAN_START: every server was asked, none is owed its try
 */
void plan_conclude(struct plan_state *state, enum plan_step_kind kind,
                   const struct result *result, bool is_tried);

/* Take note, after plan_conclude(), that servers could not be asked: nobody
 * there has seen the warning.  They alone are owed it. */
void plan_owe_warning(struct plan_state *state, uint64_t servers);

/* When the clock alone makes plan_next() say something new, or PLAN_NEVER:
 * wall clock milliseconds. */
int64_t plan_wake_ms(const struct maintenance *plan,
                     const struct plan_state *state, int64_t now_ms);

/* Where the plan stands. */
enum plan_phase plan_phase_of(const struct maintenance *plan,
                              const struct plan_state *state, int64_t now_ms);

/*
 * Take over from an older version of the plan what must not be done again: its
 * warnings, when it starts at the same time.
 */
void plan_inherit(struct plan_state *state, const struct maintenance *plan,
                  const struct plan_state *old_state,
                  const struct maintenance *old_plan);

#endif
