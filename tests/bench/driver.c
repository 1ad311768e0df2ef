/*
 * The benchmark's controller: signs N commands beforehand, keeps a window of
 * them under way, notes when each answer comes, and afterwards verifies every
 * answer.
 *
 *     driver BROKER_URI HOST KEY GRANT ROOT_PUB ACTION COUNT WINDOW
 * [LIFETIME_S]
 *
 * ACTION is stop or ping; the commands live LIFETIME_S (600) seconds.  Prints
 * one JSON line: n, window, seconds, rate, p50_us, p99_us, max_us, bad (answers
 * that do not verify), not_ok, missing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/connection.h"
#include "protocol/io/keyfile.h"
#include "protocol/request.h"
#include "protocol/result.h"
#include "protocol/trust.h"

enum { ANSWER_WAIT_S = 60, COUNT_MAX = 200000, LIFETIME_S = 600 };

struct exchange {
    struct bytes command; /* owned */
    struct request_id id;
    char *answer; /* owned */
    size_t answer_len;
    int64_t sent_us;
    int64_t latency_us; /* -1: no answer yet */
};

struct driver {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct exchange *exchanges;
    size_t count;
    size_t answered;
    size_t sent;
    struct key key;
    struct bytes grant;
    struct trust trust;
    struct name host;
    unsigned lifetime_s;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "driver: %s\n", what);
    exit(1);
}

/* The request id ends in the exchange's number, in hexadecimal. */
static void on_message(void *context, const struct mqtt_message *message)
{
    struct driver *driver = context;
    const char *id = strrchr(message->topic, '/');
    size_t index = id == NULL ? COUNT_MAX : strtoul(id + 1 + 10, NULL, 16);
    struct exchange *exchange;

    pthread_mutex_lock(&driver->mutex);
    if (index < driver->count && driver->exchanges[index].latency_us < 0) {
        exchange = &driver->exchanges[index];
        exchange->latency_us = now_us() - exchange->sent_us;
        exchange->answer = malloc(message->len);
        if (exchange->answer != NULL)
            memcpy(exchange->answer, message->payload, message->len);
        exchange->answer_len = message->len;
        driver->answered++;
        pthread_cond_signal(&driver->changed);
    }
    pthread_mutex_unlock(&driver->mutex);
}

static void sign_commands(struct driver *driver, enum action action)
{
    struct request request = {.action = action,
                              .backends = BACKEND_SET_ALL,
                              .limit = REQUEST_LIMIT_NONE};
    char session_id[] = "bench-session";
    int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    struct request_id run;

    if (action == ACTION_STOP)
        request.session_id = session_id;
    if (platform_random_id(&run) != LASTCALL_OK)
        fail("randomness");
    for (size_t i = 0; i < driver->count; i++) {
        struct exchange *exchange = &driver->exchanges[i];
        struct command_claims claims = {.iat_s = now_s,
                                        .exp_s = now_s + driver->lifetime_s};
        json_t *json;

        snprintf(claims.jti.text, sizeof(claims.jti.text), "%.10s%08zx",
                 run.text, i);
        claims.audience.kind = ADDRESS_HOST;
        claims.audience.name = driver->host;
        exchange->id = claims.jti;
        exchange->latency_us = -1;
        json = command_encode("controller:alice", &claims, &request);
        if (token_sign(TOKEN_COMMAND, &driver->key,
                       (const char *)driver->grant.data, json,
                       &exchange->command) != LASTCALL_OK)
            fail("cannot sign");
        json_decref(json);
    }
}

static void send_next(struct driver *driver, struct connection *connection,
                      const char *topic)
{
    struct exchange *exchange = &driver->exchanges[driver->sent++];
    struct mqtt_message message = {.topic = topic,
                                   .payload = exchange->command.data,
                                   .len = exchange->command.len,
                                   .qos = 1,
                                   .expiry_s = driver->lifetime_s};

    exchange->sent_us = now_us();
    if (connection_publish(connection, &message, 0) != LASTCALL_OK)
        fail("cannot publish");
}

/* Keep `window` commands under way until all are answered. */
static void drive(struct driver *driver, struct connection *connection,
                  const char *topic, size_t window)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += ANSWER_WAIT_S;
    pthread_mutex_lock(&driver->mutex);
    while (driver->answered < driver->count) {
        if (driver->sent < driver->count &&
            driver->sent - driver->answered < window) {
            pthread_mutex_unlock(&driver->mutex);
            send_next(driver, connection, topic);
            pthread_mutex_lock(&driver->mutex);
        } else if (pthread_cond_timedwait(&driver->changed, &driver->mutex,
                                          &deadline) != 0) {
            break;
        }
    }
    pthread_mutex_unlock(&driver->mutex);
}

/* How many answers do not verify, and how many are not success. */
static void check(struct driver *driver, size_t *bad, size_t *not_ok)
{
    int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;

    for (size_t i = 0; i < driver->count; i++) {
        const struct exchange *exchange = &driver->exchanges[i];
        struct token token = {0};
        struct verified verified = {0};
        const struct grant *grant = NULL;
        json_t *success = NULL;

        if (exchange->latency_us < 0)
            continue;
        if (token_decode(exchange->answer, exchange->answer_len, &token) !=
                LASTCALL_OK ||
            trust_verify(&driver->trust, &token, now_s, &verified, &grant,
                         NULL) != LASTCALL_OK) {
            (*bad)++;
        } else {
            success = json_object_get(
                json_object_get(verified.claims, "result"), "success");
            *not_ok += json_is_true(success) ? 0 : 1;
        }
        verified_deinit(&verified);
        token_deinit(&token);
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void report(struct driver *driver, size_t window, int64_t elapsed_us)
{
    int64_t *latencies = calloc(driver->count, sizeof(*latencies));
    size_t n = 0, bad = 0, not_ok = 0;

    if (latencies == NULL)
        fail("memory");
    for (size_t i = 0; i < driver->count; i++) {
        if (driver->exchanges[i].latency_us >= 0)
            latencies[n++] = driver->exchanges[i].latency_us;
    }
    if (n == 0)
        fail("no answer at all");
    qsort(latencies, n, sizeof(*latencies), compare);
    check(driver, &bad, &not_ok);
    printf("{\"n\":%zu,\"window\":%zu,\"seconds\":%.6f,\"rate\":%.1f,"
           "\"p50_us\":%lld,\"p99_us\":%lld,\"max_us\":%lld,\"bad\":%zu,"
           "\"not_ok\":%zu,\"missing\":%zu}\n",
           n, window, (double)elapsed_us / 1e6,
           (double)n * 1e6 / (double)elapsed_us, (long long)latencies[n / 2],
           (long long)latencies[n * 99 / 100], (long long)latencies[n - 1], bad,
           not_ok, driver->count - n);
    free(latencies);
}

static void load(struct driver *driver, char **argv)
{
    struct platform_error error = {{0}};
    struct name fleet = {"lastcall"};
    struct key root = {0};

    if (keyfile_read_private(argv[3], &driver->key, &error) != LASTCALL_OK ||
        keyfile_read_line(argv[4], FILE_PUBLIC, TOKEN_GRANT_BYTES_MAX,
                          &driver->grant, &error) != LASTCALL_OK ||
        keyfile_read_public(argv[5], &root, &error) != LASTCALL_OK)
        fail(error.text);
    if (trust_init(&driver->trust, &fleet, &root, 30, 16) != LASTCALL_OK ||
        name_parse(argv[2], strlen(argv[2]), &driver->host) != LASTCALL_OK)
        fail("memory, or not a host name");
}

int main(int argc, char **argv)
{
    static struct driver driver = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                   .changed = PTHREAD_COND_INITIALIZER};
    char topic[TOPIC_LEN_MAX], inbox[TOPIC_LEN_MAX], detail[MQTT_DETAIL_SIZE];
    struct mqtt_subscription subscription = {.filter = inbox, .qos = 1};
    struct connection_handler handler = {.context = &driver,
                                         .message = on_message};
    struct connection_options options = {.link = mqtt_default_ops,
                                         .clock = &platform_clock,
                                         .subscriptions = &subscription,
                                         .subscription_count = 1};
    struct connection *connection = NULL;
    enum action action;
    size_t window;
    int64_t start;

    platform_clean_environment();
    if (argc < 9 || argc > 10 ||
        action_parse(argv[6], &action) != LASTCALL_OK) {
        fprintf(stderr, "usage: driver BROKER_URI HOST KEY GRANT ROOT_PUB "
                        "stop|ping COUNT WINDOW [LIFETIME_S]\n");
        return 2;
    }
    driver.count = strtoul(argv[7], NULL, 10);
    window = strtoul(argv[8], NULL, 10);
    driver.lifetime_s =
        argc == 10 ? (unsigned)strtoul(argv[9], NULL, 10) : LIFETIME_S;
    if (driver.count == 0 || driver.count > COUNT_MAX || window == 0)
        fail("COUNT or WINDOW out of range");
    driver.exchanges = calloc(driver.count, sizeof(*driver.exchanges));
    if (driver.exchanges == NULL)
        fail("memory");
    load(&driver, argv);
    sign_commands(&driver, action);
    snprintf(topic, sizeof(topic), "lastcall/v1/host/%s/command",
             driver.host.text);
    snprintf(inbox, sizeof(inbox), "lastcall/v1/host/%s/result/alice/+",
             driver.host.text);
    options.mqtt = (struct mqtt_options){.uri = argv[1],
                                         .client_id = "bench-driver",
                                         .clean_start = true,
                                         .keep_alive_s = 30,
                                         .receive_maximum = 65535,
                                         .connect_timeout_s = 10};
    if (connection_open(&options, &handler, &connection, detail) !=
            LASTCALL_OK ||
        connection_wait_ready(connection, 10000, detail) != LASTCALL_OK)
        fail(detail);
    start = now_us();
    drive(&driver, connection, topic, window);
    report(&driver, window, now_us() - start);
    connection_close(connection);
    return 0;
}
