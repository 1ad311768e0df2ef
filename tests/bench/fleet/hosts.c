#include "tests/bench/fleet/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/grant.h"
#include "protocol/io/keyfile.h"
#include "tests/bench/fleet/backend.h"
#include "tests/bench/fleet/stream.h"
#include "worker/worker.h"

#define PATH_SIZE 512
#define GRANT_LIFE_S (INT64_C(90) * 24 * 3600)
#define FLEET "lastcall"
#define GROUP_COUNT 10

/* Nothing but orders makes traffic: the timers are as long as they may be. */
#define CONFIG                                                                 \
    "[worker]\nhost = %s\nstate_dir = state\nkey = host.key\n"                 \
    "grant = host.grant\nroot = ../root.pub\n"                                 \
    "[broker]\nuri = %s\nkeep_alive = 10m\nsession_expiry = 10m\n"             \
    "[server \"home\"]\nbackend = plex\nurl = http://127.0.0.1:32400\n"        \
    "token_file = host.key\nsessions_interval = 1h\n"

static const struct session_backend_ops *const backends[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = &backend_sim_ops,
};

struct host {
    struct counters counters;
    struct inbox *inbox;   /* owned */
    struct worker *worker; /* owned */
    char boot_id[RESULT_BOOT_ID_SIZE];
};

struct hosts {
    size_t count;
    struct host list[];
};

/* The files of one host while they are made. */
struct files {
    const struct hosts_options *options;
    struct name name;
    size_t number;
    char directory[PATH_SIZE];
    struct key key; /* owned */
};

static const char *path_in(const struct files *files, const char *name,
                           char path[PATH_SIZE])
{
    if ((size_t)snprintf(path, PATH_SIZE, "%s/%s", files->directory, name) >=
        PATH_SIZE)
        bench_fail("the directory's path is too long");
    return path;
}

static void write_file(const struct files *files, const char *name,
                       const void *text, size_t len)
{
    char path[PATH_SIZE];
    FILE *file = fopen(path_in(files, name, path), "w");

    if (file == NULL || fwrite(text, 1, len, file) != len || fclose(file) != 0)
        bench_fail(path);
}

static void write_grant(const struct files *files)
{
    const int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    struct name group = {""};
    struct grant grant = {
        .kind = SUBJECT_HOST,
        .name = files->name,
        .fleet = {FLEET},
        .iat_s = now_s - 60,
        .exp_s = now_s + GRANT_LIFE_S,
        .key = files->key, /* lent */
        .groups = &group,
        .group_count = 1,
    };
    struct request_id jti;
    struct bytes token;
    json_t *claims = NULL;

    snprintf(group.text, sizeof(group.text), "group-%zu",
             files->number % GROUP_COUNT);
    if (platform_random_id(&jti) != LASTCALL_OK)
        bench_fail("no random numbers");
    snprintf(grant.jti, sizeof(grant.jti), "%s", jti.text);
    subject_format(SUBJECT_HOST, &files->name, grant.subject);
    claims = grant_encode(&grant);
    if (claims == NULL || token_sign(TOKEN_GRANT, files->options->root, NULL,
                                     claims, &token) != LASTCALL_OK)
        bench_fail("a grant cannot be signed");
    write_file(files, "host.grant", token.data, token.len);
    json_decref(claims);
    bytes_deinit(&token);
}

static void write_files(struct files *files)
{
    struct platform_error error = {{0}};
    char path[PATH_SIZE];
    char config[sizeof(CONFIG) + sizeof(struct name) + PATH_SIZE];
    int len = 0;

    if (mkdir(files->directory, 0700) != 0)
        bench_fail(files->directory);
    if (key_generate(&files->key) != LASTCALL_OK)
        bench_fail("no key");
    if (keyfile_write_pair(path_in(files, "host.key", path), &files->key,
                           &error) != LASTCALL_OK)
        bench_fail(error.text);
    write_grant(files);
    len = snprintf(config, sizeof(config), CONFIG, files->name.text,
                   files->options->uri);
    write_file(files, "worker.conf", config, (size_t)len);
}

static void start_worker(const struct files *files, struct host *host)
{
    const struct inbox_options inbox = {
        .fleet = {FLEET},
        .clock = &platform_clock,
        .counters = &host->counters,
    };
    struct worker_context context = {
        .clock = &platform_clock,
        .link = many_link(files->options->many),
        .backends = backends,
        .counters = &host->counters,
        .boot_id = host->boot_id,
    };
    struct platform_error error = {{0}};
    char path[PATH_SIZE];

    snprintf(host->boot_id, sizeof(host->boot_id), "boot-%zu", files->number);
    host->inbox = context.inbox = inbox_open(&inbox);
    if (host->inbox == NULL)
        bench_fail("memory");
    if (worker_new(&context, path_in(files, "worker.conf", path), &host->worker,
                   &error) != LASTCALL_OK ||
        worker_start(host->worker, &error) != LASTCALL_OK)
        bench_fail(error.text);
}

struct hosts *hosts_open(const struct hosts_options *options,
                         void (*started)(size_t count))
{
    struct hosts *hosts =
        calloc(1, sizeof(*hosts) + options->count * sizeof(hosts->list[0]));

    if (hosts == NULL)
        bench_fail("memory");
    for (size_t i = 0; i < options->count; i++) {
        struct files files = {.options = options, .number = options->first + i};

        snprintf(files.name.text, sizeof(files.name.text), "host-%05zu",
                 files.number);
        snprintf(files.directory, sizeof(files.directory), "%s/%s",
                 options->directory, files.name.text);
        write_files(&files);
        start_worker(&files, &hosts->list[i]);
        key_deinit(&files.key);
        hosts->count++;
        started(hosts->count);
    }
    return hosts;
}

int64_t hosts_counter(const struct hosts *hosts, enum counter which)
{
    int64_t sum = 0;

    for (size_t i = 0; i < hosts->count; i++)
        sum += counters_read(&hosts->list[i].counters, which);
    return sum;
}

void hosts_close(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        worker_stop(hosts->list[i].worker, INBOX_STOP);
        worker_free(hosts->list[i].worker);
        inbox_close(hosts->list[i].inbox);
    }
    free(hosts);
}
