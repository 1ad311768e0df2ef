#include "worker/serve.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/service.h"

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
static enum lastcall_status wait_for_stop(const struct worker_context *context,
                                          const char *path,
                                          struct worker **worker)
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

int serve(const struct worker_context *context, const char *path)
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
    status = wait_for_stop(context, path, &worker);
    if (status == LASTCALL_OK) {
        service_notify("STOPPING=1");
        worker_stop(worker, INBOX_STOP);
        log_write(context->log, LOG_LEVEL_INFO, LOG_EVERY, "STOP", "stopped");
    }
    worker_free(worker);
    return status == LASTCALL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
