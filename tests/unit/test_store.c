#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/store.h"
#include "tests/unit/scratch.h"

static const char *const first[] = {
    "CREATE TABLE fact (id INTEGER PRIMARY KEY, text TEXT UNIQUE NOT NULL)"};
static const char *const second[] = {
    "CREATE TABLE fact (id INTEGER PRIMARY KEY, text TEXT UNIQUE NOT NULL)",
    "ALTER TABLE fact ADD COLUMN weight INTEGER NOT NULL DEFAULT 7"};

static char directory[] = "/tmp/lastcall-store-XXXXXX";
static char path[128];

static int set_up(void **state)
{
    static unsigned number;

    (void)state;
    snprintf(path, sizeof(path), "%s/%u.db", directory, number++);
    return 0;
}

static void open_ok(struct store *store, const char *const *migrations,
                    size_t count)
{
    struct platform_error error = {{0}};
    enum lastcall_status status =
        store_open(path, migrations, count, store, &error);

    if (status != LASTCALL_OK)
        fail_msg("%s", error.text);
}

static enum lastcall_status add(struct store *store, const char *text)
{
    sqlite3_stmt *statement =
        store_prepare(store, "INSERT INTO fact (text) VALUES (?)");
    enum lastcall_status status;

    assert_non_null(statement);
    sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    status = store_step_done(statement);
    sqlite3_finalize(statement);
    return status;
}

static int64_t ask(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = store_prepare(store, sql);
    int64_t value;

    assert_non_null(statement);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void test_secret_under_a_wide_umask(void **state)
{
    const mode_t before = (mode_t)umask(0); /* Windows has an int */
    struct store store;
    char wal[160];

    (void)state;
    open_ok(&store, first, 1);
    umask(before);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    assert_true(scratch_is_private(path));
    assert_true(!scratch_modes_are_copied || scratch_is_private(wal));
    store_close(&store);
    store_close(&store); /* closed is as good as {0} */
}

/* What another one holds for a moment is waited for from the first look. */
static void test_opening_waits_for_others(void **state)
{
    const struct clock *clock = &platform_clock;
    struct store store;
    struct store other;
    int64_t began_ms;

    (void)state;
    open_ok(&store, first, 1);
    assert_int_equal(sqlite3_exec(store.db,
                                  "PRAGMA journal_mode = DELETE;"
                                  "BEGIN EXCLUSIVE",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    began_ms = clock->monotonic_ms(clock->state);
    assert_int_equal(store_open(path, first, 1, &other, NULL), LASTCALL_BUSY);
    assert_true(clock->monotonic_ms(clock->state) - began_ms >=
                STORE_BUSY_TIMEOUT_MS / 2);
    assert_int_equal(sqlite3_exec(store.db, "ROLLBACK", NULL, NULL, NULL),
                     SQLITE_OK);
    store_close(&store);
}

static void test_commit_and_rollback(void **state)
{
    struct store store;

    (void)state;
    open_ok(&store, first, 1);
    assert_int_equal(store_begin(&store, STORE_SURVIVES_POWER), LASTCALL_OK);
    assert_int_equal(ask(&store, "PRAGMA synchronous"), 2);
    assert_int_equal(add(&store, "a"), LASTCALL_OK);
    assert_int_equal(store_commit(&store), LASTCALL_OK);
    assert_int_equal(store_begin(&store, STORE_SURVIVES_PROCESS), LASTCALL_OK);
    assert_int_equal(ask(&store, "PRAGMA synchronous"), 1);
    assert_int_equal(add(&store, "b"), LASTCALL_OK);
    store_rollback(&store);
    store_rollback(&store); /* nothing to undo */
    assert_int_equal(add(&store, "a"), LASTCALL_E_EXISTS);
    assert_int_equal(ask(&store, "SELECT count(*) FROM fact"), 1);
    store_close(&store);
}

/* A commit writes whole pages, so small ones; what is there keeps its own. */
static void test_small_pages_for_small_commits(void **state)
{
    struct store store;
    sqlite3 *db = NULL;

    (void)state;
    open_ok(&store, first, 1);
    assert_int_equal(ask(&store, "PRAGMA page_size"), STORE_PAGE_BYTES);
    assert_int_equal(add(&store, "a"), LASTCALL_OK);
    store_close(&store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode = DELETE;"
                                  "PRAGMA page_size = 8192; VACUUM",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    open_ok(&store, first, 1);
    assert_int_equal(ask(&store, "PRAGMA page_size"), 8192);
    assert_int_equal(ask(&store, "SELECT count(*) FROM fact"), 1);
    store_close(&store);
    assert_int_equal(remove(path), 0);
    assert_int_equal(store_open_large(path, first, 1, &store, NULL),
                     LASTCALL_OK);
    assert_true(ask(&store, "PRAGMA page_size") > STORE_PAGE_BYTES);
    store_close(&store);
}

static void test_migrates_in_order(void **state)
{
    struct store store;
    struct platform_error error;

    (void)state;
    open_ok(&store, first, 1);
    assert_int_equal(add(&store, "a"), LASTCALL_OK);
    store_close(&store);
    open_ok(&store, second, 2);
    assert_int_equal(ask(&store, "SELECT weight FROM fact"), 7);
    store_close(&store);
    assert_int_equal(store_open(path, first, 1, &store, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "newer program"));
    assert_non_null(strstr(error.text, path));
}

static void test_failed_migration_changes_nothing(void **state)
{
    static const char *const broken[] = {
        "CREATE TABLE half (id INTEGER); CREATE NONSENSE"};
    struct store store;
    struct platform_error error;

    (void)state;
    assert_int_not_equal(store_open(path, broken, 1, &store, &error),
                         LASTCALL_OK);
    open_ok(&store, first, 1);
    assert_int_equal(
        ask(&store, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"),
        0);
    store_close(&store);
}

static void test_another_may_read_meanwhile(void **state)
{
    struct store writer;
    struct store reader;

    (void)state;
    open_ok(&writer, first, 1);
    assert_int_equal(add(&writer, "a"), LASTCALL_OK);
    assert_int_equal(store_begin(&writer, STORE_SURVIVES_POWER), LASTCALL_OK);
    assert_int_equal(add(&writer, "b"), LASTCALL_OK);
    open_ok(&reader, first, 1);
    assert_int_equal(ask(&reader, "SELECT count(*) FROM fact"), 1);
    assert_int_equal(store_commit(&writer), LASTCALL_OK);
    assert_int_equal(ask(&reader, "SELECT count(*) FROM fact"), 2);
    store_close(&reader);
    store_close(&writer);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_refuses_what_is_not_ours(void **state)
{
    struct store store;
    struct platform_error error;
    sqlite3 *foreign = NULL;

    (void)state;
    write_file("This is no database, but a file that is long enough to be "
               "taken for one, were it not for its first sixteen bytes, which "
               "should spell the format's name and a zero byte.");
    assert_int_equal(store_open(path, first, 1, &store, &error), LASTCALL_E_IO);
    assert_non_null(strstr(error.text, path));
    assert_null(store.db);

    set_up(NULL);
    assert_int_equal(sqlite3_open(path, &foreign), SQLITE_OK);
    sqlite3_exec(foreign, "CREATE TABLE theirs (x)", NULL, NULL, NULL);
    sqlite3_close(foreign);
    assert_int_equal(store_open(path, first, 1, &store, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "another program"));
}

/* Another process, which is done when a statement of ours begins that starts
 * with these words; NULL: it has been there. */
static const char *others_moment;
static struct store others;

static int on_statement(unsigned kind, void *context, void *statement,
                        void *text)
{
    (void)kind;
    (void)context;
    (void)statement;
    if (others_moment != NULL &&
        strncmp(text, others_moment, strlen(others_moment)) == 0) {
        others_moment = NULL;
        open_ok(&others, first, 1);
    }
    return 0;
}

static int watch_statements(sqlite3 *db, char **error, const void *routines)
{
    (void)error;
    (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

/* Of two that find no database both have it, whenever the other made it. */
static void test_made_by_another_meanwhile(void **state)
{
    static const char *const moments[] = {
        "PRAGMA journal_mode", "SELECT count(*)", "PRAGMA application_id",
        "PRAGMA application_id =", "PRAGMA user_version"};

    (void)state;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))watch_statements),
                     SQLITE_OK);
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct store store;

        assert_int_equal(set_up(state), 0);
        others_moment = moments[i];
        open_ok(&store, first, 1);
        if (others_moment != NULL)
            fail_msg("nothing was run that begins with %s", moments[i]);
        assert_int_equal(add(&store, "ours"), LASTCALL_OK);
        assert_int_equal(add(&others, "theirs"), LASTCALL_OK);
        store_close(&others);
        store_close(&store);
    }
    sqlite3_reset_auto_extension();
}

static void test_full_disk_is_an_error(void **state)
{
    struct store store;
    enum lastcall_status status = LASTCALL_OK;
    char text[4096];

    (void)state;
    open_ok(&store, first, 1);
    /* SQLite's own limit gives what a full disk gives: SQLITE_FULL. */
    assert_true(ask(&store, "PRAGMA max_page_count = 16") >= 0);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(store_begin(&store, STORE_SURVIVES_POWER), LASTCALL_OK);
    for (int i = 0; i < 64 && status == LASTCALL_OK; i++) {
        snprintf(text, sizeof(text) - 1, "%d", i);
        text[strlen(text)] = 'x';
        status = add(&store, text);
    }
    assert_int_equal(status, LASTCALL_E_IO);
    store_rollback(&store);
    assert_int_equal(ask(&store, "SELECT count(*) FROM fact"), 0);
    store_close(&store);
}

#ifndef _WIN32
static void test_what_was_removed_takes_nothing_more(void **state)
{
    struct store store;

    (void)state;
    open_ok(&store, first, 1);
    assert_int_equal(store_begin(&store, STORE_SURVIVES_POWER), LASTCALL_OK);
    assert_int_equal(store_commit(&store), LASTCALL_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_begin(&store, STORE_SURVIVES_POWER),
                     LASTCALL_E_MISSING);
    store_rollback(&store);
    store_close(&store);
}
#endif

static void test_no_directory(void **state)
{
    struct store store;
    struct platform_error error;

    (void)state;
    assert_int_equal(store_open("/nonexistent/x.db", first, 1, &store, &error),
                     LASTCALL_E_IO);
    assert_non_null(strstr(error.text, "/nonexistent/x.db"));
}

static int set_up_group(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int tear_down_group(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[160];

    (void)state;
    for (unsigned i = 0; i < 32; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(name, sizeof(name), "%s/%u.db%s", directory, i, ends[j]);
            unlink(name);
        }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_secret_under_a_wide_umask, set_up),
        cmocka_unit_test_setup(test_opening_waits_for_others, set_up),
        cmocka_unit_test_setup(test_commit_and_rollback, set_up),
        cmocka_unit_test_setup(test_small_pages_for_small_commits, set_up),
        cmocka_unit_test_setup(test_migrates_in_order, set_up),
        cmocka_unit_test_setup(test_failed_migration_changes_nothing, set_up),
        cmocka_unit_test_setup(test_another_may_read_meanwhile, set_up),
        cmocka_unit_test_setup(test_refuses_what_is_not_ours, set_up),
        cmocka_unit_test(test_made_by_another_meanwhile),
        cmocka_unit_test_setup(test_full_disk_is_an_error, set_up),
#ifndef _WIN32
        cmocka_unit_test_setup(test_what_was_removed_takes_nothing_more,
                               set_up),
#endif
        cmocka_unit_test_setup(test_no_directory, set_up),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
