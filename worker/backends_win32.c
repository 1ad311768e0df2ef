#include "worker/backends.h"

#include "worker/backend_wts.h"
#include "worker/wts_api_win32.h"

static enum lastcall_status
backend_wts_open(const struct backend_surroundings *around, void **state,
                 struct platform_error *error)
{
    return backend_wts_open_with(&wts_api_win32, around, state, error);
}

static const struct session_backend_ops backend_wts_ops =
    BACKEND_WTS_OPS(backend_wts_open);

const struct session_backend_ops *const worker_backends[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = &backend_plex_ops,
    [BACKEND_WTS] = &backend_wts_ops,
};
