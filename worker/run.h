/*
 * One authorised command on its way: which servers were asked, what they
 * listed, what is to be done, and the result of it all.  Pure: the pipeline
 * hands the jobs out and takes them back.
 */
#ifndef LASTCALL_WORKER_RUN_H
#define LASTCALL_WORKER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "worker/executor.h"
#include "worker/inventory.h"
#include "worker/journal.h"
#include "worker/maintenance_plan.h"
#include "worker/policy.h"
#include "worker/settings.h"

struct run {
    struct run *next; /* in the pipeline's list that holds it */
    struct journal_entry entry;
    struct name controller;
    struct order order;   /* owned; unchanged while jobs are out */
    struct result result; /* owned */
    struct bytes token;   /* owned; the signed result, once there is one */
    struct job *jobs;     /* owned; one for each server that takes part */
    size_t job_count;
    size_t open_count; /* jobs that are out */
    bool has_matched;  /* some server that is back has listed a target */
    bool is_on_record; /* a commit has kept its beginning */
    /* Of a step of a maintenance plan, which the result names; else unused. */
    int64_t plan_iat_s;
    enum plan_step_kind plan_step;
    bool is_recovered; /* a crash came between */
};

/*
 * Begin a run with one JOB_SELECT for each server of the order.
 *
 *   order  moved into the run on success
 *
 * Returns NULL when out of memory.
 */
struct run *run_new(struct order *order);
void run_free(struct run *run);

/* What the decision looks at besides the run. */
struct run_rules {
    const struct settings *settings;
    const struct policy *policy;
    int64_t now_s;
    int64_t skew_s;
};

/*
 * Take note of a server that has listed, and say whether run_decide() may want
 * targets: of this server, or of one that was back before.
 *
 *   job  of the run, after JOB_SELECT
 */
bool run_may_act(struct run *run, const struct job *job);

enum run_next {
    RUN_CONCLUDE, /* nothing is to be done, or no more */
    RUN_ACT,      /* some target is wanted */
};

/*
 * Decide, once every server has listed: the limit over all servers, whether
 * the command is still valid, and for each target whether it is endable, not
 * protected and as the preconditions want it.  Jobs that have work become
 * JOB_ACT.
 */
enum run_next run_decide(struct run *run, const struct run_rules *rules);

/*
 * Say whether the act takes a session out of its server's list.  After a
 * disconnect and a message it is still there.
 */
bool run_removes(const struct run *run, const struct job *job,
                 const struct settings *settings);

/* The request that the run is, for the events of what it ends. */
struct inventory_cause run_cause(const struct run *run);

/* Say whether a job is to be handed out for its second phase. */
bool run_job_has_work(const struct job *job);

/*
 * Give a job that could not be handed out the outcome that says so.
 */
void run_job_refuse(struct job *job, enum lastcall_status code,
                    const char *detail);

/*
 * Write the wanted targets for the journal: a JSON array of objects with
 * server, session_id, username and, where it is known, logon_time.
 *
 *   out  initialised by this function; bytes_deinit()
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
run_write_targets(const struct run *run, const struct settings *settings,
                  struct bytes *out);

/*
 * Put the result together from the jobs, which give their sessions to it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
run_conclude(struct run *run, const struct settings *settings);

/* Replace whatever the result is by a code and a sentence. */
void run_set_result(struct run *run, enum lastcall_status code,
                    const char *detail);

#endif
