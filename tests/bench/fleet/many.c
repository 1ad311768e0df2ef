#include "tests/bench/fleet/many_private.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/io/platform.h"

#define EVENT_COUNT 256
#define TICK_MS 100
/* Several processes do this at once, and mosquitto has a backlog of 100. */
#define CONNECTING_MAX 8
#define WAKE_SLOT UINT64_MAX

int64_t many_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

void many_wake(struct many *many)
{
    const uint64_t one = 1;

    (void)!write(many->wake, &one, sizeof(one));
}

/* ---- events; on the thread, with the connection's gate locked ---- */

static void on_connack(struct connection *connection,
                       const struct packet *packet)
{
    struct mqtt_connected info;

    if (!packet_read_connack(packet, &info))
        bench_fail("the broker refused a connection");
    packet_put_subscribe(
        &connection->stream.out, connection->options.subscriptions,
        connection->options.subscription_count, MANY_SUBSCRIBE_ID);
    many_flush(connection);
}

static void on_suback(struct connection *connection,
                      const struct packet *packet)
{
    if (!packet_read_suback(packet))
        bench_fail("the broker refused a subscription");
    connection->is_connecting = false;
    connection->is_connected = true;
    connection->is_ready = true;
    connection->many->connecting--;
    atomic_fetch_add(&connection->many->ready, 1);
    if (connection->handler.ready != NULL)
        connection->handler.ready(connection->handler.context);
}

static void note_kind(struct connection *connection, enum many_kind kind)
{
    const bool was_settled = connection->has_kind[MANY_STATUS] &&
                             connection->has_kind[MANY_SESSIONS];

    connection->has_kind[kind] = true;
    if (!was_settled && connection->has_kind[MANY_STATUS] &&
        connection->has_kind[MANY_SESSIONS])
        atomic_fetch_add(&connection->many->settled, 1);
}

static void end_flight(struct connection *connection, struct flight *flight,
                       enum lastcall_status status)
{
    const uint64_t tag = flight->tag;

    *flight = (struct flight){0};
    connection->flight_count--;
    if (tag != 0 && connection->handler.published != NULL)
        connection->handler.published(connection->handler.context, tag, status);
}

static void on_puback(struct connection *connection,
                      const struct packet *packet)
{
    uint16_t id = 0;
    const bool is_good = packet_read_puback(packet, &id);

    for (size_t i = 0; i < CONNECTION_IN_FLIGHT_MAX; i++) {
        struct flight *flight = &connection->flights[i];

        if (id == 0 || flight->id != id)
            continue;
        if (is_good)
            note_kind(connection, flight->kind);
        end_flight(connection, flight,
                   is_good ? LASTCALL_OK : LASTCALL_FORBIDDEN);
    }
    many_pump(connection);
    gate_signal(&connection->gate);
}

static void on_publish(struct connection *connection,
                       const struct packet *packet)
{
    struct mqtt_message message;
    char topic[TOPIC_LEN_MAX + 1];
    uint16_t id = 0;

    if (!packet_read_publish(packet, topic, &message, &id))
        bench_fail("a message of the broker cannot be read");
    many_count(connection->many, many_kind_of(topic), message.len);
    connection->handler.message(connection->handler.context, &message);
    if (id == 0)
        return;
    packet_put_puback(&connection->stream.out, id);
    many_flush(connection);
}

static void on_packet(void *context, const struct packet *packet)
{
    struct connection *connection = context;

    switch (packet->kind) {
    case PACKET_CONNACK:
        on_connack(connection, packet);
        break;
    case PACKET_SUBACK:
        on_suback(connection, packet);
        break;
    case PACKET_PUBACK:
        on_puback(connection, packet);
        break;
    case PACKET_PUBLISH:
        on_publish(connection, packet);
        break;
    case PACKET_CONNECT:
    case PACKET_SUBSCRIBE:
    case PACKET_PINGREQ:
    case PACKET_PINGRESP:
    case PACKET_DISCONNECT: /* the end follows */
        break;
    }
}

static void on_lost(struct connection *connection)
{
    struct many *many = connection->many;

    if (connection->is_lost)
        return;
    epoll_ctl(many->epoll, EPOLL_CTL_DEL, connection->stream.fd, NULL);
    connection->is_lost = true;
    many->connecting -= connection->is_connecting;
    connection->is_connecting = false;
    atomic_fetch_add(&many->lost, 1);
    for (size_t i = 0; i < CONNECTION_IN_FLIGHT_MAX; i++) {
        if (connection->flights[i].id != 0)
            end_flight(connection, &connection->flights[i], LASTCALL_E_LINK);
    }
    many_drop_waiting(connection);
    gate_signal(&connection->gate);
}

/* ---- the thread; with the lock of the slots held ---- */

static void begin_connect(struct many *many, struct connection *connection)
{
    struct mqtt_will will = {0};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                .data.u64 = connection->slot};

    if (connection->handler.will != NULL)
        connection->handler.will(connection->handler.context, &will);
    gate_lock(&connection->gate);
    stream_open(&connection->stream, connection->options.mqtt.uri);
    packet_put_connect(&connection->stream.out, &connection->options.mqtt,
                       will.topic != NULL ? &will : NULL);
    connection->is_connecting = true;
    many->connecting++;
    if (epoll_ctl(many->epoll, EPOLL_CTL_ADD, connection->stream.fd, &event) !=
        0)
        bench_fail("epoll");
    many_flush(connection);
    gate_unlock(&connection->gate);
}

static void begin_connects(struct many *many)
{
    while (many->begun < many->used && many->connecting < CONNECTING_MAX) {
        struct connection *connection = many->slots[many->begun++];

        if (connection != NULL)
            begin_connect(many, connection);
    }
}

static void serve(struct many *many, const struct epoll_event *event)
{
    struct connection *connection = NULL;
    uint64_t ignored;

    if (event->data.u64 == WAKE_SLOT) {
        (void)!read(many->wake, &ignored, sizeof(ignored));
        return;
    }
    connection = many->slots[event->data.u64];
    if (connection == NULL)
        return;
    gate_lock(&connection->gate);
    if (!connection->is_lost &&
        (!stream_flush(&connection->stream) ||
         !stream_read(&connection->stream, on_packet, connection)))
        on_lost(connection);
    gate_unlock(&connection->gate);
}

/* Say something on the connections that were silent for long. */
static void sweep(struct many *many)
{
    const int64_t now = many_now_ms();

    if (now - many->swept_ms < 1000)
        return;
    many->swept_ms = now;
    for (size_t i = 0; i < many->begun; i++) {
        struct connection *connection = many->slots[i];

        if (connection == NULL)
            continue;
        gate_lock(&connection->gate);
        if (connection->is_ready && !connection->is_lost &&
            now - connection->spoke_ms >
                (int64_t)connection->options.mqtt.keep_alive_s * 500) {
            packet_put_empty(&connection->stream.out, PACKET_PINGREQ);
            many_flush(connection);
        }
        gate_unlock(&connection->gate);
    }
}

static void *many_main(void *argument)
{
    struct many *many = argument;
    struct epoll_event events[EVENT_COUNT];

    while (!atomic_load(&many->is_stopping)) {
        const int got = epoll_wait(many->epoll, events, EVENT_COUNT, TICK_MS);

        pthread_mutex_lock(&many->lock);
        for (int i = 0; i < got; i++)
            serve(many, &events[i]);
        begin_connects(many);
        sweep(many);
        pthread_mutex_unlock(&many->lock);
    }
    return NULL;
}

/* ---- many.h ---- */

struct many *many_open(size_t room)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_SLOT};
    struct many *many = calloc(1, sizeof(*many));

    if (many == NULL)
        bench_fail("memory");
    many->ops.name = "many";
    many->room = room;
    many->slots = calloc(room, sizeof(struct connection *));
    many->epoll = epoll_create1(EPOLL_CLOEXEC);
    many->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (many->slots == NULL || many->epoll < 0 || many->wake < 0 ||
        epoll_ctl(many->epoll, EPOLL_CTL_ADD, many->wake, &event) != 0 ||
        pthread_mutex_init(&many->lock, NULL) != 0 ||
        pthread_create(&many->thread, NULL, many_main, many) != 0)
        bench_fail("the connections' thread cannot be started");
    return many;
}

void many_close(struct many *many)
{
    atomic_store(&many->is_stopping, true);
    many_wake(many);
    pthread_join(many->thread, NULL);
    pthread_mutex_destroy(&many->lock);
    close(many->epoll);
    close(many->wake);
    free(many->slots);
    free(many);
}

const struct mqtt_link_ops *many_link(struct many *many)
{
    return &many->ops;
}

void many_hold(struct many *many)
{
    atomic_store(&many->is_holding, true);
}

void many_release(struct many *many)
{
    pthread_mutex_lock(&many->lock);
    atomic_store(&many->is_holding, false);
    for (size_t i = 0; i < many->used; i++) {
        if (many->slots[i] == NULL)
            continue;
        gate_lock(&many->slots[i]->gate);
        many_send_held(many->slots[i]);
        gate_unlock(&many->slots[i]->gate);
    }
    pthread_mutex_unlock(&many->lock);
}

void many_read(struct many *many, struct many_figures *out)
{
    *out = (struct many_figures){
        .ready = atomic_load(&many->ready),
        .settled = atomic_load(&many->settled),
        .lost = atomic_load(&many->lost),
        .holding = atomic_load(&many->holding),
        .quiet_ms = many_now_ms() - atomic_load(&many->active_ms),
    };
    for (size_t i = 0; i < MANY_KIND_COUNT; i++)
        out->traffic[i] = (struct many_traffic){atomic_load(&many->counts[i]),
                                                atomic_load(&many->bytes[i])};
}
