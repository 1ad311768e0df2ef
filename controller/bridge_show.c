/* What the devices at home show: what is new is published, not too fast. */
#include <string.h>

#include "controller/bridge.h"
#include "controller/home_project.h"

enum lastcall_status bridge_write_discovery(const struct bridge *bridge,
                                            const struct bridge_device *device,
                                            struct bytes *out)
{
    const struct registry_host *host =
        registry_find(&bridge->fleet->registry, &device->name);
    struct home_server servers[HOME_SERVER_MAX];
    struct home_host shown = {.name = device->name, .servers = servers};

    bytes_init(out, HOME_DISCOVERY_BYTES_MAX);
    if (device->name.text[0] == '\0')
        return home_discovery_bridge(bridge->config, out);
    for (size_t i = 0; i < device->server_count; i++) {
        const struct bridge_server *server = &device->servers[i];

        if (!server->is_gone && shown.server_count < HOME_SERVER_MAX)
            servers[shown.server_count++] =
                (struct home_server){server->name, server->backend};
    }
    if (host != NULL) {
        memcpy(shown.version, host->status.version, sizeof shown.version);
        memcpy(shown.os, host->status.os, sizeof shown.os);
    }
    return home_discovery_host(bridge->config, &shown, out);
}

/* --- publishing ----------------------------------------------------------- */

enum turn {
    TURN_DONE,  /* the broker has it, or will */
    TURN_LATER, /* the pace is kept */
    TURN_WAIT,  /* too much is under way, or the home is not there */
};

/* Say whether one more message may go out now. */
static enum turn take_turn(struct bridge *bridge, int64_t now_ms)
{
    if (now_ms - bridge->pace_begin_ms >= BRIDGE_PACE_MS) {
        bridge->pace_begin_ms = now_ms;
        bridge->pace_count = 0;
    }
    if (bridge->pace_count >= BRIDGE_PACE_COUNT)
        return TURN_LATER;
    return home_link_has_room(bridge->home) ? TURN_DONE : TURN_WAIT;
}

static enum turn put(struct bridge *bridge, const struct topic *topic,
                     const struct bytes *payload, int64_t now_ms)
{
    enum lastcall_status status = LASTCALL_OK;
    enum turn turn = take_turn(bridge, now_ms);

    if (turn != TURN_DONE)
        return turn;
    status = home_link_publish(bridge->home, topic->text, payload->data,
                               payload->len, MQTT_RETAINED);
    if (status == LASTCALL_E_LINK)
        return TURN_WAIT; /* that it is back will be told */
    if (status == LASTCALL_BUSY || status == LASTCALL_E_NOMEM)
        return TURN_LATER;
    bridge->pace_count++;
    if (status != LASTCALL_OK)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOME-PUBLISH",
                  "%s is not published: %s", topic->text, status_text(status));
    return TURN_DONE;
}

/* Publish at a topic, if it is new. */
static enum turn put_new(struct bridge *bridge, const struct topic *topic,
                         const struct bytes *payload,
                         struct bridge_published *published, int64_t now_ms)
{
    unsigned char digest[BYTES_SHA256_LEN] = {0};
    enum turn turn = TURN_DONE;

    if (bytes_sha256(payload->data, payload->len, digest) != LASTCALL_OK)
        published->is_known = false;
    if (!published->is_known ||
        memcmp(published->digest, digest, sizeof digest) != 0)
        turn = put(bridge, topic, payload, now_ms);
    if (turn != TURN_DONE)
        return turn;
    memcpy(published->digest, digest, sizeof digest);
    published->is_known = true;
    published->is_dirty = false;
    return TURN_DONE;
}

/* What cannot be written will not be better the next time. */
static void give_up(struct bridge *bridge, struct bridge_published *published,
                    const struct topic *topic, enum lastcall_status status)
{
    log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOME-PUBLISH",
              "%s is not published: %s", topic->text, status_text(status));
    published->is_dirty = false;
}

/* Take back the components that only the former payload has. */
static enum turn put_retired(struct bridge *bridge,
                             struct bridge_device *device,
                             const struct topic *topic,
                             const struct bytes *next, int64_t now_ms)
{
    struct bytes retired;
    enum turn turn = TURN_DONE;
    enum lastcall_status status = LASTCALL_OK;

    if (device->former.len == 0)
        return TURN_DONE;
    bytes_init(&retired, HOME_DISCOVERY_BYTES_MAX);
    status = home_discovery_retire(device->former.data, device->former.len,
                                   next, &retired);
    if (status == LASTCALL_OK && retired.len > 0) {
        turn = put(bridge, topic, &retired, now_ms);
        device->discovery.is_known = false;
    }
    bytes_deinit(&retired);
    if (turn == TURN_DONE)
        bridge_drop_former(bridge, device);
    return turn;
}

static enum turn put_discovery(struct bridge *bridge,
                               struct bridge_device *device, int64_t now_ms)
{
    struct topic topic;
    struct bytes payload;
    enum turn turn = TURN_DONE;
    enum lastcall_status status = LASTCALL_OK;

    if (!device->discovery.is_dirty)
        return TURN_DONE;
    home_discovery_topic_format(bridge->config->discovery_prefix,
                                bridge->config->fleet.text, &device->name,
                                &topic);
    if (device->is_gone)
        bytes_init(&payload, 0);
    else
        status = bridge_write_discovery(bridge, device, &payload);
    if (status != LASTCALL_OK) {
        give_up(bridge, &device->discovery, &topic, status);
    } else {
        if (!device->is_gone)
            turn = put_retired(bridge, device, &topic, &payload, now_ms);
        if (turn == TURN_DONE)
            turn =
                put_new(bridge, &topic, &payload, &device->discovery, now_ms);
    }
    bytes_deinit(&payload);
    return turn;
}

/* "online" or "offline". */
static const char *state_of(const struct bridge *bridge,
                            const struct bridge_device *device)
{
    const struct registry_host *host = NULL;

    if (device->name.text[0] == '\0')
        return bridge->is_fleet_up ? HOME_ONLINE : HOME_OFFLINE;
    host = registry_find(&bridge->fleet->registry, &device->name);
    return host != NULL && registry_host_is_up(host) ? HOME_ONLINE
                                                     : HOME_OFFLINE;
}

static enum turn put_state(struct bridge *bridge, struct bridge_device *device,
                           int64_t now_ms)
{
    const struct home_topic parts = {
        .kind =
            device->name.text[0] == '\0' ? HOME_BRIDGE_STATE : HOME_HOST_STATE,
        .host = device->name,
    };
    struct topic topic;
    struct bytes payload;
    enum turn turn = TURN_DONE;
    enum lastcall_status status = LASTCALL_OK;

    if (!device->state.is_dirty)
        return TURN_DONE;
    home_topic_format(bridge->config->fleet.text, &parts, &topic);
    bytes_init(&payload, sizeof HOME_OFFLINE);
    if (!device->is_gone)
        status = bytes_append_text(&payload, state_of(bridge, device));
    if (status == LASTCALL_OK)
        turn = put_new(bridge, &topic, &payload, &device->state, now_ms);
    else
        give_up(bridge, &device->state, &topic, status);
    bytes_deinit(&payload);
    return turn;
}

static const struct inventory *inventory_of(const struct bridge *bridge,
                                            const struct name *name,
                                            const struct name *server)
{
    const struct registry_host *host =
        registry_find(&bridge->fleet->registry, name);

    for (size_t i = 0; host != NULL && i < host->inventory_count; i++) {
        const struct inventory *found = &host->inventories[i].inventory;

        if (strcmp(found->server.text, server->text) == 0)
            return found;
    }
    return NULL;
}

static enum turn put_sessions(struct bridge *bridge,
                              const struct bridge_device *device,
                              struct bridge_server *server, int64_t now_ms)
{
    const struct home_topic parts = {.kind = HOME_HOST_SESSIONS,
                                     .host = device->name,
                                     .server = server->name};
    const struct inventory *inventory = NULL;
    struct topic topic;
    struct bytes payload;
    enum turn turn = TURN_DONE;
    enum lastcall_status status = LASTCALL_OK;

    if (!server->state.is_dirty)
        return TURN_DONE;
    if (!server->is_gone) {
        inventory = inventory_of(bridge, &device->name, &server->name);
        server->state.is_dirty = inventory != NULL;
        if (inventory == NULL)
            return TURN_DONE; /* it has yet to tell */
    }
    home_topic_format(bridge->config->fleet.text, &parts, &topic);
    bytes_init(&payload, HOME_STATE_BYTES_MAX);
    if (inventory != NULL)
        status = home_project_sessions(inventory, &payload);
    if (status == LASTCALL_OK)
        turn = put_new(bridge, &topic, &payload, &server->state, now_ms);
    else
        give_up(bridge, &server->state, &topic, status);
    bytes_deinit(&payload);
    return turn;
}

/* First what it is, then whether it is there, then how it stands. */
static enum turn put_device(struct bridge *bridge, struct bridge_device *device,
                            int64_t now_ms)
{
    enum turn turn = put_discovery(bridge, device, now_ms);

    if (turn == TURN_DONE)
        turn = put_state(bridge, device, now_ms);
    for (size_t i = 0; i < device->server_count && turn == TURN_DONE;) {
        turn = put_sessions(bridge, device, &device->servers[i], now_ms);
        if (turn == TURN_DONE && device->servers[i].is_gone)
            bridge_remove_server(device, i);
        else
            i++;
    }
    return turn;
}

int64_t bridge_publish(struct bridge *bridge, int64_t now_ms)
{
    const struct name own = {""};
    struct bridge_device *device = bridge_find(bridge, &own);
    enum turn turn = TURN_DONE;

    if (!bridge->is_home_up)
        return INT64_MAX;
    /* Whether anything of it is true goes before all the rest. */
    if (device != NULL)
        turn = put_state(bridge, device, now_ms);
    while (turn == TURN_DONE && bridge->first != NULL) {
        device = bridge->first;
        turn = put_device(bridge, device, now_ms);
        if (turn != TURN_DONE)
            break;
        bridge_unqueue_first(bridge);
        if (device->is_gone)
            bridge_remove_device(bridge, device);
    }
    return turn == TURN_LATER ? bridge->pace_begin_ms + BRIDGE_PACE_MS
                              : INT64_MAX;
}

void bridge_publish_event(struct bridge *bridge, const struct home_topic *at,
                          const struct bytes *payload)
{
    struct topic topic;
    enum lastcall_status status = LASTCALL_E_LINK;

    home_topic_format(bridge->config->fleet.text, at, &topic);
    if (bridge->is_home_up)
        status = home_link_publish(bridge->home, topic.text, payload->data,
                                   payload->len, MQTT_TRANSIENT);
    if (status != LASTCALL_OK)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "EVENT-LOST",
                  "an event for %s is lost: %s", topic.text,
                  status_text(status));
}
