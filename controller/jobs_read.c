/* The reading half of jobs.h. */
#include <stdlib.h>
#include <string.h>

#include "controller/jobs.h"

#define JOB_COLUMNS                                                            \
    "number, id, parent, fleet, issuer, command, target, words, request,"      \
    " timeout_ms, ttl_ms, started_ms, ended_ms, state, exit"

static enum lastcall_status status_of(int code)
{
    if (code == SQLITE_DONE || code == SQLITE_ROW || code == SQLITE_OK)
        return LASTCALL_OK;
    return (code & 0xff) == SQLITE_NOMEM ? LASTCALL_E_NOMEM : LASTCALL_E_IO;
}

/* What does not fit was not written by us; it is cut for showing. */
static void read_text(sqlite3_stmt *row, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    size_t len = text == NULL ? 0 : strlen((const char *)text);

    if (len >= size)
        len = size - 1;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

static enum lastcall_status read_bytes(sqlite3_stmt *row, int column,
                                       struct bytes *out)
{
    const void *data = sqlite3_column_blob(row, column);
    int len = sqlite3_column_bytes(row, column);

    bytes_init(out, TOKEN_COMMAND_BYTES_MAX);
    return len <= 0 ? LASTCALL_OK : bytes_append(out, data, (size_t)len);
}

static enum job_state read_state(sqlite3_stmt *row, int column)
{
    char word[JOBS_WORD_SIZE];

    read_text(row, column, word, sizeof word);
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        if (strcmp(word, job_state_name((enum job_state)i)) == 0)
            return (enum job_state)i;
    }
    return JOB_DONE;
}

static enum lastcall_status read_job(sqlite3_stmt *row, struct job *out)
{
    *out = (struct job){0};
    out->number = sqlite3_column_int64(row, 0);
    read_text(row, 1, out->id.text, sizeof out->id.text);
    read_text(row, 2, out->parent.text, sizeof out->parent.text);
    read_text(row, 3, out->fleet.text, sizeof out->fleet.text);
    read_text(row, 4, out->issuer, sizeof out->issuer);
    read_text(row, 5, out->command, sizeof out->command);
    read_text(row, 6, out->target, sizeof out->target);
    read_text(row, 7, out->words, sizeof out->words);
    out->timeout_ms = sqlite3_column_int64(row, 9);
    out->ttl_ms = sqlite3_column_int64(row, 10);
    out->started_ms = sqlite3_column_int64(row, 11);
    out->ended_ms = sqlite3_column_int64(row, 12);
    out->state = read_state(row, 13);
    out->exit_code = sqlite3_column_int(row, 14);
    return read_bytes(row, 8, &out->request);
}

static enum lastcall_status count_hosts(struct jobs *jobs, struct job *job)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store, "SELECT outcome, count(*) FROM host WHERE job = ?"
                      " GROUP BY outcome");
    int code = SQLITE_ERROR;

    if (ask == NULL)
        return LASTCALL_E_IO;
    job->host_count = 0;
    memset(job->outcomes, 0, sizeof job->outcomes);
    sqlite3_bind_int64(ask, 1, job->number);
    while ((code = sqlite3_step(ask)) == SQLITE_ROW) {
        char word[JOBS_WORD_SIZE];
        enum job_outcome outcome = JOB_WAITING;
        size_t count = (size_t)sqlite3_column_int64(ask, 1);

        read_text(ask, 0, word, sizeof word);
        job->host_count += count;
        if (job_outcome_parse(word, &outcome) == LASTCALL_OK)
            job->outcomes[outcome] += count;
    }
    sqlite3_finalize(ask);
    return status_of(code);
}

enum lastcall_status jobs_find(struct jobs *jobs, const char *text,
                               struct job *out)
{
    sqlite3_stmt *ask = NULL;
    size_t len = strlen(text);
    int code = SQLITE_ERROR;
    enum lastcall_status status = LASTCALL_E_MISSING;

    *out = (struct job){0};
    if (len < JOBS_PREFIX_MIN || len > REQUEST_ID_LEN_MAX)
        return LASTCALL_E_SYNTAX;
    ask = store_prepare(&jobs->store, "SELECT " JOB_COLUMNS " FROM job"
                                      " WHERE substr(id, 1, ?2) = ?1 LIMIT 2");
    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_text(ask, 1, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(ask, 2, (sqlite3_int64)len);
    code = sqlite3_step(ask);
    if (code == SQLITE_ROW) {
        status = read_job(ask, out);
        code = sqlite3_step(ask);
        if (status == LASTCALL_OK && code == SQLITE_ROW)
            status = LASTCALL_E_EXISTS;
    }
    if (status_of(code) != LASTCALL_OK)
        status = status_of(code);
    sqlite3_finalize(ask);
    if (status == LASTCALL_OK)
        status = count_hosts(jobs, out);
    if (status != LASTCALL_OK)
        job_deinit(out);
    return status;
}

enum lastcall_status
jobs_each(struct jobs *jobs, int64_t count_max,
          void (*take)(void *context, const struct job *job), void *context)
{
    sqlite3_stmt *ask =
        store_prepare(&jobs->store, "SELECT " JOB_COLUMNS
                                    " FROM job ORDER BY number DESC LIMIT ?");
    int code = SQLITE_ERROR;
    enum lastcall_status status = LASTCALL_OK;

    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(ask, 1, count_max);
    while (status == LASTCALL_OK && (code = sqlite3_step(ask)) == SQLITE_ROW) {
        struct job job;

        status = read_job(ask, &job);
        if (status == LASTCALL_OK)
            status = count_hosts(jobs, &job);
        if (status == LASTCALL_OK)
            take(context, &job);
        job_deinit(&job);
    }
    sqlite3_finalize(ask);
    return status != LASTCALL_OK ? status : status_of(code);
}

static enum lastcall_status read_host(sqlite3_stmt *row, struct job_host *out)
{
    char word[ADDRESS_TEXT_SIZE];

    *out = (struct job_host){0};
    read_text(row, 0, out->name.text, sizeof out->name.text);
    out->is_known = sqlite3_column_int(row, 1) != 0;
    read_text(row, 2, word, sizeof word);
    out->has_message = address_parse(word, &out->address) == LASTCALL_OK;
    read_text(row, 3, word, sizeof word);
    if (job_outcome_parse(word, &out->outcome) != LASTCALL_OK)
        out->outcome = JOB_SILENT;
    out->is_late = sqlite3_column_int(row, 4) != 0;
    out->round_trip_ms = sqlite3_column_int64(row, 5);
    out->answered_ms = sqlite3_column_int64(row, 6);
    read_text(row, 7, out->request_id.text, sizeof out->request_id.text);
    read_text(row, 8, out->retried_as.text, sizeof out->retried_as.text);
    if (sqlite3_column_type(row, 9) == SQLITE_NULL)
        return LASTCALL_OK;
    out->answer = bytes_copy_text((const char *)sqlite3_column_text(row, 9));
    return out->answer == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

enum lastcall_status jobs_find_host(struct jobs *jobs, int64_t job,
                                    const struct name *name,
                                    struct job_host *out)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store,
        "SELECT host, known, address, outcome, late, round_trip_ms,"
        " answered_ms, '', '', NULL FROM host WHERE job = ? AND host = ?");
    int code = SQLITE_ERROR;
    enum lastcall_status status = LASTCALL_E_MISSING;

    *out = (struct job_host){0};
    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(ask, 1, job);
    sqlite3_bind_text(ask, 2, name->text, -1, SQLITE_STATIC);
    code = sqlite3_step(ask);
    if (code == SQLITE_ROW)
        status = read_host(ask, out);
    else if (code != SQLITE_DONE)
        status = status_of(code);
    sqlite3_finalize(ask);
    return status;
}

enum lastcall_status jobs_each_host(struct jobs *jobs, int64_t job,
                                    void (*take)(void *context,
                                                 const struct job_host *host),
                                    void *context)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store,
        "WITH again AS (SELECT later.host AS host, job.id AS id, "
        "max(job.number) FROM job"
        " JOIN host AS later ON later.job = job.number WHERE job.parent ="
        " (SELECT id FROM job WHERE number = ?1) GROUP BY later.host)"
        "SELECT host.host, known, host.address, outcome, late, round_trip_ms,"
        " answered_ms, message.id, again.id, answer.result FROM host"
        " LEFT JOIN again ON again.host = host.host"
        " LEFT JOIN message ON message.job = host.job"
        " AND message.address = host.address"
        " LEFT JOIN answer ON answer.job = host.job"
        " AND answer.host = host.host"
        " WHERE host.job = ?1 ORDER BY host.host");
    int code = SQLITE_ERROR;
    enum lastcall_status status = LASTCALL_OK;

    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(ask, 1, job);
    while (status == LASTCALL_OK && (code = sqlite3_step(ask)) == SQLITE_ROW) {
        struct job_host host;

        status = read_host(ask, &host);
        if (status == LASTCALL_OK)
            take(context, &host);
        job_host_deinit(&host);
    }
    sqlite3_finalize(ask);
    return status != LASTCALL_OK ? status : status_of(code);
}

enum lastcall_status jobs_find_rival(struct jobs *jobs, int64_t job,
                                     struct request_id *out)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store,
        "SELECT other.id FROM job AS own JOIN job AS other"
        " ON other.parent = own.parent AND other.number <> own.number"
        " JOIN host AS theirs ON theirs.job = other.number"
        " JOIN host AS ours ON ours.job = own.number"
        " AND ours.host = theirs.host"
        " WHERE own.number = ? AND own.parent <> '' LIMIT 1");
    int code = SQLITE_ERROR;

    *out = (struct request_id){0};
    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(ask, 1, job);
    code = sqlite3_step(ask);
    if (code == SQLITE_ROW) {
        read_text(ask, 0, out->text, sizeof out->text);
        code = SQLITE_DONE;
    }
    sqlite3_finalize(ask);
    return status_of(code);
}

static void read_message(sqlite3_stmt *row, struct job_message *out)
{
    char address[ADDRESS_TEXT_SIZE];

    *out = (struct job_message){0};
    read_text(row, 0, address, sizeof address);
    if (address_parse(address, &out->address) != LASTCALL_OK)
        out->address = (struct address){0};
    read_text(row, 1, out->id.text, sizeof out->id.text);
    read_text(row, 2, out->hash, sizeof out->hash);
    out->sent_ms = sqlite3_column_int64(row, 3);
    out->expires_s = sqlite3_column_int64(row, 4);
}

enum lastcall_status jobs_find_message(struct jobs *jobs, int64_t job,
                                       const struct address *address,
                                       struct job_message *out)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store, "SELECT address, id, hash, sent_ms, expires_s, token"
                      " FROM message WHERE job = ? AND address = ?");
    char text[ADDRESS_TEXT_SIZE];
    int code = SQLITE_ERROR;
    enum lastcall_status status = LASTCALL_E_MISSING;

    *out = (struct job_message){0};
    if (ask == NULL)
        return LASTCALL_E_IO;
    address_format(address, text);
    sqlite3_bind_int64(ask, 1, job);
    sqlite3_bind_text(ask, 2, text, -1, SQLITE_STATIC);
    code = sqlite3_step(ask);
    if (code == SQLITE_ROW) {
        read_message(ask, out);
        status = read_bytes(ask, 5, &out->token);
    } else if (code != SQLITE_DONE) {
        status = status_of(code);
    }
    sqlite3_finalize(ask);
    if (status != LASTCALL_OK)
        job_message_deinit(out);
    return status;
}

enum lastcall_status jobs_each_message(
    struct jobs *jobs, int64_t job,
    void (*take)(void *context, const struct job_message *message),
    void *context)
{
    sqlite3_stmt *ask = store_prepare(
        &jobs->store, "SELECT address, id, hash, sent_ms, expires_s"
                      " FROM message WHERE job = ? ORDER BY id");
    int code = SQLITE_ERROR;

    if (ask == NULL)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(ask, 1, job);
    while ((code = sqlite3_step(ask)) == SQLITE_ROW) {
        struct job_message message;

        read_message(ask, &message);
        take(context, &message);
    }
    sqlite3_finalize(ask);
    return status_of(code);
}
