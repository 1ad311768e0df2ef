/*
 * The floor R of the benchmark: a bare worker over paho that verifies a
 * command, calls the Plex stub, signs an answer and publishes it, in the
 * fewest lines.  No journal, no policy, no inventory, no trust chain: what
 * is left is what any worker must do.
 *
 *     floor HOST PORT PLEX_PORT CONTROLLER_PUB HOST_KEY HOST_GRANT
 *
 * Prints "ready" when subscribed; ends at SIGTERM.
 */
#define _GNU_SOURCE
#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_MAX = 4096, TOKEN_MAX = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct {
    char *data;
    int len;
} queue[QUEUE_MAX];
static size_t head, tail;

static MQTTAsync client;
static EVP_PKEY *controller_key, *host_key;
static char header_text[16384]; /* base64url of the answer's header */
static const char *host;
static CURL *curl;
static const char *plex_port;

static void fail(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

/* base64url through libcrypto's base64. */
static size_t encode64(const unsigned char *from, size_t len, char *to)
{
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)to, from, (int)len);

    while (n > 0 && to[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
    to[n] = 0;
    return n;
}

static size_t decode64(const char *from, size_t len, unsigned char *to)
{
    static char text[TOKEN_MAX + 4];
    size_t padded = (len + 3) / 4 * 4;

    for (size_t i = 0; i < len; i++)
        text[i] = from[i] == '-' ? '+' : from[i] == '_' ? '/' : from[i];
    for (size_t i = len; i < padded; i++)
        text[i] = '=';
    if (EVP_DecodeBlock(to, (unsigned char *)text, (int)padded) < 0)
        fail("base64");
    return padded / 4 * 3 - (padded - len);
}

static bool verify(const char *token, size_t signed_len, const char *sig,
                   size_t sig_len)
{
    unsigned char raw[128];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t n = decode64(sig, sig_len, raw);
    bool good = n == 64 &&
                EVP_DigestVerifyInit(md, NULL, NULL, NULL, controller_key) &&
                EVP_DigestVerify(md, raw, 64, (const unsigned char *)token,
                                 signed_len) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

static size_t ignore(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    return size * count;
}

static bool terminate(const char *session_id)
{
    char url[512];
    long status = 0;

    snprintf(url, sizeof(url),
             "http://127.0.0.1:%s/status/sessions/terminate?sessionId=%s",
             plex_port, session_id);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (curl_easy_perform(curl) != CURLE_OK)
        return false;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static void publish_answer(const char *jti, const char *session_id, bool ok,
                           const char *hash)
{
    static char token[TOKEN_MAX];
    char claims[4096], topic[256];
    unsigned char signature[64];
    size_t signature_len = sizeof(signature);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    long long now = (long long)time(NULL);
    int len = snprintf(
        claims, sizeof(claims),
        "{\"iss\":\"host:%s\",\"iat\":%lld,\"jti\":\"%s\","
        "\"aud\":\"controller:alice\",\"request_id\":\"%s\","
        "\"request_hash\":\"%s\",\"result\":{\"success\":%s,\"code\":\"%s\","
        "\"detail\":\"ended 1 session\",\"action\":\"stop\",\"dry_run\":false,"
        "\"replayed\":false,\"matched\":1,\"succeeded\":1,\"failed\":0,"
        "\"received_at\":\"2026-01-01T00:00:00.000Z\","
        "\"started_at\":\"2026-01-01T00:00:00.000Z\","
        "\"finished_at\":\"2026-01-01T00:00:00.000Z\",\"boot_id\":\"b\","
        "\"servers\":[{\"server\":\"home\",\"backend\":\"plex\","
        "\"success\":true,\"code\":\"ok\",\"detail\":\"\"}],"
        "\"sessions\":[{\"session_id\":\"%s\",\"server\":\"home\","
        "\"backend\":\"plex\",\"success\":true,\"code\":\"ok\","
        "\"detail\":\"\"}]}}",
        host, now, jti, jti, hash, ok ? "true" : "false",
        ok ? "ok" : "server_error", session_id);
    size_t n = (size_t)snprintf(token, sizeof(token), "%s.", header_text);

    n += encode64((unsigned char *)claims, (size_t)len, token + n);
    EVP_DigestSignInit(md, NULL, NULL, NULL, host_key);
    EVP_DigestSign(md, signature, &signature_len, (unsigned char *)token, n);
    EVP_MD_CTX_free(md);
    token[n++] = '.';
    n += encode64(signature, 64, token + n);
    snprintf(topic, sizeof(topic), "lastcall/v1/host/%s/result/alice/%s", host,
             jti);
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = token;
    message.payloadlen = (int)n;
    message.qos = 1;
    if (MQTTAsync_sendMessage(client, topic, &message, NULL) != 0)
        fail("publish");
}

static void work(const char *token, size_t len)
{
    static unsigned char claims[TOKEN_MAX];
    unsigned char digest[32];
    char hash[64];
    const char *first = memchr(token, '.', len);
    const char *second = memrchr(token, '.', len);
    size_t signed_len = (size_t)(second - token);
    size_t n;
    json_t *root, *request;

    if (!verify(token, signed_len, second + 1, len - signed_len - 1))
        return;
    n = decode64(first + 1, (size_t)(second - first) - 1, claims);
    root = json_loadb((char *)claims, n, 0, NULL);
    request = json_object_get(root, "request");
    EVP_Digest(token, len, digest, NULL, EVP_sha256(), NULL);
    encode64(digest, 32, hash);
    const char *session_id =
        json_string_value(json_object_get(request, "session_id"));
    publish_answer(json_string_value(json_object_get(root, "jti")), session_id,
                   terminate(session_id), hash);
    json_decref(root);
}

static void *worker(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (head == tail)
            pthread_cond_wait(&filled, &lock);
        char *data = queue[tail % QUEUE_MAX].data;
        int len = queue[tail % QUEUE_MAX].len;
        tail++;
        pthread_mutex_unlock(&lock);
        work(data, (size_t)len);
        free(data);
    }
    return NULL;
}

static int on_message(void *context, char *topic, int topic_len,
                      MQTTAsync_message *message)
{
    (void)context;
    (void)topic_len;
    char *copy = malloc((size_t)message->payloadlen);

    if (copy == NULL)
        fail("memory");
    memcpy(copy, message->payload, (size_t)message->payloadlen);
    pthread_mutex_lock(&lock);
    queue[head % QUEUE_MAX].data = copy;
    queue[head % QUEUE_MAX].len = message->payloadlen;
    head++;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    (void)context;
    (void)data;
    puts("ready");
    fflush(stdout);
}

/* paho hands out no socket: set TCP_NODELAY on all there are. */
static void set_no_delay(void)
{
    int one = 1;

    for (int fd = 3; fd < 64; fd++)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    char topic[256];

    (void)context;
    (void)data;
    set_no_delay();
    options.onSuccess5 = on_subscribed;
    snprintf(topic, sizeof(topic), "lastcall/v1/host/%s/command", host);
    MQTTAsync_subscribe(client, topic, 1, &options);
}

static EVP_PKEY *read_key(const char *path, bool is_private)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = NULL;

    if (file != NULL)
        key = is_private ? PEM_read_PrivateKey(file, NULL, NULL, NULL)
                         : PEM_read_PUBKEY(file, NULL, NULL, NULL);
    if (key == NULL)
        fail(path);
    fclose(file);
    return key;
}

/* The header of every answer is the same: make it once. */
static void make_header(const char *grant_path)
{
    char grant[8192] = "", header[9216], x[64], jwk[256];
    unsigned char raw[32], digest[32];
    size_t raw_len = sizeof(raw);
    char kid[64];
    FILE *file = fopen(grant_path, "r");

    if (file == NULL || fscanf(file, "%8191s", grant) != 1)
        fail(grant_path);
    fclose(file);
    EVP_PKEY_get_raw_public_key(host_key, raw, &raw_len);
    encode64(raw, 32, x);
    snprintf(jwk, sizeof(jwk),
             "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    EVP_Digest(jwk, strlen(jwk), digest, NULL, EVP_sha256(), NULL);
    encode64(digest, 32, kid);
    int n = snprintf(header, sizeof(header),
                     "{\"alg\":\"EdDSA\",\"typ\":\"lastcall-result+jwt\","
                     "\"kid\":\"%s\",\"grant\":\"%s\"}",
                     kid, grant);
    encode64((unsigned char *)header, (size_t)n, header_text);
}

int main(int argc, char **argv)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    char uri[128];
    pthread_t thread;
    sigset_t ends;
    int number;

    if (argc != 7) {
        fprintf(stderr, "usage: floor HOST PORT PLEX_PORT CONTROLLER_PUB "
                        "HOST_KEY HOST_GRANT\n");
        return 2;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    host = argv[1];
    plex_port = argv[3];
    controller_key = read_key(argv[4], false);
    host_key = read_key(argv[5], true);
    make_header(argv[6]);
    curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%s", argv[2]);
    if (MQTTAsync_createWithOptions(&client, uri, "floor",
                                    MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != 0)
        fail("create");
    MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL);
    options.onSuccess5 = on_connected;
    options.keepAliveInterval = 30;
    options.cleanstart = 1;
    pthread_create(&thread, NULL, worker, NULL);
    if (MQTTAsync_connect(client, &options) != 0)
        fail("connect");
    sigwait(&ends, &number);
    return 0;
}
