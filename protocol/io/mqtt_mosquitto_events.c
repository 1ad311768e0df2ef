#include "protocol/io/mqtt_mosquitto.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ask whether this attempt still is what the callers want. */
static bool is_wanted(const struct attempt *attempt)
{
    struct mqtt_link *link = attempt->link;
    bool is_it;

    gate_lock(&link->gate);
    is_it = attempt->epoch == link->epoch;
    gate_unlock(&link->gate);
    return is_it;
}

static enum mqtt_failure failure_of(uint8_t reason)
{
    switch (reason) {
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
    case MQTT_RC_BANNED:
    case MQTT_RC_BAD_AUTHENTICATION_METHOD:
    case MQTT_RC_CLIENTID_NOT_VALID:
        return MQTT_FAILURE_CREDENTIALS;
    case MQTT_RC_SESSION_TAKEN_OVER:
        return MQTT_FAILURE_TAKEN_OVER;
    case MQTT_RC_SERVER_SHUTTING_DOWN: /* it comes back */
    case MQTT_RC_KEEP_ALIVE_TIMEOUT:
        return MQTT_FAILURE_NETWORK;
    default:
        return reason > 0 ? MQTT_FAILURE_SERVER : MQTT_FAILURE_NETWORK;
    }
}

void mqtt_mosquitto_tell_published(struct mqtt_link *link, uint64_t tag,
                                   enum lastcall_status status)
{
    gate_lock(&link->gate);
    link->publishes--;
    gate_unlock(&link->gate);
    link->events.published(link->context, tag, status);
}

void mqtt_mosquitto_tell_subscribed(struct attempt *attempt, uint64_t tag,
                                    enum lastcall_status status,
                                    const char *detail)
{
    struct mqtt_link *link = attempt->link;

    if (is_wanted(attempt))
        link->events.subscribed(link->context, tag, status, detail);
}

/* Note what became of one filter; the first refusal is the call's. */
static void settle_filter(struct subscribing *subscribing, size_t index,
                          int granted)
{
    const char *why = granted < 0 ? "the subscription could not be sent"
                                  : mosquitto_reason_string(granted);

    subscribing->filters[index].mid = 0;
    subscribing->waiting--;
    if (subscribing->status != LASTCALL_OK ||
        (granted >= 0 && granted < MQTT_REFUSED_FROM))
        return;
    subscribing->status = granted < 0 ? LASTCALL_E_LINK : LASTCALL_FORBIDDEN;
    snprintf(subscribing->detail, sizeof(subscribing->detail), "%.160s: %s",
             subscribing->filters[index].text, why);
}

/* Count the filters that a SUBSCRIBE was for. */
static size_t count_filters(const struct subscribing *subscribing, int mid)
{
    size_t count = 0;

    for (size_t i = 0; i < subscribing->count; i++)
        count += subscribing->filters[i].mid == mid;
    return count;
}

void mqtt_mosquitto_answer(struct attempt *attempt, int mid, const int *granted,
                           size_t count)
{
    struct subscribing **at = &attempt->subscribings;
    struct subscribing *found;
    bool is_whole;

    while (*at != NULL && count_filters(*at, mid) == 0)
        at = &(*at)->next;
    found = *at;
    if (found == NULL)
        return;
    is_whole = count_filters(found, mid) == count;
    for (size_t i = 0; i < found->count; i++)
        if (found->filters[i].mid == mid)
            settle_filter(found, i, is_whole ? *granted++ : -1);
    if (found->waiting > 0)
        return;
    *at = found->next;
    mqtt_mosquitto_tell_subscribed(attempt, found->tag, found->status,
                                   found->detail);
    free(found);
}

/* ---- the library's callbacks ---- */

static void tell_connected(struct attempt *attempt, int flags,
                           const mosquitto_property *properties)
{
    struct mqtt_link *link = attempt->link;
    struct mqtt_connected info = {
        .session_present = (flags & 1) != 0,
        .receive_maximum = UINT16_MAX,
    };
    bool is_it;

    /* A property that is not there leaves its variable as it is. */
    (void)mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM,
                                        &info.receive_maximum, false);
    (void)mosquitto_property_read_int16(properties, MQTT_PROP_SERVER_KEEP_ALIVE,
                                        &info.server_keep_alive, false);
    (void)mosquitto_property_read_int32(properties,
                                        MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                        &info.packet_bytes_max, false);
    if (info.server_keep_alive != 0)
        attempt->keep_alive_s = info.server_keep_alive;
    attempt->stage = STAGE_UP;
    gate_lock(&link->gate);
    is_it = attempt->epoch == link->epoch;
    if (is_it)
        link->is_up = true;
    gate_unlock(&link->gate);
    if (is_it)
        link->events.connected(link->context, &info);
}

static void on_connect(struct mosquitto *client, void *context, int reason,
                       int flags, const mosquitto_property *properties)
{
    struct attempt *attempt = context;

    if (reason != MQTT_RC_SUCCESS || attempt->stage != STAGE_CONNACK) {
        attempt->reason = (uint8_t)reason;
        return;
    }
    /* It writes a line for each packet that it reads or queues, also where
     * OpenSSL can have nothing to say. */
    if (attempt->tls == NULL)
        mosquitto_log_callback_set(client, NULL);
    tell_connected(attempt, flags, properties);
}

/* The broker's DISCONNECT, our own, or one of the library's errors, which are
 * smaller than any reason that a broker may give. */
static void on_disconnect(struct mosquitto *client, void *context, int reason,
                          const mosquitto_property *properties)
{
    struct attempt *attempt = context;

    (void)client;
    (void)properties;
    if (reason >= MQTT_REFUSED_FROM && reason <= UINT8_MAX)
        attempt->reason = (uint8_t)reason;
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *in,
                       const mosquitto_property *properties)
{
    struct attempt *attempt = context;
    struct mqtt_link *link = attempt->link;
    struct mqtt_message message = {
        .topic = in->topic,
        .payload = in->payload,
        .len = in->payloadlen > 0 ? (size_t)in->payloadlen : 0,
        .qos = in->qos,
        .retain = in->retain ? MQTT_RETAINED : MQTT_TRANSIENT,
        .packet_id = (uint16_t)in->mid,
    };

    (void)client;
    (void)mosquitto_property_read_int32(properties,
                                        MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                        &message.expiry_s, false);
    attempt->received++;
    /* A topic with a NUL inside is not UTF-8 to the library. */
    if (is_wanted(attempt))
        link->events.message(link->context, &message);
}

static void on_publish(struct mosquitto *client, void *context, int mid,
                       int reason, const mosquitto_property *properties)
{
    struct attempt *attempt = context;

    (void)client;
    (void)properties;
    for (struct publishing **at = &attempt->publishings; *at != NULL;
         at = &(*at)->next) {
        struct publishing *found = *at;
        uint64_t tag = found->tag;

        if (found->mid != mid)
            continue;
        *at = found->next;
        free(found);
        mqtt_mosquitto_tell_published(
            attempt->link, tag,
            reason >= MQTT_REFUSED_FROM ? LASTCALL_FORBIDDEN : LASTCALL_OK);
        return;
    }
}

static void on_subscribe(struct mosquitto *client, void *context, int mid,
                         int count, const int *granted,
                         const mosquitto_property *properties)
{
    (void)client;
    (void)properties;
    mqtt_mosquitto_answer(context, mid, granted, count > 0 ? (size_t)count : 0);
}

/* The only way in which the library tells what OpenSSL met; the reason stands
 * last: "OpenSSL Error[0]: error:0A000410:SSL routines::...". */
static void on_log(struct mosquitto *client, void *context, int level,
                   const char *text)
{
    struct attempt *attempt = context;
    const char *reason = strrchr(text, ':');

    (void)client;
    if (level == MOSQ_LOG_ERR && attempt->text[0] == '\0' &&
        strncmp(text, "OpenSSL", strlen("OpenSSL")) == 0 && reason != NULL)
        snprintf(attempt->text, sizeof(attempt->text), "%s", reason + 1);
}

void mqtt_mosquitto_listen(struct mosquitto *client)
{
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_message_v5_callback_set(client, on_message);
    mosquitto_publish_v5_callback_set(client, on_publish);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_log_callback_set(client, on_log);
}

/* ---- the end ---- */

/* Say whether an end is still to be told, and let nobody publish any more. */
static bool take_down(const struct attempt *attempt)
{
    struct mqtt_link *link = attempt->link;
    bool is_it;

    gate_lock(&link->gate);
    is_it = attempt->epoch == link->epoch;
    if (is_it)
        link->is_up = false;
    gate_unlock(&link->gate);
    return is_it;
}

static void tell_lost(struct attempt *attempt)
{
    while (attempt->publishings != NULL) {
        struct publishing *first = attempt->publishings;
        uint64_t tag = first->tag;

        attempt->publishings = first->next;
        free(first);
        mqtt_mosquitto_tell_published(attempt->link, tag, LASTCALL_E_LINK);
    }
}

void mqtt_mosquitto_end(struct attempt *attempt, enum mqtt_failure failure,
                        const char *detail)
{
    struct mqtt_link *link = attempt->link;
    const bool is_told = take_down(attempt) && detail != NULL;

    mosquitto_destroy(attempt->client);
    mqtt_mosquitto_tls_free(attempt->tls);
    if (is_told && attempt->stage < STAGE_UP)
        link->events.connect_failed(link->context, failure, detail);
    else if (is_told)
        link->events.lost(link->context, failure, detail);
    tell_lost(attempt);
    while (attempt->subscribings != NULL) {
        struct subscribing *first = attempt->subscribings;

        attempt->subscribings = first->next;
        free(first);
    }
    /* Whoever waits for its disconnect has waited enough. */
    gate_lock(&link->gate);
    if (attempt->stage == STAGE_LEAVING)
        link->settled = attempt->leave_epoch;
    gate_unlock(&link->gate);
    gate_signal(&link->gate);
    free(attempt->command);
    free(attempt);
    link->attempt = NULL;
}

/* Write why an attempt did not become a connection. */
static void explain_attempt(const struct attempt *attempt, int code,
                            char detail[MQTT_DETAIL_SIZE])
{
    const struct mqtt_uri *uri = &attempt->link->uri;

    if (attempt->reason >= MQTT_REFUSED_FROM)
        snprintf(detail, MQTT_DETAIL_SIZE, "the broker refused us: %s (0x%02x)",
                 mosquitto_reason_string(attempt->reason), attempt->reason);
    else if (attempt->reason > 0)
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "the broker refused us with code %d; it must speak MQTT 5",
                 attempt->reason);
    else if (attempt->text[0] != '\0' && attempt->stage == STAGE_CONNACK &&
             uri->is_tls)
        snprintf(detail, MQTT_DETAIL_SIZE, "TLS with %.100s:%u failed: %.100s",
                 uri->host, uri->port, attempt->text);
    else if (code == MOSQ_ERR_PROTOCOL || code == MOSQ_ERR_MALFORMED_PACKET)
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "%.100s:%u answered something else than MQTT 5", uri->host,
                 uri->port);
    else
        snprintf(detail, MQTT_DETAIL_SIZE, "%.100s:%u cannot be reached: %.90s",
                 uri->host, uri->port,
                 attempt->text[0] != '\0' ? attempt->text
                                          : mosquitto_strerror(code));
}

/* Write why a connection ended. */
static void explain_loss(const struct attempt *attempt, int code,
                         char detail[MQTT_DETAIL_SIZE])
{
    if (attempt->reason != 0)
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "the broker ended the connection: %s",
                 mosquitto_reason_string(attempt->reason));
    else if (code == MOSQ_ERR_KEEPALIVE)
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "the broker did not answer within the keep-alive time");
    else if (attempt->text[0] != '\0')
        snprintf(detail, MQTT_DETAIL_SIZE, "the connection broke: %.100s",
                 attempt->text);
    else
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "the connection was closed or broke");
}

void mqtt_mosquitto_fail(struct attempt *attempt, int code)
{
    enum mqtt_failure failure = failure_of(attempt->reason);
    char detail[MQTT_DETAIL_SIZE];

    if (attempt->stage < STAGE_UP)
        explain_attempt(attempt, code, detail);
    else
        explain_loss(attempt, code, detail);
    mqtt_mosquitto_end(attempt, failure, detail);
}
