#include "tests/unit/fake_wts.h"

#include "tests/unit/case_lines.h"

#define SHORT_MS 100
#define MIDDLE_MS 400
#define LONG_MS 10000

/* One server "desktop" with what the fake holds. */
struct bench {
    struct server_settings settings;
    void *backend;
};

static enum lastcall_status open_backend(struct bench *bench,
                                         int64_t timeout_ms,
                                         struct platform_error *error)
{
    const struct backend_surroundings around = {
        .settings = &bench->settings,
        .clock = &platform_clock,
    };

    bench->settings.timeout_ms = timeout_ms;
    bench->settings.backend = BACKEND_WTS;
    snprintf(bench->settings.name.text, sizeof(bench->settings.name.text),
             "desktop");
    return fake_wts_backend_ops.open(&around, &bench->backend, error);
}

static void bench_open(struct bench *bench, int64_t timeout_ms)
{
    struct platform_error error = {""};

    *bench = (struct bench){0};
    assert_int_equal(open_backend(bench, timeout_ms, &error), LASTCALL_OK);
}

/* Close, and see that nothing of Windows is kept. */
static void bench_close(struct bench *bench)
{
    fake_wts_release();
    fake_wts_backend_ops.close(bench->backend);
    fake_wts_await(&fake_wts.closes, fake_wts.opens);
}

static void list(struct bench *bench, struct session_list *out)
{
    struct session_outcome outcome;

    if (fake_wts_backend_ops.list(bench->backend, out, &outcome) != LASTCALL_OK)
        fail_msg("%s", outcome.detail);
    assert_int_equal(outcome.code, LASTCALL_OK);
}

/* Select a session as a command would. */
static void pick(struct bench *bench, const char *id, struct session *out)
{
    struct session_list sessions = {0};

    list(bench, &sessions);
    assert_non_null(session_list_find(&sessions, id));
    assert_int_equal(session_copy(session_list_find(&sessions, id), out),
                     LASTCALL_OK);
    session_list_deinit(&sessions);
}

static enum lastcall_status act(struct bench *bench, enum action action,
                                const struct session *target,
                                struct session_outcome *outcome)
{
    const struct order order = {.request = {.action = action}};
    enum lastcall_status status =
        fake_wts_backend_ops.act(bench->backend, target, &order, outcome);

    assert_int_equal(status, outcome->code);
    return status;
}

/* Select a session, then act on it. */
static enum lastcall_status pick_and_act(struct bench *bench,
                                         enum action action, const char *id,
                                         struct session_outcome *outcome)
{
    struct session target = {0};
    enum lastcall_status status = LASTCALL_OK;

    pick(bench, id, &target);
    status = act(bench, action, &target, outcome);
    session_deinit(&target);
    return status;
}

static void assert_says(const struct session_outcome *outcome, const char *part)
{
    if (strstr(outcome->detail, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, outcome->detail);
}

static int setup(void **state)
{
    (void)state;
    fake_wts_reset();
    return 0;
}

static void sessions_are_listed(void **state)
{
    struct bench bench;
    struct session_list sessions = {0};
    const struct session *one = NULL;

    (void)state;
    fake_wts_add(0, WTS_STATE_DISCONNECTED, "");
    fake_wts_add(2, WTS_STATE_ACTIVE, "m\xC3\xBCller");
    fake_wts_add(65536, WTS_STATE_LISTEN, "");
    fake_wts.own_session = 7;
    bench_open(&bench, LONG_MS);
    list(&bench, &sessions);
    assert_int_equal(sessions.count, 3);
    one = session_list_find(&sessions, "2");
    assert_non_null(one);
    assert_string_equal(session_text(one, SESSION_SERVER), "desktop");
    assert_string_equal(session_text(one, SESSION_BACKEND), "wts");
    assert_string_equal(session_text(one, SESSION_USERNAME), "m\xC3\xBCller");
    assert_string_equal(session_text(one, SESSION_COMPUTER_NAME), "TS01");
    assert_string_equal(session_text(one, SESSION_CLIENT_NAME), "LAPTOP7");
    assert_string_equal(session_text(one, SESSION_STATE), "active");
    assert_string_equal(session_text(one, SESSION_LOGON_TIME),
                        "2026-11-21T06:30:00.000Z");
    assert_int_equal(one->fields[SESSION_IDLE_S].as.integer, 300);
    assert_true(session_is(one, SESSION_ENDABLE));
    assert_null(
        session_text(session_list_find(&sessions, "0"), SESSION_USERNAME));
    session_list_deinit(&sessions);
    bench_close(&bench);
}

/* Of 500 sessions one is closing, and one has another fault. */
static void a_session_that_fails_spoils_no_list(void **state)
{
    struct bench bench;
    struct session_list sessions = {0};

    (void)state;
    for (uint32_t id = 1; id <= 500; id++)
        fake_wts_add(id, WTS_STATE_ACTIVE, "user");
    fake_wts_find(250)->query_error = 7007;
    fake_wts_find(251)->query_error = 1733;
    fake_wts_find(252)->query_error = 31337;
    fake_wts.own_session = 9999;
    bench_open(&bench, LONG_MS);
    list(&bench, &sessions);
    assert_int_equal(sessions.count, 500);
    for (size_t i = 0; i < sessions.count; i++) {
        const struct session *one = &sessions.items[i];
        bool fails = i >= 249 && i < 252;

        assert_string_equal(session_text(one, SESSION_USERNAME), "user");
        assert_string_equal(session_text(one, SESSION_DOMAIN), "CORP");
        assert_int_equal(one->fields[SESSION_IDLE_S].kind,
                         fails ? VALUE_NULL : VALUE_INTEGER);
        assert_int_equal(one->fields[SESSION_CLIENT_NAME].kind,
                         fails ? VALUE_NULL : VALUE_TEXT);
    }
    session_list_deinit(&sessions);
    bench_close(&bench);
}

static void what_has_no_client_is_not_asked_for_one(void **state)
{
    static const enum wts_state states[] = {
        WTS_STATE_DISCONNECTED, WTS_STATE_IDLE, WTS_STATE_LISTEN,
        WTS_STATE_RESET,        WTS_STATE_DOWN, WTS_STATE_INIT};
    struct bench bench;
    struct session_list sessions = {0};

    (void)state;
    for (uint32_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        fake_wts_add(i + 1, states[i], "");
    bench_open(&bench, LONG_MS);
    list(&bench, &sessions);
    assert_int_equal(sessions.count, 6);
    assert_int_equal(fake_wts.calls[FAKE_WTS_CLIENT], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_PROTOCOL], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_TEXT], 0);
    assert_int_equal(fake_wts.calls[FAKE_WTS_INFO], 1); /* the first */
    session_list_deinit(&sessions);
    bench_close(&bench);
}

static void a_list_that_fails_says_why(void **state)
{
    struct bench bench;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    bench_open(&bench, LONG_MS);
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_DENIED);
    assert_says(&outcome, "Windows error 5: Access is denied. The account");
    assert_null(strstr(outcome.detail, "AllowRemoteRPC"));
    fake_wts.errors[FAKE_WTS_ENUMERATE] = WTS_ERROR_UNKNOWN;
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_SERVER_ERROR);
    assert_says(&outcome, "no error number");
    bench_close(&bench);
}

static void another_computer_gets_its_own_hints(void **state)
{
    struct bench bench = {0};
    struct session_list sessions = {0};
    struct session_outcome outcome;
    struct platform_error error = {""};
    char computer[] = "ts02.example";

    (void)state;
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    fake_wts.own_session = 2;
    bench.settings.computer = computer;
    assert_int_equal(open_backend(&bench, LONG_MS, &error), LASTCALL_OK);
    assert_string_equal(fake_wts.opened_computer, "ts02.example");
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_DENIED);
    assert_says(&outcome, "AllowRemoteRPC");
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 0;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    list(&bench, &sessions);
    /* Session 2 there is not the worker's session 2 here. */
    assert_true(session_is(&sessions.items[0], SESSION_ENDABLE));
    assert_string_equal(session_text(&sessions.items[0], SESSION_COMPUTER_NAME),
                        "ts02.example");
    session_list_deinit(&sessions);
    bench_close(&bench);
}

static void computers_by_name(void **state)
{
    static const char *const refused[] = {
        "",  "\\\\TS02", "TS02\\x", "a b", "ts02:1", "a/b",
        "*", "a\tb",     "-x",      ".",   "a\"b",   "TS01,TS02"};
    static const char *const local[] = {"TS01", "ts01", "Ts01"};
    struct platform_error error = {""};

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct bench bench = {0};
        char computer[32];

        snprintf(computer, sizeof(computer), "%s", refused[i]);
        bench.settings.computer = computer;
        if (open_backend(&bench, LONG_MS, &error) != LASTCALL_E_CONFIG)
            fail_msg("'%s' is accepted", refused[i]);
        assert_null(bench.backend);
        assert_non_null(strstr(error.text, "not the name of a computer"));
    }
    assert_int_equal(fake_wts.opens, 0);
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        struct bench bench = {0};
        char computer[32];

        snprintf(computer, sizeof(computer), "%s", local[i]);
        bench.settings.computer = computer;
        assert_int_equal(open_backend(&bench, LONG_MS, &error), LASTCALL_OK);
        assert_string_equal(fake_wts.opened_computer, "");
        bench_close(&bench);
    }
}

/* holds 5.22 */
static void a_session_is_disconnected(void **state)
{
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_add(3, WTS_STATE_ACTIVE, "bob");
    bench_open(&bench, LONG_MS);
    assert_int_equal(pick_and_act(&bench, ACTION_DISCONNECT, "3", &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_int_equal(fake_wts.last_session, 3);
    assert_int_equal(fake_wts_find(2)->state, WTS_STATE_ACTIVE);
    assert_int_equal(fake_wts_find(3)->state, WTS_STATE_DISCONNECTED);
    /* "end" is a disconnect here. */
    assert_int_equal(pick_and_act(&bench, ACTION_END, "2", &outcome),
                     LASTCALL_OK);
    assert_int_equal(fake_wts_find(2)->state, WTS_STATE_DISCONNECTED);
    assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 2);
    assert_int_equal(pick_and_act(&bench, ACTION_DISCONNECT, "2", &outcome),
                     LASTCALL_ALREADY_GONE);
    assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 2);
    assert_int_equal(pick_and_act(&bench, ACTION_STOP, "2", &outcome),
                     LASTCALL_UNSUPPORTED);
    bench_close(&bench);
}

static void an_ending_that_takes_its_time_is_watched(void **state)
{
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.is_slow_to_disconnect = true;
    bench_open(&bench, LONG_MS);
    assert_int_equal(pick_and_act(&bench, ACTION_DISCONNECT, "2", &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, LONG_MS);
    assert_int_equal(pick_and_act(&bench, ACTION_LOGOFF, "2", &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 30000);
    fake_wts.is_slow_to_disconnect = false;
    assert_int_equal(pick_and_act(&bench, ACTION_LOGOFF, "2", &outcome),
                     LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_null(fake_wts_find(2));
    bench_close(&bench);
}

static void strange_ids_are_refused(void **state)
{
    static const char *const ids[] = {"4294967295", "4294967296", "-1", "2 ",
                                      " 2",         "0x2",        "02", "two"};
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    bench_open(&bench, LONG_MS);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct session target = {0};

        assert_int_equal(session_set_text(&target, SESSION_ID, ids[i]),
                         LASTCALL_OK);
        assert_int_equal(act(&bench, ACTION_LOGOFF, &target, &outcome),
                         LASTCALL_INVALID_REQUEST);
        session_deinit(&target);
    }
    assert_int_equal(fake_wts.calls[FAKE_WTS_ENUMERATE], 0);
    bench_close(&bench);
}

/* Between the selection and the act the fake changes something. */
struct race {
    void (*change)(struct fake_wts_session *session);
    enum action action;
    enum lastcall_status code;
    const char *detail;
};

static void other_user(struct fake_wts_session *session)
{
    session->user = "mallory";
}

static void other_domain(struct fake_wts_session *session)
{
    session->domain = "HOME";
}

static void later_logon(struct fake_wts_session *session)
{
    session->info.logon_ft += 600000000;
}

static void gone(struct fake_wts_session *session)
{
    fake_wts_remove(session->id);
}

static void disconnected(struct fake_wts_session *session)
{
    session->state = WTS_STATE_DISCONNECTED;
}

static void down(struct fake_wts_session *session)
{
    session->state = WTS_STATE_DOWN;
}

/* holds 5.4, 5.22 */
static void what_changed_since_is_left_alone(void **state)
{
    static const struct race races[] = {
        {other_user, ACTION_DISCONNECT, LASTCALL_CHANGED,
         "username was 'alice' and is 'mallory'"},
        {other_user, ACTION_LOGOFF, LASTCALL_CHANGED, "username"},
        {other_user, ACTION_MESSAGE, LASTCALL_CHANGED, "username"},
        {other_domain, ACTION_DISCONNECT, LASTCALL_CHANGED,
         "domain was 'CORP' and is 'HOME'"},
        {later_logon, ACTION_DISCONNECT, LASTCALL_CHANGED,
         "logon_time was '2026-11-21T06:30:00.000Z' and is "
         "'2026-11-21T06:31:00.000Z'"},
        {disconnected, ACTION_LOGOFF, LASTCALL_CHANGED,
         "state was 'active' and is 'disconnected'"},
        {disconnected, ACTION_DISCONNECT, LASTCALL_ALREADY_GONE,
         "disconnected already"},
        {gone, ACTION_DISCONNECT, LASTCALL_ALREADY_GONE, "no longer there"},
        {gone, ACTION_LOGOFF, LASTCALL_ALREADY_GONE, "no longer there"},
        {gone, ACTION_MESSAGE, LASTCALL_NOT_FOUND, "no longer there"},
        {down, ACTION_LOGOFF, LASTCALL_ALREADY_GONE, "being ended"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++) {
        struct bench bench;
        struct session target = {0};
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        bench_open(&bench, LONG_MS);
        pick(&bench, "2", &target);
        races[i].change(fake_wts_find(2));
        if (act(&bench, races[i].action, &target, &outcome) != races[i].code)
            fail_msg("race %zu: %s: %s", i, status_name(outcome.code),
                     outcome.detail);
        assert_says(&outcome, races[i].detail);
        assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 0);
        assert_int_equal(fake_wts.calls[FAKE_WTS_LOGOFF], 0);
        assert_int_equal(fake_wts.calls[FAKE_WTS_MESSAGE], 0);
        session_deinit(&target);
        bench_close(&bench);
    }
}

/* holds 5.4 */
static void preconditions_are_checked_right_before(void **state)
{
    struct request_precondition condition = {
        .field = SESSION_CLIENT_NAME,
        .value = {.kind = VALUE_TEXT},
    };
    const struct order order = {.request = {.action = ACTION_DISCONNECT,
                                            .preconditions = &condition,
                                            .precondition_count = 1}};
    char expected[] = "LAPTOP7";
    struct bench bench;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    condition.value.as.text = expected;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    bench_open(&bench, LONG_MS);
    pick(&bench, "2", &target);
    fake_wts_find(2)->client_name = "LAPTOP8";
    assert_int_equal(
        fake_wts_backend_ops.act(bench.backend, &target, &order, &outcome),
        LASTCALL_CHANGED);
    assert_says(&outcome, "client_name");
    fake_wts_find(2)->client_name = "LAPTOP7";
    assert_int_equal(
        fake_wts_backend_ops.act(bench.backend, &target, &order, &outcome),
        LASTCALL_OK);
    session_deinit(&target);
    bench_close(&bench);
}

/* holds 5.11 */
static void what_is_not_endable_is_never_tried(void **state)
{
    static const struct {
        uint32_t id;
        enum wts_state state;
        const char *detail;
    } cases[] = {
        {0, WTS_STATE_DISCONNECTED, "services"},
        {65536, WTS_STATE_LISTEN, "listener"},
        {65537, WTS_STATE_ACTIVE, "listener"},
        {5, WTS_STATE_LISTEN, "listener"},
        {6, WTS_STATE_IDLE, "nobody's session yet"},
        {7, WTS_STATE_INIT, "nobody's session yet"},
        {8, WTS_STATE_ACTIVE, "the worker itself"},
    };
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fake_wts_add(cases[i].id, cases[i].state, "");
    fake_wts.own_session = 8;
    bench_open(&bench, LONG_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct session target = {0};
        char id[16];

        snprintf(id, sizeof(id), "%u", (unsigned)cases[i].id);
        pick(&bench, id, &target);
        assert_int_equal(target.fields[SESSION_ENDABLE].kind, VALUE_BOOL);
        assert_false(session_is(&target, SESSION_ENDABLE));
        assert_int_equal(act(&bench, ACTION_LOGOFF, &target, &outcome),
                         LASTCALL_NOT_ENDABLE);
        assert_says(&outcome, cases[i].detail);
        session_deinit(&target);
    }
    assert_int_equal(fake_wts.calls[FAKE_WTS_LOGOFF], 0);
    bench_close(&bench);
}

/* An answer that says no, or none, and what became of the session. */
static void a_lost_answer_is_settled_by_looking(void **state)
{
    static const struct {
        enum action action;
        enum fake_wts_call call;
        uint32_t error;
        bool happens;
        enum lastcall_status code;
        const char *detail;
    } cases[] = {
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 1726, true, LASTCALL_OK,
         "the session is disconnected, although"},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 1726, false,
         LASTCALL_UNREACHABLE, "Windows error 1726"},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 5, false, LASTCALL_DENIED,
         "Windows error 5: Access is denied. "},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 7022, false,
         LASTCALL_ALREADY_GONE, "Windows error 7022"},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 2, false,
         LASTCALL_ALREADY_GONE, "Windows error 2"},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 7007, false,
         LASTCALL_ALREADY_GONE, "Windows error 7007"},
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 7041, false,
         LASTCALL_NOT_ENDABLE, "console"},
        {ACTION_LOGOFF, FAKE_WTS_LOGOFF, 1722, true, LASTCALL_OK,
         "the session is logged off, although"},
        {ACTION_LOGOFF, FAKE_WTS_LOGOFF, 1722, false, LASTCALL_UNREACHABLE,
         "Windows error 1722"},
        {ACTION_LOGOFF, FAKE_WTS_LOGOFF, 7045, false, LASTCALL_DENIED,
         "Windows error 7045"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench bench;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_wts.errors[cases[i].call] = cases[i].error;
        fake_wts.happens[cases[i].call] = cases[i].happens;
        bench_open(&bench, LONG_MS);
        if (pick_and_act(&bench, cases[i].action, "2", &outcome) !=
            cases[i].code)
            fail_msg("case %zu: %s: %s", i, status_name(outcome.code),
                     outcome.detail);
        assert_says(&outcome, cases[i].detail);
        assert_int_equal(fake_wts.calls[cases[i].call], 1);
        assert_int_equal(outcome.settle_ms, 0);
        bench_close(&bench);
    }
}

static bool ends_while_it_stands;

static void end_meanwhile(enum fake_wts_call call, uint32_t session)
{
    struct fake_wts_session *found = fake_wts_find(2);

    (void)session;
    if (call == FAKE_WTS_ENUMERATE && ends_while_it_stands &&
        fake_wts.held > 0 && found != NULL)
        found->state = WTS_STATE_DISCONNECTED;
}

static void a_call_that_hangs_is_settled_by_looking(void **state)
{
    (void)state;
    for (int happens = 0; happens < 2; happens++) {
        struct bench bench;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        ends_while_it_stands = happens != 0;
        fake_wts.before = end_meanwhile;
        fake_wts_hold(FAKE_WTS_DISCONNECT, 1);
        bench_open(&bench, SHORT_MS);
        assert_int_equal(pick_and_act(&bench, ACTION_DISCONNECT, "2", &outcome),
                         happens ? LASTCALL_OK : LASTCALL_TIMEOUT);
        assert_says(&outcome, happens ? "although" : "within 100 ms");
        assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 1);
        bench_close(&bench);
    }
}

static void a_list_that_hangs_ends_in_time(void **state)
{
    struct bench bench;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_hold(FAKE_WTS_INFO, 1);
    bench_open(&bench, SHORT_MS);
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_TIMEOUT);
    assert_says(&outcome, "TS01 did not answer within 100 ms");
    assert_int_equal(sessions.count, 0);
    list(&bench, &sessions);
    assert_int_equal(sessions.count, 1);
    session_list_deinit(&sessions);
    bench_close(&bench);
}

static enum lastcall_status send(struct bench *bench, struct request request,
                                 struct session_outcome *outcome)
{
    const struct order order = {.request = request};
    struct session target = {0};
    enum lastcall_status status = LASTCALL_OK;

    pick(bench, "2", &target);
    status = fake_wts_backend_ops.act(bench->backend, &target, &order, outcome);
    session_deinit(&target);
    return status;
}

/* holds 5.21 */
static void a_message_is_shown(void **state)
{
    char title[] = "Wartung";
    char text[] = "Bitte abmelden \xF0\x9F\x9B\xB0\nDanke";
    char style[] = "yes_no,question";
    const struct request plain = {.action = ACTION_MESSAGE, .message = text};
    const struct request full = {.action = ACTION_MESSAGE,
                                 .message = text,
                                 .title = title,
                                 .style = style,
                                 .timeout_s = 30,
                                 .wait = true};
    struct request patient = full;
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.answer = WTS_ANSWER_YES;
    bench_open(&bench, LONG_MS);
    assert_int_equal(send(&bench, plain, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "");
    assert_string_equal(fake_wts.last_title, "Message");
    assert_string_equal(fake_wts.last_text, text);
    assert_int_equal(fake_wts.last_style, 0);
    assert_int_equal(fake_wts.last_timeout_s, 0);
    assert_false(fake_wts.last_wait);

    assert_int_equal(send(&bench, full, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "yes");
    assert_string_equal(fake_wts.last_title, title);
    assert_int_equal(fake_wts.last_style, 0x24);
    assert_int_equal(fake_wts.last_timeout_s, 30);
    assert_true(fake_wts.last_wait);

    /* Never for ever. */
    patient.timeout_s = 0;
    fake_wts.answer = WTS_ANSWER_TIMEOUT;
    assert_int_equal(send(&bench, patient, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "timeout");
    assert_says(&outcome, "not answered within 60 s");
    assert_int_equal(fake_wts.last_timeout_s, 60);
    bench_close(&bench);
}

static void answers_by_name(void **state)
{
    static const struct {
        uint32_t answer;
        const char *name;
    } cases[] = {
        {1, "ok"},        {2, "cancel"},      {3, "abort"}, {4, "retry"},
        {5, "ignore"},    {6, "yes"},         {7, "no"},    {10, "try_again"},
        {11, "continue"}, {32000, "timeout"}, {9, ""},      {0, ""},
    };
    char text[] = "hello";
    const struct request request = {
        .action = ACTION_MESSAGE, .message = text, .wait = true};
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    bench_open(&bench, LONG_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_wts.answer = cases[i].answer;
        assert_int_equal(send(&bench, request, &outcome), LASTCALL_OK);
        assert_string_equal(outcome.response, cases[i].name);
        if (cases[i].name[0] == '\0')
            assert_says(&outcome, "which is no button");
    }
    bench_close(&bench);
}

/* holds 5.22 */
static void a_message_that_cannot_be_shown(void **state)
{
    char text[] = "hello";
    char style[] = "loud";
    struct request request = {.action = ACTION_MESSAGE, .message = text};
    struct bench bench;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_CONNECTED, "");
    bench_open(&bench, SHORT_MS);
    assert_int_equal(send(&bench, request, &outcome), LASTCALL_UNSUPPORTED);
    assert_says(&outcome, "nobody is logged on");
    fake_wts_find(2)->user = "alice";
    fake_wts.errors[FAKE_WTS_MESSAGE] = 5;
    assert_int_equal(send(&bench, request, &outcome), LASTCALL_DENIED);
    fake_wts.errors[FAKE_WTS_MESSAGE] = 7022;
    assert_int_equal(send(&bench, request, &outcome), LASTCALL_NOT_FOUND);
    fake_wts.errors[FAKE_WTS_MESSAGE] = 0;
    request.style = style;
    assert_int_equal(send(&bench, request, &outcome), LASTCALL_INVALID_REQUEST);
    request.style = NULL;
    fake_wts_hold(FAKE_WTS_MESSAGE, 1);
    assert_int_equal(send(&bench, request, &outcome), LASTCALL_TIMEOUT);
    assert_says(&outcome, "may have been shown");
    bench_close(&bench);
}

/* What a message of another command waits for keeps nobody. */
struct waiting {
    struct bench *bench;
    struct session_outcome outcome;
};

static void *wait_for_answer(void *argument)
{
    struct waiting *waiting = argument;
    char text[] = "hello";
    const struct request request = {.action = ACTION_MESSAGE,
                                    .message = text,
                                    .wait = true,
                                    .timeout_s = 60};

    (void)send(waiting->bench, request, &waiting->outcome);
    return NULL;
}

static void messages_wait_side_by_side(void **state)
{
    struct bench bench;
    struct waiting waiting[3];
    pthread_t threads[3];
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_add(3, WTS_STATE_ACTIVE, "bob");
    fake_wts.answer = WTS_ANSWER_NO;
    fake_wts_hold(FAKE_WTS_MESSAGE, 3);
    bench_open(&bench, LONG_MS);
    for (size_t i = 0; i < 3; i++) {
        waiting[i].bench = &bench;
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_for_answer, &waiting[i]), 0);
    }
    fake_wts_await(&fake_wts.held, 3);
    assert_int_equal(pick_and_act(&bench, ACTION_DISCONNECT, "3", &outcome),
                     LASTCALL_OK);
    fake_wts_release();
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiting[i].outcome.code, LASTCALL_OK);
        assert_string_equal(waiting[i].outcome.response, "no");
    }
    bench_close(&bench);
}

/* The time for one request is not that for a person to answer. */
static void an_answer_may_take_longer_than_a_request(void **state)
{
    struct bench bench;
    struct waiting waiting;
    pthread_t thread;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.answer = WTS_ANSWER_OK;
    fake_wts_hold(FAKE_WTS_MESSAGE, 1);
    bench_open(&bench, MIDDLE_MS);
    waiting.bench = &bench;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_answer, &waiting),
                     0);
    fake_wts_await(&fake_wts.held, 1);
    /* A request that hangs passes the time. */
    fake_wts_hold(FAKE_WTS_ENUMERATE, 1);
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_TIMEOUT);
    fake_wts_release();
    pthread_join(thread, NULL);
    assert_int_equal(waiting.outcome.code, LASTCALL_OK);
    assert_string_equal(waiting.outcome.response, "ok");
    bench_close(&bench);
}

static void what_a_server_says_of_itself(void **state)
{
    struct bench bench;
    struct backend_report report;

    (void)state;
    bench_open(&bench, LONG_MS);
    assert_int_equal(fake_wts_backend_ops.report(bench.backend, &report),
                     LASTCALL_OK);
    assert_string_equal(report.version, "Windows 10.0.20348");
    assert_int_equal(report.actions, backend_kind_actions(BACKEND_WTS));
    fake_wts.errors[FAKE_WTS_ENUMERATE] = 5;
    assert_int_equal(fake_wts_backend_ops.report(bench.backend, &report),
                     LASTCALL_DENIED);
    assert_int_equal(report.actions, ACTION_BIT(ACTION_PING));
    assert_int_equal(report.rights.code, LASTCALL_DENIED);
    bench_close(&bench);
}

static void an_interrupt_ends_what_is_asked(void **state)
{
    struct bench bench;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    bench_open(&bench, LONG_MS);
    fake_wts_backend_ops.interrupt(bench.backend);
    assert_int_equal(
        fake_wts_backend_ops.list(bench.backend, &sessions, &outcome),
        LASTCALL_INTERRUPTED);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sessions_are_listed, setup),
        cmocka_unit_test_setup(a_session_that_fails_spoils_no_list, setup),
        cmocka_unit_test_setup(what_has_no_client_is_not_asked_for_one, setup),
        cmocka_unit_test_setup(a_list_that_fails_says_why, setup),
        cmocka_unit_test_setup(another_computer_gets_its_own_hints, setup),
        cmocka_unit_test_setup(computers_by_name, setup),
        cmocka_unit_test_setup(a_session_is_disconnected, setup),
        cmocka_unit_test_setup(an_ending_that_takes_its_time_is_watched, setup),
        cmocka_unit_test_setup(strange_ids_are_refused, setup),
        cmocka_unit_test_setup(what_changed_since_is_left_alone, setup),
        cmocka_unit_test_setup(preconditions_are_checked_right_before, setup),
        cmocka_unit_test_setup(what_is_not_endable_is_never_tried, setup),
        cmocka_unit_test_setup(a_lost_answer_is_settled_by_looking, setup),
        cmocka_unit_test_setup(a_call_that_hangs_is_settled_by_looking, setup),
        cmocka_unit_test_setup(a_list_that_hangs_ends_in_time, setup),
        cmocka_unit_test_setup(a_message_is_shown, setup),
        cmocka_unit_test_setup(answers_by_name, setup),
        cmocka_unit_test_setup(a_message_that_cannot_be_shown, setup),
        cmocka_unit_test_setup(messages_wait_side_by_side, setup),
        cmocka_unit_test_setup(an_answer_may_take_longer_than_a_request, setup),
        cmocka_unit_test_setup(what_a_server_says_of_itself, setup),
        cmocka_unit_test_setup(an_interrupt_ends_what_is_asked, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
