#include "worker/history.h"

#include <inttypes.h>
#include <string.h>

#include "protocol/moment.h"

/* A line before it is hashed: its texts are bounded by the protocol. */
#define HISTORY_TEXT_MAX ((size_t)64 * 1024)
/* How long --history waits for the worker's transaction. */
#define HISTORY_BUSY_MS 2000

#define COLUMNS                                                                \
    "seq, at_ms, issuer, request_id, action, audience, phase, code, detail, "  \
    "request_hash, prev_hash, hash"

const char history_schema[] =
    "CREATE TABLE history ("
    " seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, issuer TEXT NOT NULL,"
    " request_id TEXT NOT NULL, action TEXT NOT NULL, audience TEXT NOT NULL,"
    " phase TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,"
    " request_hash TEXT NOT NULL, prev_hash TEXT NOT NULL,"
    " hash TEXT NOT NULL);";

enum column {
    COLUMN_SEQ,
    COLUMN_AT_MS,
    COLUMN_ISSUER,
    COLUMN_REQUEST_ID,
    COLUMN_ACTION,
    COLUMN_AUDIENCE,
    COLUMN_PHASE,
    COLUMN_CODE,
    COLUMN_DETAIL,
    COLUMN_REQUEST_HASH,
    COLUMN_PREV_HASH,
    COLUMN_HASH,
};

/* Every text with its length in front: no two lines read the same. */
static enum lastcall_status append_text(struct bytes *out, const char *text)
{
    return bytes_append_format(out, "%zu:%s,", strlen(text), text);
}

static enum lastcall_status line_hash(int64_t seq, const char *prev_hash,
                                      const struct history_line *line,
                                      char hash[BYTES_SHA256_TEXT_SIZE])
{
    const char *const texts[] = {
        line->issuer, line->request_id, line->action, line->audience,
        line->phase,  line->code,       line->detail, line->request_hash,
    };
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    struct bytes whole;

    bytes_init(&whole, HISTORY_TEXT_MAX);
    status = bytes_append_format(&whole, "%s,%" PRId64 ",%" PRId64 ",",
                                 prev_hash, seq, line->at_ms);
    for (size_t i = 0;
         status == LASTCALL_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
        status = append_text(&whole, texts[i]);
    if (status == LASTCALL_OK)
        status = bytes_sha256_text(whole.data, whole.len, hash);
    bytes_deinit(&whole);
    return status;
}

static enum lastcall_status find_ends(struct store *store, struct history *out)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3_stmt *statement =
        store_prepare(store, "SELECT seq, hash, (SELECT min(seq) FROM history)"
                             " FROM history ORDER BY seq DESC LIMIT 1");
    int code = SQLITE_ERROR;

    out->first = 1;
    if (statement == NULL)
        return status;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const unsigned char *hash = sqlite3_column_text(statement, 1);

        out->seq = sqlite3_column_int64(statement, 0);
        out->first = sqlite3_column_int64(statement, 2);
        snprintf(out->hash, sizeof(out->hash), "%s",
                 hash != NULL ? (const char *)hash : "");
    }
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        status = LASTCALL_OK;
    sqlite3_finalize(statement);
    return status;
}

enum lastcall_status history_open(struct store *store, int64_t line_max,
                                  struct history *out)
{
    enum lastcall_status status = LASTCALL_E_IO;

    *out = (struct history){.line_max = line_max};
    status = find_ends(store, out);
    if (status != LASTCALL_OK)
        return status;
    out->insert = store_prepare(store, "INSERT INTO history (" COLUMNS ")"
                                       " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
    out->prune = store_prepare(store, "DELETE FROM history WHERE seq < ?");
    if (out->insert == NULL || out->prune == NULL) {
        history_close(out);
        return LASTCALL_E_IO;
    }
    return LASTCALL_OK;
}

void history_close(struct history *history)
{
    sqlite3_finalize(history->insert);
    sqlite3_finalize(history->prune);
    *history = (struct history){0};
}

static void bind_text(sqlite3_stmt *statement, enum column column,
                      const char *text)
{
    /* A bind that fails shows when the statement is run. */
    sqlite3_bind_text(statement, (int)column + 1, text, -1, SQLITE_STATIC);
}

static enum lastcall_status prune(struct history *history)
{
    enum lastcall_status status = LASTCALL_OK;
    const int64_t keep_from = history->seq - history->line_max + 1;

    if (history->first + HISTORY_SLACK > keep_from)
        return LASTCALL_OK;
    sqlite3_bind_int64(history->prune, 1, keep_from);
    status = store_step_done(history->prune);
    if (status == LASTCALL_OK)
        history->first = keep_from;
    return status;
}

enum lastcall_status history_append(struct history *history,
                                    const struct history_line *line)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    const int64_t seq = history->seq + 1;
    sqlite3_stmt *insert = history->insert;
    char hash[BYTES_SHA256_TEXT_SIZE];

    status = line_hash(seq, history->hash, line, hash);
    if (status != LASTCALL_OK)
        return status;
    sqlite3_bind_int64(insert, COLUMN_SEQ + 1, seq);
    sqlite3_bind_int64(insert, COLUMN_AT_MS + 1, line->at_ms);
    bind_text(insert, COLUMN_ISSUER, line->issuer);
    bind_text(insert, COLUMN_REQUEST_ID, line->request_id);
    bind_text(insert, COLUMN_ACTION, line->action);
    bind_text(insert, COLUMN_AUDIENCE, line->audience);
    bind_text(insert, COLUMN_PHASE, line->phase);
    bind_text(insert, COLUMN_CODE, line->code);
    bind_text(insert, COLUMN_DETAIL, line->detail);
    bind_text(insert, COLUMN_REQUEST_HASH, line->request_hash);
    bind_text(insert, COLUMN_PREV_HASH, history->hash);
    bind_text(insert, COLUMN_HASH, hash);
    status = store_step_done(insert);
    if (status != LASTCALL_OK)
        return status;
    history->seq = seq;
    memcpy(history->hash, hash, sizeof(hash));
    return prune(history);
}

/* ---- reading ---- */

static enum lastcall_status reader_fail(sqlite3 *db, const char *path,
                                        struct platform_error *error)
{
    snprintf(error->text, sizeof(error->text), "%.300s: %.150s", path,
             db != NULL ? sqlite3_errmsg(db) : "out of memory");
    return LASTCALL_E_IO;
}

/* Open for reading beside a running worker, and prepare one query. */
static enum lastcall_status reader_open(const char *path, const char *sql,
                                        sqlite3 **db, sqlite3_stmt **query,
                                        struct platform_error *error)
{
    int opened;

    *db = NULL;
    *query = NULL;
    opened = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);
    if (opened == SQLITE_CANTOPEN) {
        snprintf(error->text, sizeof(error->text),
                 "%.300s: no journal there, or not readable", path);
        return LASTCALL_E_MISSING;
    }
    if (opened != SQLITE_OK ||
        sqlite3_busy_timeout(*db, HISTORY_BUSY_MS) != SQLITE_OK ||
        sqlite3_prepare_v2(*db, sql, -1, query, NULL) != SQLITE_OK)
        return reader_fail(*db, path, error);
    return LASTCALL_OK;
}

static const char *column_text(sqlite3_stmt *row, enum column column)
{
    const unsigned char *text = sqlite3_column_text(row, (int)column);

    return text != NULL ? (const char *)text : "";
}

static void read_line(sqlite3_stmt *row, struct history_line *out)
{
    out->at_ms = sqlite3_column_int64(row, COLUMN_AT_MS);
    out->issuer = column_text(row, COLUMN_ISSUER);
    out->request_id = column_text(row, COLUMN_REQUEST_ID);
    out->action = column_text(row, COLUMN_ACTION);
    out->audience = column_text(row, COLUMN_AUDIENCE);
    out->phase = column_text(row, COLUMN_PHASE);
    out->code = column_text(row, COLUMN_CODE);
    out->detail = column_text(row, COLUMN_DETAIL);
    out->request_hash = column_text(row, COLUMN_REQUEST_HASH);
}

static void print_line(sqlite3_stmt *row, FILE *out)
{
    struct history_line line;
    char at[MOMENT_TEXT_SIZE];

    read_line(row, &line);
    moment_format(line.at_ms, at);
    fprintf(out, "%" PRId64 " %s %-8s %s %s %s",
            (int64_t)sqlite3_column_int64(row, 0), at, line.phase, line.issuer,
            line.action[0] ? line.action : "-", line.audience);
    if (line.code[0] != '\0')
        fprintf(out, " %s", line.code);
    fprintf(out, " id=%s", line.request_id);
    if (line.detail[0] != '\0')
        fprintf(out, " (%s)", line.detail);
    fputc('\n', out);
}

enum lastcall_status history_print(const char *path, int64_t count, FILE *out,
                                   struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    int code = SQLITE_ERROR;

    status = reader_open(path,
                         "SELECT * FROM (SELECT " COLUMNS " FROM history"
                         " ORDER BY seq DESC LIMIT ?) ORDER BY seq",
                         &db, &query, error);
    if (status != LASTCALL_OK)
        goto out;
    sqlite3_bind_int64(query, 1, count > 0 ? count : -1);
    while ((code = sqlite3_step(query)) == SQLITE_ROW)
        print_line(query, out);
    if (code != SQLITE_DONE)
        status = reader_fail(db, path, error);

out:
    sqlite3_finalize(query);
    sqlite3_close(db);
    return status;
}

/* Check a line against the one before it, and remember its hash. */
static enum lastcall_status check_line(sqlite3_stmt *row, int64_t count,
                                       int64_t *seq,
                                       char hash[BYTES_SHA256_TEXT_SIZE])
{
    struct history_line line;
    char computed[BYTES_SHA256_TEXT_SIZE];
    const int64_t number = sqlite3_column_int64(row, COLUMN_SEQ);
    const char *prev = column_text(row, COLUMN_PREV_HASH);

    read_line(row, &line);
    if (count > 0 && (number != *seq + 1 || strcmp(prev, hash) != 0))
        return LASTCALL_E_SIGNATURE;
    *seq = number;
    if (line_hash(number, prev, &line, computed) != LASTCALL_OK)
        return LASTCALL_E_INTERNAL;
    if (strcmp(computed, column_text(row, COLUMN_HASH)) != 0)
        return LASTCALL_E_SIGNATURE;
    memcpy(hash, computed, sizeof(computed));
    return LASTCALL_OK;
}

enum lastcall_status history_verify(const char *path, int64_t *count,
                                    struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    char hash[BYTES_SHA256_TEXT_SIZE] = "";
    int64_t seq = 0;
    int code = SQLITE_DONE;

    *count = 0;
    status = reader_open(path, "SELECT " COLUMNS " FROM history ORDER BY seq",
                         &db, &query, error);
    while (status == LASTCALL_OK &&
           (code = sqlite3_step(query)) == SQLITE_ROW) {
        status = check_line(query, *count, &seq, hash);
        if (status == LASTCALL_OK)
            (*count)++;
    }
    if (status == LASTCALL_OK && code != SQLITE_DONE)
        status = reader_fail(db, path, error);
    if (status == LASTCALL_E_SIGNATURE)
        snprintf(error->text, sizeof(error->text),
                 "%.300s: the chain is broken at line %" PRId64
                 ": it, or the one before it, was changed or removed",
                 path, (int64_t)sqlite3_column_int64(query, COLUMN_SEQ));
    sqlite3_finalize(query);
    sqlite3_close(db);
    return status;
}
