/*
 * lastcall-worker: the command line, and the loop that waits for the service
 * manager.  Everything else is in worker.h.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "worker/backends.h"
#include "worker/history.h"
#include "worker/journal.h"
#include "worker/service.h"
#include "worker/worker.h"

#define EXIT_USAGE 2
#define PATH_SIZE 1024

enum mode {
    MODE_RUN,
    MODE_CHECK,
    MODE_HISTORY,
};

struct arguments {
    enum mode mode;
    const char *config;
    enum log_level level;
    int64_t history_count; /* 0: all */
    bool verify;
};

static void print_help(void)
{
    printf("Usage: lastcall-worker [--config FILE] [--log-level L]\n"
           "       lastcall-worker [--config FILE] --check\n"
           "       lastcall-worker [--config FILE] --history [N] [--verify]\n"
           "\n"
           "Runs commands that controllers of the fleet sign on this host's\n"
           "servers, in the foreground.\n"
           "\n"
           "  --config FILE    default: %s/worker.conf\n"
           "  --log-level L    error, warn, info (default) or debug\n"
           "  --check          check the file, the keys, the broker and each\n"
           "                   server; exit 0 when all is well, else 1\n"
           "  --history [N]    print the newest N lines of the audit trail\n"
           "  --history --verify\n"
           "                   check its hash chain; exit 0 when it is whole\n"
           "  --version\n"
           "  --help\n"
           "\n"
           "SIGTERM ends it after what runs has finished; SIGHUP reads the\n"
           "file again.\n",
           platform_config_dir());
}

enum option_code {
    OPTION_CONFIG = 1,
    OPTION_LEVEL,
    OPTION_CHECK,
    OPTION_HISTORY,
    OPTION_VERIFY,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"log-level", required_argument, NULL, OPTION_LEVEL},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool parse_count(const char *text, int64_t *out)
{
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);

    if (end == text || *end != '\0' || value < 1)
        return false;
    *out = value;
    return true;
}

static int usage(const char *text, const char *what)
{
    fprintf(stderr, "lastcall-worker: %s%s; see --help\n", text, what);
    return EXIT_USAGE;
}

/* Take what stands behind the options: the N of --history. */
static int parse_rest(int argc, char **argv, struct arguments *out)
{
    if (out->verify && out->mode != MODE_HISTORY)
        return usage("--verify goes with --history", "");
    if (optind == argc)
        return EXIT_SUCCESS;
    if (out->mode != MODE_HISTORY || optind + 1 != argc)
        return usage("unexpected argument: ", argv[optind]);
    if (!parse_count(argv[optind], &out->history_count))
        return usage("not a number of lines: ", argv[optind]);
    return EXIT_SUCCESS;
}

/* Below 0: go on; else the exit status. */
static int parse_option(int code, struct arguments *out)
{
    switch (code) {
    case OPTION_CONFIG:
        out->config = optarg;
        return -1;
    case OPTION_LEVEL:
        if (log_level_parse(optarg, &out->level) != LASTCALL_OK)
            return usage("no such log level: ", optarg);
        return -1;
    case OPTION_CHECK:
        out->mode = MODE_CHECK;
        return -1;
    case OPTION_HISTORY:
        out->mode = MODE_HISTORY;
        return -1;
    case OPTION_VERIFY:
        out->verify = true;
        return -1;
    case OPTION_VERSION:
        puts("lastcall-worker " LASTCALL_VERSION);
        return EXIT_SUCCESS;
    case OPTION_HELP:
        print_help();
        return EXIT_SUCCESS;
    default:
        return usage("that is no option of mine", "");
    }
}

/* ---- --history ---- */

static int show_history(const struct arguments *arguments)
{
    struct platform_error error = {{0}};
    struct config_error fault = {0};
    struct settings settings = {0};
    enum lastcall_status status = LASTCALL_E_CONFIG;
    char path[PATH_SIZE];
    int64_t count = 0;

    status = settings_load(arguments->config, &settings, &fault);
    if (status != LASTCALL_OK) {
        fprintf(stderr, "lastcall-worker: %s\n",
                fault.text[0] != '\0' ? fault.text : status_text(status));
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, settings.worker.state_dir);
    settings_deinit(&settings);
    if (arguments->verify)
        status = history_verify(path, &count, &error);
    else
        status = history_print(path, arguments->history_count, stdout, &error);
    if (status != LASTCALL_OK) {
        fprintf(stderr, "lastcall-worker: %s\n", error.text);
        return EXIT_FAILURE;
    }
    if (arguments->verify)
        printf("the chain is whole: %lld lines\n", (long long)count);
    return EXIT_SUCCESS;
}

/* ---- running ---- */

static void on_ready(void *context)
{
    struct log *log = context;

    log_write(log, LOG_LEVEL_INFO, LOG_EVERY, "READY",
              "connected and subscribed");
    service_notify("READY=1");
}

/* The settings that what outlives a reload was made of. */
static bool is_same_host(const struct worker *a, const struct worker *b)
{
    const struct settings *one = worker_settings(a);
    const struct settings *other = worker_settings(b);

    return strcmp(one->worker.host.text, other->worker.host.text) == 0 &&
           strcmp(one->worker.fleet.text, other->worker.fleet.text) == 0;
}

/*
 * Put a new worker in the old one's place, if its settings are good.
 *
 * Returns LASTCALL_OK also when the old one stays; anything else when neither
 * would start.
 */
static enum lastcall_status reload(const struct worker_context *context,
                                   const char *path, struct worker **worker)
{
    struct platform_error error = {{0}};
    struct worker *fresh = NULL;
    enum lastcall_status status = worker_new(context, path, &fresh, &error);

    if (status == LASTCALL_OK && !is_same_host(*worker, fresh)) {
        snprintf(error.text, sizeof(error.text),
                 "host and fleet change only with a restart");
        worker_free(fresh);
        status = LASTCALL_E_CONFIG;
    }
    if (status != LASTCALL_OK) {
        log_write(context->log, LOG_LEVEL_ERROR, LOG_EVERY, "RELOAD-FAIL",
                  "the old settings stay: %s", error.text);
        return LASTCALL_OK;
    }
    service_notify_reloading();
    worker_stop(*worker, INBOX_RELOAD);
    status = worker_start(fresh, &error);
    if (status == LASTCALL_OK) {
        worker_free(*worker);
        *worker = fresh;
        log_write(context->log, LOG_LEVEL_INFO, LOG_EVERY, "RELOADED",
                  "running with the new settings");
        return LASTCALL_OK;
    }
    /* Some faults show only now: a server's token file, say. */
    log_write(context->log, LOG_LEVEL_ERROR, LOG_EVERY, "RELOAD-FAIL",
              "the old settings stay: %s", error.text);
    worker_free(fresh);
    status = worker_start(*worker, &error);
    if (status != LASTCALL_OK)
        log_write(context->log, LOG_LEVEL_ERROR, LOG_EVERY, "START-FAIL", "%s",
                  error.text);
    return status;
}

/* Wait for the service manager until it says stop. */
static enum lastcall_status serve(const struct worker_context *context,
                                  const char *path, struct worker **worker)
{
    const int64_t watchdog_ms = service_watchdog_ms();
    uint64_t heartbeat = 0;

    while (true) {
        enum lastcall_status status = LASTCALL_OK;
        uint64_t now = 0;

        switch (service_wait(watchdog_ms)) {
        case SERVICE_STOP:
            return LASTCALL_OK;
        case SERVICE_RELOAD:
            status = reload(context, path, worker);
            if (status != LASTCALL_OK)
                return status;
            break;
        case SERVICE_SESSIONS:
            worker_sessions_changed(*worker);
            break;
        case SERVICE_TICK:
            now = worker_heartbeat(*worker);
            if (now != heartbeat)
                service_notify("WATCHDOG=1");
            heartbeat = now;
            inbox_nudge(context->inbox); /* a beat for the next look */
            break;
        }
    }
}

static int run_worker(const struct worker_context *context, const char *path)
{
    struct platform_error error = {{0}};
    struct worker *worker = NULL;
    enum lastcall_status status = worker_new(context, path, &worker, &error);

    if (status == LASTCALL_OK)
        status = worker_start(worker, &error);
    if (status != LASTCALL_OK) {
        log_write(context->log, LOG_LEVEL_ERROR, LOG_EVERY, "START-FAIL", "%s",
                  error.text);
        worker_free(worker);
        return EXIT_FAILURE;
    }
    log_write(context->log, LOG_LEVEL_INFO, LOG_EVERY, "START",
              "lastcall-worker " LASTCALL_VERSION " host=%s fleet=%s",
              worker_settings(worker)->worker.host.text,
              worker_settings(worker)->worker.fleet.text);
    status = serve(context, path, &worker);
    if (status == LASTCALL_OK) {
        service_notify("STOPPING=1");
        worker_stop(worker, INBOX_STOP);
        log_write(context->log, LOG_LEVEL_INFO, LOG_EVERY, "STOP", "stopped");
    }
    worker_free(worker);
    return status == LASTCALL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The fleet's name is needed before the inbox; a bad file is reported by who
 * reads it next. */
static struct name fleet_of(const char *path)
{
    struct settings settings = {0};
    struct config_error ignored = {0};
    struct name fleet = {"lastcall"};

    if (settings_load(path, &settings, &ignored) == LASTCALL_OK)
        fleet = settings.worker.fleet;
    settings_deinit(&settings);
    return fleet;
}

static int run(const struct arguments *arguments)
{
    static struct counters counters;
    struct request_id boot_id = {""};
    struct worker_context context = {
        .clock = &platform_clock,
        .link = mqtt_default_ops,
        .backends = worker_backends,
        .counters = &counters,
        .boot_id = boot_id.text,
        .ready = on_ready,
    };
    struct inbox_options inbox = {
        .fleet = fleet_of(arguments->config),
        .clock = context.clock,
        .counters = &counters,
    };
    int code = EXIT_FAILURE;

    context.log = log_open(arguments->level);
    context.ready_context = context.log;
    inbox.log = context.log;
    context.inbox = inbox_open(&inbox);
    if (context.log == NULL || context.inbox == NULL ||
        service_prepare() != LASTCALL_OK ||
        platform_random_id(&boot_id) != LASTCALL_OK) {
        fputs("lastcall-worker: cannot be set up\n", stderr);
        goto out;
    }
    if (arguments->mode == MODE_CHECK)
        code = worker_check(&context, arguments->config) == LASTCALL_OK
                   ? EXIT_SUCCESS
                   : EXIT_FAILURE;
    else
        code = run_worker(&context, arguments->config);

out:
    inbox_close(context.inbox);
    log_close(context.log);
    return code;
}

int main(int argc, char **argv)
{
    char config[PATH_SIZE];
    struct arguments arguments = {
        .mode = MODE_RUN,
        .config = config,
        .level = LOG_LEVEL_INFO,
    };
    int code = -1;
    int option = 0;

    if (platform_arguments(&argc, &argv) != LASTCALL_OK)
        return usage("the arguments could not be read", "");
    platform_forget_proxies();
    snprintf(config, sizeof(config), "%s/worker.conf", platform_config_dir());
    opterr = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        code = parse_option(option, &arguments);
        if (code >= 0)
            return code;
    }
    code = parse_rest(argc, argv, &arguments);
    if (code != EXIT_SUCCESS)
        return code;
    if (arguments.mode == MODE_HISTORY)
        return show_history(&arguments);
    return run(&arguments);
}
