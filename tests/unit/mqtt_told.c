#include "tests/unit/mqtt_told.h"

#include <stdio.h>

struct told told;

static void on_connected(void *context, const struct mqtt_connected *info)
{
    (void)context;
    watch_lock(&told.watch);
    told.connected++;
    told.info = *info;
    watch_unlock(&told.watch);
}

static void note_end(enum mqtt_failure failure, const char *detail,
                     unsigned is_loss)
{
    watch_lock(&told.watch);
    told.failed++;
    told.lost += is_loss;
    told.failure = failure;
    snprintf(told.detail, sizeof(told.detail), "%s", detail);
    watch_unlock(&told.watch);
}

static void on_connect_failed(void *context, enum mqtt_failure failure,
                              const char *detail)
{
    (void)context;
    note_end(failure, detail, 0);
}

static void on_lost(void *context, enum mqtt_failure failure,
                    const char *detail)
{
    (void)context;
    note_end(failure, detail, 1);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    (void)context;
    (void)message;
    watch_lock(&told.watch);
    told.messages++;
    watch_unlock(&told.watch);
}

static void on_subscribed(void *context, uint64_t tag,
                          enum lastcall_status status, const char *detail)
{
    (void)context;
    watch_lock(&told.watch);
    told.subscribed++;
    told.granted = status;
    told.last_tag = tag;
    snprintf(told.detail, sizeof(told.detail), "%s", detail);
    watch_unlock(&told.watch);
}

static void on_published(void *context, uint64_t tag,
                         enum lastcall_status status)
{
    (void)context;
    watch_lock(&told.watch);
    told.published++;
    told.published_lost += status == LASTCALL_E_LINK;
    told.last_tag = tag;
    watch_unlock(&told.watch);
}

const struct mqtt_events told_events = {
    .connected = on_connected,
    .connect_failed = on_connect_failed,
    .lost = on_lost,
    .message = on_message,
    .subscribed = on_subscribed,
    .published = on_published,
};

void told_reset(void)
{
    told = (struct told){0};
    watch_init(&told.watch);
}
