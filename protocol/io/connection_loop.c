#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/connection_private.h"

/* Beyond the link's own limit, in case it never answers. */
#define CONNECT_GRACE_MS 15000
#define SUBSCRIBE_TIMEOUT_MS 15000
#define DISCONNECT_TIMEOUT_MS 2000
/*
 * Two clients with one id throw each other out as soon as the other's back-off
 * is over; so many short lives in a row are taken for that.  The broker does
 * not always say it (mosquitto 2.0.11 closes without a reason).
 */
#define SHORT_LIFE_MS 10000
#define SHORT_LIFE_COUNT 5
#define BACKOFF_DOUBLINGS_MAX 16

uint32_t connection_backoff_ms(uint32_t attempt, enum mqtt_failure failure,
                               uint32_t (*random_below)(uint32_t bound))
{
    uint32_t window = CONNECTION_BACKOFF_MAX_MS;

    switch (failure) {
    case MQTT_FAILURE_CREDENTIALS:
    case MQTT_FAILURE_TAKEN_OVER:
        return CONNECTION_BACKOFF_REFUSED_MS +
               random_below(CONNECTION_BACKOFF_REFUSED_MS + 1);
    case MQTT_FAILURE_SERVER:
    case MQTT_FAILURE_NETWORK:
        break;
    }
    if (attempt < BACKOFF_DOUBLINGS_MAX &&
        ((uint32_t)CONNECTION_BACKOFF_FIRST_MS << attempt) < window)
        window = (uint32_t)CONNECTION_BACKOFF_FIRST_MS << attempt;
    return random_below(window + 1);
}

int64_t connection_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

bool connection_wait_until(struct connection *connection, pthread_cond_t *on,
                           int64_t until_ms)
{
    const int64_t left_ms = until_ms - connection_now_ms();

    return gate_condition_wait(on, &connection->lock,
                               left_ms > 0 ? left_ms : 0);
}

/* Time as the rules see it; tests have a clock of their own. */
static int64_t rule_now_ms(const struct connection *connection)
{
    const struct clock *clock = connection->options.clock;

    return clock->monotonic_ms(clock->state);
}

/*
 * Tell the end of a publish; with no lock held.  Told first and counted then,
 * so that connection_flush() returns after the last has been told.
 */
static void end_publish(struct connection *connection, uint64_t tag,
                        enum lastcall_status status)
{
    if (tag != 0 && connection->handler.published != NULL)
        connection->handler.published(connection->handler.context, tag, status);
    pthread_mutex_lock(&connection->lock);
    connection->ended++;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
}

/* ---- the link's events, on the link's thread ---- */

static void on_connected(void *context, const struct mqtt_connected *info)
{
    struct connection *connection = context;

    if (!info->session_present && connection->handler.session != NULL)
        connection->handler.session(connection->handler.context);
    pthread_mutex_lock(&connection->lock);
    connection->has_connected = true;
    connection->info = *info;
    pthread_cond_signal(&connection->work);
    pthread_mutex_unlock(&connection->lock);
}

static void on_failed(void *context, enum mqtt_failure failure,
                      const char *detail)
{
    struct connection *connection = context;

    pthread_mutex_lock(&connection->lock);
    connection->has_failed = true;
    connection->failure = failure;
    snprintf(connection->detail, sizeof(connection->detail), "%s", detail);
    pthread_cond_signal(&connection->work);
    pthread_mutex_unlock(&connection->lock);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct connection *connection = context;

    if (connection->handler.message != NULL)
        connection->handler.message(connection->handler.context, message);
}

static void on_subscribed(void *context, uint64_t tag,
                          enum lastcall_status status, const char *detail)
{
    struct connection *connection = context;
    struct answer *answer = NULL;

    pthread_mutex_lock(&connection->lock);
    if (connection->own.tag == tag)
        answer = &connection->own;
    else if (connection->more.tag == tag)
        answer = &connection->more;
    if (answer != NULL) {
        answer->has_come = true;
        answer->status = status;
        snprintf(answer->detail, sizeof(answer->detail), "%s", detail);
    }
    pthread_cond_signal(&connection->work);
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
}

static void on_published(void *context, uint64_t tag,
                         enum lastcall_status status)
{
    struct connection *connection = context;
    bool is_waited_for;

    if (tag == 0 && status == LASTCALL_FORBIDDEN)
        log_write(connection->options.log, LOG_LEVEL_ERROR, LOG_LIMITED,
                  "PUBLISH-REFUSED",
                  "the broker refused what was published; its access rules "
                  "must let this host write below its own topics");
    end_publish(connection, tag, status);
    pthread_mutex_lock(&connection->lock);
    connection->in_flight--;
    is_waited_for = connection->head != NULL;
    pthread_mutex_unlock(&connection->lock);
    if (is_waited_for)
        pthread_cond_signal(&connection->work);
}

const struct mqtt_events connection_events = {
    .connected = on_connected,
    .connect_failed = on_failed,
    .lost = on_failed,
    .message = on_message,
    .subscribed = on_subscribed,
    .published = on_published,
};

/* ---- the thread ---- */

static void set_state(struct connection *connection,
                      enum connection_state state)
{
    pthread_mutex_lock(&connection->lock);
    connection->state = state;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
}

static void note_failure(struct connection *connection,
                         enum mqtt_failure failure, const char *detail)
{
    on_failed(connection, failure, detail);
}

static struct queued *pop_queue(struct connection *connection)
{
    struct queued *first = connection->head;

    connection->head = first->next;
    if (connection->head == NULL)
        connection->tail = NULL;
    connection->queue_count--;
    connection->queue_bytes -= first->bytes;
    return first;
}

/* Send what waits, as far as the gate is open; no lock held. */
static void pump(struct connection *connection)
{
    pthread_mutex_lock(&connection->sending);
    pthread_mutex_lock(&connection->lock);
    while (connection->head != NULL && connection->state == CONNECTION_READY &&
           connection->in_flight < connection->gate) {
        struct queued *next = pop_queue(connection);
        enum lastcall_status status;

        connection->in_flight++;
        pthread_mutex_unlock(&connection->lock);
        status = connection->options.link->publish(connection->link,
                                                   &next->message, next->tag);
        if (status != LASTCALL_OK)
            end_publish(connection, next->tag, LASTCALL_E_LINK);
        pthread_mutex_lock(&connection->lock);
        if (status != LASTCALL_OK)
            connection->in_flight--;
        free(next);
    }
    pthread_mutex_unlock(&connection->lock);
    pthread_mutex_unlock(&connection->sending);
}

/* What waits at the gate of a connection that is gone will not be sent. */
static void drop_queue(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    while (connection->head != NULL) {
        struct queued *next = pop_queue(connection);

        pthread_mutex_unlock(&connection->lock);
        end_publish(connection, next->tag, LASTCALL_E_LINK);
        free(next);
        pthread_mutex_lock(&connection->lock);
    }
    pthread_mutex_unlock(&connection->lock);
}

/* Begin an attempt; its end comes as an event. */
static void begin_attempt(struct connection *connection)
{
    struct mqtt_will will = {0};
    enum lastcall_status status;

    if (connection->handler.will != NULL)
        connection->handler.will(connection->handler.context, &will);
    pthread_mutex_lock(&connection->lock);
    connection->state = CONNECTION_CONNECTING;
    connection->has_connected = false;
    connection->has_failed = false;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
    status = connection->options.link->connect(
        connection->link, will.topic != NULL ? &will : NULL,
        connection->keep_alive_s);
    if (status != LASTCALL_OK)
        note_failure(connection, MQTT_FAILURE_NETWORK,
                     "the connection could not be begun");
}

/*
 * Wait until *flag or a failure or the stop, for a time.
 *
 * Returns true when it is *flag alone that came.
 */
static bool wait_flag(struct connection *connection, const bool *flag,
                      int64_t timeout_ms, const char *on_timeout)
{
    int64_t until_ms = connection_now_ms() + timeout_ms;
    bool is_in_time = true;
    bool is_good;

    pthread_mutex_lock(&connection->lock);
    while (is_in_time && !*flag && !connection->has_failed &&
           !connection->is_stopping)
        is_in_time =
            connection_wait_until(connection, &connection->work, until_ms);
    is_good = *flag && !connection->has_failed && !connection->is_stopping;
    pthread_mutex_unlock(&connection->lock);
    if (!is_in_time && !is_good)
        note_failure(connection, MQTT_FAILURE_NETWORK, on_timeout);
    return is_good;
}

/* Follow a broker that wants to hear from us more often; true when we must
 * connect again, because the link keeps to what it connected with. */
static bool follow_keep_alive(struct connection *connection)
{
    uint16_t wanted = connection->info.server_keep_alive;

    if (wanted == 0 ||
        (connection->keep_alive_s != 0 && wanted >= connection->keep_alive_s))
        return false;
    log_write(connection->options.log, LOG_LEVEL_INFO, LOG_LIMITED,
              "LINK-KEEPALIVE",
              "the broker wants a keep-alive of %u s, not %u; connecting again",
              wanted, connection->keep_alive_s);
    connection->keep_alive_s = wanted;
    connection->options.link->disconnect(connection->link,
                                         DISCONNECT_TIMEOUT_MS);
    return true;
}

/* Connect until the broker agrees with our keep-alive. */
static bool make_connection(struct connection *connection)
{
    int64_t timeout_ms =
        (int64_t)connection->options.mqtt.connect_timeout_s * 1000 +
        CONNECT_GRACE_MS;

    do {
        begin_attempt(connection);
        if (!wait_flag(connection, &connection->has_connected, timeout_ms,
                       "the attempt to connect did not end"))
            return false;
    } while (follow_keep_alive(connection));
    connection->connected_ms = rule_now_ms(connection);
    return true;
}

/*
 * Subscribe to everything and check the answers; after every connect, since a
 * session that the broker claims to have kept may be another one.
 */
static bool make_subscriptions(struct connection *connection)
{
    const struct mqtt_link_ops *ops = connection->options.link;
    size_t count;
    uint64_t tag;

    pthread_mutex_lock(&connection->lock);
    count = connection->subscription_count;
    tag = ++connection->last_tag;
    connection->own = (struct answer){.tag = tag};
    pthread_mutex_unlock(&connection->lock);
    if (count == 0)
        return true;
    if (ops->subscribe(connection->link, connection->subscriptions, count,
                       tag) != LASTCALL_OK) {
        note_failure(connection, MQTT_FAILURE_NETWORK,
                     "the subscriptions could not be sent");
        return false;
    }
    if (!wait_flag(connection, &connection->own.has_come, SUBSCRIBE_TIMEOUT_MS,
                   "the broker did not answer the subscriptions"))
        return false;
    if (connection->own.status == LASTCALL_OK)
        return true;
    log_write(connection->options.log, LOG_LEVEL_ERROR, LOG_LIMITED,
              "SUBSCRIBE-REFUSED", "the broker refuses a subscription: %s",
              connection->own.detail);
    note_failure(connection,
                 connection->own.status == LASTCALL_FORBIDDEN
                     ? MQTT_FAILURE_CREDENTIALS
                     : MQTT_FAILURE_NETWORK,
                 connection->own.detail);
    return false;
}

/* Below the broker's Receive Maximum, at which paho 1.3.12 would sleep. */
static unsigned gate_of(const struct mqtt_connected *info)
{
    if (info->receive_maximum > CONNECTION_IN_FLIGHT_MAX)
        return CONNECTION_IN_FLIGHT_MAX;
    return info->receive_maximum > 1 ? info->receive_maximum - 1u : 1u;
}

/* Serve a connection until it ends. */
static void serve(struct connection *connection)
{
    bool is_over;

    pthread_mutex_lock(&connection->lock);
    connection->gate = gate_of(&connection->info);
    connection->state = CONNECTION_READY;
    connection->has_hopeless = false;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
    log_write(connection->options.log, LOG_LEVEL_INFO, LOG_LIMITED,
              "LINK-READY", "connected to %s as %s, %s",
              connection->options.mqtt.uri, connection->options.mqtt.client_id,
              connection->info.session_present ? "session kept"
                                               : "new session");
    if (connection->handler.ready != NULL)
        connection->handler.ready(connection->handler.context);

    do {
        pthread_mutex_lock(&connection->lock);
        while (!connection->has_failed && !connection->is_stopping &&
               !connection->is_resuming &&
               (connection->head == NULL ||
                connection->in_flight >= connection->gate))
            pthread_cond_wait(&connection->work, &connection->lock);
        is_over = connection->has_failed || connection->is_stopping ||
                  connection->is_resuming;
        pthread_mutex_unlock(&connection->lock);
        if (!is_over)
            pump(connection);
    } while (!is_over);
}

/* Judge how a connection ended, and count for the back-off. */
static enum mqtt_failure judge(struct connection *connection, bool was_ready)
{
    int64_t lived_ms = rule_now_ms(connection) - connection->connected_ms;
    enum mqtt_failure failure = connection->failure;

    if (was_ready && lived_ms >= CONNECTION_STABLE_MS)
        connection->attempt = 0;
    if (!was_ready || lived_ms >= SHORT_LIFE_MS)
        connection->short_lives = 0;
    else if (failure == MQTT_FAILURE_NETWORK)
        connection->short_lives++;
    if (connection->short_lives >= SHORT_LIFE_COUNT) {
        connection->short_lives = SHORT_LIFE_COUNT - 1; /* until one is long */
        failure = MQTT_FAILURE_TAKEN_OVER;
        snprintf(connection->detail, sizeof(connection->detail),
                 "%d connections in a row ended within seconds; is another "
                 "client using the id %.100s?",
                 SHORT_LIFE_COUNT, connection->options.mqtt.client_id);
    }
    connection->failure = failure;
    connection->losses++;
    connection->has_hopeless = failure == MQTT_FAILURE_CREDENTIALS ||
                               failure == MQTT_FAILURE_TAKEN_OVER;
    return failure;
}

/* After an attempt or a connection ended: clear up, tell, wait. */
static void recover(struct connection *connection, bool was_ready)
{
    enum mqtt_failure failure;
    uint32_t delay_ms;
    int64_t until_ms;
    char detail[MQTT_DETAIL_SIZE];

    pthread_mutex_lock(&connection->lock);
    connection->state = CONNECTION_WAITING;
    failure = judge(connection, was_ready);
    snprintf(detail, sizeof(detail), "%s", connection->detail);
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->lock);

    /* Harmless when it is gone; where we gave up on it, it must go. */
    connection->options.link->disconnect(connection->link,
                                         DISCONNECT_TIMEOUT_MS);
    drop_queue(connection);
    delay_ms = connection_backoff_ms(connection->attempt, failure,
                                     platform_random_below);
    connection->attempt++;
    log_write(connection->options.log, LOG_LEVEL_WARN, LOG_LIMITED,
              was_ready ? "LINK-LOST" : "LINK-FAILED",
              "%s; next attempt in %u ms", detail, delay_ms);
    if (connection->handler.down != NULL)
        connection->handler.down(connection->handler.context, failure, detail);

    until_ms = connection_now_ms() + delay_ms;
    pthread_mutex_lock(&connection->lock);
    while (!connection->is_stopping &&
           connection_wait_until(connection, &connection->work, until_ms))
        ;
    pthread_mutex_unlock(&connection->lock);
}

/* See connection_resume(); false when that is not why the serving ended. */
static bool leave_to_resume(struct connection *connection)
{
    bool is_resuming;

    pthread_mutex_lock(&connection->lock);
    is_resuming = connection->is_resuming && !connection->has_failed &&
                  !connection->is_stopping;
    connection->is_resuming = false;
    if (is_resuming)
        connection->losses++;
    pthread_mutex_unlock(&connection->lock);
    if (!is_resuming)
        return false;
    connection->options.link->disconnect(connection->link,
                                         DISCONNECT_TIMEOUT_MS);
    drop_queue(connection);
    return true;
}

static bool is_stopping(struct connection *connection)
{
    bool stop;

    pthread_mutex_lock(&connection->lock);
    stop = connection->is_stopping;
    pthread_mutex_unlock(&connection->lock);
    return stop;
}

void *connection_run(void *context)
{
    struct connection *connection = context;
    bool is_resuming = false;

    while (!is_stopping(connection)) {
        bool is_ready = make_connection(connection);

        /* It is the session that we left a moment ago. */
        if (is_ready && !(is_resuming && connection->info.session_present))
            is_ready = make_subscriptions(connection);
        if (is_ready)
            serve(connection);
        is_resuming = is_ready && leave_to_resume(connection);
        if (!is_resuming && !is_stopping(connection))
            recover(connection, is_ready);
    }
    set_state(connection, CONNECTION_CLOSED);
    /* Whoever is sending just now still has the link. */
    pthread_mutex_lock(&connection->sending);
    if (connection->options.ends_session)
        connection->options.link->forget(connection->link);
    connection->options.link->disconnect(connection->link,
                                         DISCONNECT_TIMEOUT_MS);
    connection->options.link->close(connection->link);
    connection->link = NULL;
    pthread_mutex_unlock(&connection->sending);
    drop_queue(connection);
    return NULL;
}
