#include "tests/unit/bodies.h"

#include <unistd.h>

#include "protocol/io/keyfile.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/fakes.h"
#include "tests/unit/scratch.h"
#include "worker/worker.h"

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

static struct {
    char directory[64];
    struct fake_fleet fleet;
    struct counters counters;
    struct inbox *inbox;
    struct worker *worker;
} stage;

static const char *in_directory(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", stage.directory, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    const struct inbox_options inbox = {
        .fleet = {"lastcall"},
        .clock = &platform_clock,
        .counters = &stage.counters,
    };
    struct platform_error error;

    (void)state;
    memset(&stage, 0, sizeof(stage));
    fake_reset();
    fake_link_reset();
    snprintf(stage.directory, sizeof(stage.directory),
             "/tmp/lastcall-worker-XXXXXX");
    if (scratch_make(stage.directory) == NULL)
        return -1;
    fake_fleet_init(&stage.fleet, "alice", "*:*@*");
    write_file("worker.conf", CONFIG);
    write_file("host.grant", stage.fleet.host_grant);
    assert_int_equal(keyfile_write_pair(in_directory("host.key"),
                                        &stage.fleet.host_key, &error),
                     LASTCALL_OK);
    assert_int_equal(keyfile_write_public(in_directory("root.pub"),
                                          &stage.fleet.root, &error),
                     LASTCALL_OK);
    stage.inbox = inbox_open(&inbox);
    return stage.inbox != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const files[] = {
        "worker.conf", "host.grant",     "host.key",       "host.key.pub",
        "root.pub",    "journal.db",     "journal.db-wal", "journal.db-shm",
        "lock",        "journal.db-lock"};

    (void)state;
    worker_stop(stage.worker, INBOX_STOP);
    worker_free(stage.worker);
    inbox_close(stage.inbox);
    fake_fleet_deinit(&stage.fleet);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlink(in_directory(files[i]));
    return rmdir(stage.directory);
}

static void start(void)
{
    const struct worker_context context = {
        .clock = &platform_clock,
        .link = &fake_link_ops,
        .backends = backends,
        .counters = &stage.counters,
        .inbox = stage.inbox,
        .boot_id = "boot",
    };
    struct platform_error error;

    if (worker_new(&context, in_directory("worker.conf"), &stage.worker,
                   &error) != LASTCALL_OK ||
        worker_start(stage.worker, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
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

static void a_change_of_the_machines_sessions_lists_them(void **state)
{
    const struct lists first = {1, 1};
    const struct lists again = {2, 1};

    (void)state;
    start();
    assert_true(fake_await(are_listed, &first));
    worker_sessions_changed(stage.worker);
    assert_true(fake_await(are_listed, &again));
    fake_lock();
    assert_int_equal(fake_servers[1].lists, 1); /* a Plex is no part of it */
    fake_unlock();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_change_of_the_machines_sessions_lists_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
