#include "tests/unit/journal_stage.h"

static void note(struct journal *journal, const char *detail)
{
    const struct history_line line = {
        .at_ms = NOW_MS,
        .issuer = "controller:alice",
        .request_id = ID_ONE,
        .action = "stop",
        .audience = "all",
        .phase = "finished",
        .code = "ok",
        .detail = detail,
        .request_hash = "h",
    };

    assert_int_equal(journal_note(journal, &line), LASTCALL_OK);
}

static enum lastcall_status verify(const struct fixture *fixture,
                                   int64_t *count)
{
    struct platform_error error = {{0}};
    char path[128];

    snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, fixture->directory);
    return history_verify(path, count, &error);
}

static void tamper(struct fixture *fixture, const char *sql)
{
    assert_int_equal(
        sqlite3_exec(fixture->journal.store.db, sql, NULL, NULL, NULL),
        SQLITE_OK);
}

static void the_chain_shows_what_was_changed(void **state)
{
    struct fixture *fixture = *state;
    int64_t count = 0;

    begin_batch(&fixture->journal);
    for (int i = 0; i < 5; i++)
        note(&fixture->journal, "ended");
    commit(&fixture->journal);
    assert_int_equal(verify(fixture, &count), LASTCALL_OK);
    assert_int_equal(count, 5);
    tamper(fixture, "UPDATE history SET detail = 'x' WHERE seq = 3");
    assert_int_equal(verify(fixture, &count), LASTCALL_E_SIGNATURE);
    assert_int_equal(count, 2);
    tamper(fixture, "UPDATE history SET detail = 'ended' WHERE seq = 3");
    assert_int_equal(verify(fixture, &count), LASTCALL_OK);
    /* A field's end may not move into the next one. */
    tamper(fixture, "UPDATE history SET code = 'o', detail = 'kended'"
                    " WHERE seq = 4");
    assert_int_equal(verify(fixture, &count), LASTCALL_E_SIGNATURE);
    tamper(fixture, "UPDATE history SET code = 'ok', detail = 'ended'"
                    " WHERE seq = 4");
    tamper(fixture, "DELETE FROM history WHERE seq = 3");
    assert_int_equal(verify(fixture, &count), LASTCALL_E_SIGNATURE);
}

static void an_undone_line_leaves_the_chain_whole(void **state)
{
    struct fixture *fixture = *state;
    int64_t count = 0;

    begin_batch(&fixture->journal);
    note(&fixture->journal, "one");
    commit(&fixture->journal);
    begin_batch(&fixture->journal);
    note(&fixture->journal, "lost");
    journal_undo_batch(&fixture->journal);
    begin_batch(&fixture->journal);
    note(&fixture->journal, "two");
    commit(&fixture->journal);
    assert_int_equal(verify(fixture, &count), LASTCALL_OK);
    assert_int_equal(count, 2);
}

static void the_newest_lines_are_kept(void **state)
{
    struct fixture *fixture = *state;
    const int64_t keep = 100;
    int64_t count = 0;

    journal_close(&fixture->journal);
    fixture->journal = open_journal(fixture->directory, keep);
    begin_batch(&fixture->journal);
    for (int i = 0; i < 1000; i++)
        note(&fixture->journal, "ended");
    commit(&fixture->journal);
    assert_int_equal(verify(fixture, &count), LASTCALL_OK);
    assert_in_range(count, keep, keep + HISTORY_SLACK);
    /* The chain goes on after a restart. */
    journal_close(&fixture->journal);
    fixture->journal = open_journal(fixture->directory, keep);
    begin_batch(&fixture->journal);
    note(&fixture->journal, "ended");
    commit(&fixture->journal);
    assert_int_equal(verify(fixture, &count), LASTCALL_OK);
    assert_int_equal(fixture->journal.history.seq, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_chain_shows_what_was_changed),
        TEST(an_undone_line_leaves_the_chain_whole),
        TEST(the_newest_lines_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
