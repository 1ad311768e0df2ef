#include "tests/unit/executor_stage.h"

#include "worker/confirm.h"

/* ---- without the thread ---- */

static struct session session_of(const char *id, const char *user)
{
    struct session session = {0};

    assert_int_equal(session_set_text(&session, SESSION_ID, id), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    assert_int_equal(
        session_set_text(&session, SESSION_PLAYER_MACHINE_ID, "tv"),
        LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_MEDIA_KEY, "/film"),
                     LASTCALL_OK);
    return session;
}

/* Show lists one after the other ("" is an empty one, NULL a failure). */
static enum lastcall_status settle_for(int64_t confirm_s,
                                       const char *const *ids, size_t count)
{
    struct job_target target = {.session = session_of("a", "ann")};
    const struct order order = {.request = {.confirm_s = confirm_s}};
    struct job job = {.order = &order, .targets = &target, .target_count = 1};
    struct watch watch = {.job = &job, .action = ACTION_STOP};
    struct session_outcome outcome = {0};

    for (size_t i = 0; i < count; i++) {
        struct session_list list = {0};
        struct session session = {0};

        if (ids[i] != NULL && ids[i][0] != '\0') {
            session = session_of(ids[i], "ann");
            assert_int_equal(session_list_take(&list, &session), LASTCALL_OK);
        }
        watch_update(&watch, ids[i] != NULL ? &list : NULL);
        session_list_deinit(&list);
    }
    watch_settle(&watch, &outcome);
    session_deinit(&target.session);
    return outcome.code;
}

static enum lastcall_status settle(const char *const *ids, size_t count)
{
    return settle_for(1, ids, count);
}

/* holds 5.8 */
static void a_confirmation_tells_four_ends_apart(void **state)
{
    const char *const gone[] = {"a", ""};
    const char *const there[] = {"a", "a"};
    const char *const back_again[] = {"a", "", "a"};
    const char *const twin[] = {"a", "", "b"};
    const char *const blind[] = {NULL, NULL};

    (void)state;
    assert_int_equal(settle(gone, 2), LASTCALL_OK);
    assert_int_equal(settle(there, 2), LASTCALL_UNCONFIRMED);
    assert_int_equal(settle(back_again, 3), LASTCALL_REAPPEARED);
    assert_int_equal(settle(twin, 3), LASTCALL_REAPPEARED);
    /* What was there before is known only where it was to be confirmed. */
    assert_int_equal(settle_for(0, twin, 3), LASTCALL_OK);
    assert_int_equal(settle(blind, 2), LASTCALL_UNCONFIRMED);
}

/* A terminal session in a list; "" leaves a field out. */
struct seen {
    const char *id; /* NULL: nothing is listed */
    const char *user;
    const char *logon;
    const char *state;
};

static struct session session_as(const struct seen *seen)
{
    const struct {
        enum session_field field;
        const char *text;
    } texts[] = {{SESSION_ID, seen->id},
                 {SESSION_USERNAME, seen->user},
                 {SESSION_LOGON_TIME, seen->logon},
                 {SESSION_STATE, seen->state}};
    struct session session = {0};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text[0] != '\0')
            assert_int_equal(
                session_set_text(&session, texts[i].field, texts[i].text),
                LASTCALL_OK);
    }
    return session;
}

#define MORNING "2026-11-21T08:00:00.000Z"
#define NOON "2026-11-21T12:00:00.000Z"

static void an_ending_shows_by_its_action(void **state)
{
    static const struct seen before = {"2", "ann", MORNING, "active"};
    static const struct {
        struct seen now;
        bool is_gone;
        bool is_off;          /* logged off, or gone */
        bool is_disconnected; /* or that, or gone */
    } cases[] = {
        {{NULL, "", "", ""}, true, true, true},
        {{"3", "ann", MORNING, "active"}, true, true, true},
        {{"2", "ann", MORNING, "active"}, false, false, false},
        {{"2", "ann", MORNING, "disconnected"}, false, false, true},
        {{"2", "bob", MORNING, "active"}, true, true, true},
        {{"2", "ann", NOON, "active"}, true, true, true},
        {{"2", "ann", "", "active"}, false, false, false},
        /* What is not told does not make it another one, but nobody's. */
        {{"2", "", "", "connected"}, false, true, false},
        {{"2", "", "", ""}, false, true, false},
    };
    struct session old = session_as(&before);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct session_list list = {0};
        struct session session = {0};

        if (cases[i].now.id != NULL) {
            session = session_as(&cases[i].now);
            assert_int_equal(session_list_take(&list, &session), LASTCALL_OK);
        }
        if (confirm_has_ended(ACTION_LOGOFF, &old, &list) != cases[i].is_off ||
            confirm_has_ended(ACTION_STOP, &old, &list) != cases[i].is_gone ||
            confirm_has_ended(ACTION_DISCONNECT, &old, &list) !=
                cases[i].is_disconnected)
            fail_msg("case %zu", i);
        session_list_deinit(&list);
    }
    session_deinit(&old);
}

/* When a watch is over, by what it waits for. */
static void a_watch_ends_early_only_for_the_server(void **state)
{
    static const struct {
        int64_t confirm_s, settle_ms;
        int64_t gone_over_ms, there_over_ms; /* -1: no watch at all */
    } cases[] = {
        {0, 0, -1, -1},        {0, 3000, 0, 3000},    {5, 0, 5000, 5000},
        {5, 3000, 5000, 5000}, {5, 9000, 5000, 9000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct order order = {
            .request = {.action = ACTION_END, .confirm_s = cases[i].confirm_s}};
        struct job_target target = {.outcome.settle_ms = cases[i].settle_ms};
        struct job job = {
            .order = &order, .targets = &target, .target_count = 1};
        struct watch watch;

        assert_int_equal(watch_begin(&watch, &job, 0, BACKEND_WTS, 1000),
                         cases[i].gone_over_ms != -1);
        assert_int_equal(watch.action, ACTION_DISCONNECT);
        if (cases[i].gone_over_ms == -1)
            continue;
        watch.is_listed = true;
        assert_false(watch_is_over(&watch, 1000 + cases[i].there_over_ms - 1));
        assert_true(watch_is_over(&watch, 1000 + cases[i].there_over_ms));
        watch.is_listed = false;
        watch.was_gone = true;
        assert_false(watch_is_over(&watch, 1000 + cases[i].gone_over_ms - 1));
        assert_true(watch_is_over(&watch, 1000 + cases[i].gone_over_ms));
        /* Gone once, and not seen since: it may be back. */
        watch.is_blind = true;
        assert_false(watch_is_over(&watch, 1000 + cases[i].there_over_ms - 1));
        assert_true(watch_is_over(&watch, 1000 + cases[i].there_over_ms));
    }
}

/* A user of a terminal server who logs on again has a session of its own; what
 * a twin is known by is not told there. */
static void who_logs_on_again_is_no_twin(void **state)
{
    static const struct seen before = {"2", "ann", MORNING, "active"};
    static const struct seen after = {"3", "ann", NOON, "active"};
    const struct order order = {.request = {.confirm_s = 1}};
    struct job_target target = {.session = session_as(&before)};
    struct job job = {.order = &order, .targets = &target, .target_count = 1};
    struct watch watch = {.job = &job, .action = ACTION_LOGOFF};
    struct session_outcome outcome = {.code = LASTCALL_SERVER_ERROR};
    struct session again = session_as(&after);
    struct session_list list = {0};

    (void)state;
    assert_int_equal(session_list_take(&list, &again), LASTCALL_OK);
    watch_update(&watch, &list);
    watch_settle(&watch, &outcome);
    assert_int_equal(outcome.code, LASTCALL_OK);
    session_list_deinit(&list);
    session_deinit(&target.session);
}

/* ---- with it ---- */

/* Two streams of one person on one player: the second was there before. */
static void what_was_there_before_did_not_reappear(void **state)
{
    struct order order = {
        .request = {.session_id = (char[]){"a"}, .confirm_s = 1}};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_play(0, "b", "ann");
    start();
    submit_select(&job, &order);
    await_job();
    assert_int_equal(job.target_count, 1);
    act_on_all(&job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* What failed is not watched: its own code stays. */
static void a_failed_act_is_not_confirmed(void **state)
{
    struct order order = {.request = {.confirm_s = 1}};
    struct job job;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].act_status = LASTCALL_DENIED;
    start();
    submit_select(&job, &order);
    await_job();
    act_on_all(&job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_DENIED);
    job_deinit(&job);
}

static void a_confirmation_does_not_hold_up_other_orders(void **state)
{
    struct order confirmed = {.request = {.confirm_s = 1}};
    struct order other = {0};
    struct job slow;
    struct job quick;

    (void)state;
    fake_play(0, "a", "ann");
    fake_servers[0].sessions[0].is_deaf = true;
    start();
    submit_select(&slow, &confirmed);
    await_job();
    slow.kind = JOB_ACT;
    slow.targets[0].is_wanted = true;
    submit(&slow);
    submit_select(&quick, &other);
    assert_ptr_equal(await_job(), &quick);
    assert_ptr_equal(await_job(), &slow);
    assert_int_equal(slow.targets[0].outcome.code, LASTCALL_UNCONFIRMED);
    job_deinit(&slow);
    job_deinit(&quick);
}

/* ---- what the server is still at ---- */

/* Begin to log ann off, on a server that takes its time. */
static void log_off_slowly(struct job *job, const struct order *order,
                           int64_t settle_ms)
{
    fake_play(0, "2", "ann");
    fake_servers[0].sessions[0].is_deaf = true;
    fake_servers[0].settle_ms = settle_ms;
    start_wts();
    select_for(job, order);
    submit_act(job);
}

static bool has_acted(const void *context)
{
    (void)context;
    return fake_servers[0].acts > 0;
}

/* holds 5.19 */
static void what_is_accepted_is_watched_until_it_shows(void **state)
{
    const struct order order = {.request = {.action = ACTION_LOGOFF}};
    const struct order other = {.request = {.action = ACTION_LIST}};
    struct job job;
    struct job quick;

    (void)state;
    log_off_slowly(&job, &order, 3600000); /* never by its time */
    assert_true(fake_await(has_acted, NULL));
    select_for(&quick, &other); /* held up by nothing */
    assert_int_equal(quick.target_count, 1);
    job_deinit(&quick);
    fake_lock();
    fake_servers[0].sessions[0].id[0] = '\0';
    fake_unlock();
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* holds 5.19 */
static void a_disconnect_shows_in_the_state(void **state)
{
    const struct order order = {.request = {.action = ACTION_END}};
    struct job job;

    (void)state;
    log_off_slowly(&job, &order, 3600000);
    assert_true(fake_await(has_acted, NULL));
    fake_lock();
    snprintf(fake_servers[0].sessions[0].state,
             sizeof(fake_servers[0].sessions[0].state), "disconnected");
    fake_unlock();
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_OK);
    job_deinit(&job);
}

/* holds 5.19 */
static void what_never_shows_is_unconfirmed(void **state)
{
    const struct order order = {.request = {.action = ACTION_LOGOFF}};
    struct job job;

    (void)state;
    log_off_slowly(&job, &order, 300);
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_UNCONFIRMED);
    assert_non_null(strstr(job.targets[0].outcome.detail, "still lists"));
    job_deinit(&job);
}

static void a_stop_ends_the_watch(void **state)
{
    const struct order order = {.request = {.action = ACTION_LOGOFF}};
    struct job job;

    (void)state;
    log_off_slowly(&job, &order, 3600000);
    assert_true(fake_await(has_acted, NULL));
    executor_interrupt(executor);
    assert_ptr_equal(await_job(), &job);
    assert_int_equal(job.targets[0].outcome.code, LASTCALL_UNCONFIRMED);
    job_deinit(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confirmation_tells_four_ends_apart),
        cmocka_unit_test(an_ending_shows_by_its_action),
        cmocka_unit_test(a_watch_ends_early_only_for_the_server),
        cmocka_unit_test(who_logs_on_again_is_no_twin),
        TEST(what_was_there_before_did_not_reappear),
        TEST(a_failed_act_is_not_confirmed),
        TEST(a_confirmation_does_not_hold_up_other_orders),
        TEST(what_is_accepted_is_watched_until_it_shows),
        TEST(a_disconnect_shows_in_the_state),
        TEST(what_never_shows_is_unconfirmed),
        TEST(a_stop_ends_the_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
