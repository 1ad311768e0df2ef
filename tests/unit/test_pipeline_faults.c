#include "tests/unit/pipeline_stage.h"

/* ---- the broker goes, the disk is full, the process is killed ---- */

static bool has_acted(const void *context)
{
    (void)context;
    return fake_servers[0].acts > 0;
}

/* holds 4.16 */
static void a_result_waits_for_the_broker(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    start();
    deliver("ready-01234567890123", PING, &right);
    expect("ready-01234567890123", LASTCALL_OK);
    gate_lock(&stage.gate);
    stage.is_down = true;
    gate_unlock(&stage.gate);
    deliver("waiting-012345678901", STOP_A, &right);
    assert_true(fake_await(has_acted, NULL));
    stop(INBOX_RELOAD); /* finishes what runs */
    stage.is_down = false;
    assert_int_equal(count_results("waiting-012345678901"), 0);
    start();
    expect("waiting-012345678901", LASTCALL_OK);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 4.18 */
static void a_full_disk_refuses_and_recovers(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    stage.journal_sql = "PRAGMA query_only = 1";
    start();
    deliver("full-ping-0123456789", PING, &right);
    expect("full-ping-0123456789", LASTCALL_BUSY);
    deliver("full-stop-0123456789", STOP_A, &right);
    expect("full-stop-0123456789", LASTCALL_BUSY);
    assert_int_equal(act_count(), 0);
    stop(INBOX_RELOAD);
    stage.journal_sql = NULL;
    start(); /* with room again; of the first time nothing was kept */
    deliver("full-stop-0123456789", STOP_A, &right);
    {
        struct result result = await("full-stop-0123456789", 2);

        assert_int_equal(result.code, LASTCALL_OK);
        result_deinit(&result);
    }
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* Somebody takes a command out of the journal while it runs. */
static void a_lost_entry_keeps_nobody_from_being_served(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    stage.journal_sql =
        "CREATE TEMP TRIGGER lose AFTER INSERT ON history"
        " WHEN NEW.phase = 'begun' AND NEW.request_id LIKE 'lost-%'"
        " BEGIN DELETE FROM command WHERE request_id = NEW.request_id; END";
    start();
    /* Without its targets on record, nothing is done. */
    deliver("lost-stop-0123456789", STOP_A, &right);
    expect("lost-stop-0123456789", LASTCALL_BUSY);
    assert_int_equal(act_count(), 0);
    deliver("lost-ping-0123456789", PING, &right);
    expect("lost-ping-0123456789", LASTCALL_OK);
    deliver("kept-stop-0123456789", STOP_A, &right);
    expect("kept-stop-0123456789", LASTCALL_OK);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* Another program keeps the journal from being written. */
static sqlite3 *lock_journal(void)
{
    char path[128];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, stage.directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, FAKE_WAIT_MS), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

/* Run an act whose result finds the journal locked; it is published. */
static sqlite3 *lock_before_the_result(const char *token, const char *jti)
{
    const struct wrong right = {0};
    sqlite3 *db = NULL;

    fake_play(0, "a", "ann");
    set_hang(0, false, true);
    offer(token, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    db = lock_journal();
    set_hang(0, false, false);
    expect(jti, LASTCALL_OK);
    return db;
}

/* holds 4.18 */
static void a_result_that_cannot_be_recorded_is_recorded_later(void **state)
{
    static const char jti[] = "unrecorded-012345678";
    const struct wrong right = {0};
    char *token = NULL;
    struct result result;
    bool is_known = false;

    (void)state;
    start();
    token = sign_command(jti, STOP_A, &right);
    sqlite3_close(lock_before_the_result(token, jti));
    /* Until the next try it counts as running, and is not answered. */
    for (size_t round = 1; !is_known; round++) {
        offer(token, &right);
        deliver("fence-01234567890123", LIST, &right);
        result = await("fence-01234567890123", round);
        result_deinit(&result);
        gate_lock(&stage.gate);
        is_known = count_results(jti) > 1;
        if (!is_known)
            gate_wait(&stage.gate, 100);
        gate_unlock(&stage.gate);
    }
    result = await(jti, 2);
    assert_int_equal(result.code, LASTCALL_OK);
    result_deinit(&result);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
    free(token);
}

/* Nobody took it when it was signed, and the journal did not have it. */
static void a_result_recorded_late_is_sent_then(void **state)
{
    static const char jti[] = "unrecorded-012345678";
    const struct wrong right = {0};
    sqlite3 *db = NULL;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].hangs_act = true;
    start();
    deliver(jti, STOP_A, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    db = lock_journal();
    gate_lock(&stage.gate);
    stage.is_full = true;
    gate_unlock(&stage.gate);
    set_hang(0, false, false);
    gate_lock(&stage.gate);
    while (stage.refused_count == 0)
        gate_wait(&stage.gate, FAKE_WAIT_MS);
    stage.is_full = false;
    gate_unlock(&stage.gate);
    sqlite3_close(db);
    expect(jti, LASTCALL_OK);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* holds 4.15, 4.18 */
static void what_a_lost_commit_held_is_not_run(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    start();
    /* A refusal: no acknowledgement of it will need a commit. */
    deliver("fence-01234567890123", "{\"action\":\"list\",\"server\":\"x\"}",
            &right);
    expect("fence-01234567890123", LASTCALL_NOT_FOUND);
    stage.lost_commits = 1;
    deliver("begun-01234567890123", STOP_A, &right);
    expect("begun-01234567890123", LASTCALL_BUSY);
    set_hang(0, true, false);
    /* To one server: the other one's answer would be a commit more. */
    deliver("armed-01234567890123",
            "{\"action\":\"stop\",\"session_id\":\"a\",\"server\":\"one\"}",
            &right);
    assert_true(fake_await(is_one_hanging, NULL));
    stage.lost_commits = 1;
    set_hang(0, false, false);
    expect("armed-01234567890123", LASTCALL_BUSY);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 0);
}

/* Two orders for one server; the first takes longer than the second lives. */
static void an_order_that_waited_too_long_is_not_begun(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "bob");
    fake_servers[0].hangs_list = true;
    fake_servers[0].hangs_act = true;
    start();
    deliver("first-01234567890123", STOP_A, &right);
    deliver("second-0123456789012",
            "{\"action\":\"stop\",\"session_id\":\"b\"}", &right);
    deliver("fence-01234567890123", PING, &right);
    expect("fence-01234567890123", LASTCALL_OK);
    set_hang(0, false, true); /* one list selects for both */
    assert_true(fake_await(has_acted, NULL));
    deliver("fence-11234567890123", PING, &right);
    expect("fence-11234567890123", LASTCALL_OK);
    stage.wall_shift_ms = 200 * 1000;
    set_hang(0, false, false);
    expect("first-01234567890123", LASTCALL_OK);
    expect("second-0123456789012", LASTCALL_EXPIRED);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* holds 4.17, 4.18 */
static void a_stop_does_not_wait_for_ever_for_the_journal(void **state)
{
    static const char jti[] = "unrecorded-012345678";
    const struct wrong right = {0};
    char *token = NULL;
    sqlite3 *db = NULL;
    struct result result;

    (void)state;
    start();
    token = sign_command(jti, STOP_A, &right);
    db = lock_before_the_result(token, jti);
    stop(INBOX_STOP);
    sqlite3_close(db);
    fake_play(0, "a", "somebody else");
    start(); /* it was begun and has no result: settled, not run again */
    result = await(jti, 2);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_false(result.replayed);
    result_deinit(&result);
    offer(token, &right);
    result = await(jti, 3);
    assert_true(result.replayed);
    result_deinit(&result);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
    free(token);
}

/* holds 4.12 */
static void a_clock_that_jumps_and_comes_back_runs_nothing_twice(void **state)
{
    static const char jti[] = "jump-0123456789012345";
    const struct wrong right = {0};
    char *token = NULL;
    struct result result;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    token = sign_command(jti, STOP_A, &right);
    offer(token, &right);
    expect(jti, LASTCALL_OK);
    stop(INBOX_RELOAD);
    stage.wall_shift_ms = INT64_C(48) * 3600 * 1000;
    start(); /* its first round prunes what seems to have expired */
    stop(INBOX_RELOAD);
    stage.wall_shift_ms = 0;
    fake_play(0, "a", "ann");
    start();
    offer(token, &right);
    result = await(jti, 2);
    assert_int_equal(result.code, LASTCALL_EXPIRED);
    result_deinit(&result);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
    free(token);
}

/* holds 5.9 */
static void a_stop_sends_what_was_held_back(void **state)
{
    const struct wrong right = {0};

    (void)state;
    start();
    deliver("held-01234567890123", "{\"action\":\"ping\",\"splay_s\":3600}",
            &right);
    deliver("fence-01234567890123", PING, &right);
    expect("fence-01234567890123", LASTCALL_OK);
    stop(INBOX_STOP);
    assert_int_equal(count_results("held-01234567890123"), 1);
}

/* holds 4.15 */
static void targets_are_on_disk_whichever_server_listed_last(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].hangs_act = true;
    fake_servers[1].hangs_list = true;
    start();
    deliver("durable-0123456789012", STOP_ALL, &right);
    /* The first server lists a target; the second, later, lists none. */
    deliver("fence-01234567890123", "{\"action\":\"list\",\"server\":\"one\"}",
            &right);
    expect("fence-01234567890123", LASTCALL_OK);
    set_hang(1, false, false);
    assert_true(fake_await(is_one_hanging, NULL));
    assert_int_equal(stage.journal.store.durability, STORE_SURVIVES_POWER);
    set_hang(0, false, false);
    expect("durable-0123456789012", LASTCALL_OK);
    stop(INBOX_STOP);
}

/* A crash must not tell of sessions that were never to be ended. */
static void only_what_is_wanted_is_recorded(void **state)
{
    const struct wrong right = {0};
    sqlite3_stmt *query = NULL;
    sqlite3 *db = NULL;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "c", "cyd");
    fake_servers[0].sessions[1].is_unendable = true;
    fake_servers[0].hangs_act = true;
    start();
    deliver("targets-012345678901", STOP_ALL, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    db = lock_journal();
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT targets FROM command", -1, &query, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(query, 0),
                        "{\"targets\":[{\"server\":\"one\",\"session_id\":"
                        "\"a\",\"username\":\"ann\"}]}");
    sqlite3_finalize(query);
    sqlite3_close(db);
    set_hang(0, false, false);
    stop(INBOX_STOP);
}

/* Leave in the journal what a kill would. */
static void leave_open(const char *jti, const char *targets)
{
    struct journal_entry entry = {
        .issuer = "controller:alice",
        .hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        .audience = {.kind = ADDRESS_ALL},
        .action = ACTION_STOP,
        .exp_s = INT32_MAX,
        .received_ms = 1,
    };
    struct platform_error error;
    struct bytes result;
    enum journal_seen seen;

    snprintf(entry.request_id.text, sizeof(entry.request_id.text), "%s", jti);
    assert_int_equal(
        journal_open(stage.directory, 1000, &stage.journal, &error),
        LASTCALL_OK);
    assert_int_equal(journal_open_batch(&stage.journal, STORE_SURVIVES_POWER),
                     LASTCALL_OK);
    assert_int_equal(journal_begin(&stage.journal, &entry, &seen, &result),
                     LASTCALL_OK);
    if (targets != NULL)
        assert_int_equal(journal_set_targets(&stage.journal, &entry, targets,
                                             strlen(targets)),
                         LASTCALL_OK);
    assert_int_equal(journal_commit_batch(&stage.journal), LASTCALL_OK);
    journal_close(&stage.journal);
}

/* holds 4.15, 4.17 */
static void after_a_kill_nothing_is_run_again(void **state)
{
    struct result result;

    (void)state;
    leave_open("begun-01234567890123", NULL);
    leave_open("gone-012345678901234",
               "{\"targets\":[{\"server\":\"one\",\"session_id\":\"gone\","
               "\"username\":\"ann\"}]}");
    leave_open("still-01234567890123",
               "{\"targets\":[{\"server\":\"one\",\"session_id\":\"a\","
               "\"username\":\"ann\"},{\"server\":\"two\","
               "\"session_id\":\"gone\",\"username\":\"bob\"}]}");
    leave_open("reused-0123456789012",
               "{\"targets\":[{\"server\":\"one\",\"session_id\":\"a\","
               "\"username\":\"somebody else\"}]}");
    fake_play(0, "a", "ann");
    start();
    expect("begun-01234567890123", LASTCALL_INTERRUPTED);
    expect("gone-012345678901234", LASTCALL_OK);
    expect("reused-0123456789012", LASTCALL_OK);
    result = await("still-01234567890123", 1);
    assert_int_equal(result.code, LASTCALL_INTERRUPTED);
    assert_int_equal(result.sessions[0].code, LASTCALL_INTERRUPTED);
    assert_int_equal(result.sessions[1].code, LASTCALL_OK);
    result_deinit(&result);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 0);
}

/* ---- stopping, many ---- */

/* holds 7.7 */
static void a_stop_finishes_what_runs_and_says_offline(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].hangs_act = true;
    start();
    deliver("last-012345678901234", STOP_A, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    inbox_put_stop(stage.inbox, INBOX_STOP);
    deliver("late-012345678901234", PING, &right);
    expect("late-012345678901234", LASTCALL_BUSY);
    set_hang(0, false, false);
    stop(INBOX_STOP);
    expect("last-012345678901234", LASTCALL_OK);
    assert_true(count_topic("/status") >= 3); /* online, draining, offline */
}

static void many_commands_share_commits(void **state)
{
    const struct wrong right = {0};
    enum { COUNT = 200 };
    char jti[32];

    (void)state;
    fake_play(0, "a", "ann");
    start();
    for (int i = 0; i < COUNT; i++) {
        snprintf(jti, sizeof(jti), "many-%016d", i);
        deliver(jti, LIST, &right);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(jti, sizeof(jti), "many-%016d", i);
        expect(jti, LASTCALL_OK);
    }
    fake_lock();
    assert_true(fake_servers[0].lists < COUNT);
    fake_unlock();
    stop(INBOX_STOP);
    assert_int_equal(counters_read(&stage.counters, COUNTER_PUBLISHED), COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_result_waits_for_the_broker),
        TEST(a_full_disk_refuses_and_recovers),
        TEST(a_lost_entry_keeps_nobody_from_being_served),
        TEST(a_result_that_cannot_be_recorded_is_recorded_later),
        TEST(a_result_recorded_late_is_sent_then),
        TEST(what_a_lost_commit_held_is_not_run),
        TEST(an_order_that_waited_too_long_is_not_begun),
        TEST(a_stop_does_not_wait_for_ever_for_the_journal),
        TEST(a_clock_that_jumps_and_comes_back_runs_nothing_twice),
        TEST(a_stop_sends_what_was_held_back),
        TEST(targets_are_on_disk_whichever_server_listed_last),
        TEST(only_what_is_wanted_is_recorded),
        TEST(after_a_kill_nothing_is_run_again),
        TEST(a_stop_finishes_what_runs_and_says_offline),
        TEST(many_commands_share_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
