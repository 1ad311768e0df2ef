#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/plex_bench.h"
#include "tests/unit/plex_files.h"

/* The next list comes as XML, as through a proxy that drops Accept. */
static void answer_with_xml(void)
{
    struct bytes xml = {0};
    json_t *fault = NULL;
    char *text = NULL;

    plex_files_read("fixtures/plex/sessions-mixed.xml", &xml);
    fault = json_pack("{ss,ss,ss}", "fault", "body", "type", "text/xml", "text",
                      (const char *)xml.data);
    text = json_dumps(fault, 0);
    standin_tell(&plex_bench_standin, "POST", "/faults", text);
    free(text);
    json_decref(fault);
    bytes_deinit(&xml);
}

static void sessions_are_listed_in_every_form(void **state)
{
    static const char *const changes[] = {"{\"dialect\":\"a\"}",
                                          "{\"dialect\":\"b\"}"};
    struct session_list lists[2];
    struct session_outcome outcome;
    struct plex_bench bench;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        plex_bench_open(&bench, "sessions-mixed.json",
                        PLEX_BENCH_LONG_TIMEOUT_MS);
        standin_tell(&plex_bench_standin, "POST", "/options", changes[i]);
        assert_int_equal(plex_bench_list(&bench, &lists[i], &outcome),
                         LASTCALL_OK);
        assert_int_equal(lists[i].count, 3);
        plex_bench_close(&bench);
    }
    for (size_t i = 0; i < 3; i++) {
        session_set_null(&lists[0].items[i], SESSION_STARTED_AT);
        session_set_null(&lists[1].items[i], SESSION_STARTED_AT);
    }
    assert_true(
        session_list_is_equal(&lists[0], &lists[1], SESSION_COMPARE_ALL));
    session_list_deinit(&lists[0]);
    session_list_deinit(&lists[1]);

    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    answer_with_xml();
    assert_int_equal(plex_bench_list(&bench, &lists[0], &outcome), LASTCALL_OK);
    assert_int_equal(lists[0].count, 3);
    session_list_deinit(&lists[0]);

    standin_tell(&plex_bench_standin, "DELETE", "/sessions", NULL);
    assert_int_equal(plex_bench_list(&bench, &lists[0], &outcome), LASTCALL_OK);
    assert_int_equal(lists[0].count, 0);
    session_list_deinit(&lists[0]);
    plex_bench_close(&bench);
}

/* Every answer that is no list is told apart, and the next list is fine. */
static void lists_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *fault;
        enum lastcall_status code;
        const char *detail;
    } cases[] = {
        {"{\"fault\":\"html\"}", LASTCALL_SERVER_ERROR, "HTML"},
        {"{\"fault\":\"empty\"}", LASTCALL_SERVER_ERROR, "nothing"},
        {"{\"fault\":\"null\"}", LASTCALL_SERVER_ERROR, "another document"},
        {"{\"fault\":\"array\"}", LASTCALL_SERVER_ERROR, "another document"},
        {"{\"fault\":\"deep\"}", LASTCALL_SERVER_ERROR, "nested"},
        {"{\"fault\":\"truncated\",\"length\":\"shortened\"}",
         LASTCALL_SERVER_ERROR, "not sound JSON"},
        {"{\"fault\":\"truncated\"}", LASTCALL_SERVER_ERROR, "broke"},
        /* Compressed, though nobody asked for it. */
        {"{\"fault\":\"body\",\"hex\":\"1f8b08000000000000ff\","
         "\"headers\":{\"Content-Encoding\":\"gzip\"}}",
         LASTCALL_SERVER_ERROR, "neither JSON nor XML"},
        {"{\"fault\":\"huge\"}", LASTCALL_SERVER_ERROR, "larger"},
        {"{\"fault\":\"hang\"}", LASTCALL_TIMEOUT, "no answer"},
        {"{\"fault\":\"stall\"}", LASTCALL_TIMEOUT, "no answer"},
        {"{\"fault\":\"redirect\"}", LASTCALL_SERVER_ERROR, "set url"},
        {"{\"fault\":\"status\",\"status\":401}", LASTCALL_DENIED, "401"},
        {"{\"fault\":\"status\",\"status\":403}", LASTCALL_DENIED, "403"},
        {"{\"fault\":\"status\",\"status\":404}", LASTCALL_SERVER_ERROR,
         "no Plex answers"},
        {"{\"fault\":\"status\",\"status\":429}", LASTCALL_SERVER_ERROR, "429"},
        {"{\"fault\":\"status\",\"status\":502}", LASTCALL_SERVER_ERROR, "502"},
    };
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json",
                    INT64_C(2) * PLEX_BENCH_TIMEOUT_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        standin_tell(&plex_bench_standin, "POST", "/faults", cases[i].fault);
        if (plex_bench_list(&bench, &sessions, &outcome) != cases[i].code ||
            outcome.code != cases[i].code ||
            strstr(outcome.detail, cases[i].detail) == NULL)
            fail_msg("%s: %s: %s", cases[i].fault, status_name(outcome.code),
                     outcome.detail);
        assert_int_equal(sessions.count, 0);
        standin_tell(&plex_bench_standin, "DELETE", "/faults", NULL);
        assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                         LASTCALL_OK);
        assert_int_equal(sessions.count, 3);
        session_list_deinit(&sessions);
    }
    plex_bench_close(&bench);
}

/* More sessions than anybody watches are an answer that is no answer. */
static void a_flood_of_sessions_is_refused(void **state)
{
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/faults",
                 "{\"fault\":\"sessions\"}");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                     LASTCALL_SERVER_ERROR);
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    assert_int_equal(sessions.count, 3);
    session_list_deinit(&sessions);
    plex_bench_close(&bench);
}

/* What one client's strange bytes do to a list is nothing. */
static void odd_lists_are_read(void **state)
{
    static const char *const faults[] = {
        "{\"fault\":\"mislabelled\"}",
        "{\"fault\":\"charset\"}",
        "{\"fault\":\"duplicate_keys\"}",
        "{\"fault\":\"control_chars\"}",
        "{\"fault\":\"nul\",\"escaped\":true}",
        "{\"fault\":\"bom\"}",
        "{\"fault\":\"nul\"}",
        "{\"fault\":\"invalid_utf8\"}",
        "{\"fault\":\"raw_control_chars\"}",
    };
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        standin_tell(&plex_bench_standin, "POST", "/faults", faults[i]);
        if (plex_bench_list(&bench, &sessions, &outcome) != LASTCALL_OK ||
            sessions.count == 0)
            fail_msg("%s: %s", faults[i], outcome.detail);
        session_list_deinit(&sessions);
    }
    standin_tell(&plex_bench_standin, "POST", "/options", "{\"size\":99}");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    assert_int_equal(sessions.count, 3);
    session_list_deinit(&sessions);
    standin_tell(&plex_bench_standin, "POST", "/options", "{\"total_size\":5}");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                     LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(outcome.detail, "3 of 5"));
    plex_bench_close(&bench);
}

/* Sessions can be listed without a Plex Pass. */
static void listing_needs_no_pass(void **state)
{
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    standin_tell(&plex_bench_standin, "POST", "/options", "{\"pass\":false}");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    assert_int_equal(sessions.count, 3);
    session_list_deinit(&sessions);
    plex_bench_close(&bench);
}

static void a_report_tells_version_and_abilities(void **state)
{
    struct plex_bench bench;
    struct backend_report report;

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    assert_int_equal(backend_plex_ops.report(bench.state, &report),
                     LASTCALL_OK);
    assert_string_not_equal(report.version, "");
    assert_int_equal(report.actions, backend_plex_ops.actions);
    assert_int_equal(backend_plex_ops.actions,
                     backend_kind_actions(BACKEND_PLEX));

    standin_tell(&plex_bench_standin, "POST", "/options", "{\"pass\":false}");
    assert_int_equal(backend_plex_ops.report(bench.state, &report),
                     LASTCALL_NO_PLEX_PASS);
    assert_int_equal(report.actions,
                     ACTION_BIT(ACTION_PING) | ACTION_BIT(ACTION_LIST));

    standin_tell(&plex_bench_standin, "POST", "/tokens",
                 "{\"token\":\"owner-token\",\"class\":\"shared\"}");
    assert_int_equal(backend_plex_ops.report(bench.state, &report),
                     LASTCALL_DENIED);
    assert_string_not_equal(report.version, "");
    assert_int_equal(report.actions, ACTION_BIT(ACTION_PING));

    standin_tell(&plex_bench_standin, "POST", "/lifecycle",
                 "{\"state\":\"refuse\"}");
    assert_int_equal(backend_plex_ops.report(bench.state, &report),
                     LASTCALL_UNREACHABLE);
    plex_bench_close(&bench);
}

static void a_bad_token_file_is_a_configuration_error(void **state)
{
    static const struct {
        const char *content;
        mode_t mode;
        enum lastcall_status status;
    } cases[] = {
        {"good", 0644, LASTCALL_E_PERMISSION},
        {"", 0600, LASTCALL_E_CONFIG},
        {" \n", 0600, LASTCALL_E_CONFIG},
        {"two words", 0600, LASTCALL_E_CONFIG},
        {"a\r\nX-Other: b", 0600, LASTCALL_E_CONFIG},
        {"umläut", 0600, LASTCALL_E_CONFIG},
    };
    char missing[] = "/nonexistent/token";
    struct plex_bench bench;

    (void)state;
    plex_bench_open(&bench, NULL, PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_close(&bench);
    {
        struct platform_error none = {0};

        /* As Notepad saves it. */
        plex_bench_write_token("\xef\xbb\xbfgood\r\n");
        assert_int_equal(plex_bench_try_open(&bench, &none), LASTCALL_OK);
        plex_bench_close(&bench);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct platform_error error = {0};

        plex_bench_write_token(cases[i].content);
        assert_int_equal(chmod(plex_bench_token_path, cases[i].mode), 0);
        assert_int_equal(plex_bench_try_open(&bench, &error), cases[i].status);
        assert_null(bench.state);
        assert_non_null(strstr(error.text, plex_bench_token_path));
        assert_null(strstr(error.text, "words"));
    }
    bench.settings.token_file = missing;
    {
        struct platform_error error = {0};

        assert_int_equal(plex_bench_try_open(&bench, &error),
                         LASTCALL_E_CONFIG);
        assert_non_null(strstr(error.text, "/nonexistent/token"));
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* token = auto: the server's own, as its folder has it at the time. */
static void the_local_servers_token_is_found(void **state)
{
    char folder[] = "/tmp/lastcall-plex-XXXXXX";
    char data[128];
    char preferences[160];
    char admin[160];
    struct plex_bench bench;
    struct session_list sessions;
    struct session_outcome outcome;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(data, sizeof(data), "%s/Plex Media Server", folder);
    (void)snprintf(preferences, sizeof(preferences), "%s/Preferences.xml",
                   data);
    (void)snprintf(admin, sizeof(admin), "%s/.LocalAdminToken", data);
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(
        setenv("PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR", folder, 1), 0);

    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    backend_plex_ops.close(bench.state);
    bench.settings.token_file = NULL;
    {
        struct platform_error error = {0};

        assert_int_equal(plex_bench_try_open(&bench, &error), LASTCALL_OK);
    }
    /* None is there yet, and the server wants one. */
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome),
                     LASTCALL_DENIED);
    assert_non_null(strstr(outcome.detail, data));

    write_text(admin, STANDIN_TOKEN "\n");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    session_list_deinit(&sessions);

    /* The server was claimed: its account's token comes first. */
    standin_tell(&plex_bench_standin, "POST", "/tokens",
                 "{\"rotate\":\"owner-token\",\"to\":\"online&1\"}");
    write_text(preferences,
               "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Preferences "
               "FriendlyName=\"x\" PlexOnlineToken=\"online&amp;1\"/>\n");
    assert_int_equal(plex_bench_list(&bench, &sessions, &outcome), LASTCALL_OK);
    session_list_deinit(&sessions);

    plex_bench_close(&bench);
    assert_int_equal(unsetenv("PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR"), 0);
    assert_int_equal(unlink(preferences), 0);
    assert_int_equal(unlink(admin), 0);
    assert_int_equal(rmdir(data), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Two clocks that a test sets. */
struct hands {
    int64_t wall_ms;
    int64_t monotonic_ms;
};

static int64_t read_wall(void *state)
{
    return ((const struct hands *)state)->wall_ms;
}

static int64_t read_monotonic(void *state)
{
    return ((const struct hands *)state)->monotonic_ms;
}

static void pauses_are_measured_by_the_monotonic_clock(void **state)
{
    struct hands hands = {.wall_ms = INT64_C(1700000000000)};
    const struct clock clock = {read_wall, read_monotonic, &hands};
    struct plex_bench bench;
    struct session target = {0};

    (void)state;
    plex_bench_open(&bench, "sessions-mixed.json", PLEX_BENCH_LONG_TIMEOUT_MS);
    plex_bench_reopen(&bench, PLEX_BENCH_LONG_TIMEOUT_MS, &clock);

    plex_bench_pick(&bench, "t6h1pw0kd8vfictionalsess2", &target);
    assert_string_equal(session_text(&target, SESSION_STARTED_AT),
                        "2023-11-14T22:13:20.000Z");
    assert_int_equal(target.fields[SESSION_PAUSED_S].as.integer, 0);
    session_deinit(&target);

    /* The wall clock jumps back; neither beginning nor pause moves. */
    hands.wall_ms -= 86400000;
    hands.monotonic_ms += 61999;
    plex_bench_pick(&bench, "t6h1pw0kd8vfictionalsess2", &target);
    assert_string_equal(session_text(&target, SESSION_STARTED_AT),
                        "2023-11-14T22:13:20.000Z");
    assert_int_equal(target.fields[SESSION_PAUSED_S].as.integer, 61);
    assert_int_equal(target.fields[SESSION_IDLE_S].as.integer, 61);
    session_deinit(&target);

    standin_tell(&plex_bench_standin, "PATCH", "/sessions/18",
                 "{\"Player\":{\"state\":\"playing\"}}");
    plex_bench_pick(&bench, "t6h1pw0kd8vfictionalsess2", &target);
    assert_int_equal(target.fields[SESSION_PAUSED_S].kind, VALUE_NULL);
    assert_int_equal(target.fields[SESSION_IDLE_S].as.integer, 0);
    session_deinit(&target);

    standin_tell(&plex_bench_standin, "PATCH", "/sessions/18",
                 "{\"Player\":{\"state\":\"paused\"}}");
    plex_bench_pick(&bench, "t6h1pw0kd8vfictionalsess2", &target);
    assert_int_equal(target.fields[SESSION_PAUSED_S].as.integer, 0);
    session_deinit(&target);
    plex_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_listed_in_every_form),
        cmocka_unit_test(lists_that_are_none_are_refused),
        cmocka_unit_test(a_flood_of_sessions_is_refused),
        cmocka_unit_test(odd_lists_are_read),
        cmocka_unit_test(listing_needs_no_pass),
        cmocka_unit_test(a_report_tells_version_and_abilities),
        cmocka_unit_test(a_bad_token_file_is_a_configuration_error),
        cmocka_unit_test(the_local_servers_token_is_found),
        cmocka_unit_test(pauses_are_measured_by_the_monotonic_clock),
    };

    return cmocka_run_group_tests_name("backend_plex_list", tests,
                                       plex_bench_start, plex_bench_stop);
}
