#include "tests/unit/journal_stage.h"

#include "worker/maintenance_store.h"

static struct plan_record record_of(const char *id, int64_t iat_s,
                                    const char *token)
{
    struct plan_record record = {
        .iat_s = iat_s,
        .exp_s = NOW_S + 100,
        .hash = "hash",
        .address = {.kind = ADDRESS_GROUP, .name = {"lobby"}},
        .token = token,
        .token_len = strlen(token),
        .warn_servers = "desk other",
    };

    assert_int_equal(name_parse(id, strlen(id), &record.id), LASTCALL_OK);
    record.state = (struct plan_state){
        .warned_s = 300,
        .warn_count = 2,
        .is_warn_owed = true,
        .start_count = 3,
        .is_started = true,
        .enforce_count = 4,
        .warned = 5,
        .ended = 6,
        .failed = 7,
        .last_code = LASTCALL_PARTIAL,
    };
    return record;
}

/* What a walk finds. */
struct found {
    size_t count;
    struct plan_record last;
    char token[32];
    char warn_servers[32];
};

static enum lastcall_status keep(void *context,
                                 const struct plan_record *record)
{
    struct found *found = context;

    found->count++;
    found->last = *record;
    snprintf(found->token, sizeof(found->token), "%s", record->token);
    snprintf(found->warn_servers, sizeof(found->warn_servers), "%s",
             record->warn_servers);
    return LASTCALL_OK;
}

static struct found walk(struct maintenance_store *store)
{
    struct found found = {0};

    assert_int_equal(maintenance_store_each(store, keep, &found), LASTCALL_OK);
    return found;
}

static void put(struct maintenance_store *store, const char *id, int64_t iat_s,
                const char *token, enum lastcall_status wanted)
{
    const struct plan_record record = record_of(id, iat_s, token);

    assert_int_equal(maintenance_store_put(store, &record), wanted);
}

static void expect_state(const struct plan_state *is,
                         const struct plan_state *wanted)
{
    assert_int_equal(is->warned_s, wanted->warned_s);
    assert_int_equal(is->warn_count, wanted->warn_count);
    assert_int_equal(is->is_warn_owed, wanted->is_warn_owed);
    assert_int_equal(is->start_count, wanted->start_count);
    assert_int_equal(is->is_started, wanted->is_started);
    assert_int_equal(is->enforce_count, wanted->enforce_count);
    assert_int_equal(is->warned, wanted->warned);
    assert_int_equal(is->ended, wanted->ended);
    assert_int_equal(is->failed, wanted->failed);
    assert_int_equal(is->last_code, wanted->last_code);
}

/* The only plan there is, member by member. */
static void expect(struct maintenance_store *store,
                   const struct plan_record *wanted)
{
    const struct found found = walk(store);

    assert_int_equal(found.count, 1);
    assert_string_equal(found.last.id.text, wanted->id.text);
    assert_string_equal(found.token, wanted->token);
    assert_int_equal(found.last.token_len, wanted->token_len);
    assert_string_equal(found.last.hash, wanted->hash);
    assert_int_equal(found.last.address.kind, wanted->address.kind);
    assert_string_equal(found.last.address.name.text,
                        wanted->address.name.text);
    assert_int_equal(found.last.iat_s, wanted->iat_s);
    assert_int_equal(found.last.exp_s, wanted->exp_s);
    assert_string_equal(found.warn_servers, wanted->warn_servers);
    expect_state(&found.last.state, &wanted->state);
}

/* Unlike record_of() in every member. */
static const struct plan_state other_state = {
    .warned_s = 60,
    .warn_count = 11,
    .is_warn_owed = false,
    .start_count = 12,
    .is_started = false,
    .enforce_count = 13,
    .warned = 14,
    .ended = 15,
    .failed = 16,
    .last_code = LASTCALL_INTERRUPTED,
};

/* holds 8.13 */
static void what_is_kept_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct plan_record record = record_of("patch", 1000, "token");
    struct plan_record newer = record_of("patch", 2000, "newer token");
    struct maintenance_store store;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    expect(&store, &record);
    record.state = other_state;
    record.warn_servers = "another";
    assert_int_equal(maintenance_store_update(&store, &record), LASTCALL_OK);
    expect(&store, &record);
    assert_int_equal(maintenance_store_put(&store, &newer), LASTCALL_OK);
    expect(&store, &newer); /* with a state of its own */
    newer.state = other_state;
    newer.warn_servers = "";
    newer.address = (struct address){.kind = ADDRESS_HOST, .name = {"media"}};
    snprintf(newer.hash, sizeof(newer.hash), "other");
    assert_int_equal(maintenance_store_put(&store, &newer), LASTCALL_OK);
    expect(&store, &newer);
    maintenance_store_close(&store);
}

static void an_update_is_of_one_plan(void **state)
{
    struct fixture *fixture = *state;
    struct plan_record first = record_of("a", 1000, "token");
    const struct plan_record second = record_of("b", 1000, "token");
    struct maintenance_store store;
    struct found found;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &first), LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &second), LASTCALL_OK);
    first.state = other_state;
    assert_int_equal(maintenance_store_update(&store, &first), LASTCALL_OK);
    found = walk(&store);
    expect_state(&found.last.state, &second.state); /* in their order */
    assert_int_equal(maintenance_store_retire(&store, &second.id), LASTCALL_OK);
    found = walk(&store);
    assert_int_equal(found.count, 1);
    expect_state(&found.last.state, &other_state);
    maintenance_store_close(&store);
}

/* The later exp is kept, whichever of the two tokens has it. */
static void exp_only_grows(void **state)
{
    struct fixture *fixture = *state;
    struct plan_record record = record_of("patch", 1000, "token");
    struct maintenance_store store;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    record.exp_s = NOW_S + 500;
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    expect(&store, &record);
    record.exp_s = NOW_S + 200;
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    record.exp_s = NOW_S + 500;
    expect(&store, &record);
    maintenance_store_close(&store);
}

/* holds 8.15 */
static void what_nobody_retired_goes_after_a_month(void **state)
{
    const int64_t month_s = INT64_C(31) * 86400;
    struct fixture *fixture = *state;
    const struct plan_record record = record_of("patch", 1000, "token");
    struct maintenance_store store;
    int64_t iat_s = 0;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    assert_int_equal(maintenance_store_prune(&store, record.exp_s + month_s),
                     LASTCALL_OK);
    expect(&store, &record);
    assert_int_equal(
        maintenance_store_prune(&store, record.exp_s + month_s + 1),
        LASTCALL_OK);
    assert_int_equal(maintenance_store_find(&store, &record.id, &iat_s),
                     LASTCALL_E_MISSING);
    maintenance_store_close(&store);
}

static void spoil(struct fixture *fixture, const char *sql)
{
    assert_int_equal(
        sqlite3_exec(fixture->journal.store.db, sql, NULL, NULL, NULL),
        SQLITE_OK);
}

/* One that nobody can read is passed over; the others are there. */
static void a_row_that_cannot_be_read_is_passed_over(void **state)
{
    static const char *const spoils[] = {
        "UPDATE plan SET last_code = 'no-such-code' WHERE id = 'a'",
        "UPDATE plan SET address = 'nowhere' WHERE id = 'a'",
        "UPDATE plan SET hash = hex(zeroblob(100)) WHERE id = 'a'",
        "UPDATE plan SET id = 'A b' WHERE id = 'a'",
    };
    struct fixture *fixture = *state;
    struct maintenance_store store;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    put(&store, "b", 1000, "token", LASTCALL_OK);
    for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
        put(&store, "a", 1000, "token", LASTCALL_OK);
        assert_int_equal(walk(&store).count, 2);
        spoil(fixture, spoils[i]);
        assert_int_equal(walk(&store).count, 1);
        assert_string_equal(walk(&store).last.id.text, "b");
    }
    maintenance_store_close(&store);
}

static enum lastcall_status stop_at_once(void *context,
                                         const struct plan_record *record)
{
    size_t *calls = context;

    (void)record;
    (*calls)++;
    return LASTCALL_E_NOMEM;
}

static int interrupt(void *unused)
{
    (void)unused;
    return 1;
}

static void a_walk_that_fails_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct found found = {0};
    struct maintenance_store store;
    size_t calls = 0;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    put(&store, "a", 1000, "token", LASTCALL_OK);
    put(&store, "b", 1000, "token", LASTCALL_OK);
    assert_int_equal(maintenance_store_each(&store, stop_at_once, &calls),
                     LASTCALL_E_NOMEM);
    assert_int_equal(calls, 1);
    sqlite3_progress_handler(fixture->journal.store.db, 1, interrupt, NULL);
    assert_int_equal(maintenance_store_each(&store, keep, &found),
                     LASTCALL_E_IO);
    sqlite3_progress_handler(fixture->journal.store.db, 0, NULL, NULL);
    maintenance_store_close(&store);
}

/* holds 8.15 */
static void an_id_is_remembered_until_the_latest_exp(void **state)
{
    struct fixture *fixture = *state;
    struct maintenance_store store;
    struct plan_record sooner = record_of("patch", 2000, "newer");
    int64_t iat_s = 0;

    sooner.exp_s = NOW_S + 1;
    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_find(&store, &sooner.id, &iat_s),
                     LASTCALL_E_MISSING);
    put(&store, "another", 1000, "token", LASTCALL_OK);
    assert_int_equal(maintenance_store_find(&store, &sooner.id, &iat_s),
                     LASTCALL_E_MISSING);
    put(&store, "patch", 1000, "older", LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &sooner), LASTCALL_OK);
    assert_int_equal(maintenance_store_retire(&store, &sooner.id), LASTCALL_OK);
    assert_int_equal(walk(&store).count, 1); /* the other */
    assert_int_equal(maintenance_store_prune(&store, NOW_S + 100), LASTCALL_OK);
    assert_int_equal(maintenance_store_find(&store, &sooner.id, &iat_s),
                     LASTCALL_OK);
    assert_int_equal(iat_s, 2000);
    assert_int_equal(maintenance_store_prune(&store, NOW_S + 101), LASTCALL_OK);
    assert_int_equal(maintenance_store_find(&store, &sooner.id, &iat_s),
                     LASTCALL_E_MISSING);
    maintenance_store_close(&store);
}

static void so_many_ids_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct maintenance_store store;
    char id[16];

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    begin_batch(&fixture->journal);
    for (int i = 0; i < MAINTENANCE_STORE_ROW_MAX; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        put(&store, id, 1000, "token", LASTCALL_OK);
    }
    put(&store, "one-more", 1000, "token", LASTCALL_LIMIT_EXCEEDED);
    put(&store, "p7", 2000, "newer", LASTCALL_OK);
    commit(&fixture->journal);
    assert_int_equal(walk(&store).count, MAINTENANCE_STORE_ROW_MAX);
    maintenance_store_close(&store);
}

/* The journal of a worker that knew nothing of servers that are owed. */
static void a_plan_of_an_earlier_version_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct maintenance_store store;
    struct platform_error error;
    struct plan_record record = record_of("patch", 1000, "token");

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &record), LASTCALL_OK);
    maintenance_store_close(&store);
    assert_int_equal(sqlite3_exec(fixture->journal.store.db,
                                  "ALTER TABLE plan DROP COLUMN warn_servers;"
                                  "PRAGMA user_version = 4;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    journal_close(&fixture->journal);
    assert_int_equal(
        journal_open(fixture->directory, 1000, &fixture->journal, &error),
        LASTCALL_OK);
    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    record.warn_servers = "";
    expect(&store, &record);
    maintenance_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_comes_back_as_it_was),
        TEST(an_update_is_of_one_plan),
        TEST(exp_only_grows),
        TEST(what_nobody_retired_goes_after_a_month),
        TEST(a_row_that_cannot_be_read_is_passed_over),
        TEST(a_walk_that_fails_says_so),
        TEST(an_id_is_remembered_until_the_latest_exp),
        TEST(so_many_ids_and_no_more),
        TEST(a_plan_of_an_earlier_version_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
