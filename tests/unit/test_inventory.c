#include "tests/unit/bodies.h"

#include "worker/inventory.h"

#define INTERVAL_MS 10000
#define MAX_AGE_S 300

/* What went out. */
static struct {
    unsigned inventories;
    unsigned events[EVENT_KIND_COUNT];
    struct inventory_cause ended_by;
    int64_t seq;
    int64_t event_seq;
    size_t count;
    bool reachable;
    enum lastcall_status answer; /* to an inventory */
} seen;

static enum lastcall_status on_inventory(void *context,
                                         const struct inventory *inventory)
{
    (void)context;
    seen.inventories++;
    seen.seq = inventory->seq;
    seen.count = inventory->sessions.count;
    seen.reachable = inventory->reachable;
    return seen.answer;
}

static void on_event(void *context, const struct event *event)
{
    (void)context;
    seen.events[event->kind]++;
    seen.event_seq = event->seq;
    seen.ended_by = (struct inventory_cause){
        event->ended_by, event->ended_by_controller, event->ended_by_plan};
}

static const struct inventory_sink sink = {NULL, on_inventory, on_event};
static const struct server_settings settings = {
    .name = {"home"},
    .sessions_interval_ms = INTERVAL_MS,
    .sessions_max_age_s = MAX_AGE_S,
};

/* Sessions as "id:state:offset id:state:offset ...". */
static void take(struct inventory_state *state, const char *text, int64_t now)
{
    struct snapshot snapshot = {.outcome = {.code = LASTCALL_OK}};
    char copy[256];
    char *rest = copy;

    snprintf(copy, sizeof(copy), "%s", text);
    while (*rest != '\0') {
        struct session session = {0};
        char id[16];
        char play[16];
        int offset = 0;
        int len = 0;

        assert_int_equal(
            sscanf(rest, "%15[^:]:%15[^:]:%d %n", id, play, &offset, &len), 3);
        rest += len;
        assert_int_equal(session_set_text(&session, SESSION_ID, id),
                         LASTCALL_OK);
        assert_int_equal(session_set_text(&session, SESSION_STATE, play),
                         LASTCALL_OK);
        session_set_integer(&session, SESSION_VIEW_OFFSET_MS, offset);
        assert_int_equal(session_list_take(&snapshot.sessions, &session),
                         LASTCALL_OK);
    }
    inventory_take(state, &snapshot, now, &sink);
    session_list_deinit(&snapshot.sessions);
    inventory_tick(state, now, &sink);
}

static void lose(struct inventory_state *state, int64_t now)
{
    struct snapshot snapshot = {.outcome = {.code = LASTCALL_UNREACHABLE}};

    inventory_take(state, &snapshot, now, &sink);
    inventory_tick(state, now, &sink);
}

static struct inventory_state begin(void)
{
    struct inventory_state state;

    memset(&seen, 0, sizeof(seen));
    inventory_state_init(&state, &settings, "boot");
    return state;
}

/* holds 7.2 */
static void an_unchanged_list_is_not_published(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0 b:playing:0", 1000);
    assert_int_equal(seen.inventories, 1);
    for (int64_t now = 2000; now < MAX_AGE_S * 1000; now += 1000)
        take(&state, "b:playing:0 a:playing:0", now); /* order is no news */
    assert_int_equal(seen.inventories, 1);
    take(&state, "a:playing:0 b:playing:0", 1000 + MAX_AGE_S * 1000);
    assert_int_equal(seen.inventories, 2);
    assert_int_equal(seen.seq, 2);
    assert_int_equal(seen.events[EVENT_STARTED], 0);
    assert_int_equal(seen.events[EVENT_CHANGED], 0);
    inventory_state_deinit(&state);
}

/* holds 7.2 */
static void a_position_alone_is_published_once_an_interval(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    for (int i = 1; i <= 35; i++)
        take(&state, i % 2 ? "a:playing:1" : "a:playing:2", i * 1000);
    assert_int_equal(seen.inventories, 4); /* at 0, 10, 20 and 30 s */
    assert_int_equal(seen.events[EVENT_CHANGED], 0);
    inventory_state_deinit(&state);
}

/* holds 7.2, 7.4 */
static void news_goes_out_at_once_but_not_twice_a_second(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    take(&state, "a:paused:0", 5000);
    assert_int_equal(seen.inventories, 2);
    assert_int_equal(seen.events[EVENT_CHANGED], 1);
    take(&state, "a:paused:0 c:playing:0", 5100);
    take(&state, "c:playing:0", 5200);
    assert_int_equal(seen.inventories, 2);
    assert_int_equal(seen.events[EVENT_STARTED], 1);
    assert_int_equal(seen.events[EVENT_ENDED], 1);
    assert_int_equal(state.due_ms, 6000);
    inventory_tick(&state, 6000, &sink);
    assert_int_equal(seen.inventories, 3);
    assert_int_equal(seen.count, 1);
    inventory_state_deinit(&state);
}

/* holds 7.2 */
static void a_list_without_news_puts_none_off(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    take(&state, "a:paused:0", 200);
    take(&state, "a:paused:0", 400);
    assert_int_equal(state.due_ms, INVENTORY_DEBOUNCE_MS);
    take(&state, "a:paused:1", 600);
    assert_int_equal(state.due_ms, INVENTORY_DEBOUNCE_MS);
    take(&state, "a:paused:1", INVENTORY_DEBOUNCE_MS);
    assert_int_equal(seen.inventories, 2);
    inventory_state_deinit(&state);
}

static void what_cannot_be_published_is_tried_again_later(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    seen.answer = LASTCALL_BUSY;
    take(&state, "a:playing:0", 0);
    assert_int_equal(seen.inventories, 1);
    inventory_tick(&state, INVENTORY_DEBOUNCE_MS - 1, &sink);
    assert_int_equal(seen.inventories, 1);
    seen.answer = LASTCALL_OK;
    inventory_tick(&state, INVENTORY_DEBOUNCE_MS, &sink);
    assert_int_equal(seen.inventories, 2);
    assert_int_equal(state.due_ms, INVENTORY_DEBOUNCE_MS + MAX_AGE_S * 1000);
    inventory_state_deinit(&state);
}

static void expect_no_cause(void)
{
    const struct inventory_cause none = {0};

    assert_memory_equal(&seen.ended_by, &none, sizeof(none));
}

/* holds 7.4, 7.8 */
static void an_ending_names_its_request(void **unused)
{
    const struct inventory_cause cause = {
        {"0123456789abcdef"}, {"alice"}, {"patch-1"}};
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0 b:playing:0", 0);
    inventory_note_ending(&state, "a", &cause, 100);
    take(&state, "b:playing:0", 200);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "", 300);
    expect_no_cause();
    /* Too long ago to have been the cause. */
    take(&state, "c:playing:0", 400);
    inventory_note_ending(&state, "c", &cause, 500);
    take(&state, "", 500 + INVENTORY_ENDING_MS);
    expect_no_cause();
    assert_int_equal(seen.events[EVENT_ENDED], 3);
    inventory_state_deinit(&state);
}

/* One command ends all of a full terminal server, and is noted twice. */
/* holds 7.4 */
static void endings_of_a_full_server_name_their_request(void **unused)
{
    const struct inventory_cause before = {{"0123456789abcdef"}, {"bob"}, {""}};
    const struct inventory_cause cause = {{"abcdef0123456789"}, {"eve"}, {""}};
    struct inventory_state state = begin();
    char id[16];

    (void)unused;
    take(&state, "s0:playing:0 s1:playing:0 s2:playing:0", 0);
    for (size_t n = 0; n < INVENTORY_ENDING_COUNT_MAX * 2; n++) {
        (void)snprintf(id, sizeof(id), "s%zu", n % INVENTORY_ENDING_COUNT_MAX);
        inventory_note_ending(&state, id, &cause, 100);
    }
    take(&state, "s1:playing:0 s2:playing:0", 200);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    /* One more than there is room for: the oldest is forgotten. */
    inventory_note_ending(&state, "x", &before, 300);
    take(&state, "s2:playing:0 s0:playing:0", 400);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "s2:playing:0", 500);
    expect_no_cause();
    /* What is too old makes room before anything is forgotten. */
    inventory_note_ending(&state, "y", &before, 100 + INVENTORY_ENDING_MS);
    inventory_note_ending(&state, "s2", &cause, 101 + INVENTORY_ENDING_MS);
    take(&state, "", 102 + INVENTORY_ENDING_MS);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    assert_in_range(state.ending_count, 1, INVENTORY_ENDING_COUNT_MAX);
    inventory_state_deinit(&state);
}

/* When there is no room for more, the oldest makes room, and then the next. */
static void endings_are_forgotten_one_by_one(void **unused)
{
    const struct inventory_cause cause = {{"0123456789abcdef"}, {"bob"}, {""}};
    struct inventory_state state = begin();
    char id[16];

    (void)unused;
    take(&state, "s0:playing:0 s1:playing:0 x:playing:0 y:playing:0", 0);
    for (size_t n = 0; n < INVENTORY_ENDING_COUNT_MAX; n++) {
        (void)snprintf(id, sizeof(id), "s%zu", n);
        inventory_note_ending(&state, id, &cause, 100);
    }
    inventory_note_ending(&state, "x", &cause, 200);
    inventory_note_ending(&state, "y", &cause, 200);
    take(&state, "s0:playing:0 s1:playing:0 y:playing:0", 300);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "s0:playing:0 y:playing:0", 400);
    expect_no_cause();
    take(&state, "s0:playing:0", 500);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "", 600);
    expect_no_cause();
    inventory_state_deinit(&state);
}

/* Where one ends now and then, there are never many to look through. */
static void an_old_ending_makes_room_for_a_new_one(void **unused)
{
    const struct inventory_cause cause = {{"0123456789abcdef"}, {"bob"}, {""}};
    struct inventory_state state = begin();
    char id[16];

    (void)unused;
    for (int n = 0; n < 20; n++) {
        (void)snprintf(id, sizeof(id), "s%d", n);
        inventory_note_ending(&state, id, &cause,
                              n * (INVENTORY_ENDING_MS / 2 + 1));
    }
    assert_in_range(state.ending_count, 1, 2);
    inventory_state_deinit(&state);
}

/* A worker that ended many sessions once keeps no room for them. */
static void endings_leave_no_room_behind(void **unused)
{
    const struct inventory_cause cause = {
        {"0123456789abcdef"}, {"alice"}, {"patch-1"}};
    struct inventory_state state = begin();
    char id[INVENTORY_ID_SIZE + 1];

    (void)unused;
    take(&state, "a:playing:0", 0);
    for (size_t n = 0; n < INVENTORY_ENDING_COUNT_MAX; n++) {
        (void)snprintf(id, sizeof(id), "s%zu", n);
        inventory_note_ending(&state, id, &cause, 100);
    }
    inventory_note_ending(&state, "a", &cause, 200);
    assert_int_equal(state.ending_count, INVENTORY_ENDING_COUNT_MAX);
    /* The latest counts, not the first. */
    take(&state, "", 100 + INVENTORY_ENDING_MS);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "", 200 + INVENTORY_ENDING_MS);
    assert_null(state.endings);
    /* An id that is too long is not remembered, and takes no room either. */
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    inventory_note_ending(&state, id, &cause, 300 + INVENTORY_ENDING_MS);
    assert_null(state.endings);
    take(&state, "a:playing:0", 400 + INVENTORY_ENDING_MS);
    inventory_note_ending(&state, "a", &cause, 500 + INVENTORY_ENDING_MS);
    take(&state, "", 600 + INVENTORY_ENDING_MS);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    inventory_state_deinit(&state);
}

/* These have the same 32 bits of FNV-1a, by which endings are found. */
static void endings_are_told_apart_by_their_whole_names(void **unused)
{
    const struct inventory_cause cause = {{"altarage"}, {"alice"}, {""}};
    const struct inventory_cause other = {{"zinke"}, {"bob"}, {""}};
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "costarring:playing:0 liquid:playing:0", 0);
    inventory_note_ending(&state, "costarring", &cause, 100);
    take(&state, "costarring:playing:0", 200);
    expect_no_cause();
    take(&state, "", 300);
    assert_memory_equal(&seen.ended_by, &cause, sizeof(cause));
    take(&state, "costarring:playing:0", 400);
    inventory_note_ending(&state, "costarring", &other, 500);
    take(&state, "", 600);
    assert_memory_equal(&seen.ended_by, &other, sizeof(other));
    inventory_state_deinit(&state);
}

/* Windows gives the number of a session to the next one. */
static void a_request_ends_one_session_of_an_id(void **unused)
{
    const struct inventory_cause first = {
        {"0123456789abcdef"}, {"alice"}, {""}};
    const struct inventory_cause second = {{"fedcba9876543210"}, {"bob"}, {""}};
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    inventory_note_ending(&state, "a", &first, 100);
    inventory_note_ending(&state, "a", &second, 150);
    inventory_note_ending(&state, "a", &first, 150);
    take(&state, "", 100 + INVENTORY_ENDING_MS);
    assert_memory_equal(&seen.ended_by, &first, sizeof(first));
    take(&state, "a:playing:0", 120110);
    inventory_note_ending(&state, "a", &first, 120120); /* it took its time */
    take(&state, "", 120130);
    expect_no_cause();
    /* the same id, ended by another request */
    take(&state, "a:playing:0", 130300);
    inventory_note_ending(
        &state, "a",
        &(struct inventory_cause){{"a-third-request-0"}, {"alice"}, {""}},
        130400);
    take(&state, "", 130500);
    assert_string_equal(seen.ended_by.request_id.text, "a-third-request-0");
    inventory_state_deinit(&state);
}

/* holds 7.9 */
static void numbers_outlive_a_reload(void **unused)
{
    static struct inventory_numbers numbers;
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    take(&state, "a:paused:0", 5000);
    take(&state, "", 10000);
    assert_int_equal(seen.seq, 3);
    assert_int_equal(seen.event_seq, 2);
    inventory_numbers_keep(&numbers, &state);
    inventory_state_deinit(&state);
    state = begin();
    inventory_numbers_restore(&numbers, &state);
    take(&state, "", 0);
    take(&state, "b:playing:0", 5000);
    assert_int_equal(seen.seq, 5);
    assert_int_equal(seen.event_seq, 3);
    inventory_state_deinit(&state);
}

/* holds 7.9 */
static void numbers_of_many_servers_are_bounded(void **unused)
{
    static struct inventory_numbers numbers;
    struct inventory_state state = begin();

    (void)unused;
    for (int i = 0; i <= SETTINGS_SERVER_COUNT_MAX; i++) {
        snprintf(state.current.server.text, sizeof(state.current.server.text),
                 "s%d", i);
        state.event_seq = i;
        inventory_numbers_keep(&numbers, &state);
    }
    assert_int_equal(numbers.count, SETTINGS_SERVER_COUNT_MAX);
    state.event_seq = 0;
    inventory_numbers_restore(&numbers, &state);
    assert_int_equal(state.event_seq, SETTINGS_SERVER_COUNT_MAX);
    snprintf(state.current.server.text, sizeof(state.current.server.text),
             "s1");
    inventory_numbers_restore(&numbers, &state);
    assert_int_equal(state.event_seq, 1);
    snprintf(state.current.server.text, sizeof(state.current.server.text),
             "s0");
    inventory_numbers_restore(&numbers, &state);
    assert_int_equal(state.event_seq, 1);
    inventory_state_deinit(&state);
}

/* holds 7.3 */
static void an_unreachable_server_keeps_its_last_list(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    take(&state, "a:playing:0", 0);
    lose(&state, 5000);
    assert_int_equal(seen.inventories, 2);
    assert_false(seen.reachable);
    assert_int_equal(seen.count, 1);
    lose(&state, 15000);
    assert_int_equal(seen.inventories, 2);
    assert_int_equal(seen.events[EVENT_ENDED], 0);
    take(&state, "", 25000);
    assert_true(seen.reachable);
    assert_int_equal(seen.events[EVENT_ENDED], 1);
    inventory_state_deinit(&state);
}

/* holds 1.11 */
static void a_connect_publishes_anew(void **unused)
{
    struct inventory_state state = begin();

    (void)unused;
    inventory_want(&state); /* nothing is known yet */
    inventory_tick(&state, 0, &sink);
    assert_int_equal(seen.inventories, 0);
    take(&state, "a:playing:0", 0);
    inventory_want(&state);
    inventory_tick(&state, 10, &sink);
    inventory_tick(&state, 20, &sink);
    assert_int_equal(seen.inventories, 2);
    inventory_state_deinit(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_list_is_not_published),
        cmocka_unit_test(a_position_alone_is_published_once_an_interval),
        cmocka_unit_test(news_goes_out_at_once_but_not_twice_a_second),
        cmocka_unit_test(a_list_without_news_puts_none_off),
        cmocka_unit_test(what_cannot_be_published_is_tried_again_later),
        cmocka_unit_test(an_ending_names_its_request),
        cmocka_unit_test(endings_of_a_full_server_name_their_request),
        cmocka_unit_test(endings_are_forgotten_one_by_one),
        cmocka_unit_test(an_old_ending_makes_room_for_a_new_one),
        cmocka_unit_test(endings_leave_no_room_behind),
        cmocka_unit_test(endings_are_told_apart_by_their_whole_names),
        cmocka_unit_test(a_request_ends_one_session_of_an_id),
        cmocka_unit_test(numbers_outlive_a_reload),
        cmocka_unit_test(numbers_of_many_servers_are_bounded),
        cmocka_unit_test(an_unreachable_server_keeps_its_last_list),
        cmocka_unit_test(a_connect_publishes_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
