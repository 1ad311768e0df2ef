/*
 * The floor of a broadcast: what any program must do that tells N hosts
 * something and believes N answers, in the fewest lines.  Messages of the
 * same sizes go the same way through a broker, and as many Ed25519 signatures
 * are made and checked; nothing is read, decided or kept.
 *
 *     bench_fleet_floor hosts BROKER_URI FIRST COUNT STATUS_BYTES RESULT_BYTES
 *         COUNT bare hosts, each with a connection: a retained status each;
 *         a command is answered after one verification and one signature.
 *         Says "ready"; ends with its standard input.  A line there says what
 *         else all of them do together for the next commands, and is
 *         answered with "also":
 *             also GRANTS EVENTS EVENT_BYTES INVENTORIES INVENTORY_BYTES
 *         so many of them verify a grant as well, and so many messages of
 *         either kind are signed and published after the answers.
 *     bench_fleet_floor collect BROKER_URI COUNT THREADS COMMAND_BYTES GRANTS
 *         The other side: COUNT retained statuses (one verification each, and
 *         one more for the grants of the first GRANTS), one signature, one
 *         command, COUNT answers (one verification each), verified by THREADS
 *         threads beside the one that reads.  Prints figures in JSON.
 *     bench_fleet_floor verify COUNT THREADS
 *         So many verifications, shared by so many threads.
 *
 * All sign with one key: Ed25519 takes the same time for each.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/io/platform.h"
#include "protocol/key.h"
#include "tests/bench/fleet/stream.h"

#define HOST_MAX 20000
#define THREAD_MAX 64
#define MESSAGE_MAX 65536
#define GRANT_BYTES 700 /* that a grant's signature covers, about */
#define CONNECTING_MAX 8
#define EVENT_COUNT 256
#define WAIT_MS 120000
#define PREFIX "floor/host/"
#define COMMAND_TOPIC "floor/all/command"
#define LINE_SIZE 256

/* ---- signatures ---- */

static const unsigned char seed[KEY_RAW_LEN] =
    "the floor signs with this alone";
static struct key key;
/* What stands for a grant, and its signature. */
static unsigned char grant[GRANT_BYTES];
static unsigned char grant_signature[KEY_SIGNATURE_LEN];

static void sign(const void *data, size_t len,
                 unsigned char signature[KEY_SIGNATURE_LEN])
{
    if (key_sign(&key, data, len, signature) != LASTCALL_OK)
        bench_fail("no signature");
}

static void verify(const void *data, size_t len,
                   const unsigned char signature[KEY_SIGNATURE_LEN])
{
    if (key_verify(&key, data, len, signature) != LASTCALL_OK)
        bench_fail("a signature is not right");
}

static void verify_grant(void)
{
    verify(grant, sizeof(grant), grant_signature);
}

/* A message: its signature, then what it covers. */
static void verify_message(const unsigned char *data, size_t len)
{
    if (len <= KEY_SIGNATURE_LEN)
        bench_fail("a message is too short");
    verify(data + KEY_SIGNATURE_LEN, len - KEY_SIGNATURE_LEN, data);
}

static void sign_message(unsigned char *data, size_t len)
{
    sign(data + KEY_SIGNATURE_LEN, len - KEY_SIGNATURE_LEN, data);
}

static void make_keys(void)
{
    if (key_from_seed(seed, &key) != LASTCALL_OK)
        bench_fail("no key");
    memset(grant, 'g', sizeof(grant));
    sign(grant, sizeof(grant), grant_signature);
}

static size_t parse_size(const char *text)
{
    const size_t size = strtoul(text, NULL, 10);

    if (size <= KEY_SIGNATURE_LEN || size > MESSAGE_MAX)
        bench_fail("a message has 65 to 65536 bytes");
    return size;
}

static size_t parse_count(const char *text, size_t max)
{
    const size_t count = strtoul(text, NULL, 10);

    if (count == 0 || count > max)
        bench_fail("a count is out of range");
    return count;
}

static void open_stream(struct stream *stream, const char *uri,
                        const char *client_id)
{
    const struct mqtt_options options = {
        .client_id = client_id,
        .clean_start = true,
        .keep_alive_s = UINT16_MAX,
        .receive_maximum = UINT16_MAX,
    };

    stream_open(stream, uri);
    packet_put_connect(&stream->out, &options, NULL);
    if (!stream_flush(stream))
        bench_fail("the broker cannot be reached");
}

static void subscribe(struct stream *stream, const char *filter)
{
    const struct mqtt_subscription subscription = {.filter = filter, .qos = 1};

    packet_put_subscribe(&stream->out, &subscription, 1, 1);
}

static void publish(struct stream *stream, const char *topic, const void *data,
                    size_t len, enum mqtt_retain retain)
{
    static uint16_t last_id = 0;
    const struct mqtt_message message = {.topic = topic,
                                         .payload = data,
                                         .len = len,
                                         .qos = 1,
                                         .retain = retain};

    last_id = last_id == UINT16_MAX ? 1 : (uint16_t)(last_id + 1);
    packet_put_publish(&stream->out, &message, last_id);
}

static void acknowledge(struct stream *stream, uint16_t id)
{
    if (id != 0)
        packet_put_puback(&stream->out, id);
}

/* ---- hosts ---- */

struct bare {
    struct stream stream;
    struct bares *all;
    size_t number;
};

/* What the hosts do besides, all of them together. */
struct also {
    size_t grants;
    size_t events, event_bytes;
    size_t inventories, inventory_bytes;
};

struct bares {
    struct bare *list;
    size_t count, first, begun, connecting, ready;
    size_t status_bytes, result_bytes;
    struct also also;
    int epoll;
    const char *uri;
};

/* How much of a whole falls to one host. */
static size_t share(const struct bare *bare, size_t whole)
{
    const size_t number = bare->number - bare->all->first;

    return whole * (number + 1) / bare->all->count -
           whole * number / bare->all->count;
}

static void tell(struct bare *bare, const char *what, size_t len,
                 enum mqtt_retain retain)
{
    static unsigned char data[MESSAGE_MAX];
    char topic[TOPIC_LEN_MAX + 1];

    sign_message(data, len);
    snprintf(topic, sizeof(topic), PREFIX "%zu/%s", bare->number, what);
    publish(&bare->stream, topic, data, len, retain);
}

static void answer(struct bare *bare, const struct packet *packet)
{
    const struct also *also = &bare->all->also;
    struct mqtt_message message;
    char topic[TOPIC_LEN_MAX + 1];
    uint16_t id = 0;

    if (!packet_read_publish(packet, topic, &message, &id))
        bench_fail("a message cannot be read");
    for (size_t i = 0; i < share(bare, also->grants); i++)
        verify_grant();
    verify_message(message.payload, message.len);
    acknowledge(&bare->stream, id);
    tell(bare, "result", bare->all->result_bytes, MQTT_TRANSIENT);
    if (!stream_flush(&bare->stream))
        bench_fail("the broker ended a connection");
    for (size_t i = 0; i < share(bare, also->events); i++)
        tell(bare, "event", also->event_bytes, MQTT_TRANSIENT);
    for (size_t i = 0; i < share(bare, also->inventories); i++)
        tell(bare, "sessions", also->inventory_bytes, MQTT_RETAINED);
}

static void greet(struct bare *bare)
{
    subscribe(&bare->stream, COMMAND_TOPIC);
    tell(bare, "status", bare->all->status_bytes, MQTT_RETAINED);
    bare->all->connecting--;
}

static void take_for_host(void *context, const struct packet *packet)
{
    struct bare *bare = context;

    if (packet->kind == PACKET_CONNACK)
        greet(bare);
    if (packet->kind == PACKET_PUBLISH)
        answer(bare, packet);
    /* The first is for the status; SUBACK came before it. */
    if (packet->kind == PACKET_PUBACK && bare->all->ready < bare->all->count &&
        ++bare->all->ready == bare->all->count) {
        puts("ready");
        fflush(stdout);
    }
}

static void begin_hosts(struct bares *all)
{
    while (all->begun < all->count && all->connecting < CONNECTING_MAX) {
        struct bare *bare = &all->list[all->begun++];
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                    .data.ptr = bare};
        char client_id[64];

        snprintf(client_id, sizeof(client_id), "floor-%zu", bare->number);
        open_stream(&bare->stream, all->uri, client_id);
        if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, bare->stream.fd, &event) != 0)
            bench_fail("epoll");
        all->connecting++;
    }
}

/* Take a line of standard input; false at its end. */
static bool obey(struct bares *all)
{
    static const char word[] = "also ";
    char line[LINE_SIZE];
    struct also also = {0};
    size_t *const numbers[] = {&also.grants, &also.events, &also.event_bytes,
                               &also.inventories, &also.inventory_bytes};
    char *at = line + sizeof(word) - 1;
    const ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

    if (len <= 0)
        return false;
    line[len] = '\0';
    if (strncmp(line, word, sizeof(word) - 1) != 0)
        bench_fail("an order that the floor does not know");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = strtoul(at, &at, 10);
    if (also.event_bytes > MESSAGE_MAX || also.inventory_bytes > MESSAGE_MAX)
        bench_fail("a message has 65536 bytes at most");
    all->also = also;
    puts("also");
    fflush(stdout);
    return true;
}

/* Send and take in what there is. */
static void serve(struct bare *bare)
{
    if (!stream_flush(&bare->stream) ||
        !stream_read(&bare->stream, take_for_host, bare) ||
        !stream_flush(&bare->stream))
        bench_fail("the broker ended a connection");
}

/* Until nobody needs us any more. */
static void run_hosts(struct bares *all)
{
    struct epoll_event events[EVENT_COUNT];
    struct epoll_event input = {.events = EPOLLIN | EPOLLHUP};
    bool goes_on = true;

    all->epoll = epoll_create1(0);
    if (all->epoll < 0 ||
        epoll_ctl(all->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        bench_fail("epoll; standard input must be a pipe");
    while (goes_on) {
        int count = 0;

        begin_hosts(all);
        count = epoll_wait(all->epoll, events, EVENT_COUNT, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL)
                serve(events[i].data.ptr);
            else
                goes_on = obey(all);
        }
    }
}

static int hosts(char **argv)
{
    struct bares all = {.uri = argv[0]};

    all.first = strtoul(argv[1], NULL, 10);
    all.count = parse_count(argv[2], HOST_MAX);
    all.status_bytes = parse_size(argv[3]);
    all.result_bytes = parse_size(argv[4]);
    all.list = calloc(all.count, sizeof(*all.list));
    if (all.list == NULL)
        bench_fail("memory");
    for (size_t i = 0; i < all.count; i++)
        all.list[i] = (struct bare){.all = &all, .number = all.first + i};
    run_hosts(&all);
    return 0; /* the system takes back the rest */
}

/* ---- verifying on many threads ---- */

/* A message to verify. */
struct item {
    size_t len;
    bool has_grant;      /* also to verify */
    unsigned char *data; /* owned */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled, done;
    struct item items[2 * HOST_MAX];
    size_t head, tail; /* put up to, taken up to */
    size_t verified;
    bool is_over;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .filled = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static void *pool_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    while (!pool.is_over) {
        struct item item;

        if (pool.tail == pool.head) {
            pthread_cond_wait(&pool.filled, &pool.lock);
            continue;
        }
        item = pool.items[pool.tail++];
        pthread_mutex_unlock(&pool.lock);
        if (item.has_grant)
            verify_grant();
        verify_message(item.data, item.len);
        free(item.data);
        pthread_mutex_lock(&pool.lock);
        pool.verified++;
        pthread_cond_signal(&pool.done);
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void pool_put(const struct mqtt_message *message, bool has_grant)
{
    struct item item = {message->len, has_grant, malloc(message->len)};

    if (item.data == NULL)
        bench_fail("memory");
    memcpy(item.data, message->payload, message->len);
    pthread_mutex_lock(&pool.lock);
    if (pool.head == sizeof(pool.items) / sizeof(pool.items[0]))
        bench_fail("more messages than were expected");
    pool.items[pool.head++] = item;
    pthread_cond_signal(&pool.filled);
    pthread_mutex_unlock(&pool.lock);
}

static void pool_await(size_t count)
{
    pthread_mutex_lock(&pool.lock);
    while (pool.verified < count)
        pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

static void pool_start(pthread_t *threads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, pool_main, NULL) != 0)
            bench_fail("no thread");
    }
}

static void pool_end(const pthread_t *threads, size_t count)
{
    pthread_mutex_lock(&pool.lock);
    pool.is_over = true;
    pthread_cond_broadcast(&pool.filled);
    pthread_mutex_unlock(&pool.lock);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* ---- collecting ---- */

struct collector {
    struct stream stream;
    size_t came;   /* messages */
    size_t grants; /* that are still to be verified */
    bool is_connected;
};

static void take_for_collector(void *context, const struct packet *packet)
{
    struct collector *collector = context;
    struct mqtt_message message;
    char topic[TOPIC_LEN_MAX + 1];
    uint16_t id = 0;

    if (packet->kind == PACKET_CONNACK)
        collector->is_connected = true;
    if (packet->kind != PACKET_PUBLISH)
        return;
    if (!packet_read_publish(packet, topic, &message, &id))
        bench_fail("a message cannot be read");
    acknowledge(&collector->stream, id);
    pool_put(&message, collector->grants > 0);
    collector->grants -= collector->grants > 0;
    collector->came++;
}

/* Read and send until that many messages have come; 0: until connected. */
static void collect_until(struct collector *collector, size_t count)
{
    while (count == 0 ? !collector->is_connected : collector->came < count) {
        struct pollfd one = {.fd = collector->stream.fd, .events = POLLIN};

        if (collector->stream.out.len > collector->stream.sent)
            one.events |= POLLOUT;
        if (poll(&one, 1, WAIT_MS) != 1)
            bench_fail("the floor's own answers did not come in time");
        if (!stream_read(&collector->stream, take_for_collector, collector) ||
            !stream_flush(&collector->stream))
            bench_fail("the broker ended the connection");
    }
}

static double now_s(void)
{
    return (double)platform_clock.monotonic_ms(platform_clock.state) / 1e3;
}

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int collect(char **argv)
{
    static unsigned char command[MESSAGE_MAX];
    const size_t count = parse_count(argv[1], HOST_MAX);
    const size_t thread_count = parse_count(argv[2], THREAD_MAX);
    const size_t command_bytes = parse_size(argv[3]);
    struct collector collector = {.grants = strtoul(argv[4], NULL, 10)};
    pthread_t threads[THREAD_MAX];
    const double start = now_s();
    double told = 0;
    double end = 0;

    pool_start(threads, thread_count);
    open_stream(&collector.stream, argv[0], "floor-collector");
    collect_until(&collector, 0);
    subscribe(&collector.stream, PREFIX "+/status");
    subscribe(&collector.stream, PREFIX "+/result");
    collect_until(&collector, count);
    pool_await(count);
    told = now_s();
    sign_message(command, command_bytes);
    publish(&collector.stream, COMMAND_TOPIC, command, command_bytes,
            MQTT_TRANSIENT);
    collect_until(&collector, 2 * count);
    pool_await(2 * count);
    end = now_s();
    pool_end(threads, thread_count);
    printf("{\"seconds\":%.3f,\"statuses_s\":%.3f,\"answers_s\":%.3f,"
           "\"cpu_s\":%.3f}\n",
           end - start, told - start, end - told, cpu_s());
    stream_close(&collector.stream);
    return 0;
}

/* ---- verifying alone ---- */

static int verify_only(char **argv)
{
    const size_t count = parse_count(argv[0], HOST_MAX);
    const size_t thread_count = parse_count(argv[1], THREAD_MAX);
    unsigned char data[2048] = {0};
    const struct mqtt_message message = {.payload = data, .len = sizeof(data)};
    pthread_t threads[THREAD_MAX];
    double start = 0;

    sign_message(data, sizeof(data));
    for (size_t i = 0; i < count; i++)
        pool_put(&message, false);
    start = now_s();
    pool_start(threads, thread_count);
    pool_await(count);
    printf("{\"seconds\":%.3f}\n", now_s() - start);
    pool_end(threads, thread_count);
    return 0;
}

int main(int argc, char **argv)
{
    make_keys();
    if (argc == 7 && strcmp(argv[1], "hosts") == 0)
        return hosts(argv + 2);
    if (argc == 7 && strcmp(argv[1], "collect") == 0)
        return collect(argv + 2);
    if (argc == 4 && strcmp(argv[1], "verify") == 0)
        return verify_only(argv + 2);
    fprintf(stderr, "usage: see the head of tests/bench/fleet/floor.c\n");
    return 2;
}
