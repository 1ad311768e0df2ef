#include "worker/subscriptions.h"

static void add(struct subscriptions *out, const struct identity *identity,
                const struct topic_parts *parts)
{
    struct mqtt_subscription *item = &out->items[out->count];
    struct topic *topic = &out->topics[out->count];

    topic_format(identity->fleet.text, parts, topic);
    item->filter = topic->text;
    item->qos = 1;
    item->retain_as_published = true;
    item->retain_handling = parts->kind == TOPIC_COMMAND
                                ? MQTT_RETAIN_NEVER_SEND
                                : MQTT_RETAIN_SEND;
    out->count++;
}

/* Commands and plans for an address. */
static void add_address(struct subscriptions *out,
                        const struct identity *identity, enum address_kind kind,
                        const struct name *name)
{
    struct topic_parts parts = {.kind = TOPIC_COMMAND, .plan = {"+"}};

    parts.address.kind = kind;
    if (name != NULL)
        parts.address.name = *name;
    add(out, identity, &parts);
    parts.kind = TOPIC_MAINTENANCE;
    add(out, identity, &parts);
}

void subscriptions_fill(const struct identity *identity,
                        struct subscriptions *out)
{
    const struct topic_parts revoked = {.kind = TOPIC_REVOKED};

    *out = (struct subscriptions){0};
    /* First, so that the broker sends the list before any command. */
    add(out, identity, &revoked);
    add_address(out, identity, ADDRESS_ALL, NULL);
    add_address(out, identity, ADDRESS_HOST, &identity->host);
    for (size_t i = 0;
         i < identity->group_count && out->count + 2 <= SUBSCRIPTION_COUNT_MAX;
         i++)
        add_address(out, identity, ADDRESS_GROUP, &identity->groups[i]);
}
