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
    send("ready-01234567890123", PING, &right);
    expect("ready-01234567890123", LASTCALL_OK);
    gate_lock(&stage.gate);
    stage.is_down = true;
    gate_unlock(&stage.gate);
    send("waiting-012345678901", STOP_A, &right);
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
    send("full-ping-0123456789", PING, &right);
    expect("full-ping-0123456789", LASTCALL_BUSY);
    send("full-stop-0123456789", STOP_A, &right);
    expect("full-stop-0123456789", LASTCALL_BUSY);
    assert_int_equal(act_count(), 0);
    stop(INBOX_RELOAD);
    stage.journal_sql = NULL;
    start(); /* with room again; of the first time nothing was kept */
    send("full-stop-0123456789", STOP_A, &right);
    {
        struct result result = await("full-stop-0123456789", 2);

        assert_int_equal(result.code, LASTCALL_OK);
        result_deinit(&result);
    }
    assert_int_equal(act_count(), 1);
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
        assert_int_equal(journal_set_targets(&stage.journal, entry.id, targets,
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
    send("last-012345678901234", STOP_A, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    inbox_put_stop(stage.inbox, INBOX_STOP);
    send("late-012345678901234", PING, &right);
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
        send(jti, LIST, &right);
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
        TEST(after_a_kill_nothing_is_run_again),
        TEST(a_stop_finishes_what_runs_and_says_offline),
        TEST(many_commands_share_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
