/*
 * The discovery payloads: one retained JSON object a device, with all its
 * entities.  Home Assistant drops a payload with a member it does not know at
 * its root or in its device block.  Pure.
 */
#ifndef LASTCALL_CONTROLLER_HOME_DISCOVERY_H
#define LASTCALL_CONTROLLER_HOME_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/home_config.h"
#include "protocol/action.h"
#include "protocol/bytes.h"
#include "protocol/name.h"
#include "protocol/presence.h"

/* The origin of every payload of ours: by it the bridge knows its own again
 * and clears what is stale. */
#define HOME_ORIGIN "Lastcall"

#define HOME_DISCOVERY_BYTES_MAX ((size_t)512 * 1024)

struct home_server {
    struct name name;
    enum backend_kind backend;
};

/* What is shown of a host; pointers are borrowed. */
struct home_host {
    struct name name;
    char version[STATUS_VERSION_SIZE]; /* of its worker; "": not known */
    char os[STATUS_VERSION_SIZE];      /* "": not known */
    const struct home_server *servers; /* sorted by name */
    size_t server_count;               /* at most HOME_SERVER_MAX */
};

/*
 * Write the discovery payload of a host's device: connectivity of its worker;
 * for each server the count of sessions with the list as attributes and
 * whether it is reachable; sessions' events; the buttons that
 * home_button_is_on() it, and their results.
 *
 * What stands at the topics is said in home_project.h.  Unique ids are
 * "<object id>:<component>", components' keys their names ("worker",
 * "sessions_<server>", "reachable_<server>", "event", "result",
 * "button_<id>").
 *
 *   out  appended to; initialised with HOME_DISCOVERY_BYTES_MAX
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
home_discovery_host(const struct bridge_config *config,
                    const struct home_host *host, struct bytes *out);

/* Write that of the bridge's own device: its connectivity, the buttons that
 * are broadcasts, their results.  As home_discovery_host(). */
LASTCALL_MUST_USE enum lastcall_status
home_discovery_bridge(const struct bridge_config *config, struct bytes *out);

/*
 * Say whether a payload that the broker retained is one of ours: a JSON object
 * whose origin is HOME_ORIGIN.
 *
 *   payload, len  may be hostile; above HOME_DISCOVERY_BYTES_MAX: not ours
 */
bool home_discovery_is_ours(const void *payload, size_t len);

/*
 * Write a payload once more with the components that an earlier one had and it
 * has not, as their platform alone: Home Assistant keeps an entity that is
 * merely left out, and removes one that is sent so.  Publish this first, and
 * then the payload itself.
 *
 *   previous, len  what was retained; may be hostile: what cannot be read, or
 *                  is not ours, had no components
 *   next           what home_discovery_host() or _bridge() wrote
 *   out            appended to; initialised with HOME_DISCOVERY_BYTES_MAX;
 *                  left as it was when nothing is gone
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL (next is not one of ours).
 */
LASTCALL_MUST_USE enum lastcall_status
home_discovery_retire(const void *previous, size_t len,
                      const struct bytes *next, struct bytes *out);

#endif
