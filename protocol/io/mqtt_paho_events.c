#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/mqtt_paho.h"
#include "protocol/io/platform.h"

#define FAILURE_TEXT "TCP/TLS connect failure"
#define COMPLETION_TEXT "TCP connect completion failure"
#define REFUSED_FROM 0x80 /* reason codes from here on are refusals */

struct pending *mqtt_paho_pending_new(struct attempt *attempt,
                                      enum pending_kind kind, uint64_t tag)
{
    struct pending *pending = calloc(1, sizeof(*pending));

    if (pending == NULL)
        return NULL;
    pending->attempt = attempt;
    pending->kind = kind;
    pending->tag = tag;
    pthread_mutex_lock(&attempt->link->state);
    pending->next = attempt->pendings;
    if (pending->next != NULL)
        pending->next->previous = pending;
    attempt->pendings = pending;
    pthread_mutex_unlock(&attempt->link->state);
    return pending;
}

bool mqtt_paho_pending_end(struct pending *pending)
{
    struct attempt *attempt = pending->attempt;
    bool is_told;

    pthread_mutex_lock(&attempt->link->state);
    if (pending->previous != NULL)
        pending->previous->next = pending->next;
    else
        attempt->pendings = pending->next;
    if (pending->next != NULL)
        pending->next->previous = pending->previous;
    is_told = pending->is_told;
    pthread_mutex_unlock(&attempt->link->state);
    free(pending->filters);
    free(pending);
    return !is_told;
}

bool mqtt_paho_attempt_end(struct attempt *attempt)
{
    bool is_first;

    pthread_mutex_lock(&attempt->link->state);
    is_first = !attempt->is_over;
    attempt->is_over = true;
    pthread_mutex_unlock(&attempt->link->state);
    return is_first;
}

void mqtt_paho_tell_lost(struct attempt *attempt)
{
    struct mqtt_link *link = attempt->link;
    bool is_found;

    do {
        uint64_t tag = 0;

        is_found = false;
        pthread_mutex_lock(&link->state);
        for (struct pending *at = attempt->pendings; at != NULL && !is_found;
             at = at->next) {
            is_found = !at->is_told && at->kind == PENDING_PUBLISH;
            at->is_told = true;
            tag = at->tag;
        }
        pthread_mutex_unlock(&link->state);
        if (is_found)
            link->events.published(link->context, tag, LASTCALL_E_LINK);
    } while (is_found);
}

/* paho has no name for what no version of MQTT knows. */
static const char *name_of(int reason)
{
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)reason);

    return name != NULL ? name : "a reason that is not known";
}

static enum mqtt_failure failure_of(int reason)
{
    switch (reason) {
    case MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD:
    case MQTTREASONCODE_NOT_AUTHORIZED:
    case MQTTREASONCODE_BANNED:
    case MQTTREASONCODE_BAD_AUTHENTICATION_METHOD:
    case MQTTREASONCODE_CLIENT_IDENTIFIER_NOT_VALID:
        return MQTT_FAILURE_CREDENTIALS;
    case MQTTREASONCODE_SESSION_TAKEN_OVER:
        return MQTT_FAILURE_TAKEN_OVER;
    case MQTTREASONCODE_SERVER_SHUTTING_DOWN: /* it comes back */
    case MQTTREASONCODE_KEEP_ALIVE_TIMEOUT:
        return MQTT_FAILURE_NETWORK;
    default:
        return reason > 0 ? MQTT_FAILURE_SERVER : MQTT_FAILURE_NETWORK;
    }
}

/*
 * OpenSSL's error line is thread:error:code:library:function:reason:file:...;
 * the reason is what helps a person.  The first one is the cause.
 */
int mqtt_paho_on_tls_error(const char *text, size_t len, void *context)
{
    struct attempt *attempt = context;
    const char *end = text + len;
    const char *at = text;
    const char *stop;

    for (int field = 0; field < 5; field++) {
        const char *colon = memchr(at, ':', (size_t)(end - at));

        if (colon == NULL)
            break;
        at = colon + 1;
    }
    stop = memchr(at, ':', (size_t)(end - at));
    if (stop == NULL)
        stop = end;
    pthread_mutex_lock(&attempt->link->state);
    if (attempt->tls_text[0] == '\0')
        snprintf(attempt->tls_text, sizeof(attempt->tls_text), "%.*s",
                 (int)(stop - at), at);
    pthread_mutex_unlock(&attempt->link->state);
    return 1;
}

void mqtt_paho_on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct attempt *attempt = context;
    struct mqtt_link *link = attempt->link;
    struct mqtt_connected info = {
        .session_present = data->alt.connect.sessionPresent != 0,
        .receive_maximum = UINT16_MAX,
    };
    bool is_wanted;

    if (MQTTProperties_hasProperty(&data->properties,
                                   MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        info.receive_maximum = (uint16_t)MQTTProperties_getNumericValue(
            &data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    if (MQTTProperties_hasProperty(&data->properties,
                                   MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE))
        info.server_keep_alive = (uint16_t)MQTTProperties_getNumericValue(
            &data->properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE);
    if (MQTTProperties_hasProperty(&data->properties,
                                   MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE))
        info.packet_bytes_max = (uint32_t)MQTTProperties_getNumericValue(
            &data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    platform_no_delay(link->uri.port);

    pthread_mutex_lock(&link->state);
    is_wanted = !attempt->is_over;
    attempt->is_connected = is_wanted;
    pthread_mutex_unlock(&link->state);
    if (is_wanted)
        link->events.connected(link->context, &info);
}

/* paho has one sentence or two for all that OpenSSL says nothing of: who
 * refuses the connection, who closes it since we show no certificate, and a
 * wrong name, which is found after the handshake. */
static const char *why_unreachable(const struct mqtt_uri *uri,
                                   const char *message)
{
    if (message[0] == '\0')
        return "no such name, or nobody answers there";
    if (uri->is_tls && (strcmp(message, FAILURE_TEXT) == 0 ||
                        strcmp(message, COMPLETION_TEXT) == 0))
        return "nobody answers there, its certificate is for another name, or "
               "it wants one of ours";
    return message;
}

void mqtt_paho_on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct attempt *attempt = context;
    struct mqtt_link *link = attempt->link;
    char detail[MQTT_DETAIL_SIZE];
    const char *message = data->message != NULL ? data->message : "";
    int reason = data->code;

    /* 1.3.15 moved it from code to reasonCode. */
    if (reason <= 0 && data->reasonCode != MQTTREASONCODE_SUCCESS)
        reason = (int)data->reasonCode;
    if (!mqtt_paho_attempt_end(attempt))
        return;
    if (reason >= REFUSED_FROM)
        snprintf(detail, sizeof(detail), "the broker refused us: %s (0x%02x)",
                 name_of(reason), (unsigned)reason);
    else if (reason > 0)
        snprintf(detail, sizeof(detail),
                 "the broker refused us with code %d; it must speak MQTT 5",
                 reason);
    else if (attempt->tls_text[0] != '\0')
        snprintf(detail, sizeof(detail), "TLS with %.100s:%u failed: %.100s",
                 link->uri.host, link->uri.port, attempt->tls_text);
    else
        snprintf(detail, sizeof(detail), "%.100s:%u cannot be reached: %.120s",
                 link->uri.host, link->uri.port,
                 why_unreachable(&link->uri, message));
    link->events.connect_failed(link->context, failure_of(reason), detail);
}

static void end_connection(struct attempt *attempt, enum mqtt_failure failure,
                           const char *detail)
{
    struct mqtt_link *link = attempt->link;

    if (!mqtt_paho_attempt_end(attempt))
        return;
    link->events.lost(link->context, failure, detail);
    mqtt_paho_tell_lost(attempt);
}

void mqtt_paho_on_lost(void *context, char *cause)
{
    (void)cause; /* never set by this version */
    end_connection(context, MQTT_FAILURE_NETWORK,
                   "the connection was closed or broke");
}

/* A DISCONNECT from the broker; paho itself goes on until the socket closes. */
void mqtt_paho_on_server_disconnect(void *context, MQTTProperties *properties,
                                    enum MQTTReasonCodes reason)
{
    char detail[MQTT_DETAIL_SIZE];

    (void)properties;
    snprintf(detail, sizeof(detail), "the broker ended the connection: %s",
             name_of((int)reason));
    end_connection(context, failure_of((int)reason), detail);
}

int mqtt_paho_on_message(void *context, char *topic, int topic_len,
                         MQTTAsync_message *in)
{
    struct attempt *attempt = context;
    struct mqtt_link *link = attempt->link;
    struct mqtt_message message = {
        .topic = topic,
        .payload = in->payload,
        .len = in->payloadlen > 0 ? (size_t)in->payloadlen : 0,
        .qos = in->qos,
        .retain = in->retained != 0 ? MQTT_RETAINED : MQTT_TRANSIENT,
        .packet_id = (uint16_t)in->msgid,
    };
    bool is_over;

    if (MQTTProperties_hasProperty(&in->properties,
                                   MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL))
        message.expiry_s = (uint32_t)MQTTProperties_getNumericValue(
            &in->properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
    pthread_mutex_lock(&link->state);
    is_over = attempt->is_over;
    pthread_mutex_unlock(&link->state);
    /* A topic with a NUL inside is forged: a text would hide its tail. */
    if (!is_over && (topic_len == 0 || strlen(topic) == (size_t)topic_len))
        link->events.message(link->context, &message);
    MQTTAsync_freeMessage(&in);
    MQTTAsync_free(topic);
    return 1;
}

void mqtt_paho_on_published(void *context, MQTTAsync_successData5 *data)
{
    struct pending *pending = context;
    struct mqtt_link *link = pending->attempt->link;
    uint64_t tag = pending->tag;

    (void)data;
    if (mqtt_paho_pending_end(pending))
        link->events.published(link->context, tag, LASTCALL_OK);
}

void mqtt_paho_on_publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct pending *pending = context;
    struct mqtt_link *link = pending->attempt->link;
    uint64_t tag = pending->tag;
    bool is_refused = (int)data->reasonCode >= REFUSED_FROM;

    if (mqtt_paho_pending_end(pending))
        link->events.published(link->context, tag,
                               is_refused ? LASTCALL_FORBIDDEN
                                          : LASTCALL_E_LINK);
}

/* Give the answer to a subscription, unless the connection ended first. */
static void tell_subscribed(struct pending *pending,
                            enum lastcall_status status, const char *detail)
{
    struct attempt *attempt = pending->attempt;
    struct mqtt_link *link = attempt->link;
    uint64_t tag = pending->tag;
    bool is_over;

    pthread_mutex_lock(&link->state);
    is_over = attempt->is_over;
    pthread_mutex_unlock(&link->state);
    if (mqtt_paho_pending_end(pending) && !is_over)
        link->events.subscribed(link->context, tag, status, detail);
}

void mqtt_paho_on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    struct pending *pending = context;
    char detail[MQTT_DETAIL_SIZE] = "";
    size_t count = pending->filter_count;

    /* With one filter paho leaves the list unset; a refusal of one comes by
     * mqtt_paho_on_subscribe_failed(). */
    if (count > 1 && (data->alt.sub.reasonCodeCount != (int)count ||
                      data->alt.sub.reasonCodes == NULL)) {
        tell_subscribed(pending, LASTCALL_E_LINK,
                        "the broker answered for another number of filters");
        return;
    }
    for (size_t i = 0; count > 1 && i < count; i++) {
        enum MQTTReasonCodes code = data->alt.sub.reasonCodes[i];

        if ((int)code < REFUSED_FROM)
            continue;
        snprintf(detail, sizeof(detail), "%.160s: %s", pending->filters[i],
                 name_of((int)code));
        tell_subscribed(pending, LASTCALL_FORBIDDEN, detail);
        return;
    }
    tell_subscribed(pending, LASTCALL_OK, detail);
}

void mqtt_paho_on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct pending *pending = context;
    char detail[MQTT_DETAIL_SIZE];
    bool is_refused = (int)data->reasonCode >= REFUSED_FROM;

    snprintf(detail, sizeof(detail), "%.160s: %s", pending->filters[0],
             is_refused ? name_of((int)data->reasonCode)
                        : "the subscription could not be sent");
    tell_subscribed(pending, is_refused ? LASTCALL_FORBIDDEN : LASTCALL_E_LINK,
                    detail);
}

static void tell_disconnected(struct attempt *attempt)
{
    pthread_mutex_lock(&attempt->link->state);
    attempt->is_disconnected = true;
    pthread_cond_broadcast(&attempt->link->disconnected);
    pthread_mutex_unlock(&attempt->link->state);
}

void mqtt_paho_on_disconnected(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    tell_disconnected(context);
}

void mqtt_paho_on_disconnect_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    tell_disconnected(context);
}
