/*
 * For the tests of the WTS backend: one server "desktop" that has what
 * fake_wts holds.
 */
#ifndef LASTCALL_TESTS_UNIT_FAKE_DESKTOP_H
#define LASTCALL_TESTS_UNIT_FAKE_DESKTOP_H

#include "tests/unit/fake_wts.h"

#include "tests/unit/case_lines.h"

#define SHORT_MS 100   /* ends before a busy machine has begun */
#define MIDDLE_MS 1000 /* enough to begin in, there too */
#define LONG_MS 10000

struct fake_desktop {
    struct server_settings settings;
    void *backend;
};

/* A fake without sessions and orders; the setup of every test. */
int fake_desktop_setup(void **state);

/* Open the backend as *desktop says; what session_backend_ops.open returns. */
enum lastcall_status fake_desktop_try(struct fake_desktop *desktop,
                                      int64_t timeout_ms,
                                      struct platform_error *error);
/* Open it on this machine. */
void fake_desktop_open(struct fake_desktop *desktop, int64_t timeout_ms);
/* Release what hangs, close, and see that no handle is kept. */
void fake_desktop_close(struct fake_desktop *desktop);

/* List; fails the test unless it succeeds. */
void fake_desktop_list(struct fake_desktop *desktop, struct session_list *out);
/* List in vain until so many calls stand: what no thread came to in time was
 * dropped, and is asked again. */
void fake_desktop_hang(struct fake_desktop *desktop, unsigned held,
                       struct session_outcome *outcome);
/* Select a session as a command would. */
void fake_desktop_pick(struct fake_desktop *desktop, const char *id,
                       struct session *out);
enum lastcall_status fake_desktop_act(struct fake_desktop *desktop,
                                      enum action action,
                                      const struct session *target,
                                      struct session_outcome *outcome);
/* Select a session, then act on it. */
enum lastcall_status fake_desktop_pick_and_act(struct fake_desktop *desktop,
                                               enum action action,
                                               const char *id,
                                               struct session_outcome *outcome);
/* Fails the test unless the detail has this part. */
void fake_desktop_says(const struct session_outcome *outcome, const char *part);

#endif
