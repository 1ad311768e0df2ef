#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "protocol/io/connection.h"

/* A broker that does what a test tells it to. */

#define SENT_MAX 20000
#define WAIT_MS 5000

struct mqtt_link {
    struct mqtt_events events;
    void *context;
};

static struct broker {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mqtt_link link;
    /* orders */
    bool refuses_connect;
    enum mqtt_failure refusal;
    bool refuses_subscriptions;
    bool holds_acks; /* publishes stay in flight until ack_all() */
    uint16_t receive_maximum;
    uint16_t server_keep_alive;
    /* what was seen */
    unsigned connects, subscribes, disconnects, closes;
    size_t last_subscription_count;
    uint16_t last_keep_alive;
    char last_will[64];
    bool is_up;
    uint64_t flying[SENT_MAX];
    unsigned flying_count, flying_max;
    uint32_t sent[SENT_MAX]; /* what the payloads say, in order */
    unsigned sent_count;
} broker;

static void broker_reset(void)
{
    broker = (struct broker){.receive_maximum = 20};
    pthread_mutex_init(&broker.lock, NULL);
    pthread_cond_init(&broker.changed, NULL);
}

static enum lastcall_status fake_open(const struct mqtt_options *options,
                                      const struct mqtt_events *events,
                                      void *context, struct mqtt_link **out,
                                      char detail[MQTT_DETAIL_SIZE])
{
    *out = NULL;
    if (strcmp(options->uri, "bad") == 0) {
        snprintf(detail, MQTT_DETAIL_SIZE, "no such scheme");
        return LASTCALL_E_CONFIG;
    }
    broker.link = (struct mqtt_link){*events, context};
    *out = &broker.link;
    return LASTCALL_OK;
}

static enum lastcall_status fake_connect(struct mqtt_link *link,
                                         const struct mqtt_will *will,
                                         uint16_t keep_alive_s)
{
    struct mqtt_connected info = {.receive_maximum = broker.receive_maximum};
    bool is_refused;

    pthread_mutex_lock(&broker.lock);
    broker.connects++;
    broker.last_keep_alive = keep_alive_s;
    snprintf(broker.last_will, sizeof(broker.last_will), "%.*s",
             will != NULL ? (int)will->len : 0,
             will != NULL ? (const char *)will->payload : "");
    info.server_keep_alive = broker.server_keep_alive;
    is_refused = broker.refuses_connect;
    broker.is_up = !is_refused;
    pthread_cond_broadcast(&broker.changed);
    pthread_mutex_unlock(&broker.lock);
    if (is_refused)
        link->events.connect_failed(link->context, broker.refusal, "refused");
    else
        link->events.connected(link->context, &info);
    return LASTCALL_OK;
}

static enum lastcall_status fake_subscribe(struct mqtt_link *link,
                                           const struct mqtt_subscription *list,
                                           size_t count, uint64_t tag)
{
    bool is_refused;

    pthread_mutex_lock(&broker.lock);
    broker.subscribes++;
    broker.last_subscription_count = count;
    is_refused = broker.refuses_subscriptions ||
                 strcmp(list[count - 1].filter, "forbidden") == 0;
    pthread_cond_broadcast(&broker.changed);
    pthread_mutex_unlock(&broker.lock);
    link->events.subscribed(link->context, tag,
                            is_refused ? LASTCALL_FORBIDDEN : LASTCALL_OK,
                            is_refused ? "not authorised" : "");
    return LASTCALL_OK;
}

static enum lastcall_status fake_publish(struct mqtt_link *link,
                                         const struct mqtt_message *message,
                                         uint64_t tag)
{
    bool is_held;

    pthread_mutex_lock(&broker.lock);
    if (!broker.is_up) {
        pthread_mutex_unlock(&broker.lock);
        return LASTCALL_E_LINK;
    }
    memcpy(&broker.sent[broker.sent_count++], message->payload,
           sizeof(uint32_t));
    is_held = broker.holds_acks;
    if (is_held)
        broker.flying[broker.flying_count++] = tag;
    if (broker.flying_count > broker.flying_max)
        broker.flying_max = broker.flying_count;
    pthread_cond_broadcast(&broker.changed);
    pthread_mutex_unlock(&broker.lock);
    if (!is_held)
        link->events.published(link->context, tag, LASTCALL_OK);
    return LASTCALL_OK;
}

/* Acknowledge everything in flight; returns how many there were. */
static unsigned end_flying(enum lastcall_status status)
{
    uint64_t tags[SENT_MAX];
    unsigned count;

    pthread_mutex_lock(&broker.lock);
    count = broker.flying_count;
    memcpy(tags, broker.flying, count * sizeof(tags[0]));
    broker.flying_count = 0;
    pthread_mutex_unlock(&broker.lock);
    for (unsigned i = 0; i < count; i++)
        broker.link.events.published(broker.link.context, tags[i], status);
    return count;
}

static void lose(enum mqtt_failure failure)
{
    pthread_mutex_lock(&broker.lock);
    broker.is_up = false;
    pthread_mutex_unlock(&broker.lock);
    broker.link.events.lost(broker.link.context, failure, "gone");
    end_flying(LASTCALL_E_LINK);
}

static void fake_disconnect(struct mqtt_link *link, uint32_t timeout_ms)
{
    (void)link;
    (void)timeout_ms;
    pthread_mutex_lock(&broker.lock);
    broker.disconnects += broker.is_up;
    broker.is_up = false;
    pthread_mutex_unlock(&broker.lock);
    end_flying(LASTCALL_E_LINK);
}

static void fake_close(struct mqtt_link *link)
{
    (void)link;
    broker.closes++;
}

static const struct mqtt_link_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .connect = fake_connect,
    .subscribe = fake_subscribe,
    .publish = fake_publish,
    .disconnect = fake_disconnect,
    .close = fake_close,
};

/* The program on top of the connection. */

static struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned wills, readies, downs;
    enum mqtt_failure last_failure;
    unsigned told[SENT_MAX]; /* how often each tag's end was told */
    enum lastcall_status status[SENT_MAX];
    unsigned told_count;
    char will[32];
} seen;

static void fill_will(void *context, struct mqtt_will *out)
{
    (void)context;
    seen.wills++;
    snprintf(seen.will, sizeof(seen.will), "will %u", seen.wills);
    *out = (struct mqtt_will){
        .topic = "t", .payload = seen.will, .len = strlen(seen.will)};
}

static void note_ready(void *context)
{
    (void)context;
    pthread_mutex_lock(&seen.lock);
    seen.readies++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void note_down(void *context, enum mqtt_failure failure,
                      const char *detail)
{
    (void)context;
    (void)detail;
    pthread_mutex_lock(&seen.lock);
    seen.downs++;
    seen.last_failure = failure;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void note_published(void *context, uint64_t tag,
                           enum lastcall_status status)
{
    (void)context;
    pthread_mutex_lock(&seen.lock);
    seen.told[tag]++;
    seen.status[tag] = status;
    seen.told_count++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

/* Wait until *value is at least wanted; fails the test after WAIT_MS. */
static void await(pthread_mutex_t *lock, pthread_cond_t *changed,
                  const unsigned *value, unsigned wanted)
{
    struct timespec until;
    int code = 0;
    bool is_there;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(lock);
    while (*value < wanted && code == 0)
        code = pthread_cond_timedwait(changed, lock, &until);
    is_there = *value >= wanted;
    pthread_mutex_unlock(lock);
    assert_true(is_there);
}

#define await_seen(member, wanted)                                             \
    await(&seen.lock, &seen.changed, &seen.member, wanted)
#define await_broker(member, wanted)                                           \
    await(&broker.lock, &broker.changed, &broker.member, wanted)

static enum mqtt_failure last_failure(void)
{
    enum mqtt_failure failure;

    pthread_mutex_lock(&seen.lock);
    failure = seen.last_failure;
    pthread_mutex_unlock(&seen.lock);
    return failure;
}

static int64_t fake_now_ms;

static int64_t fake_clock_ms(void *state)
{
    (void)state;
    return __atomic_load_n(&fake_now_ms, __ATOMIC_SEQ_CST);
}

static const struct clock fake_clock = {fake_clock_ms, fake_clock_ms, NULL};

static const struct mqtt_subscription subscriptions[] = {
    {.filter = "commands", .qos = 1}, {.filter = "revocations", .qos = 1}};

static int set_up(void **state)
{
    (void)state;
    broker_reset();
    seen = (struct seen){0};
    pthread_mutex_init(&seen.lock, NULL);
    pthread_cond_init(&seen.changed, NULL);
    fake_now_ms = 0;
    return 0;
}

static struct connection *open_connection(void)
{
    struct connection_options options = {
        .mqtt = {.uri = "mqtt://x", .client_id = "me", .keep_alive_s = 60},
        .link = &fake_ops,
        .clock = &fake_clock,
        .subscriptions = subscriptions,
        .subscription_count = 2,
    };
    struct connection_handler handler = {
        .will = fill_will,
        .ready = note_ready,
        .down = note_down,
        .published = note_published,
    };
    struct connection *connection = NULL;

    assert_int_equal(connection_open(&options, &handler, &connection, NULL),
                     LASTCALL_OK);
    return connection;
}

static struct connection *open_ready(void)
{
    struct connection *connection = open_connection();

    assert_int_equal(connection_wait_ready(connection, WAIT_MS, NULL),
                     LASTCALL_OK);
    await_seen(readies, 1);
    return connection;
}

static enum lastcall_status publish(struct connection *connection,
                                    uint32_t number, uint64_t tag)
{
    struct mqtt_message message = {
        .topic = "t", .payload = &number, .len = sizeof(number)};

    return connection_publish(connection, &message, tag);
}

/* holds 1.10 */
static void test_gate_and_order(void **state)
{
    struct connection *connection;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    for (unsigned done = 0; done < 500;) {
        await_broker(sent_count, done + 1);
        done += end_flying(LASTCALL_OK);
    }
    assert_int_equal(connection_flush(connection, WAIT_MS), LASTCALL_OK);
    assert_int_equal(broker.flying_max, CONNECTION_IN_FLIGHT_MAX);
    assert_int_equal(broker.sent_count, 500);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(broker.sent[i], i);
        assert_int_equal(seen.told[i + 1], 1);
        assert_int_equal(seen.status[i + 1], LASTCALL_OK);
    }
    connection_close(connection);
    assert_int_equal(broker.closes, 1);
}

static void test_small_receive_maximum(void **state)
{
    struct connection *connection;

    (void)state;
    broker.holds_acks = true;
    broker.receive_maximum = 5;
    connection = open_ready();
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(publish(connection, i, 0), LASTCALL_OK);
    for (unsigned done = 0; done < 50;) {
        await_broker(sent_count, done + 1);
        done += end_flying(LASTCALL_OK);
    }
    assert_true(broker.flying_max < 5);
    connection_close(connection);
}

/* holds 1.11 */
static void test_lost_publishes_end_once(void **state)
{
    struct connection *connection;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    lose(MQTT_FAILURE_NETWORK);
    await_seen(told_count, 100);
    for (uint64_t tag = 1; tag <= 100; tag++) {
        assert_int_equal(seen.told[tag], 1);
        assert_int_equal(seen.status[tag], LASTCALL_E_LINK);
    }
    /* It comes back by itself, and subscribes again. */
    await_seen(readies, 2);
    assert_int_equal(broker.subscribes, 2);
    assert_int_equal(broker.last_subscription_count, 2);
    assert_int_equal(publish(connection, 7, 101), LASTCALL_OK);
    connection_close(connection);
    assert_int_equal(seen.told[101], 1);
    assert_int_equal(seen.told_count, 101);
}

static void test_close_ends_what_waits(void **state)
{
    struct connection *connection;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    connection_close(connection);
    for (uint64_t tag = 1; tag <= 40; tag++)
        assert_int_equal(seen.told[tag], 1);
    assert_int_equal(broker.disconnects, 1);
}

static void test_queue_is_bounded(void **state)
{
    struct connection *connection;
    uint32_t count = 0;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    while (publish(connection, count, 0) == LASTCALL_OK)
        count++;
    assert_int_equal(publish(connection, count, 0), LASTCALL_BUSY);
    assert_int_equal(count, CONNECTION_QUEUE_MAX + CONNECTION_IN_FLIGHT_MAX);
    connection_close(connection);
}

static void test_queue_is_bounded_in_bytes(void **state)
{
    static const char big[1024 * 1024];
    const struct mqtt_message message = {
        .topic = "t", .payload = big, .len = sizeof(big)};
    struct connection *connection;
    size_t count = 0;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    while (count < CONNECTION_QUEUE_MAX &&
           connection_publish(connection, &message, 0) == LASTCALL_OK)
        count++;
    assert_int_equal(connection_publish(connection, &message, 0),
                     LASTCALL_BUSY);
    /* What a message costs beyond its payload takes the place of the last. */
    assert_int_equal(count, CONNECTION_IN_FLIGHT_MAX - 1 +
                                CONNECTION_QUEUE_BYTES_MAX / sizeof(big));
    connection_close(connection);
}

static void test_refused_publish_is_told(void **state)
{
    struct connection *connection;

    (void)state;
    broker.holds_acks = true;
    connection = open_ready();
    assert_int_equal(publish(connection, 1, 1), LASTCALL_OK);
    await_broker(sent_count, 1);
    end_flying(LASTCALL_FORBIDDEN);
    await_seen(told_count, 1);
    assert_int_equal(seen.status[1], LASTCALL_FORBIDDEN);
    connection_close(connection);
}

static void test_will_is_fresh_each_time(void **state)
{
    struct connection *connection = open_ready();

    (void)state;
    assert_string_equal(broker.last_will, "will 1");
    lose(MQTT_FAILURE_NETWORK);
    await_seen(readies, 2);
    assert_string_equal(broker.last_will, "will 2");
    connection_close(connection);
}

/* holds 1.11 */
static void test_refused_subscription(void **state)
{
    struct connection *connection;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    broker.refuses_subscriptions = true;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, WAIT_MS, detail),
                     LASTCALL_E_LINK);
    assert_string_equal(detail, "not authorised");
    await_seen(downs, 1);
    assert_int_equal(last_failure(), MQTT_FAILURE_CREDENTIALS);
    assert_int_equal(seen.readies, 0);
    assert_int_equal(broker.disconnects, 1);
    assert_int_equal(connection_state(connection), CONNECTION_WAITING);
    assert_int_equal(publish(connection, 1, 1), LASTCALL_E_LINK);
    connection_close(connection); /* at once, in the middle of 60 s */
    assert_int_equal(seen.told_count, 0);
}

static void test_wait_ready_gives_up_on_credentials(void **state)
{
    struct connection *connection;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    broker.refuses_connect = true;
    broker.refusal = MQTT_FAILURE_CREDENTIALS;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, WAIT_MS, detail),
                     LASTCALL_E_LINK);
    assert_string_equal(detail, "refused");
    connection_close(connection);
    assert_int_equal(broker.connects, 1);
}

static void test_wait_ready_waits_for_the_network(void **state)
{
    struct connection *connection;

    (void)state;
    broker.refuses_connect = true;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, 50, NULL),
                     LASTCALL_TIMEOUT);
    await_seen(downs, 1);
    pthread_mutex_lock(&broker.lock);
    broker.refuses_connect = false;
    pthread_mutex_unlock(&broker.lock);
    assert_int_equal(connection_wait_ready(connection, 2 * WAIT_MS, NULL),
                     LASTCALL_OK);
    connection_close(connection);
}

static void test_more_subscriptions(void **state)
{
    struct connection *connection = open_ready();
    struct mqtt_subscription more = {.filter = "results", .qos = 1};
    struct mqtt_subscription bad = {.filter = "forbidden", .qos = 1};

    (void)state;
    assert_int_equal(connection_subscribe(connection, &bad, 1, WAIT_MS),
                     LASTCALL_FORBIDDEN);
    assert_int_equal(connection_subscribe(connection, &more, 1, WAIT_MS),
                     LASTCALL_OK);
    lose(MQTT_FAILURE_NETWORK);
    await_seen(readies, 2);
    /* The granted one is there again, the refused one is not. */
    assert_int_equal(broker.last_subscription_count, 3);
    connection_close(connection);
}

static void test_follows_server_keep_alive(void **state)
{
    struct connection *connection;

    (void)state;
    broker.server_keep_alive = 10;
    connection = open_ready();
    assert_int_equal(broker.connects, 2);
    assert_int_equal(broker.last_keep_alive, 10);
    connection_close(connection);
}

static void test_short_lives_mean_a_rival(void **state)
{
    struct connection *connection = open_ready();
    unsigned lives = 0;

    (void)state;
    /* Each connection dies at once; the first few may be the network's. */
    do {
        lives++;
        lose(MQTT_FAILURE_NETWORK);
        await_seen(downs, lives);
        if (last_failure() == MQTT_FAILURE_NETWORK)
            assert_int_equal(connection_wait_ready(connection, 60000, NULL),
                             LASTCALL_OK);
    } while (last_failure() == MQTT_FAILURE_NETWORK && lives < 5);
    assert_int_equal(last_failure(), MQTT_FAILURE_TAKEN_OVER);
    assert_true(lives > 2);
    connection_close(connection);
}

/* holds 1.13 */
static void test_long_lives_do_not(void **state)
{
    struct connection *connection = open_ready();

    (void)state;
    for (unsigned life = 1; life <= 3; life++) {
        __atomic_add_fetch(&fake_now_ms, CONNECTION_STABLE_MS,
                           __ATOMIC_SEQ_CST);
        lose(MQTT_FAILURE_NETWORK);
        /* Stable before: the back-off starts again from the first second. */
        await_seen(readies, life + 1);
        assert_int_equal(last_failure(), MQTT_FAILURE_NETWORK);
    }
    connection_close(connection);
}

static void *publish_many(void *context)
{
    for (uint32_t i = 0; i < 1000; i++)
        while (publish(context, i, 0) == LASTCALL_BUSY &&
               connection_flush(context, WAIT_MS) == LASTCALL_OK)
            continue;
    return NULL;
}

static void test_many_callers(void **state)
{
    struct connection *connection = open_ready();
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, publish_many, connection), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(connection_flush(connection, WAIT_MS), LASTCALL_OK);
    assert_int_equal(broker.sent_count, 4000);
    connection_close(connection);
}

static void test_open_says_why_not(void **state)
{
    struct connection_options options = {
        .mqtt = {.uri = "bad", .client_id = "me"},
        .link = &fake_ops,
        .clock = &fake_clock,
    };
    struct connection_handler handler = {0};
    struct connection *connection = NULL;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    assert_int_equal(connection_open(&options, &handler, &connection, detail),
                     LASTCALL_E_CONFIG);
    assert_null(connection);
    assert_string_equal(detail, "no such scheme");
    connection_close(NULL);
}

static uint32_t highest(uint32_t bound)
{
    return bound == 0 ? 0 : bound - 1;
}

static uint32_t lowest(uint32_t bound)
{
    (void)bound;
    return 0;
}

/* holds 1.13 */
static void test_backoff(void **state)
{
    (void)state;
    assert_int_equal(connection_backoff_ms(0, MQTT_FAILURE_NETWORK, highest),
                     1000);
    assert_int_equal(connection_backoff_ms(3, MQTT_FAILURE_NETWORK, highest),
                     8000);
    assert_int_equal(connection_backoff_ms(7, MQTT_FAILURE_NETWORK, highest),
                     120000);
    assert_int_equal(
        connection_backoff_ms(UINT32_MAX, MQTT_FAILURE_NETWORK, highest),
        120000);
    assert_int_equal(
        connection_backoff_ms(UINT32_MAX, MQTT_FAILURE_SERVER, highest),
        120000);
    assert_int_equal(connection_backoff_ms(5, MQTT_FAILURE_NETWORK, lowest), 0);
    assert_int_equal(connection_backoff_ms(0, MQTT_FAILURE_SERVER, highest),
                     1000);
    assert_int_equal(connection_backoff_ms(0, MQTT_FAILURE_CREDENTIALS, lowest),
                     60000);
    assert_int_equal(connection_backoff_ms(9, MQTT_FAILURE_TAKEN_OVER, highest),
                     120000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_gate_and_order, set_up),
        cmocka_unit_test_setup(test_small_receive_maximum, set_up),
        cmocka_unit_test_setup(test_lost_publishes_end_once, set_up),
        cmocka_unit_test_setup(test_close_ends_what_waits, set_up),
        cmocka_unit_test_setup(test_queue_is_bounded, set_up),
        cmocka_unit_test_setup(test_queue_is_bounded_in_bytes, set_up),
        cmocka_unit_test_setup(test_refused_publish_is_told, set_up),
        cmocka_unit_test_setup(test_will_is_fresh_each_time, set_up),
        cmocka_unit_test_setup(test_refused_subscription, set_up),
        cmocka_unit_test_setup(test_wait_ready_gives_up_on_credentials, set_up),
        cmocka_unit_test_setup(test_wait_ready_waits_for_the_network, set_up),
        cmocka_unit_test_setup(test_more_subscriptions, set_up),
        cmocka_unit_test_setup(test_follows_server_keep_alive, set_up),
        cmocka_unit_test_setup(test_short_lives_mean_a_rival, set_up),
        cmocka_unit_test_setup(test_long_lives_do_not, set_up),
        cmocka_unit_test_setup(test_many_callers, set_up),
        cmocka_unit_test_setup(test_open_says_why_not, set_up),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
