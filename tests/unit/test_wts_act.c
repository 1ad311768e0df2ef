#include "tests/unit/fake_desktop.h"

/* holds 5.22 */
static void a_session_is_disconnected(void **state)
{
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_add(3, WTS_STATE_ACTIVE, "bob");
    fake_desktop_open(&desktop, LONG_MS);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT, "3", &outcome),
        LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_int_equal(fake_wts.last_session, 3);
    assert_int_equal(fake_wts_find(2)->state, WTS_STATE_ACTIVE);
    assert_int_equal(fake_wts_find(3)->state, WTS_STATE_DISCONNECTED);
    /* "end" is a disconnect here. */
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_END, "2", &outcome),
        LASTCALL_OK);
    assert_int_equal(fake_wts_find(2)->state, WTS_STATE_DISCONNECTED);
    assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 2);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT, "2", &outcome),
        LASTCALL_ALREADY_GONE);
    assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 2);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_STOP, "2", &outcome),
        LASTCALL_UNSUPPORTED);
    fake_desktop_close(&desktop);
}

static void an_ending_that_takes_its_time_is_watched(void **state)
{
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.is_slow_to_disconnect = true;
    fake_desktop_open(&desktop, LONG_MS);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT, "2", &outcome),
        LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, LONG_MS);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_LOGOFF, "2", &outcome),
        LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 30000);
    fake_wts.is_slow_to_disconnect = false;
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_LOGOFF, "2", &outcome),
        LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 0);
    assert_null(fake_wts_find(2));
    fake_desktop_close(&desktop);

    /* Whoever gives every call longer waits for this no shorter. */
    fake_wts_reset();
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.is_slow_to_disconnect = true;
    fake_desktop_open(&desktop, 45000);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_LOGOFF, "2", &outcome),
        LASTCALL_OK);
    assert_int_equal(outcome.settle_ms, 45000);
    fake_desktop_close(&desktop);
}

/* The machine is gone for whoever looks after an ending. */
static void leave_after_the_act(enum fake_wts_call call, uint32_t session)
{
    (void)session;
    if (call == FAKE_WTS_DISCONNECT)
        fake_wts.errors[FAKE_WTS_ENUMERATE] = 1722;
}

static void what_cannot_be_looked_at_is_not_called_done(void **state)
{
    (void)state;
    for (uint32_t error = 0; error < 2; error++) {
        struct fake_desktop desktop;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_wts.errors[FAKE_WTS_DISCONNECT] = error * 1726;
        fake_wts.before = leave_after_the_act;
        fake_desktop_open(&desktop, LONG_MS);
        assert_int_equal(fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT,
                                                   "2", &outcome),
                         error ? LASTCALL_UNREACHABLE : LASTCALL_OK);
        assert_int_equal(outcome.settle_ms, error ? 0 : LONG_MS);
        fake_desktop_says(&outcome, error ? "Windows error 1726" : "accepted");
        fake_desktop_close(&desktop);
    }
}

static void strange_ids_are_refused(void **state)
{
    static const char *const ids[] = {"4294967295", "4294967296", "-1", "2 ",
                                      " 2",         "0x2",        "02", "two"};
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_desktop_open(&desktop, LONG_MS);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct session target = {0};

        assert_int_equal(session_set_text(&target, SESSION_ID, ids[i]),
                         LASTCALL_OK);
        assert_int_equal(
            fake_desktop_act(&desktop, ACTION_LOGOFF, &target, &outcome),
            LASTCALL_INVALID_REQUEST);
        session_deinit(&target);
    }
    assert_int_equal(fake_wts.calls[FAKE_WTS_ENUMERATE], 0);
    fake_desktop_close(&desktop);
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

static void resetting(struct fake_wts_session *session)
{
    session->state = WTS_STATE_RESET;
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
        {resetting, ACTION_DISCONNECT, LASTCALL_ALREADY_GONE, "being ended"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++) {
        struct fake_desktop desktop;
        struct session target = {0};
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_desktop_open(&desktop, LONG_MS);
        fake_desktop_pick(&desktop, "2", &target);
        races[i].change(fake_wts_find(2));
        if (fake_desktop_act(&desktop, races[i].action, &target, &outcome) !=
            races[i].code)
            fail_msg("race %zu: %s: %s", i, status_name(outcome.code),
                     outcome.detail);
        fake_desktop_says(&outcome, races[i].detail);
        assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 0);
        assert_int_equal(fake_wts.calls[FAKE_WTS_LOGOFF], 0);
        assert_int_equal(fake_wts.calls[FAKE_WTS_MESSAGE], 0);
        session_deinit(&target);
        fake_desktop_close(&desktop);
    }
}

/* Whoever was idle for hours when he was selected may be back by his turn. */
/* holds 5.22 */
static void who_matches_no_longer_is_left_alone(void **state)
{
    struct order order = {
        .request = {.action = ACTION_LOGOFF, .has_where = true}};
    struct filter_error error;
    struct fake_desktop desktop;
    struct session target = {0};
    struct session_outcome outcome;
    int64_t last_input_ft = 0;

    (void)state;
    assert_int_equal(filter_parse("idle_s >= 5m", &order.request.where, &error),
                     LASTCALL_OK);
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_pick(&desktop, "2", &target);
    last_input_ft = fake_wts_find(2)->info.last_input_ft;
    fake_wts_find(2)->info.last_input_ft = fake_wts_find(2)->info.current_ft;
    assert_int_equal(
        fake_wts_backend_ops.act(desktop.backend, &target, &order, &outcome),
        LASTCALL_CHANGED);
    fake_desktop_says(&outcome, "no longer matches");
    assert_int_equal(fake_wts.calls[FAKE_WTS_LOGOFF], 0);
    fake_wts_find(2)->info.last_input_ft = last_input_ft;
    assert_int_equal(
        fake_wts_backend_ops.act(desktop.backend, &target, &order, &outcome),
        LASTCALL_OK);
    session_deinit(&target);
    filter_deinit(&order.request.where);
    fake_desktop_close(&desktop);
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
    struct fake_desktop desktop;
    struct session target = {0};
    struct session_outcome outcome;

    (void)state;
    condition.value.as.text = expected;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_desktop_open(&desktop, LONG_MS);
    fake_desktop_pick(&desktop, "2", &target);
    fake_wts_find(2)->client_name = "LAPTOP8";
    assert_int_equal(
        fake_wts_backend_ops.act(desktop.backend, &target, &order, &outcome),
        LASTCALL_CHANGED);
    fake_desktop_says(&outcome, "client_name");
    fake_wts_find(2)->client_name = "LAPTOP7";
    assert_int_equal(
        fake_wts_backend_ops.act(desktop.backend, &target, &order, &outcome),
        LASTCALL_OK);
    session_deinit(&target);
    fake_desktop_close(&desktop);
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
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        fake_wts_add(cases[i].id, cases[i].state, "");
    fake_wts.own_session = 8;
    fake_desktop_open(&desktop, LONG_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct session target = {0};
        char id[16];

        snprintf(id, sizeof(id), "%u", (unsigned)cases[i].id);
        fake_desktop_pick(&desktop, id, &target);
        assert_int_equal(target.fields[SESSION_ENDABLE].kind, VALUE_BOOL);
        assert_false(session_is(&target, SESSION_ENDABLE));
        assert_int_equal(
            fake_desktop_act(&desktop, ACTION_LOGOFF, &target, &outcome),
            LASTCALL_NOT_ENDABLE);
        fake_desktop_says(&outcome, cases[i].detail);
        session_deinit(&target);
    }
    assert_int_equal(fake_wts.calls[FAKE_WTS_LOGOFF], 0);
    fake_desktop_close(&desktop);
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
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, 7007, true,
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
        struct fake_desktop desktop;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_wts.errors[cases[i].call] = cases[i].error;
        fake_wts.happens[cases[i].call] = cases[i].happens;
        fake_desktop_open(&desktop, LONG_MS);
        if (fake_desktop_pick_and_act(&desktop, cases[i].action, "2",
                                      &outcome) != cases[i].code)
            fail_msg("case %zu: %s: %s", i, status_name(outcome.code),
                     outcome.detail);
        fake_desktop_says(&outcome, cases[i].detail);
        assert_int_equal(fake_wts.calls[cases[i].call], 1);
        assert_int_equal(outcome.settle_ms, 0);
        fake_desktop_close(&desktop);
    }
}

static void (*become)(struct fake_wts_session *session);

static void become_in_the_act(enum fake_wts_call call, uint32_t session)
{
    if (call == FAKE_WTS_DISCONNECT || call == FAKE_WTS_LOGOFF)
        become(fake_wts_find(session));
}

/* The answer is lost, and the id is still listed: as what? */
static void what_a_session_has_become_tells(void **state)
{
    static const struct race cases[] = {
        {other_user, ACTION_LOGOFF, LASTCALL_OK, "logged off, although"},
        {later_logon, ACTION_LOGOFF, LASTCALL_OK, "logged off, although"},
        {disconnected, ACTION_LOGOFF, LASTCALL_UNREACHABLE, "1726"},
        {other_user, ACTION_DISCONNECT, LASTCALL_OK, "disconnected, although"},
        {down, ACTION_DISCONNECT, LASTCALL_OK, "disconnected, although"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_desktop desktop;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_wts.errors[FAKE_WTS_DISCONNECT] = 1726;
        fake_wts.errors[FAKE_WTS_LOGOFF] = 1726;
        become = cases[i].change;
        fake_wts.before = become_in_the_act;
        fake_desktop_open(&desktop, LONG_MS);
        if (fake_desktop_pick_and_act(&desktop, cases[i].action, "2",
                                      &outcome) != cases[i].code)
            fail_msg("case %zu: %s: %s", i, status_name(outcome.code),
                     outcome.detail);
        fake_desktop_says(&outcome, cases[i].detail);
        fake_desktop_close(&desktop);
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
        struct fake_desktop desktop;
        struct session_outcome outcome;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        ends_while_it_stands = happens != 0;
        fake_wts.before = end_meanwhile;
        fake_wts_hold(FAKE_WTS_DISCONNECT, 1);
        fake_desktop_open(&desktop, MIDDLE_MS);
        assert_int_equal(fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT,
                                                   "2", &outcome),
                         happens ? LASTCALL_OK : LASTCALL_TIMEOUT);
        fake_desktop_says(&outcome, happens ? "although" : "within 1000 ms");
        assert_int_equal(fake_wts.calls[FAKE_WTS_DISCONNECT], 1);
        fake_desktop_close(&desktop);
    }
}

static struct fake_desktop *stopped;

/* On a thread: stop once Windows is at it. */
static void *stop_meanwhile(void *argument)
{
    (void)argument;
    fake_wts_await(&fake_wts.held, 1);
    fake_wts_backend_ops.interrupt(stopped->backend);
    return NULL;
}

/* Nobody waited for Windows' answer: it is not said that nothing was done. */
static void a_stop_in_the_act_says_that_it_may_come_yet(void **state)
{
    static const struct {
        enum action action;
        enum fake_wts_call call;
        const char *detail;
    } cases[] = {
        {ACTION_DISCONNECT, FAKE_WTS_DISCONNECT, "may yet be disconnected"},
        {ACTION_LOGOFF, FAKE_WTS_LOGOFF, "may yet be logged off"},
        {ACTION_MESSAGE, FAKE_WTS_MESSAGE, "may have been shown"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[] = "m";
        const struct order order = {
            .request = {.action = cases[i].action, .message = text}};
        struct fake_desktop desktop;
        struct session target = {0};
        struct session_outcome outcome;
        pthread_t thread;

        fake_wts_reset();
        fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
        fake_desktop_open(&desktop, LONG_MS);
        fake_desktop_pick(&desktop, "2", &target);
        fake_wts_hold(cases[i].call, 1);
        stopped = &desktop;
        assert_int_equal(pthread_create(&thread, NULL, stop_meanwhile, NULL),
                         0);
        assert_int_equal(fake_wts_backend_ops.act(desktop.backend, &target,
                                                  &order, &outcome),
                         LASTCALL_INTERRUPTED);
        fake_desktop_says(&outcome, "the worker is stopping; ");
        fake_desktop_says(&outcome, cases[i].detail);
        pthread_join(thread, NULL);
        session_deinit(&target);
        fake_desktop_close(&desktop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_session_is_disconnected, fake_desktop_setup),
        cmocka_unit_test_setup(an_ending_that_takes_its_time_is_watched,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_cannot_be_looked_at_is_not_called_done,
                               fake_desktop_setup),
        cmocka_unit_test_setup(strange_ids_are_refused, fake_desktop_setup),
        cmocka_unit_test_setup(what_changed_since_is_left_alone,
                               fake_desktop_setup),
        cmocka_unit_test_setup(who_matches_no_longer_is_left_alone,
                               fake_desktop_setup),
        cmocka_unit_test_setup(preconditions_are_checked_right_before,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_is_not_endable_is_never_tried,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_lost_answer_is_settled_by_looking,
                               fake_desktop_setup),
        cmocka_unit_test_setup(what_a_session_has_become_tells,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_stop_in_the_act_says_that_it_may_come_yet,
                               fake_desktop_setup),
        cmocka_unit_test_setup(a_call_that_hangs_is_settled_by_looking,
                               fake_desktop_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
