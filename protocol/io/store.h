/*
 * SQLite, opened the one way that this project uses it: WAL, foreign keys,
 * a schema version that is migrated in order, an integrity check.
 */
#ifndef LASTCALL_IO_STORE_H
#define LASTCALL_IO_STORE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/platform.h"
#include "protocol/status.h"

/* How much a commit promises. */
enum store_durability {
    STORE_SURVIVES_PROCESS, /* a killed process loses nothing; no fsync */
    STORE_SURVIVES_POWER,   /* on disk before the commit returns */
};

/*
 * A database.  Used by one thread.
 */
struct store {
    sqlite3 *db; /* owned */
    enum store_durability durability;
    bool in_transaction;
};

/*
 * Open or create a database (mode 0600) and bring it to the newest schema.
 *
 *   migrations  SQL scripts; number n brings version n to n + 1
 *   error       a sentence with the path; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_PERMISSION, LASTCALL_E_IO (full disk,
 *         not a database, damaged), LASTCALL_E_CONFIG (made by a newer
 *         program), LASTCALL_BUSY (another process has it).
 */
LASTCALL_MUST_USE enum lastcall_status store_open(const char *path,
                                                  const char *const *migrations,
                                                  size_t migration_count,
                                                  struct store *out,
                                                  struct platform_error *error);
void store_close(struct store *store);

/* Prepare a statement that the caller finalizes; NULL on failure. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);

/*
 * Begin a transaction, commit it with the promise given, or undo it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.  After a failed commit nothing of the
 *         transaction is kept.
 */
LASTCALL_MUST_USE enum lastcall_status store_begin(struct store *store);
LASTCALL_MUST_USE enum lastcall_status
store_commit(struct store *store, enum store_durability durability);
void store_rollback(struct store *store);

/* Run a statement that returns no row and reset it. */
LASTCALL_MUST_USE enum lastcall_status store_step_done(sqlite3_stmt *statement);

#endif
