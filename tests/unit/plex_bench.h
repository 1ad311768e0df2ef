/*
 * A bench for the Plex backend: the real stand-in server, a token file, and a
 * backend that asks it.  The server is shared by all tests of a program, the
 * backend is each test's own.
 */
#ifndef LASTCALL_TESTS_UNIT_PLEX_BENCH_H
#define LASTCALL_TESTS_UNIT_PLEX_BENCH_H

#include "tests/unit/standin_process.h"
#include "worker/session_backend.h"

#define PLEX_BENCH_TIMEOUT_MS 400
#define PLEX_BENCH_LONG_TIMEOUT_MS 60000

extern struct standin_process plex_bench_standin;
extern char plex_bench_token_path[];

struct plex_bench {
    char url[64];
    struct server_settings settings;
    struct clock clock; /* the machine's, and ahead of it */
    int64_t ahead_ms;
    void *state; /* of backend_plex_ops */
};

/* Group fixtures: the server and the token file. */
int plex_bench_start(void **state);
int plex_bench_stop(void **state);

/* A server as new with a sample (or NULL), and a backend. */
void plex_bench_open(struct plex_bench *bench, const char *sample,
                     int64_t timeout_ms);

/* Open the backend; what its own open() returns. */
enum lastcall_status plex_bench_try_open(struct plex_bench *bench,
                                         struct platform_error *error);

/* Make the backend anew, with a clock of the test's own unless NULL. */
void plex_bench_reopen(struct plex_bench *bench, int64_t timeout_ms,
                       const struct clock *clock);

/* Close it, and check that no token ever stood in a URL. */
void plex_bench_close(struct plex_bench *bench);

void plex_bench_write_token(const char *token);

/* Make what was listed just now too old to act on. */
void plex_bench_age(struct plex_bench *bench);

enum lastcall_status plex_bench_list(struct plex_bench *bench,
                                     struct session_list *out,
                                     struct session_outcome *outcome);

/* List, which must succeed, and copy one session. */
void plex_bench_pick(struct plex_bench *bench, const char *id,
                     struct session *out);

/* Stop a session. */
enum lastcall_status plex_bench_act(struct plex_bench *bench,
                                    const struct session *target,
                                    const char *reason,
                                    struct session_outcome *outcome);

#endif
