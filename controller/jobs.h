/*
 * Jobs: what this controller asked of the fleet and what came of it, in a
 * small database of the user's own.
 *
 *     job      one campaign: who, what, when, how it ended
 *     message  a signed command of it, as it was sent
 *     host     whom it was for, and the outcome
 *     answer   what the host said
 *
 * The tokens are signed commands: the database is its user's alone (0600).
 * Several lastcall may use it at once.  Nothing here prints.
 */
#ifndef LASTCALL_CONTROLLER_JOBS_H
#define LASTCALL_CONTROLLER_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/grant.h"
#include "protocol/io/store.h"
#include "protocol/name.h"
#include "protocol/topic.h"

#define JOBS_FILE "jobs.db"
/* Jobs are kept so long, and so many. */
#define JOBS_KEEP_MS (INT64_C(90) * 24 * 3600 * 1000)
#define JOBS_KEEP_COUNT 10000
/*
 * Lock files beside the database, one for each lastcall that runs a job at the
 * same time: the system gives a lock back when its process dies, which is how
 * a crash is told from a long job.  They are never removed.
 */
#define JOBS_SLOT_COUNT 64
/* The shortest beginning of an id that is taken for it. */
#define JOBS_PREFIX_MIN 4
/* As much of an id as the tables show. */
#define JOBS_SHORT_LEN 8
#define JOBS_WORD_SIZE 16
#define JOBS_TEXT_SIZE 1024

/* Outcomes, as the words of campaign_outcome_name(). */
enum job_outcome {
    JOB_WAITING,
    JOB_TRUE,
    JOB_FALSE,
    JOB_REFUSED,
    JOB_OFFLINE,
    JOB_SILENT,
    JOB_UNSENT, /* the campaign ended before its turn came */
    JOB_OUTCOME_COUNT
};

/* Its word; static. */
const char *job_outcome_name(enum job_outcome outcome);
/* Find an outcome by its word; LASTCALL_OK, LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status job_outcome_parse(const char *name,
                                                         enum job_outcome *out);

enum job_state {
    JOB_RUNNING,
    JOB_DONE,
    JOB_INTERRUPTED,
    JOB_CRASHED, /* its lastcall ended without a word */
    JOB_STATE_COUNT
};

/* "running", "done", "interrupted", "crashed"; static. */
const char *job_state_name(enum job_state state);

#define JOB_EXIT_NONE (-1)

/* A job without its hosts.  {0} is empty. */
struct job {
    int64_t number; /* in the database; the caller leaves it 0 */
    struct request_id id;
    struct request_id parent; /* the job that this one retries; "" for none */
    struct name fleet;
    char issuer[GRANT_SUBJECT_SIZE];
    char command[JOBS_WORD_SIZE]; /* "stop" */
    char target[JOBS_TEXT_SIZE];  /* for a person */
    char words[JOBS_TEXT_SIZE];   /* the flags that matter, for a person */
    /* The request, in a command that we signed for no time at all: what is
     * sent again is only ever read from a signature of our own. */
    struct bytes request; /* owned */
    int64_t timeout_ms;
    int64_t ttl_ms;
    int64_t started_ms; /* since 1970 */
    int64_t ended_ms;   /* since 1970; 0 while it runs */
    enum job_state state;
    int exit_code; /* of its lastcall; JOB_EXIT_NONE while it runs */
    size_t host_count;
    size_t outcomes[JOB_OUTCOME_COUNT];
};

void job_deinit(struct job *job);

/* A signed command of a job.  {0} is empty. */
struct job_message {
    struct request_id id;
    struct address address;
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct bytes token; /* owned */
    int64_t sent_ms;    /* since 1970 */
    int64_t expires_s;  /* since 1970: its exp */
};

void job_message_deinit(struct job_message *message);

/* A host of a job.  {0} is empty. */
struct job_host {
    struct name name;
    bool is_known;          /* it had published a status */
    bool has_message;       /* address is that of what was meant for it */
    struct address address; /* of the message */
    enum job_outcome outcome;
    bool is_late; /* the answer came after its time */
    int64_t round_trip_ms;
    int64_t answered_ms;          /* since 1970; 0: no answer */
    struct request_id request_id; /* read only: of the message */
    struct request_id retried_as; /* read only: the job that asked it again */
    char *answer;                 /* owned: the result as JSON, or NULL */
};

void job_host_deinit(struct job_host *host);

/* {0} is closed. */
struct jobs {
    struct store store;
    char *folder;              /* owned */
    struct platform_lock lock; /* of our own running job */
    int slot;
    sqlite3_stmt *add_host, *add_message, *set_answer, *add_answer,
        *set_outcome; /* owned */
};

/*
 * Find the folder that jobs are kept in.
 *
 * Returns a text that the caller frees, or NULL (there is no home, or out of
 *         memory).
 */
char *jobs_folder(const char *(*environment)(const char *name));

/*
 * Open the database, made where it is missing, and mark as crashed what
 * nobody runs any more.
 *
 *   error  a sentence that says what to do
 *
 * Returns what platform_make_directory() and store_open() return.
 * Owner:  the caller calls jobs_close(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_open(const char *folder, struct jobs *out, struct platform_error *error);
void jobs_close(struct jobs *jobs);

/*
 * Mark jobs as crashed whose lastcall is gone; jobs_open() does it, too.
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status jobs_mark_crashed(struct jobs *jobs);

/*
 * What is written is written within a batch: all of it or nothing.
 *
 * Returns what store_begin() and store_commit() return.
 */
LASTCALL_MUST_USE enum lastcall_status jobs_open_batch(struct jobs *jobs);
LASTCALL_MUST_USE enum lastcall_status jobs_commit_batch(struct jobs *jobs);
/* Nothing to do outside a batch. */
void jobs_undo_batch(struct jobs *jobs);

/*
 * Begin a job: it is running as long as this process lives.  What is too old
 * or too much is forgotten.
 *
 *   job  number and state are set
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status jobs_begin(struct jobs *jobs,
                                                  struct job *job);

/* Add a host; one that is there already stays as it is. */
LASTCALL_MUST_USE enum lastcall_status
jobs_add_host(struct jobs *jobs, int64_t job, const struct job_host *host);

/* Note a command that is about to be sent; one that is there stays. */
LASTCALL_MUST_USE enum lastcall_status
jobs_add_message(struct jobs *jobs, int64_t job,
                 const struct job_message *message);

/*
 * Note a host's answer, adding the host if it was not expected.  The first
 * answer counts: another lastcall may have noted it before.
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_set_answer(struct jobs *jobs, int64_t job, const struct job_host *host);

/* Note what became of a host that has not answered. */
LASTCALL_MUST_USE enum lastcall_status
jobs_set_outcome(struct jobs *jobs, int64_t job, const struct job_host *host);

/* End a job: state, ended_ms and exit_code. */
LASTCALL_MUST_USE enum lastcall_status jobs_end(struct jobs *jobs,
                                                const struct job *job);

/*
 * Find a job by its id or the beginning of it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_EXISTS (several begin
 *         so), LASTCALL_E_SYNTAX (too short), LASTCALL_E_IO, LASTCALL_E_NOMEM.
 * Owner:  the caller calls job_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_find(struct jobs *jobs, const char *text, struct job *out);

/*
 * Call a function for the newest jobs, newest first.
 *
 *   count_max  at most so many
 *   take       the job is borrowed for the call
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_each(struct jobs *jobs, int64_t count_max,
          void (*take)(void *context, const struct job *job), void *context);

/* Call a function for each host of a job, by name. */
LASTCALL_MUST_USE enum lastcall_status
jobs_each_host(struct jobs *jobs, int64_t job,
               void (*take)(void *context, const struct job_host *host),
               void *context);

/*
 * Find another job that tries one of a job's hosts again, of the same parent.
 *
 *   out  its id; "" when there is none
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_find_rival(struct jobs *jobs, int64_t job, struct request_id *out);

/*
 * Find a host of a job, without its answer and what it was retried as.
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status jobs_find_host(struct jobs *jobs,
                                                      int64_t job,
                                                      const struct name *name,
                                                      struct job_host *out);

/*
 * Find what was signed for an address in a job.
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 * Owner:  the caller calls job_message_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
jobs_find_message(struct jobs *jobs, int64_t job, const struct address *address,
                  struct job_message *out);

/* Call a function for each message of a job, without its token. */
LASTCALL_MUST_USE enum lastcall_status jobs_each_message(
    struct jobs *jobs, int64_t job,
    void (*take)(void *context, const struct job_message *message),
    void *context);

/*
 * The exit status that a job has by now: what its lastcall ended with, seen
 * again with the answers that came late.
 */
int job_exit_code(const struct job *job);

#endif
