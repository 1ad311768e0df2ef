/*
 * lastcall-worker: what the command line asks for, and the loop that waits for
 * the service manager.  Everything else is in worker.h.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "worker/arguments.h"
#include "worker/backends.h"
#include "worker/history.h"
#include "worker/inventory.h"
#include "worker/journal.h"
#include "worker/service.h"
#include "worker/worker.h"

#define PATH_SIZE 1024

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
        case SERVICE_REQUEST_STOP:
            return LASTCALL_OK;
        case SERVICE_REQUEST_RELOAD:
            status = reload(context, path, worker);
            if (status != LASTCALL_OK)
                return status;
            break;
        case SERVICE_REQUEST_SESSIONS:
            worker_sessions_changed(*worker);
            break;
        case SERVICE_REQUEST_TICK:
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
    service_started();
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

static int run(void *data)
{
    static struct counters counters;
    static struct inventory_numbers numbers;
    const struct arguments *arguments = data;
    struct request_id boot_id = {""};
    struct worker_context context = {
        .clock = &platform_clock,
        .link = mqtt_default_ops,
        .backends = worker_backends,
        .counters = &counters,
        .numbers = &numbers,
        .boot_id = boot_id.text,
        .ready = on_ready,
    };
    struct inbox_options inbox = {
        .fleet = fleet_of(arguments->config),
        .clock = context.clock,
        .counters = &counters,
    };
    int code = EXIT_FAILURE;

    context.log = arguments->mode == MODE_MANAGED
                      ? log_open_service(arguments->level)
                      : log_open(arguments->level);
    context.ready_context = context.log;
    inbox.log = context.log;
    context.inbox = inbox_open(&inbox);
    if (context.log == NULL || context.inbox == NULL ||
        service_prepare() != LASTCALL_OK ||
        platform_random_id(&boot_id) != LASTCALL_OK) {
        log_write(context.log, LOG_LEVEL_ERROR, LOG_EVERY, "START-FAIL",
                  "cannot be set up");
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

/* ---- the service ---- */

/* Read what a service would read, and start nothing. */
static enum lastcall_status check_config(const char *path,
                                         struct platform_error *error)
{
    const struct worker_context context = {
        .clock = &platform_clock,
        .link = mqtt_default_ops,
        .backends = worker_backends,
    };
    struct worker *worker = NULL;
    enum lastcall_status status = worker_new(&context, path, &worker, error);

    worker_free(worker);
    return status;
}

static int install(const struct arguments *arguments)
{
    const struct service_installation installation = {
        .name = arguments->name,
        .config = arguments->config,
        .log_level = arguments->level_text,
        .check = check_config,
    };

    return service_install(&installation);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    int code = -1;

    if (platform_arguments(&argc, &argv) != LASTCALL_OK) {
        fputs("lastcall-worker: the arguments could not be read\n", stderr);
        return EXIT_USAGE;
    }
    platform_clean_environment();
    code = arguments_parse(argc, argv, &arguments);
    if (code >= 0)
        return code;
    switch (arguments.mode) {
    case MODE_HISTORY:
        return show_history(&arguments);
    case MODE_INSTALL:
        return install(&arguments);
    case MODE_UNINSTALL:
        return service_uninstall(arguments.name);
    case MODE_MANAGED:
        return service_dispatch(run, &arguments);
    case MODE_RUN:
    case MODE_CHECK:
        break;
    }
    return run(&arguments);
}
