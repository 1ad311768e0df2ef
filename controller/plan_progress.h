/*
 * How far the fleet is with its plans: the rows of plan_rows.h added up, and
 * those that have changed since they were looked at.
 */
#ifndef LASTCALL_CONTROLLER_PLAN_PROGRESS_H
#define LASTCALL_CONTROLLER_PLAN_PROGRESS_H

#include "controller/plan_rows.h"
#include "controller/text_index.h"

#define PLAN_PROGRESS_TEXT_SIZE 256

/* Whose rows; all borrowed. */
struct plan_view {
    const struct registry *registry;
    const struct plans *plans;
    const struct name *id;       /* NULL: every plan */
    const struct target *target; /* of kind TARGET_NONE: every host */
};

/* Rows by their phase, in the order of a plan's life. */
enum plan_progress_phase {
    PROGRESS_OFFLINE,
    PROGRESS_WAITING,
    PROGRESS_UNLISTED,
    PROGRESS_REFUSED,
    PROGRESS_SCHEDULED,
    PROGRESS_WARNING,
    PROGRESS_RUNNING,
    PROGRESS_ENFORCING,
    PROGRESS_DONE,
    PROGRESS_MISSED,
    PROGRESS_CANCELLED,
    PROGRESS_COUNT
};

/* What rows add up to. */
struct plan_account {
    size_t rows;
    size_t phases[PROGRESS_COUNT]; /* as the rows show them */
    size_t offline;                /* of hosts that are off */
    size_t untold;     /* of hosts that are there and have not told */
    size_t refused;    /* told */
    size_t failed;     /* see plan_row_has_failed() */
    size_t unfinished; /* see plan_row_is_over() */
    int64_t sessions_warned;
    int64_t sessions_ended;
    int64_t sessions_failed;
};

/* Rows as they were shown.  {0}: none was. */
struct plan_shown {
    struct plan_shown_row *rows; /* owned */
    size_t count;
    size_t capacity;
    struct text_index by_key;
};

void plan_shown_deinit(struct plan_shown *shown);

/*
 * Add the rows up.
 *
 *   shown   NULL: none of them was shown before
 *   output  gets those that were not, or have changed; NULL: nobody does
 *   now_ms  wall clock
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM (a changed row was not shown).
 */
LASTCALL_MUST_USE enum lastcall_status
plan_progress_take(const struct plan_view *view, struct plan_shown *shown,
                   struct output *output, int64_t now_ms,
                   struct plan_account *out);

/* The figures for a summary; a new reference, or NULL when out of memory. */
json_t *plan_progress_summary(const struct plan_account *account,
                              const struct name *id);

/* The same in a line for a person: "20 hosts: 2 offline, 18 done; 0 sessions
 * warned, 72 ended, 1 failed". */
void plan_progress_format(const struct plan_account *account,
                          const struct name *id,
                          char out[PLAN_PROGRESS_TEXT_SIZE]);

#endif
