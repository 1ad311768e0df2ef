#include "tests/unit/pipeline_stage.h"

/* Server "one" has terminal sessions, server "two" is a Plex. */

#define MATCH_ALL "\"where\":\"username != 'x'\""
#define ASK_ANN                                                                \
    "{\"action\":\"message\",\"session_id\":\"2\",\"message\":\"Close it?\","  \
    "\"style\":\"yes_no\",\"timeout_s\":3600,\"wait\":true}"

static const struct wrong right;

/* Add a terminal session to server "one". */
static struct fake_session *log_on(const char *id, const char *user,
                                   const char *state)
{
    size_t i = 0;

    fake_play(0, id, user);
    while (strcmp(fake_servers[0].sessions[i].id, id) != 0)
        i++;
    snprintf(fake_servers[0].sessions[i].state,
             sizeof(fake_servers[0].sessions[i].state), "%s", state);
    return &fake_servers[0].sessions[i];
}

static void start_wts(void)
{
    stage.servers[0].backend = BACKEND_WTS;
    start();
}

/* Send, and compare the codes of the sessions in their order. */
static void ask(const char *jti, const char *request,
                const enum lastcall_status *codes, size_t count)
{
    struct result result;

    deliver(jti, request, &right);
    result = await(jti, 1);
    assert_int_equal(result.matched, count);
    assert_int_equal(result.session_count, count);
    for (size_t i = 0; i < count; i++) {
        if (result.sessions[i].code != codes[i])
            fail_msg("%s, session %zu: %s (%s)", jti, i,
                     status_name(result.sessions[i].code),
                     result.sessions[i].detail);
    }
    result_deinit(&result);
}

/* holds 5.5, 5.11 */
static void a_dry_disconnect_tells_what_the_list_tells(void **state)
{
    static const enum lastcall_status disconnect[] = {
        LASTCALL_OK, LASTCALL_ALREADY_GONE, LASTCALL_NOT_ENDABLE};
    static const enum lastcall_status logoff[] = {LASTCALL_OK, LASTCALL_OK,
                                                  LASTCALL_NOT_ENDABLE};

    (void)state;
    log_on("2", "ann", "active");
    log_on("3", "bob", "disconnected");
    log_on("1", "", "connected")->is_unendable = true;
    start_wts();
    ask("dry-disconnect-012345",
        "{\"action\":\"disconnect\",\"dry_run\":true," MATCH_ALL "}",
        disconnect, 3);
    ask("dry-end-0123456789012",
        "{\"action\":\"end\",\"backend\":\"wts\",\"dry_run\":true," MATCH_ALL
        "}",
        disconnect, 3);
    ask("dry-logoff-0123456789",
        "{\"action\":\"logoff\",\"dry_run\":true," MATCH_ALL "}", logoff, 3);
    assert_int_equal(act_count(), 0);
    stop(INBOX_STOP);
}

/* holds 5.6, 5.11, 5.16, 6.8 */
static void a_message_may_be_shown_to_who_may_not_be_ended(void **state)
{
    static const enum lastcall_status ended[] = {
        LASTCALL_PROTECTED, LASTCALL_OK, LASTCALL_NOT_ENDABLE};
    static const enum lastcall_status ok[] = {LASTCALL_OK, LASTCALL_OK,
                                              LASTCALL_OK};
    struct result result;

    (void)state;
    assert_int_equal(
        filter_parse("session_name == 'Console'", &stage.policy.protect, NULL),
        LASTCALL_OK);
    stage.policy.has_protect = true;
    snprintf(log_on("1", "ann", "active")->name, 16, "Console");
    snprintf(log_on("2", "bob", "active")->name, 16, "RDP-Tcp#0");
    log_on("3", "cyd", "active")->is_unendable = true;
    start_wts();
    ask("list-0123456789012345", "{\"action\":\"list\",\"server\":\"one\"}", ok,
        3);
    deliver("message-0123456789012",
            "{\"action\":\"message\",\"message\":\"soon\"," MATCH_ALL "}",
            &right);
    result = await("message-0123456789012", 1);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_int_equal(result.succeeded, 3);
    assert_string_equal(result.sessions[2].response, "yes");
    result_deinit(&result);
    assert_int_equal(act_count(), 3);
    assert_int_equal(counters_read(&stage.counters, COUNTER_ENDED), 0);

    stage.policy.max_sessions = 2;
    deliver("too-many-012345678901",
            "{\"action\":\"disconnect\"," MATCH_ALL "}", &right);
    expect("too-many-012345678901", LASTCALL_LIMIT_EXCEEDED);
    stage.policy.max_sessions = 3;
    ask("disconnect-0123456789", "{\"action\":\"disconnect\"," MATCH_ALL "}",
        ended, 3);
    assert_int_equal(act_count(), 4);
    assert_int_equal(counters_read(&stage.counters, COUNTER_ENDED), 1);
    stop(INBOX_STOP);
}

/* holds 5.20 */
static void a_message_that_waits_holds_up_nobody(void **state)
{
    struct result result;

    (void)state;
    log_on("2", "ann", "active");
    log_on("3", "bob", "active");
    fake_play(1, "film", "cyd");
    fake_servers[0].hangs_message = true;
    start_wts();
    deliver("waits-012345678901234", ASK_ANN, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    deliver("ping-0123456789012345", PING, &right);
    expect("ping-0123456789012345", LASTCALL_OK);
    deliver("logoff-01234567890123",
            "{\"action\":\"logoff\",\"session_id\":\"3\"}", &right);
    expect("logoff-01234567890123", LASTCALL_OK);
    deliver("stop-0123456789012345",
            "{\"action\":\"stop\",\"session_id\":\"film\"}", &right);
    expect("stop-0123456789012345", LASTCALL_OK);
    assert_int_equal(count_results_now("waits-012345678901234"), 0);
    fake_lock();
    fake_servers[0].hangs_message = false;
    fake_changed();
    fake_unlock();
    result = await("waits-012345678901234", 1);
    assert_int_equal(result.code, LASTCALL_OK);
    assert_string_equal(result.sessions[0].response, "yes");
    result_deinit(&result);
    stop(INBOX_STOP);
}

/* The drain is bounded, by a clock that is put forward. */
static void a_stop_does_not_wait_for_an_answer(void **state)
{
    (void)state;
    log_on("2", "ann", "active");
    fake_servers[0].hangs_message = true;
    start_wts();
    deliver("waits-012345678901234", ASK_ANN, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    inbox_put_stop(stage.inbox, INBOX_STOP);
    deliver("refused-0123456789012", PING, &right);
    expect("refused-0123456789012", LASTCALL_BUSY); /* it drains */
    stage.run_shift_ms = PIPELINE_DRAIN_MS;
    deliver("fence-012345678901234", PING, &right);
    expect("waits-012345678901234", LASTCALL_INTERRUPTED);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* The latest event of this kind that was published; with the lock held. */
static struct event last_event(enum event_kind kind)
{
    struct event found = {0};

    for (size_t i = 0; i < stage.published_count; i++) {
        struct token token = {0};
        struct verified verified = {0};
        struct event event = {0};

        if (strstr(stage.published[i].topic, "/event") == NULL)
            continue;
        assert_int_equal(token_decode(stage.published[i].token,
                                      strlen(stage.published[i].token), &token),
                         LASTCALL_OK);
        assert_int_equal(token_verify(&token, &stage.fleet.host_key, &verified),
                         LASTCALL_OK);
        assert_int_equal(event_decode(&verified, &event, NULL), LASTCALL_OK);
        if (event.kind == kind) {
            event_deinit(&found);
            found = event;
        } else {
            event_deinit(&event);
        }
        verified_deinit(&verified);
        token_deinit(&token);
    }
    return found;
}

/* Wait until so many messages went out on a topic. */
static void await_topic(const char *part, size_t count)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    gate_lock(&stage.gate);
    while (count_topic(part) < count &&
           platform_clock.monotonic_ms(platform_clock.state) < until)
        gate_wait(&stage.gate, 100);
    if (count_topic(part) < count)
        fail_msg("%zu on %s, not %zu", count_topic(part), part, count);
    gate_unlock(&stage.gate);
}

static void expect_ended_by(const char *jti)
{
    struct event event;

    gate_lock(&stage.gate);
    event = last_event(EVENT_ENDED);
    gate_unlock(&stage.gate);
    assert_string_equal(event.ended_by.text, jti);
    assert_string_equal(event.ended_by_controller.text,
                        jti[0] == '\0' ? "" : "alice");
    assert_string_equal(event.ended_by_plan.text, "");
    event_deinit(&event);
}

/* holds 7.4, 7.8 */
static void an_event_names_the_request_that_removed_the_session(void **state)
{
    (void)state;
    log_on("2", "ann", "active");
    start_wts();
    await_topic("/sessions/one", 1);
    deliver("disconnect-0123456789",
            "{\"action\":\"disconnect\",\"session_id\":\"2\"}", &right);
    await_topic("/event/one", 1); /* changed */
    /* Now ann's session ends by itself: no request did that. */
    fake_lock();
    fake_servers[0].sessions[0].id[0] = '\0';
    fake_unlock();
    executor_hint(stage.executors[0]);
    await_topic("/event/one", 2);
    expect_ended_by("");

    /* The job comes back long after this event: cyd's session takes its time.
     */
    log_on("3", "bob", "active");
    log_on("4", "cyd", "active")->is_deaf = true;
    executor_hint(stage.executors[0]);
    await_topic("/event/one", 4); /* two started */
    fake_servers[0].settle_ms = 3600000;
    deliver("logoff-01234567890123", "{\"action\":\"logoff\"," MATCH_ALL "}",
            &right);
    await_topic("/event/one", 5);
    expect_ended_by("logoff-01234567890123");
    fake_lock();
    memset(fake_servers[0].sessions, 0, sizeof(fake_servers[0].sessions));
    fake_unlock();
    expect("logoff-01234567890123", LASTCALL_OK);
    stop(INBOX_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dry_disconnect_tells_what_the_list_tells),
        TEST(a_message_may_be_shown_to_who_may_not_be_ended),
        TEST(a_message_that_waits_holds_up_nobody),
        TEST(a_stop_does_not_wait_for_an_answer),
        TEST(an_event_names_the_request_that_removed_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
