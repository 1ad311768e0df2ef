/* connection_flush() while the link is about to refuse a publish. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "protocol/io/connection.h"

#define WAIT_MS 5000
#define SHORT_MS 50

struct mqtt_link {
    struct mqtt_events events;
    void *context;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mqtt_link link;
    uint64_t refused_tag; /* this one stands until released, then fails */
    unsigned standing;
    bool is_released;
} broker;

static enum lastcall_status fake_open(const struct mqtt_options *options,
                                      const struct mqtt_events *events,
                                      void *context, struct mqtt_link **out,
                                      char detail[MQTT_DETAIL_SIZE])
{
    (void)options;
    (void)detail;
    broker.link = (struct mqtt_link){*events, context};
    *out = &broker.link;
    return LASTCALL_OK;
}

static enum lastcall_status fake_connect(struct mqtt_link *link,
                                         const struct mqtt_will *will,
                                         uint16_t keep_alive_s)
{
    const struct mqtt_connected info = {.receive_maximum = 20};

    (void)will;
    (void)keep_alive_s;
    link->events.connected(link->context, &info);
    return LASTCALL_OK;
}

static enum lastcall_status fake_publish(struct mqtt_link *link,
                                         const struct mqtt_message *message,
                                         uint64_t tag)
{
    (void)link;
    (void)message;
    if (tag != broker.refused_tag)
        return LASTCALL_OK;
    pthread_mutex_lock(&broker.lock);
    broker.standing++;
    pthread_cond_broadcast(&broker.changed);
    while (!broker.is_released)
        pthread_cond_wait(&broker.changed, &broker.lock);
    pthread_mutex_unlock(&broker.lock);
    return LASTCALL_E_NOMEM;
}

static void fake_disconnect(struct mqtt_link *link, uint32_t timeout_ms)
{
    (void)link;
    (void)timeout_ms;
}

static void fake_close(struct mqtt_link *link)
{
    (void)link;
}

static const struct mqtt_link_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .connect = fake_connect,
    .publish = fake_publish,
    .disconnect = fake_disconnect,
    .close = fake_close,
};

static struct connection *connection;

static int set_up(void **state)
{
    struct connection_options options = {
        .mqtt = {.uri = "mqtt://x", .client_id = "me", .keep_alive_s = 60},
        .link = &fake_ops,
        .clock = &platform_clock,
    };
    struct connection_handler handler = {0};

    (void)state;
    broker.refused_tag = 0;
    broker.standing = 0;
    broker.is_released = false;
    if (connection_open(&options, &handler, &connection, NULL) != LASTCALL_OK)
        return -1;
    return connection_wait_ready(connection, WAIT_MS, NULL) == LASTCALL_OK ? 0
                                                                           : -1;
}

static int tear_down(void **state)
{
    (void)state;
    connection_close(connection);
    return 0;
}

static enum lastcall_status publish(uint64_t tag)
{
    const struct mqtt_message message = {
        .topic = "t", .payload = "x", .len = 1};

    return connection_publish(connection, &message, tag);
}

static void *publish_refused(void *out)
{
    *(enum lastcall_status *)out = publish(broker.refused_tag);
    return NULL;
}

static void *flush(void *out)
{
    *(enum lastcall_status *)out = connection_flush(connection, WAIT_MS);
    return NULL;
}

static void release(void)
{
    pthread_mutex_lock(&broker.lock);
    broker.is_released = true;
    pthread_cond_broadcast(&broker.changed);
    pthread_mutex_unlock(&broker.lock);
}

/* A publish that the link refuses is not waited for. */
static void test_refused_publish_holds_up_no_flush(void **state)
{
    enum lastcall_status published = LASTCALL_OK;
    enum lastcall_status flushed = LASTCALL_E_INTERNAL;
    pthread_t publisher;
    pthread_t flusher;

    (void)state;
    broker.refused_tag = 1;
    assert_int_equal(
        pthread_create(&publisher, NULL, publish_refused, &published), 0);
    pthread_mutex_lock(&broker.lock);
    while (broker.standing == 0)
        pthread_cond_wait(&broker.changed, &broker.lock);
    pthread_mutex_unlock(&broker.lock);
    /* It counts as accepted while it stands. */
    assert_int_equal(connection_flush(connection, SHORT_MS), LASTCALL_TIMEOUT);
    assert_int_equal(pthread_create(&flusher, NULL, flush, &flushed), 0);
    release();
    pthread_join(publisher, NULL);
    pthread_join(flusher, NULL);
    assert_int_equal(published, LASTCALL_E_NOMEM);
    assert_int_equal(flushed, LASTCALL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused_publish_holds_up_no_flush,
                                        set_up, tear_down),
    };

    pthread_mutex_init(&broker.lock, NULL);
    pthread_cond_init(&broker.changed, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
