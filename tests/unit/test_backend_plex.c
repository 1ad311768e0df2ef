#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/plex_bench.h"

#define SLACK_MS 3000
#define EPISODE_ID "9k2m4w7qzr1t8yb5xn3cv6da"

/* List, do something, then act on the episode. */
static enum lastcall_status stop_after(struct plex_bench *bench,
                                       const char *method, const char *path,
                                       const char *body,
                                       struct session_outcome *outcome)
{
    struct session target = {0};
    enum lastcall_status status;

    plex_bench_pick(bench, EPISODE_ID, &target);
    if (method != NULL)
        standin_tell(&plex_bench_standin, method, path, body);
    status = plex_bench_act(bench, &target, "late", outcome);
    session_deinit(&target);
    return status;
}

/* Every byte of a reason comes through, by both methods. */
/* holds 5.7 */
static void a_stop_carries_its_reason(void **state)
{
    static const char reason[] =
        "Gute Nacht, müller! 🛰️ \"quote\" 'x' & # % + ~ / ? = %20\nline";
    struct plex_bench bench;

    (void)state;
    for (int64_t method = 0; method < 2; method++) {
        struct session target = {0};
        struct session_outcome outcome;
        json_t *ends = NULL;
        const json_t *end = NULL;

        plex_bench_open(&bench, "sessions-edge-cases.json",
                        PLEX_BENCH_LONG_TIMEOUT_MS);
        bench.settings.terminate_method = method;
        plex_bench_reopen(&bench, PLEX_BENCH_LONG_TIMEOUT_MS, NULL);

        plex_bench_pick(&bench, "weird/id?with=token&x=%20y", &target);
        assert_int_equal(plex_bench_act(&bench, &target, reason, &outcome),
                         LASTCALL_OK);
        ends = standin_call(&plex_bench_standin, "GET", "/terminations", NULL);
        assert_int_equal(json_array_size(ends), 1);
        end = json_array_get(ends, 0);
        assert_string_equal(json_string_value(json_object_get(end, "method")),
                            method == 0 ? "GET" : "POST");
        assert_string_equal(
            json_string_value(json_object_get(end, "sessionId")),
            "weird/id?with=token&x=%20y");
        assert_string_equal(json_string_value(json_object_get(end, "reason")),
                            reason);
        assert_string_equal(json_string_value(json_object_get(end, "token")),
                            "owner");
        json_decref(ends);
        session_deinit(&target);
        plex_bench_close(&bench);
    }
}

static void without_a_reason_none_is_sent(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome;
    json_t *ends = NULL;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                     LASTCALL_OK);
    ends = standin_call(&plex_bench_standin, "GET", "/terminations", NULL);
    assert_true(
        json_is_null(json_object_get(json_array_get(ends, 0), "reason_hex")));
    json_decref(ends);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* One connection, and no list more than is needed. */
static void many_stops_use_one_connection(void **state)
{
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;
    int64_t before = 0;

    (void)state;
    plex_bench_open(&bench, NULL, PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/options", "{\"generate\":20}");
    before = standin_count(&plex_bench_standin, "connections");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    assert_int_equal(sessions.count, 20);
    for (size_t i = 0; i < sessions.count; i++)
        assert_int_equal(
            plex_bench_act(&bench, &sessions.items[i], "all", &outcome),
            LASTCALL_OK);
    session_list_deinit(&sessions);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 20);
    assert_int_equal(standin_count(&plex_bench_standin, "connections"),
                     before + 1);
    assert_true(standin_count(&plex_bench_standin, "lists") < 20);
    plex_bench_close(&bench);
}

/* What the server answers, and what is told of it. */
/* holds 6.6 */
static void each_refusal_has_its_own_verdict(void **state)
{
    static const struct {
        const char *path;
        const char *body;
        enum lastcall_status code;
        const char *detail;
    } cases[] = {
        {"/options", "{\"pass\":false}", LASTCALL_NO_PLEX_PASS, "Plex Pass"},
        {"/tokens", "{\"token\":\"owner-token\",\"class\":\"revoked\"}",
         LASTCALL_DENIED, "does not accept the token"},
        {"/tokens", "{\"token\":\"owner-token\",\"class\":\"shared\"}",
         LASTCALL_DENIED, "not its owner's"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":401,\"path\":\"*terminate\"}",
         LASTCALL_DENIED, "though it has a Plex Pass"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":403,\"path\":\"*terminate\"}",
         LASTCALL_DENIED, "403"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":404,\"path\":\"*terminate\"}",
         LASTCALL_NOT_FOUND, "stale"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":400,\"path\":\"*terminate\"}",
         LASTCALL_SERVER_ERROR, "400"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":500,\"path\":\"*terminate\"}",
         LASTCALL_SERVER_ERROR, "500"},
        {"/faults",
         "{\"fault\":\"status\",\"status\":503,\"path\":\"*terminate\"}",
         LASTCALL_SERVER_ERROR, "maintenance"},
        {"/faults", "{\"fault\":\"redirect\",\"path\":\"*terminate\"}",
         LASTCALL_SERVER_ERROR, "redirects"},
        {"/lifecycle", "{\"state\":\"starting\"}", LASTCALL_SERVER_ERROR,
         "not ready"},
        {"/lifecycle", "{\"state\":\"refuse\"}", LASTCALL_UNREACHABLE,
         "no connection"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plex_bench bench;
        struct session_outcome outcome;

        plex_bench_open(&bench, "sessions-mixed.json",
                        PLEX_BENCH_LONG_TIMEOUT_MS);
        if (stop_after(&bench, "POST", cases[i].path, cases[i].body,
                       &outcome) != cases[i].code ||
            strstr(outcome.detail, cases[i].detail) == NULL)
            fail_msg("%s: %s: %s", cases[i].body, status_name(outcome.code),
                     outcome.detail);
        assert_true(standin_count(&plex_bench_standin, "terminates") <= 1);
        plex_bench_close(&bench);
    }
}

/* An old server says 401 to a token that is not the owner's. */
static void an_old_servers_401_is_told_apart(void **state)
{
    struct plex_bench bench;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/options",
                 "{\"non_owner_status\":401}");
    assert_int_equal(
        stop_after(&bench, "POST", "/tokens",
                   "{\"token\":\"owner-token\",\"class\":\"shared\"}",
                   &outcome),
        LASTCALL_DENIED);
    plex_bench_close(&bench);
}

/* One that ends meanwhile, whoever ended it, is gone and no failure. */
static void what_is_gone_is_already_gone(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    /* Gone between the list and the end: Plex says 404. */
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    assert_int_equal(stop_after(&bench, "PATCH", "/sessions/17",
                                "{\"_client\":{\"react\":\"race404\"}}",
                                &outcome),
                     LASTCALL_ALREADY_GONE);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);

    /* Gone before the list that stands right before: nothing is sent. */
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    standin_tell(&plex_bench_standin, "DELETE", "/sessions/17", NULL);
    plex_bench_age(&bench);
    assert_int_equal(plex_bench_act(&bench, &target, "late", &outcome),
                     LASTCALL_ALREADY_GONE);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 0);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* Over the connection that the list before it used, and once. */
static void assert_sent_once_on_a_kept_connection(void)
{
    json_t *entries = standin_call(&plex_bench_standin, "GET", "/log", NULL);
    const json_t *before = json_array_get(entries, 0);
    const json_t *end = json_array_get(entries, 1);

    assert_string_equal(json_string_value(json_object_get(end, "path")),
                        "/status/sessions/terminate");
    assert_true(json_equal(json_object_get(before, "connection"),
                           json_object_get(end, "connection")));
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    json_decref(entries);
}

/* The effect came, the answer did not: told by the list, sent once. */
static void a_lost_answer_is_settled_by_the_list(void **state)
{
    static const char *const losses[] = {
        "{\"fault\":\"reset\",\"effect\":true,\"path\":\"*terminate\"}",
        "{\"fault\":\"empty_reply\",\"effect\":true,\"path\":\"*terminate\"}",
        "{\"fault\":\"hang\",\"effect\":true,\"path\":\"*terminate\"}",
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct plex_bench bench;
        struct session_outcome outcome;

        plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_TIMEOUT_MS);
        if (i == 3)
            (void)stop_after(&bench, "PATCH", "/sessions/17",
                             "{\"_client\":{\"react\":\"lost\"}}", &outcome);
        else
            (void)stop_after(&bench, "POST", "/faults", losses[i], &outcome);
        assert_int_equal(outcome.code, LASTCALL_OK);
        assert_string_equal(outcome.detail,
                            "the answer was lost, the session is gone");
        assert_sent_once_on_a_kept_connection();
        plex_bench_close(&bench);
    }
}

/* A kept connection that the server closed is noticed before it is used. */
static void a_connection_that_was_closed_is_replaced(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/faults",
                 "{\"fault\":\"idle_close\"}");
    plex_bench_pick(&bench, EPISODE_ID, &target);
    while (standin_count(&plex_bench_standin, "open") > 0)
        continue;
    assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                     LASTCALL_OK);
    assert_string_equal(outcome.detail, "");
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* What refuses the method is not asked with the other one. */
static void the_method_is_never_changed(void **state)
{
    struct plex_bench bench;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    assert_int_equal(stop_after(&bench, "POST", "/options",
                                "{\"accept_only\":\"POST\"}", &outcome),
                     LASTCALL_NOT_FOUND);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);
}

static void a_lost_answer_without_effect_is_no_success(void **state)
{
    struct plex_bench bench;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_TIMEOUT_MS);
    assert_int_equal(stop_after(&bench, "POST", "/faults",
                                "{\"fault\":\"reset\",\"path\":\"*terminate\"}",
                                &outcome),
                     LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(outcome.detail, "still listed"));
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);

    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_TIMEOUT_MS);
    assert_int_equal(stop_after(&bench, "POST", "/faults",
                                "{\"fault\":\"hang\",\"path\":\"*terminate\"}",
                                &outcome),
                     LASTCALL_TIMEOUT);
    assert_non_null(strstr(outcome.detail, "still listed"));
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);
}

/* Plex restarts while it is asked: unknown, and then known by the list. */
static void a_restart_in_the_middle_is_settled(void **state)
{
    struct plex_bench bench;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/faults",
                 "{\"fault\":\"status\",\"status\":503,"
                 "\"path\":\"/status/sessions\",\"nth\":2,\"count\":3}");
    (void)stop_after(
        &bench, "POST", "/faults",
        "{\"fault\":\"reset\",\"effect\":true,\"path\":\"*terminate\"}",
        &outcome);
    assert_int_equal(outcome.code, LASTCALL_OK);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);

    /* It does not come back within the time: unknown, said so. */
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/faults",
                 "{\"fault\":\"status\",\"status\":503,"
                 "\"path\":\"/status/sessions\",\"nth\":2,\"sticky\":true}");
    (void)stop_after(
        &bench, "POST", "/faults",
        "{\"fault\":\"reset\",\"effect\":true,\"path\":\"*terminate\"}",
        &outcome);
    assert_int_equal(outcome.code, LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(outcome.detail, "unknown whether"));
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    plex_bench_close(&bench);
}

/* The id stays and names something else: nothing is sent. */
static void a_changed_target_is_left_alone(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    standin_tell(&plex_bench_standin, "POST", "/sessions/17/swap",
                 "{\"on\":\"now\",\"item\":{\"type\":\"movie\",\"title\":"
                 "\"Other\",\"key\":\"/library/metadata/1\"}}");
    plex_bench_age(&bench);
    assert_int_equal(plex_bench_act(&bench, &target, "late", &outcome),
                     LASTCALL_CHANGED);
    assert_non_null(strstr(outcome.detail, "media_key"));
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 0);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* holds 5.4 */
static void a_precondition_holds_at_the_last_moment(void **state)
{
    struct request_precondition condition = {.field = SESSION_STATE};
    struct order order = {.request = {.action = ACTION_END,
                                      .preconditions = &condition,
                                      .precondition_count = 1}};
    char paused[] = "paused";
    char playing[] = "playing";
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome = {0};

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    condition.value = (struct session_value){.kind = VALUE_TEXT};
    condition.value.as.text = paused;
    assert_int_equal(
        backend_plex_ops.act(bench.state, &target, &order, &outcome),
        LASTCALL_CHANGED);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 0);
    condition.value.as.text = playing;
    assert_int_equal(
        backend_plex_ops.act(bench.state, &target, &order, &outcome),
        LASTCALL_OK);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 1);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* holds 5.11 */
static void what_cannot_be_ended_is_not_tried(void **state)
{
    static const struct {
        const char *sample;
        const char *id;
        const char *detail;
    } cases[] = {
        {"sessions-mixed.json", "key:19", "no id"},
        {"sessions-edge-cases.json", "dup-session-id-0001", "several"},
        {"sessions-edge-cases.json", "key:35", "no id"},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct plex_bench bench;
        struct session target = {0};
        struct session_outcome outcome;

        plex_bench_open(&bench, cases[i].sample, PLEX_BENCH_LONG_TIMEOUT_MS);
        plex_bench_pick(&bench, cases[i].id, &target);
        assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                         LASTCALL_NOT_ENDABLE);
        assert_non_null(strstr(outcome.detail, cases[i].detail));
        assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 0);
        session_deinit(&target);
        plex_bench_close(&bench);
    }
}

/* One that became two since it was picked: the latest list decides. */
static void a_twin_that_came_later_protects_both(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    standin_tell(&plex_bench_standin, "POST", "/sessions",
                 "{\"title\":\"twin\",\"Session\":{\"id\":\"" EPISODE_ID
                 "\"}}");
    plex_bench_age(&bench);
    assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                     LASTCALL_NOT_ENDABLE);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 0);
    session_deinit(&target);
    plex_bench_close(&bench);
}

static void other_actions_are_unsupported(void **state)
{
    struct order order = {.request = {.action = ACTION_LOGOFF}};
    struct plex_bench bench;
    struct session target = {0};
    struct session_outcome outcome = {0};

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    assert_int_equal(
        backend_plex_ops.act(bench.state, &target, &order, &outcome),
        LASTCALL_UNSUPPORTED);
    session_deinit(&target);
    plex_bench_close(&bench);
}

/* A token that was renewed is found without a restart. */
static void a_renewed_token_is_read_again(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    standin_tell(&plex_bench_standin, "POST", "/tokens",
                 "{\"rotate\":\"owner-token\",\"to\":\"second\"}");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                     LASTCALL_DENIED);
    plex_bench_write_token("second");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    session_list_deinit(&sessions);

    /* 401 to a stop: nothing was done, so that it is sent once more. */
    standin_tell(&plex_bench_standin, "POST", "/tokens",
                 "{\"rotate\":\"second\",\"to\":\"third\"}");
    plex_bench_write_token("third");
    assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                     LASTCALL_OK);
    assert_int_equal(standin_count(&plex_bench_standin, "terminates"), 2);
    session_deinit(&target);
    plex_bench_close(&bench);
}

static void *interrupt_soon(void *state)
{
    standin_tell(&plex_bench_standin, "GET", "/wait?terminates=1", NULL);
    backend_plex_ops.interrupt(state);
    return NULL;
}

static void an_interrupt_ends_a_stop_at_once(void **state)
{
    struct plex_bench bench;
    struct session target = {0};
    struct session_list sessions;
    struct session_outcome outcome;
    int64_t began_ms = 0;
    pthread_t thread;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_pick(&bench, EPISODE_ID, &target);
    standin_tell(&plex_bench_standin, "POST", "/faults",
                 "{\"fault\":\"hang\",\"path\":\"*terminate\"}");
    began_ms = platform_clock.monotonic_ms(NULL);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, bench.state),
                     0);
    assert_int_equal(plex_bench_act(&bench, &target, NULL, &outcome),
                     LASTCALL_INTERRUPTED);
    assert_true(platform_clock.monotonic_ms(NULL) - began_ms < SLACK_MS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                     LASTCALL_INTERRUPTED);
    session_deinit(&target);
    plex_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_carries_its_reason),
        cmocka_unit_test(without_a_reason_none_is_sent),
        cmocka_unit_test(many_stops_use_one_connection),
        cmocka_unit_test(each_refusal_has_its_own_verdict),
        cmocka_unit_test(an_old_servers_401_is_told_apart),
        cmocka_unit_test(what_is_gone_is_already_gone),
        cmocka_unit_test(a_lost_answer_is_settled_by_the_list),
        cmocka_unit_test(a_connection_that_was_closed_is_replaced),
        cmocka_unit_test(the_method_is_never_changed),
        cmocka_unit_test(a_lost_answer_without_effect_is_no_success),
        cmocka_unit_test(a_restart_in_the_middle_is_settled),
        cmocka_unit_test(a_changed_target_is_left_alone),
        cmocka_unit_test(a_precondition_holds_at_the_last_moment),
        cmocka_unit_test(what_cannot_be_ended_is_not_tried),
        cmocka_unit_test(a_twin_that_came_later_protects_both),
        cmocka_unit_test(other_actions_are_unsupported),
        cmocka_unit_test(a_renewed_token_is_read_again),
        cmocka_unit_test(an_interrupt_ends_a_stop_at_once),
    };

    return cmocka_run_group_tests_name("backend_plex", tests, plex_bench_start,
                                       plex_bench_stop);
}
