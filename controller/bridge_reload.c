/* One life of the bridge takes over from another, whose settings are old. */
#include <string.h>

#include "controller/bridge.h"

void bridge_catch_up(struct bridge *bridge)
{
    const int64_t end_ms = fleet_now_ms() + BRIDGE_CATCH_UP_MS;
    enum fleet_event_kind kind = FLEET_POSTED;
    bool is_idle = false;

    while (kind != FLEET_INTERRUPTED && fleet_now_ms() < end_ms &&
           !(is_idle && kind == FLEET_TIMEOUT)) {
        is_idle = fleet_link_is_idle(bridge->fleet->link);
        kind = bridge_take_next(bridge, fleet_now_ms() +
                                            (is_idle ? 0 : FLEET_QUIET_MS));
    }
    fleet_link_post(bridge->fleet->link); /* of home nothing was taken */
}

bool bridge_leave(struct bridge *bridge)
{
    const int64_t end_ms = fleet_now_ms() + BRIDGE_LEAVE_MS;
    enum fleet_event_kind kind = FLEET_POSTED;
    bool is_idle = false;

    if (bridge_presses_wait(bridge))
        log_write(bridge->log, LOG_LEVEL_INFO, LOG_EVERY, "RELOAD-WAIT",
                  "the answers to presses come first, for %d s at most",
                  BRIDGE_LEAVE_MS / 1000);
    /* The last turn may have taken a press. */
    while (kind != FLEET_INTERRUPTED && fleet_now_ms() < end_ms &&
           (!is_idle || kind != FLEET_TIMEOUT || bridge_presses_wait(bridge))) {
        int64_t until_ms = fleet_now_ms();

        is_idle = !bridge_presses_wait(bridge) &&
                  fleet_link_is_idle(bridge->fleet->link);
        if (!is_idle)
            until_ms += FLEET_QUIET_MS;
        kind = bridge_turn(bridge, until_ms, false);
    }
    return kind != FLEET_INTERRUPTED;
}

/* What was passed on is not passed on again, and what was pressed counts as
 * pressed, where the button is still there. */
static void inherit_device(struct bridge *bridge, const struct bridge *former,
                           struct bridge_device *device,
                           const struct bridge_device *old)
{
    for (size_t i = 0; i < old->server_count; i++) {
        struct bridge_server *server =
            bridge_find_server(device, &old->servers[i].name);

        if (server == NULL)
            continue;
        memcpy(server->boot_id, old->servers[i].boot_id,
               sizeof server->boot_id);
        server->event_seq = old->servers[i].event_seq;
    }
    for (size_t i = 0; i < bridge->config->button_count; i++) {
        const char *id = bridge->config->buttons[i].id.text;

        for (size_t k = 0; k < former->config->button_count; k++) {
            if (strcmp(former->config->buttons[k].id.text, id) == 0)
                device->presses[i] = old->presses[k];
        }
    }
}

/* What the home has of a device is taken as if the broker had kept it: what
 * is not wanted any more is taken back. */
static void inherit_discovery(struct bridge *bridge, struct bridge *former,
                              struct bridge_device *old)
{
    const bool is_shown = bridge_find(bridge, &old->name) != NULL;
    struct bridge_device *device = NULL;
    enum lastcall_status status = LASTCALL_OK;
    struct home_message message = {
        .kind = HOME_MESSAGE_DISCOVERY,
        .host = old->name,
        .is_retained = true,
    };

    if (old->former.len > 0) {
        message.payload = old->former;
        old->former = (struct bytes){0};
    } else {
        status = bridge_write_discovery(former, old, &message.payload);
    }
    if (status == LASTCALL_OK)
        bridge_take_retained(bridge, &message);
    home_message_deinit(&message);
    device = bridge_find_or_add(bridge, &old->name);
    if (device != NULL && !is_shown) {
        device->is_gone = true; /* also when its payload could not be read */
        bridge_show_again(bridge, device);
    }
    for (size_t i = 0; device != NULL && i < old->server_count; i++)
        bridge_add_stale_server(device, &old->servers[i].name);
}

static void inherit_home(struct bridge *bridge, struct bridge *former)
{
    bridge->home = former->home;
    former->home = NULL;
    bridge->is_home_up = former->is_home_up;
    bridge->ready_ms = former->ready_ms;
    bridge->birth_due_ms = former->birth_due_ms;
    for (size_t i = 0; i < former->device_count; i++)
        inherit_discovery(bridge, former, former->devices[i]);
    home_link_pass_on(bridge->home, bridge->config, bridge->fleet->link);
}

void bridge_succeed(struct bridge *bridge, struct bridge *former)
{
    bridge_presses_close(former);
    for (size_t i = 0; i < former->device_count; i++) {
        const struct bridge_device *old = former->devices[i];
        struct bridge_device *device = bridge_find(bridge, &old->name);

        if (device != NULL)
            inherit_device(bridge, former, device, old);
    }
    if (bridge->home == NULL)
        inherit_home(bridge, former);
    bridge_close(former);
}
