#include "protocol/io/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_SIZE 96

static enum lastcall_status status_of(int code)
{
    switch (code & 0xff) { /* the primary code of an extended one */
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return LASTCALL_OK;
    case SQLITE_NOMEM:
        return LASTCALL_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LASTCALL_BUSY;
    case SQLITE_CONSTRAINT:
        return LASTCALL_E_EXISTS;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return LASTCALL_E_PERMISSION;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
        return LASTCALL_E_IO;
    default:
        return LASTCALL_E_INTERNAL;
    }
}

static enum lastcall_status run(struct store *store, const char *sql)
{
    return status_of(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

/* Read the one integer that a pragma or query gives. */
static enum lastcall_status read_integer(struct store *store, const char *sql,
                                         int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code;

    *out = 0;
    code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status_of(code);
}

/*
 * Modes that hold for this connection.  Reading the journal mode first spares
 * a second process the lock that changing it takes.
 */
static enum lastcall_status set_modes(struct store *store)
{
    static const char modes[] = "PRAGMA journal_mode = WAL;"
                                "PRAGMA synchronous = FULL;"
                                "PRAGMA foreign_keys = ON;"
                                "PRAGMA trusted_schema = OFF;"
                                "PRAGMA temp_store = MEMORY";
    enum lastcall_status status;

    sqlite3_wal_autocheckpoint(store->db, STORE_CHECKPOINT_PAGES);
    status = run(store, modes);
    store->durability = STORE_SURVIVES_POWER;
    return status;
}

/* A database of ours, or an empty one that becomes ours.  Whoever makes one
 * meanwhile owns it before anything is in it, so it is looked at the other way
 * round. */
static enum lastcall_status check_owner(struct store *store, const char *path,
                                        struct platform_error *error)
{
    enum lastcall_status status;
    int64_t id = 0;
    int64_t objects = 0;
    char sql[SQL_SIZE];

    status =
        read_integer(store, "SELECT count(*) FROM sqlite_schema", &objects);
    if (status == LASTCALL_OK)
        status = read_integer(store, "PRAGMA application_id", &id);
    if (status != LASTCALL_OK || id == STORE_APPLICATION_ID)
        return status;
    if (id != 0 || objects != 0) {
        platform_explain(error, "%s: this database belongs to another program",
                         path);
        return LASTCALL_E_CONFIG;
    }
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d",
             STORE_APPLICATION_ID);
    return run(store, sql);
}

static enum lastcall_status check_integrity(struct store *store,
                                            const char *path,
                                            struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_IO;
    sqlite3_stmt *statement = NULL;
    const char *verdict = NULL;
    int code;

    code = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1,
                              &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        verdict = (const char *)sqlite3_column_text(statement, 0);
    if (verdict != NULL && strcmp(verdict, "ok") == 0)
        status = LASTCALL_OK;
    else if (verdict != NULL)
        platform_explain(
            error,
            "%s: the database is damaged (%.200s); move it away and start "
            "again",
            path, verdict);
    else
        status = status_of(code);
    sqlite3_finalize(statement);
    return status;
}

/* Bring one version to the next, or change nothing. */
static enum lastcall_status migrate_one(struct store *store, const char *script,
                                        int64_t version)
{
    enum lastcall_status status;
    char sql[SQL_SIZE];
    int64_t now = 0;

    status = store_begin(store, STORE_SURVIVES_POWER);
    if (status != LASTCALL_OK)
        return status;
    /* Another process may have done it while we waited for the lock. */
    status = read_integer(store, "PRAGMA user_version", &now);
    if (status == LASTCALL_OK && now == version) {
        status = run(store, script);
        snprintf(sql, sizeof(sql), "PRAGMA user_version = %d",
                 (int)version + 1);
        if (status == LASTCALL_OK)
            status = run(store, sql);
    }
    if (status == LASTCALL_OK)
        return store_commit(store);
    store_rollback(store);
    return status;
}

static enum lastcall_status migrate(struct store *store, const char *path,
                                    const char *const *migrations,
                                    size_t migration_count,
                                    struct platform_error *error)
{
    enum lastcall_status status;
    int64_t version = 0;

    status = read_integer(store, "PRAGMA user_version", &version);
    if (status != LASTCALL_OK)
        return status;
    if (version < 0 || version > (int64_t)migration_count) {
        platform_explain(
            error,
            "%s: the database was made by a newer program (schema %lld, "
            "this one knows %zu); install that one, or move it away",
            path, (long long)version, migration_count);
        return LASTCALL_E_CONFIG;
    }
    for (size_t i = (size_t)version;
         i < migration_count && status == LASTCALL_OK; i++)
        status = migrate_one(store, migrations[i], (int64_t)i);
    return status;
}

/* The statements of every transaction, parsed once. */
static enum lastcall_status prepare_own(struct store *store)
{
    store->begin = store_prepare(store, "BEGIN IMMEDIATE");
    store->commit = store_prepare(store, "COMMIT");
    return store->begin != NULL && store->commit != NULL ? LASTCALL_OK
                                                         : LASTCALL_E_NOMEM;
}

/* What is wrong with the file, and what mends it. */
static void explain_file(const struct store *store, const char *path,
                         struct platform_error *error)
{
    const char *mend = "";

    if (store->db == NULL) {
        platform_explain(error, "%s: out of memory", path);
        return;
    }
    switch (sqlite3_errcode(store->db) & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        mend = "; move it away and start again";
        break;
    case SQLITE_FULL:
        mend = "; make room on that disk";
        break;
    case SQLITE_BUSY:
        mend = "; another program holds it, try again";
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        mend = "; it and its directory must be writable";
        break;
    default:
        break;
    }
    platform_explain(error, "%s: %s%s", path, sqlite3_errmsg(store->db), mend);
}

/* A check of what was opened; NULL: none. */
struct opening {
    const char *const *migrations;
    size_t migration_count;
    enum lastcall_status (*check)(struct store *store, const char *path,
                                  struct platform_error *error);
    int page_bytes; /* of a new one; 0: SQLite's own */
};

/* Has no effect on a database that is there already. */
static enum lastcall_status set_page_size(struct store *store, int page_bytes)
{
    char sql[SQL_SIZE];

    if (page_bytes == 0)
        return LASTCALL_OK;
    snprintf(sql, sizeof(sql), "PRAGMA page_size = %d", page_bytes);
    return run(store, sql);
}

static enum lastcall_status open_with(const char *path,
                                      const struct opening *opening,
                                      struct store *out,
                                      struct platform_error *error)
{
    enum lastcall_status status;
    int code;

    *out = (struct store){0};
    /* SQLite would create it under the umask; its -wal and -shm files take
     * over the mode that is made here. */
    status = platform_create_file(path, FILE_SECRET, NULL, 0, error);
    if (status != LASTCALL_OK && status != LASTCALL_E_EXISTS)
        return status;
    platform_explain(error, "%s", "");
    code = sqlite3_open_v2(path, &out->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                               SQLITE_OPEN_EXRESCODE,
                           NULL);
    status = status_of(code);
    /* Who closes it or recovers it holds it for a moment, from the first. */
    if (status == LASTCALL_OK)
        sqlite3_busy_timeout(out->db, STORE_BUSY_TIMEOUT_MS);
    if (status == LASTCALL_OK)
        status = set_page_size(out, opening->page_bytes);
    if (status == LASTCALL_OK)
        status = check_owner(out, path, error);
    if (status == LASTCALL_OK)
        status = set_modes(out);
    if (status == LASTCALL_OK && opening->check != NULL)
        status = opening->check(out, path, error);
    if (status == LASTCALL_OK)
        status = prepare_own(out);
    if (status == LASTCALL_OK)
        status = migrate(out, path, opening->migrations,
                         opening->migration_count, error);
    if (status == LASTCALL_OK)
        return LASTCALL_OK;
    if (error != NULL && error->text[0] == '\0')
        explain_file(out, path, error);
    store_close(out);
    return status;
}

enum lastcall_status store_open(const char *path, const char *const *migrations,
                                size_t migration_count, struct store *out,
                                struct platform_error *error)
{
    const struct opening opening = {migrations, migration_count,
                                    check_integrity, STORE_PAGE_BYTES};

    return open_with(path, &opening, out, error);
}

enum lastcall_status store_open_large(const char *path,
                                      const char *const *migrations,
                                      size_t migration_count, struct store *out,
                                      struct platform_error *error)
{
    const struct opening opening = {migrations, migration_count, NULL, 0};

    return open_with(path, &opening, out, error);
}

void store_close(struct store *store)
{
    store_rollback(store);
    sqlite3_finalize(store->begin);
    sqlite3_finalize(store->commit);
    /* A statement left open would keep the file open: a caller's mistake. */
    int code = sqlite3_close(store->db);

    assert(code == SQLITE_OK);
    (void)code;
    *store = (struct store){0};
}

sqlite3_stmt *store_prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &statement, NULL) != SQLITE_OK)
        return NULL;
    return statement;
}

/* Windows lets nobody move an open file, and SQLite does not ask there. */
static bool has_moved(struct store *store)
{
    int moved = 0;

    return sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_HAS_MOVED,
                                &moved) == SQLITE_OK &&
           moved != 0;
}

enum lastcall_status store_begin(struct store *store,
                                 enum store_durability durability)
{
    enum lastcall_status status = LASTCALL_OK;

    assert(!store->in_transaction);
    /* It would take all that is written, and the next start find nothing. */
    if (has_moved(store))
        return LASTCALL_E_MISSING;
    if (store->durability != durability) {
        status = run(store, durability == STORE_SURVIVES_POWER
                                ? "PRAGMA synchronous = FULL"
                                : "PRAGMA synchronous = NORMAL");
        if (status != LASTCALL_OK)
            return status;
        store->durability = durability;
    }
    /* Taking the write lock here keeps a later statement from finding it
     * taken, when only starting again would help. */
    status = store_step_done(store->begin);
    store->in_transaction = status == LASTCALL_OK;
    return status;
}

enum lastcall_status store_commit(struct store *store)
{
    enum lastcall_status status;

    assert(store->in_transaction);
    status = store_step_done(store->commit);
    if (status == LASTCALL_OK)
        store->in_transaction = false;
    else
        store_rollback(store);
    return status == LASTCALL_OK ? LASTCALL_OK : LASTCALL_E_IO;
}

void store_rollback(struct store *store)
{
    if (!store->in_transaction)
        return;
    store->in_transaction = false;
    /* SQLite undoes by itself what a full disk or an I/O error broke. */
    if (sqlite3_get_autocommit(store->db) == 0)
        (void)run(store, "ROLLBACK");
}

enum lastcall_status store_step_done(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    sqlite3_reset(statement);
    if (code == SQLITE_ROW)
        return LASTCALL_E_INTERNAL; /* a statement that gives rows */
    return status_of(code);
}
