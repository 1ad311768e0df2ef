/*
 * The journal: which commands were begun and finished, and with what result.
 * It answers "seen before?", keeps results until the broker has them, and
 * tells after a crash what was under way.
 *
 * Everything is done in transactions that the pipeline opens, so that many
 * commands share one commit:
 *
 *     journal_open_batch -> journal_begin, _set_targets, _finish, ...
 *                        -> journal_commit_batch, or journal_undo_batch
 */
#ifndef LASTCALL_WORKER_JOURNAL_H
#define LASTCALL_WORKER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/bytes.h"
#include "protocol/io/store.h"
#include "protocol/name.h"
#include "protocol/token.h"
#include "protocol/topic.h"
#include "worker/history.h"

/* Within state_dir. */
#define JOURNAL_FILE "journal.db"
/* Held while the journal is open: two workers with one journal would each
 * take what the other is running for the remains of a crash. */
#define JOURNAL_LOCK_FILE "lock"
/* Results and targets kept; more and commands are refused as busy. */
#define JOURNAL_BYTES_MAX (INT64_C(1024) * 1024 * 1024)
/* What one issuer may have of it, so that a captured controller cannot keep
 * the others from theirs.  Counted by a hash of the name: two issuers may have
 * to share.  The steps of a plan count as well, and are begun all the same. */
#define JOURNAL_SHARE_BYTES_MAX (JOURNAL_BYTES_MAX / 2)
#define JOURNAL_SHARE_COUNT 64
/* What an entry counts beside its texts. */
#define JOURNAL_ENTRY_BYTES 512
/* Memory for SQLite's pages. */
#define JOURNAL_CACHE_KIB 256
/* Entries that one pruning looks at, at most. */
#define JOURNAL_PRUNE_LOOK_MAX 1000
/* A finished result that no broker took is kept this long at least. */
#define JOURNAL_UNDELIVERED_MS (INT64_C(24) * 3600 * 1000)

/* A command, as it is remembered. */
struct journal_entry {
    int64_t id; /* given by journal_begin(); above 0 */
    char issuer[TOKEN_ISSUER_SIZE];
    struct request_id request_id;
    char hash[BYTES_SHA256_TEXT_SIZE]; /* of the command as received */
    struct address audience;
    enum action action;
    int64_t exp_s;
    int64_t received_ms;
    bool is_step; /* of a plan that was taken in: no share refuses it */
};

enum journal_seen {
    JOURNAL_NEW,
    JOURNAL_RUNNING,   /* the same command is under way */
    JOURNAL_FINISHED,  /* the same command has its result */
    JOURNAL_OTHER,     /* another command has this id */
    JOURNAL_FORGOTTEN, /* too old to be told from one that was pruned */
};

/* What is kept now, of each issuer and of all. */
struct journal_bytes {
    int64_t total;
    int64_t shares[JOURNAL_SHARE_COUNT];
};

/* {0} is closed.  Used by one thread. */
struct journal {
    struct platform_lock lock;
    struct store store;
    struct history history;
    struct history history_before; /* as it was when the batch was opened */
    struct journal_bytes bytes;
    struct journal_bytes bytes_before;
    int64_t forgotten_s; /* the latest exp of what was ever pruned */
    int64_t forgotten_before_s;
    int64_t prune_after; /* the id that the next pruning begins behind */
    sqlite3_stmt *begin; /* owned, as the following */
    sqlite3_stmt *find;
    sqlite3_stmt *set_targets;
    sqlite3_stmt *finish;
    sqlite3_stmt *deliver;
    sqlite3_stmt *prune_end;
    sqlite3_stmt *prune;
    sqlite3_stmt *forget;
    sqlite3_stmt *undelivered;
};

/*
 * Open or create the journal in a directory, which is made where it is
 * missing.
 *
 *   history_max  audit lines kept
 *   error        a sentence with the mend
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (another worker has it), and what
 *         store_open() and platform_make_directory() return.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_open(const char *state_dir, int64_t history_max, struct journal *out,
             struct platform_error *error);
void journal_close(struct journal *journal);

/* Open a batch; LASTCALL_OK, LASTCALL_BUSY or LASTCALL_E_IO. */
LASTCALL_MUST_USE enum lastcall_status
journal_open_batch(struct journal *journal, enum store_durability durability);
/* Keep the batch; on failure nothing of it is kept. */
LASTCALL_MUST_USE enum lastcall_status
journal_commit_batch(struct journal *journal);
void journal_undo_batch(struct journal *journal);

/*
 * Remember a command, or say that it was seen before.
 *
 *   entry   id is set
 *   seen    filled on LASTCALL_OK
 *   result  initialised; the stored result token with JOURNAL_FINISHED;
 *           the caller calls bytes_deinit()
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (JOURNAL_BYTES_MAX or
 *         JOURNAL_SHARE_BYTES_MAX, and it was not seen before),
 *         LASTCALL_E_IO and what else store_step_done() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_begin(struct journal *journal, struct journal_entry *entry,
              enum journal_seen *seen, struct bytes *result);

/*
 * Say whether a command was seen before, and record nothing: it can be asked
 * of a journal that cannot be written.
 *
 *   seen    JOURNAL_NEW: it is not on record
 *   result  as for journal_begin()
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_find(struct journal *journal, const struct journal_entry *entry,
             enum journal_seen *seen, struct bytes *result);

/*
 * Record what is about to be acted on.  Commit with STORE_SURVIVES_POWER
 * before the first act.
 *
 *   entry    as journal_begin() or journal_each_open() filled it
 *   targets  text of the caller's own form, given back by
 *            journal_each_open()
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING (no command has its id, so nothing
 *         was recorded), and what else store_step_done() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_set_targets(struct journal *journal, const struct journal_entry *entry,
                    const char *targets, size_t len);

/*
 * Record the signed result; finishing twice keeps the later one.
 *
 * Returns what journal_set_targets() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_finish(struct journal *journal, const struct journal_entry *entry,
               int64_t now_ms, const struct bytes *token);

/* Record that the broker has the result. */
LASTCALL_MUST_USE enum lastcall_status journal_deliver(struct journal *journal,
                                                       int64_t id);

/* Say whether all that the journal may hold is there: nothing can be begun. */
bool journal_is_full(const struct journal *journal);

/* Write an audit line. */
LASTCALL_MUST_USE enum lastcall_status
journal_note(struct journal *journal, const struct history_line *line);

/*
 * Forget commands that can no longer be replayed: finished, delivered (or old
 * enough), and expired.  The latest exp among them stays on record: when the
 * clock is set back, a forgotten command would be valid again, and
 * journal_begin() says JOURNAL_FORGOTTEN of what may be one.  A part of the
 * journal is looked at, each time the next one, so that a long journal does
 * not hold up commands.
 *
 *   expired_s  commands whose exp is before this are expired
 *   now_ms     wall clock
 *   count      how many were removed
 *   has_more   call again: the end was not reached
 */
LASTCALL_MUST_USE enum lastcall_status
journal_prune(struct journal *journal, int64_t expired_s, int64_t now_ms,
              size_t *count, bool *has_more);

/* An entry that no result was recorded for: a crash came between.  Its issuer
 * is "" when it is unreadable, which must not keep a worker from starting. */
struct journal_open_entry {
    struct journal_entry entry;
    const char *targets; /* NULL when nothing was run; borrowed */
    size_t targets_len;
};

/*
 * Call a function for each command without a result, oldest first.
 *
 *   each  LASTCALL_OK goes on; anything else ends the walk and is returned
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO, or what each() returned.
 */
LASTCALL_MUST_USE enum lastcall_status journal_each_open(
    struct journal *journal,
    enum lastcall_status (*each)(void *context,
                                 const struct journal_open_entry *open),
    void *context);

/*
 * Find the next result that no broker took.
 *
 *   after_id  0, or the id of the last one found
 *   entry     id, issuer and request_id are filled
 *   token     initialised; the caller calls bytes_deinit()
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING (no more), LASTCALL_E_IO,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
journal_next_undelivered(struct journal *journal, int64_t after_id,
                         struct journal_entry *entry, struct bytes *token);

#endif
