#include "tests/unit/pipeline_stage.h"

#include <unistd.h>

/* ---- steps 1 to 6 ---- */

struct refused {
    const char *jti;
    const char *request;
    struct wrong wrong;
    enum lastcall_status code;
};

/* holds 4.7, 4.8, 4.9, 4.10, 4.11, 5.2 */
static void what_is_proved_and_wrong_is_answered(void **state)
{
    static const struct refused cases[] = {
        {"audience-0123456789",
         PING,
         {.audience = "all"},
         LASTCALL_INVALID_REQUEST},
        {"topic-01234567890123",
         PING,
         {.topic = ALL},
         LASTCALL_INVALID_REQUEST},
        {"group-01234567890123",
         PING,
         {.topic = "lastcall/v1/group/attic/command",
          .audience = "group:attic"},
         LASTCALL_INVALID_REQUEST},
        {"lifetime-0123456789",
         PING,
         {.life_s = 3601},
         LASTCALL_INVALID_REQUEST},
        {"expired-01234567890", PING, {.iat_shift_s = -200}, LASTCALL_EXPIRED},
        {"future-0123456789012",
         PING,
         {.iat_shift_s = 100},
         LASTCALL_NOT_YET_VALID},
        {"misspelt-0123456789",
         "{\"action\":\"stop\",\"sesion_id\":\"a\"}",
         {0},
         LASTCALL_INVALID_REQUEST},
        {"server-0123456789012",
         "{\"action\":\"list\",\"server\":\"cellar\"}",
         {0},
         LASTCALL_NOT_FOUND},
        {"unsupported-01234567",
         "{\"action\":\"logoff\",\"session_id\":\"a\"}",
         {0},
         LASTCALL_UNSUPPORTED},
    };

    (void)state;
    fake_play(0, "a", "ann");
    start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        deliver(cases[i].jti, cases[i].request, &cases[i].wrong);
        expect(cases[i].jti, cases[i].code);
    }
    assert_int_equal(counters_read(&stage.counters, COUNTER_DROPPED), 0);
    assert_int_equal(act_count(), 0);
    stop(INBOX_STOP);
}

/* holds 2.8, 4.1, 4.2, 4.3, 4.4, 4.5, 4.6 */
static void what_is_not_proved_is_not_answered(void **state)
{
    struct fake_fleet other;
    char *as_host = NULL;
    const struct wrong right = {0};
    struct wrong wrongs[] = {
        {.is_altered = true},
        {.type = TOKEN_MAINTENANCE},
        {.retain = MQTT_RETAINED},
        {.signer = &other.controller_key}, /* not the granted key */
        {.grant = NULL},                   /* another root's; set below */
        {.issuer = "controller:bob"},      /* not the grant's subject */
        {.issuer = "host:media-01"},       /* a host's grant; set below */
    };
    const size_t count = sizeof(wrongs) / sizeof(wrongs[0]);

    (void)state;
    fake_fleet_init(&other, "alice", "plex:*@*");
    as_host = fake_grant(&stage.fleet.root, SUBJECT_HOST, "media-01",
                         &stage.fleet.controller_key, NULL, INT32_MAX);
    wrongs[4].signer = &other.controller_key;
    wrongs[4].grant = other.controller_grant;
    wrongs[6].grant = as_host;
    fake_play(0, "a", "ann");
    start();
    for (size_t i = 0; i < count; i++)
        deliver("silence-0123456789", STOP_A, &wrongs[i]);
    deliver("short", STOP_A, &right);
    offer("garbage", &right);
    /* What comes after them is answered: they were all looked at. */
    deliver("after-01234567890123", PING, &right);
    expect("after-01234567890123", LASTCALL_OK);
    assert_int_equal(counters_read(&stage.counters, COUNTER_DROPPED),
                     count + 2);
    assert_int_equal(act_count(), 0);
    gate_lock(&stage.gate);
    assert_int_equal(count_results("silence-0123456789"), 0);
    assert_int_equal(count_results("short"), 0);
    gate_unlock(&stage.gate);
    stop(INBOX_STOP);
    free(as_host);
    fake_fleet_deinit(&other);
}

/* holds 3.7, 3.8 */
static void a_revoked_key_is_silent_also_after_a_restart(void **state)
{
    const struct wrong right = {0};

    (void)state;
    start();
    deliver("before-0123456789012", PING, &right);
    expect("before-0123456789012", LASTCALL_OK);
    revoke_controller();
    deliver("revoked-012345678901", PING, &right);
    stop(INBOX_STOP);
    assert_int_equal(stage.counters.dropped[LASTCALL_REVOKED], 1);
    assert_int_equal(count_results("revoked-012345678901"), 0);
    {
        char path[128];

        snprintf(path, sizeof(path), "%s/" IDENTITY_REVOKED_FILE,
                 stage.directory);
        assert_int_equal(access(path, R_OK), 0);
    }
}

/* ---- step 7 ---- */

/* holds 4.12, 4.14 */
static void a_replay_runs_nothing_and_gives_the_result_again(void **state)
{
    const struct wrong right = {0};
    char *token = NULL;
    struct result result;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    token = sign_command("replay-0123456789012", STOP_A, &right);
    offer(token, &right);
    result = await("replay-0123456789012", 1);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_false(result.replayed);
    result_deinit(&result);
    fake_play(0, "a", "ann");
    offer(token, &right);
    result = await("replay-0123456789012", 2);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_true(result.replayed);
    assert_int_equal(result.session_count, 1);
    result_deinit(&result);
    deliver("replay-0123456789012", LIST, &right); /* the id, other bytes */
    result = await("replay-0123456789012", 3);
    assert_int_equal(result.code, LASTCALL_INVALID_REQUEST);
    result_deinit(&result);
    assert_int_equal(act_count(), 1);
    free(token);
    stop(INBOX_STOP);
}

/* holds 4.13 */
static void a_running_command_is_not_answered_twice(void **state)
{
    const struct wrong right = {0};
    char *token = NULL;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].hangs_act = true;
    start();
    token = sign_command("running-012345678901", STOP_A, &right);
    offer(token, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    offer(token, &right);
    deliver("after-01234567890123", PING, &right);
    expect("after-01234567890123", LASTCALL_OK);
    set_hang(0, false, false);
    expect("running-012345678901", LASTCALL_OK);
    stop(INBOX_STOP);
    assert_int_equal(count_results("running-012345678901"), 1);
    assert_int_equal(act_count(), 1);
    free(token);
}

/* ---- step 8 ---- */

/* holds 5.17, 6.5 */
static void a_hung_server_holds_up_nobody_else(void **state)
{
    const struct wrong right = {0};
    struct result result;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(1, "b", "bob");
    fake_servers[0].hangs_list = true;
    start();
    deliver("both-012345678901234", STOP_ALL, &right);
    deliver("two-0123456789012345",
            "{\"action\":\"stop\",\"server\":\"two\",\"where\":\"username == "
            "'bob'\"}",
            &right);
    expect("two-0123456789012345", LASTCALL_OK);
    fake_play(1, "c", "cyd");
    fake_lock();
    fake_servers[0].list_status = LASTCALL_TIMEOUT;
    fake_unlock();
    set_hang(0, false, false);
    result = await("both-012345678901234", 1);
    assert_false(result_is_success(&result));
    assert_int_equal(result.server_count, 2);
    assert_int_equal(result.servers[0].code, LASTCALL_TIMEOUT);
    assert_int_equal(result.servers[1].code, LASTCALL_OK);
    result_deinit(&result);
    stop(INBOX_STOP);
}

/* holds 5.6 */
static void a_limit_counts_over_all_servers(void **state)
{
    const struct wrong right = {0};
    struct result result;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(1, "b", "bob");
    start();
    deliver("limit-01234567890123",
            "{\"action\":\"stop\",\"where\":\"username != 'x'\",\"limit\":1}",
            &right);
    result = await("limit-01234567890123", 1);
    assert_int_equal(result.code, LASTCALL_LIMIT_EXCEEDED);
    assert_int_equal(result.matched, 2);
    result_deinit(&result);
    assert_int_equal(act_count(), 0);
    deliver("limit-11234567890123",
            "{\"action\":\"stop\",\"where\":\"username != 'x'\",\"limit\":2}",
            &right);
    expect("limit-11234567890123", LASTCALL_OK);
    assert_int_equal(act_count(), 2);
    stop(INBOX_STOP);
}

/* holds 5.11, 5.16 */
static void the_protected_and_unendable_are_left_alone(void **state)
{
    const struct wrong right = {0};
    struct result result;

    (void)state;
    assert_int_equal(
        filter_parse("username == 'ceo'", &stage.policy.protect, NULL),
        LASTCALL_OK);
    stage.policy.has_protect = true;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "ceo");
    fake_play(0, "c", "cyd");
    fake_servers[0].sessions[2].is_unendable = true;
    start();
    deliver("protect-dry-01234567",
            "{\"action\":\"stop\",\"where\":\"username == 'ceo'\","
            "\"dry_run\":true}",
            &right);
    expect("protect-dry-01234567", LASTCALL_PROTECTED);
    deliver("protect-012345678901", STOP_ALL, &right);
    result = await("protect-012345678901", 1);
    assert_int_equal(result.code, LASTCALL_PARTIAL);
    assert_int_equal(result.session_count, 3);
    assert_int_equal(result.sessions[0].code, LASTCALL_OK);
    assert_int_equal(result.sessions[1].code, LASTCALL_PROTECTED);
    assert_int_equal(result.sessions[2].code, LASTCALL_NOT_ENDABLE);
    result_deinit(&result);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 5.5, 6.3 */
static void a_dry_run_acts_on_nothing(void **state)
{
    const struct wrong right = {0};
    struct result result;

    (void)state;
    fake_play(0, "a", "ann");
    start();
    deliver("dry-0123456789012345",
            "{\"action\":\"stop\",\"session_id\":\"a\",\"dry_run\":true}",
            &right);
    result = await("dry-0123456789012345", 1);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_true(result.dry_run);
    assert_int_equal(result.matched, 1);
    assert_true(result.sessions[0].has_session);
    result_deinit(&result);
    assert_int_equal(act_count(), 0);
    stop(INBOX_STOP);
}

/* holds 6.4 */
static void nothing_found_is_told_apart_from_nothing_matched(void **state)
{
    const struct wrong right = {0};

    (void)state;
    start();
    deliver("notfound-01234567890", STOP_A, &right);
    expect("notfound-01234567890", LASTCALL_NOT_FOUND);
    deliver("nomatch-012345678901", STOP_ALL, &right);
    expect("nomatch-012345678901", LASTCALL_NO_MATCH);
    stop(INBOX_STOP);
}

/* holds 5.4 */
static void a_failed_precondition_leaves_the_session_alone(void **state)
{
    const struct wrong right = {0};

    (void)state;
    fake_play(0, "a", "ann");
    start();
    deliver("changed-012345678901",
            "{\"action\":\"stop\",\"session_id\":\"a\","
            "\"precondition\":{\"username\":\"bob\"}}",
            &right);
    expect("changed-012345678901", LASTCALL_CHANGED);
    assert_int_equal(act_count(), 0);
    stop(INBOX_STOP);
}

/* holds 2.10 */
static void a_result_over_the_limit_is_cut_and_said(void **state)
{
    static const char jti[] = "crowded-012345678901";
    const struct wrong right = {0};
    char *token = sign_command(jti, LIST, &right);

    (void)state;
    fake_servers[0].crowd_count = 3000; /* 6 MB of names */
    start();
    /* The first answer is signed as it is, the second from the journal. */
    for (size_t number = 1; number <= 2; number++) {
        struct result result = {0};

        offer(token, &right);
        result = await(jti, number);
        assert_int_equal(result.code, LASTCALL_OK);
        assert_int_equal(result.replayed, number == 2);
        assert_true(result.truncated);
        assert_int_equal(result.matched, 3000);
        assert_true(result.session_count > 1000 && result.session_count < 2000);
        result_deinit(&result);
    }
    stop(INBOX_STOP);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_proved_and_wrong_is_answered),
        TEST(what_is_not_proved_is_not_answered),
        TEST(a_revoked_key_is_silent_also_after_a_restart),
        TEST(a_replay_runs_nothing_and_gives_the_result_again),
        TEST(a_running_command_is_not_answered_twice),
        TEST(a_hung_server_holds_up_nobody_else),
        TEST(a_limit_counts_over_all_servers),
        TEST(the_protected_and_unendable_are_left_alone),
        TEST(a_dry_run_acts_on_nothing),
        TEST(nothing_found_is_told_apart_from_nothing_matched),
        TEST(a_failed_precondition_leaves_the_session_alone),
        TEST(a_result_over_the_limit_is_cut_and_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
