#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#ifndef _WIN32
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <cmocka.h>
#include <mosquitto.h>

#include "protocol/io/mqtt_wait.h"
#include "protocol/io/platform.h"

/* More than any system keeps for a waker. */
#define BURST 100000
#define SHORT_MS 40
#define LONG_MS 20000

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static unsigned wait_ms(const struct mqtt_wake *wake, int64_t timeout_ms)
{
    return mqtt_wait(wake, MQTT_NO_SOCKET, 0, timeout_ms);
}

static void *wake_up(void *wake)
{
    mqtt_wake_up(wake);
    return NULL;
}

static void test_another_thread_wakes(void **state)
{
    struct mqtt_wake wake;
    pthread_t thread;

    (void)state;
    assert_int_equal(mqtt_wake_open(&wake), LASTCALL_OK);
    assert_int_equal(pthread_create(&thread, NULL, wake_up, &wake), 0);
    assert_int_equal(wait_ms(&wake, MQTT_WAIT_FOREVER_MS), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mqtt_wake_close(&wake);
}

static void test_time_ends_a_wait(void **state)
{
    int64_t begun_ms = now_ms();
    struct mqtt_wake wake;

    (void)state;
    assert_int_equal(mqtt_wake_open(&wake), LASTCALL_OK);
    assert_int_equal(wait_ms(&wake, SHORT_MS), 0);
    assert_true(now_ms() - begun_ms >= SHORT_MS / 2);
    mqtt_wake_close(&wake);
}

/* However often it was woken: once, and then it waits again. */
static void test_a_burst_wakes_once(void **state)
{
    struct mqtt_wake wake;
    int64_t begun_ms;

    (void)state;
    assert_int_equal(mqtt_wake_open(&wake), LASTCALL_OK);
    for (int i = 0; i < BURST; i++)
        mqtt_wake_up(&wake);
    begun_ms = now_ms();
    assert_int_equal(wait_ms(&wake, LONG_MS), 0);
    assert_true(now_ms() - begun_ms < LONG_MS);
    begun_ms = now_ms();
    assert_int_equal(wait_ms(&wake, SHORT_MS), 0);
    assert_true(now_ms() - begun_ms >= SHORT_MS / 2);
    mqtt_wake_close(&wake);
}

static void test_names_have_addresses(void **state)
{
    struct mqtt_address list[4];
    char text[MQTT_WAIT_TEXT_SIZE] = "";
    size_t count;

    (void)state;
    assert_int_equal(mqtt_wait_resolve("127.0.0.9", list, 4, text), 1);
    assert_string_equal(list[0].text, "127.0.0.9");
    assert_int_equal(mqtt_wait_resolve("::1", list, 4, text), 1);
    assert_string_equal(list[0].text, "::1");
    count = mqtt_wait_resolve("localhost", list, 1, text);
    assert_int_equal(count, 1);
    assert_true(strcmp(list[0].text, "127.0.0.1") == 0 ||
                strcmp(list[0].text, "::1") == 0);
    assert_string_equal(text, "");
    assert_int_equal(mqtt_wait_resolve("nobody.invalid", list, 4, text), 0);
    assert_true(text[0] != '\0');
}

#ifndef _WIN32
/* The system tells an error once: who writes before we look is told of it, as
 * OpenSSL is, which begins its handshake at once. */
static void test_a_refused_connect_is_told_twice(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct pollfd waiting = {.events = POLLOUT};
    const int closed = socket(AF_INET, SOCK_STREAM, 0);
    char text[MQTT_WAIT_TEXT_SIZE] = "";
    socklen_t len = sizeof address;

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Bound, so that nobody else gets the port, and not listening. */
    assert_int_equal(bind(closed, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(closed, (struct sockaddr *)&address, &len), 0);
    waiting.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(fcntl(waiting.fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(connect(waiting.fd, (struct sockaddr *)&address, len), -1);
    assert_int_equal(poll(&waiting, 1, LONG_MS), 1);
    assert_int_equal(send(waiting.fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_false(mqtt_wait_is_connected(waiting.fd, text));
    assert_string_equal(text, MQTT_WAIT_NOBODY);
    assert_int_equal(close(waiting.fd), 0);
    assert_int_equal(close(closed), 0);
}
#endif

/* The library calls WSAStartup() on Windows. */
static int set_up_group(void **state)
{
    (void)state;
    return mosquitto_lib_init();
}

#ifdef TCP_QUICKACK
/* Two ends of a connection; the caller closes both. */
static void connect_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len),
                     0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, len), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    assert_int_equal(close(listener), 0);
}

static bool acknowledges_at_once(int end)
{
    int is_on = -1;
    socklen_t len = sizeof is_on;

    assert_int_equal(getsockopt(end, IPPROTO_TCP, TCP_QUICKACK, &is_on, &len),
                     0);
    return is_on != 0;
}

/* Who writes after reading is taken for one whose acknowledgements can travel
 * with what it writes. */
static void test_what_was_read_is_acknowledged_at_once(void **state)
{
    int ends[2];
    char byte = 'x';

    (void)state;
    connect_pair(ends);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(write(ends[1], &byte, 1), 1);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(write(ends[0], &byte, 1), 1);
        assert_int_equal(read(ends[1], &byte, 1), 1);
    }
    assert_false(acknowledges_at_once(ends[0]));
    mqtt_wait_acknowledge(ends[0]);
    assert_true(acknowledges_at_once(ends[0]));
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_thread_wakes),
#ifdef TCP_QUICKACK
        cmocka_unit_test(test_what_was_read_is_acknowledged_at_once),
#endif
        cmocka_unit_test(test_time_ends_a_wait),
        cmocka_unit_test(test_a_burst_wakes_once),
        cmocka_unit_test(test_names_have_addresses),
#ifndef _WIN32
        cmocka_unit_test(test_a_refused_connect_is_told_twice),
#endif
    };

    return cmocka_run_group_tests(tests, set_up_group, NULL);
}
