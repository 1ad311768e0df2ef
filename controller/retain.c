#include "controller/retain.h"

enum lastcall_status retain_publish(struct fleet_link *link, const char *topic,
                                    const struct bytes *token,
                                    uint32_t expiry_s, uint64_t tag)
{
    const struct mqtt_message message = {
        .topic = topic,
        .payload = token->data,
        .len = token->len,
        .qos = 1,
        .retain = MQTT_RETAINED,
        .expiry_s = expiry_s,
    };

    return fleet_link_publish(link, &message, tag);
}

/* Whether an event is the end of the waiting, and then how it ended. */
static bool is_end(const struct fleet_event *event, uint64_t tag,
                   enum lastcall_status *status)
{
    switch (event->kind) {
    case FLEET_PUBLISHED:
        *status = event->status;
        return event->tag == tag;
    case FLEET_TIMEOUT:
        *status = LASTCALL_TIMEOUT;
        return true;
    case FLEET_DOWN:
        *status = LASTCALL_E_LINK;
        return true;
    case FLEET_INTERRUPTED:
        *status = LASTCALL_E_CLOSED;
        return true;
    case FLEET_MESSAGE:
    case FLEET_READY:
    case FLEET_POSTED:
        break;
    }
    return false;
}

enum lastcall_status retain_await(struct fleet_link *link, struct fleet *fleet,
                                  uint64_t tag, int64_t timeout_ms)
{
    const int64_t until_ms = fleet_now_ms() + timeout_ms;
    enum lastcall_status status = LASTCALL_TIMEOUT;
    bool goes_on = true;

    while (goes_on) {
        struct fleet_event event = {0};

        fleet_link_next(link, until_ms, &event);
        goes_on = !is_end(&event, tag, &status);
        if (event.kind == FLEET_MESSAGE && fleet != NULL)
            (void)fleet_handle(fleet, &event);
        fleet_event_deinit(&event);
    }
    return status;
}
