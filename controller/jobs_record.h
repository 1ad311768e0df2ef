/*
 * Keeping a campaign as a job: the observer that dispatch calls.  What cannot
 * be kept is said once; the campaign goes on.
 */
#ifndef LASTCALL_CONTROLLER_JOBS_RECORD_H
#define LASTCALL_CONTROLLER_JOBS_RECORD_H

#include "controller/dispatch.h"
#include "controller/fleet.h"
#include "controller/jobs.h"
#include "controller/options.h"

/*
 * Answers are noted together: when none has come for so long, when the first
 * has waited so long, or when they are so many.  While thousands come in, this
 * thread has little else to do, and behind the last of them only the last few
 * are left.
 */
#define JOBS_RECORD_QUIET_MS 20
#define JOBS_RECORD_WAIT_MS 1000
#define JOBS_RECORD_BATCH 256

/* {0} keeps nothing. */
struct jobs_record {
    struct jobs own;   /* owned; where the jobs are not another's */
    struct jobs *jobs; /* borrowed: own, or that of the start */
    struct job job;
    const struct identity *identity; /* borrowed */
    bool is_open;                    /* false after the first failure */
    bool has_hosts;                  /* they are on record */
    struct name *pending;            /* owned; have answered, not noted yet */
    size_t pending_count;
    size_t pending_capacity;
    int64_t pending_since_ms; /* steady clock: the first of them */
    int64_t pending_last_ms;  /* the last */
};

/* What a job says of itself. */
struct jobs_record_start {
    const struct options *options; /* whose words are kept; or NULL */
    const char *words;             /* without options: kept as they are */
    /* Where the job is kept, borrowed; a process has but one of them open.
     * NULL: its own, in the user's folder. */
    struct jobs *jobs;
    const struct fleet *fleet; /* with identity; outlives the record */
    const struct target *target;
    const struct request *request; /* what each host is asked */
    const struct job *parent;      /* the job that is tried again, or NULL */
    int64_t timeout_ms;
    int64_t ttl_ms;
};

/*
 * Open the database of jobs in the user's folder.
 *
 *   error  says why not
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING (there is no home), or what
 *         jobs_open() returns.
 * Owner:  the caller calls jobs_close(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_record_open_folder(struct jobs *out, struct platform_error *error);

/* Open the database for a new job; what is wrong is said as a warning. */
void jobs_record_open(struct jobs_record *record,
                      const struct jobs_record_start *start);
void jobs_record_close(struct jobs_record *record);

/* Its context is a struct jobs_record. */
extern const struct dispatch_observer jobs_record_observer;

/* A result as the database keeps it; the caller frees it, NULL: no memory. */
char *jobs_record_result(const struct answer *answer);

#endif
