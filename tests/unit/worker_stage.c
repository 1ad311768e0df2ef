#include "tests/unit/worker_stage.h"

#include "tests/unit/bodies.h"

#include <unistd.h>

#include "protocol/io/keyfile.h"
#include "tests/unit/scratch.h"

#define CONFIG                                                                 \
    "[worker]\nhost = media-01\nstate_dir = .\nkey = host.key\n"               \
    "grant = host.grant\nroot = root.pub\n"                                    \
    "[broker]\nuri = mqtts://broker.example\n"                                 \
    "[server \"one\"]\nbackend = wts\nsessions_interval = 1h\n"                \
    "[server \"two\"]\nbackend = plex\nurl = http://127.0.0.1:32400\n"         \
    "token_file = /x\nsessions_interval = 1h\n"

static const struct session_backend_ops *const backends[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = &fake_backend_ops,
    [BACKEND_WTS] = &fake_wts_ops,
};

struct worker_stage worker_stage;

static const char *in_directory(const char *name)
{
    static char path[WORKER_STAGE_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", worker_stage.directory, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

int worker_stage_setup(void **state)
{
    struct worker_stage *stage = &worker_stage;
    const struct inbox_options inbox = {
        .fleet = {"lastcall"},
        .clock = &platform_clock,
        .counters = &stage->counters,
    };
    struct platform_error error;

    (void)state;
    memset(stage, 0, sizeof(*stage));
    fake_reset();
    fake_link_reset();
    snprintf(stage->directory, sizeof(stage->directory),
             "/tmp/lastcall-worker-XXXXXX");
    if (scratch_make(stage->directory) == NULL)
        return -1;
    fake_fleet_init(&stage->fleet, "alice", "*:*@*");
    write_file("worker.conf", CONFIG);
    snprintf(stage->config, sizeof(stage->config), "%s",
             in_directory("worker.conf"));
    write_file("host.grant", stage->fleet.host_grant);
    assert_int_equal(keyfile_write_pair(in_directory("host.key"),
                                        &stage->fleet.host_key, &error),
                     LASTCALL_OK);
    assert_int_equal(keyfile_write_public(in_directory("root.pub"),
                                          &stage->fleet.root, &error),
                     LASTCALL_OK);
    stage->inbox = inbox_open(&inbox);
    stage->context = (struct worker_context){
        .clock = &platform_clock,
        .link = &fake_link_ops,
        .backends = backends,
        .counters = &stage->counters,
        .inbox = stage->inbox,
        .boot_id = "boot",
    };
    return stage->inbox != NULL ? 0 : -1;
}

int worker_stage_teardown(void **state)
{
    static const char *const files[] = {
        "worker.conf", "host.grant",     "host.key",       "host.key.pub",
        "root.pub",    "journal.db",     "journal.db-wal", "journal.db-shm",
        "lock",        "journal.db-lock"};

    (void)state;
    inbox_close(worker_stage.inbox);
    fake_fleet_deinit(&worker_stage.fleet);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlink(in_directory(files[i]));
    return rmdir(worker_stage.directory);
}

/* How often the servers were listed. */
struct lists {
    unsigned one, two;
};

static bool are_listed(const void *context)
{
    const struct lists *least = context;

    return fake_servers[0].lists >= least->one &&
           fake_servers[1].lists >= least->two;
}

void worker_stage_await_lists(unsigned one, unsigned two)
{
    const struct lists least = {one, two};

    assert_true(fake_await(are_listed, &least));
}
