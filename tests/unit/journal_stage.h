/*
 * A journal in a directory of its own, for tests.
 */
#ifndef LASTCALL_TESTS_UNIT_JOURNAL_STAGE_H
#define LASTCALL_TESTS_UNIT_JOURNAL_STAGE_H

#include "tests/unit/bodies.h"

#include "worker/journal.h"

#define NOW_MS INT64_C(1800000000000)
#define NOW_S (NOW_MS / 1000)
#define HISTORY_MAX 100000
#define ID_ONE "one-0123456789abcdef"
#define ID_TWO "two-0123456789abcdef"

struct fixture {
    char directory[64];
    struct journal journal;
};

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

struct journal open_journal(const char *directory, int64_t history_max);
struct journal_entry entry_of(const char *id, const char *hash);
/* What is known of a command by its row. */
struct journal_entry row_of(int64_t row);

void begin_batch(struct journal *journal);
void commit(struct journal *journal);

/* Ask for a command and hand back what the journal says. */
enum journal_seen ask(struct journal *journal, const char *id, const char *hash,
                      int64_t *row, struct bytes *result);
void finish(struct journal *journal, int64_t row, const char *text);

#endif
