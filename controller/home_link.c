#include "controller/home_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/broker_login.h"
#include "controller/home_discovery.h"
#include "controller/home_topic.h"

#define CONNECT_TIMEOUT_S 10
#define SUBSCRIPTION_COUNT 5

struct queued {
    struct queued *next;
    struct home_message message;
};

struct home_link {
    struct connection *connection; /* owned */
    struct broker_login login;     /* owned */
    struct topic state;
    struct topic filters[SUBSCRIPTION_COUNT];
    struct mqtt_subscription subscriptions[SUBSCRIPTION_COUNT];
    size_t subscription_count;
    pthread_mutex_t lock;               /* of everything below */
    const struct bridge_config *config; /* borrowed, as the next */
    struct fleet_link *fleet;
    struct queued *first; /* owned */
    struct queued **last;
    size_t queue_count;
    size_t queue_bytes;
    uint64_t dropped;
    uint64_t refused;
    size_t under_way;
    bool wants_room;
};

void home_message_deinit(struct home_message *message)
{
    bytes_deinit(&message->payload);
    *message = (struct home_message){0};
}

static void count_drop(struct home_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->dropped++;
    fleet_link_post(link->fleet);
    pthread_mutex_unlock(&link->lock);
}

/* Hand a message to the main thread.  That the connection came or went is
 * always told. */
static void push(struct home_link *link, struct queued *item)
{
    const size_t len = item->message.payload.len;
    bool has_room = item->message.kind == HOME_MESSAGE_READY ||
                    item->message.kind == HOME_MESSAGE_DOWN;

    pthread_mutex_lock(&link->lock);
    has_room |= link->queue_count < HOME_QUEUE_COUNT_MAX &&
                link->queue_bytes + len <= HOME_QUEUE_BYTES_MAX;
    if (has_room) {
        *link->last = item;
        link->last = &item->next;
        link->queue_count++;
        link->queue_bytes += len;
    } else {
        link->dropped++;
    }
    fleet_link_post(link->fleet);
    pthread_mutex_unlock(&link->lock);
    if (!has_room) {
        home_message_deinit(&item->message);
        free(item);
    }
}

/* Which of our topics it is; false: none. */
static bool classify(const struct bridge_config *config, const char *topic,
                     struct home_message *out)
{
    struct home_topic parts;

    if (strcmp(topic, config->birth_topic) == 0) {
        out->kind = HOME_MESSAGE_BIRTH;
        return true;
    }
    if (home_discovery_topic_parse(config->discovery_prefix, config->fleet.text,
                                   topic, &out->host) == LASTCALL_OK) {
        out->kind = HOME_MESSAGE_DISCOVERY;
        return true;
    }
    if (home_topic_parse(config->fleet.text, topic, &parts) != LASTCALL_OK)
        return false;
    out->host = parts.host;
    out->kind = parts.kind == HOME_BRIDGE_STATE ? HOME_MESSAGE_STATE
                                                : HOME_MESSAGE_PRESS;
    return parts.kind == HOME_BRIDGE_STATE || parts.kind == HOME_BRIDGE_PRESS ||
           parts.kind == HOME_HOST_PRESS;
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct home_link *link = context;
    struct home_message taken = {.came_ms = fleet_now_ms()};
    size_t len = message->len;
    struct queued *item = NULL;
    bool is_ours = false;

    pthread_mutex_lock(&link->lock);
    is_ours = classify(link->config, message->topic, &taken);
    pthread_mutex_unlock(&link->lock);
    if (!is_ours)
        return;
    /* What was cleared, by us or by a person, is not ours to judge. */
    if (taken.kind == HOME_MESSAGE_DISCOVERY && len == 0)
        return;
    taken.is_retained = message->retain == MQTT_RETAINED;
    if (taken.kind != HOME_MESSAGE_DISCOVERY && len > HOME_WORD_BYTES_MAX)
        len = HOME_WORD_BYTES_MAX;
    bytes_init(&taken.payload, HOME_DISCOVERY_BYTES_MAX);
    item = calloc(1, sizeof *item);
    if (item == NULL ||
        bytes_append(&taken.payload, message->payload, len) != LASTCALL_OK) {
        free(item);
        home_message_deinit(&taken);
        count_drop(link);
        return;
    }
    item->message = taken;
    push(link, item);
}

static void push_change(struct home_link *link, enum home_message_kind kind,
                        const char *detail)
{
    struct queued *item = calloc(1, sizeof *item);

    if (item == NULL) {
        count_drop(link);
        return;
    }
    item->message.kind = kind;
    snprintf(item->message.detail, sizeof item->message.detail, "%s", detail);
    push(link, item);
}

static void on_ready(void *context)
{
    push_change(context, HOME_MESSAGE_READY, "");
}

static void on_down(void *context, enum mqtt_failure failure,
                    const char *detail)
{
    (void)failure;
    push_change(context, HOME_MESSAGE_DOWN, detail == NULL ? "" : detail);
}

static void on_published(void *context, uint64_t tag,
                         enum lastcall_status status)
{
    struct home_link *link = context;
    bool tells = false;

    (void)tag;
    pthread_mutex_lock(&link->lock);
    link->under_way--;
    link->refused += status == LASTCALL_FORBIDDEN;
    tells = link->wants_room || status == LASTCALL_FORBIDDEN;
    link->wants_room = false;
    if (tells)
        fleet_link_post(link->fleet);
    pthread_mutex_unlock(&link->lock);
}

/* Whoever finds us gone must not take the last known state for true. */
static void fill_will(void *context, struct mqtt_will *out)
{
    const struct home_link *link = context;

    *out = (struct mqtt_will){
        .topic = link->state.text,
        .payload = HOME_OFFLINE,
        .len = sizeof HOME_OFFLINE - 1,
    };
}

/*
 * What is published with the retain flag while we listen shows it at the
 * topics of presses and of our state alone; at the others the flag tells what
 * the broker had kept.  What we publish ourselves does not come back.
 */
static void add_filter(struct home_link *link, const char *filter,
                       enum home_message_kind kind)
{
    const size_t at = link->subscription_count++;

    snprintf(link->filters[at].text, sizeof link->filters[at].text, "%s",
             filter);
    link->subscriptions[at] = (struct mqtt_subscription){
        .filter = link->filters[at].text,
        .qos = 1,
        .retain_handling = MQTT_RETAIN_SEND,
        .retain_as_published =
            kind == HOME_MESSAGE_PRESS || kind == HOME_MESSAGE_STATE,
        .no_local = true,
    };
}

static void choose_filters(struct home_link *link)
{
    const struct bridge_config *config = link->config;
    const char *fleet = config->fleet.text;
    struct home_topic parts = {.kind = HOME_BRIDGE_STATE, .host = {"+"}};
    struct topic topic;

    home_topic_format(fleet, &parts, &link->state);
    add_filter(link, link->state.text, HOME_MESSAGE_STATE);
    parts.kind = HOME_BRIDGE_PRESS;
    home_topic_format(fleet, &parts, &topic);
    add_filter(link, topic.text, HOME_MESSAGE_PRESS);
    parts.kind = HOME_HOST_PRESS;
    home_topic_format(fleet, &parts, &topic);
    add_filter(link, topic.text, HOME_MESSAGE_PRESS);
    add_filter(link, config->birth_topic, HOME_MESSAGE_BIRTH);
    snprintf(topic.text, sizeof topic.text, "%s/device/+/config",
             config->discovery_prefix);
    add_filter(link, topic.text, HOME_MESSAGE_DISCOVERY);
}

static enum lastcall_status open_connection(struct home_link *link,
                                            struct log *log,
                                            char detail[MQTT_DETAIL_SIZE])
{
    const struct connection_handler handler = {
        .context = link,
        .will = fill_will,
        .ready = on_ready,
        .down = on_down,
        .message = on_message,
        .published = on_published,
    };
    struct connection_options wanted = {
        .mqtt = broker_login_options(&link->login),
        .link = mqtt_default_ops,
        .clock = &platform_clock,
        .log = log,
        .subscriptions = link->subscriptions,
        .subscription_count = link->subscription_count,
    };

    /* No session: a press that we were not there for is over. */
    wanted.mqtt.clean_start = true;
    wanted.mqtt.session_expiry_s = 0;
    wanted.mqtt.content_type = ""; /* some of it is JSON, some a word */
    wanted.mqtt.packet_bytes_max =
        (uint32_t)(HOME_DISCOVERY_BYTES_MAX + HOME_PACKET_ROOM_BYTES);
    wanted.mqtt.connect_timeout_s = CONNECT_TIMEOUT_S;
    return connection_open(&wanted, &handler, &link->connection, detail);
}

static struct broker_account account_of(const struct bridge_config *config)
{
    return (struct broker_account){
        .uri = config->broker,
        .username = config->username,
        .password_file = config->password_file,
        .ca = config->ca,
        .cert = config->cert,
        .cert_key = config->cert_key,
    };
}

enum lastcall_status home_link_open(const struct bridge_config *config,
                                    struct fleet_link *fleet, struct log *log,
                                    struct home_link **out,
                                    char detail[PLATFORM_DETAIL_SIZE])
{
    const struct broker_account account = account_of(config);
    struct platform_error error = {0};
    char why[MQTT_DETAIL_SIZE] = "";
    struct home_link *link = calloc(1, sizeof *link);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    detail[0] = '\0';
    if (link == NULL)
        return LASTCALL_E_NOMEM;
    link->config = config;
    link->fleet = fleet;
    link->last = &link->first;
    pthread_mutex_init(&link->lock, NULL);
    status = broker_login_open(&account, &link->login, &error);
    if (status == LASTCALL_OK) {
        choose_filters(link);
        status = open_connection(link, log, why);
    }
    snprintf(detail, PLATFORM_DETAIL_SIZE, "%s",
             error.text[0] != '\0' ? error.text : why);
    if (status == LASTCALL_OK)
        *out = link;
    else
        home_link_close(link);
    return status;
}

void home_link_close(struct home_link *link)
{
    if (link == NULL)
        return;
    if (link->connection != NULL)
        connection_close(link->connection);
    while (link->first != NULL) {
        struct queued *item = link->first;

        link->first = item->next;
        home_message_deinit(&item->message);
        free(item);
    }
    broker_login_deinit(&link->login);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

bool home_link_is_as(const struct home_link *link,
                     const struct bridge_config *config)
{
    const struct broker_account account = account_of(config);
    const struct bridge_config *own = link->config;

    return strcmp(own->fleet.text, config->fleet.text) == 0 &&
           strcmp(own->discovery_prefix, config->discovery_prefix) == 0 &&
           strcmp(own->birth_topic, config->birth_topic) == 0 &&
           broker_login_is_as(&link->login, &account);
}

void home_link_pass_on(struct home_link *link,
                       const struct bridge_config *config,
                       struct fleet_link *fleet)
{
    pthread_mutex_lock(&link->lock);
    link->config = config;
    link->fleet = fleet;
    fleet_link_post(fleet);
    pthread_mutex_unlock(&link->lock);
}

bool home_link_next(struct home_link *link, struct home_message *out)
{
    struct queued *item = NULL;

    pthread_mutex_lock(&link->lock);
    item = link->first;
    if (item != NULL) {
        link->first = item->next;
        if (link->first == NULL)
            link->last = &link->first;
        link->queue_count--;
        link->queue_bytes -= item->message.payload.len;
    }
    pthread_mutex_unlock(&link->lock);
    if (item == NULL)
        return false;
    *out = item->message;
    free(item);
    return true;
}

static uint64_t take_count(struct home_link *link, uint64_t *count)
{
    uint64_t taken = 0;

    pthread_mutex_lock(&link->lock);
    taken = *count;
    *count = 0;
    pthread_mutex_unlock(&link->lock);
    return taken;
}

uint64_t home_link_take_dropped(struct home_link *link)
{
    return take_count(link, &link->dropped);
}

uint64_t home_link_take_refused(struct home_link *link)
{
    return take_count(link, &link->refused);
}

bool home_link_has_room(struct home_link *link)
{
    bool has_room = false;

    pthread_mutex_lock(&link->lock);
    has_room = link->under_way < HOME_WINDOW;
    link->wants_room = !has_room;
    pthread_mutex_unlock(&link->lock);
    return has_room;
}

enum lastcall_status home_link_publish(struct home_link *link,
                                       const char *topic, const void *payload,
                                       size_t len, enum mqtt_retain retain)
{
    const struct mqtt_message message = {
        .topic = topic,
        .payload = payload,
        .len = len,
        .qos = 1,
        .retain = retain,
    };
    enum lastcall_status status = LASTCALL_OK;

    /* Before, since its end may come before this returns. */
    pthread_mutex_lock(&link->lock);
    link->under_way++;
    pthread_mutex_unlock(&link->lock);
    status = connection_publish(link->connection, &message, 1);
    if (status != LASTCALL_OK) {
        pthread_mutex_lock(&link->lock);
        link->under_way--;
        pthread_mutex_unlock(&link->lock);
    }
    return status;
}

enum lastcall_status home_link_flush(struct home_link *link,
                                     uint32_t timeout_ms)
{
    return connection_flush(link->connection, timeout_ms);
}
