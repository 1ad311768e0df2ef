/*
 * The worker's life: it is started, waits for what the service manager asks
 * for (service.h), and ends when that is a stop.
 */
#ifndef LASTCALL_WORKER_SERVE_H
#define LASTCALL_WORKER_SERVE_H

#include "worker/worker.h"

/*
 * Run the worker until it is to stop.
 *
 *   path  of worker.conf, read again when it is to reload
 *
 * Returns EXIT_SUCCESS, or EXIT_FAILURE with a line in the log.
 */
int serve(const struct worker_context *context, const char *path);

#endif
