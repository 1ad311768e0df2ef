#include "tests/unit/pipeline_stage.h"

/*
 * Events and inventories let the commands under way pass first.  The clock
 * stands still here, and moves when a test says so.
 */

#define EVENTS_ONE "host/media-01/event/one"
#define EVENTS_TWO "host/media-01/event/two"
#define SESSIONS_ONE "host/media-01/sessions/one"
#define SESSIONS_TWO "host/media-01/sessions/two"

static const struct wrong right = {0};

static void await_count(const char *topic, size_t wanted)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    gate_lock(&stage.gate);
    while (count_topic(topic) < wanted &&
           platform_clock.monotonic_ms(platform_clock.state) < until)
        gate_wait(&stage.gate, 50);
    gate_unlock(&stage.gate);
    assert_int_equal(count_topic_now(topic), wanted);
}

/* Where the first message on a topic stands, from a place on. */
static size_t find(const char *topic, size_t from)
{
    size_t i = from;

    gate_lock(&stage.gate);
    while (i < stage.published_count &&
           strstr(stage.published[i].topic, topic) == NULL)
        i++;
    assert_true(i < stage.published_count);
    gate_unlock(&stage.gate);
    return i;
}

/* Make the pipeline go round twice, so that it has looked at whatever had
 * come in before. */
static void go_round(void)
{
    static unsigned number = 0;
    char jti[sizeof(struct request_id)];

    for (unsigned i = 0; i < 2; i++) {
        snprintf(jti, sizeof(jti), "round-%015u", ++number);
        deliver(jti, PING, &right);
        expect(jti, LASTCALL_OK);
    }
}

/* Begin, wait until all that the start has to tell is told, and have the clock
 * stand still at a time when the next inventory may follow at once. */
static void start_quietly(void)
{
    start();
    await_count(SESSIONS_ONE, 1);
    await_count(SESSIONS_TWO, 1);
    stage.still_ms = platform_clock.monotonic_ms(platform_clock.state) +
                     INT64_C(2) * INVENTORY_DEBOUNCE_MS;
    go_round();
}

/* A session that nobody knew of begins, and a command that ends it hangs. */
static void begin_stop(const char *jti)
{
    fake_play(0, "a", "ann");
    set_hang(0, false, true);
    deliver(jti, STOP_A, &right);
    assert_true(fake_await(is_one_hanging, NULL));
    go_round(); /* the list that the command read is there by now */
}

/* holds 7.10 */
static void the_answer_goes_before_the_news(void **state)
{
    size_t answer = 0;

    (void)state;
    start_quietly();
    begin_stop("first-01234567890123");
    assert_int_equal(count_topic_now(EVENTS_ONE), 0);
    assert_int_equal(count_topic_now(SESSIONS_ONE), 1);
    set_hang(0, false, false);
    expect("first-01234567890123", LASTCALL_OK);
    await_count(EVENTS_ONE, 1);
    await_count(SESSIONS_ONE, 2);
    answer = find(RESULTS "first-01234567890123", 0);
    (void)find(EVENTS_ONE, answer);
    (void)find(SESSIONS_ONE, answer);
    stop(INBOX_STOP);
}

/* holds 7.10 */
static void news_does_not_wait_for_long(void **state)
{
    (void)state;
    start_quietly();
    begin_stop("slow-012345678901234");
    stage.still_ms += PIPELINE_NEWS_HOLD_MS - 1;
    go_round();
    assert_int_equal(count_topic_now(EVENTS_ONE), 0);
    stage.still_ms += 1;
    deliver("look-012345678901234", PING, &right);
    await_count(EVENTS_ONE, 1);
    await_count(SESSIONS_ONE, 2);
    set_hang(0, false, false);
    expect("slow-012345678901234", LASTCALL_OK);
    stop(INBOX_STOP);
}

/* What server two would tell of: one session, or none. */
static void put_snapshot(const char *id)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct session session = {0};

    assert_non_null(snapshot);
    snapshot->server = 1;
    snapshot->outcome.code = LASTCALL_OK;
    if (id != NULL) {
        assert_int_equal(session_set_text(&session, SESSION_ID, id),
                         LASTCALL_OK);
        assert_int_equal(session_list_take(&snapshot->sessions, &session),
                         LASTCALL_OK);
    }
    inbox_put_snapshot(stage.inbox, snapshot);
}

/* holds 7.10 */
static void what_came_and_went_meanwhile_is_told(void **state)
{
    (void)state;
    start_quietly();
    begin_stop("meanwhile-0123456789");
    put_snapshot("b");
    go_round();
    put_snapshot(NULL);
    go_round();
    set_hang(0, false, false);
    expect("meanwhile-0123456789", LASTCALL_OK);
    await_count(EVENTS_TWO, 2); /* started, ended */
    await_count(EVENTS_ONE, 1);
    stop(INBOX_STOP);
}

/* What waits when the worker stops is told, or freed. */
static void a_stop_leaves_no_news(void **state)
{
    (void)state;
    start_quietly();
    begin_stop("stopping-01234567890");
    put_snapshot("b");
    go_round();
    set_hang(0, false, false);
    stop(INBOX_STOP);
    assert_int_equal(count_topic_now(EVENTS_TWO), 1);
    assert_int_equal(count_results("stopping-01234567890"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_goes_before_the_news),
        TEST(news_does_not_wait_for_long),
        TEST(what_came_and_went_meanwhile_is_told),
        TEST(a_stop_leaves_no_news),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
