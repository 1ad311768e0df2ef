#include "tests/unit/journal_stage.h"

#include <inttypes.h>

/* holds 4.12, 4.13, 4.14 */
static void a_command_is_known_by_its_id_and_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes result;
    int64_t row = 0;

    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h1", &row, &result), JOURNAL_NEW);
    assert_int_equal(ask(journal, ID_ONE, "h1", NULL, &result),
                     JOURNAL_RUNNING);
    assert_int_equal(ask(journal, ID_ONE, "h2", NULL, &result), JOURNAL_OTHER);
    finish(journal, row, "signed");
    assert_int_equal(ask(journal, ID_ONE, "h1", NULL, &result),
                     JOURNAL_FINISHED);
    assert_string_equal((const char *)result.data, "signed");
    bytes_deinit(&result);
    assert_int_equal(ask(journal, ID_TWO, "h1", NULL, &result), JOURNAL_NEW);
    commit(journal);
}

/* Of all issuers together there is what there is in all. */
static int64_t sum_of_shares(const struct journal *journal)
{
    int64_t sum = 0;

    for (size_t i = 0; i < JOURNAL_SHARE_COUNT; i++)
        sum += journal->bytes.shares[i];
    return sum;
}

static void what_is_undone_was_never_there(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    const int64_t bytes = journal->bytes.total;
    struct bytes result;

    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &result), JOURNAL_NEW);
    journal_undo_batch(journal);
    assert_int_equal(journal->bytes.total, bytes);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &result), JOURNAL_NEW);
    commit(journal);
}

static void an_undelivered_result_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry;
    struct bytes token;
    int64_t rows[3] = {0};

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &rows[0], &token);
    (void)ask(journal, "open-before-012345", "h", &rows[2], &token);
    (void)ask(journal, ID_TWO, "h", &rows[1], &token);
    (void)ask(journal, "open-behind-012345", "h", &rows[2], &token);
    finish(journal, rows[0], "first");
    finish(journal, rows[1], "second");
    assert_int_equal(journal_deliver(journal, rows[0]), LASTCALL_OK);
    commit(journal);
    assert_int_equal(journal_next_undelivered(journal, 0, &entry, &token),
                     LASTCALL_OK);
    assert_int_equal(entry.id, rows[1]);
    assert_string_equal(entry.issuer, "controller:alice");
    assert_string_equal(entry.request_id.text, ID_TWO);
    assert_string_equal((const char *)token.data, "second");
    bytes_deinit(&token);
    assert_int_equal(
        journal_next_undelivered(journal, entry.id, &entry, &token),
        LASTCALL_E_MISSING);
}

static size_t prune(struct journal *journal, int64_t expired_s, int64_t now_ms)
{
    size_t count = 0;
    bool has_more = true;

    begin_batch(journal);
    assert_int_equal(
        journal_prune(journal, expired_s, now_ms, &count, &has_more),
        LASTCALL_OK);
    assert_false(has_more);
    commit(journal);
    return count;
}

static void what_cannot_be_replayed_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes token;
    int64_t rows[2] = {0};

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &rows[0], &token);
    (void)ask(journal, ID_TWO, "h", &rows[1], &token);
    finish(journal, rows[0], "first");
    commit(journal);
    assert_int_equal(prune(journal, NOW_S + 61, NOW_MS), 0); /* undelivered */
    begin_batch(journal);
    assert_int_equal(journal_deliver(journal, rows[0]), LASTCALL_OK);
    commit(journal);
    assert_int_equal(prune(journal, NOW_S + 60, NOW_MS), 0); /* not expired */
    assert_int_equal(prune(journal, NOW_S + 61, NOW_MS), 1);
    begin_batch(journal);
    finish(journal, rows[1], "second");
    commit(journal);
    assert_int_equal(prune(journal, NOW_S + 61, NOW_MS), 0);
    assert_int_equal(
        prune(journal, NOW_S + 61, NOW_MS + JOURNAL_UNDELIVERED_MS + 1), 1);
    assert_int_equal(journal->bytes.total, 0);
    assert_int_equal(sum_of_shares(journal), 0);
}

/* Prune as often as there is more; how many parts there were. */
static unsigned prune_all(struct journal *journal, size_t *sum)
{
    unsigned parts = 0;
    bool has_more = true;

    *sum = 0;
    while (has_more) {
        size_t count = 0;

        begin_batch(journal);
        assert_int_equal(
            journal_prune(journal, NOW_S + 61, NOW_MS, &count, &has_more),
            LASTCALL_OK);
        commit(journal);
        assert_true(count <= JOURNAL_PRUNE_LOOK_MAX);
        *sum += count;
        parts++;
    }
    return parts;
}

/* Commands of a day, which no pruning may hold up by looking at all of them. */
static void a_long_journal_is_pruned_part_by_part(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    char sql[512];
    size_t sum = 0;

    (void)snprintf(
        sql, sizeof(sql),
        "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i"
        " WHERE n < %d) INSERT INTO command (issuer, request_id, hash,"
        " audience, action, exp_s, received_ms, state, delivered, bytes)"
        " SELECT 'a', 'r' || n, '', '', '', %" PRId64
        " + n %% 2 * 60, 0, 2, 1, 0 FROM i",
        2 * JOURNAL_PRUNE_LOOK_MAX + 10, NOW_S + 60);
    assert_int_equal(sqlite3_exec(journal->store.db, sql, NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(prune_all(journal, &sum), 3);
    assert_int_equal(sum, JOURNAL_PRUNE_LOOK_MAX + 5);
    /* And from the beginning again. */
    assert_int_equal(prune_all(journal, &sum), 2);
    assert_int_equal(sum, 0);
    assert_int_equal(sqlite3_exec(journal->store.db,
                                  "UPDATE command SET exp_s = 1", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
    assert_int_equal(prune_all(journal, &sum), 2);
    assert_int_equal(sum, JOURNAL_PRUNE_LOOK_MAX + 5);
}

/* The clock jumped forward, the journal was pruned, the clock came back. */
static void what_may_have_been_forgotten_is_not_new(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry later = entry_of(ID_TWO, "h");
    enum journal_seen seen;
    struct bytes token;
    int64_t row = 0;

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &token);
    finish(journal, row, "first");
    assert_int_equal(journal_deliver(journal, row), LASTCALL_OK);
    commit(journal);
    assert_int_equal(prune(journal, NOW_S + 100000, NOW_MS), 1);
    for (int i = 0; i < 2; i++) {
        begin_batch(journal);
        assert_int_equal(ask(journal, ID_ONE, "h", NULL, &token),
                         JOURNAL_FORGOTTEN);
        assert_int_equal(ask(journal, ID_TWO, "h", NULL, &token),
                         JOURNAL_FORGOTTEN);
        journal_undo_batch(journal);
        /* A restart changes nothing. */
        journal_close(journal);
        *journal = open_journal(fixture->directory, HISTORY_MAX);
    }
    later.exp_s++; /* no pruned one lived as long */
    begin_batch(journal);
    assert_int_equal(journal_begin(journal, &later, &seen, &token),
                     LASTCALL_OK);
    assert_int_equal(seen, JOURNAL_NEW);
    commit(journal);
}

/* Whatever the order in which commands came and were pruned. */
static void the_latest_that_was_forgotten_counts(void **state)
{
    static const char *const ids[] = {ID_ONE, ID_TWO, "pruned-0123456789"};
    static const int64_t exps_s[] = {NOW_S + 60, NOW_S + 90, NOW_S + 30};
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    enum journal_seen seen;
    struct bytes token;

    for (size_t part = 0; part < 2; part++) {
        begin_batch(journal);
        for (size_t i = 0; i < 3; i++) {
            struct journal_entry entry = entry_of(ids[i], "h");

            /* With the second part all have been forgotten but a longer one. */
            entry.exp_s = exps_s[i] + (int64_t)part * (i == 0 ? 100 : -10);
            assert_int_equal(journal_begin(journal, &entry, &seen, &token),
                             LASTCALL_OK);
            if (seen != JOURNAL_NEW)
                continue;
            finish(journal, entry.id, "signed");
            assert_int_equal(journal_deliver(journal, entry.id), LASTCALL_OK);
        }
        commit(journal);
        assert_true(prune(journal, NOW_S + 1000, NOW_MS) > 0);
        assert_int_equal(journal->forgotten_s, NOW_S + (part == 0 ? 90 : 160));
    }
}

static void an_undone_pruning_forgot_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes token;
    int64_t row = 0;
    size_t count = 0;
    bool has_more = false;

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &token);
    finish(journal, row, "first");
    assert_int_equal(journal_deliver(journal, row), LASTCALL_OK);
    commit(journal);
    begin_batch(journal);
    assert_int_equal(
        journal_prune(journal, NOW_S + 100000, NOW_MS, &count, &has_more),
        LASTCALL_OK);
    assert_int_equal(count, 1);
    journal_undo_batch(journal);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_TWO, "h", NULL, &token), JOURNAL_NEW);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &token), JOURNAL_FINISHED);
    bytes_deinit(&token);
    commit(journal);
}

static void what_was_never_begun_is_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    const struct journal_entry entry = row_of(1);
    const int64_t bytes = journal->bytes.total;
    struct bytes token;

    bytes_init(&token, 100);
    assert_int_equal(bytes_append_text(&token, "signed"), LASTCALL_OK);
    begin_batch(journal);
    assert_int_equal(journal_set_targets(journal, &entry, "{}", 2),
                     LASTCALL_E_MISSING);
    assert_int_equal(journal_finish(journal, &entry, NOW_MS, &token),
                     LASTCALL_E_MISSING);
    assert_int_equal(journal->bytes.total, bytes);
    commit(journal);
    bytes_deinit(&token);
}

static void what_is_kept_is_counted_in_bytes(void **state)
{
    static const char targets[] = "{\"username\":\"J\xC3\xB6rg\"}";
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry;
    struct bytes result;
    int64_t row = 0;
    int64_t bytes = 0;

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &result);
    bytes = journal->bytes.total;
    entry = row_of(row);
    assert_int_equal(
        journal_set_targets(journal, &entry, targets, sizeof(targets) - 1),
        LASTCALL_OK);
    finish(journal, row, "signed");
    bytes += (int64_t)(sizeof(targets) - 1 + strlen("signed"));
    assert_int_equal(journal->bytes.total, bytes);
    commit(journal);
    /* The rows themselves count the same. */
    journal_close(journal);
    *journal = open_journal(fixture->directory, HISTORY_MAX);
    assert_int_equal(journal->bytes.total, bytes);
    assert_int_equal(sum_of_shares(journal), bytes);
}

/* A share is counted as it would be read from the rows. */
static void each_issuer_is_counted_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry = entry_of(ID_ONE, "h");
    struct journal_bytes before;
    enum journal_seen seen;
    struct bytes result;

    begin_batch(journal);
    assert_int_equal(ask(journal, ID_TWO, "h", NULL, &result), JOURNAL_NEW);
    snprintf(entry.issuer, sizeof(entry.issuer), "controller:bob");
    assert_int_equal(journal_begin(journal, &entry, &seen, &result),
                     LASTCALL_OK);
    assert_int_equal(journal_set_targets(journal, &entry, "{}", 2),
                     LASTCALL_OK);
    bytes_init(&result, 100);
    assert_int_equal(bytes_append_text(&result, "signed"), LASTCALL_OK);
    assert_int_equal(journal_finish(journal, &entry, NOW_MS, &result),
                     LASTCALL_OK);
    bytes_deinit(&result);
    commit(journal);
    before = journal->bytes;
    journal_close(journal);
    *journal = open_journal(fixture->directory, HISTORY_MAX);
    assert_memory_equal(&journal->bytes, &before, sizeof(before));
}

static void a_full_journal_says_busy(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry = entry_of(ID_ONE, "h");
    enum journal_seen seen;
    struct bytes result;

    journal->bytes.total = JOURNAL_BYTES_MAX;
    begin_batch(journal);
    assert_int_equal(journal_begin(journal, &entry, &seen, &result),
                     LASTCALL_BUSY);
    journal_undo_batch(journal);
}

/* As if an issuer's results were half of a journal. */
static void fill_share(struct journal *journal)
{
    for (size_t i = 0; i < JOURNAL_SHARE_COUNT; i++)
        if (journal->bytes.shares[i] > 0)
            journal->bytes.shares[i] = JOURNAL_SHARE_BYTES_MAX;
}

static void an_issuer_has_its_share_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry mine = entry_of(ID_TWO, "h");
    struct journal_entry others = entry_of(ID_TWO, "h");
    enum journal_seen seen;
    struct bytes result;
    int64_t row = 0;

    snprintf(others.issuer, sizeof(others.issuer), "controller:bob");
    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &result);
    finish(journal, row, "signed");
    commit(journal);
    assert_int_equal(sum_of_shares(journal), journal->bytes.total);

    begin_batch(journal);
    fill_share(journal);
    assert_int_equal(journal_begin(journal, &mine, &seen, &result),
                     LASTCALL_BUSY);
    /* What it has run is told all the same, and others are not held up. */
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &result),
                     JOURNAL_FINISHED);
    assert_string_equal((const char *)result.data, "signed");
    bytes_deinit(&result);
    assert_int_equal(journal_begin(journal, &others, &seen, &result),
                     LASTCALL_OK);
    assert_int_equal(seen, JOURNAL_NEW);
    journal_undo_batch(journal);
    begin_batch(journal);
    assert_int_equal(journal_begin(journal, &mine, &seen, &result),
                     LASTCALL_OK); /* undone with the batch */
    commit(journal);
}

static void what_is_only_asked_for_is_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry = entry_of(ID_ONE, "h");
    enum journal_seen seen;
    struct bytes result;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(journal_find(journal, &entry, &seen, &result),
                         LASTCALL_OK);
        assert_int_equal(seen, JOURNAL_NEW);
    }
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &result), JOURNAL_NEW);
    commit(journal);
    assert_int_equal(journal_find(journal, &entry, &seen, &result),
                     LASTCALL_OK);
    assert_int_equal(seen, JOURNAL_RUNNING);
}

/* holds 4.18 */
static void a_full_disk_keeps_nothing_and_recovers(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    static const char filler[100000];
    struct bytes result;
    struct journal_entry entry;
    struct bytes token;
    int64_t row = 0;

    bytes_init(&token, sizeof(filler));
    assert_int_equal(bytes_append(&token, filler, sizeof(filler)), LASTCALL_OK);
    assert_int_equal(sqlite3_exec(journal->store.db,
                                  "PRAGMA max_page_count = 20", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", &row, &result), JOURNAL_NEW);
    entry = row_of(row);
    assert_int_not_equal(journal_finish(journal, &entry, NOW_MS, &token),
                         LASTCALL_OK);
    journal_undo_batch(journal);
    assert_int_equal(sqlite3_exec(journal->store.db,
                                  "PRAGMA max_page_count = 100000", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", &row, &result), JOURNAL_NEW);
    entry = row_of(row);
    assert_int_equal(journal_finish(journal, &entry, NOW_MS, &token),
                     LASTCALL_OK);
    commit(journal);
    bytes_deinit(&token);
}

static int64_t index_count(struct journal *journal)
{
    int64_t count = -1;
    sqlite3_stmt *query =
        store_prepare(&journal->store, "SELECT count(*) FROM sqlite_schema"
                                       " WHERE name LIKE 'command_%'");

    assert_non_null(query);
    if (sqlite3_step(query) == SQLITE_ROW)
        count = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    return count;
}

/* As it was before the indexes went. */
static void an_older_journal_is_brought_up_to_date(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes token;
    int64_t row = 0;

    assert_int_equal(index_count(journal), 0);
    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &token);
    finish(journal, row, "first");
    commit(journal);
    assert_int_equal(
        sqlite3_exec(journal->store.db,
                     "CREATE INDEX command_by_exp ON command (exp_s);"
                     "CREATE INDEX command_undelivered ON command (id)"
                     " WHERE delivered = 0;"
                     "ALTER TABLE plan DROP COLUMN warn_servers;"
                     "PRAGMA user_version = 3",
                     NULL, NULL, NULL),
        SQLITE_OK);
    journal_close(journal);
    *journal = open_journal(fixture->directory, HISTORY_MAX);
    assert_int_equal(index_count(journal), 0);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &token), JOURNAL_FINISHED);
    bytes_deinit(&token);
    assert_int_equal(journal_deliver(journal, row), LASTCALL_OK);
    commit(journal);
    assert_int_equal(prune(journal, NOW_S + 61, NOW_MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_known_by_its_id_and_bytes),
        TEST(what_is_undone_was_never_there),
        TEST(an_undelivered_result_is_found_again),
        TEST(what_cannot_be_replayed_is_forgotten),
        TEST(a_long_journal_is_pruned_part_by_part),
        TEST(what_may_have_been_forgotten_is_not_new),
        TEST(the_latest_that_was_forgotten_counts),
        TEST(an_undone_pruning_forgot_nothing),
        TEST(what_was_never_begun_is_not_recorded),
        TEST(what_is_kept_is_counted_in_bytes),
        TEST(each_issuer_is_counted_by_itself),
        TEST(a_full_journal_says_busy),
        TEST(an_issuer_has_its_share_and_no_more),
        TEST(what_is_only_asked_for_is_not_recorded),
        TEST(a_full_disk_keeps_nothing_and_recovers),
        TEST(an_older_journal_is_brought_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
