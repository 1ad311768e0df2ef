#include "tests/unit/fake_wts.h"

#include "tests/unit/case_lines.h"

#include <stdlib.h>

#include "worker/wts_call.h"
#include "worker/wts_watch.h"

#define SHORT_MS 50
#define LONG_MS 10000

/* What the calls of these tests leave behind; under the watch's lock. */
static struct {
    unsigned asked;
    unsigned freed;   /* of those that were asked */
    unsigned dropped; /* freed without having been asked */
    unsigned met;     /* asked or dropped */
    unsigned hints;
    unsigned ended; /* threads that have asked */
    pthread_t threads[16];
} seen;

static pthread_key_t at_thread_end;

static void note_thread_end(void *value)
{
    (void)value;
    watch_lock(&fake_wts.watch);
    seen.ended++;
    watch_unlock(&fake_wts.watch);
}

struct question {
    struct wts_call call;
    uint32_t answer;
    bool is_asked;
};

/* Ask the fake, which may let the call stand. */
static void question_ask(struct wts_call *call, const struct wts_host *host)
{
    struct question *question = (struct question *)call;

    (void)pthread_setspecific(at_thread_end, &seen);
    watch_lock(&fake_wts.watch);
    seen.threads[seen.asked++ % 16] = pthread_self();
    seen.met++;
    question->is_asked = true;
    watch_unlock(&fake_wts.watch);
    (void)host->api->read_protocol(host->handle, 2, &question->answer);
}

static void question_free(struct wts_call *call)
{
    const bool is_asked = ((struct question *)call)->is_asked;

    free(call);
    watch_lock(&fake_wts.watch);
    if (is_asked) {
        seen.freed++;
    } else {
        seen.dropped++;
        seen.met++;
    }
    watch_unlock(&fake_wts.watch);
}

static struct wts_call *question_new(void)
{
    struct question *question = calloc(1, sizeof(*question));

    assert_non_null(question);
    question->call =
        (struct wts_call){.ask = question_ask, .free = question_free};
    return &question->call;
}

struct bench {
    struct wts_host *host;
    struct wts_calls *calls;
};

static void bench_open(struct bench *bench)
{
    const struct server_settings settings = {.timeout_ms = SHORT_MS};
    struct platform_error error = {""};

    assert_int_equal(
        wts_host_open(&fake_wts_api_ops, &settings, &bench->host, &error),
        LASTCALL_OK);
    assert_int_equal(wts_calls_open(bench->host, &bench->calls), LASTCALL_OK);
}

static void bench_close(struct bench *bench)
{
    wts_calls_close(bench->calls);
    wts_host_release(bench->host);
}

static int setup(void **state)
{
    (void)state;
    fake_wts_reset();
    /* A thread of the test before may still be at its end. */
    watch_lock(&fake_wts.watch);
    memset(&seen, 0, sizeof(seen));
    watch_unlock(&fake_wts.watch);
    fake_wts_add(2, WTS_STATE_ACTIVE, "alice");
    return 0;
}

/* Run one that has time enough. */
static void run_well(struct bench *bench)
{
    struct wts_call *call = question_new();

    assert_int_equal(wts_calls_run(bench->calls, call, LONG_MS, WTS_CALL_LOOK),
                     LASTCALL_OK);
    assert_int_equal(((struct question *)call)->answer, WTS_PROTOCOL_RDP);
    call->free(call);
}

/* Try to run one that stands; false where it was dropped, since no thread came
 * to it in time, as on a busy machine. */
static bool try_stuck(struct bench *bench, enum wts_call_kind kind)
{
    unsigned met;
    unsigned asked;
    unsigned dropped;
    enum lastcall_status status;

    watch_lock(&fake_wts.watch);
    met = seen.met;
    asked = seen.asked;
    dropped = seen.dropped;
    watch_unlock(&fake_wts.watch);
    fake_wts_hold(FAKE_WTS_PROTOCOL, 1);
    status = wts_calls_run(bench->calls, question_new(), SHORT_MS, kind);
    /* One that was dropped still counts for a moment. */
    if (status != LASTCALL_BUSY || dropped == 0)
        assert_int_equal(status, LASTCALL_TIMEOUT);
    fake_wts_await(&seen.met, met + 1);
    return seen.asked > asked;
}

/* Run one that stands. */
static void run_stuck(struct bench *bench, enum wts_call_kind kind)
{
    const unsigned held = fake_wts.held;

    while (!try_stuck(bench, kind))
        ;
    fake_wts_await(&fake_wts.held, held + 1);
}

static void one_thread_serves_one_after_the_other(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    for (int i = 0; i < 10; i++)
        run_well(&bench);
    for (int i = 0; i < 10; i++)
        assert_true(pthread_equal(seen.threads[i], seen.threads[0]));
    assert_false(pthread_equal(seen.threads[0], pthread_self()));
    bench_close(&bench);
    assert_int_equal(seen.freed, 10);
    assert_int_equal(fake_wts.closes, 1);
}

static void what_hangs_is_left_behind_and_cleans_up(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    run_stuck(&bench, WTS_CALL_LOOK);
    assert_int_equal(seen.freed, 0);
    run_well(&bench); /* on another thread */
    assert_false(pthread_equal(seen.threads[1], seen.threads[0]));
    fake_wts_release();
    fake_wts_await(&seen.freed, 2);
    bench_close(&bench);
    fake_wts_await(&fake_wts.closes, 1);
}

/* Whoever asked was gone before the thread came to it. */
static void what_was_not_begun_is_never_asked(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    for (unsigned i = 0; i <= WTS_CALL_LOOK_STUCK_MAX; i++) {
        assert_int_equal(
            wts_calls_run(bench.calls, question_new(), 0, WTS_CALL_LOOK),
            LASTCALL_TIMEOUT);
        fake_wts_await(&seen.dropped, i + 1);
    }
    assert_int_equal(seen.asked, 0);
    bench_close(&bench);
    fake_wts_await(&fake_wts.closes, 1);
}

/* Closing waits for nobody, and what hangs keeps the handle. */
static void closing_waits_for_nobody(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    run_stuck(&bench, WTS_CALL_LOOK);
    run_stuck(&bench, WTS_CALL_LOOK);
    bench_close(&bench);
    watch_lock(&fake_wts.watch);
    assert_int_equal(fake_wts.held, 2);
    assert_int_equal(fake_wts.closes, 0);
    assert_int_equal(seen.freed, 0);
    watch_unlock(&fake_wts.watch);
    fake_wts_release();
    fake_wts_await(&fake_wts.closes, 1);
    fake_wts_await(&seen.freed, 2);
}

/* Run one of another kind, for which it is no matter how many hang. */
static void run_beside(struct bench *bench, enum wts_call_kind kind)
{
    struct wts_call *call = question_new();

    assert_int_equal(wts_calls_run(bench->calls, call, LONG_MS, kind),
                     LASTCALL_OK);
    call->free(call);
}

/* Sessions that hang are no server that hangs: it is listed as before. */
static void acts_that_hang_keep_nobody_from_looking(void **state)
{
    static const enum wts_call_kind kinds[] = {WTS_CALL_ACT, WTS_CALL_BOX};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        const size_t most = wts_calls_stuck_max(kinds[i]);

        setup(NULL);
        bench_open(&bench);
        for (size_t k = 0; k < most; k++)
            run_stuck(&bench, kinds[i]);
        assert_int_equal(
            wts_calls_run(bench.calls, question_new(), LONG_MS, kinds[i]),
            LASTCALL_BUSY);
        run_well(&bench);
        bench_close(&bench);
        fake_wts_release();
        fake_wts_await(&fake_wts.closes, 1);
        fake_wts_await(&seen.freed, (unsigned)most + 1);
    }
}

static void only_so_many_may_hang(void **state)
{
    struct bench bench;
    unsigned dropped;

    (void)state;
    bench_open(&bench);
    for (unsigned i = 0; i < WTS_CALL_LOOK_STUCK_MAX; i++)
        run_stuck(&bench, WTS_CALL_LOOK);
    dropped = seen.dropped;
    assert_int_equal(
        wts_calls_run(bench.calls, question_new(), LONG_MS, WTS_CALL_LOOK),
        LASTCALL_BUSY);
    assert_int_equal(seen.asked, WTS_CALL_LOOK_STUCK_MAX);
    assert_int_equal(seen.dropped, dropped + 1);
    assert_int_equal(seen.freed, 0);
    run_beside(&bench, WTS_CALL_ACT); /* on its own account */
    run_beside(&bench, WTS_CALL_BOX);
    fake_wts_release();
    fake_wts_await(&seen.freed, WTS_CALL_LOOK_STUCK_MAX + 2);
    /* The count goes down right after the call is freed. */
    for (;;) {
        struct wts_call *call = question_new();
        enum lastcall_status status =
            wts_calls_run(bench.calls, call, LONG_MS, WTS_CALL_LOOK);

        if (status == LASTCALL_OK) {
            call->free(call);
            break;
        }
        assert_int_equal(status, LASTCALL_BUSY);
    }
    bench_close(&bench);
    fake_wts_await(&fake_wts.closes, 1);
}

/* On a thread; returns the question where it got an answer, &interruption
 * where it was interrupted. */
static char interruption;
static void *run_aside(void *argument)
{
    struct bench *bench = argument;
    struct wts_call *call = question_new();
    enum lastcall_status status =
        wts_calls_run(bench->calls, call, LONG_MS, WTS_CALL_LOOK);

    if (status == LASTCALL_OK)
        return call;
    return status == LASTCALL_INTERRUPTED ? &interruption : NULL;
}

static void an_interrupt_ends_every_wait(void **state)
{
    struct bench bench;
    pthread_t threads[3];
    struct wts_call *last = question_new();

    (void)state;
    bench_open(&bench);
    fake_wts_hold(FAKE_WTS_PROTOCOL, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_aside, &bench),
                         0);
    fake_wts_await(&fake_wts.held, 3);
    wts_calls_interrupt(bench.calls);
    for (size_t i = 0; i < 3; i++) {
        void *answered = NULL;

        pthread_join(threads[i], &answered);
        assert_ptr_equal(answered, &interruption);
    }
    /* It lasts, but for what cleans up. */
    assert_int_equal(
        wts_calls_run(bench.calls, question_new(), LONG_MS, WTS_CALL_LOOK),
        LASTCALL_INTERRUPTED);
    assert_int_equal(wts_calls_run(bench.calls, last, LONG_MS, WTS_CALL_LAST),
                     LASTCALL_OK);
    last->free(last);
    bench_close(&bench);
    fake_wts_release();
    fake_wts_await(&seen.freed, 4);
    fake_wts_await(&fake_wts.closes, 1);
}

static void many_at_a_time(void **state)
{
    struct bench bench;
    pthread_t threads[8];

    (void)state;
    bench_open(&bench);
    fake_wts_hold(FAKE_WTS_PROTOCOL, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_aside, &bench),
                         0);
    fake_wts_await(&fake_wts.held, 8);
    fake_wts_release();
    for (size_t i = 0; i < 8; i++) {
        void *answered = NULL;

        pthread_join(threads[i], &answered);
        assert_non_null(answered);
        assert_ptr_not_equal(answered, &interruption);
        question_free(answered);
    }
    /* The threads that were too many end by themselves. */
    fake_wts_await(&seen.ended, 8 - WTS_CALL_IDLE_MAX);
    run_well(&bench);
    bench_close(&bench);
    fake_wts_await(&fake_wts.closes, 1);
    assert_int_equal(seen.freed, 9);
}

static void hint(void *context)
{
    (void)context;
    watch_lock(&fake_wts.watch);
    seen.hints++;
    watch_unlock(&fake_wts.watch);
}

static void watch_start(struct bench *bench, struct wts_watch **out)
{
    assert_int_equal(wts_watch_open(bench->host, hint, NULL, out), LASTCALL_OK);
}

static void changes_are_passed_on(void **state)
{
    struct bench bench;
    struct wts_watch *watch = NULL;

    (void)state;
    bench_open(&bench);
    watch_start(&bench, &watch);
    fake_wts_await(&fake_wts.calls[FAKE_WTS_EVENT], 1);
    assert_int_equal(seen.hints, 0);
    fake_wts_tell();
    fake_wts_await(&seen.hints, 1);
    fake_wts_tell();
    fake_wts_await(&seen.hints, 2);
    fake_wts_await(&fake_wts.calls[FAKE_WTS_EVENT], 3);
    wts_watch_close(watch, bench.calls);
    assert_int_equal(seen.hints, 2);
    assert_true(fake_wts.flushes > 0);
    assert_int_equal(fake_wts.ended[FAKE_WTS_EVENT], 3);
    bench_close(&bench);
    assert_int_equal(fake_wts.closes, 1);
}

/* One that fails at once, as where nobody implements it. */
static void a_wait_that_fails_does_not_spin(void **state)
{
    struct bench bench;
    struct wts_watch *watch = NULL;
    int64_t start_ms = platform_clock.monotonic_ms(platform_clock.state);

    (void)state;
    fake_wts.errors[FAKE_WTS_EVENT] = WTS_ERROR_UNKNOWN;
    bench_open(&bench);
    watch_start(&bench, &watch);
    /* A second later, and two more. */
    fake_wts_await(&fake_wts.calls[FAKE_WTS_EVENT], 3);
    assert_true(platform_clock.monotonic_ms(platform_clock.state) - start_ms >=
                3 * WTS_WATCH_RETRY_FIRST_MS - 100);
    wts_watch_close(watch, bench.calls);
    assert_int_equal(fake_wts.calls[FAKE_WTS_EVENT], 3);
    assert_int_equal(seen.hints, 0);
    bench_close(&bench);
}

/* One that says "changed" all the time. */
static void a_wait_that_never_waits_does_not_spin(void **state)
{
    struct bench bench;
    struct wts_watch *watch = NULL;
    int64_t start_ms = platform_clock.monotonic_ms(platform_clock.state);

    (void)state;
    fake_wts.events = 1000000;
    bench_open(&bench);
    watch_start(&bench, &watch);
    fake_wts_await(&seen.hints, WTS_WATCH_BURST_MAX + 5);
    assert_true(platform_clock.monotonic_ms(platform_clock.state) - start_ms >=
                900);
    wts_watch_close(watch, bench.calls);
    watch_lock(&fake_wts.watch);
    assert_in_range(fake_wts.calls[FAKE_WTS_EVENT], WTS_WATCH_BURST_MAX,
                    3 * WTS_WATCH_BURST_MAX);
    watch_unlock(&fake_wts.watch);
    bench_close(&bench);
}

/* What came while the noise was passed over is told at its end. */
static void nothing_is_lost_in_the_noise(void **state)
{
    struct bench bench;
    struct wts_watch *watch = NULL;

    (void)state;
    fake_wts.events = WTS_WATCH_BURST_MAX;
    bench_open(&bench);
    watch_start(&bench, &watch);
    fake_wts_await(&seen.hints, WTS_WATCH_BURST_MAX + 1);
    wts_watch_close(watch, bench.calls);
    bench_close(&bench);
}

static void a_wait_that_does_not_end_is_left_behind(void **state)
{
    struct bench bench;
    struct wts_watch *watch = NULL;

    (void)state;
    fake_wts_hold(FAKE_WTS_EVENT, 1); /* deaf to a flush */
    bench_open(&bench);
    watch_start(&bench, &watch);
    fake_wts_await(&fake_wts.held, 1);
    wts_calls_interrupt(bench.calls);
    wts_watch_close(watch, bench.calls);
    bench_close(&bench);
    watch_lock(&fake_wts.watch);
    assert_int_equal(fake_wts.held, 1);
    assert_int_equal(fake_wts.closes, 0);
    fake_wts.events = 1;
    watch_unlock(&fake_wts.watch);
    fake_wts_release();
    fake_wts_await(&fake_wts.closes, 1);
    assert_int_equal(seen.hints, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_thread_serves_one_after_the_other, setup),
        cmocka_unit_test_setup(what_hangs_is_left_behind_and_cleans_up, setup),
        cmocka_unit_test_setup(what_was_not_begun_is_never_asked, setup),
        cmocka_unit_test_setup(closing_waits_for_nobody, setup),
        cmocka_unit_test_setup(only_so_many_may_hang, setup),
        cmocka_unit_test_setup(acts_that_hang_keep_nobody_from_looking, setup),
        cmocka_unit_test_setup(an_interrupt_ends_every_wait, setup),
        cmocka_unit_test_setup(many_at_a_time, setup),
        cmocka_unit_test_setup(changes_are_passed_on, setup),
        cmocka_unit_test_setup(a_wait_that_fails_does_not_spin, setup),
        cmocka_unit_test_setup(a_wait_that_never_waits_does_not_spin, setup),
        cmocka_unit_test_setup(nothing_is_lost_in_the_noise, setup),
        cmocka_unit_test_setup(a_wait_that_does_not_end_is_left_behind, setup),
    };

    if (pthread_key_create(&at_thread_end, note_thread_end) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
