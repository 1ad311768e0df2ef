/* connection_flush() while the link is about to refuse a publish. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/io/connection.h"
#include "tests/unit/fake_link.h"

#define WAIT_MS 5000
#define SHORT_MS 50

static struct connection *connection;

static int set_up(void **state)
{
    struct connection_options options = {
        .mqtt = {.uri = "mqtt://x", .client_id = "me", .keep_alive_s = 60},
        .link = &fake_link_ops,
        .clock = &platform_clock,
    };
    struct connection_handler handler = {0};

    (void)state;
    fake_link_reset();
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

static enum lastcall_status publish(void)
{
    const struct mqtt_message message = {
        .topic = "t", .payload = "x", .len = 1};

    return connection_publish(connection, &message, 1);
}

static void *publish_refused(void *out)
{
    *(enum lastcall_status *)out = publish();
    return NULL;
}

static void *flush(void *out)
{
    *(enum lastcall_status *)out = connection_flush(connection, WAIT_MS);
    return NULL;
}

/* A publish that the link refuses is not waited for. */
static void test_refused_publish_holds_up_no_flush(void **state)
{
    enum lastcall_status published = LASTCALL_OK;
    enum lastcall_status flushed = LASTCALL_E_INTERNAL;
    pthread_t publisher;
    pthread_t flusher;

    (void)state;
    watch_lock(&fake_link.watch);
    fake_link.holds_publish = true;
    watch_unlock(&fake_link.watch);
    assert_int_equal(
        pthread_create(&publisher, NULL, publish_refused, &published), 0);
    assert_true(fake_link_await(&fake_link.standing, 1, WAIT_MS));
    /* It counts as accepted while it stands. */
    assert_int_equal(connection_flush(connection, SHORT_MS), LASTCALL_TIMEOUT);
    assert_int_equal(pthread_create(&flusher, NULL, flush, &flushed), 0);
    fake_link_release();
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

    return cmocka_run_group_tests(tests, NULL, NULL);
}
