/* lastcall-worker-standin: the worker, with the stand-in for Windows. */
#include "tests/standin/wts/double.h"
#include "worker/backend_wts.h"
#include "worker/backends.h"

static enum lastcall_status
open_standin(const struct backend_surroundings *around, void **state,
             struct platform_error *error)
{
    return backend_wts_open_with(&wts_api_double, around, state, error);
}

static const struct session_backend_ops standin_ops =
    BACKEND_WTS_OPS(open_standin);

const struct session_backend_ops *const worker_backends[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = &backend_plex_ops,
    [BACKEND_WTS] = &standin_ops,
};
