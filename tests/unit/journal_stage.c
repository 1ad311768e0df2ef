#include "tests/unit/journal_stage.h"

#include <unistd.h>

#include "tests/unit/scratch.h"

struct journal open_journal(const char *directory, int64_t history_max)
{
    struct platform_error error = {{0}};
    struct journal journal;

    if (journal_open(directory, history_max, &journal, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
    return journal;
}

int set_up(void **state)
{
    static struct fixture fixture;

    snprintf(fixture.directory, sizeof(fixture.directory),
             "/tmp/lastcall-journal-XXXXXX");
    if (scratch_make(fixture.directory) == NULL)
        return -1;
    fixture.journal = open_journal(fixture.directory, HISTORY_MAX);
    *state = &fixture;
    return 0;
}

int tear_down(void **state)
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

struct journal_entry entry_of(const char *id, const char *hash)
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

struct journal_entry row_of(int64_t row)
{
    struct journal_entry entry = entry_of("", "");

    entry.id = row;
    return entry;
}

void begin_batch(struct journal *journal)
{
    assert_int_equal(journal_open_batch(journal, STORE_SURVIVES_PROCESS),
                     LASTCALL_OK);
}

void commit(struct journal *journal)
{
    assert_int_equal(journal_commit_batch(journal), LASTCALL_OK);
}

/* Ask for a command and hand back what the journal says. */
enum journal_seen ask(struct journal *journal, const char *id, const char *hash,
                      int64_t *row, struct bytes *result)
{
    struct journal_entry entry = entry_of(id, hash);
    enum journal_seen seen = JOURNAL_OTHER;

    assert_int_equal(journal_begin(journal, &entry, &seen, result),
                     LASTCALL_OK);
    if (row != NULL && entry.id != 0)
        *row = entry.id;
    return seen;
}

void finish(struct journal *journal, int64_t row, const char *text)
{
    const struct journal_entry entry = row_of(row);
    struct bytes token;

    bytes_init(&token, 1000);
    assert_int_equal(bytes_append_text(&token, text), LASTCALL_OK);
    assert_int_equal(journal_finish(journal, &entry, NOW_MS, &token),
                     LASTCALL_OK);
    bytes_deinit(&token);
}
