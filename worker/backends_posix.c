#include "worker/backends.h"

const struct session_backend_ops *const worker_backends[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = &backend_plex_ops,
};
