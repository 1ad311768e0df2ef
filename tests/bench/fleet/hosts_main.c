/*
 * One process of a simulated fleet: COUNT workers over a broker.
 *
 *     bench_fleet_hosts BROKER_URI ROOT_KEY DIRECTORY FIRST COUNT
 *
 * DIRECTORY holds root.pub; each host makes a folder in it.  Standard input
 * takes orders, a line each, and standard output answers each with a line:
 *
 *     (at the start)  ready      every host is connected, and its status and
 *                                its inventory are with the broker
 *     quiet           quiet      nothing was said for QUIET_MS
 *     refill          refill     sessions are there for those that were ended
 *     hold            hold       results are held back from now on
 *     held            COUNT      so many hosts hold one
 *     release         release    they are on their way
 *     report          {...}      figures since the start
 *     (the end)                  all workers are stopped, with their farewell
 *
 * How far it is goes to standard error as "host COUNT".
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/io/gate.h"
#include "protocol/io/keyfile.h"
#include "tests/bench/fleet/backend.h"
#include "tests/bench/fleet/count.h"
#include "tests/bench/fleet/hosts.h"
#include "tests/bench/fleet/many.h"
#include "tests/bench/fleet/stream.h"

#define HOST_MAX 20000
/* The latest that follows an ending is the status, two seconds later. */
#define QUIET_MS 3000
#define POLL_MS 20
#define WAIT_MS 300000
#define PROGRESS_COUNT 100

/* Socket, journal with two files beside it, lock; and the files of making. */
#define FILES_PER_HOST 5
#define FILES_BESIDE 64

struct simulator {
    struct many *many;
    struct hosts *hosts;
    size_t count;
};

static void raise_limits(size_t count)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        files.rlim_cur < count * FILES_PER_HOST + FILES_BESIDE)
        bench_fail("too few open files are allowed (ulimit -n) for so many "
                   "hosts in one process");
}

static void on_started(size_t count)
{
    if (count % PROGRESS_COUNT == 0)
        fprintf(stderr, "host %zu\n", count);
}

static void answer(const char *text)
{
    puts(text);
    fflush(stdout);
}

/* Look until a condition holds; the run ends when it never does. */
static void await(struct simulator *simulator,
                  bool (*holds)(const struct simulator *simulator,
                                const struct many_figures *figures),
                  const char *what)
{
    struct many_figures figures;

    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_MS) {
        many_read(simulator->many, &figures);
        if (figures.lost > 0)
            bench_fail("the broker ended a connection");
        if (holds(simulator, &figures)) {
            answer(what);
            return;
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    fprintf(stderr, "fleet: %zu of %zu connected, %zu settled\n", figures.ready,
            simulator->count, figures.settled);
    bench_fail("the hosts did not come as far as they should in time");
}

static bool is_settled(const struct simulator *simulator,
                       const struct many_figures *figures)
{
    return figures->settled == simulator->count;
}

static bool is_quiet(const struct simulator *simulator,
                     const struct many_figures *figures)
{
    return is_settled(simulator, figures) && figures->quiet_ms >= QUIET_MS;
}

static void answer_held(const struct simulator *simulator)
{
    struct many_figures figures;

    many_read(simulator->many, &figures);
    printf("%zu\n", figures.holding);
    fflush(stdout);
}

static void report(const struct simulator *simulator)
{
    static const char *const names[MANY_KIND_COUNT] = {
        [MANY_STATUS] = "status",   [MANY_SESSIONS] = "sessions",
        [MANY_EVENT] = "event",     [MANY_RESULT] = "result",
        [MANY_COMMAND] = "command", [MANY_OTHER] = "other",
    };
    const struct hosts *hosts = simulator->hosts;
    const struct count count = count_read();
    struct many_figures figures;

    many_read(simulator->many, &figures);
    printf("{\"hosts\":%zu,\"lost\":%zu", simulator->count, figures.lost);
    for (size_t i = 0; i < MANY_KIND_COUNT; i++)
        printf(",\"%s\":{\"count\":%llu,\"bytes\":%llu}", names[i],
               (unsigned long long)figures.traffic[i].count,
               (unsigned long long)figures.traffic[i].bytes);
    printf(",\"verified\":%llu,\"signed\":%llu",
           (unsigned long long)count.verified,
           (unsigned long long)count.signed_);
    printf(",\"dropped\":%lld,\"refused\":%lld,\"run\":%lld,\"replayed\":%lld,"
           "\"ended\":%lld}\n",
           (long long)hosts_counter(hosts, COUNTER_DROPPED),
           (long long)hosts_counter(hosts, COUNTER_REFUSED),
           (long long)hosts_counter(hosts, COUNTER_RUN),
           (long long)hosts_counter(hosts, COUNTER_REPLAYED),
           (long long)hosts_counter(hosts, COUNTER_ENDED));
    fflush(stdout);
}

static void obey(struct simulator *simulator, const char *order)
{
    if (strcmp(order, "quiet") == 0) {
        await(simulator, is_quiet, "quiet");
    } else if (strcmp(order, "refill") == 0) {
        backend_sim_refill();
        answer("refill");
    } else if (strcmp(order, "hold") == 0) {
        many_hold(simulator->many);
        answer("hold");
    } else if (strcmp(order, "held") == 0) {
        answer_held(simulator);
    } else if (strcmp(order, "release") == 0) {
        many_release(simulator->many);
        answer("release");
    } else if (strcmp(order, "report") == 0) {
        report(simulator);
    } else {
        bench_fail("an order that it does not know");
    }
}

int main(int argc, char **argv)
{
    struct platform_error error = {{0}};
    struct simulator simulator = {0};
    struct hosts_options options = {0};
    struct key root = {0};
    char order[32];

    if (argc != 6) {
        fprintf(stderr, "usage: bench_fleet_hosts BROKER_URI ROOT_KEY "
                        "DIRECTORY FIRST COUNT\n");
        return 2;
    }
    options.uri = argv[1];
    options.directory = argv[3];
    options.first = strtoul(argv[4], NULL, 10);
    options.count = simulator.count = strtoul(argv[5], NULL, 10);
    if (options.count == 0 || options.count > HOST_MAX)
        bench_fail("COUNT is 1 to 20000");
    raise_limits(options.count);
    if (keyfile_read_private(argv[2], &root, &error) != LASTCALL_OK)
        bench_fail(error.text);
    options.root = &root;
    simulator.many = options.many = many_open(options.count);
    simulator.hosts = hosts_open(&options, on_started);
    await(&simulator, is_settled, "ready");
    while (fgets(order, sizeof(order), stdin) != NULL) {
        order[strcspn(order, "\n")] = '\0';
        obey(&simulator, order);
    }
    hosts_close(simulator.hosts);
    many_close(simulator.many);
    key_deinit(&root);
    return 0;
}
