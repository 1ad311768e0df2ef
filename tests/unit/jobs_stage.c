#include "tests/unit/jobs_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

static char directory[] = "/tmp/lastcall-jobs-XXXXXX";
char folder[128];

int set_up(void **state)
{
    static unsigned number;

    (void)state;
    snprintf(folder, sizeof folder, "%s/%u", directory, number++);
    return 0;
}

const char *file(const char *name)
{
    static char path[192];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void open_ok(struct jobs *jobs)
{
    struct platform_error error = {{0}};

    if (jobs_open(folder, jobs, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
}

void open_batch(struct jobs *jobs)
{
    assert_int_equal(jobs_open_batch(jobs), LASTCALL_OK);
}

void commit(struct jobs *jobs)
{
    assert_int_equal(jobs_commit_batch(jobs), LASTCALL_OK);
}

struct job job_of(const char *id)
{
    struct job job = {.started_ms = NOW_MS, .ttl_ms = 60000};

    snprintf(job.id.text, sizeof job.id.text, "%s", id);
    snprintf(job.fleet.text, sizeof job.fleet.text, "lastcall");
    snprintf(job.issuer, sizeof job.issuer, "controller:alice");
    snprintf(job.command, sizeof job.command, "stop");
    snprintf(job.target, sizeof job.target, "a,b");
    snprintf(job.words, sizeof job.words, "--every");
    bytes_init(&job.request, 100);
    assert_int_equal(bytes_append_text(&job.request, "signed"), LASTCALL_OK);
    return job;
}

struct job begin(struct jobs *jobs, const char *id)
{
    struct job job = job_of(id);

    open_batch(jobs);
    assert_int_equal(jobs_begin(jobs, &job), LASTCALL_OK);
    commit(jobs);
    return job;
}

struct job_host host_of(const char *name, enum job_outcome outcome)
{
    struct job_host host = {.outcome = outcome, .has_message = true};

    snprintf(host.name.text, sizeof host.name.text, "%s", name);
    host.address = (struct address){ADDRESS_HOST, host.name};
    return host;
}

void add_host(struct jobs *jobs, const struct job *job, const char *name)
{
    struct job_host host = host_of(name, JOB_WAITING);

    open_batch(jobs);
    assert_int_equal(jobs_add_host(jobs, job->number, &host), LASTCALL_OK);
    commit(jobs);
}

void send_to(struct jobs *jobs, const struct job *job, const char *name)
{
    struct job_message message = {.sent_ms = NOW_MS + 1,
                                  .expires_s = 1790000060};

    snprintf(message.id.text, sizeof message.id.text, "request-to-%s-0123",
             name);
    snprintf(message.hash, sizeof message.hash, "hash of %s", name);
    message.address = host_of(name, JOB_WAITING).address;
    bytes_init(&message.token, 100);
    assert_int_equal(bytes_append_format(&message.token, "token of %s", name),
                     LASTCALL_OK);
    open_batch(jobs);
    assert_int_equal(jobs_add_message(jobs, job->number, &message),
                     LASTCALL_OK);
    commit(jobs);
    job_message_deinit(&message);
}

void answer(struct jobs *jobs, const struct job *job, const char *name,
            enum job_outcome outcome, const char *text)
{
    struct job_host host = host_of(name, outcome);

    host.answered_ms = NOW_MS + 50;
    host.round_trip_ms = 49;
    host.answer = bytes_copy_text(text);
    open_batch(jobs);
    assert_int_equal(jobs_set_answer(jobs, job->number, &host), LASTCALL_OK);
    commit(jobs);
    job_host_deinit(&host);
}

void end(struct jobs *jobs, struct job *job, enum job_state state, int code)
{
    job->state = state;
    job->exit_code = code;
    job->ended_ms = NOW_MS + 100;
    open_batch(jobs);
    assert_int_equal(jobs_end(jobs, job), LASTCALL_OK);
    commit(jobs);
}

/* The hosts of a job as one text. */
static void tell_host(void *context, const struct job_host *host)
{
    char *out = context;
    size_t used = strlen(out);

    snprintf(out + used, 512 - used, "%s=%s%s%s%s;", host->name.text,
             job_outcome_name(host->outcome), host->answer != NULL ? ":" : "",
             host->answer != NULL ? host->answer : "",
             host->request_id.text[0] != '\0' ? "+" : "");
}

const char *hosts_of(struct jobs *jobs, int64_t job)
{
    static char text[512];

    text[0] = '\0';
    assert_int_equal(jobs_each_host(jobs, job, tell_host, text), LASTCALL_OK);
    return text;
}

static void tell_job(void *context, const struct job *job)
{
    char *out = context;
    size_t used = strlen(out);

    snprintf(out + used, 512 - used, "%.4s:%s;", job->id.text,
             job_state_name(job->state));
}

const char *jobs_of(struct jobs *jobs)
{
    static char text[512];

    text[0] = '\0';
    assert_int_equal(jobs_each(jobs, 10, tell_job, text), LASTCALL_OK);
    return text;
}

int make_directory(void **state)
{
    (void)state;
    return scratch_make(directory) == NULL ? -1 : 0;
}

void run_sql(struct jobs *jobs, const char *sql)
{
    assert_int_equal(sqlite3_exec(jobs->store.db, sql, NULL, NULL, NULL),
                     SQLITE_OK);
}
