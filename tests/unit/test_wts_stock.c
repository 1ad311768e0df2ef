/*
 * Over Wine's own wtsapi32.dll, which is stubs: calls fail without a number,
 * and waits end at once.  A worker there must say so in plain words, and must
 * not spin.
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
#include "worker/backend_wts.h"
#include "worker/wts_api_win32.h"
#include "worker/wts_watch.h"

#define LONG_MS 10000
/* Clocks of Windows are coarse. */
#define COARSE_MS 50

/* When the watch waited for events; the gate guards them. */
static struct gate gate;
static int64_t waits_ms[2];
static size_t wait_count;

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static uint32_t counted_wait(void *server)
{
    gate_lock(&gate);
    if (wait_count < 2)
        waits_ms[wait_count] = now_ms();
    wait_count++;
    gate_unlock(&gate);
    gate_signal(&gate);
    return wts_api_win32.wait_event(server);
}

static struct wts_api_ops api;

static void test_calls_fail_cleanly(void **state)
{
    struct wts_entries entries;
    struct wts_info info;
    struct wts_client client;
    const struct wts_message message = {.title = "a", .text = "b"};
    uint32_t answer;
    void *server;

    (void)state;
    assert_int_equal(api.open(NULL, &server), WTS_ERROR_NONE);
    assert_int_equal(api.enumerate(server, &entries), WTS_ERROR_UNKNOWN);
    assert_int_equal(entries.count, 0);
    assert_int_equal(api.read_info(server, 1, &info), WTS_ERROR_UNKNOWN);
    assert_int_equal(api.read_client(server, 1, &client), WTS_ERROR_UNKNOWN);
    assert_int_equal(api.logoff(server, 1), 120);
    assert_int_equal(api.send_message(server, 1, &message, &answer),
                     WTS_ERROR_UNKNOWN);
    assert_int_equal(answer, 0);
    api.close(server);
    assert_int_equal(api.open("SERVER01", &server), 120);
    assert_null(server);
}

static void test_the_backend_says_so(void **state)
{
    struct server_settings settings = {.backend = BACKEND_WTS,
                                       .timeout_ms = LONG_MS};
    const struct backend_surroundings around = {.settings = &settings,
                                                .clock = &platform_clock};
    struct platform_error error = {""};
    struct session_list sessions = {0};
    struct session_outcome outcome;
    struct backend_report report;
    void *backend;

    (void)state;
    assert_int_equal(backend_wts_open_with(&api, &around, &backend, &error),
                     LASTCALL_OK);
    assert_int_equal(backend_wts_list(backend, &sessions, &outcome),
                     LASTCALL_SERVER_ERROR);
    assert_int_equal(sessions.count, 0);
    assert_true(outcome.detail[0] != '\0');
    assert_int_equal(backend_wts_report(backend, &report),
                     LASTCALL_SERVER_ERROR);
    backend_wts_close(backend);
}

static void on_changed(void *context)
{
    (void)context;
}

static void test_the_watch_does_not_spin(void **state)
{
    struct server_settings settings = {.backend = BACKEND_WTS,
                                       .timeout_ms = LONG_MS};
    const struct backend_surroundings around = {
        .settings = &settings, .clock = &platform_clock, .changed = on_changed};
    struct platform_error error = {""};
    int64_t until_ms = now_ms() + LONG_MS;
    void *backend;

    (void)state;
    assert_int_equal(backend_wts_open_with(&api, &around, &backend, &error),
                     LASTCALL_OK);
    gate_lock(&gate);
    while (wait_count < 2 && now_ms() < until_ms)
        gate_wait(&gate, LONG_MS);
    gate_unlock(&gate);
    backend_wts_close(backend);
    assert_true(wait_count >= 2);
    assert_true(waits_ms[1] - waits_ms[0] >=
                WTS_WATCH_RETRY_FIRST_MS - COARSE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_fail_cleanly),
        cmocka_unit_test(test_the_backend_says_so),
        cmocka_unit_test(test_the_watch_does_not_spin),
    };

    api = wts_api_win32;
    api.wait_event = counted_wait;
    if (gate_init(&gate) != LASTCALL_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
