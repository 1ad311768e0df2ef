#include "tests/unit/plex_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGE_MS 1000

struct standin_process plex_bench_standin;
char plex_bench_token_path[] = "/tmp/lastcall-token-XXXXXX";

int plex_bench_start(void **state)
{
    static const char *const args[] = {"--scale", "0.01", NULL};
    int file = mkstemp(plex_bench_token_path);

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_not_equal(file, -1);
    assert_int_equal(close(file), 0);
    standin_start(&plex_bench_standin, args);
    return 0;
}

int plex_bench_stop(void **state)
{
    (void)state;
    assert_int_equal(unlink(plex_bench_token_path), 0);
    standin_stop(&plex_bench_standin);
    return 0;
}

void plex_bench_write_token(const char *token)
{
    FILE *file = fopen(plex_bench_token_path, "w");

    assert_non_null(file);
    assert_true(fputs(token, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(plex_bench_token_path, 0600), 0);
}

static int64_t read_wall(void *state)
{
    (void)state;
    return platform_clock.wall_ms(platform_clock.state);
}

static int64_t read_monotonic(void *state)
{
    const struct plex_bench *bench = state;

    return platform_clock.monotonic_ms(platform_clock.state) + bench->ahead_ms;
}

enum lastcall_status plex_bench_try_open(struct plex_bench *bench,
                                         struct platform_error *error)
{
    const struct backend_surroundings around = {
        .settings = &bench->settings,
        .clock = &bench->clock,
    };

    return backend_plex_ops.open(&around, &bench->state, error);
}

static void open_backend(struct plex_bench *bench)
{
    struct platform_error error;

    if (plex_bench_try_open(bench, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
}

void plex_bench_open(struct plex_bench *bench, const char *sample,
                     int64_t timeout_ms)
{
    standin_reset(&plex_bench_standin);
    standin_tell(&plex_bench_standin, "POST", "/options",
                 "{\"pass\":true,\"dialect\":\"a\",\"non_owner_status\":403,"
                 "\"size\":-1,\"total_size\":-1,\"accept_only\":\"any\"}");
    standin_tell(&plex_bench_standin, "POST", "/tokens",
                 "{\"replace\":true,\"tokens\":["
                 "{\"token\":\"" STANDIN_TOKEN "\",\"class\":\"owner\"},"
                 "{\"token\":\"" STANDIN_SHARED_TOKEN
                 "\",\"class\":\"shared\"}]}");
    if (sample != NULL)
        standin_load(&plex_bench_standin, sample);
    plex_bench_write_token(STANDIN_TOKEN "\n");
    *bench = (struct plex_bench){
        .clock = {read_wall, read_monotonic, bench},
        .settings =
            {
                .name = {"home"},
                .backend = BACKEND_PLEX,
                .url = bench->url,
                .token_file = plex_bench_token_path,
                .timeout_ms = timeout_ms,
            },
    };
    (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%d/",
                   plex_bench_standin.plex_port);
    open_backend(bench);
}

void plex_bench_reopen(struct plex_bench *bench, int64_t timeout_ms,
                       const struct clock *clock)
{
    backend_plex_ops.close(bench->state);
    bench->settings.timeout_ms = timeout_ms;
    if (clock != NULL)
        bench->clock = *clock;
    open_backend(bench);
}

void plex_bench_close(struct plex_bench *bench)
{
    json_t *entries = standin_call(&plex_bench_standin, "GET", "/log", NULL);
    size_t i = 0;
    json_t *entry = NULL;

    json_array_foreach(entries, i, entry)
        assert_true(json_is_false(json_object_get(entry, "token_in_url")));
    json_decref(entries);
    backend_plex_ops.close(bench->state);
    bench->state = NULL;
}

void plex_bench_age(struct plex_bench *bench)
{
    bench->ahead_ms += AGE_MS;
}

enum lastcall_status plex_bench_list(struct plex_bench *bench,
                                     struct session_list *out,
                                     struct session_outcome *outcome)
{
    *outcome = (struct session_outcome){0};
    return backend_plex_ops.list(bench->state, out, outcome);
}

void plex_bench_pick(struct plex_bench *bench, const char *id,
                     struct session *out)
{
    struct session_list sessions;
    struct session_outcome outcome;
    const struct session *found = NULL;

    assert_int_equal(plex_bench_list(bench, &sessions, &outcome), LASTCALL_OK);
    found = session_list_find(&sessions, id);
    assert_non_null(found);
    assert_int_equal(session_copy(found, out), LASTCALL_OK);
    session_list_deinit(&sessions);
}

enum lastcall_status plex_bench_act(struct plex_bench *bench,
                                    const struct session *target,
                                    const char *reason,
                                    struct session_outcome *outcome)
{
    struct order order = {.request = {.action = ACTION_STOP}};
    enum lastcall_status status;

    order.request.reason = bytes_copy_text(reason);
    *outcome = (struct session_outcome){0};
    status = backend_plex_ops.act(bench->state, target, &order, outcome);
    assert_int_equal(status, outcome->code);
    free(order.request.reason);
    return status;
}
