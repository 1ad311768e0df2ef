/*
 * How this host connects: its client id, its subscriptions, its options.
 */
#ifndef LASTCALL_WORKER_SUBSCRIPTIONS_H
#define LASTCALL_WORKER_SUBSCRIPTIONS_H

#include <stddef.h>

#include "protocol/grant.h"
#include "protocol/io/mqtt.h"
#include "protocol/topic.h"
#include "worker/identity.h"

/* Revocations; commands and plans for all, this host, and each group of a
 * grant. */
#define SUBSCRIPTION_COUNT_MAX (1 + 2 * (2 + GRANT_GROUP_COUNT_MAX))

/* The filters point into the topics. */
struct subscriptions {
    struct mqtt_subscription items[SUBSCRIPTION_COUNT_MAX];
    struct topic topics[SUBSCRIPTION_COUNT_MAX];
    size_t count;
};

/* Fill in what this identity listens to.  The result must not be moved. */
void subscriptions_fill(const struct identity *identity,
                        struct subscriptions *out);

#endif
