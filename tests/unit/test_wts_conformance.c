/*
 * What a backend for Windows sessions promises, from the interface down to
 * the calls that Windows sees: natively over the double, where sanitizers
 * watch, and under Wine over wtsapi32.dll's stand-in.  The log says what was
 * really asked for.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/gate.h"
#include "tests/unit/wts_stage.h"
#include "worker/backend_wts.h"

#define SHORT_MS 300
#define LONG_MS 60000
/* A change must be known so soon. */
#define NEWS_MS 2000
#define CROWD 500
#define NAME_OF_MANY "J\xc3\xbcrgen \xe6\x9d\xb1\xf0\x9f\x90\x88"
#define DISCONNECT "\"fn\":\"WTSDisconnectSession\""
#define LOGOFF "\"fn\":\"WTSLogoffSession\""
#define MESSAGE "\"fn\":\"WTSSendMessageW\""
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char ordinary[] =
    "session\tid=0\tstate=disconnected\tname=Services\n"
    "session\tid=1\tname=Console\tuser=worker\n"
    "session\tid=2\tname=RDP-Tcp#0\tuser=" NAME_OF_MANY "\tdomain=CORP"
    "\tclient=LAPTOP7\taddr=10.1.2.3\tdir=C:\\\\Windows\tproto=2\tbuild=19041"
    "\twidth=1920\theight=1080\tdepth=32\tlocked=1\tidle_s=300"
    "\tlogon_age_s=7200\tconnect_age_s=7100\n"
    "session\tid=3\tstate=disconnected\tuser=bob\tlogon_age_s=900"
    "\tdisc_age_s=600\n"
    "session\tid=65536\tstate=listen\tname=RDP-Tcp\n";

static enum lastcall_status
stage_backend_open(const struct backend_surroundings *around, void **state,
                   struct platform_error *error)
{
    return backend_wts_open_with(stage_api(), around, state, error);
}

static const struct session_backend_ops ops =
    BACKEND_WTS_OPS(stage_backend_open);

/* One server "desktop"; its word of changes is counted. */
struct bench {
    struct server_settings settings;
    struct gate gate;
    unsigned news;
    void *backend;
};

static struct bench bench;

static void on_changed(void *context)
{
    (void)context;
    gate_lock(&bench.gate);
    bench.news++;
    gate_unlock(&bench.gate);
    gate_signal(&bench.gate);
}

static void open_backend(int64_t timeout_ms, char *computer)
{
    const struct backend_surroundings around = {
        .settings = &bench.settings,
        .clock = &platform_clock,
        .changed = on_changed,
    };
    struct platform_error error = {""};

    bench.settings = (struct server_settings){
        .backend = BACKEND_WTS, .timeout_ms = timeout_ms, .computer = computer};
    snprintf(bench.settings.name.text, sizeof(bench.settings.name.text),
             "desktop");
    if (ops.open(&around, &bench.backend, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
}

static void close_backend(void)
{
    ops.close(bench.backend);
    bench.backend = NULL;
}

static int setup(void **state)
{
    bench = (struct bench){0};
    assert_int_equal(gate_init(&bench.gate), LASTCALL_OK);
    stage_setup(state);
    stage_write(ordinary);
    open_backend(LONG_MS, NULL);
    return 0;
}

static int teardown(void **state)
{
    close_backend();
    stage_teardown(state);
    gate_deinit(&bench.gate);
    return 0;
}

/* The ordinary machine, and one more line. */
static void write_more(const char *line)
{
    static char text[4096];

    snprintf(text, sizeof(text), "%s%s\n", ordinary, line);
    stage_write(text);
}

static void list(struct session_list *out)
{
    struct session_outcome outcome;

    *out = (struct session_list){0};
    if (ops.list(bench.backend, out, &outcome) != LASTCALL_OK)
        fail_msg("%s", outcome.detail);
}

/* Select a session as a command would. */
static void pick(const char *id, struct session *out)
{
    struct session_list sessions;
    const struct session *found;

    list(&sessions);
    found = session_list_find(&sessions, id);
    assert_non_null(found);
    *out = (struct session){0};
    assert_int_equal(session_copy(found, out), LASTCALL_OK);
    session_list_deinit(&sessions);
}

static enum lastcall_status act(struct session *target, enum action action,
                                struct session_outcome *outcome)
{
    const struct order order = {.request = {.action = action}};
    enum lastcall_status status =
        ops.act(bench.backend, target, &order, outcome);

    assert_int_equal(status, outcome->code);
    return status;
}

static enum lastcall_status pick_and_act(const char *id, enum action action,
                                         struct session_outcome *outcome)
{
    struct session target;
    enum lastcall_status status;

    pick(id, &target);
    status = act(&target, action, outcome);
    session_deinit(&target);
    return status;
}

static int64_t integer(const struct session *session, enum session_field field)
{
    assert_int_equal(session->fields[field].kind, VALUE_INTEGER);
    return session->fields[field].as.integer;
}

/* ---- lists ---- */

static void test_a_list_has_every_field(void **state)
{
    struct session_list sessions;
    const struct session *one;

    (void)state;
    list(&sessions);
    assert_int_equal(sessions.count, 5);
    one = session_list_find(&sessions, "2");
    assert_string_equal(session_text(one, SESSION_SERVER), "desktop");
    assert_string_equal(session_text(one, SESSION_BACKEND), "wts");
    assert_string_equal(session_text(one, SESSION_USERNAME), NAME_OF_MANY);
    assert_string_equal(session_text(one, SESSION_DOMAIN), "CORP");
    assert_string_equal(session_text(one, SESSION_STATE), "active");
    assert_string_equal(session_text(one, SESSION_SESSION_NAME), "RDP-Tcp#0");
    assert_string_equal(session_text(one, SESSION_CLIENT_NAME), "LAPTOP7");
    assert_string_equal(session_text(one, SESSION_CLIENT_ADDRESS), "10.1.2.3");
    assert_string_equal(session_text(one, SESSION_CLIENT_DIRECTORY),
                        "C:\\Windows");
    assert_string_equal(session_text(one, SESSION_PROTOCOL), "rdp");
    assert_int_equal(integer(one, SESSION_CLIENT_BUILD), 19041);
    assert_int_equal(integer(one, SESSION_CLIENT_WIDTH), 1920);
    assert_int_equal(integer(one, SESSION_CLIENT_HEIGHT), 1080);
    assert_in_range(integer(one, SESSION_IDLE_S), 300, 330);
    assert_true(session_is(one, SESSION_IS_LOCKED));
    assert_true(session_is(one, SESSION_ENDABLE));
    assert_non_null(session_text(one, SESSION_LOGON_TIME));
    assert_non_null(session_text(one, SESSION_CONNECT_TIME));
    assert_non_null(session_text(one, SESSION_LAST_INPUT_TIME));
    assert_null(session_text(one, SESSION_DISCONNECT_TIME));
    session_list_deinit(&sessions);
}

static void test_what_windows_leaves_out_is_unknown(void **state)
{
    struct session_list sessions;
    const struct session *one;

    (void)state;
    list(&sessions);
    one = session_list_find(&sessions, "0");
    assert_null(session_text(one, SESSION_USERNAME));
    assert_null(session_text(one, SESSION_DOMAIN));
    assert_null(session_text(one, SESSION_CLIENT_NAME));
    assert_int_equal(one->fields[SESSION_IDLE_S].kind, VALUE_NULL);
    one = session_list_find(&sessions, "3");
    assert_string_equal(session_text(one, SESSION_STATE), "disconnected");
    assert_string_equal(session_text(one, SESSION_USERNAME), "bob");
    assert_null(session_text(one, SESSION_SESSION_NAME));
    assert_non_null(session_text(one, SESSION_DISCONNECT_TIME));
    session_list_deinit(&sessions);
}

static void test_a_list_stays_the_same(void **state)
{
    struct session_list sessions;
    char logon[64];

    (void)state;
    list(&sessions);
    snprintf(
        logon, sizeof(logon), "%s",
        session_text(session_list_find(&sessions, "2"), SESSION_LOGON_TIME));
    session_list_deinit(&sessions);
    list(&sessions);
    assert_string_equal(
        session_text(session_list_find(&sessions, "2"), SESSION_LOGON_TIME),
        logon);
    session_list_deinit(&sessions);
}

static void test_a_crowd_with_one_that_fails(void **state)
{
    static char text[CROWD * 80];
    struct session_list sessions;
    size_t len = 0;

    (void)state;
    for (int i = 1; i <= CROWD; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "session\tid=%d\tuser=user%d\tidle_s=60\n",
                                i + 1, i);
    snprintf(text + len, sizeof(text) - len,
             "fail\tfn=WTSQuerySessionInformationW\tsession=250\terror=7007\n");
    stage_write(text);
    list(&sessions);
    assert_int_equal(sessions.count, CROWD);
    for (size_t i = 0; i < sessions.count; i++) {
        const struct session *one = &sessions.items[i];
        bool fails = strcmp(session_text(one, SESSION_ID), "250") == 0;

        assert_non_null(session_text(one, SESSION_USERNAME));
        assert_int_equal(one->fields[SESSION_IDLE_S].kind,
                         fails ? VALUE_NULL : VALUE_INTEGER);
    }
    session_list_deinit(&sessions);
}

static void test_nobody_at_all(void **state)
{
    struct session_list sessions;

    (void)state;
    stage_write("");
    list(&sessions);
    assert_int_equal(sessions.count, 0);
    session_list_deinit(&sessions);
}

static void test_a_list_that_fails_says_why(void **state)
{
    static const struct {
        const char *line;
        enum lastcall_status code;
        const char *detail;
    } cases[] = {
        {"fail\tfn=WTSEnumerateSessionsExW\terror=5", LASTCALL_DENIED, "5"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=1722", LASTCALL_UNREACHABLE,
         "1722"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=7022", LASTCALL_UNREACHABLE,
         "7022"},
        {"fail\tfn=WTSEnumerateSessionsExW\terror=31337", LASTCALL_SERVER_ERROR,
         "31337"},
        {"fail\tfn=WTSEnumerateSessionsExW\tlevel=2", LASTCALL_SERVER_ERROR,
         "no error number"},
        {"fail\tfn=WTSEnumerateSessionsExW\tnullptr=1", LASTCALL_SERVER_ERROR,
         "no error number"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session_list sessions = {0};
        struct session_outcome outcome;

        write_more(cases[i].line);
        if (ops.list(bench.backend, &sessions, &outcome) != cases[i].code)
            fail_msg("%s: %s", cases[i].line, outcome.detail);
        assert_int_equal(sessions.count, 0);
        if (strstr(outcome.detail, cases[i].detail) == NULL)
            fail_msg("'%s' says not %s", outcome.detail, cases[i].detail);
    }
}

static void test_a_list_that_hangs_ends_in_time(void **state)
{
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    close_backend();
    write_more("fail\tfn=WTSEnumerateSessionsExW\tdelay_ms=1500\tcount=1");
    open_backend(SHORT_MS, NULL);
    assert_int_equal(ops.list(bench.backend, &sessions, &outcome),
                     LASTCALL_TIMEOUT);
    assert_int_equal(sessions.count, 0);
    assert_int_equal(stage_count("WTSEnumerateSessionsExW"), 0);
    stage_await("WTSEnumerateSessionsExW"); /* its end, long after */
}

/* ---- disconnect and logoff ---- */

static void test_disconnect(void **state)
{
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_int_equal(stage_count(DISCONNECT ",\"server\":null,\"session\":2,"
                                            "\"wait\":true,\"error\":0"),
                     1);
    list(&sessions);
    assert_string_equal(
        session_text(session_list_find(&sessions, "2"), SESSION_STATE),
        "disconnected");
    session_list_deinit(&sessions);
    /* Now it is nothing that Windows has to do. */
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_ALREADY_GONE);
    assert_int_equal(stage_count(DISCONNECT), 1);
}

static void test_logoff(void **state)
{
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    assert_int_equal(pick_and_act("3", ACTION_LOGOFF, &outcome), LASTCALL_OK);
    assert_int_equal(stage_count(LOGOFF ",\"server\":null,\"session\":3,"
                                        "\"wait\":false,\"error\":0"),
                     1);
    list(&sessions);
    assert_null(session_list_find(&sessions, "3"));
    session_list_deinit(&sessions);
}

static void test_an_empty_promise_is_watched(void **state)
{
    struct session_outcome outcome;

    (void)state;
    write_more("fail\tfn=WTSDisconnectSession\tnochange=1\n"
               "fail\tfn=WTSLogoffSession\tnochange=1");
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_true(outcome.settle_ms > 0);
    assert_int_equal(pick_and_act("2", ACTION_LOGOFF, &outcome), LASTCALL_OK);
    assert_true(outcome.settle_ms > 0);
}

struct refusal {
    uint32_t error;
    enum lastcall_status code;
};

static void test_every_refusal_has_its_code(void **state)
{
    static const struct refusal refusals[] = {
        {2, LASTCALL_ALREADY_GONE},    {5, LASTCALL_DENIED},
        {6, LASTCALL_SERVER_ERROR},    {31, LASTCALL_INVALID_REQUEST},
        {50, LASTCALL_UNSUPPORTED},    {87, LASTCALL_INVALID_REQUEST},
        {120, LASTCALL_UNSUPPORTED},   {995, LASTCALL_UNREACHABLE},
        {1062, LASTCALL_UNREACHABLE},  {1460, LASTCALL_TIMEOUT},
        {1722, LASTCALL_UNREACHABLE},  {1726, LASTCALL_UNREACHABLE},
        {1818, LASTCALL_UNREACHABLE},  {7007, LASTCALL_ALREADY_GONE},
        {7022, LASTCALL_ALREADY_GONE}, {7024, LASTCALL_BUSY},
        {7037, LASTCALL_NOT_ENDABLE},  {7041, LASTCALL_NOT_ENDABLE},
        {7045, LASTCALL_DENIED},       {31337, LASTCALL_SERVER_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct session_outcome outcome;
        char line[160], number[16];

        snprintf(number, sizeof(number), "%lu",
                 (unsigned long)refusals[i].error);
        snprintf(line, sizeof(line),
                 "fail\tfn=WTSDisconnectSession\terror=%s\n"
                 "fail\tfn=WTSLogoffSession\terror=%s",
                 number, number);
        write_more(line);
        if (pick_and_act("2", ACTION_DISCONNECT, &outcome) != refusals[i].code)
            fail_msg("%s: %s", number, outcome.detail);
        assert_non_null(strstr(outcome.detail, number));
        if (pick_and_act("2", ACTION_LOGOFF, &outcome) != refusals[i].code)
            fail_msg("%s: %s", number, outcome.detail);
        /* Never a second time by itself. */
        assert_int_equal(stage_count(DISCONNECT), 1);
        assert_int_equal(stage_count(LOGOFF), 1);
    }
}

static void test_a_lost_reply_is_settled_by_looking(void **state)
{
    struct session_outcome outcome;

    (void)state;
    write_more("fail\tfn=WTSDisconnectSession\terror=1726\tafter=1\n"
               "fail\tfn=WTSLogoffSession\terror=1726\tafter=1");
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(stage_count(DISCONNECT), 1);
    assert_int_equal(pick_and_act("3", ACTION_LOGOFF, &outcome), LASTCALL_OK);
    assert_int_equal(stage_count(LOGOFF), 1);
}

static void test_a_call_that_hangs_is_settled_by_looking(void **state)
{
    struct session_outcome outcome;

    (void)state;
    close_backend();
    write_more("fail\tfn=WTSDisconnectSession\tdelay_ms=1500");
    open_backend(SHORT_MS, NULL);
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_TIMEOUT);
    stage_await(DISCONNECT);
    assert_int_equal(stage_count(DISCONNECT), 1);
}

static void test_what_is_gone_or_another_is_left_alone(void **state)
{
    static const struct {
        const char *now;
        enum lastcall_status code;
    } cases[] = {
        {"session\tid=1\tuser=worker\n", LASTCALL_ALREADY_GONE},
        {"session\tid=2\tuser=mallory\tdomain=CORP\tlogon_age_s=5\n",
         LASTCALL_CHANGED},
        {"session\tid=2\tuser=" NAME_OF_MANY "\tdomain=CORP\tlogon_age_s=5\n",
         LASTCALL_CHANGED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session target;
        struct session_outcome outcome;

        stage_write(ordinary);
        pick("2", &target);
        stage_change(cases[i].now);
        if (act(&target, ACTION_LOGOFF, &outcome) != cases[i].code)
            fail_msg("case %d: %s", (int)i, outcome.detail);
        assert_int_equal(stage_count(LOGOFF), 0);
        session_deinit(&target);
    }
}

static void test_it_vanishes_at_the_last_moment(void **state)
{
    struct session_outcome outcome;

    (void)state;
    write_more("host\tnotfound=7022\n"
               "fail\tfn=WTSLogoffSession\terror=7022\tafter=1");
    assert_int_equal(pick_and_act("2", ACTION_LOGOFF, &outcome),
                     LASTCALL_ALREADY_GONE);
}

static void test_special_sessions_are_never_touched(void **state)
{
    static const char *const listed[] = {"0", "1", "65536"};
    static const char *const named[] = {"4294967295", "4294967296", "-1"};
    struct session_outcome outcome;

    (void)state;
    for (size_t i = 0; i < COUNT(listed); i++) {
        pick_and_act(listed[i], ACTION_DISCONNECT, &outcome);
        assert_int_not_equal(outcome.code, LASTCALL_OK);
        assert_int_equal(pick_and_act(listed[i], ACTION_LOGOFF, &outcome),
                         LASTCALL_NOT_ENDABLE);
    }
    for (size_t i = 0; i < COUNT(named); i++) {
        struct session target = {0};

        assert_int_equal(session_set_text(&target, SESSION_ID, named[i]),
                         LASTCALL_OK);
        assert_int_equal(act(&target, ACTION_LOGOFF, &outcome),
                         LASTCALL_INVALID_REQUEST);
        session_deinit(&target);
    }
    assert_int_equal(stage_count(DISCONNECT), 0);
    assert_int_equal(stage_count(LOGOFF), 0);
}

/* ---- messages ---- */

static char message_text[] = "Bitte \"speichern\"\nund " NAME_OF_MANY;
static char message_title[] = "W\xc3\xa4rtung";
static char message_style[] = "yes_no,question";

static enum lastcall_status send(const char *id, const struct request *request,
                                 struct session_outcome *outcome)
{
    const struct order order = {.request = *request};
    struct session target;
    enum lastcall_status status;

    pick(id, &target);
    status = ops.act(bench.backend, &target, &order, outcome);
    session_deinit(&target);
    return status;
}

static void test_a_message_arrives_unchanged(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .title = message_title,
        .style = message_style,
    };
    struct session_outcome outcome;

    (void)state;
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "");
    assert_int_equal(
        stage_count(MESSAGE
                    ",\"server\":null,\"session\":2,\"wait\":false,"
                    "\"title\":\"W\xc3\xa4rtung\","
                    "\"text\":\"Bitte \\\"speichern\\\"\\u000aund " NAME_OF_MANY
                    "\",\"style\":36,"),
        1);
}

static void test_a_message_is_answered(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .style = message_style,
        .timeout_s = 30,
        .wait = true,
    };
    struct session_outcome outcome;

    (void)state;
    stage_write("session\tid=2\tuser=alice\treply=6\treply_ms=100\n");
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "yes");
    assert_int_equal(stage_count("\"timeout_s\":30,\"answer\":6,\"error\":0"),
                     1);
}

static void test_a_message_times_out(void **state)
{
    const struct request request = {
        .action = ACTION_MESSAGE,
        .message = message_text,
        .timeout_s = 1,
        .wait = true,
    };
    struct session_outcome outcome;

    (void)state;
    assert_int_equal(send("2", &request, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "timeout");
}

static void test_a_message_that_fails(void **state)
{
    static const struct refusal refusals[] = {
        {2, LASTCALL_NOT_FOUND},
        {5, LASTCALL_DENIED},
        {1722, LASTCALL_UNREACHABLE},
        {7022, LASTCALL_NOT_FOUND},
    };
    const struct request request = {.action = ACTION_MESSAGE,
                                    .message = message_text};

    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct session_outcome outcome;
        char line[80];

        snprintf(line, sizeof(line), "fail\tfn=WTSSendMessageW\terror=%lu",
                 (unsigned long)refusals[i].error);
        write_more(line);
        if (send("2", &request, &outcome) != refusals[i].code)
            fail_msg("%s: %s", line, outcome.detail);
        assert_int_equal(stage_count(MESSAGE), 1);
    }
}

/* ---- events ---- */

static void test_a_change_is_news_at_once(void **state)
{
    int64_t until_ms;
    bool is_told;

    (void)state;
    stage_await("\"waiting\":true");
    stage_change("session\tid=2\tstate=disconnected\tuser=alice\n");
    until_ms = platform_clock.monotonic_ms(platform_clock.state) + NEWS_MS;
    gate_lock(&bench.gate);
    while (bench.news == 0 &&
           platform_clock.monotonic_ms(platform_clock.state) < until_ms)
        gate_wait(&bench.gate, NEWS_MS);
    is_told = bench.news > 0;
    gate_unlock(&bench.gate);
    assert_true(is_told);
}

/* ---- other machines ---- */

static void test_another_machine(void **state)
{
    char computer[] = "SERVER01";
    struct session_outcome outcome;
    struct session_list sessions;

    (void)state;
    close_backend();
    write_more("server\tname=SERVER01\n"
               "session\tserver=SERVER01\tid=2\tuser=carol");
    open_backend(LONG_MS, computer);
    list(&sessions);
    assert_int_equal(sessions.count, 1);
    assert_string_equal(session_text(&sessions.items[0], SESSION_USERNAME),
                        "carol");
    assert_string_equal(session_text(&sessions.items[0], SESSION_COMPUTER_NAME),
                        "SERVER01");
    session_list_deinit(&sessions);
    assert_int_equal(pick_and_act("2", ACTION_DISCONNECT, &outcome),
                     LASTCALL_OK);
    assert_int_equal(
        stage_count(DISCONNECT ",\"server\":\"SERVER01\",\"session\":2"), 1);
}

static void test_a_machine_that_nobody_knows(void **state)
{
    char computer[] = "NOWHERE";
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    close_backend();
    open_backend(LONG_MS, computer);
    assert_int_equal(ops.list(bench.backend, &sessions, &outcome),
                     LASTCALL_UNREACHABLE);
    assert_non_null(strstr(outcome.detail, "1722"));
}

static void test_the_report(void **state)
{
    struct backend_report report;

    (void)state;
    assert_int_equal(ops.report(bench.backend, &report), LASTCALL_OK);
    assert_int_equal(strncmp(report.version, "Windows ", 8), 0);
    assert_true(report.actions != 0);
    write_more("fail\tfn=WTSEnumerateSessionsExW\terror=5");
    assert_int_equal(ops.report(bench.backend, &report), LASTCALL_DENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_has_every_field),
        TEST(test_what_windows_leaves_out_is_unknown),
        TEST(test_a_list_stays_the_same),
        TEST(test_a_crowd_with_one_that_fails),
        TEST(test_nobody_at_all),
        TEST(test_a_list_that_fails_says_why),
        TEST(test_a_list_that_hangs_ends_in_time),
        TEST(test_disconnect),
        TEST(test_logoff),
        TEST(test_an_empty_promise_is_watched),
        TEST(test_every_refusal_has_its_code),
        TEST(test_a_lost_reply_is_settled_by_looking),
        TEST(test_a_call_that_hangs_is_settled_by_looking),
        TEST(test_what_is_gone_or_another_is_left_alone),
        TEST(test_it_vanishes_at_the_last_moment),
        TEST(test_special_sessions_are_never_touched),
        TEST(test_a_message_arrives_unchanged),
        TEST(test_a_message_is_answered),
        TEST(test_a_message_times_out),
        TEST(test_a_message_that_fails),
        TEST(test_a_change_is_news_at_once),
        TEST(test_another_machine),
        TEST(test_a_machine_that_nobody_knows),
        TEST(test_the_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
