/*
 * Maintenance plans for the pipeline of pipeline_stage.h, whose server "one"
 * then has terminal sessions.
 */
#ifndef LASTCALL_TESTS_UNIT_PLAN_STAGE_H
#define LASTCALL_TESTS_UNIT_PLAN_STAGE_H

#include "tests/unit/pipeline_stage.h"

#include "protocol/maintenance.h"
#include "worker/maintenance_run.h"

#define S INT64_C(1000)

/* A plan on its way.  Times are from now. */
struct plan {
    struct maintenance body;
    const char *id;       /* NULL: patch */
    const char *topic_id; /* NULL: the same */
    const char *topic;    /* NULL: all */
    const char *audience; /* NULL: all */
    const char *issuer;   /* NULL: alice */
    const struct key *signer;
    const char *grant;
    int64_t iat_shift_s;
    int64_t exp_shift_s;
};

/* iat of the plan that was published last. */
extern int64_t last_iat_s;

/* The clock as the worker sees it. */
int64_t wall_ms(void);

/* A plan that is due now, for an hour; one to come, with a warning due. */
struct plan plan_now(void);
struct plan plan_soon(void);

/* Sign it and let it arrive, retained. */
void publish(const struct plan *plan);

/* The id of a step's result, for the plan that was published last. */
struct request_id step_id(const char *step);
/* Wait for a step's result; and look at its code and matches. */
struct result await_step(const char *step);
void expect_step(const char *step, enum lastcall_status code, int64_t matched);

/* Begin; and come back as after a restart. */
void start_wts(void);
void restart(void);

/* Ann is there, the worker begins, a plan comes, and its first step is done:
 * "warn:300" of plan_soon(), "start" of plan_now(). */
void begin_plan(const struct plan *plan, const char *step);

/* Let the worker look at its clock, which is wrong by so much. */
void shift_wall(int64_t by_ms);

/* Wait until what came before has been dealt with: somebody is listed. */
void rest(const char *jti);

/* The first plan of the latest status; PLAN_PHASE_COUNT when it has none. */
struct status_plan latest_plan(void);
void await_phase(enum plan_phase phase);
/* Wait until the status lists these ids, in this order, with spaces between. */
void await_order(const char *ids);
void await_counts(int64_t warned, int64_t ended);
/* Wait until so many messages were published on topics with that part. */
void await_topic(const char *part, size_t count);

#endif
