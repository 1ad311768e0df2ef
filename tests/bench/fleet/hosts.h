/*
 * Simulated hosts: each is a whole worker (worker.h) with a key, a grant, a
 * configuration, a journal and a connection of its own, over a server that is
 * none (backend.h) and a connection that shares its thread (many.h).
 */
#ifndef LASTCALL_BENCH_FLEET_HOSTS_H
#define LASTCALL_BENCH_FLEET_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/key.h"
#include "tests/bench/fleet/many.h"
#include "worker/counters.h"

struct hosts_options {
    const char *uri;       /* of the broker */
    const char *directory; /* where their files are made; root.pub is there */
    const struct key *root;
    struct many *many;
    size_t first; /* the number of the first: "host-00000" and so on */
    size_t count;
};

struct hosts;

/*
 * Make the files and start the workers; bench_fail() says what went wrong.
 *
 *   started  called after each one
 */
struct hosts *hosts_open(const struct hosts_options *options,
                         void (*started)(size_t count));

/* Sum up one number of all. */
int64_t hosts_counter(const struct hosts *hosts, enum counter which);

/* Stop them all, each with its farewell, and free. */
void hosts_close(struct hosts *hosts);

#endif
