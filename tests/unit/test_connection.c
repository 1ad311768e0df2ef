#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/io/connection.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/seen.h"

#define WAIT_MS 5000

#define await_seen(member, wanted)                                             \
    assert_true(seen_await(&seen.member, wanted, WAIT_MS))
#define await_link(member, wanted)                                             \
    assert_true(fake_link_await(&fake_link.member, wanted, WAIT_MS))

static unsigned will_count;

static void fill_will(void *context, struct mqtt_will *out)
{
    static char payload[32];

    (void)context;
    will_count++;
    snprintf(payload, sizeof(payload), "will %u", will_count);
    *out = (struct mqtt_will){
        .topic = "t", .payload = payload, .len = strlen(payload)};
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

static bool ends_session; /* of the connections that are opened */

static int set_up(void **state)
{
    (void)state;
    fake_link_reset();
    seen_reset();
    will_count = 0;
    fake_now_ms = 0;
    ends_session = false;
    return 0;
}

static struct connection *open_connection(void)
{
    struct connection_options options = {
        .mqtt = {.uri = "mqtt://x", .client_id = "me", .keep_alive_s = 60},
        .link = &fake_link_ops,
        .clock = &fake_clock,
        .subscriptions = subscriptions,
        .subscription_count = 2,
        .ends_session = ends_session,
    };
    struct connection_handler handler = seen_handler;
    struct connection *connection = NULL;

    handler.will = fill_will;
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
    fake_link.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    for (unsigned done = 0; done < 500;) {
        await_link(sent_count, done + 1);
        done += fake_link_end_flying(LASTCALL_OK);
    }
    assert_int_equal(connection_flush(connection, WAIT_MS), LASTCALL_OK);
    assert_int_equal(fake_link.flying_max, CONNECTION_IN_FLIGHT_MAX);
    assert_int_equal(fake_link.sent_count, 500);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(fake_link.sent[i], i);
        assert_int_equal(seen.ends[i + 1], 1);
        assert_int_equal(seen.status[i + 1], LASTCALL_OK);
    }
    connection_close(connection);
    assert_int_equal(fake_link.closes, 1);
}

static void test_small_receive_maximum(void **state)
{
    struct connection *connection;

    (void)state;
    fake_link.holds_acks = true;
    fake_link.receive_maximum = 5;
    connection = open_ready();
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(publish(connection, i, 0), LASTCALL_OK);
    for (unsigned done = 0; done < 50;) {
        await_link(sent_count, done + 1);
        done += fake_link_end_flying(LASTCALL_OK);
    }
    assert_true(fake_link.flying_max < 5);
    connection_close(connection);
}

/* holds 1.11 */
static void test_lost_publishes_end_once(void **state)
{
    struct connection *connection;

    (void)state;
    fake_link.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    fake_link_lose(MQTT_FAILURE_NETWORK);
    await_seen(told, 100);
    for (uint64_t tag = 1; tag <= 100; tag++) {
        assert_int_equal(seen.ends[tag], 1);
        assert_int_equal(seen.status[tag], LASTCALL_E_LINK);
    }
    /* It comes back by itself, and subscribes again. */
    await_seen(readies, 2);
    assert_int_equal(fake_link.subscribes, 2);
    assert_int_equal(fake_link.last_subscription_count, 2);
    assert_int_equal(publish(connection, 7, 101), LASTCALL_OK);
    connection_close(connection);
    assert_int_equal(seen.ends[101], 1);
    assert_int_equal(seen.told, 101);
}

static void test_close_ends_what_waits(void **state)
{
    struct connection *connection;

    (void)state;
    fake_link.holds_acks = true;
    connection = open_ready();
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(publish(connection, i, i + 1), LASTCALL_OK);
    connection_close(connection);
    for (uint64_t tag = 1; tag <= 40; tag++)
        assert_int_equal(seen.ends[tag], 1);
    assert_int_equal(fake_link.disconnects, 1);
    assert_int_equal(fake_link.forgets, 0);
}

/* At the end, and not when it will be back at once; holds 1.10. */
static void test_close_ends_the_session(void **state)
{
    struct connection *connection;

    (void)state;
    ends_session = true;
    connection = open_ready();
    connection_resume(connection);
    await_seen(readies, 2);
    assert_int_equal(fake_link.forgets, 0);
    connection_close(connection);
    assert_int_equal(fake_link.forgets, 1);
    assert_int_equal(fake_link.disconnects, 2);
}

static void test_queue_is_bounded(void **state)
{
    struct connection *connection;
    uint32_t count = 0;

    (void)state;
    fake_link.holds_acks = true;
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
    fake_link.holds_acks = true;
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
    fake_link.holds_acks = true;
    connection = open_ready();
    assert_int_equal(publish(connection, 1, 1), LASTCALL_OK);
    await_link(sent_count, 1);
    fake_link_end_flying(LASTCALL_FORBIDDEN);
    await_seen(told, 1);
    assert_int_equal(seen.status[1], LASTCALL_FORBIDDEN);
    connection_close(connection);
}

static void test_will_is_fresh_each_time(void **state)
{
    struct connection *connection = open_ready();

    (void)state;
    assert_string_equal(fake_link.last_will, "will 1");
    fake_link_lose(MQTT_FAILURE_NETWORK);
    await_seen(readies, 2);
    assert_string_equal(fake_link.last_will, "will 2");
    connection_close(connection);
}

/* holds 1.11 */
static void test_refused_subscription(void **state)
{
    struct connection *connection;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    fake_link.refuses_subscriptions = true;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, WAIT_MS, detail),
                     LASTCALL_E_LINK);
    assert_string_equal(detail, "not authorised");
    await_seen(downs, 1);
    assert_int_equal(seen_last_failure(), MQTT_FAILURE_CREDENTIALS);
    assert_int_equal(seen.readies, 0);
    assert_int_equal(fake_link.disconnects, 1);
    assert_int_equal(connection_state(connection), CONNECTION_WAITING);
    assert_int_equal(publish(connection, 1, 1), LASTCALL_E_LINK);
    connection_close(connection); /* at once, in the middle of 60 s */
    assert_int_equal(seen.told, 0);
}

static void test_wait_ready_gives_up_on_credentials(void **state)
{
    struct connection *connection;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    fake_link.refuses_connect = true;
    fake_link.refusal = MQTT_FAILURE_CREDENTIALS;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, WAIT_MS, detail),
                     LASTCALL_E_LINK);
    assert_string_equal(detail, "refused");
    connection_close(connection);
    assert_int_equal(fake_link.connects, 1);
}

static void test_wait_ready_waits_for_the_network(void **state)
{
    struct connection *connection;

    (void)state;
    fake_link.refuses_connect = true;
    connection = open_connection();
    assert_int_equal(connection_wait_ready(connection, 50, NULL),
                     LASTCALL_TIMEOUT);
    await_seen(downs, 1);
    watch_lock(&fake_link.watch);
    fake_link.refuses_connect = false;
    watch_unlock(&fake_link.watch);
    assert_int_equal(connection_wait_ready(connection, 2 * WAIT_MS, NULL),
                     LASTCALL_OK);
    connection_close(connection);
}

static void test_more_subscriptions(void **state)
{
    struct connection *connection = open_ready();
    struct mqtt_subscription more = {.filter = "results", .qos = 1};
    struct mqtt_subscription bad = {.filter = FAKE_LINK_FORBIDDEN, .qos = 1};

    (void)state;
    assert_int_equal(connection_subscribe(connection, &bad, 1, WAIT_MS),
                     LASTCALL_FORBIDDEN);
    assert_int_equal(connection_subscribe(connection, &more, 1, WAIT_MS),
                     LASTCALL_OK);
    fake_link_lose(MQTT_FAILURE_NETWORK);
    await_seen(readies, 2);
    /* The granted one is there again, the refused one is not. */
    assert_int_equal(fake_link.last_subscription_count, 3);
    connection_close(connection);
}

/* What marks the end of what is retained is asked for often. */
static void test_asking_again_takes_no_room(void **state)
{
    struct connection *connection = open_ready();
    struct mqtt_subscription again = {.filter = "commands", .qos = 1};

    (void)state;
    for (unsigned i = 0; i < CONNECTION_SUBSCRIPTION_MAX; i++)
        assert_int_equal(connection_subscribe(connection, &again, 1, WAIT_MS),
                         LASTCALL_OK);
    fake_link_lose(MQTT_FAILURE_NETWORK);
    await_seen(readies, 2);
    assert_int_equal(fake_link.last_subscription_count, 2);
    connection_close(connection);
}

static void test_follows_server_keep_alive(void **state)
{
    struct connection *connection;

    (void)state;
    fake_link.server_keep_alive = 10;
    connection = open_ready();
    assert_int_equal(fake_link.connects, 2);
    assert_int_equal(fake_link.last_keep_alive, 10);
    connection_close(connection);
}

/* Left and back again: no failure, and the session's subscriptions stand. */
static void test_resume(void **state)
{
    struct connection *connection = open_ready();

    (void)state;
    fake_link.keeps_session = true;
    fake_link.holds_acks = true;
    assert_int_equal(publish(connection, 1, 7), LASTCALL_OK);
    await_link(flying_count, 1);
    connection_resume(connection);
    await_seen(readies, 2);
    assert_int_equal(fake_link.connects, 2);
    assert_int_equal(fake_link.disconnects, 1);
    assert_int_equal(fake_link.subscribes, 1);
    assert_int_equal(seen.downs, 0);
    assert_int_equal(seen.sessions, 1);
    /* What was on its way has an end, and is the caller's to send again. */
    await_seen(ends[7], 1);
    /* A broker that lost the session is asked for everything again. */
    fake_link.keeps_session = false;
    connection_resume(connection);
    await_seen(readies, 3);
    assert_int_equal(fake_link.subscribes, 2);
    assert_int_equal(seen.sessions, 2);
    connection_close(connection);
}

static void test_resume_when_the_connection_breaks(void **state)
{
    struct connection *connection = open_ready();

    (void)state;
    fake_link.keeps_session = true;
    fake_link_lose(MQTT_FAILURE_NETWORK);
    connection_resume(connection); /* of no use now; does no harm */
    await_seen(readies, 2);
    /* After a loss, the session may be another's: all over again. */
    assert_int_equal(fake_link.subscribes, 2);
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
        fake_link_lose(MQTT_FAILURE_NETWORK);
        await_seen(downs, lives);
        if (seen_last_failure() == MQTT_FAILURE_NETWORK)
            assert_int_equal(connection_wait_ready(connection, 60000, NULL),
                             LASTCALL_OK);
    } while (seen_last_failure() == MQTT_FAILURE_NETWORK && lives < 5);
    assert_int_equal(seen_last_failure(), MQTT_FAILURE_TAKEN_OVER);
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
        fake_link_lose(MQTT_FAILURE_NETWORK);
        /* Stable before: the back-off starts again from the first second. */
        await_seen(readies, life + 1);
        assert_int_equal(seen_last_failure(), MQTT_FAILURE_NETWORK);
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
    assert_int_equal(fake_link.sent_count, 4000);
    connection_close(connection);
}

static void test_open_says_why_not(void **state)
{
    struct connection_options options = {
        .mqtt = {.uri = FAKE_LINK_BAD_URI, .client_id = "me"},
        .link = &fake_link_ops,
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
        cmocka_unit_test_setup(test_close_ends_the_session, set_up),
        cmocka_unit_test_setup(test_queue_is_bounded, set_up),
        cmocka_unit_test_setup(test_queue_is_bounded_in_bytes, set_up),
        cmocka_unit_test_setup(test_refused_publish_is_told, set_up),
        cmocka_unit_test_setup(test_will_is_fresh_each_time, set_up),
        cmocka_unit_test_setup(test_refused_subscription, set_up),
        cmocka_unit_test_setup(test_wait_ready_gives_up_on_credentials, set_up),
        cmocka_unit_test_setup(test_wait_ready_waits_for_the_network, set_up),
        cmocka_unit_test_setup(test_more_subscriptions, set_up),
        cmocka_unit_test_setup(test_asking_again_takes_no_room, set_up),
        cmocka_unit_test_setup(test_follows_server_keep_alive, set_up),
        cmocka_unit_test_setup(test_resume, set_up),
        cmocka_unit_test_setup(test_resume_when_the_connection_breaks, set_up),
        cmocka_unit_test_setup(test_short_lives_mean_a_rival, set_up),
        cmocka_unit_test_setup(test_long_lives_do_not, set_up),
        cmocka_unit_test_setup(test_many_callers, set_up),
        cmocka_unit_test_setup(test_open_says_why_not, set_up),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
