/*
 * lastcall-worker: what the command line asks for.  Its life is in serve.h,
 * everything else in worker.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "worker/arguments.h"
#include "worker/backends.h"
#include "worker/history.h"
#include "worker/inventory.h"
#include "worker/journal.h"
#include "worker/serve.h"
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
        code = serve(&context, arguments->config);

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

    platform_hold_standard_files();
    if (platform_arguments(&argc, &argv) != LASTCALL_OK) {
        fputs("lastcall-worker: the arguments could not be read\n", stderr);
        return EXIT_USAGE;
    }
    platform_clean_environment();
    platform_share_heap();
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
