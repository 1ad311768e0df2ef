/*
 * A machine whose sessions are asked for: the handle that Windows gives for
 * it, and what is fixed about it.  Counted, because a call that hangs keeps
 * it until it ends, long after the backend is closed.
 */
#ifndef LASTCALL_WORKER_WTS_HOST_H
#define LASTCALL_WORKER_WTS_HOST_H

#include <stdatomic.h>
#include <stdbool.h>

#include "protocol/io/platform.h"
#include "worker/settings.h"
#include "worker/wts_api.h"

/* A DNS name and its NUL. */
#define WTS_COMPUTER_SIZE 256

struct wts_host {
    const struct wts_api_ops *api;
    void *handle;                     /* owned; the api's */
    char server[sizeof(struct name)]; /* the settings' name for it */
    char computer[WTS_COMPUTER_SIZE];
    bool is_remote;
    bool is_lock_reversed;
    uint32_t own_session; /* WTS_SESSION_CURRENT: none is the worker's own */
    atomic_uint holders;
};

/*
 * Open the machine that the settings name; nothing is asked of it yet.
 *
 *   out    filled on LASTCALL_OK; wts_host_release() gives it back
 *   error  a sentence with the mend
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (computer is no name), or
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
wts_host_open(const struct wts_api_ops *api,
              const struct server_settings *settings, struct wts_host **out,
              struct platform_error *error);

/* Hold it once more, and give it back; the last one closes it.  Thread: any. */
struct wts_host *wts_host_hold(struct wts_host *host);
void wts_host_release(struct wts_host *host);

#endif
