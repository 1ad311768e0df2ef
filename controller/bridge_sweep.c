/* What an earlier life of the bridge left at the home's broker. */
#include <string.h>

#include "controller/bridge.h"

#define SESSIONS_WORD "sessions_"

/* Have the topics cleared of the servers that a former payload names and the
 * device has not. */
static void note_servers(struct bridge_device *device,
                         const struct bytes *payload)
{
    json_t *root = NULL;
    json_t *components = NULL;
    json_t *component = NULL;
    const char *key = NULL;
    struct name server;

    if (json_parse_object(payload->data, payload->len, &root, NULL) !=
            LASTCALL_OK ||
        json_get_object(root, "components", JSON_REQUIRED, &components, NULL) !=
            LASTCALL_OK) {
        json_decref(root);
        return;
    }
    json_object_foreach(components, key, component)
    {
        const char *word = key + sizeof SESSIONS_WORD - 1;

        if (strncmp(key, SESSIONS_WORD, sizeof SESSIONS_WORD - 1) == 0 &&
            name_parse(word, strlen(word), &server) == LASTCALL_OK)
            bridge_add_stale_server(device, &server);
    }
    json_decref(root);
}

/* A host that is shown: take back what only the former payload has. */
static void retire(struct bridge *bridge, struct bridge_device *device,
                   struct home_message *message)
{
    note_servers(device, &message->payload);
    bridge_keep_former(bridge, device, &message->payload);
    device->discovery.is_dirty = true;
    bridge_queue(bridge, device);
}

static void sweep(struct bridge *bridge, const struct home_message *message)
{
    struct bridge_device *device = bridge_find_or_add(bridge, &message->host);

    if (device == NULL)
        return;
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "HOME-SWEEP",
              "%s is of an earlier time and is taken away", message->host.text);
    device->is_gone = true;
    note_servers(device, &message->payload);
    bridge_show_again(bridge, device);
}

void bridge_take_retained(struct bridge *bridge, struct home_message *message)
{
    struct bridge_device *device = bridge_find(bridge, &message->host);

    if (!message->is_retained ||
        !home_discovery_is_ours(message->payload.data, message->payload.len))
        return;
    if (device != NULL)
        retire(bridge, device, message);
    else
        sweep(bridge, message);
}
