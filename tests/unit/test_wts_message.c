#include "tests/unit/fake_desktop.h"
#include "worker/wts_call.h"

/* In which many threads list sessions, on a busy machine too. */
#define CROWD_MS 3000

static enum lastcall_status send(struct fake_desktop *desktop,
                                 struct request request,
                                 struct session_outcome *outcome)
{
    const struct order order = {.request = request};
    struct session target = {0};
    enum lastcall_status status = LASTCALL_OK;

    fake_desktop_pick(desktop, "2", &target);
    status =
        fake_wts_backend_ops.act(desktop->backend, &target, &order, outcome);
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
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.answer = WTS_ANSWER_YES;
    fake_desktop_open(&desktop, LONG_MS);
    assert_int_equal(send(&desktop, plain, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "");
    assert_string_equal(fake_wts.last_title, "Message");
    assert_string_equal(fake_wts.last_text, text);
    assert_int_equal(fake_wts.last_style, 0);
    assert_int_equal(fake_wts.last_timeout_s, 0);
    assert_false(fake_wts.last_wait);

    assert_int_equal(send(&desktop, full, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "yes");
    assert_string_equal(fake_wts.last_title, title);
    assert_int_equal(fake_wts.last_style, 0x24);
    assert_int_equal(fake_wts.last_timeout_s, 30);
    assert_true(fake_wts.last_wait);

    /* Never for ever. */
    patient.timeout_s = 0;
    fake_wts.answer = WTS_ANSWER_TIMEOUT;
    assert_int_equal(send(&desktop, patient, &outcome), LASTCALL_OK);
    assert_string_equal(outcome.response, "timeout");
    fake_desktop_says(&outcome, "not answered within 60 s");
    assert_int_equal(fake_wts.last_timeout_s, 60);
    fake_desktop_close(&desktop);
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
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_desktop_open(&desktop, LONG_MS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_wts.answer = cases[i].answer;
        assert_int_equal(send(&desktop, request, &outcome), LASTCALL_OK);
        assert_string_equal(outcome.response, cases[i].name);
        if (cases[i].name[0] == '\0')
            fake_desktop_says(&outcome, "which is no button");
    }
    fake_desktop_close(&desktop);
}

/* holds 5.22 */
static void a_message_that_cannot_be_shown(void **state)
{
    char text[] = "hello";
    char style[] = "loud";
    struct request request = {.action = ACTION_MESSAGE, .message = text};
    struct fake_desktop desktop;
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_CONNECTED, "");
    fake_desktop_open(&desktop, MIDDLE_MS);
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_UNSUPPORTED);
    fake_desktop_says(&outcome, "nobody is logged on");
    fake_wts_find(2)->user = "alice";
    fake_wts.errors[FAKE_WTS_MESSAGE] = 5;
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_DENIED);
    fake_wts.errors[FAKE_WTS_MESSAGE] = 7022;
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_NOT_FOUND);
    fake_wts.errors[FAKE_WTS_MESSAGE] = 1722;
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_UNREACHABLE);
    assert_null(strstr(outcome.detail, "all the same"));
    fake_wts.errors[FAKE_WTS_MESSAGE] = 1726; /* the answer alone was lost */
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_UNREACHABLE);
    fake_desktop_says(&outcome, "it may have been done all the same");
    fake_wts.errors[FAKE_WTS_MESSAGE] = 0;
    request.style = style;
    assert_int_equal(send(&desktop, request, &outcome),
                     LASTCALL_INVALID_REQUEST);
    request.style = NULL;
    fake_wts_hold(FAKE_WTS_MESSAGE, 1);
    assert_int_equal(send(&desktop, request, &outcome), LASTCALL_TIMEOUT);
    fake_desktop_says(&outcome, "may have been shown");
    fake_desktop_close(&desktop);
}

/* What a message of another command waits for keeps nobody. */
struct waiting {
    struct fake_desktop *desktop;
    int64_t timeout_s;
    struct session_outcome outcome;
};

static void *wait_for_answer(void *argument)
{
    struct waiting *waiting = argument;
    char text[] = "hello";
    const struct request request = {.action = ACTION_MESSAGE,
                                    .message = text,
                                    .wait = true,
                                    .timeout_s = waiting->timeout_s};

    (void)send(waiting->desktop, request, &waiting->outcome);
    return NULL;
}

static void messages_wait_side_by_side(void **state)
{
    struct fake_desktop desktop;
    struct waiting waiting[3];
    pthread_t threads[3];
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_add(3, WTS_STATE_ACTIVE, "bob");
    fake_wts.answer = WTS_ANSWER_NO;
    fake_wts_hold(FAKE_WTS_MESSAGE, 3);
    fake_desktop_open(&desktop, LONG_MS);
    for (size_t i = 0; i < 3; i++) {
        waiting[i] = (struct waiting){.desktop = &desktop, .timeout_s = 60};
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_for_answer, &waiting[i]), 0);
    }
    fake_wts_await(&fake_wts.held, 3);
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT, "3", &outcome),
        LASTCALL_OK);
    fake_wts_release();
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiting[i].outcome.code, LASTCALL_OK);
        assert_string_equal(waiting[i].outcome.response, "no");
    }
    fake_desktop_close(&desktop);
}

/* The time for one request is not that for a person to answer. */
static void an_answer_may_take_longer_than_a_request(void **state)
{
    struct fake_desktop desktop;
    struct waiting waiting;
    pthread_t thread;
    struct session_list sessions = {0};
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts.answer = WTS_ANSWER_OK;
    fake_wts_hold(FAKE_WTS_MESSAGE, 1);
    fake_desktop_open(&desktop, MIDDLE_MS);
    waiting = (struct waiting){.desktop = &desktop, .timeout_s = 60};
    assert_int_equal(pthread_create(&thread, NULL, wait_for_answer, &waiting),
                     0);
    fake_wts_await(&fake_wts.held, 1);
    /* A request that hangs passes the time. */
    fake_wts_hold(FAKE_WTS_ENUMERATE, 1);
    assert_int_equal(
        fake_wts_backend_ops.list(desktop.backend, &sessions, &outcome),
        LASTCALL_TIMEOUT);
    fake_wts_release();
    pthread_join(thread, NULL);
    assert_int_equal(waiting.outcome.code, LASTCALL_OK);
    assert_string_equal(waiting.outcome.response, "ok");
    fake_desktop_close(&desktop);
}

/* Boxes that hang are many, and none of the acts that do. */
static void boxes_that_hang_stop_no_act(void **state)
{
    struct fake_desktop desktop;
    struct waiting waiting[WTS_CALL_ACT_STUCK_MAX];
    pthread_t threads[WTS_CALL_ACT_STUCK_MAX];
    struct session_outcome outcome;

    (void)state;
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    fake_wts_add(3, WTS_STATE_ACTIVE, "bob");
    fake_wts_hold(FAKE_WTS_MESSAGE, WTS_CALL_ACT_STUCK_MAX);
    fake_desktop_open(&desktop, CROWD_MS);
    for (size_t i = 0; i < WTS_CALL_ACT_STUCK_MAX; i++) {
        waiting[i] = (struct waiting){.desktop = &desktop, .timeout_s = 1};
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_for_answer, &waiting[i]), 0);
    }
    for (size_t i = 0; i < WTS_CALL_ACT_STUCK_MAX; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiting[i].outcome.code, LASTCALL_TIMEOUT);
    }
    assert_int_equal(
        fake_desktop_pick_and_act(&desktop, ACTION_DISCONNECT, "3", &outcome),
        LASTCALL_OK);
    fake_desktop_close(&desktop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_message_is_shown, fake_desktop_setup),
        cmocka_unit_test_setup(answers_by_name, fake_desktop_setup),
        cmocka_unit_test_setup(a_message_that_cannot_be_shown,
                               fake_desktop_setup),
        cmocka_unit_test_setup(messages_wait_side_by_side, fake_desktop_setup),
        cmocka_unit_test_setup(an_answer_may_take_longer_than_a_request,
                               fake_desktop_setup),
        cmocka_unit_test_setup(boxes_that_hang_stop_no_act, fake_desktop_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
