/*
 * Where the fleet stands with its maintenance plans, one row a plan and host:
 * what the hosts tell in their statuses, and the hosts that a retained plan is
 * for and that have not told of it.
 */
#ifndef LASTCALL_CONTROLLER_PLAN_ROWS_H
#define LASTCALL_CONTROLLER_PLAN_ROWS_H

#include "controller/output.h"
#include "controller/plans.h"
#include "controller/select.h"

/* Phases of a host that has not told of a plan. */
#define PLAN_ROW_WAITING "waiting"
#define PLAN_ROW_OFFLINE "offline"
#define PLAN_ROW_UNLISTED "unlisted" /* it has more than its status holds */

struct plan_row {
    const struct registry_host *host; /* borrowed */
    struct name id;
    const struct plan *plan;          /* borrowed; NULL: not retained */
    const struct status_plan *status; /* borrowed; NULL: host told nothing */
    const char *phase;                /* static */
    bool is_told; /* the host told of this plan, and of no version before it */
};

/*
 * Call a function for each row, by host and then by plan.
 *
 *   id      only this plan; NULL: all
 *   target  only these hosts; of kind TARGET_NONE: all
 */
void plan_rows_each(const struct registry *registry, const struct plans *plans,
                    const struct name *id, const struct target *target,
                    void (*row)(void *context, const struct plan_row *row),
                    void *context);

/*
 * Say whether nothing more will come of a row by itself.
 *
 *   now_ms  wall clock
 */
bool plan_row_is_over(const struct plan_row *row, int64_t now_ms);

/* Say whether the host should have ended sessions, and did not. */
bool plan_row_has_failed(const struct plan_row *row);

/* A row as a record; a new reference, or NULL when out of memory. */
json_t *plan_row_record(const struct plan_row *row);

extern const struct output_layout plan_rows_layout;

#endif
