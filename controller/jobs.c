#include "controller/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/exit_code.h"

#define PATH_SIZE 1024
#define SLOT_NONE (-1)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Outcomes and states are kept as their words, so that a newer program may
 * add some and an older one still tells the rest. */
static const char schema[] =
    "CREATE TABLE job ("
    " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " parent TEXT NOT NULL, fleet TEXT NOT NULL, issuer TEXT NOT NULL,"
    " command TEXT NOT NULL, target TEXT NOT NULL, words TEXT NOT NULL,"
    " request BLOB NOT NULL, timeout_ms INTEGER NOT NULL,"
    " ttl_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL, state TEXT NOT NULL,"
    " exit INTEGER NOT NULL, slot INTEGER NOT NULL);"
    "CREATE INDEX job_by_time ON job (started_ms);"
    "CREATE TABLE message ("
    " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,"
    " address TEXT NOT NULL, id TEXT NOT NULL, hash TEXT NOT NULL,"
    " token BLOB NOT NULL, sent_ms INTEGER NOT NULL,"
    " expires_s INTEGER NOT NULL, PRIMARY KEY (job, address)) WITHOUT ROWID;"
    "CREATE TABLE host ("
    " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,"
    " host TEXT NOT NULL, known INTEGER NOT NULL, address TEXT NOT NULL,"
    " outcome TEXT NOT NULL, late INTEGER NOT NULL,"
    " round_trip_ms INTEGER NOT NULL, answered_ms INTEGER NOT NULL,"
    " PRIMARY KEY (job, host)) WITHOUT ROWID;"
    "CREATE TABLE answer ("
    " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,"
    " host TEXT NOT NULL, result TEXT NOT NULL,"
    " PRIMARY KEY (job, host)) WITHOUT ROWID;";

static const char *const outcome_names[JOB_OUTCOME_COUNT] = {
    [JOB_WAITING] = "waiting", [JOB_TRUE] = "true",
    [JOB_FALSE] = "false",     [JOB_REFUSED] = "refused",
    [JOB_OFFLINE] = "offline", [JOB_SILENT] = "silent",
    [JOB_UNSENT] = "unsent",
};

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_RUNNING] = "running",
    [JOB_DONE] = "done",
    [JOB_INTERRUPTED] = "interrupted",
    [JOB_CRASHED] = "crashed",
};

const char *job_outcome_name(enum job_outcome outcome)
{
    return outcome_names[outcome];
}

enum lastcall_status job_outcome_parse(const char *name, enum job_outcome *out)
{
    for (unsigned i = 0; i < JOB_OUTCOME_COUNT; i++) {
        if (strcmp(name, outcome_names[i]) == 0) {
            *out = (enum job_outcome)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

void job_deinit(struct job *job)
{
    bytes_deinit(&job->request);
    *job = (struct job){0};
}

void job_message_deinit(struct job_message *message)
{
    bytes_deinit(&message->token);
    *message = (struct job_message){0};
}

void job_host_deinit(struct job_host *host)
{
    free(host->answer);
    *host = (struct job_host){0};
}

char *jobs_folder(const char *(*environment)(const char *name))
{
    return platform_personal_state_dir(environment);
}

/* Opening and closing. */

struct prepared {
    size_t offset;
    const char *sql;
};

#define STATEMENT(member) offsetof(struct jobs, member)

static const struct prepared prepared[] = {
    {STATEMENT(add_host),
     "INSERT INTO host (job, host, known, address, outcome, late,"
     " round_trip_ms, answered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
     " ON CONFLICT (job, host) DO NOTHING"},
    {STATEMENT(add_message),
     "INSERT INTO message (job, address, id, hash, token, sent_ms, expires_s)"
     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
     " ON CONFLICT (job, address) DO NOTHING"},
    {STATEMENT(set_answer),
     "INSERT INTO host (job, host, known, address, outcome, late,"
     " round_trip_ms, answered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
     " ON CONFLICT (job, host) DO UPDATE SET outcome = excluded.outcome,"
     " address = excluded.address, late = excluded.late,"
     " round_trip_ms = excluded.round_trip_ms,"
     " answered_ms = excluded.answered_ms WHERE answered_ms = 0"},
    {STATEMENT(add_answer),
     "INSERT INTO answer (job, host, result) VALUES (?1, ?2, ?3)"
     " ON CONFLICT (job, host) DO NOTHING"},
    {STATEMENT(set_outcome),
     "INSERT INTO host (job, host, known, address, outcome, late,"
     " round_trip_ms, answered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
     " ON CONFLICT (job, host) DO UPDATE SET outcome = excluded.outcome,"
     " address = excluded.address WHERE answered_ms = 0"},
};

static sqlite3_stmt **statement_at(struct jobs *jobs, size_t offset)
{
    return (sqlite3_stmt **)(void *)((char *)jobs + offset);
}

static void explain(const struct jobs *jobs, struct platform_error *error)
{
    snprintf(error->text, sizeof error->text, "%.300s%s%s: %.150s",
             jobs->folder, platform_separator, JOBS_FILE,
             sqlite3_errmsg(jobs->store.db));
}

static enum lastcall_status prepare_all(struct jobs *jobs,
                                        struct platform_error *error)
{
    for (size_t i = 0; i < COUNT_OF(prepared); i++) {
        sqlite3_stmt *statement = store_prepare(&jobs->store, prepared[i].sql);

        if (statement == NULL) {
            explain(jobs, error);
            return LASTCALL_E_IO;
        }
        *statement_at(jobs, prepared[i].offset) = statement;
    }
    return LASTCALL_OK;
}

static enum lastcall_status path_in(const char *folder, const char *name,
                                    char path[PATH_SIZE])
{
    int len =
        snprintf(path, PATH_SIZE, "%s%s%s", folder, platform_separator, name);

    return len >= 0 && len < PATH_SIZE ? LASTCALL_OK : LASTCALL_E_TOO_LARGE;
}

static enum lastcall_status lock_slot(const struct jobs *jobs, int slot,
                                      struct platform_lock *lock)
{
    char name[32];
    char path[PATH_SIZE];
    enum lastcall_status status = LASTCALL_OK;

    snprintf(name, sizeof name, "job-%d.lock", slot);
    status = path_in(jobs->folder, name, path);
    return status == LASTCALL_OK ? platform_lock(path, lock, NULL) : status;
}

/* Who held this slot is gone: nobody ends its jobs any more. */
static enum lastcall_status mark_crashed(struct jobs *jobs, int slot)
{
    static const char *const scripts[] = {
        "UPDATE host SET outcome = CASE WHEN EXISTS (SELECT 1 FROM message"
        " WHERE message.job = host.job AND message.address = host.address)"
        " THEN 'silent' ELSE 'unsent' END WHERE outcome = 'waiting' AND job IN"
        " (SELECT number FROM job WHERE state = 'running' AND slot = ?1)",
        "UPDATE job SET state = 'crashed' WHERE state = 'running'"
        " AND slot = ?1",
    };
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < COUNT_OF(scripts) && status == LASTCALL_OK; i++) {
        sqlite3_stmt *mark = store_prepare(&jobs->store, scripts[i]);

        if (mark == NULL)
            return LASTCALL_E_IO;
        sqlite3_bind_int(mark, 1, slot);
        status = store_step_done(mark);
        sqlite3_finalize(mark);
    }
    return status;
}

/* The slots of jobs that are said to run. */
static enum lastcall_status find_slots(struct jobs *jobs,
                                       bool found[JOBS_SLOT_COUNT])
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store, "SELECT DISTINCT slot FROM job WHERE state = 'running'");
    int code = SQLITE_ERROR;

    memset(found, 0, JOBS_SLOT_COUNT * sizeof *found);
    if (ask == NULL)
        return LASTCALL_E_IO;
    while ((code = sqlite3_step(ask)) == SQLITE_ROW) {
        int slot = sqlite3_column_int(ask, 0);

        if (slot >= 0 && slot < JOBS_SLOT_COUNT)
            found[slot] = true;
    }
    sqlite3_finalize(ask);
    return code == SQLITE_DONE ? LASTCALL_OK : LASTCALL_E_IO;
}

enum lastcall_status jobs_mark_crashed(struct jobs *jobs)
{
    bool found[JOBS_SLOT_COUNT];
    enum lastcall_status status = find_slots(jobs, found);

    for (int i = 0; i < JOBS_SLOT_COUNT && status == LASTCALL_OK; i++) {
        struct platform_lock lock = {0};

        /* Closing a file gives up all locks of this process on it. */
        if (!found[i] || i == jobs->slot ||
            lock_slot(jobs, i, &lock) != LASTCALL_OK)
            continue;
        status = mark_crashed(jobs, i);
        platform_unlock(&lock);
    }
    return status;
}

enum lastcall_status jobs_open(const char *folder, struct jobs *out,
                               struct platform_error *error)
{
    const char *const migrations[] = {schema};
    char path[PATH_SIZE];
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = (struct jobs){.folder = bytes_copy_text(folder), .slot = SLOT_NONE};
    *error = (struct platform_error){0};
    if (out->folder != NULL)
        status = platform_make_directory(folder, error);
    if (status == LASTCALL_OK)
        status = path_in(folder, JOBS_FILE, path);
    if (status == LASTCALL_OK)
        status = store_open_large(path, migrations, COUNT_OF(migrations),
                                  &out->store, error);
    if (status == LASTCALL_OK)
        status = prepare_all(out, error);
    if (status == LASTCALL_OK) {
        status = jobs_mark_crashed(out);
        if (status != LASTCALL_OK)
            explain(out, error);
    }
    if (status != LASTCALL_OK && error->text[0] == '\0')
        snprintf(error->text, sizeof error->text, "%.300s: %s", folder,
                 status_text(status));
    return status;
}

void jobs_close(struct jobs *jobs)
{
    for (size_t i = 0; i < COUNT_OF(prepared); i++)
        sqlite3_finalize(*statement_at(jobs, prepared[i].offset));
    if (jobs->store.db != NULL)
        store_close(&jobs->store);
    platform_unlock(&jobs->lock);
    free(jobs->folder);
    *jobs = (struct jobs){.slot = SLOT_NONE};
}

/* Writing. */

/* A killed process loses nothing of it; a power cut may lose the last
 * seconds, which the workers' journals have. */
enum lastcall_status jobs_open_batch(struct jobs *jobs)
{
    return store_begin(&jobs->store, STORE_SURVIVES_PROCESS);
}

enum lastcall_status jobs_commit_batch(struct jobs *jobs)
{
    return store_commit(&jobs->store);
}

void jobs_undo_batch(struct jobs *jobs)
{
    store_rollback(&jobs->store);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static enum lastcall_status take_slot(struct jobs *jobs)
{
    for (int i = 0; i < JOBS_SLOT_COUNT && !jobs->lock.is_held; i++) {
        if (lock_slot(jobs, i, &jobs->lock) == LASTCALL_OK)
            jobs->slot = i;
    }
    return jobs->lock.is_held ? LASTCALL_OK : LASTCALL_BUSY;
}

static enum lastcall_status forget_old(struct jobs *jobs, int64_t now_ms)
{
    sqlite3_stmt *forget = store_prepare(
        &jobs->store,
        "DELETE FROM job WHERE state <> 'running' AND (started_ms < ?1"
        " OR number IN (SELECT number FROM job ORDER BY number DESC"
        " LIMIT -1 OFFSET ?2))");
    enum lastcall_status status = LASTCALL_E_IO;

    if (forget == NULL)
        return status;
    sqlite3_bind_int64(forget, 1, now_ms - JOBS_KEEP_MS);
    sqlite3_bind_int64(forget, 2, JOBS_KEEP_COUNT);
    status = store_step_done(forget);
    sqlite3_finalize(forget);
    return status;
}

static enum lastcall_status insert_job(struct jobs *jobs, struct job *job)
{
    sqlite3_stmt *insert = store_prepare(
        &jobs->store,
        "INSERT INTO job (id, parent, fleet, issuer, command, target, words,"
        " request, timeout_ms, ttl_ms, started_ms, ended_ms, state, exit,"
        " slot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'running', ?, ?)");
    enum lastcall_status status = LASTCALL_E_IO;

    if (insert == NULL)
        return status;
    bind_text(insert, 1, job->id.text);
    bind_text(insert, 2, job->parent.text);
    bind_text(insert, 3, job->fleet.text);
    bind_text(insert, 4, job->issuer);
    bind_text(insert, 5, job->command);
    bind_text(insert, 6, job->target);
    bind_text(insert, 7, job->words);
    sqlite3_bind_blob(insert, 8, job->request.data, (int)job->request.len,
                      SQLITE_STATIC);
    sqlite3_bind_int64(insert, 9, job->timeout_ms);
    sqlite3_bind_int64(insert, 10, job->ttl_ms);
    sqlite3_bind_int64(insert, 11, job->started_ms);
    sqlite3_bind_int(insert, 12, JOB_EXIT_NONE);
    sqlite3_bind_int(insert, 13, jobs->slot);
    status = store_step_done(insert);
    sqlite3_finalize(insert);
    if (status == LASTCALL_OK)
        job->number = sqlite3_last_insert_rowid(jobs->store.db);
    return status;
}

enum lastcall_status jobs_begin(struct jobs *jobs, struct job *job)
{
    enum lastcall_status status = LASTCALL_OK;

    /* Who has a slot has none of another's jobs in it any more, but perhaps
     * jobs of its own that run. */
    if (!jobs->lock.is_held) {
        status = take_slot(jobs);
        if (status == LASTCALL_OK)
            status = mark_crashed(jobs, jobs->slot);
    }
    if (status == LASTCALL_OK)
        status = insert_job(jobs, job);
    if (status == LASTCALL_OK)
        status = forget_old(jobs, job->started_ms);
    if (status != LASTCALL_OK)
        return status;
    job->state = JOB_RUNNING;
    job->exit_code = JOB_EXIT_NONE;
    return LASTCALL_OK;
}

static enum lastcall_status run_for_host(sqlite3_stmt *statement, int64_t job,
                                         const struct job_host *host)
{
    char address[ADDRESS_TEXT_SIZE] = "";
    enum lastcall_status status = LASTCALL_OK;

    if (host->has_message)
        address_format(&host->address, address);
    sqlite3_bind_int64(statement, 1, job);
    bind_text(statement, 2, host->name.text);
    sqlite3_bind_int(statement, 3, host->is_known);
    bind_text(statement, 4, address);
    bind_text(statement, 5, job_outcome_name(host->outcome));
    sqlite3_bind_int(statement, 6, host->is_late);
    sqlite3_bind_int64(statement, 7, host->round_trip_ms);
    sqlite3_bind_int64(statement, 8, host->answered_ms);
    status = store_step_done(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

enum lastcall_status jobs_add_host(struct jobs *jobs, int64_t job,
                                   const struct job_host *host)
{
    return run_for_host(jobs->add_host, job, host);
}

enum lastcall_status jobs_set_outcome(struct jobs *jobs, int64_t job,
                                      const struct job_host *host)
{
    return run_for_host(jobs->set_outcome, job, host);
}

enum lastcall_status jobs_add_message(struct jobs *jobs, int64_t job,
                                      const struct job_message *message)
{
    sqlite3_stmt *statement = jobs->add_message;
    char address[ADDRESS_TEXT_SIZE];
    enum lastcall_status status = LASTCALL_OK;

    address_format(&message->address, address);
    sqlite3_bind_int64(statement, 1, job);
    bind_text(statement, 2, address);
    bind_text(statement, 3, message->id.text);
    bind_text(statement, 4, message->hash);
    sqlite3_bind_blob(statement, 5, message->token.data,
                      (int)message->token.len, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 6, message->sent_ms);
    sqlite3_bind_int64(statement, 7, message->expires_s);
    status = store_step_done(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

enum lastcall_status jobs_set_answer(struct jobs *jobs, int64_t job,
                                     const struct job_host *host)
{
    enum lastcall_status status = run_for_host(jobs->set_answer, job, host);

    if (status != LASTCALL_OK || host->answer == NULL ||
        sqlite3_changes(jobs->store.db) == 0)
        return status;
    sqlite3_bind_int64(jobs->add_answer, 1, job);
    bind_text(jobs->add_answer, 2, host->name.text);
    bind_text(jobs->add_answer, 3, host->answer);
    status = store_step_done(jobs->add_answer);
    sqlite3_clear_bindings(jobs->add_answer);
    return status;
}

enum lastcall_status jobs_end(struct jobs *jobs, const struct job *job)
{
    sqlite3_stmt *end = store_prepare(
        &jobs->store, "UPDATE job SET ended_ms = ?2, state = ?3, exit = ?4"
                      " WHERE number = ?1");
    enum lastcall_status status = LASTCALL_E_IO;

    if (end == NULL)
        return status;
    sqlite3_bind_int64(end, 1, job->number);
    sqlite3_bind_int64(end, 2, job->ended_ms);
    bind_text(end, 3, job_state_name(job->state));
    sqlite3_bind_int(end, 4, job->exit_code);
    status = store_step_done(end);
    sqlite3_finalize(end);
    return status;
}

int job_exit_code(const struct job *job)
{
    const size_t *of = job->outcomes;

    if (job->exit_code == EXIT_CODE_INTERRUPTED ||
        job->exit_code == EXIT_CODE_STOPPED)
        return job->exit_code;
    if (job->state == JOB_INTERRUPTED)
        return EXIT_CODE_INTERRUPTED;
    /* Bad messages are not kept, but that there were some is. */
    if (of[JOB_REFUSED] > 0 || job->exit_code == EXIT_CODE_REFUSED)
        return EXIT_CODE_REFUSED;
    if (of[JOB_FALSE] > 0)
        return EXIT_CODE_FALSE;
    if (of[JOB_WAITING] + of[JOB_SILENT] + of[JOB_OFFLINE] + of[JOB_UNSENT] > 0)
        return EXIT_CODE_SILENT;
    return EXIT_CODE_OK;
}
