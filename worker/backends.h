/*
 * The kinds of server that this build of the worker can ask.
 * Fillings: backends_posix.c, backends_win32.c.
 */
#ifndef LASTCALL_WORKER_BACKENDS_H
#define LASTCALL_WORKER_BACKENDS_H

#include "worker/session_backend.h"

/* By enum backend_kind; NULL where this build has none. */
extern const struct session_backend_ops
    *const worker_backends[BACKEND_KIND_COUNT];

#endif
