#include <mqtt_protocol.h>
#include <stdlib.h>

#include "protocol/io/mqtt_mosquitto.h"

int mqtt_mosquitto_add_content_type(mosquitto_property **properties,
                                    const struct mqtt_options *options)
{
    const char *type = mqtt_content_type(options);

    return type == NULL ? MOSQ_ERR_SUCCESS
                        : mosquitto_property_add_string(
                              properties, MQTT_PROP_CONTENT_TYPE, type);
}

/* Say whether a code of publish or subscribe is about the connection, not
 * about what was asked for. */
static bool is_connection_lost(int code)
{
    return code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_CONN_LOST ||
           code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_TLS;
}

static int send_publish(struct attempt *attempt,
                        const struct mqtt_message *message, int *mid)
{
    mosquitto_property *properties = NULL;
    int code =
        mqtt_mosquitto_add_content_type(&properties, &attempt->link->options);

    if (code == MOSQ_ERR_SUCCESS && message->expiry_s > 0)
        code = mosquitto_property_add_int32(
            &properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, message->expiry_s);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_publish_v5(
            attempt->client, mid, message->topic, (int)message->len,
            message->payload, 1, message->retain == MQTT_RETAINED, properties);
    mosquitto_property_free_all(&properties); /* the library made a copy */
    return code;
}

void mqtt_mosquitto_publish(struct mqtt_link *link,
                            const struct command *command)
{
    struct attempt *attempt = link->attempt;
    struct publishing *publishing = NULL;
    int code;

    if (attempt != NULL && attempt->stage == STAGE_UP)
        publishing = calloc(1, sizeof(*publishing));
    if (publishing == NULL) {
        mqtt_mosquitto_tell_published(link, command->tag, LASTCALL_E_LINK);
        return;
    }
    code = send_publish(attempt, &command->message, &publishing->mid);
    if (code == MOSQ_ERR_SUCCESS || is_connection_lost(code)) {
        publishing->tag = command->tag;
        publishing->next = attempt->publishings;
        attempt->publishings = publishing;
    } else {
        free(publishing);
        /* A topic or a size that it will never take. */
        mqtt_mosquitto_tell_published(
            link, command->tag,
            code == MOSQ_ERR_NOMEM ? LASTCALL_E_LINK : LASTCALL_FORBIDDEN);
    }
    if (is_connection_lost(code))
        mqtt_mosquitto_fail(attempt, code);
}

static int options_of(const struct mqtt_subscription *wanted)
{
    int options = 0;

    switch (wanted->retain_handling) {
    case MQTT_RETAIN_SEND:
        options = MQTT_SUB_OPT_SEND_RETAIN_ALWAYS;
        break;
    case MQTT_RETAIN_SEND_NEW:
        options = MQTT_SUB_OPT_SEND_RETAIN_NEW;
        break;
    case MQTT_RETAIN_NEVER_SEND:
        options = MQTT_SUB_OPT_SEND_RETAIN_NEVER;
        break;
    }
    if (wanted->no_local)
        options |= MQTT_SUB_OPT_NO_LOCAL;
    if (wanted->retain_as_published)
        options |= MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;
    return options;
}

/* How many of the filters one packet can ask for. */
static size_t run_length(const struct mqtt_subscription *list, size_t count)
{
    size_t length = 1;

    while (length < count && list[length].qos == list[0].qos &&
           options_of(&list[length]) == options_of(&list[0]))
        length++;
    return length;
}

/*
 * Ask for a run of filters at once: a broker that has much to send for one of
 * them might drop the answers to the rest.
 */
static int send_filters(struct attempt *attempt,
                        const struct mqtt_subscription *list, size_t count,
                        int *mid)
{
    char **texts = calloc(count, sizeof(char *));
    int code = MOSQ_ERR_NOMEM;

    /* It takes no const texts, though it changes none. */
    for (size_t i = 0; texts != NULL && i < count; i++)
        texts[i] = (char *)(uintptr_t)list[i].filter;
    if (texts != NULL)
        code = mosquitto_subscribe_multiple(attempt->client, mid, (int)count,
                                            texts, list[0].qos,
                                            options_of(&list[0]), NULL);
    free(texts);
    return code;
}

/* Ask for all, run by run; those that cannot be sent get ids of their own. */
static int send_subscribing(struct attempt *attempt, struct subscribing *all,
                            const struct mqtt_subscription *list,
                            size_t *unsent)
{
    int code = MOSQ_ERR_SUCCESS;
    size_t run;

    *unsent = 0;
    for (size_t i = 0; i < all->count && !is_connection_lost(code); i += run) {
        int mid = 0;

        run = run_length(list + i, all->count - i);
        code = send_filters(attempt, list + i, run, &mid);
        if (code != MOSQ_ERR_SUCCESS)
            mid = -(int)++*unsent; /* the library's are positive */
        for (size_t j = i; j < i + run; j++)
            all->filters[j] =
                (struct subscribing_filter){.text = list[j].filter, .mid = mid};
    }
    return code;
}

void mqtt_mosquitto_subscribe(struct mqtt_link *link,
                              const struct command *command)
{
    struct attempt *attempt = link->attempt;
    const size_t count = command->count;
    struct subscribing *all;
    size_t unsent;
    int code;

    if (attempt == NULL || attempt->stage != STAGE_UP)
        return; /* its end is told by lost */
    all = calloc(1, sizeof(*all) + count * sizeof(all->filters[0]));
    if (all == NULL) {
        mqtt_mosquitto_tell_subscribed(attempt, command->tag, LASTCALL_E_NOMEM,
                                       "out of memory");
        return;
    }
    all->next = attempt->subscribings;
    attempt->subscribings = all;
    all->tag = command->tag;
    all->count = all->waiting = count;
    code = send_subscribing(attempt, all, command->list, &unsent);
    if (is_connection_lost(code)) {
        mqtt_mosquitto_fail(attempt, code);
        return;
    }
    /* The last answer frees it, so nothing of it is looked at here. */
    for (size_t i = 1; i <= unsent; i++)
        mqtt_mosquitto_answer(attempt, -(int)i, NULL, 0);
}
