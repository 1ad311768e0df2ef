#include "worker/maintenance_store.h"

#include <string.h>

const char maintenance_schema[] =
    "CREATE TABLE plan ("
    " id TEXT PRIMARY KEY NOT NULL, iat_s INTEGER NOT NULL,"
    " exp_s INTEGER NOT NULL, hash TEXT NOT NULL, address TEXT NOT NULL,"
    " token TEXT NOT NULL, warned_s INTEGER NOT NULL,"
    " warn_count INTEGER NOT NULL, is_warn_owed INTEGER NOT NULL,"
    " start_count INTEGER NOT NULL, is_started INTEGER NOT NULL,"
    " enforce_count INTEGER NOT NULL, warned INTEGER NOT NULL,"
    " ended INTEGER NOT NULL, failed INTEGER NOT NULL,"
    " last_code TEXT NOT NULL);";

const char maintenance_warn_schema[] =
    "ALTER TABLE plan ADD COLUMN warn_servers TEXT NOT NULL DEFAULT '';";

static const char put_sql[] =
    "INSERT INTO plan (id, warned_s, warn_count, is_warn_owed, start_count,"
    " is_started, enforce_count, warned, ended, failed, last_code,"
    " warn_servers, iat_s, exp_s, hash, address, token) SELECT"
    " ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
    " ?17 WHERE (SELECT count(*) FROM plan) < ?18"
    "  OR EXISTS (SELECT 1 FROM plan WHERE id = ?1)"
    " ON CONFLICT (id) DO UPDATE SET warned_s = excluded.warned_s,"
    " warn_count = excluded.warn_count, is_warn_owed = excluded.is_warn_owed,"
    " start_count = excluded.start_count, is_started = excluded.is_started,"
    " enforce_count = excluded.enforce_count, warned = excluded.warned,"
    " ended = excluded.ended, failed = excluded.failed,"
    " last_code = excluded.last_code, warn_servers = excluded.warn_servers,"
    " iat_s = excluded.iat_s,"
    " exp_s = max(exp_s, excluded.exp_s), hash = excluded.hash,"
    " address = excluded.address, token = excluded.token";

static const char update_sql[] =
    "UPDATE plan SET warned_s = ?2, warn_count = ?3, is_warn_owed = ?4,"
    " start_count = ?5, is_started = ?6, enforce_count = ?7, warned = ?8,"
    " ended = ?9, failed = ?10, last_code = ?11, warn_servers = ?12"
    " WHERE id = ?1";

/* A clock that is ahead for a while must not take away what is not over: such
 * a plan goes when it is retired, or a month later if it was never read. */
static const char prune_sql[] = "DELETE FROM plan WHERE exp_s < ?1"
                                " AND (token = '' OR exp_s < ?1 - 2678400)";

enum lastcall_status maintenance_store_open(struct store *store,
                                            struct maintenance_store *out)
{
    *out = (struct maintenance_store){.store = store};
    out->put = store_prepare(store, put_sql);
    out->update = store_prepare(store, update_sql);
    out->find = store_prepare(store, "SELECT iat_s FROM plan WHERE id = ?");
    out->retire =
        store_prepare(store, "UPDATE plan SET token = '' WHERE id = ?");
    out->prune = store_prepare(store, prune_sql);
    if (out->put != NULL && out->update != NULL && out->find != NULL &&
        out->retire != NULL && out->prune != NULL)
        return LASTCALL_OK;
    maintenance_store_close(out);
    return LASTCALL_E_IO;
}

void maintenance_store_close(struct maintenance_store *store)
{
    sqlite3_finalize(store->put);
    sqlite3_finalize(store->update);
    sqlite3_finalize(store->find);
    sqlite3_finalize(store->retire);
    sqlite3_finalize(store->prune);
    *store = (struct maintenance_store){0};
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    /* A bind that fails shows when the statement is run. */
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* The id and the state, which both writers begin with. */
static void bind_state(sqlite3_stmt *statement,
                       const struct plan_record *record)
{
    const struct plan_state *state = &record->state;

    bind_text(statement, 1, record->id.text);
    sqlite3_bind_int64(statement, 2, state->warned_s);
    sqlite3_bind_int64(statement, 3, state->warn_count);
    sqlite3_bind_int64(statement, 4, state->is_warn_owed);
    sqlite3_bind_int64(statement, 5, state->start_count);
    sqlite3_bind_int64(statement, 6, state->is_started);
    sqlite3_bind_int64(statement, 7, state->enforce_count);
    sqlite3_bind_int64(statement, 8, state->warned);
    sqlite3_bind_int64(statement, 9, state->ended);
    sqlite3_bind_int64(statement, 10, state->failed);
    bind_text(statement, 11, status_name(state->last_code));
    bind_text(statement, 12, record->warn_servers);
}

enum lastcall_status maintenance_store_put(struct maintenance_store *store,
                                           const struct plan_record *record)
{
    char address[ADDRESS_TEXT_SIZE];
    enum lastcall_status status = LASTCALL_E_IO;

    address_format(&record->address, address);
    bind_state(store->put, record);
    sqlite3_bind_int64(store->put, 13, record->iat_s);
    sqlite3_bind_int64(store->put, 14, record->exp_s);
    bind_text(store->put, 15, record->hash);
    bind_text(store->put, 16, address);
    sqlite3_bind_text64(store->put, 17, record->token, record->token_len,
                        SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(store->put, 18, MAINTENANCE_STORE_ROW_MAX);
    status = store_step_done(store->put);
    if (status == LASTCALL_OK && sqlite3_changes(store->store->db) == 0)
        status = LASTCALL_LIMIT_EXCEEDED;
    return status;
}

enum lastcall_status maintenance_store_update(struct maintenance_store *store,
                                              const struct plan_record *record)
{
    bind_state(store->update, record);
    return store_step_done(store->update);
}

enum lastcall_status maintenance_store_find(struct maintenance_store *store,
                                            const struct name *id,
                                            int64_t *iat_s)
{
    enum lastcall_status status = LASTCALL_E_IO;
    int code = SQLITE_ERROR;

    bind_text(store->find, 1, id->text);
    code = sqlite3_step(store->find);
    if (code == SQLITE_DONE)
        status = LASTCALL_E_MISSING;
    if (code == SQLITE_ROW) {
        *iat_s = sqlite3_column_int64(store->find, 0);
        status = LASTCALL_OK;
    }
    sqlite3_reset(store->find);
    return status;
}

enum lastcall_status maintenance_store_retire(struct maintenance_store *store,
                                              const struct name *id)
{
    bind_text(store->retire, 1, id->text);
    return store_step_done(store->retire);
}

enum lastcall_status maintenance_store_prune(struct maintenance_store *store,
                                             int64_t expired_s)
{
    sqlite3_bind_int64(store->prune, 1, expired_s);
    return store_step_done(store->prune);
}

/* ---- reading ---- */

static const char *column_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);

    return text != NULL ? (const char *)text : "";
}

static enum lastcall_status read_row(sqlite3_stmt *row, struct plan_record *out)
{
    struct plan_state *state = &out->state;
    const char *id = column_text(row, 0);
    const char *hash = column_text(row, 13);

    *out = (struct plan_record){0};
    state->warned_s = sqlite3_column_int64(row, 1);
    state->warn_count = sqlite3_column_int64(row, 2);
    state->is_warn_owed = sqlite3_column_int64(row, 3) != 0;
    state->start_count = sqlite3_column_int64(row, 4);
    state->is_started = sqlite3_column_int64(row, 5) != 0;
    state->enforce_count = sqlite3_column_int64(row, 6);
    state->warned = sqlite3_column_int64(row, 7);
    state->ended = sqlite3_column_int64(row, 8);
    state->failed = sqlite3_column_int64(row, 9);
    out->iat_s = sqlite3_column_int64(row, 11);
    out->exp_s = sqlite3_column_int64(row, 12);
    out->token = column_text(row, 15);
    out->token_len = strlen(out->token);
    out->warn_servers = column_text(row, 16);
    if (strlen(hash) >= sizeof(out->hash) ||
        status_parse(column_text(row, 10), &state->last_code) != LASTCALL_OK ||
        name_parse(id, strlen(id), &out->id) != LASTCALL_OK ||
        address_parse(column_text(row, 14), &out->address) != LASTCALL_OK)
        return LASTCALL_E_SHAPE;
    memcpy(out->hash, hash, strlen(hash) + 1);
    return LASTCALL_OK;
}

enum lastcall_status maintenance_store_each(
    struct maintenance_store *store,
    enum lastcall_status (*each)(void *context,
                                 const struct plan_record *record),
    void *context)
{
    enum lastcall_status status = LASTCALL_OK;
    sqlite3_stmt *walk = store_prepare(
        store->store,
        "SELECT id, warned_s, warn_count, is_warn_owed, start_count,"
        " is_started, enforce_count, warned, ended, failed, last_code, iat_s,"
        " exp_s, hash, address, token, warn_servers FROM plan"
        " WHERE token <> ''"
        " ORDER BY id");
    int code = SQLITE_ERROR;

    if (walk == NULL)
        return LASTCALL_E_IO;
    while (status == LASTCALL_OK && (code = sqlite3_step(walk)) == SQLITE_ROW) {
        struct plan_record record;

        /* What nobody can read must not keep a worker from starting. */
        if (read_row(walk, &record) == LASTCALL_OK)
            status = each(context, &record);
    }
    sqlite3_finalize(walk);
    if (status == LASTCALL_OK && code != SQLITE_DONE)
        status = LASTCALL_E_IO;
    return status;
}
