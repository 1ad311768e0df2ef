#include "protocol/io/mqtt_mosquitto.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/platform.h"

/* CONNECT counts the will's bytes with 16 bits, and the library cuts. */
#define WILL_BYTES_MAX UINT16_MAX

int64_t mqtt_mosquitto_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

/* The library counts who uses it without a lock, so it is never given back. */
static void init_library(void)
{
    (void)mosquitto_lib_init();
}

/* A command with `rest` bytes behind it. */
static struct command *command_new(enum command_kind kind, size_t rest)
{
    struct command *command = malloc(sizeof(*command) + rest);

    if (command != NULL)
        *command = (struct command){.kind = kind};
    return command;
}

/* Copy a topic and a payload behind a command. */
static void copy_texts(struct command *command, const char *topic,
                       const void *payload, size_t len)
{
    char *text = (char *)(command + 1);
    size_t topic_size = strlen(topic) + 1;

    memcpy(text, topic, topic_size);
    if (len > 0)
        memcpy(text + topic_size, payload, len);
}

/* Take a command into the queue; with the gate locked. */
static void append(struct mqtt_link *link, struct command *command)
{
    command->next = NULL;
    if (link->tail != NULL)
        link->tail->next = command;
    else
        link->head = command;
    link->tail = command;
}

static enum lastcall_status mosquitto_open(const struct mqtt_options *options,
                                           const struct mqtt_events *events,
                                           void *context,
                                           struct mqtt_link **out,
                                           char detail[MQTT_DETAIL_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    enum lastcall_status status = LASTCALL_E_NOMEM;
    char ignored[MQTT_DETAIL_SIZE];
    struct ssl_ctx_st *tls = NULL;
    struct mqtt_link *link;

    *out = NULL;
    if (detail == NULL)
        detail = ignored;
    detail[0] = '\0';
    pthread_once(&once, init_library);
    link = calloc(1, sizeof(*link));
    if (link == NULL)
        return LASTCALL_E_NOMEM;
    link->options = *options;
    link->events = *events;
    link->context = context;
    status = mqtt_options_check(options, &link->uri, detail);
    /* Made again at every attempt: certificates are renewed. */
    if (status == LASTCALL_OK && link->uri.is_tls)
        status = mqtt_mosquitto_tls_new(link, NULL, &tls, detail);
    mqtt_mosquitto_tls_free(tls);
    if (status != LASTCALL_OK)
        goto fail;
    status = LASTCALL_E_NOMEM;
    if (gate_init(&link->gate) != LASTCALL_OK)
        goto fail;
    if (pthread_mutex_init(&link->leaving, NULL) != 0)
        goto fail_gate;
    if (mqtt_wake_open(&link->wake) != LASTCALL_OK ||
        gate_thread_start(&link->thread, mqtt_mosquitto_run, link) !=
            LASTCALL_OK)
        goto fail_wake;
    *out = link;
    return LASTCALL_OK;

fail_wake:
    mqtt_wake_close(&link->wake);
    pthread_mutex_destroy(&link->leaving);
fail_gate:
    gate_deinit(&link->gate);
fail:
    free(link);
    return status;
}

static enum lastcall_status mosquitto_begin(struct mqtt_link *link,
                                            const struct mqtt_will *will,
                                            uint16_t keep_alive_s)
{
    const bool has_will = will != NULL && will->topic != NULL;
    struct command *command;

    if (has_will && will->len > WILL_BYTES_MAX)
        return LASTCALL_E_TOO_LARGE;
    command = command_new(COMMAND_CONNECT,
                          has_will ? strlen(will->topic) + 1 + will->len : 0);
    if (command == NULL)
        return LASTCALL_E_NOMEM;
    command->keep_alive_s = keep_alive_s;
    if (has_will) {
        char *text = (char *)(command + 1);

        copy_texts(command, will->topic, will->payload, will->len);
        command->will = *will;
        command->will.topic = text;
        command->will.payload = text + strlen(text) + 1;
    }
    gate_lock(&link->gate);
    command->epoch = ++link->epoch;
    link->is_up = false;
    append(link, command);
    gate_unlock(&link->gate);
    mqtt_wake_up(&link->wake);
    return LASTCALL_OK;
}

/* Hand over what only a connection can take; frees it when there is none. */
static enum lastcall_status offer(struct mqtt_link *link,
                                  struct command *command)
{
    const bool is_publish = command->kind == COMMAND_PUBLISH;
    enum lastcall_status status = LASTCALL_OK;

    gate_lock(&link->gate);
    if (!link->is_up)
        status = LASTCALL_E_LINK;
    else if (is_publish && link->publishes >= MQTT_MOSQUITTO_PUBLISHES_MAX)
        status = LASTCALL_BUSY;
    if (status == LASTCALL_OK) {
        link->publishes += is_publish;
        append(link, command);
    }
    gate_unlock(&link->gate);
    if (status == LASTCALL_OK)
        mqtt_wake_up(&link->wake);
    else
        free(command);
    return status;
}

static enum lastcall_status
mosquitto_subscriptions(struct mqtt_link *link,
                        const struct mqtt_subscription *list, size_t count,
                        uint64_t tag)
{
    struct mqtt_subscription *copy;
    struct command *command;

    if (count == 0)
        return LASTCALL_E_CONFIG;
    command = command_new(COMMAND_SUBSCRIBE, count * sizeof(*list));
    if (command == NULL)
        return LASTCALL_E_NOMEM;
    copy = (struct mqtt_subscription *)(command + 1);
    memcpy(copy, list, count * sizeof(*list));
    command->tag = tag;
    command->list = copy;
    command->count = count;
    return offer(link, command);
}

static enum lastcall_status mosquitto_send(struct mqtt_link *link,
                                           const struct mqtt_message *message,
                                           uint64_t tag)
{
    struct command *command;
    char *text;

    if (message->len > INT32_MAX)
        return LASTCALL_E_TOO_LARGE;
    command =
        command_new(COMMAND_PUBLISH, strlen(message->topic) + 1 + message->len);
    if (command == NULL)
        return LASTCALL_E_NOMEM;
    copy_texts(command, message->topic, message->payload, message->len);
    text = (char *)(command + 1);
    command->tag = tag;
    command->message = *message;
    command->message.topic = text;
    command->message.payload = text + strlen(text) + 1;
    return offer(link, command);
}

static void mosquitto_forget(struct mqtt_link *link)
{
    gate_lock(&link->gate);
    link->forgets = true;
    gate_unlock(&link->gate);
}

static void mosquitto_leave(struct mqtt_link *link, uint32_t timeout_ms)
{
    const int64_t now_ms = mqtt_mosquitto_now_ms();
    const int64_t until_ms = now_ms + timeout_ms;
    struct command *command = command_new(COMMAND_DISCONNECT, 0);
    int64_t left_ms = timeout_ms;
    uint64_t epoch;

    pthread_mutex_lock(&link->leaving);
    gate_lock(&link->gate);
    /* From here on no event but published is told, not even by an attempt
     * that we gave up on and that succeeds now. */
    epoch = ++link->epoch;
    link->is_up = false;
    if (command != NULL) {
        command->epoch = epoch;
        command->drain_until_ms = now_ms + timeout_ms / 2;
        command->leave_until_ms = until_ms;
        append(link, command);
        mqtt_wake_up(&link->wake);
    }
    /* Out of memory: the attempt is mute, and the next connect ends it. */
    while (command != NULL && link->settled < epoch && left_ms > 0) {
        gate_wait(&link->gate, left_ms);
        left_ms = until_ms - mqtt_mosquitto_now_ms();
    }
    gate_unlock(&link->gate);
    pthread_mutex_unlock(&link->leaving);
}

static void mosquitto_end(struct mqtt_link *link)
{
    int code;

    if (link == NULL)
        return;
    gate_lock(&link->gate);
    link->epoch++;
    link->is_up = false;
    link->is_closing = true;
    gate_unlock(&link->gate);
    mqtt_wake_up(&link->wake);
    code = pthread_join(link->thread, NULL);
    assert(code == 0);
    (void)code;
    mqtt_wake_close(&link->wake);
    pthread_mutex_destroy(&link->leaving);
    gate_deinit(&link->gate);
    free(link);
}

const struct mqtt_link_ops mqtt_mosquitto_ops = {
    .name = "mosquitto",
    .open = mosquitto_open,
    .connect = mosquitto_begin,
    .subscribe = mosquitto_subscriptions,
    .publish = mosquitto_send,
    .forget = mosquitto_forget,
    .disconnect = mosquitto_leave,
    .close = mosquitto_end,
};
