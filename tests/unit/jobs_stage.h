/*
 * A database of jobs in a folder of its own, and what is written into it.  Each
 * of these begins a batch and ends it.
 */
#ifndef LASTCALL_TESTS_UNIT_JOBS_STAGE_H
#define LASTCALL_TESTS_UNIT_JOBS_STAGE_H

#include "controller/jobs.h"

#define NOW_MS INT64_C(1790000000000)

/* Of the running test; set_up() names a new one, which is not there yet. */
extern char folder[128];

/* For all tests, and for one. */
int make_directory(void **state);
int set_up(void **state);

/* The path of a file in the folder; until the next call. */
const char *file(const char *name);

void open_ok(struct jobs *jobs);
void open_batch(struct jobs *jobs);
void commit(struct jobs *jobs);

/* A job of alice's that is not written yet; one that has begun. */
struct job job_of(const char *id);
struct job begin(struct jobs *jobs, const char *id);

struct job_host host_of(const char *name, enum job_outcome outcome);
void add_host(struct jobs *jobs, const struct job *job, const char *name);
void send_to(struct jobs *jobs, const struct job *job, const char *name);
void answer(struct jobs *jobs, const struct job *job, const char *name,
            enum job_outcome outcome, const char *text);
void end(struct jobs *jobs, struct job *job, enum job_state state, int code);

/* Change the database behind their back. */
void run_sql(struct jobs *jobs, const char *sql);

/* The hosts of a job, and all jobs, as one text; until the next call. */
const char *hosts_of(struct jobs *jobs, int64_t job);
const char *jobs_of(struct jobs *jobs);

#endif
