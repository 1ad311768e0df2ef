/*
 * One executor for tests, over the first of the fake servers, and everything
 * that it hands back.
 */
#ifndef LASTCALL_TESTS_UNIT_EXECUTOR_STAGE_H
#define LASTCALL_TESTS_UNIT_EXECUTOR_STAGE_H

#include "tests/unit/bodies.h"

#include "protocol/io/gate.h"
#include "tests/unit/fakes.h"
#include "worker/executor.h"

/* What came back; the gate guards the rest. */
struct back {
    struct gate gate;
    struct job *jobs;
    unsigned snapshots;
    size_t last_count;
    enum lastcall_status last_code;
};
extern struct back back;
extern struct executor *executor;

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Begin, with sessions of Plex or of a terminal server. */
void start(void);
void start_wts(void);

/* Wait for the next job, or for so many snapshots in all. */
struct job *await_job(void);
void await_snapshots(unsigned count);

/* Hand a job over, and let the executor begin with it. */
void submit(struct job *job);
void submit_select(struct job *job, const struct order *order);
/* Select and take it back. */
void select_for(struct job *job, const struct order *order);
/* Hand over the act on every target; act_on_all() takes it back, too. */
void submit_act(struct job *job);
void act_on_all(struct job *job);

/* For fake_await(). */
bool is_hanging(const void *context);

#endif
