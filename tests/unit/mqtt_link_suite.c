#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "broker.h"
#include "protocol/io/connection.h"
#include "tests/unit/mqtt_link_suite.h"
#include "tests/unit/seen.h"

#define WAIT_MS 20000
#define BURST 500

static struct broker broker;

#define await(value, wanted) assert_true(seen_await(value, wanted, WAIT_MS))

static unsigned flying, flying_max; /* guarded by seen.watch */

/* The link under test, counting what is in flight. */

static struct mqtt_events outer_events;

static void count_published(void *context, uint64_t tag,
                            enum lastcall_status status)
{
    watch_lock(&seen.watch);
    flying--;
    watch_unlock(&seen.watch);
    outer_events.published(context, tag, status);
}

static enum lastcall_status count_open(const struct mqtt_options *options,
                                       const struct mqtt_events *events,
                                       void *context, struct mqtt_link **out,
                                       char detail[MQTT_DETAIL_SIZE])
{
    struct mqtt_events inner = *events;

    outer_events = *events;
    inner.published = count_published;
    return mqtt_link_under_test->open(options, &inner, context, out, detail);
}

static enum lastcall_status count_publish(struct mqtt_link *link,
                                          const struct mqtt_message *message,
                                          uint64_t tag)
{
    watch_lock(&seen.watch);
    flying++;
    if (flying > flying_max)
        flying_max = flying;
    watch_unlock(&seen.watch);
    return mqtt_link_under_test->publish(link, message, tag);
}

static struct mqtt_link_ops counting_ops;

static const struct mqtt_subscription subscriptions[] = {
    {.filter = "test/+", .qos = 1, .retain_as_published = true},
    {.filter = "kept/#", .qos = 1, .retain_as_published = true},
};

static enum lastcall_status try_open(const char *uri, const char *ca,
                                     struct connection **out,
                                     char detail[MQTT_DETAIL_SIZE])
{
    struct connection_options options = {
        .mqtt = {.uri = uri,
                 .client_id = "test-client",
                 .ca = ca,
                 .session_expiry_s = 60,
                 .keep_alive_s = 30,
                 .receive_maximum = 100,
                 .connect_timeout_s = 6},
        .link = &counting_ops,
        .clock = &platform_clock,
        .subscriptions = subscriptions,
        .subscription_count = 2,
    };

    return connection_open(&options, &seen_handler, out, detail);
}

static struct connection *open_at(const char *scheme, const char *host,
                                  unsigned port, const char *ca)
{
    static char uri[64]; /* borrowed for the connection's life */
    struct connection *connection = NULL;
    char detail[MQTT_DETAIL_SIZE];

    snprintf(uri, sizeof(uri), "%s://%s:%u", scheme, host, port);
    assert_int_equal(try_open(uri, ca, &connection, detail), LASTCALL_OK);
    return connection;
}

static struct connection *open_ready(const char *scheme, const char *host,
                                     unsigned port, const char *ca)
{
    struct connection *connection = open_at(scheme, host, port, ca);
    char detail[MQTT_DETAIL_SIZE];
    enum lastcall_status status =
        connection_wait_ready(connection, WAIT_MS, detail);

    if (status != LASTCALL_OK)
        print_error("%s\n", detail);
    assert_int_equal(status, LASTCALL_OK);
    await(&seen.readies, 1);
    return connection;
}

static enum lastcall_status publish(struct connection *connection,
                                    const char *topic, enum mqtt_retain retain,
                                    uint64_t tag)
{
    struct mqtt_message message = {.topic = topic,
                                   .payload = "hello",
                                   .len = 5,
                                   .retain = retain,
                                   .expiry_s = 60};

    return connection_publish(connection, &message, tag);
}

/* How many of our sockets to that port exist, and how many send at once. */
static void count_sockets(unsigned port, unsigned *all, unsigned *no_delay)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;

    *all = 0;
    *no_delay = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);
        int on = 0;
        socklen_t on_len = sizeof(on);

        if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0 ||
            peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
            continue;
        (*all)++;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &on_len),
                         0);
        *no_delay += on != 0;
    }
    closedir(directory);
}

static void assert_no_delay(unsigned port)
{
    unsigned all;
    unsigned no_delay;

    count_sockets(port, &all, &no_delay);
    assert_int_equal(all, 1);
    assert_int_equal(no_delay, 1);
}

static void test_publish_burst(void **state)
{
    struct connection *connection =
        open_ready("mqtt", "127.0.0.1", broker.plain_port, NULL);

    (void)state;
    assert_no_delay(broker.plain_port);
    for (uint64_t tag = 1; tag <= BURST; tag++)
        assert_int_equal(publish(connection, "test/x", MQTT_TRANSIENT, tag),
                         LASTCALL_OK);
    assert_int_equal(connection_flush(connection, WAIT_MS), LASTCALL_OK);
    await(&seen.told, BURST);
    await(&seen.messages, BURST);
    for (uint64_t tag = 1; tag <= BURST; tag++)
        assert_int_equal(seen.ends[tag], 1);
    assert_int_equal(seen.told_ok, BURST);
    assert_int_equal(seen.retained, 0);
    assert_in_range(seen.last_expiry_s, 1, 60);
    assert_true(flying_max <= CONNECTION_IN_FLIGHT_MAX);
    connection_close(connection);
}

static void test_retained_as_published(void **state)
{
    struct connection *connection =
        open_ready("mqtt", "127.0.0.1", broker.plain_port, NULL);
    struct mqtt_subscription more = {
        .filter = "later/#", .qos = 1, .retain_as_published = true};

    (void)state;
    assert_int_equal(publish(connection, "kept/a", MQTT_RETAINED, 1),
                     LASTCALL_OK);
    await(&seen.messages, 1);
    assert_int_equal(seen.retained, 1);
    assert_int_equal(publish(connection, "later/a", MQTT_RETAINED, 2),
                     LASTCALL_OK);
    assert_int_equal(connection_flush(connection, WAIT_MS), LASTCALL_OK);
    assert_int_equal(connection_subscribe(connection, &more, 1, WAIT_MS),
                     LASTCALL_OK);
    await(&seen.messages, 2);
    assert_int_equal(seen.retained, 2);
    connection_close(connection);
}

static void test_denied_publish_is_told(void **state)
{
    struct connection *connection =
        open_ready("mqtt", "127.0.0.1", broker.plain_port, NULL);

    (void)state;
    assert_int_equal(publish(connection, BROKER_DENIED "x", MQTT_TRANSIENT, 1),
                     LASTCALL_OK);
    assert_int_equal(publish(connection, "test/x", MQTT_TRANSIENT, 2),
                     LASTCALL_OK);
    await(&seen.told, 2);
    assert_int_equal(seen.told_refused, 1);
    assert_int_equal(seen.told_ok, 1);
    assert_int_equal(seen.downs, 0); /* a refusal costs no connection */
    connection_close(connection);
}

/* holds 1.1 */
static void test_tls_13(void **state)
{
    struct connection *connection =
        open_ready("mqtts", "localhost", broker.tls_port, broker.ca);

    (void)state;
    assert_no_delay(broker.tls_port);
    assert_int_equal(publish(connection, "test/x", MQTT_TRANSIENT, 1),
                     LASTCALL_OK);
    await(&seen.messages, 1);
    connection_close(connection);
}

static void test_tls_by_address(void **state)
{
    (void)state;
    connection_close(
        open_ready("mqtts", "127.0.0.1", broker.tls_port, broker.ca));
}

static void refuse_tls(const char *host, unsigned port, const char *ca,
                       const char *reason)
{
    struct connection *connection = open_at("mqtts", host, port, ca);

    await(&seen.downs, 1);
    watch_lock(&seen.watch);
    if (strstr(seen.last_detail, reason) == NULL)
        print_error("%s\n", seen.last_detail);
    assert_non_null(strstr(seen.last_detail, reason));
    watch_unlock(&seen.watch);
    assert_int_equal(seen.readies, 0);
    connection_close(connection);
}

static void test_wrong_ca(void **state)
{
    (void)state;
    refuse_tls("localhost", broker.tls_port, broker.wrong_ca,
               "certificate verify failed");
}

static void test_system_does_not_trust_it(void **state)
{
    (void)state;
    refuse_tls("localhost", broker.tls_port, NULL, "certificate verify failed");
}

static void test_wrong_name(void **state)
{
    (void)state;
    refuse_tls("localhost", broker.name_port, broker.ca,
               "certificate is for another name");
}

/* A certificate for names alone says nothing about an address. */
static void test_wrong_address(void **state)
{
    (void)state;
    refuse_tls("127.0.0.1", broker.name_port, broker.ca,
               "certificate is for another name");
}

static void test_plain_by_v6_address(void **state)
{
    (void)state;
    if (broker.v6_port == 0)
        skip();
    connection_close(open_ready("mqtt", "[::1]", broker.v6_port, NULL));
}

/* Never connecting, and blaming the certificate for it, would be no help. */
static void test_tls_wants_a_name_for_v6(void **state)
{
    struct connection *connection = NULL;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    assert_int_equal(
        try_open("mqtts://[::1]:8883", broker.ca, &connection, detail),
        LASTCALL_E_CONFIG);
    assert_null(connection);
    assert_non_null(strstr(detail, "write its name"));
}

static void test_plain_to_tls_port(void **state)
{
    struct connection *connection =
        open_at("mqtt", "127.0.0.1", broker.tls_port, NULL);

    (void)state;
    await(&seen.downs, 1);
    connection_close(connection);
}

static void test_readable_client_key_is_refused(void **state)
{
    const struct mqtt_events events = {0};
    char path[BROKER_PATH_SIZE + 32];
    char detail[MQTT_DETAIL_SIZE];
    struct mqtt_options options = {.uri = "mqtts://localhost:1",
                                   .client_id = "test-client",
                                   .cert = broker.ca,
                                   .cert_key = path};
    struct mqtt_link *link = NULL;

    (void)state;
    snprintf(path, sizeof(path), "%s/ca.key", broker.directory);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(
        mqtt_link_under_test->open(&options, &events, NULL, &link, detail),
        LASTCALL_E_CONFIG);
    assert_null(link);
    assert_non_null(strstr(detail, "chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(
        mqtt_link_under_test->open(&options, &events, NULL, &link, detail),
        LASTCALL_OK);
    mqtt_link_under_test->close(link);
}

static void test_broker_dies_and_returns(void **state)
{
    struct connection *connection =
        open_ready("mqtt", "127.0.0.1", broker.plain_port, NULL);
    uint64_t accepted = 0;

    (void)state;
    for (uint64_t tag = 1; tag <= 100; tag++)
        if (publish(connection, "test/x", MQTT_TRANSIENT, tag) == LASTCALL_OK)
            accepted++;
    broker_kill(&broker);
    await(&seen.downs, 1);
    await(&seen.told, (unsigned)accepted);
    assert_true(broker_start(&broker));
    await(&seen.readies, 2);
    /* Every tag once, however it ended, and subscribed again. */
    for (uint64_t tag = 1; tag <= accepted; tag++)
        assert_int_equal(seen.ends[tag], 1);
    watch_lock(&seen.watch);
    seen.messages = 0;
    watch_unlock(&seen.watch);
    assert_int_equal(publish(connection, "test/y", MQTT_TRANSIENT, 101),
                     LASTCALL_OK);
    await(&seen.messages, 1);
    await(&seen.told, (unsigned)accepted + 1);
    assert_no_delay(broker.plain_port);
    connection_close(connection);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        unsigned port;
        bool is_tls;
    } cases[] = {
        {"mqtt://127.0.0.1", "127.0.0.1", 1883, false},
        {"mqtts://broker.example", "broker.example", 8883, true},
        {"mqtts://[::1]:1", "::1", 1, true},
        {"mqtt://h:65535", "h", 65535, false},
        {"mqtt://h:65536", NULL, 0, false},
        {"mqtt://h:0", NULL, 0, false},
        {"mqtt://h:", NULL, 0, false},
        {"mqtt://h:18 83", NULL, 0, false},
        {"mqtt://h/path", NULL, 0, false},
        {"mqtt://", NULL, 0, false},
        {"mqtt://[::1", NULL, 0, false},
        {"mqtt://user:secret@h", NULL, 0, false},
        {"tcp://h", NULL, 0, false},
        {"ws://h", NULL, 0, false},
        {"h:1883", NULL, 0, false},
        {"", NULL, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mqtt_uri uri;
        char detail[MQTT_DETAIL_SIZE] = "";
        enum lastcall_status status =
            mqtt_uri_parse(cases[i].text, &uri, detail);

        if (cases[i].host == NULL) {
            assert_int_equal(status, LASTCALL_E_CONFIG);
            assert_null(strstr(detail, "secret"));
            assert_true(detail[0] != '\0');
            continue;
        }
        assert_int_equal(status, LASTCALL_OK);
        assert_string_equal(uri.host, cases[i].host);
        assert_int_equal(uri.port, cases[i].port);
        assert_int_equal(uri.is_tls, cases[i].is_tls);
    }
}

static void test_missing_ca_is_told_at_once(void **state)
{
    struct connection *connection = NULL;
    char detail[MQTT_DETAIL_SIZE];

    (void)state;
    assert_int_equal(
        try_open("mqtts://localhost", "/nonexistent.pem", &connection, detail),
        LASTCALL_E_CONFIG);
    assert_null(connection);
    assert_non_null(strstr(detail, "/nonexistent.pem"));
}

static int set_up(void **state)
{
    (void)state;
    seen_reset();
    flying = 0;
    flying_max = 0;
    return broker.pid > 0 || broker_start(&broker) ? 0 : -1;
}

static int set_up_group(void **state)
{
    (void)state;
    counting_ops = *mqtt_link_under_test;
    counting_ops.open = count_open;
    counting_ops.publish = count_publish;
    return broker_prepare(&broker) ? 0 : -1;
}

static int tear_down_group(void **state)
{
    (void)state;
    broker_remove(&broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test_setup(test_publish_burst, set_up),
        cmocka_unit_test_setup(test_retained_as_published, set_up),
        cmocka_unit_test_setup(test_denied_publish_is_told, set_up),
        cmocka_unit_test_setup(test_tls_13, set_up),
        cmocka_unit_test_setup(test_tls_by_address, set_up),
        cmocka_unit_test_setup(test_wrong_ca, set_up),
        cmocka_unit_test_setup(test_system_does_not_trust_it, set_up),
        cmocka_unit_test_setup(test_wrong_name, set_up),
        cmocka_unit_test_setup(test_wrong_address, set_up),
        cmocka_unit_test_setup(test_plain_by_v6_address, set_up),
        cmocka_unit_test_setup(test_tls_wants_a_name_for_v6, set_up),
        cmocka_unit_test_setup(test_plain_to_tls_port, set_up),
        cmocka_unit_test_setup(test_missing_ca_is_told_at_once, set_up),
        cmocka_unit_test_setup(test_readable_client_key_is_refused, set_up),
        cmocka_unit_test_setup(test_broker_dies_and_returns, set_up),
    };

    /* Every test here fails when paho sees either of these. */
    (void)setenv("http_proxy", "", 1);
    (void)setenv("https_proxy", "http://127.0.0.1:9", 1);
    platform_clean_environment();
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group) +
           mqtt_link_wire_tests() + mqtt_link_end_tests() +
           mqtt_link_tls_tests();
}
