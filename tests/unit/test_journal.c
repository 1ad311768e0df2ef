#include "tests/unit/bodies.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/journal.h"

#define NOW_MS INT64_C(1800000000000)
#define NOW_S (NOW_MS / 1000)
#define HISTORY_MAX 100000

struct fixture {
    char directory[64];
    struct journal journal;
};

static struct journal open_journal(const char *directory, int64_t history_max)
{
    struct platform_error error = {{0}};
    struct journal journal;

    if (journal_open(directory, history_max, &journal, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
    return journal;
}

static int set_up(void **state)
{
    static struct fixture fixture;

    snprintf(fixture.directory, sizeof(fixture.directory),
             "/tmp/lastcall-journal-XXXXXX");
    if (mkdtemp(fixture.directory) == NULL)
        return -1;
    fixture.journal = open_journal(fixture.directory, HISTORY_MAX);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"", "/journal.db", "/journal.db-wal",
                                        "/journal.db-shm", "/lock"};
    char path[128];

    journal_close(&fixture->journal);
    for (size_t i = sizeof(files) / sizeof(files[0]); i-- > 1;) {
        snprintf(path, sizeof(path), "%s%s", fixture->directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(fixture->directory);
}

static struct journal_entry entry_of(const char *id, const char *hash)
{
    struct journal_entry entry = {
        .issuer = "controller:alice",
        .audience = {.kind = ADDRESS_HOST, .name = {"media-01"}},
        .action = ACTION_STOP,
        .exp_s = NOW_S + 60,
        .received_ms = NOW_MS,
    };

    snprintf(entry.request_id.text, sizeof(entry.request_id.text), "%s", id);
    snprintf(entry.hash, sizeof(entry.hash), "%s", hash);
    return entry;
}

#define ID_ONE "one-0123456789abcdef"
#define ID_TWO "two-0123456789abcdef"

static void begin_batch(struct journal *journal)
{
    assert_int_equal(journal_open_batch(journal, STORE_SURVIVES_PROCESS),
                     LASTCALL_OK);
}

static void commit(struct journal *journal)
{
    assert_int_equal(journal_commit_batch(journal), LASTCALL_OK);
}

/* Ask for a command and hand back what the journal says. */
static enum journal_seen ask(struct journal *journal, const char *id,
                             const char *hash, int64_t *row,
                             struct bytes *result)
{
    struct journal_entry entry = entry_of(id, hash);
    enum journal_seen seen = JOURNAL_OTHER;

    assert_int_equal(journal_begin(journal, &entry, &seen, result),
                     LASTCALL_OK);
    if (row != NULL && entry.id != 0)
        *row = entry.id;
    return seen;
}

static void finish(struct journal *journal, int64_t row, const char *text)
{
    struct bytes token;

    bytes_init(&token, 1000);
    assert_int_equal(bytes_append_text(&token, text), LASTCALL_OK);
    assert_int_equal(journal_finish(journal, row, NOW_MS, &token), LASTCALL_OK);
    bytes_deinit(&token);
}

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

static void what_is_undone_was_never_there(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    const int64_t bytes = journal->bytes;
    struct bytes result;

    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", NULL, &result), JOURNAL_NEW);
    journal_undo_batch(journal);
    assert_int_equal(journal->bytes, bytes);
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
    int64_t rows[2] = {0};

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &rows[0], &token);
    (void)ask(journal, ID_TWO, "h", &rows[1], &token);
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

    begin_batch(journal);
    assert_int_equal(journal_prune(journal, expired_s, now_ms, &count),
                     LASTCALL_OK);
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
    assert_int_equal(journal->bytes, 0);
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

static void an_undone_pruning_forgot_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes token;
    int64_t row = 0;
    size_t count = 0;

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &token);
    finish(journal, row, "first");
    assert_int_equal(journal_deliver(journal, row), LASTCALL_OK);
    commit(journal);
    begin_batch(journal);
    assert_int_equal(journal_prune(journal, NOW_S + 100000, NOW_MS, &count),
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
    const int64_t bytes = journal->bytes;
    struct bytes token;

    bytes_init(&token, 100);
    assert_int_equal(bytes_append_text(&token, "signed"), LASTCALL_OK);
    begin_batch(journal);
    assert_int_equal(journal_set_targets(journal, 1, "{}", 2),
                     LASTCALL_E_MISSING);
    assert_int_equal(journal_finish(journal, 1, NOW_MS, &token),
                     LASTCALL_E_MISSING);
    assert_int_equal(journal->bytes, bytes);
    commit(journal);
    bytes_deinit(&token);
}

static void what_is_kept_is_counted_in_bytes(void **state)
{
    static const char targets[] = "{\"username\":\"J\xC3\xB6rg\"}";
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct bytes result;
    int64_t row = 0;
    int64_t bytes = 0;

    begin_batch(journal);
    (void)ask(journal, ID_ONE, "h", &row, &result);
    bytes = journal->bytes;
    assert_int_equal(
        journal_set_targets(journal, row, targets, sizeof(targets) - 1),
        LASTCALL_OK);
    finish(journal, row, "signed");
    bytes += (int64_t)(sizeof(targets) - 1 + strlen("signed"));
    assert_int_equal(journal->bytes, bytes);
    commit(journal);
    /* The rows themselves count the same. */
    journal_close(journal);
    *journal = open_journal(fixture->directory, HISTORY_MAX);
    assert_int_equal(journal->bytes, bytes);
}

static void a_full_journal_says_busy(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct journal_entry entry = entry_of(ID_ONE, "h");
    enum journal_seen seen;
    struct bytes result;

    journal->bytes = JOURNAL_BYTES_MAX;
    begin_batch(journal);
    assert_int_equal(journal_begin(journal, &entry, &seen, &result),
                     LASTCALL_BUSY);
    journal_undo_batch(journal);
}

/* holds 4.18 */
static void a_full_disk_keeps_nothing_and_recovers(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    static const char filler[100000];
    struct bytes result;
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
    assert_int_not_equal(journal_finish(journal, row, NOW_MS, &token),
                         LASTCALL_OK);
    journal_undo_batch(journal);
    assert_int_equal(sqlite3_exec(journal->store.db,
                                  "PRAGMA max_page_count = 100000", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
    begin_batch(journal);
    assert_int_equal(ask(journal, ID_ONE, "h", &row, &result), JOURNAL_NEW);
    assert_int_equal(journal_finish(journal, row, NOW_MS, &token), LASTCALL_OK);
    commit(journal);
    bytes_deinit(&token);
}

/* ---- after a kill ---- */

enum step {
    STEP_BEGUN,
    STEP_TARGETS,
    STEP_TARGETS_UNCOMMITTED,
    STEP_FINISHED,
};

/* In a child: get as far as a step, and be killed there. */
static void be_killed_at(const char *directory, enum step step)
{
    static const char targets[] = "{\"targets\":[]}";
    struct journal journal = open_journal(directory, HISTORY_MAX);
    struct bytes result;
    int64_t row = 0;

    begin_batch(&journal);
    (void)ask(&journal, ID_ONE, "h", &row, &result);
    commit(&journal);
    if (step != STEP_BEGUN) {
        assert_int_equal(journal_open_batch(&journal, STORE_SURVIVES_POWER),
                         LASTCALL_OK);
        assert_int_equal(
            journal_set_targets(&journal, row, targets, sizeof(targets) - 1),
            LASTCALL_OK);
        if (step != STEP_TARGETS_UNCOMMITTED)
            commit(&journal);
    }
    if (step == STEP_FINISHED) {
        begin_batch(&journal);
        finish(&journal, row, "signed");
        commit(&journal);
    }
    raise(SIGKILL);
}

struct walk {
    unsigned count;
    bool has_targets;
};

static enum lastcall_status on_open(void *context,
                                    const struct journal_open_entry *open)
{
    struct walk *walk = context;

    walk->count++;
    walk->has_targets = open->targets != NULL;
    assert_string_equal(open->entry.request_id.text, ID_ONE);
    assert_int_equal(open->entry.action, ACTION_STOP);
    assert_int_equal(open->entry.audience.kind, ADDRESS_HOST);
    return LASTCALL_OK;
}

static struct walk walk_after_kill(struct fixture *fixture, enum step step)
{
    struct walk walk = {0};
    int status = 0;
    pid_t child = 0;

    journal_close(&fixture->journal);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        be_killed_at(fixture->directory, step);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fixture->journal = open_journal(fixture->directory, HISTORY_MAX);
    assert_int_equal(journal_each_open(&fixture->journal, on_open, &walk),
                     LASTCALL_OK);
    return walk;
}

static void a_kill_after_the_beginning_shows(void **state)
{
    const struct walk walk = walk_after_kill(*state, STEP_BEGUN);

    assert_int_equal(walk.count, 1);
    assert_false(walk.has_targets);
}

static void a_kill_after_the_targets_shows(void **state)
{
    const struct walk walk = walk_after_kill(*state, STEP_TARGETS);

    assert_int_equal(walk.count, 1);
    assert_true(walk.has_targets);
}

static void a_kill_before_the_commit_records_no_targets(void **state)
{
    const struct walk walk = walk_after_kill(*state, STEP_TARGETS_UNCOMMITTED);

    assert_int_equal(walk.count, 1);
    assert_false(walk.has_targets);
}

static void a_kill_after_the_result_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct walk walk = walk_after_kill(fixture, STEP_FINISHED);
    struct journal_entry entry;
    struct bytes token;

    assert_int_equal(walk.count, 0);
    assert_int_equal(
        journal_next_undelivered(&fixture->journal, 0, &entry, &token),
        LASTCALL_OK);
    assert_string_equal((const char *)token.data, "signed");
    bytes_deinit(&token);
}

static enum lastcall_status on_unreadable(void *context,
                                          const struct journal_open_entry *open)
{
    unsigned *count = context;

    *count += open->entry.issuer[0] == '\0';
    return LASTCALL_OK;
}

/* One bad row must not keep the worker from starting. */
static void an_unreadable_entry_is_marked(void **state)
{
    static const char *const damages[] = {
        "UPDATE command SET action = 'dance'",
        "UPDATE command SET action = 'stop', audience = 'everyone!'"};
    struct fixture *fixture = *state;
    struct bytes result;

    begin_batch(&fixture->journal);
    (void)ask(&fixture->journal, ID_ONE, "h", NULL, &result);
    commit(&fixture->journal);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        unsigned count = 0;

        assert_int_equal(sqlite3_exec(fixture->journal.store.db, damages[i],
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(
            journal_each_open(&fixture->journal, on_unreadable, &count),
            LASTCALL_OK);
        assert_int_equal(count, 1);
    }
}

/* Refused, and the sentence says what to do. */
static void a_damaged_journal_is_refused(void **state)
{
    static const size_t sizes[] = {5000, 200};
    struct fixture *fixture = *state;
    struct platform_error error = {{0}};
    struct journal journal;
    char path[128];

    snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, fixture->directory);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        journal_close(&fixture->journal);
        assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
        assert_int_equal(
            journal_open(fixture->directory, HISTORY_MAX, &journal, &error),
            LASTCALL_E_IO);
        assert_non_null(strstr(error.text, path));
        assert_non_null(strstr(error.text, "move it away"));
        assert_int_equal(unlink(path), 0);
        fixture->journal = open_journal(fixture->directory, HISTORY_MAX);
    }
}

/* ---- the audit trail ---- */

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

/* Another process's worker is told, and takes nothing for its own. */
static void a_journal_has_one_worker(void **state)
{
    struct fixture *fixture = *state;
    struct platform_error error = {{0}};
    struct journal second;
    int status = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(journal_open(fixture->directory, HISTORY_MAX, &second, &error) ==
                          LASTCALL_BUSY &&
                      strstr(error.text, "another process") != NULL
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_known_by_its_id_and_bytes),
        TEST(what_is_undone_was_never_there),
        TEST(an_undelivered_result_is_found_again),
        TEST(what_cannot_be_replayed_is_forgotten),
        TEST(what_may_have_been_forgotten_is_not_new),
        TEST(an_undone_pruning_forgot_nothing),
        TEST(what_was_never_begun_is_not_recorded),
        TEST(what_is_kept_is_counted_in_bytes),
        TEST(a_full_journal_says_busy),
        TEST(a_full_disk_keeps_nothing_and_recovers),
        TEST(a_kill_after_the_beginning_shows),
        TEST(a_kill_after_the_targets_shows),
        TEST(a_kill_before_the_commit_records_no_targets),
        TEST(a_kill_after_the_result_loses_nothing),
        TEST(an_unreadable_entry_is_marked),
        TEST(a_damaged_journal_is_refused),
        TEST(a_journal_has_one_worker),
        TEST(the_chain_shows_what_was_changed),
        TEST(an_undone_line_leaves_the_chain_whole),
        TEST(the_newest_lines_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
