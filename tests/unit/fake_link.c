#include "tests/unit/fake_link.h"

#include <stdio.h>
#include <string.h>

#define RECEIVE_MAXIMUM 20

struct mqtt_link {
    struct mqtt_events events;
    void *context;
};

struct fake_link fake_link;

static struct mqtt_link the_link;

static enum lastcall_status fake_open(const struct mqtt_options *options,
                                      const struct mqtt_events *events,
                                      void *context, struct mqtt_link **out,
                                      char detail[MQTT_DETAIL_SIZE])
{
    *out = NULL;
    if (strcmp(options->uri, FAKE_LINK_BAD_URI) == 0) {
        snprintf(detail, MQTT_DETAIL_SIZE, "no such scheme");
        return LASTCALL_E_CONFIG;
    }
    the_link = (struct mqtt_link){*events, context};
    *out = &the_link;
    return LASTCALL_OK;
}

static enum lastcall_status fake_connect(struct mqtt_link *link,
                                         const struct mqtt_will *will,
                                         uint16_t keep_alive_s)
{
    struct mqtt_connected info = {0};
    enum mqtt_failure refusal;
    bool is_refused;

    watch_lock(&fake_link.watch);
    fake_link.connects++;
    fake_link.last_keep_alive = keep_alive_s;
    snprintf(fake_link.last_will, sizeof(fake_link.last_will), "%.*s",
             will != NULL ? (int)will->len : 0,
             will != NULL ? (const char *)will->payload : "");
    info.session_present = fake_link.keeps_session;
    info.receive_maximum = fake_link.receive_maximum;
    info.server_keep_alive = fake_link.server_keep_alive;
    refusal = fake_link.refusal;
    is_refused = fake_link.refuses_connect;
    fake_link.is_up = !is_refused;
    watch_unlock(&fake_link.watch);
    if (is_refused)
        link->events.connect_failed(link->context, refusal, "refused");
    else
        link->events.connected(link->context, &info);
    return LASTCALL_OK;
}

static enum lastcall_status fake_subscribe(struct mqtt_link *link,
                                           const struct mqtt_subscription *list,
                                           size_t count, uint64_t tag)
{
    bool is_refused;

    watch_lock(&fake_link.watch);
    fake_link.subscribes++;
    fake_link.last_subscription_count = count;
    is_refused = fake_link.refuses_subscriptions ||
                 strcmp(list[count - 1].filter, FAKE_LINK_FORBIDDEN) == 0;
    watch_unlock(&fake_link.watch);
    link->events.subscribed(link->context, tag,
                            is_refused ? LASTCALL_FORBIDDEN : LASTCALL_OK,
                            is_refused ? "not authorised" : "");
    return LASTCALL_OK;
}

/* With the watch locked. */
static enum lastcall_status stand(void)
{
    fake_link.standing++;
    pthread_cond_broadcast(&fake_link.watch.changed);
    while (fake_link.holds_publish)
        pthread_cond_wait(&fake_link.watch.changed, &fake_link.watch.lock);
    return LASTCALL_E_NOMEM;
}

/* With the watch locked. */
static enum lastcall_status take(const struct mqtt_message *message,
                                 uint64_t tag)
{
    if (!fake_link.is_up)
        return LASTCALL_E_LINK;
    if (fake_link.holds_publish)
        return stand();
    if (fake_link.sent_count == FAKE_LINK_SENT_MAX)
        return LASTCALL_E_INTERNAL;
    if (message->len >= sizeof(fake_link.sent[0]))
        memcpy(&fake_link.sent[fake_link.sent_count], message->payload,
               sizeof(fake_link.sent[0]));
    fake_link.sent_count++;
    if (fake_link.holds_acks)
        fake_link.flying[fake_link.flying_count++] = tag;
    if (fake_link.flying_count > fake_link.flying_max)
        fake_link.flying_max = fake_link.flying_count;
    return LASTCALL_OK;
}

static enum lastcall_status fake_publish(struct mqtt_link *link,
                                         const struct mqtt_message *message,
                                         uint64_t tag)
{
    enum lastcall_status status;
    bool is_held;

    watch_lock(&fake_link.watch);
    status = take(message, tag);
    is_held = fake_link.holds_acks;
    watch_unlock(&fake_link.watch);
    if (status == LASTCALL_OK && !is_held)
        link->events.published(link->context, tag, LASTCALL_OK);
    return status;
}

static void fake_forget(struct mqtt_link *link)
{
    (void)link;
    watch_lock(&fake_link.watch);
    fake_link.forgets++;
    watch_unlock(&fake_link.watch);
}

static void fake_disconnect(struct mqtt_link *link, uint32_t timeout_ms)
{
    (void)link;
    (void)timeout_ms;
    watch_lock(&fake_link.watch);
    fake_link.disconnects += fake_link.is_up;
    fake_link.is_up = false;
    watch_unlock(&fake_link.watch);
    (void)fake_link_end_flying(LASTCALL_E_LINK);
}

static void fake_close(struct mqtt_link *link)
{
    (void)link;
    fake_link.closes++;
}

const struct mqtt_link_ops fake_link_ops = {
    .name = "fake",
    .open = fake_open,
    .connect = fake_connect,
    .subscribe = fake_subscribe,
    .publish = fake_publish,
    .forget = fake_forget,
    .disconnect = fake_disconnect,
    .close = fake_close,
};

void fake_link_reset(void)
{
    fake_link = (struct fake_link){.receive_maximum = RECEIVE_MAXIMUM};
    watch_init(&fake_link.watch);
}

bool fake_link_await(const unsigned *value, unsigned wanted,
                     uint32_t timeout_ms)
{
    return watch_await(&fake_link.watch, value, wanted, timeout_ms);
}

unsigned fake_link_end_flying(enum lastcall_status status)
{
    uint64_t tags[FAKE_LINK_SENT_MAX];
    unsigned count;

    watch_lock(&fake_link.watch);
    count = fake_link.flying_count;
    memcpy(tags, fake_link.flying, count * sizeof(tags[0]));
    fake_link.flying_count = 0;
    watch_unlock(&fake_link.watch);
    for (unsigned i = 0; i < count; i++)
        the_link.events.published(the_link.context, tags[i], status);
    return count;
}

void fake_link_lose(enum mqtt_failure failure)
{
    watch_lock(&fake_link.watch);
    fake_link.is_up = false;
    watch_unlock(&fake_link.watch);
    the_link.events.lost(the_link.context, failure, "gone");
    (void)fake_link_end_flying(LASTCALL_E_LINK);
}

void fake_link_release(void)
{
    watch_lock(&fake_link.watch);
    fake_link.holds_publish = false;
    watch_unlock(&fake_link.watch);
}
