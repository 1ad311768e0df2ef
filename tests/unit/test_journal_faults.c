#include "tests/unit/journal_stage.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
    struct journal_entry entry;
    struct bytes result;
    int64_t row = 0;

    begin_batch(&journal);
    (void)ask(&journal, ID_ONE, "h", &row, &result);
    commit(&journal);
    entry = row_of(row);
    if (step != STEP_BEGUN) {
        assert_int_equal(journal_open_batch(&journal, STORE_SURVIVES_POWER),
                         LASTCALL_OK);
        assert_int_equal(
            journal_set_targets(&journal, &entry, targets, sizeof(targets) - 1),
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kill_after_the_beginning_shows),
        TEST(a_kill_after_the_targets_shows),
        TEST(a_kill_before_the_commit_records_no_targets),
        TEST(a_kill_after_the_result_loses_nothing),
        TEST(an_unreadable_entry_is_marked),
        TEST(a_damaged_journal_is_refused),
        TEST(a_journal_has_one_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
