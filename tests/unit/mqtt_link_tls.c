#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "broker.h"
#include "protocol/io/platform.h"
#include "tests/unit/mqtt_link_suite.h"
#include "tests/unit/mqtt_told.h"
#include "tests/unit/mqtt_wire.h"

#define WAIT_MS 20000
#define FLOOD_MS 10000
#define FLOOD_COUNT 2000
#define PATH_SIZE (BROKER_PATH_SIZE + 32)

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static struct broker broker; /* for its certificates; it does not run */
static const struct mqtt_link_ops *ops;
static int listener;
static unsigned port;
static char uri[64];
static char certificate[PATH_SIZE];
static char key[PATH_SIZE];

/* The broker's end of a handshake, and what it saw. */
struct server {
    SSL_CTX *context;
    SSL *ssl;
    int peer;
    bool is_shaken;
    char name[64]; /* that the link asked for; "": none */
    /* Guarded by told.watch: packets that the link sent into a flood. */
    unsigned publishes;
    unsigned disconnects;
};

static int keep_name(SSL *ssl, int *alert, void *context)
{
    struct server *server = context;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    snprintf(server->name, sizeof(server->name), "%s",
             name != NULL ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

static void server_init(struct server *server, int lowest, int highest)
{
    *server = (struct server){.context = SSL_CTX_new(TLS_server_method())};
    assert_non_null(server->context);
    /* Its own scruples must not be what refuses an old version. */
    assert_int_equal(
        SSL_CTX_set_cipher_list(server->context, "ALL:@SECLEVEL=0"), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(server->context, lowest), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(server->context, highest),
                     1);
    assert_int_equal(SSL_CTX_use_certificate_file(server->context, certificate,
                                                  SSL_FILETYPE_PEM),
                     1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(server->context, key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_tlsext_servername_callback(server->context, keep_name);
    SSL_CTX_set_tlsext_servername_arg(server->context, server);
}

static void server_want_certificate(struct server *server)
{
    assert_int_equal(SSL_CTX_load_verify_file(server->context, broker.ca), 1);
    SSL_CTX_set_verify(server->context,
                       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* Shake hands with a link. */
static void server_serve(struct server *server)
{
    server->peer = wire_accept(listener);
    assert_true(server->peer >= 0);
    server->ssl = SSL_new(server->context);
    assert_int_equal(SSL_set_fd(server->ssl, server->peer), 1);
    server->is_shaken = SSL_accept(server->ssl) == 1;
}

/* The first byte that the link says inside TLS; -1: none. */
static int server_first_byte(const struct server *server)
{
    unsigned char byte;

    return SSL_read(server->ssl, &byte, 1) == 1 ? byte : -1;
}

static void server_deinit(struct server *server)
{
    SSL_free(server->ssl);
    SSL_CTX_free(server->context);
    close(server->peer);
}

static struct mqtt_link *open_link(const char *host, const char *own_cert)
{
    struct mqtt_options options = {.uri = uri,
                                   .client_id = "tls-client",
                                   .ca = broker.ca,
                                   .cert = own_cert,
                                   .cert_key = own_cert != NULL ? key : NULL,
                                   .keep_alive_s = 30,
                                   .connect_timeout_s = 6};
    struct mqtt_link *link = NULL;
    char detail[MQTT_DETAIL_SIZE];

    snprintf(uri, sizeof(uri), "mqtts://%s:%u", host, port);
    assert_int_equal(ops->open(&options, &told_events, NULL, &link, detail),
                     LASTCALL_OK);
    assert_int_equal(ops->connect(link, NULL, 30), LASTCALL_OK);
    return link;
}

static void await_failure(void)
{
    assert_true(watch_await(&told.watch, &told.failed, 1, WAIT_MS));
    assert_int_equal(told.connected, 0);
}

/* Brokers behind one address are told apart by the name that is asked for. */
static void test_the_name_is_asked_for(void **state)
{
    struct server server;
    struct mqtt_link *link = open_link("localhost", NULL);

    (void)state;
    server_init(&server, TLS1_3_VERSION, TLS1_3_VERSION);
    server_serve(&server);
    assert_true(server.is_shaken);
    assert_string_equal(server.name, "localhost");
    assert_int_equal(server_first_byte(&server), WIRE_CONNECT << 4);
    ops->close(link);
    server_deinit(&server);
}

static void test_tls_12_is_enough(void **state)
{
    struct server server;
    struct mqtt_link *link = open_link("127.0.0.1", NULL);

    (void)state;
    server_init(&server, TLS1_2_VERSION, TLS1_2_VERSION);
    server_serve(&server);
    assert_true(server.is_shaken);
    assert_int_equal(server_first_byte(&server), WIRE_CONNECT << 4);
    ops->close(link);
    server_deinit(&server);
}

/* holds 1.1 */
static void test_tls_11_is_refused(void **state)
{
    struct server server;
    struct mqtt_link *link = open_link("127.0.0.1", NULL);

    (void)state;
    server_init(&server, TLS1_VERSION, TLS1_1_VERSION);
    server_serve(&server);
    assert_false(server.is_shaken);
    await_failure();
    ops->close(link);
    server_deinit(&server);
}

static void test_our_certificate_is_shown(void **state)
{
    struct server server;
    struct mqtt_link *link = open_link("localhost", certificate);
    X509 *shown;

    (void)state;
    server_init(&server, TLS1_3_VERSION, TLS1_3_VERSION);
    server_want_certificate(&server);
    server_serve(&server);
    assert_true(server.is_shaken);
    shown = SSL_get1_peer_certificate(server.ssl);
    assert_non_null(shown);
    X509_free(shown);
    ops->close(link);
    server_deinit(&server);
}

static void test_a_certificate_is_wanted(void **state)
{
    struct server server;
    struct mqtt_link *link = open_link("localhost", NULL);

    (void)state;
    server_init(&server, TLS1_3_VERSION, TLS1_3_VERSION);
    server_want_certificate(&server);
    server_serve(&server);
    assert_false(server.is_shaken);
    await_failure();
    assert_int_equal(told.failure, MQTT_FAILURE_NETWORK);
    ops->close(link);
    server_deinit(&server);
}

/* Look at what the link says meanwhile; it writes a packet at a time. */
static void flood_listen(struct server *server)
{
    struct pollfd one = {.fd = server->peer, .events = POLLIN};
    unsigned char record[WIRE_BODY_SIZE];

    while (poll(&one, 1, 0) == 1 &&
           SSL_read(server->ssl, record, sizeof(record)) > 0) {
        watch_lock(&told.watch);
        server->publishes += record[0] >> 4 == WIRE_PUBLISH;
        server->disconnects += record[0] >> 4 == WIRE_DISCONNECT;
        watch_unlock(&told.watch);
    }
}

/* Send messages without a pause, each record of TLS ending within one, so that
 * there always is more; until the link goes, or FLOOD_MS are over. */
static void *flood(void *argument)
{
    static const unsigned char welcome[] = {WIRE_CONNACK << 4, 3, 0, 0, 0};
    static const unsigned char message[] = {
        WIRE_PUBLISH << 4, 5, 0, 1, 't', 0, 'x'};
    static unsigned char record[sizeof(message) * FLOOD_COUNT];
    struct server *server = argument;
    const int64_t until_ms = now_ms() + FLOOD_MS;

    for (size_t i = 0; i < sizeof(record); i++)
        record[i] = message[(i + 3) % sizeof(message)];
    (void)!SSL_write(server->ssl, welcome, sizeof(welcome));
    (void)!SSL_write(server->ssl, message, 3);
    while (now_ms() < until_ms &&
           SSL_write(server->ssl, record, sizeof(record)) > 0)
        flood_listen(server);
    return NULL;
}

/* A link in a flood that goes on for FLOOD_MS; what is asked of it is to be
 * done in half of that. */
static struct mqtt_link *enter_flood(struct server *server, pthread_t *thread)
{
    struct mqtt_link *link = open_link("localhost", NULL);

    (void)signal(SIGPIPE, SIG_IGN); /* the link goes while we write */
    server_init(server, TLS1_3_VERSION, TLS1_3_VERSION);
    server_serve(server);
    assert_true(server->is_shaken);
    assert_int_equal(server_first_byte(server), WIRE_CONNECT << 4);
    assert_int_equal(pthread_create(thread, NULL, flood, server), 0);
    assert_true(watch_await(&told.watch, &told.messages, 1, WAIT_MS));
    return link;
}

static void test_a_flood_holds_up_no_close(void **state)
{
    struct server server;
    pthread_t thread;
    struct mqtt_link *link = enter_flood(&server, &thread);
    const int64_t begun_ms = now_ms();

    (void)state;
    ops->close(link);
    assert_true(now_ms() - begun_ms < FLOOD_MS / 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    server_deinit(&server);
}

/* paho's threads contend for one lock that takes no turns, so that who wants to
 * send may be kept waiting for as long as the flood lasts. */
static void skip_unless_fair(void)
{
    if (strcmp(ops->name, "paho") == 0)
        skip();
}

static void test_a_flood_holds_up_no_publish(void **state)
{
    const struct mqtt_message message = {
        .topic = "t", .payload = "hello", .len = 5};
    struct mqtt_link *link;
    struct server server;
    pthread_t thread;

    (void)state;
    skip_unless_fair();
    link = enter_flood(&server, &thread);
    assert_int_equal(ops->publish(link, &message, 1), LASTCALL_OK);
    assert_true(watch_await(&told.watch, &server.publishes, 1, FLOOD_MS / 2));
    ops->close(link);
    assert_int_equal(pthread_join(thread, NULL), 0);
    server_deinit(&server);
}

static void test_a_flood_holds_up_no_disconnect(void **state)
{
    struct mqtt_link *link;
    struct server server;
    pthread_t thread;
    int64_t begun_ms;

    (void)state;
    skip_unless_fair();
    link = enter_flood(&server, &thread);
    begun_ms = now_ms();
    ops->disconnect(link, FLOOD_MS);
    assert_true(now_ms() - begun_ms < FLOOD_MS / 2);
    ops->close(link);
    assert_int_equal(pthread_join(thread, NULL), 0);
    flood_listen(&server);
    assert_int_equal(server.disconnects, 1);
    server_deinit(&server);
}

static int set_up(void **state)
{
    (void)state;
    told_reset();
    listener = wire_listen(&port);
    return listener >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return close(listener);
}

static int set_up_group(void **state)
{
    (void)state;
    ops = mqtt_link_under_test;
    if (!broker_prepare(&broker))
        return -1;
    snprintf(certificate, sizeof(certificate), "%s/server.pem",
             broker.directory);
    snprintf(key, sizeof(key), "%s/server.key", broker.directory);
    return 0;
}

static int tear_down_group(void **state)
{
    (void)state;
    broker_remove(&broker);
    return 0;
}

int mqtt_link_tls_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_name_is_asked_for),
        TEST(test_tls_12_is_enough),
        TEST(test_tls_11_is_refused),
        TEST(test_our_certificate_is_shown),
        TEST(test_a_certificate_is_wanted),
        TEST(test_a_flood_holds_up_no_close),
        TEST(test_a_flood_holds_up_no_publish),
        TEST(test_a_flood_holds_up_no_disconnect),
    };
#undef TEST

    return cmocka_run_group_tests_name("tls", tests, set_up_group,
                                       tear_down_group);
}
