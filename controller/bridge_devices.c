/* The devices at home: which there are, and what may be new of them. */
#include <stdlib.h>
#include <string.h>

#include "controller/bridge.h"

/* --- the set of devices --------------------------------------------------- */

static void device_free(struct bridge_device *device)
{
    if (device == NULL)
        return;
    free(device->servers);
    free(device->presses);
    bytes_deinit(&device->former);
    free(device);
}

/* Where a name stands, or would stand. */
static size_t position(const struct bridge *bridge, const struct name *name)
{
    size_t low = 0;
    size_t high = bridge->device_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(bridge->devices[middle]->name.text, name->text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct bridge_device *find(const struct bridge *bridge,
                                  const struct name *name)
{
    const size_t at = position(bridge, name);

    return at < bridge->device_count &&
                   strcmp(bridge->devices[at]->name.text, name->text) == 0
               ? bridge->devices[at]
               : NULL;
}

struct bridge_device *bridge_find(const struct bridge *bridge,
                                  const struct name *name)
{
    struct bridge_device *device = find(bridge, name);

    return device == NULL || device->is_gone ? NULL : device;
}

static bool make_room(struct bridge *bridge)
{
    const size_t capacity =
        bridge->device_capacity == 0 ? 16 : bridge->device_capacity * 2;
    struct bridge_device **grown = NULL;

    if (bridge->device_count < bridge->device_capacity)
        return true;
    grown = realloc(bridge->devices, capacity * sizeof(struct bridge_device *));
    if (grown == NULL)
        return false;
    bridge->devices = grown;
    bridge->device_capacity = capacity;
    return true;
}

static struct bridge_device *device_new(const struct bridge *bridge,
                                        const struct name *name)
{
    const size_t count = bridge->config->button_count;
    struct bridge_device *device = calloc(1, sizeof *device);

    if (device == NULL)
        return NULL;
    device->name = *name;
    device->presses = calloc(count + 1, sizeof *device->presses);
    if (device->presses == NULL) {
        device_free(device);
        return NULL;
    }
    return device;
}

struct bridge_device *bridge_find_or_add(struct bridge *bridge,
                                         const struct name *name)
{
    const size_t at = position(bridge, name);
    struct bridge_device *device = find(bridge, name);

    if (device != NULL)
        return device;
    /* The bridge's own device stands beside those of the hosts. */
    if (bridge->device_count > HOME_HOST_MAX) {
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOME-FULL",
                  "%s is not shown: more than %d hosts", name->text,
                  HOME_HOST_MAX);
        return NULL;
    }
    if (make_room(bridge))
        device = device_new(bridge, name);
    if (device == NULL) {
        log_write(bridge->log, LOG_LEVEL_ERROR, LOG_LIMITED, "HOME-FULL",
                  "%s is not shown: out of memory", name->text);
        return NULL;
    }
    memmove(bridge->devices + at + 1, bridge->devices + at,
            (bridge->device_count - at) * sizeof(struct bridge_device *));
    bridge->devices[at] = device;
    bridge->device_count++;
    return device;
}

void bridge_remove_device(struct bridge *bridge, struct bridge_device *device)
{
    const size_t at = position(bridge, &device->name);

    bridge_drop_former(bridge, device);
    bridge->device_count--;
    memmove(bridge->devices + at, bridge->devices + at + 1,
            (bridge->device_count - at) * sizeof(struct bridge_device *));
    device_free(device);
}

void bridge_forget_devices(struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->device_count; i++)
        device_free(bridge->devices[i]);
    free(bridge->devices);
    bridge->devices = NULL;
    bridge->device_count = 0;
    bridge->device_capacity = 0;
    bridge->first = NULL;
    bridge->last = &bridge->first;
    bridge->former_bytes = 0;
}

void bridge_keep_former(struct bridge *bridge, struct bridge_device *device,
                        struct bytes *former)
{
    if (device->former.len == 0 &&
        bridge->former_bytes + former->len <= BRIDGE_FORMER_BYTES_MAX) {
        bridge->former_bytes += former->len;
        device->former = *former;
        *former = (struct bytes){0};
    }
    bytes_deinit(former);
}

void bridge_drop_former(struct bridge *bridge, struct bridge_device *device)
{
    bridge->former_bytes -= device->former.len;
    bytes_deinit(&device->former);
}

/* --- the queue of those with something new -------------------------------- */

void bridge_queue(struct bridge *bridge, struct bridge_device *device)
{
    if (device->is_queued)
        return;
    device->is_queued = true;
    device->next = NULL;
    *bridge->last = device;
    bridge->last = &device->next;
}

void bridge_unqueue_first(struct bridge *bridge)
{
    struct bridge_device *device = bridge->first;

    bridge->first = device->next;
    if (bridge->first == NULL)
        bridge->last = &bridge->first;
    device->next = NULL;
    device->is_queued = false;
}

/* Have it published even when it is the same. */
static void touch_anew(struct bridge_published *published)
{
    published->is_dirty = true;
    published->is_known = false;
}

/* --- servers -------------------------------------------------------------- */

static int compare_servers(const void *left, const void *right)
{
    return strcmp(((const struct bridge_server *)left)->name.text,
                  ((const struct bridge_server *)right)->name.text);
}

struct bridge_server *bridge_find_server(const struct bridge_device *device,
                                         const struct name *name)
{
    for (size_t i = 0; i < device->server_count; i++) {
        if (strcmp(device->servers[i].name.text, name->text) == 0)
            return &device->servers[i];
    }
    return NULL;
}

/* Find a server or make one; NULL: no room. */
static struct bridge_server *add_server(struct bridge_device *device,
                                        const struct name *name,
                                        enum backend_kind backend)
{
    struct bridge_server *grown = NULL;
    struct bridge_server *found = bridge_find_server(device, name);

    if (found != NULL)
        return found;
    /* Twice as many: those that go are forgotten when they are cleared. */
    if (device->server_count == 2 * (size_t)HOME_SERVER_MAX)
        return NULL;
    grown =
        realloc(device->servers, (device->server_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    device->servers = grown;
    grown[device->server_count++] = (struct bridge_server){
        .name = *name, .backend = backend, .state = {.is_dirty = true}};
    qsort(grown, device->server_count, sizeof *grown, compare_servers);
    return bridge_find_server(device, name);
}

void bridge_add_stale_server(struct bridge_device *device,
                             const struct name *name)
{
    struct bridge_server *server = NULL;

    if (bridge_find_server(device, name) != NULL)
        return;
    server = add_server(device, name, BACKEND_PLEX);
    if (server == NULL)
        return;
    server->is_gone = true;
    touch_anew(&server->state);
}

void bridge_remove_server(struct bridge_device *device, size_t at)
{
    device->server_count--;
    memmove(device->servers + at, device->servers + at + 1,
            (device->server_count - at) * sizeof *device->servers);
}

/* What a host has according to its latest word.  The will of a host names no
 * servers; then those that it published count, and none is gone. */
static size_t wanted_count(const struct registry_host *host)
{
    const size_t count = host->status.server_count > 0
                             ? host->status.server_count
                             : host->inventory_count;

    return count < HOME_SERVER_MAX ? count : HOME_SERVER_MAX;
}

static struct home_server wanted_at(const struct registry_host *host, size_t at)
{
    if (host->status.server_count > 0)
        return (struct home_server){host->status.servers[at].name,
                                    host->status.servers[at].backend};
    return (struct home_server){host->inventories[at].inventory.server,
                                host->inventories[at].inventory.backend};
}

static bool is_wanted(const struct registry_host *host, const struct name *name)
{
    const size_t count = wanted_count(host);

    for (size_t i = 0; i < count; i++) {
        const struct home_server wanted = wanted_at(host, i);

        if (strcmp(wanted.name.text, name->text) == 0)
            return true;
    }
    return host->status.server_count == 0;
}

static bool is_shown(const struct bridge_device *device,
                     const struct home_server *wanted)
{
    const struct bridge_server *server =
        bridge_find_server(device, &wanted->name);

    return server != NULL && !server->is_gone &&
           server->backend == wanted->backend;
}

static bool has_other_servers(const struct bridge_device *device,
                              const struct registry_host *host)
{
    const size_t count = wanted_count(host);
    bool has_other = false;

    for (size_t i = 0; i < count && !has_other; i++) {
        const struct home_server wanted = wanted_at(host, i);

        has_other = !is_shown(device, &wanted);
    }
    for (size_t i = 0; i < device->server_count && !has_other; i++)
        has_other = !device->servers[i].is_gone &&
                    !is_wanted(host, &device->servers[i].name);
    return has_other;
}

static void update_servers(struct bridge_device *device,
                           const struct registry_host *host)
{
    const size_t count = wanted_count(host);

    for (size_t i = 0; i < device->server_count; i++) {
        struct bridge_server *server = &device->servers[i];

        if (server->is_gone || is_wanted(host, &server->name))
            continue;
        server->is_gone = true;
        touch_anew(&server->state);
    }
    for (size_t i = 0; i < count; i++) {
        const struct home_server wanted = wanted_at(host, i);
        struct bridge_server *server = NULL;

        if (is_shown(device, &wanted))
            continue;
        server = add_server(device, &wanted.name, wanted.backend);
        if (server == NULL)
            continue;
        server->is_gone = false;
        server->backend = wanted.backend;
        touch_anew(&server->state);
    }
}

/* --- what is new of a host ------------------------------------------------ */

/* The payload before a change, so that what it alone has can be taken back. */
static void keep_present(struct bridge *bridge, struct bridge_device *device)
{
    struct bytes present;

    if (!device->discovery.is_known)
        return;
    if (bridge_write_discovery(bridge, device, &present) == LASTCALL_OK)
        bridge_keep_former(bridge, device, &present);
    bytes_deinit(&present);
}

static void remove_host(struct bridge *bridge, const struct name *name)
{
    struct bridge_device *device = bridge_find(bridge, name);

    if (device == NULL)
        return;
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "HOST-GONE",
              "%s is not shown any more", name->text);
    device->is_gone = true;
    for (size_t i = 0; i < device->server_count; i++)
        device->servers[i].is_gone = true;
    bridge_show_again(bridge, device);
}

void bridge_show_again(struct bridge *bridge, struct bridge_device *device)
{
    touch_anew(&device->discovery);
    touch_anew(&device->state);
    for (size_t i = 0; i < device->server_count; i++)
        touch_anew(&device->servers[i].state);
    bridge_queue(bridge, device);
}

static struct bridge_device *device_of_host(struct bridge *bridge,
                                            const struct name *name)
{
    const bool is_new = bridge_find(bridge, name) == NULL;
    struct bridge_device *device = bridge_find_or_add(bridge, name);

    if (device == NULL || !is_new)
        return device;
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "HOST-NEW",
              "%s is shown", name->text);
    device->is_gone = false;
    bridge_show_again(bridge, device);
    return device;
}

void bridge_note_host(struct bridge *bridge, const struct name *name,
                      const struct name *server)
{
    const struct registry_host *host =
        registry_find(&bridge->fleet->registry, name);
    struct bridge_device *device = NULL;
    struct bridge_server *shown = NULL;

    if (host == NULL || !host->has_status ||
        registry_host_is_revoked(host, &bridge->fleet->trust.revoked) ||
        !bridge_config_shows(bridge->config, name)) {
        remove_host(bridge, name);
        return;
    }
    device = device_of_host(bridge, name);
    if (device == NULL)
        return;
    if (has_other_servers(device, host)) {
        keep_present(bridge, device);
        update_servers(device, host);
        device->discovery.is_dirty = true;
    }
    if (server != NULL) {
        shown = bridge_find_server(device, server);
        if (shown != NULL)
            shown->state.is_dirty = true;
    } else {
        device->discovery.is_dirty = true;
        device->state.is_dirty = true;
    }
    bridge_queue(bridge, device);
}

void bridge_show_all(struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->device_count; i++)
        bridge_show_again(bridge, bridge->devices[i]);
}

void bridge_show_own_state(struct bridge *bridge)
{
    const struct name own = {""};
    struct bridge_device *device = bridge_find(bridge, &own);

    if (device == NULL)
        return;
    touch_anew(&device->state);
    bridge_queue(bridge, device);
}
