/*
 * Maintenance plans on disk, in the journal's database and within its
 * batches: the signed token of each, what is on record of it, and of those
 * that are over the id with its iat until no token of it can be valid any
 * more, so that an old one does not come back.
 */
#ifndef LASTCALL_WORKER_MAINTENANCE_STORE_H
#define LASTCALL_WORKER_MAINTENANCE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/io/store.h"
#include "protocol/topic.h"
#include "worker/maintenance_plan.h"
#include "worker/settings.h"

/* Ids remembered, those that are over included; more are refused. */
#define MAINTENANCE_STORE_ROW_MAX 1000

/* Names of all servers that a host may have, with a space between them. */
#define PLAN_SERVERS_TEXT_SIZE (SETTINGS_SERVER_COUNT_MAX * (NAME_LEN_MAX + 1))

/* One plan; texts are borrowed. */
struct plan_record {
    struct name id;
    int64_t iat_s;
    int64_t exp_s;
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct address address; /* of the topic that it came on */
    const char *token;      /* "": only remembered */
    size_t token_len;
    /* warn_servers aside, whose numbers may be others after a restart. */
    struct plan_state state;
    const char *warn_servers; /* their names; "": of any server */
};

/* {0} is closed.  Used by the journal's thread. */
struct maintenance_store {
    struct store *store; /* borrowed */
    sqlite3_stmt *put;   /* owned, as the following */
    sqlite3_stmt *update;
    sqlite3_stmt *find;
    sqlite3_stmt *retire;
    sqlite3_stmt *prune;
};

/* The table, for the journal's schema, and what a later version added. */
extern const char maintenance_schema[];
extern const char maintenance_warn_schema[];

/* Prepare; LASTCALL_OK or LASTCALL_E_IO. */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_open(struct store *store, struct maintenance_store *out);
void maintenance_store_close(struct maintenance_store *store);

/*
 * Keep a plan, in the place of an older one with its id.  The later exp of the
 * two is kept.
 *
 * Returns LASTCALL_OK, LASTCALL_LIMIT_EXCEEDED (MAINTENANCE_STORE_ROW_MAX),
 *         and what store_step_done() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_put(struct maintenance_store *store,
                      const struct plan_record *record);

/* Keep what is on record of a plan that was put before: its id, its state and
 * warn_servers are read. */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_update(struct maintenance_store *store,
                         const struct plan_record *record);

/*
 * Find the iat under which an id is remembered.
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_find(struct maintenance_store *store, const struct name *id,
                       int64_t *iat_s);

/* Keep of a plan that is over only what keeps it from coming back. */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_retire(struct maintenance_store *store,
                         const struct name *id);

/* Forget what was retired and expired before a time, so that no token of it is
 * valid any more; and what nobody retired for a month. */
LASTCALL_MUST_USE enum lastcall_status
maintenance_store_prune(struct maintenance_store *store, int64_t expired_s);

/*
 * Call a function for each plan that has its token.
 *
 *   each  anything but LASTCALL_OK ends the walk and is returned
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO, or what each() returned.
 */
LASTCALL_MUST_USE enum lastcall_status maintenance_store_each(
    struct maintenance_store *store,
    enum lastcall_status (*each)(void *context,
                                 const struct plan_record *record),
    void *context);

#endif
