/*
 * The backend for Windows sessions over a staged machine (wts_stage.h): one
 * server "desktop", opened before each test and closed after it.
 */
#ifndef LASTCALL_TESTS_UNIT_WTS_BENCH_H
#define LASTCALL_TESTS_UNIT_WTS_BENCH_H

#include "protocol/io/gate.h"
#include "tests/unit/wts_stage.h"
#include "worker/backend_wts.h"

#define WTS_BENCH_SHORT_MS 300
#define WTS_BENCH_LONG_MS 60000
/* A name with letters of two, three and four bytes in UTF-8. */
#define WTS_BENCH_NAME "J\xc3\xbcrgen \xe6\x9d\xb1\xf0\x9f\x90\x88"

struct wts_bench {
    struct server_settings settings;
    struct gate gate;
    unsigned news; /* of changes; the gate guards it */
    void *backend;
};

extern struct wts_bench wts_bench;
extern const struct session_backend_ops wts_bench_ops;

/*
 * The state file that each test begins with: 0 services, 1 the worker's own
 * session, 2 WTS_BENCH_NAME at work, 3 bob disconnected, 65536 a listener.
 */
extern const char wts_bench_ordinary[];

/* For cmocka, around each test. */
int wts_bench_setup(void **state);
int wts_bench_teardown(void **state);

/* Open the backend anew; computer NULL: this machine. */
void wts_bench_open(int64_t timeout_ms, char *computer);
void wts_bench_close(void);

/* The ordinary machine, and more lines. */
void wts_bench_write_more(const char *lines);

/* List; fails the test if that fails. */
void wts_bench_list(struct session_list *out);
/* Select a session as a command would. */
void wts_bench_pick(const char *id, struct session *out);
enum lastcall_status wts_bench_act(struct session *target, enum action action,
                                   struct session_outcome *outcome);
enum lastcall_status wts_bench_pick_and_act(const char *id, enum action action,
                                            struct session_outcome *outcome);

#endif
