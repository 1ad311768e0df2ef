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
};

static enum lastcall_status keep(void *context,
                                 const struct plan_record *record)
{
    struct found *found = context;

    found->count++;
    found->last = *record;
    snprintf(found->token, sizeof(found->token), "%s", record->token);
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

/* holds 8.13 */
static void what_is_kept_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct maintenance_store store;
    struct found found;

    assert_int_equal(maintenance_store_open(&fixture->journal.store, &store),
                     LASTCALL_OK);
    put(&store, "patch", 1000, "token", LASTCALL_OK);
    found = walk(&store);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.last.id.text, "patch");
    assert_string_equal(found.token, "token");
    assert_string_equal(found.last.hash, "hash");
    assert_string_equal(found.last.address.name.text, "lobby");
    assert_int_equal(found.last.iat_s, 1000);
    assert_int_equal(found.last.exp_s, NOW_S + 100);
    assert_int_equal(found.last.state.warned_s, 300);
    assert_int_equal(found.last.state.warn_count, 2);
    assert_true(found.last.state.is_warn_owed);
    assert_int_equal(found.last.state.start_count, 3);
    assert_true(found.last.state.is_started);
    assert_int_equal(found.last.state.enforce_count, 4);
    assert_int_equal(found.last.state.warned, 5);
    assert_int_equal(found.last.state.ended, 6);
    assert_int_equal(found.last.state.failed, 7);
    assert_int_equal(found.last.state.last_code, LASTCALL_PARTIAL);
    found.last.state.ended = 60;
    assert_int_equal(
        maintenance_store_update(&store, &found.last.id, &found.last.state),
        LASTCALL_OK);
    assert_int_equal(walk(&store).last.state.ended, 60);
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
    put(&store, "patch", 1000, "older", LASTCALL_OK);
    assert_int_equal(maintenance_store_put(&store, &sooner), LASTCALL_OK);
    assert_int_equal(maintenance_store_retire(&store, &sooner.id), LASTCALL_OK);
    assert_int_equal(walk(&store).count, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_comes_back_as_it_was),
        TEST(an_id_is_remembered_until_the_latest_exp),
        TEST(so_many_ids_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
