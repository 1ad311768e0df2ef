#include "tests/bench/fleet/many_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct many *many_of(const struct mqtt_link_ops *link)
{
    return (struct many *)(uintptr_t)link;
}

enum many_kind many_kind_of(const char *topic)
{
    if (strstr(topic, "/result/") != NULL)
        return MANY_RESULT;
    if (strstr(topic, "/sessions/") != NULL)
        return MANY_SESSIONS;
    if (strstr(topic, "/event/") != NULL)
        return MANY_EVENT;
    if (strstr(topic, "/status") != NULL)
        return MANY_STATUS;
    return strstr(topic, "/command") != NULL ? MANY_COMMAND : MANY_OTHER;
}

void many_count(struct many *many, enum many_kind kind, size_t len)
{
    atomic_fetch_add(&many->counts[kind], 1);
    atomic_fetch_add(&many->bytes[kind], len);
    atomic_store(&many->active_ms, many_now_ms());
}

/* ---- sending; with the connection's gate locked ---- */

void many_flush(struct connection *connection)
{
    connection->spoke_ms = many_now_ms();
    (void)stream_flush(&connection->stream); /* reading tells that it is gone */
}

static void send_publish(struct connection *connection,
                         const struct mqtt_message *message, uint64_t tag)
{
    size_t i = 0;

    while (connection->flights[i].id != 0)
        i++;
    if (++connection->last_id == 0 || connection->last_id == MANY_SUBSCRIBE_ID)
        connection->last_id = MANY_SUBSCRIBE_ID + 1;
    connection->flights[i] =
        (struct flight){connection->last_id, tag, many_kind_of(message->topic)};
    connection->flight_count++;
    packet_put_publish(&connection->stream.out, message, connection->last_id);
    many_flush(connection);
}

static struct waiting *waiting_new(const struct mqtt_message *message,
                                   uint64_t tag)
{
    const size_t size = strlen(message->topic) + 1;
    struct waiting *waiting = malloc(sizeof(*waiting) + size + message->len);
    char *text = (char *)(waiting + 1);

    if (waiting == NULL)
        bench_fail("memory");
    memcpy(text, message->topic, size);
    memcpy(text + size, message->payload, message->len);
    *waiting = (struct waiting){.message = *message, .tag = tag};
    waiting->message.topic = text;
    waiting->message.payload = text + size;
    return waiting;
}

static bool is_open(const struct connection *connection)
{
    return connection->first == NULL &&
           connection->flight_count < CONNECTION_IN_FLIGHT_MAX;
}

static void send_or_queue(struct connection *connection,
                          const struct mqtt_message *message, uint64_t tag)
{
    struct waiting *waiting = NULL;

    if (is_open(connection)) {
        send_publish(connection, message, tag);
        return;
    }
    waiting = waiting_new(message, tag);
    *connection->last = waiting;
    connection->last = &waiting->next;
    connection->waiting_count++;
}

static void hold(struct connection *connection,
                 const struct mqtt_message *message, uint64_t tag)
{
    struct waiting *waiting = waiting_new(message, tag);

    waiting->next = connection->held;
    connection->held = waiting;
    if (!connection->holds_result)
        atomic_fetch_add(&connection->many->holding, 1);
    connection->holds_result = true;
}

void many_send_held(struct connection *connection)
{
    while (connection->held != NULL) {
        struct waiting *held = connection->held;

        connection->held = held->next;
        if (connection->is_ready && !connection->is_lost)
            send_or_queue(connection, &held->message, held->tag);
        free(held);
    }
    if (connection->holds_result)
        atomic_fetch_sub(&connection->many->holding, 1);
    connection->holds_result = false;
}

void many_pump(struct connection *connection)
{
    while (connection->first != NULL &&
           connection->flight_count < CONNECTION_IN_FLIGHT_MAX) {
        struct waiting *waiting = connection->first;

        connection->first = waiting->next;
        if (connection->first == NULL)
            connection->last = &connection->first;
        connection->waiting_count--;
        send_publish(connection, &waiting->message, waiting->tag);
        free(waiting);
    }
}

/* Publishes that wait will have no end but this one. */
void many_drop_waiting(struct connection *connection)
{
    while (connection->first != NULL) {
        struct waiting *waiting = connection->first;

        connection->first = waiting->next;
        if (waiting->tag != 0 && connection->handler.published != NULL)
            connection->handler.published(connection->handler.context,
                                          waiting->tag, LASTCALL_E_LINK);
        free(waiting);
    }
    connection->last = &connection->first;
    connection->waiting_count = 0;
}

/* ---- connection.h ---- */

enum lastcall_status connection_open(const struct connection_options *options,
                                     const struct connection_handler *handler,
                                     struct connection **out,
                                     char detail[MQTT_DETAIL_SIZE])
{
    struct many *many = many_of(options->link);
    struct connection *connection = calloc(1, sizeof(*connection));

    (void)detail;
    *out = NULL;
    if (connection == NULL)
        return LASTCALL_E_NOMEM;
    if (gate_init(&connection->gate) != LASTCALL_OK) {
        free(connection);
        return LASTCALL_E_INTERNAL;
    }
    connection->many = many;
    connection->options = *options;
    connection->handler = *handler;
    connection->stream.fd = -1;
    connection->last = &connection->first;
    pthread_mutex_lock(&many->lock);
    if (many->used == many->room)
        bench_fail("more connections than there is room for");
    connection->slot = many->used;
    many->slots[many->used++] = connection;
    pthread_mutex_unlock(&many->lock);
    *out = connection;
    many_wake(many);
    return LASTCALL_OK;
}

enum lastcall_status connection_publish(struct connection *connection,
                                        const struct mqtt_message *message,
                                        uint64_t tag)
{
    const enum many_kind kind = many_kind_of(message->topic);
    enum lastcall_status status = LASTCALL_E_LINK;

    gate_lock(&connection->gate);
    if (connection->is_ready && !connection->is_lost) {
        status = LASTCALL_OK;
        if (connection->waiting_count >= CONNECTION_QUEUE_MAX)
            status = LASTCALL_BUSY;
        else if (kind == MANY_RESULT &&
                 atomic_load(&connection->many->is_holding))
            hold(connection, message, tag);
        else
            send_or_queue(connection, message, tag);
    }
    gate_unlock(&connection->gate);
    if (status == LASTCALL_OK)
        many_count(connection->many, kind, message->len);
    return status;
}

enum lastcall_status connection_wait_ready(struct connection *connection,
                                           uint32_t timeout_ms,
                                           char detail[MQTT_DETAIL_SIZE])
{
    /* Only worker_check() asks, which nobody calls here. */
    (void)connection;
    (void)timeout_ms;
    snprintf(detail, MQTT_DETAIL_SIZE, "not part of the benchmark");
    return LASTCALL_E_LINK;
}

enum lastcall_status connection_flush(struct connection *connection,
                                      uint32_t timeout_ms)
{
    const int64_t until_ms = many_now_ms() + timeout_ms;
    enum lastcall_status status = LASTCALL_OK;

    gate_lock(&connection->gate);
    while ((connection->flight_count > 0 || connection->first != NULL) &&
           status == LASTCALL_OK) {
        const int64_t left_ms = until_ms - many_now_ms();

        if (left_ms <= 0)
            status = LASTCALL_TIMEOUT;
        else
            gate_wait(&connection->gate, left_ms);
    }
    if (connection->is_lost)
        status = LASTCALL_E_LINK;
    gate_unlock(&connection->gate);
    return status;
}

void connection_close(struct connection *connection)
{
    struct many *many = NULL;

    if (connection == NULL)
        return;
    many = connection->many;
    pthread_mutex_lock(&many->lock);
    many->slots[connection->slot] = NULL;
    many->connecting -= connection->is_connecting;
    pthread_mutex_unlock(&many->lock);
    /* From here on the thread does not know it any more. */
    if (connection->stream.fd >= 0) {
        packet_put_empty(&connection->stream.out, PACKET_DISCONNECT);
        (void)stream_flush(&connection->stream);
        stream_close(&connection->stream);
    }
    many_drop_waiting(connection);
    while (connection->held != NULL) {
        struct waiting *held = connection->held;

        connection->held = held->next;
        free(held);
    }
    gate_deinit(&connection->gate);
    free(connection);
}
