#include "tests/unit/wts_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const char wts_bench_ordinary[] =
    "session\tid=0\tstate=disconnected\tname=Services\n"
    "session\tid=1\tname=Console\tuser=worker\n"
    "session\tid=2\tname=RDP-Tcp#0\tuser=" WTS_BENCH_NAME "\tdomain=CORP"
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

const struct session_backend_ops wts_bench_ops =
    BACKEND_WTS_OPS(stage_backend_open);

struct wts_bench wts_bench;

static void on_changed(void *context)
{
    (void)context;
    gate_lock(&wts_bench.gate);
    wts_bench.news++;
    gate_unlock(&wts_bench.gate);
    gate_signal(&wts_bench.gate);
}

void wts_bench_open(int64_t timeout_ms, char *computer)
{
    const struct backend_surroundings around = {
        .settings = &wts_bench.settings,
        .clock = &platform_clock,
        .changed = on_changed,
    };
    struct platform_error error = {""};

    wts_bench.settings = (struct server_settings){
        .backend = BACKEND_WTS, .timeout_ms = timeout_ms, .computer = computer};
    snprintf(wts_bench.settings.name.text, sizeof(wts_bench.settings.name.text),
             "desktop");
    if (wts_bench_ops.open(&around, &wts_bench.backend, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
}

void wts_bench_close(void)
{
    wts_bench_ops.close(wts_bench.backend);
    wts_bench.backend = NULL;
}

int wts_bench_setup(void **state)
{
    wts_bench = (struct wts_bench){0};
    assert_int_equal(gate_init(&wts_bench.gate), LASTCALL_OK);
    stage_setup(state);
    stage_write(wts_bench_ordinary);
    wts_bench_open(WTS_BENCH_LONG_MS, NULL);
    return 0;
}

int wts_bench_teardown(void **state)
{
    wts_bench_close();
    stage_teardown(state);
    gate_deinit(&wts_bench.gate);
    return 0;
}

/* The wts_bench_ordinary machine, and one more line. */
void wts_bench_write_more(const char *line)
{
    static char text[4096];

    snprintf(text, sizeof(text), "%s%s\n", wts_bench_ordinary, line);
    stage_write(text);
}

void wts_bench_list(struct session_list *out)
{
    struct session_outcome outcome;

    *out = (struct session_list){0};
    if (wts_bench_ops.list(wts_bench.backend, out, &outcome) != LASTCALL_OK)
        fail_msg("%s", outcome.detail);
}

void wts_bench_pick(const char *id, struct session *out)
{
    struct session_list sessions;
    const struct session *found;

    wts_bench_list(&sessions);
    found = session_list_find(&sessions, id);
    assert_non_null(found);
    *out = (struct session){0};
    assert_int_equal(session_copy(found, out), LASTCALL_OK);
    session_list_deinit(&sessions);
}

enum lastcall_status wts_bench_act(struct session *target, enum action action,
                                   struct session_outcome *outcome)
{
    const struct order order = {.request = {.action = action}};
    enum lastcall_status status =
        wts_bench_ops.act(wts_bench.backend, target, &order, outcome);

    assert_int_equal(status, outcome->code);
    return status;
}

enum lastcall_status wts_bench_pick_and_act(const char *id, enum action action,
                                            struct session_outcome *outcome)
{
    struct session target;
    enum lastcall_status status;

    wts_bench_pick(id, &target);
    status = wts_bench_act(&target, action, outcome);
    session_deinit(&target);
    return status;
}
