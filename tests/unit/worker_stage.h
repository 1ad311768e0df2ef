/*
 * A whole worker on disk: its folder with worker.conf, keys and grant, over a
 * link and servers that the fakes are.  Server "one" is of Windows sessions,
 * "two" a Plex.
 */
#ifndef LASTCALL_TESTS_UNIT_WORKER_STAGE_H
#define LASTCALL_TESTS_UNIT_WORKER_STAGE_H

#include "tests/unit/fake_link.h"
#include "tests/unit/fakes.h"
#include "worker/worker.h"

#define WORKER_STAGE_PATH_SIZE 128

struct worker_stage {
    char directory[64];
    char config[WORKER_STAGE_PATH_SIZE];
    struct fake_fleet fleet;
    struct counters counters;
    struct inbox *inbox;
    struct worker_context context;
};
extern struct worker_stage worker_stage;

int worker_stage_setup(void **state);
int worker_stage_teardown(void **state);

/* Wait until the two servers have been listed so often. */
void worker_stage_await_lists(unsigned one, unsigned two);

#endif
