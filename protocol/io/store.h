/*
 * SQLite, opened the one way that this project uses it: WAL, foreign keys,
 * a schema version that is migrated in order, an integrity check.
 */
#ifndef LASTCALL_IO_STORE_H
#define LASTCALL_IO_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/io/platform.h"
#include "protocol/status.h"

/* How much a commit promises. */
enum store_durability {
    STORE_SURVIVES_PROCESS, /* a killed process loses nothing; no fsync */
    STORE_SURVIVES_POWER,   /* on disk before the commit returns */
};

/* "LCST": databases with another application id are refused. */
#define STORE_APPLICATION_ID 0x4c435354
/* How long to wait for another process's transaction. */
#define STORE_BUSY_TIMEOUT_MS 2000
/*
 * A commit writes every page that it touches as a whole, twice in the end, and
 * a journal's commits touch a few bytes of each: half of SQLite's own size
 * spares a command a fifth of its CPU time there and more of the disk's time
 * (measured).  For databases that are made from now on.
 */
#define STORE_PAGE_BYTES 2048
/*
 * Pages of write-ahead log (8 MB of those) after which a commit moves them
 * home.  That commit takes tens of milliseconds: with SQLite's own 1,000 it is
 * one in eighty commands that come one by one.  The log's index keeps 4,062
 * pages in its first block.
 */
#define STORE_CHECKPOINT_PAGES 4000

/*
 * A database.  {0} is closed.  Used by one thread at a time.  Other processes
 * may open the same file and read it meanwhile (lastcall-worker --history).
 */
struct store {
    sqlite3 *db;                      /* owned */
    sqlite3_stmt *begin, *commit;     /* owned */
    enum store_durability durability; /* of commits from now on */
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
 *         program, or by another one altogether), LASTCALL_BUSY (another
 *         process holds it for long), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status store_open(const char *path,
                                                  const char *const *migrations,
                                                  size_t migration_count,
                                                  struct store *out,
                                                  struct platform_error *error);

/*
 * As store_open(), but with pages of SQLite's own size and without reading it
 * all through: for what may grow large and is no worse for damage that is met
 * later.
 */
LASTCALL_MUST_USE enum lastcall_status
store_open_large(const char *path, const char *const *migrations,
                 size_t migration_count, struct store *out,
                 struct platform_error *error);

/* Close; an open transaction is undone.  Finalize all statements before. */
void store_close(struct store *store);

/* Prepare a statement that the caller finalizes; NULL on failure. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);

/*
 * Begin a transaction whose commit will make the promise given.
 *
 *   durability  told here, because SQLite settles it before a transaction
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (another process writes), LASTCALL_E_IO,
 *         LASTCALL_E_MISSING (the file was moved or removed).
 * Source: PRAGMA synchronous, https://www.sqlite.org/pragma.html: "not allowed
 *         inside a transaction".
 */
LASTCALL_MUST_USE enum lastcall_status
store_begin(struct store *store, enum store_durability durability);

/*
 * Commit what store_begin() began.
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.  After a failed commit nothing of the
 *         transaction is kept.
 */
LASTCALL_MUST_USE enum lastcall_status store_commit(struct store *store);

/* Undo what store_begin() began; nothing to do outside a transaction. */
void store_rollback(struct store *store);

/*
 * Run a statement that returns no row and reset it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_EXISTS (a constraint), LASTCALL_BUSY,
 *         LASTCALL_E_IO (the disk is full, damaged or gone), LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status store_step_done(sqlite3_stmt *statement);

#endif
