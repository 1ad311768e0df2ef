/*
 * The audit trail: one line for what was begun, refused and finished, each
 * with the hash of the one before it, so that a line that was changed, moved
 * or taken out of the middle shows.  The newest lines are kept; the chain then
 * begins at the first that is left.
 *
 * The worker appends within the journal's transactions; `--history` reads
 * while the worker runs.
 */
#ifndef LASTCALL_WORKER_HISTORY_H
#define LASTCALL_WORKER_HISTORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/bytes.h"
#include "protocol/io/store.h"

/* Lines beyond the number kept before they are pruned all at once. */
#define HISTORY_SLACK 256

/* One line; texts are borrowed. */
struct history_line {
    int64_t at_ms;
    const char *issuer;
    const char *request_id;
    const char *action; /* "" when the request could not be read */
    const char *audience;
    const char *phase; /* "begun", "refused", "finished" */
    const char *code;  /* "" while begun */
    const char *detail;
    const char *request_hash;
};

/* The end of the chain, as the appending side knows it. */
struct history {
    sqlite3_stmt *insert; /* owned */
    sqlite3_stmt *prune;  /* owned */
    int64_t seq;          /* of the last line; 0: none */
    int64_t first;        /* of the first line kept */
    char hash[BYTES_SHA256_TEXT_SIZE];
    int64_t line_max;
};

/* The table, for the journal's schema. */
extern const char history_schema[];

/*
 * Find the end of the chain and prepare to append.
 *
 *   line_max  lines that are kept
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
history_open(struct store *store, int64_t line_max, struct history *out);
void history_close(struct history *history);

/*
 * Append a line, within a transaction.  Whoever undoes the transaction puts
 * back the struct history of before as well.
 *
 * Returns what store_step_done() returns, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
history_append(struct history *history, const struct history_line *line);

/*
 * Print the newest lines, oldest of them first, for a person.
 *
 *   path   of the journal
 *   count  how many at most; 0: all
 *   error  a sentence on failure
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING (no journal there), LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
history_print(const char *path, int64_t count, FILE *out,
              struct platform_error *error);

/*
 * Walk the chain.
 *
 *   count  filled with the lines that were walked
 *   error  names the first line that does not fit
 *
 * Returns LASTCALL_OK, LASTCALL_E_SIGNATURE (a line was tampered with),
 *         LASTCALL_E_MISSING, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
history_verify(const char *path, int64_t *count, struct platform_error *error);

#endif
