#include "worker/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/maintenance_store.h"

#define PATH_SIZE 1024

/* As stored: never renumber. */
enum state {
    STATE_BEGUN = 0,
    STATE_TARGETS = 1,
    STATE_FINISHED = 2,
    STATE_FORGOTTEN = 3, /* no command: its exp is journal.forgotten_s */
};

static const char command_schema[] =
    "CREATE TABLE command ("
    " id INTEGER PRIMARY KEY, issuer TEXT NOT NULL,"
    " request_id TEXT NOT NULL, hash TEXT NOT NULL, audience TEXT NOT NULL,"
    " action TEXT NOT NULL, exp_s INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, finished_ms INTEGER,"
    " state INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,"
    " bytes INTEGER NOT NULL, targets TEXT, result BLOB,"
    " UNIQUE (issuer, request_id));"
    "CREATE INDEX command_by_exp ON command (exp_s);"
    "CREATE INDEX command_undelivered ON command (id)"
    " WHERE delivered = 0;";

/* Each index was written to twice and pruned for every command.  What they
 * were for reads the table instead: seldom, and from its oldest row on. */
static const char fewer_indexes[] = "DROP INDEX command_by_exp;"
                                    "DROP INDEX command_undelivered;";

/* Name each statement once; the SQL stands beside its owner. */
struct prepared {
    size_t offset;
    const char *sql;
};

#define STATEMENT(member) offsetof(struct journal, member)

static const struct prepared prepared[] = {
    {STATEMENT(begin),
     "INSERT INTO command (issuer, request_id, hash, audience, action, exp_s,"
     " received_ms, bytes) VALUES (?,?,?,?,?,?,?,?)"
     " ON CONFLICT (issuer, request_id) DO NOTHING"},
    {STATEMENT(find), "SELECT hash, state, result FROM command"
                      " WHERE issuer = ? AND request_id = ?"},
    {STATEMENT(set_targets), "UPDATE command SET targets = ?2, state = 1,"
                             " bytes = bytes + length(CAST(?2 AS BLOB))"
                             " WHERE id = ?1"},
    {STATEMENT(finish), "UPDATE command SET result = ?2, finished_ms = ?3,"
                        " state = 2, bytes = bytes + length(?2)"
                        " WHERE id = ?1"},
    {STATEMENT(deliver), "UPDATE command SET delivered = 1 WHERE id = ?"},
    {STATEMENT(prune_end), "SELECT id FROM command WHERE id > ? ORDER BY id"
                           " LIMIT 1 OFFSET ?"},
    {STATEMENT(prune), "DELETE FROM command WHERE id > ?3 AND id <= ?4"
                       " AND exp_s < ?1 AND state = 2"
                       " AND (delivered = 1 OR finished_ms < ?2)"
                       " RETURNING issuer, bytes, exp_s"},
    {STATEMENT(forget),
     "INSERT INTO command (issuer, request_id, hash, audience, action, exp_s,"
     " received_ms, state, delivered, bytes)"
     " VALUES ('', '', '', '', '', ?, 0, 3, 1, 0)"
     " ON CONFLICT (issuer, request_id) DO UPDATE SET exp_s = excluded.exp_s"},
    {STATEMENT(undelivered),
     "SELECT id, issuer, request_id, result FROM command"
     " WHERE delivered = 0 AND state = 2 AND id > ? ORDER BY id LIMIT 1"},
};
#define PREPARED_COUNT (sizeof(prepared) / sizeof(prepared[0]))

static sqlite3_stmt **statement_at(struct journal *journal, size_t offset)
{
    return (sqlite3_stmt **)(void *)((char *)journal + offset);
}

static enum lastcall_status prepare_all(struct journal *journal)
{
    for (size_t i = 0; i < PREPARED_COUNT; i++) {
        sqlite3_stmt *statement =
            store_prepare(&journal->store, prepared[i].sql);

        if (statement == NULL)
            return LASTCALL_E_IO;
        *statement_at(journal, prepared[i].offset) = statement;
    }
    return LASTCALL_OK;
}

static int64_t *share_of(struct journal *journal, const char *issuer)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

    for (const char *c = issuer; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT32_C(16777619);
    return &journal->bytes.shares[hash % JOURNAL_SHARE_COUNT];
}

/* Count what an issuer has more, or less. */
static void count_bytes(struct journal *journal, const char *issuer,
                        int64_t bytes)
{
    journal->bytes.total += bytes;
    *share_of(journal, issuer) += bytes;
}

/* The same for the issuer in the first column of a row. */
static void count_row(struct journal *journal, sqlite3_stmt *row, int64_t bytes)
{
    const unsigned char *issuer = sqlite3_column_text(row, 0);

    count_bytes(journal, issuer != NULL ? (const char *)issuer : "", bytes);
}

/* What the journal keeps, and up to where it has forgotten. */
static enum lastcall_status read_sums(struct journal *journal)
{
    int code = SQLITE_ERROR;
    sqlite3_stmt *walk = store_prepare(
        &journal->store, "SELECT issuer, bytes, state, exp_s FROM command");

    if (walk == NULL)
        return LASTCALL_E_IO;
    while ((code = sqlite3_step(walk)) == SQLITE_ROW) {
        if (sqlite3_column_int(walk, 2) == STATE_FORGOTTEN)
            journal->forgotten_s = sqlite3_column_int64(walk, 3);
        count_row(journal, walk, sqlite3_column_int64(walk, 1));
    }
    sqlite3_finalize(walk);
    return code == SQLITE_DONE ? LASTCALL_OK : LASTCALL_E_IO;
}

static enum lastcall_status set_up(struct journal *journal, int64_t history_max)
{
    enum lastcall_status status = LASTCALL_E_IO;
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d", JOURNAL_CACHE_KIB);
    if (sqlite3_exec(journal->store.db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return status;
    status = prepare_all(journal);
    if (status == LASTCALL_OK)
        status = read_sums(journal);
    if (status == LASTCALL_OK)
        status = history_open(&journal->store, history_max, &journal->history);
    return status;
}

static enum lastcall_status path_in(const char *directory, const char *name,
                                    char path[PATH_SIZE],
                                    struct platform_error *error)
{
    const int len = snprintf(path, PATH_SIZE, "%s/%s", directory, name);

    if (len >= 0 && len < PATH_SIZE)
        return LASTCALL_OK;
    snprintf(error->text, sizeof(error->text), "%.300s: path too long",
             directory);
    return LASTCALL_E_TOO_LARGE;
}

/*
 * Whoever could write here could make commands run again, or never: what
 * others made before us, or may change, is refused.
 */
static enum lastcall_status check_guarded(const char *state_dir,
                                          struct platform_error *error)
{
    static const char *const names[] = {JOURNAL_LOCK_FILE, JOURNAL_FILE,
                                        JOURNAL_FILE "-wal",
                                        JOURNAL_FILE "-shm"};
    enum lastcall_status status = platform_check_guarded(state_dir, error);
    char path[PATH_SIZE];

    for (size_t i = 0;
         i < sizeof(names) / sizeof(names[0]) && status == LASTCALL_OK; i++) {
        status = path_in(state_dir, names[i], path, error);
        if (status == LASTCALL_OK)
            status = platform_check_guarded(path, error);
    }
    return status;
}

enum lastcall_status journal_open(const char *state_dir, int64_t history_max,
                                  struct journal *out,
                                  struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_IO;
    const char *const migrations[] = {command_schema, history_schema,
                                      maintenance_schema, fewer_indexes,
                                      maintenance_warn_schema};
    char path[PATH_SIZE];

    *out = (struct journal){0};
    status = platform_make_directory(state_dir, error);
    if (status == LASTCALL_OK)
        status = check_guarded(state_dir, error);
    if (status != LASTCALL_OK)
        return status;
    status = path_in(state_dir, JOURNAL_LOCK_FILE, path, error);
    if (status == LASTCALL_OK)
        status = platform_lock(path, &out->lock, error);
    if (status == LASTCALL_OK)
        status = path_in(state_dir, JOURNAL_FILE, path, error);
    if (status != LASTCALL_OK)
        goto out;
    status =
        store_open(path, migrations, sizeof(migrations) / sizeof(migrations[0]),
                   &out->store, error);
    if (status != LASTCALL_OK)
        goto out;
    status = set_up(out, history_max);
    if (status != LASTCALL_OK)
        snprintf(error->text, sizeof(error->text), "%.300s: %.150s", path,
                 sqlite3_errmsg(out->store.db));

out:
    if (status != LASTCALL_OK)
        journal_close(out);
    return status;
}

void journal_close(struct journal *journal)
{
    for (size_t i = 0; i < PREPARED_COUNT; i++)
        sqlite3_finalize(*statement_at(journal, prepared[i].offset));
    history_close(&journal->history);
    if (journal->store.db != NULL)
        store_close(&journal->store);
    platform_unlock(&journal->lock);
    *journal = (struct journal){0};
}

enum lastcall_status journal_open_batch(struct journal *journal,
                                        enum store_durability durability)
{
    journal->history_before = journal->history;
    journal->bytes_before = journal->bytes;
    journal->forgotten_before_s = journal->forgotten_s;
    return store_begin(&journal->store, durability);
}

static void remember_before(struct journal *journal)
{
    journal->history = journal->history_before;
    journal->bytes = journal->bytes_before;
    journal->forgotten_s = journal->forgotten_before_s;
}

enum lastcall_status journal_commit_batch(struct journal *journal)
{
    enum lastcall_status status = store_commit(&journal->store);

    if (status != LASTCALL_OK)
        remember_before(journal);
    return status;
}

void journal_undo_batch(struct journal *journal)
{
    store_rollback(&journal->store);
    remember_before(journal);
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    /* A bind that fails shows when the statement is run. */
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static enum lastcall_status find_known(struct journal *journal,
                                       const struct journal_entry *entry,
                                       enum journal_seen *seen,
                                       struct bytes *result)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3_stmt *find = journal->find;
    const unsigned char *hash = NULL;
    int code = SQLITE_ERROR;

    bind_text(find, 1, entry->issuer);
    bind_text(find, 2, entry->request_id.text);
    code = sqlite3_step(find);
    if (code == SQLITE_DONE) {
        *seen = JOURNAL_NEW;
        status = LASTCALL_OK;
    }
    if (code != SQLITE_ROW)
        goto out;
    status = LASTCALL_OK;
    hash = sqlite3_column_text(find, 0);
    if (hash == NULL || strcmp((const char *)hash, entry->hash) != 0) {
        *seen = JOURNAL_OTHER;
    } else if (sqlite3_column_int(find, 1) != STATE_FINISHED) {
        *seen = JOURNAL_RUNNING;
    } else {
        *seen = JOURNAL_FINISHED;
        status = bytes_append(result, sqlite3_column_blob(find, 2),
                              (size_t)sqlite3_column_bytes(find, 2));
    }

out:
    sqlite3_reset(find);
    return status;
}

enum lastcall_status journal_find(struct journal *journal,
                                  const struct journal_entry *entry,
                                  enum journal_seen *seen, struct bytes *result)
{
    *seen = JOURNAL_OTHER;
    bytes_init(result, TOKEN_RESULT_BYTES_MAX);
    return find_known(journal, entry, seen, result);
}

/* Of what cannot be begun: it may be known all the same. */
static enum lastcall_status find_only(struct journal *journal,
                                      const struct journal_entry *entry,
                                      enum journal_seen *seen,
                                      struct bytes *result)
{
    enum lastcall_status status = find_known(journal, entry, seen, result);

    if (status != LASTCALL_OK || *seen != JOURNAL_NEW)
        return status;
    if (entry->exp_s <= journal->forgotten_s) {
        *seen = JOURNAL_FORGOTTEN;
        return LASTCALL_OK;
    }
    *seen = JOURNAL_OTHER;
    return LASTCALL_BUSY;
}

bool journal_is_full(const struct journal *journal)
{
    return journal->bytes.total >= JOURNAL_BYTES_MAX;
}

static bool is_full_for(struct journal *journal,
                        const struct journal_entry *entry)
{
    return journal_is_full(journal) ||
           (!entry->is_step &&
            *share_of(journal, entry->issuer) >= JOURNAL_SHARE_BYTES_MAX);
}

enum lastcall_status journal_begin(struct journal *journal,
                                   struct journal_entry *entry,
                                   enum journal_seen *seen,
                                   struct bytes *result)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3_stmt *begin = journal->begin;
    char audience[ADDRESS_TEXT_SIZE];

    *seen = JOURNAL_OTHER;
    entry->id = 0;
    bytes_init(result, TOKEN_RESULT_BYTES_MAX);
    if (entry->exp_s <= journal->forgotten_s || is_full_for(journal, entry))
        return find_only(journal, entry, seen, result);
    address_format(&entry->audience, audience);
    bind_text(begin, 1, entry->issuer);
    bind_text(begin, 2, entry->request_id.text);
    bind_text(begin, 3, entry->hash);
    bind_text(begin, 4, audience);
    bind_text(begin, 5, action_name(entry->action));
    sqlite3_bind_int64(begin, 6, entry->exp_s);
    sqlite3_bind_int64(begin, 7, entry->received_ms);
    sqlite3_bind_int64(begin, 8, JOURNAL_ENTRY_BYTES);
    status = store_step_done(begin);
    if (status != LASTCALL_OK)
        return status;
    if (sqlite3_changes(journal->store.db) == 0)
        return find_known(journal, entry, seen, result);
    entry->id = sqlite3_last_insert_rowid(journal->store.db);
    count_bytes(journal, entry->issuer, JOURNAL_ENTRY_BYTES);
    *seen = JOURNAL_NEW;
    return LASTCALL_OK;
}

/* Run an update by id, which must have found its row: its issuer has so many
 * bytes more. */
static enum lastcall_status update_row(struct journal *journal,
                                       const struct journal_entry *entry,
                                       sqlite3_stmt *update, size_t bytes)
{
    enum lastcall_status status = LASTCALL_E_IO;

    sqlite3_bind_int64(update, 1, entry->id);
    status = store_step_done(update);
    if (status != LASTCALL_OK)
        return status;
    if (sqlite3_changes(journal->store.db) == 0)
        return LASTCALL_E_MISSING;
    count_bytes(journal, entry->issuer, (int64_t)bytes);
    return LASTCALL_OK;
}

enum lastcall_status journal_set_targets(struct journal *journal,
                                         const struct journal_entry *entry,
                                         const char *targets, size_t len)
{
    sqlite3_stmt *set = journal->set_targets;

    sqlite3_bind_text64(set, 2, targets, len, SQLITE_STATIC, SQLITE_UTF8);
    return update_row(journal, entry, set, len);
}

enum lastcall_status journal_finish(struct journal *journal,
                                    const struct journal_entry *entry,
                                    int64_t now_ms, const struct bytes *token)
{
    sqlite3_stmt *finish = journal->finish;

    sqlite3_bind_blob64(finish, 2, token->data, token->len, SQLITE_STATIC);
    sqlite3_bind_int64(finish, 3, now_ms);
    return update_row(journal, entry, finish, token->len);
}

enum lastcall_status journal_deliver(struct journal *journal, int64_t id)
{
    sqlite3_bind_int64(journal->deliver, 1, id);
    return store_step_done(journal->deliver);
}

enum lastcall_status journal_note(struct journal *journal,
                                  const struct history_line *line)
{
    return history_append(&journal->history, line);
}

/* Find the last entry of the part that is to be pruned; INT64_MAX: the journal
 * ends before. */
static enum lastcall_status find_prune_end(struct journal *journal,
                                           int64_t *end)
{
    sqlite3_stmt *find = journal->prune_end;
    int code = SQLITE_ERROR;

    *end = INT64_MAX;
    sqlite3_bind_int64(find, 1, journal->prune_after);
    sqlite3_bind_int64(find, 2, JOURNAL_PRUNE_LOOK_MAX - 1);
    code = sqlite3_step(find);
    if (code == SQLITE_ROW)
        *end = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    return code == SQLITE_ROW || code == SQLITE_DONE ? LASTCALL_OK
                                                     : LASTCALL_E_IO;
}

enum lastcall_status journal_prune(struct journal *journal, int64_t expired_s,
                                   int64_t now_ms, size_t *count,
                                   bool *has_more)
{
    sqlite3_stmt *prune = journal->prune;
    int64_t latest_s = journal->forgotten_s;
    int64_t end = INT64_MAX;
    int code = SQLITE_ERROR;

    *count = 0;
    *has_more = false;
    if (find_prune_end(journal, &end) != LASTCALL_OK)
        return LASTCALL_E_IO;
    sqlite3_bind_int64(prune, 1, expired_s);
    sqlite3_bind_int64(prune, 2, now_ms - JOURNAL_UNDELIVERED_MS);
    sqlite3_bind_int64(prune, 3, journal->prune_after);
    sqlite3_bind_int64(prune, 4, end);
    while ((code = sqlite3_step(prune)) == SQLITE_ROW) {
        const int64_t exp_s = sqlite3_column_int64(prune, 2);

        count_row(journal, prune, -sqlite3_column_int64(prune, 1));
        latest_s = exp_s > latest_s ? exp_s : latest_s;
        (*count)++;
    }
    sqlite3_reset(prune);
    if (code != SQLITE_DONE)
        return LASTCALL_E_IO;
    *has_more = end != INT64_MAX;
    journal->prune_after = *has_more ? end : 0;
    if (latest_s == journal->forgotten_s)
        return LASTCALL_OK;
    journal->forgotten_s = latest_s;
    sqlite3_bind_int64(journal->forget, 1, latest_s);
    return store_step_done(journal->forget);
}

/* Copy a text column, empty where it does not fit. */
static void read_text(sqlite3_stmt *row, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    const size_t len = text != NULL ? strlen((const char *)text) : 0;

    out[0] = '\0';
    if (len > 0 && len < size)
        memcpy(out, text, len + 1);
}

static void read_open(sqlite3_stmt *row, struct journal_open_entry *out)
{
    struct journal_entry *entry = &out->entry;
    const unsigned char *audience = sqlite3_column_text(row, 4);
    const unsigned char *action = sqlite3_column_text(row, 5);

    *out = (struct journal_open_entry){0};
    entry->id = sqlite3_column_int64(row, 0);
    read_text(row, 1, entry->issuer, sizeof(entry->issuer));
    read_text(row, 2, entry->request_id.text, sizeof(entry->request_id.text));
    read_text(row, 3, entry->hash, sizeof(entry->hash));
    entry->exp_s = sqlite3_column_int64(row, 6);
    entry->received_ms = sqlite3_column_int64(row, 7);
    if (sqlite3_column_int(row, 8) == STATE_TARGETS) {
        out->targets = (const char *)sqlite3_column_text(row, 9);
        out->targets_len = (size_t)sqlite3_column_bytes(row, 9);
    }
    if (audience == NULL || action == NULL ||
        address_parse((const char *)audience, &entry->audience) !=
            LASTCALL_OK ||
        action_parse((const char *)action, &entry->action) != LASTCALL_OK)
        entry->issuer[0] = '\0'; /* nobody can be answered */
}

enum lastcall_status journal_each_open(
    struct journal *journal,
    enum lastcall_status (*each)(void *context,
                                 const struct journal_open_entry *open),
    void *context)
{
    enum lastcall_status status = LASTCALL_OK;
    sqlite3_stmt *walk = store_prepare(
        &journal->store,
        "SELECT id, issuer, request_id, hash, audience, action, exp_s,"
        " received_ms, state, targets FROM command WHERE state < 2"
        " ORDER BY id");
    int code = SQLITE_ERROR;

    if (walk == NULL)
        return LASTCALL_E_IO;
    while (status == LASTCALL_OK && (code = sqlite3_step(walk)) == SQLITE_ROW) {
        struct journal_open_entry open;

        read_open(walk, &open);
        status = each(context, &open);
    }
    sqlite3_finalize(walk);
    if (status == LASTCALL_OK && code != SQLITE_DONE)
        status = LASTCALL_E_IO;
    return status;
}

enum lastcall_status journal_next_undelivered(struct journal *journal,
                                              int64_t after_id,
                                              struct journal_entry *entry,
                                              struct bytes *token)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3_stmt *next = journal->undelivered;
    int code = SQLITE_ERROR;

    *entry = (struct journal_entry){0};
    bytes_init(token, TOKEN_RESULT_BYTES_MAX);
    sqlite3_bind_int64(next, 1, after_id);
    code = sqlite3_step(next);
    if (code == SQLITE_DONE)
        status = LASTCALL_E_MISSING;
    if (code == SQLITE_ROW) {
        entry->id = sqlite3_column_int64(next, 0);
        read_text(next, 1, entry->issuer, sizeof(entry->issuer));
        read_text(next, 2, entry->request_id.text,
                  sizeof(entry->request_id.text));
        status = bytes_append(token, sqlite3_column_blob(next, 3),
                              (size_t)sqlite3_column_bytes(next, 3));
    }
    sqlite3_reset(next);
    return status;
}
