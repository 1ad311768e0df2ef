#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/gate.h"
#include "protocol/io/mqtt_paho.h"
#include "protocol/io/platform.h"

#define PAHO_BUFFERED_MAX 1024
#define PAHO_NO_MEMORY (-99) /* PAHO_MEMORY_ERROR of its private headers */

/*
 * paho leaves the lowest version to the security level, which it sets to 1
 * before it reads this list; suites with AEAD exist from TLS 1.2 on, and those
 * of TLS 1.3 are not affected.
 */
#define TLS_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"

static void init_paho(void)
{
    MQTTAsync_init_options options = MQTTAsync_init_options_initializer;

    options.do_openssl_init = 0; /* OpenSSL is ours, and initialises itself */
    MQTTAsync_global_init(&options);
}

/* paho's structures take what they only read by pointers to non-const. */
static void *unconst(const void *pointer)
{
    union {
        const void *in;
        void *out;
    } either = {pointer};

    return either.out;
}

/* After this paho calls nothing with this attempt. */
static void attempt_free(struct attempt *attempt)
{
    if (attempt == NULL)
        return;
    MQTTAsync_destroy(&attempt->handle);
    while (attempt->pendings != NULL)
        (void)mqtt_paho_pending_end(attempt->pendings);
    free(attempt);
}

static enum lastcall_status attempt_new(struct mqtt_link *link,
                                        struct attempt **out)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    struct attempt *attempt = calloc(1, sizeof(*attempt));

    if (attempt == NULL)
        return LASTCALL_E_NOMEM;
    attempt->link = link;
    options.maxBufferedMessages = PAHO_BUFFERED_MAX;
    if (MQTTAsync_createWithOptions(
            &attempt->handle, link->paho_uri, link->options.client_id,
            MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) != MQTTASYNC_SUCCESS) {
        free(attempt);
        return LASTCALL_E_INTERNAL;
    }
    if (MQTTAsync_setCallbacks(attempt->handle, attempt, mqtt_paho_on_lost,
                               mqtt_paho_on_message,
                               NULL) != MQTTASYNC_SUCCESS ||
        MQTTAsync_setDisconnected(attempt->handle, attempt,
                                  mqtt_paho_on_server_disconnect) !=
            MQTTASYNC_SUCCESS) {
        attempt_free(attempt);
        return LASTCALL_E_INTERNAL;
    }
    *out = attempt;
    return LASTCALL_OK;
}

static int add_number(MQTTProperties *list, enum MQTTPropertyCodes id,
                      uint32_t value)
{
    MQTTProperty property = {.identifier = id};

    if (id == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)
        property.value.integer2 = (unsigned short)value;
    else
        property.value.integer4 = value;
    return MQTTProperties_add(list, &property);
}

static int add_content_type(MQTTProperties *list,
                            const struct mqtt_options *options)
{
    const char *type = mqtt_content_type(options);
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};

    if (type == NULL)
        return 0;
    property.value.data.data = unconst(type);
    property.value.data.len = (int)strlen(type);
    return MQTTProperties_add(list, &property);
}

static void fill_ssl(struct attempt *attempt, MQTTAsync_SSLOptions *out)
{
    const struct mqtt_options *options = &attempt->link->options;

    out->trustStore = options->ca; /* NULL: OpenSSL's own default */
    out->keyStore = options->cert;
    out->privateKey = options->cert_key;
    /* Without one, OpenSSL would ask for it on a terminal. */
    out->privateKeyPassword = "";
    out->enabledCipherSuites = TLS_CIPHERS;
    out->enableServerCertAuth = 1;
    out->verify = 1; /* the host name too */
    out->sslVersion = MQTT_SSL_VERSION_DEFAULT;
    out->ssl_error_cb = mqtt_paho_on_tls_error;
    out->ssl_error_context = attempt;
}

static void fill_connect(struct attempt *attempt, uint16_t keep_alive_s,
                         MQTTAsync_connectOptions *out)
{
    const struct mqtt_options *options = &attempt->link->options;

    out->keepAliveInterval = keep_alive_s;
    out->cleanstart = options->clean_start;
    if (options->connect_timeout_s != 0)
        out->connectTimeout = (int)options->connect_timeout_s;
    out->username = options->username;
    out->password = options->password;
    out->automaticReconnect = 0;
    out->onSuccess5 = mqtt_paho_on_connected;
    out->onFailure5 = mqtt_paho_on_connect_failed;
    out->context = attempt;
}

/* Collect the properties of a CONNECT; false when out of memory. */
static bool add_properties(const struct mqtt_options *options,
                           const struct mqtt_will *will,
                           MQTTProperties *connect, MQTTProperties *of_will)
{
    int failed = 0;

    failed |= add_number(connect, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                         options->session_expiry_s);
    if (options->receive_maximum > 0)
        failed |= add_number(connect, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM,
                             options->receive_maximum);
    if (options->packet_bytes_max > 0)
        failed |= add_number(connect, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE,
                             options->packet_bytes_max);
    if (will != NULL && will->topic != NULL) {
        failed |= add_number(of_will, MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL,
                             will->delay_s);
        failed |= add_content_type(of_will, options);
    }
    return failed == 0;
}

static enum lastcall_status attempt_connect(struct attempt *attempt,
                                            const struct mqtt_will *will,
                                            uint16_t keep_alive_s)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will_options = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperties will_properties = MQTTProperties_initializer;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    fill_connect(attempt, keep_alive_s, &options);
    if (attempt->link->uri.is_tls) {
        fill_ssl(attempt, &ssl);
        options.ssl = &ssl;
    }
    if (!add_properties(&attempt->link->options, will, &properties,
                        &will_properties))
        goto out;
    options.connectProperties = &properties;
    if (will != NULL && will->topic != NULL) {
        will_options.topicName = will->topic;
        will_options.payload.data = will->payload;
        will_options.payload.len = (int)will->len;
        will_options.retained = 1;
        will_options.qos = 1;
        options.will = &will_options;
        options.willProperties = &will_properties;
    }
    status = MQTTAsync_connect(attempt->handle, &options) == MQTTASYNC_SUCCESS
                 ? LASTCALL_OK
                 : LASTCALL_E_INTERNAL;

out:
    MQTTProperties_free(&properties);
    MQTTProperties_free(&will_properties);
    return status;
}

static bool init_locks(struct mqtt_link *link)
{
    if (gate_condition_init(&link->disconnected) != LASTCALL_OK)
        return false;
    /* On Linux these two only fill memory. */
    return pthread_mutex_init(&link->api, NULL) == 0 &&
           pthread_mutex_init(&link->state, NULL) == 0;
}

static enum lastcall_status paho_open(const struct mqtt_options *options,
                                      const struct mqtt_events *events,
                                      void *context, struct mqtt_link **out,
                                      char detail[MQTT_DETAIL_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char ignored[MQTT_DETAIL_SIZE];
    enum lastcall_status status;
    struct mqtt_link *link;
    bool is_v6;

    *out = NULL;
    if (detail == NULL)
        detail = ignored;
    detail[0] = '\0';
    pthread_once(&once, init_paho);
    link = calloc(1, sizeof(*link));
    if (link == NULL)
        return LASTCALL_E_NOMEM;
    status = mqtt_options_check(options, &link->uri, detail);
    if (status == LASTCALL_OK && !init_locks(link))
        status = LASTCALL_E_NOMEM;
    if (status != LASTCALL_OK) {
        free(link);
        return status;
    }
    link->options = *options;
    link->events = *events;
    link->context = context;
    is_v6 = strchr(link->uri.host, ':') != NULL;
    snprintf(link->paho_uri, sizeof(link->paho_uri), "%s://%s%s%s:%u",
             link->uri.is_tls ? "ssl" : "tcp", is_v6 ? "[" : "", link->uri.host,
             is_v6 ? "]" : "", link->uri.port);
    *out = link;
    return LASTCALL_OK;
}

static enum lastcall_status paho_connect(struct mqtt_link *link,
                                         const struct mqtt_will *will,
                                         uint16_t keep_alive_s)
{
    enum lastcall_status status;
    struct attempt *attempt = NULL;

    pthread_mutex_lock(&link->api);
    /* The old one goes first: with its last handle paho stops its threads,
     * which takes tenths of a second; threads that go on would sit in a poll()
     * of a second before they see the new socket. */
    if (link->attempt != NULL) {
        (void)mqtt_paho_attempt_end(link->attempt);
        mqtt_paho_tell_lost(link->attempt);
        attempt_free(link->attempt);
        link->attempt = NULL;
    }
    status = attempt_new(link, &attempt);
    if (status == LASTCALL_OK) {
        link->attempt = attempt;
        status = attempt_connect(attempt, will, keep_alive_s);
        if (status != LASTCALL_OK)
            (void)mqtt_paho_attempt_end(attempt);
    }
    pthread_mutex_unlock(&link->api);
    return status;
}

/* Say whether paho may be asked; called with api held. */
static bool is_up(struct mqtt_link *link)
{
    bool is_connected;

    if (link->attempt == NULL)
        return false;
    pthread_mutex_lock(&link->state);
    is_connected = link->attempt->is_connected && !link->attempt->is_over;
    pthread_mutex_unlock(&link->state);
    return is_connected;
}

/* What a call that paho did not take comes to. */
static enum lastcall_status refused_call(struct pending *pending, int code)
{
    /* The connection went in between, and the event has been given. */
    if (!mqtt_paho_pending_end(pending))
        return LASTCALL_OK;
    return code == PAHO_NO_MEMORY ? LASTCALL_E_NOMEM : LASTCALL_E_LINK;
}

static enum lastcall_status
send_subscription(struct attempt *attempt, const struct mqtt_subscription *list,
                  size_t count, struct pending *pending)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options *options = calloc(count, sizeof(*options));
    char **filters = calloc(count, sizeof(*filters));
    int *qos = calloc(count, sizeof(*qos));
    int code = PAHO_NO_MEMORY;

    pending->filter_count = count;
    pending->filters = calloc(count, sizeof(*pending->filters));
    if (options == NULL || filters == NULL || qos == NULL ||
        pending->filters == NULL)
        goto out;
    for (size_t i = 0; i < count; i++) {
        MQTTSubscribe_options one = MQTTSubscribe_options_initializer;

        one.noLocal = list[i].no_local;
        one.retainAsPublished = list[i].retain_as_published;
        one.retainHandling = (unsigned char)list[i].retain_handling;
        options[i] = one;
        filters[i] = unconst(list[i].filter);
        pending->filters[i] = list[i].filter;
        qos[i] = list[i].qos;
    }
    response.onSuccess5 = mqtt_paho_on_subscribed;
    response.onFailure5 = mqtt_paho_on_subscribe_failed;
    response.context = pending;
    response.subscribeOptions = options[0]; /* it reads this one for one */
    response.subscribeOptionsList = options;
    response.subscribeOptionsCount = (int)count;
    code = MQTTAsync_subscribeMany(attempt->handle, (int)count, filters, qos,
                                   &response);

out:
    free(options);
    free(filters);
    free(qos);
    return code == MQTTASYNC_SUCCESS ? LASTCALL_OK
                                     : refused_call(pending, code);
}

static enum lastcall_status paho_subscribe(struct mqtt_link *link,
                                           const struct mqtt_subscription *list,
                                           size_t count, uint64_t tag)
{
    enum lastcall_status status = LASTCALL_E_LINK;
    struct pending *pending;

    if (count == 0)
        return LASTCALL_E_CONFIG;
    pthread_mutex_lock(&link->api);
    if (is_up(link)) {
        status = LASTCALL_E_NOMEM;
        pending =
            mqtt_paho_pending_new(link->attempt, PENDING_SUBSCRIPTION, tag);
        if (pending != NULL)
            status = send_subscription(link->attempt, list, count, pending);
    }
    pthread_mutex_unlock(&link->api);
    return status;
}

static enum lastcall_status send_publish(struct attempt *attempt,
                                         const struct mqtt_message *message,
                                         struct pending *pending)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message out = MQTTAsync_message_initializer;
    int code = PAHO_NO_MEMORY;

    out.payload = unconst(message->payload);
    out.payloadlen = (int)message->len;
    out.qos = 1;
    out.retained = message->retain == MQTT_RETAINED;
    response.onSuccess5 = mqtt_paho_on_published;
    response.onFailure5 = mqtt_paho_on_publish_failed;
    response.context = pending;
    if (add_content_type(&out.properties, &attempt->link->options) == 0 &&
        (message->expiry_s == 0 ||
         add_number(&out.properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL,
                    message->expiry_s) == 0))
        code = MQTTAsync_sendMessage(attempt->handle, message->topic, &out,
                                     &response);
    MQTTProperties_free(&out.properties); /* paho made its own copy */
    return code == MQTTASYNC_SUCCESS ? LASTCALL_OK
                                     : refused_call(pending, code);
}

static enum lastcall_status paho_publish(struct mqtt_link *link,
                                         const struct mqtt_message *message,
                                         uint64_t tag)
{
    enum lastcall_status status = LASTCALL_E_LINK;
    struct pending *pending;

    if (message->len > INT32_MAX)
        return LASTCALL_E_TOO_LARGE;
    pthread_mutex_lock(&link->api);
    if (is_up(link)) {
        status = LASTCALL_E_NOMEM;
        pending = mqtt_paho_pending_new(link->attempt, PENDING_PUBLISH, tag);
        if (pending != NULL)
            status = send_publish(link->attempt, message, pending);
    }
    pthread_mutex_unlock(&link->api);
    return status;
}

/* Wait for paho to send its DISCONNECT. */
static void wait_disconnected(struct attempt *attempt, uint32_t timeout_ms)
{
    struct mqtt_link *link = attempt->link;
    const struct clock *clock = &platform_clock;
    const int64_t until_ms = clock->monotonic_ms(clock->state) + timeout_ms;
    int64_t left_ms = timeout_ms;

    pthread_mutex_lock(&link->state);
    while (!attempt->is_disconnected && left_ms > 0) {
        (void)gate_condition_wait(&link->disconnected, &link->state, left_ms);
        left_ms = until_ms - clock->monotonic_ms(clock->state);
    }
    pthread_mutex_unlock(&link->state);
}

static void paho_forget(struct mqtt_link *link)
{
    pthread_mutex_lock(&link->api);
    link->forgets = true;
    pthread_mutex_unlock(&link->api);
}

static void paho_disconnect(struct mqtt_link *link, uint32_t timeout_ms)
{
    MQTTAsync_disconnectOptions options =
        MQTTAsync_disconnectOptions_initializer5;
    struct attempt *attempt;
    bool was_up;

    pthread_mutex_lock(&link->api);
    attempt = link->attempt;
    was_up = is_up(link);
    /* From here on no event but published is told, not even by an attempt
     * that we gave up on and that succeeds now. */
    if (attempt != NULL)
        (void)mqtt_paho_attempt_end(attempt);
    if (was_up) {
        options.onSuccess5 = mqtt_paho_on_disconnected;
        options.onFailure5 = mqtt_paho_on_disconnect_failed;
        options.context = attempt;
        options.timeout = (int)(timeout_ms / 2); /* for what is in flight */
        /* Without memory the broker forgets by itself, later. */
        if (link->forgets)
            (void)add_number(&options.properties,
                             MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, 0);
        if (MQTTAsync_disconnect(attempt->handle, &options) ==
            MQTTASYNC_SUCCESS)
            wait_disconnected(attempt, timeout_ms);
        MQTTProperties_free(&options.properties);
    }
    /* Also one that was sent while the connection was going. */
    if (attempt != NULL)
        mqtt_paho_tell_lost(attempt);
    pthread_mutex_unlock(&link->api);
}

static void paho_close(struct mqtt_link *link)
{
    if (link == NULL)
        return;
    pthread_mutex_lock(&link->api);
    if (link->attempt != NULL) {
        (void)mqtt_paho_attempt_end(link->attempt);
        mqtt_paho_tell_lost(link->attempt);
        attempt_free(link->attempt);
    }
    pthread_mutex_unlock(&link->api);
    pthread_mutex_destroy(&link->api);
    pthread_mutex_destroy(&link->state);
    pthread_cond_destroy(&link->disconnected);
    free(link);
}

const struct mqtt_link_ops mqtt_paho_ops = {
    .name = "paho",
    .open = paho_open,
    .connect = paho_connect,
    .subscribe = paho_subscribe,
    .publish = paho_publish,
    .forget = paho_forget,
    .disconnect = paho_disconnect,
    .close = paho_close,
};
