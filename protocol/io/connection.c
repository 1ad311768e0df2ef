#include "protocol/io/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/connection_private.h"

/* Copy subscriptions and their filters in; with lock held or no thread yet. */
static enum lastcall_status
add_subscriptions(struct connection *connection,
                  const struct mqtt_subscription *list, size_t count)
{
    size_t room = CONNECTION_SUBSCRIPTION_MAX - connection->subscription_count;

    if (count > room)
        return LASTCALL_E_TOO_LARGE;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(list[i].filter) + 1;
        struct text_block *block = malloc(sizeof(*block) + size);
        struct mqtt_subscription *slot =
            &connection->subscriptions[connection->subscription_count + i];

        if (block == NULL)
            return LASTCALL_E_NOMEM;
        memcpy(block->text, list[i].filter, size);
        block->next = connection->texts;
        connection->texts = block;
        *slot = list[i];
        slot->filter = block->text;
    }
    connection->subscription_count += count;
    return LASTCALL_OK;
}

/* Say whether each filter of a list stands already; with lock held. */
static bool is_subscribed(const struct connection *connection,
                          const struct mqtt_subscription *list, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        bool stands = false;

        for (size_t k = 0; k < connection->subscription_count && !stands; k++)
            stands = strcmp(connection->subscriptions[k].filter,
                            list[i].filter) == 0;
        known += stands;
    }
    return known == count;
}

static bool init_locks(struct connection *connection)
{
    return gate_condition_init(&connection->work) == LASTCALL_OK &&
           gate_condition_init(&connection->changed) == LASTCALL_OK &&
           pthread_mutex_init(&connection->subscribing, NULL) == 0 &&
           pthread_mutex_init(&connection->sending, NULL) == 0 &&
           pthread_mutex_init(&connection->lock, NULL) == 0;
}

static void connection_free(struct connection *connection)
{
    if (connection->link != NULL)
        connection->options.link->close(connection->link);
    while (connection->texts != NULL) {
        struct text_block *next = connection->texts->next;

        free(connection->texts);
        connection->texts = next;
    }
    pthread_mutex_destroy(&connection->subscribing);
    pthread_mutex_destroy(&connection->sending);
    pthread_mutex_destroy(&connection->lock);
    pthread_cond_destroy(&connection->work);
    pthread_cond_destroy(&connection->changed);
    free(connection);
}

enum lastcall_status connection_open(const struct connection_options *options,
                                     const struct connection_handler *handler,
                                     struct connection **out,
                                     char detail[MQTT_DETAIL_SIZE])
{
    char ignored[MQTT_DETAIL_SIZE];
    enum lastcall_status status;
    struct connection *connection;

    *out = NULL;
    if (detail == NULL)
        detail = ignored;
    detail[0] = '\0';
    connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return LASTCALL_E_NOMEM;
    if (!init_locks(connection)) {
        free(connection);
        return LASTCALL_E_NOMEM;
    }
    connection->options = *options;
    connection->handler = *handler;
    connection->state = CONNECTION_CONNECTING;
    connection->keep_alive_s = options->mqtt.keep_alive_s;
    status = add_subscriptions(connection, options->subscriptions,
                               options->subscription_count);
    if (status == LASTCALL_E_TOO_LARGE) {
        snprintf(detail, MQTT_DETAIL_SIZE, "more than %d subscriptions",
                 CONNECTION_SUBSCRIPTION_MAX);
        status = LASTCALL_E_CONFIG;
    }
    if (status == LASTCALL_OK)
        status = options->link->open(&options->mqtt, &connection_events,
                                     connection, &connection->link, detail);
    if (status == LASTCALL_OK &&
        pthread_create(&connection->thread, NULL, connection_run, connection) !=
            0) {
        snprintf(detail, MQTT_DETAIL_SIZE, "no thread for the connection");
        status = LASTCALL_E_INTERNAL;
    }
    if (status == LASTCALL_OK)
        *out = connection;
    else
        connection_free(connection);
    return status;
}

/* A message with copies of topic and payload behind it. */
static struct queued *queued_new(const struct mqtt_message *message,
                                 uint64_t tag)
{
    size_t topic_size = strlen(message->topic) + 1;
    size_t bytes = sizeof(struct queued) + topic_size + message->len;
    struct queued *queued = malloc(bytes);
    char *text;

    if (queued == NULL)
        return NULL;
    text = (char *)(queued + 1);
    memcpy(text, message->topic, topic_size);
    if (message->len > 0)
        memcpy(text + topic_size, message->payload, message->len);
    *queued = (struct queued){.message = *message, .tag = tag, .bytes = bytes};
    queued->message.topic = text;
    queued->message.payload = text + topic_size;
    return queued;
}

/* Does the broker take packets of that size?  With lock held. */
static bool is_too_large(const struct connection *connection,
                         const struct mqtt_message *message)
{
    const uint32_t max = connection->info.packet_bytes_max;

    return max != 0 && strlen(message->topic) + message->len +
                               CONNECTION_PACKET_REST_BYTES >
                           max;
}

/* Say whether one more may be accepted; with lock held. */
static enum lastcall_status check_room(const struct connection *connection,
                                       size_t len)
{
    if (connection->state != CONNECTION_READY)
        return LASTCALL_E_LINK;
    if (connection->queue_count >= CONNECTION_QUEUE_MAX ||
        connection->queue_bytes + len > CONNECTION_QUEUE_BYTES_MAX)
        return LASTCALL_BUSY;
    return LASTCALL_OK;
}

/* Send at once; the gate has been counted.  With sending held. */
static enum lastcall_status send_now(struct connection *connection,
                                     const struct mqtt_message *message,
                                     uint64_t tag)
{
    enum lastcall_status status =
        connection->options.link->publish(connection->link, message, tag);

    if (status == LASTCALL_OK)
        return LASTCALL_OK;
    pthread_mutex_lock(&connection->lock);
    connection->in_flight--;
    connection->accepted--;
    pthread_cond_signal(&connection->work);
    pthread_cond_broadcast(&connection->changed); /* one fewer to flush */
    pthread_mutex_unlock(&connection->lock);
    return status;
}

/* Wait at the gate.  With sending held. */
static enum lastcall_status enqueue(struct connection *connection,
                                    const struct mqtt_message *message,
                                    uint64_t tag)
{
    enum lastcall_status status;
    struct queued *queued = queued_new(message, tag);

    if (queued == NULL)
        return LASTCALL_E_NOMEM;
    pthread_mutex_lock(&connection->lock);
    status = check_room(connection, queued->bytes);
    if (status == LASTCALL_OK) {
        if (connection->tail != NULL)
            connection->tail->next = queued;
        else
            connection->head = queued;
        connection->tail = queued;
        connection->queue_count++;
        connection->queue_bytes += queued->bytes;
        connection->accepted++;
        /* The gate may have opened since it was found closed. */
        if (connection->in_flight < connection->gate)
            pthread_cond_signal(&connection->work);
    }
    pthread_mutex_unlock(&connection->lock);
    if (status != LASTCALL_OK)
        free(queued);
    return status;
}

enum lastcall_status connection_publish(struct connection *connection,
                                        const struct mqtt_message *message,
                                        uint64_t tag)
{
    enum lastcall_status status;
    bool is_open = false;

    pthread_mutex_lock(&connection->sending);
    pthread_mutex_lock(&connection->lock);
    status = check_room(connection, message->len);
    if (status == LASTCALL_OK && is_too_large(connection, message))
        status = LASTCALL_E_TOO_LARGE;
    if (status == LASTCALL_OK) {
        is_open = connection->head == NULL &&
                  connection->in_flight < connection->gate;
        connection->in_flight += is_open;
        connection->accepted += is_open;
    }
    pthread_mutex_unlock(&connection->lock);
    /* Straight from here when nothing waits: no copy, no other thread. */
    if (status == LASTCALL_OK)
        status = is_open ? send_now(connection, message, tag)
                         : enqueue(connection, message, tag);
    pthread_mutex_unlock(&connection->sending);
    return status;
}

/* Wait for the answer to more subscriptions; with lock held. */
static enum lastcall_status await_answer(struct connection *connection,
                                         uint64_t losses, int64_t until_ms)
{
    while (!connection->more.has_come) {
        if (connection->state != CONNECTION_READY ||
            connection->losses != losses)
            return LASTCALL_E_LINK;
        if (!connection_wait_until(connection, &connection->changed, until_ms))
            return LASTCALL_TIMEOUT;
    }
    return connection->more.status;
}

enum lastcall_status
connection_subscribe(struct connection *connection,
                     const struct mqtt_subscription *subscriptions,
                     size_t count, uint32_t timeout_ms)
{
    int64_t until_ms = connection_now_ms() + timeout_ms;
    enum lastcall_status status = LASTCALL_E_LINK;
    const struct mqtt_subscription *added = NULL;
    uint64_t losses = 0;
    uint64_t tag = 0;
    bool is_again = false;

    if (count == 0)
        return LASTCALL_OK;
    pthread_mutex_lock(&connection->subscribing);
    pthread_mutex_lock(&connection->lock);
    if (connection->state == CONNECTION_READY) {
        is_again = is_subscribed(connection, subscriptions, count);
        added = connection->subscriptions + connection->subscription_count;
        status = add_subscriptions(connection, subscriptions, count);
        tag = ++connection->last_tag;
        losses = connection->losses;
        connection->more = (struct answer){.tag = tag};
    }
    pthread_mutex_unlock(&connection->lock);
    if (status != LASTCALL_OK)
        goto out;
    status = connection->options.link->subscribe(connection->link, added, count,
                                                 tag);
    pthread_mutex_lock(&connection->lock);
    if (status == LASTCALL_OK)
        status = await_answer(connection, losses, until_ms);
    if (status != LASTCALL_OK || is_again)
        connection->subscription_count -= count; /* ours are the last */
    connection->more.tag = 0;
    pthread_mutex_unlock(&connection->lock);

out:
    pthread_mutex_unlock(&connection->subscribing);
    return status;
}

enum lastcall_status connection_wait_ready(struct connection *connection,
                                           uint32_t timeout_ms,
                                           char detail[MQTT_DETAIL_SIZE])
{
    int64_t until_ms = connection_now_ms() + timeout_ms;
    enum lastcall_status status = LASTCALL_OK;

    pthread_mutex_lock(&connection->lock);
    while (status == LASTCALL_OK && connection->state != CONNECTION_READY) {
        if (connection->has_hopeless || connection->state == CONNECTION_CLOSED)
            status = LASTCALL_E_LINK;
        else if (!connection_wait_until(connection, &connection->changed,
                                        until_ms))
            status = connection->state == CONNECTION_READY ? LASTCALL_OK
                                                           : LASTCALL_TIMEOUT;
    }
    if (detail != NULL && status == LASTCALL_OK)
        detail[0] = '\0';
    else if (detail != NULL)
        snprintf(detail, MQTT_DETAIL_SIZE, "%s",
                 connection->detail[0] != '\0'
                     ? connection->detail
                     : "the broker has not answered yet");
    pthread_mutex_unlock(&connection->lock);
    return status;
}

void connection_resume(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->state == CONNECTION_READY) {
        connection->is_resuming = true;
        connection->state = CONNECTION_CONNECTING;
        pthread_cond_signal(&connection->work);
        pthread_cond_broadcast(&connection->changed);
    }
    pthread_mutex_unlock(&connection->lock);
}

enum connection_state connection_state(struct connection *connection)
{
    enum connection_state state;

    pthread_mutex_lock(&connection->lock);
    state = connection->state;
    pthread_mutex_unlock(&connection->lock);
    return state;
}

enum lastcall_status connection_flush(struct connection *connection,
                                      uint32_t timeout_ms)
{
    int64_t until_ms = connection_now_ms() + timeout_ms;
    enum lastcall_status status = LASTCALL_OK;
    uint64_t losses;

    pthread_mutex_lock(&connection->lock);
    losses = connection->losses;
    /* Counts do not tell which one ended, and one that the link refuses is
     * taken out again: only when all have ended, those of the call have. */
    while (status == LASTCALL_OK && connection->ended < connection->accepted) {
        if (connection->state != CONNECTION_READY ||
            connection->losses != losses)
            status = LASTCALL_E_LINK;
        else if (!connection_wait_until(connection, &connection->changed,
                                        until_ms))
            status = LASTCALL_TIMEOUT;
    }
    pthread_mutex_unlock(&connection->lock);
    return status;
}

void connection_close(struct connection *connection)
{
    int code;

    if (connection == NULL)
        return;
    pthread_mutex_lock(&connection->lock);
    connection->is_stopping = true;
    pthread_cond_signal(&connection->work);
    pthread_mutex_unlock(&connection->lock);
    code = pthread_join(connection->thread, NULL);
    assert(code == 0);
    (void)code;
    connection_free(connection);
}
