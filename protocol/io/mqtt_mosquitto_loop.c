#include "protocol/io/mqtt_mosquitto.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 30
#define MS_PER_S 1000
#define PACKETS_A_TURN 1 /* the library does not look at more */
/* The library takes no other but 0.  Who must hear from us more often says so
 * with a Server Keep Alive, which it follows. */
#define KEEP_ALIVE_S_MIN 5
/* The broker waits for one and a half times the keep-alive, so a ping may be
 * late by a part of it. */
#define KEEP_ALIVE_PARTS 4

/* ---- connecting ---- */

/* Collect the properties of a CONNECT; false when out of memory. */
static bool add_properties(const struct mqtt_options *options,
                           mosquitto_property **out)
{
    int code = mosquitto_property_add_int32(
        out, MQTT_PROP_SESSION_EXPIRY_INTERVAL, options->session_expiry_s);

    /* Left out, the library would say 20. */
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_property_add_int16(out, MQTT_PROP_RECEIVE_MAXIMUM,
                                            options->receive_maximum > 0
                                                ? options->receive_maximum
                                                : UINT16_MAX);
    if (code == MOSQ_ERR_SUCCESS && options->packet_bytes_max > 0)
        code = mosquitto_property_add_int32(out, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                            options->packet_bytes_max);
    return code == MOSQ_ERR_SUCCESS;
}

static int set_will(struct attempt *attempt, const struct mqtt_will *will)
{
    mosquitto_property *properties = NULL;
    int code = mosquitto_property_add_int32(
        &properties, MQTT_PROP_WILL_DELAY_INTERVAL, will->delay_s);

    if (code == MOSQ_ERR_SUCCESS)
        code = mqtt_mosquitto_add_content_type(&properties,
                                               &attempt->link->options);
    if (code == MOSQ_ERR_SUCCESS)
        code =
            mosquitto_will_set_v5(attempt->client, will->topic, (int)will->len,
                                  will->payload, 1, true, properties);
    if (code != MOSQ_ERR_SUCCESS)
        mosquitto_property_free_all(&properties);
    return code;
}

static int set_options(struct attempt *attempt)
{
    const struct mqtt_options *options = &attempt->link->options;
    struct mosquitto *client = attempt->client;
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                                    MQTT_PROTOCOL_V5);

    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    /* Until the broker says what it takes. */
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX);
    if (code == MOSQ_ERR_SUCCESS && options->username != NULL)
        code = mosquitto_username_pw_set(client, options->username,
                                         options->password);
    if (code == MOSQ_ERR_SUCCESS && attempt->command->will.topic != NULL)
        code = set_will(attempt, &attempt->command->will);
    /* Without its defaults, which would undo ours. */
    if (code == MOSQ_ERR_SUCCESS && attempt->tls != NULL)
        code = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    if (code == MOSQ_ERR_SUCCESS && attempt->tls != NULL)
        code = mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, attempt->tls);
    return code;
}

/*
 * Begin to connect to an address without waiting.  The library has a call that
 * takes properties and one that does not wait, but none that does both: the
 * first keeps the properties before it finds the host missing.
 */
static int begin_connect(struct attempt *attempt, const char *address)
{
    uint16_t keep_alive_s = attempt->keep_alive_s;
    mosquitto_property *properties = NULL;
    int code = MOSQ_ERR_NOMEM;

    if (keep_alive_s > 0 && keep_alive_s < KEEP_ALIVE_S_MIN)
        keep_alive_s = KEEP_ALIVE_S_MIN;
    if (add_properties(&attempt->link->options, &properties))
        code = mosquitto_connect_bind_v5(attempt->client, NULL, 0, 0, NULL,
                                         properties);
    mosquitto_property_free_all(&properties);
    if (code != MOSQ_ERR_INVAL)
        return code == MOSQ_ERR_SUCCESS ? MOSQ_ERR_UNKNOWN : code;
    code = mosquitto_connect_async(attempt->client, address,
                                   attempt->link->uri.port, keep_alive_s);
    /* The latter from sending CONNECT to where nobody is. */
    if ((code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_CONN_LOST) &&
        attempt->text[0] == '\0')
        mqtt_wait_error_text(errno, attempt->text);
    return code;
}

static int try_address(struct attempt *attempt, const char *address)
{
    const struct mqtt_options *options = &attempt->link->options;
    int code;

    mosquitto_destroy(attempt->client);
    attempt->client =
        mosquitto_new(options->client_id, options->clean_start, attempt);
    if (attempt->client == NULL)
        return MOSQ_ERR_NOMEM;
    /* So that it leaves the writing to us; it has no other thread. */
    (void)mosquitto_threaded_set(attempt->client, true);
    mqtt_mosquitto_listen(attempt->client);
    attempt->readable_bytes = MQTT_MOSQUITTO_TURN_BYTES_MAX;
    code = set_options(attempt);
    if (code == MOSQ_ERR_SUCCESS)
        code = begin_connect(attempt, address);
    return code;
}

/* Try the addresses that are left; each has its share of the time. */
static void try_next(struct attempt *attempt)
{
    int code = MOSQ_ERR_SUCCESS;

    while (attempt->address_next < attempt->address_count) {
        const size_t left = attempt->address_count - attempt->address_next;
        const int64_t now_ms = mqtt_mosquitto_now_ms();

        attempt->until_ms =
            now_ms + (attempt->connect_until_ms - now_ms) / (int64_t)left;
        attempt->text[0] = '\0';
        code = try_address(attempt,
                           attempt->addresses[attempt->address_next].text);
        attempt->address_next++;
        if (code == MOSQ_ERR_SUCCESS)
            return;
        /* Somebody was there, so near that the handshake is over already. */
        if (code == MOSQ_ERR_TLS) {
            attempt->stage = STAGE_CONNACK;
            break;
        }
    }
    mqtt_mosquitto_fail(attempt, code);
}

static bool is_current(struct mqtt_link *link, uint64_t epoch)
{
    bool is_it;

    gate_lock(&link->gate);
    is_it = link->epoch == epoch;
    gate_unlock(&link->gate);
    return is_it;
}

/* Connect, instead of what there was; takes the command. */
static void begin_attempt(struct mqtt_link *link, struct command *command)
{
    uint32_t timeout_s = link->options.connect_timeout_s;
    char detail[MQTT_DETAIL_SIZE] = "out of memory";
    struct attempt *attempt;

    if (link->attempt != NULL)
        mqtt_mosquitto_end(link->attempt, MQTT_FAILURE_NETWORK, NULL);
    attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL) {
        if (is_current(link, command->epoch))
            link->events.connect_failed(link->context, MQTT_FAILURE_NETWORK,
                                        detail);
        free(command);
        return;
    }
    link->attempt = attempt;
    attempt->link = link;
    attempt->epoch = command->epoch;
    attempt->command = command;
    attempt->keep_alive_s = command->keep_alive_s;
    attempt->connect_until_ms =
        mqtt_mosquitto_now_ms() +
        (int64_t)(timeout_s != 0 ? timeout_s : CONNECT_TIMEOUT_S) * MS_PER_S;
    if (link->uri.is_tls && mqtt_mosquitto_tls_new(link, attempt, &attempt->tls,
                                                   detail) != LASTCALL_OK) {
        mqtt_mosquitto_end(attempt, MQTT_FAILURE_NETWORK, detail);
        return;
    }
    attempt->address_count =
        mqtt_wait_resolve(link->uri.host, attempt->addresses,
                          MQTT_MOSQUITTO_ADDRESSES_MAX, attempt->text);
    try_next(attempt);
}

/* ---- the callers' commands ---- */

/* Leave a connection in good order; anything else is left as it is. */
static void leave(struct mqtt_link *link, const struct command *command)
{
    struct attempt *attempt = link->attempt;

    if (attempt != NULL && attempt->stage == STAGE_UP) {
        attempt->stage = STAGE_LEAVING;
        attempt->leave_epoch = command->epoch;
        attempt->drain_until_ms = command->drain_until_ms;
        attempt->until_ms = command->leave_until_ms;
        return;
    }
    if (attempt != NULL)
        mqtt_mosquitto_end(attempt, MQTT_FAILURE_NETWORK, NULL);
    gate_lock(&link->gate);
    link->settled = command->epoch;
    gate_unlock(&link->gate);
    gate_signal(&link->gate);
}

static void execute(struct mqtt_link *link, struct command *command)
{
    switch (command->kind) {
    case COMMAND_CONNECT:
        begin_attempt(link, command); /* keeps it */
        return;
    case COMMAND_SUBSCRIBE:
        mqtt_mosquitto_subscribe(link, command);
        break;
    case COMMAND_PUBLISH:
        mqtt_mosquitto_publish(link, command);
        break;
    case COMMAND_DISCONNECT:
        leave(link, command);
        break;
    }
    free(command);
}

/* The next command, or NULL; says whether the link is closed. */
static struct command *take(struct mqtt_link *link, bool *is_closing)
{
    struct command *first;

    gate_lock(&link->gate);
    *is_closing = link->is_closing;
    first = link->head;
    if (first != NULL)
        link->head = first->next;
    if (link->head == NULL)
        link->tail = NULL;
    gate_unlock(&link->gate);
    return first;
}

/* ---- driving a connection ---- */

static int send_disconnect(struct attempt *attempt)
{
    struct mqtt_link *link = attempt->link;
    mosquitto_property *properties = NULL;
    bool forgets;
    int code = MOSQ_ERR_SUCCESS;

    gate_lock(&link->gate);
    forgets = link->forgets;
    gate_unlock(&link->gate);
    if (forgets)
        code = mosquitto_property_add_int32(
            &properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_disconnect_v5(
            attempt->client, MQTT_RC_NORMAL_DISCONNECTION, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

/* Once the publishes are through, or their time is, say good-bye. */
static int drive_leaving(struct attempt *attempt)
{
    const int64_t now_ms = mqtt_mosquitto_now_ms();

    if (now_ms >= attempt->until_ms)
        return MOSQ_ERR_TIMEOUT;
    if (attempt->has_sent_disconnect ||
        (attempt->publishings != NULL && now_ms < attempt->drain_until_ms))
        return MOSQ_ERR_SUCCESS;
    attempt->has_sent_disconnect = true;
    return send_disconnect(attempt);
}

/*
 * Read until nothing more is there, or a turn's share has come.  That the
 * library found nothing more shows in that no message came: its errno is that
 * of something else by then.
 */
static int read_packets(struct attempt *attempt)
{
    const uint64_t first = attempt->received;
    struct mosquitto *client = attempt->client;
    struct mqtt_mosquitto_tls tls;
    uint64_t before;
    int code;

    attempt->readable_bytes = MQTT_MOSQUITTO_TURN_BYTES_MAX;
    do {
        before = attempt->received;
        code = mosquitto_loop_read(client, PACKETS_A_TURN);
        tls = mqtt_mosquitto_tls_of(client);
        if (code == MOSQ_ERR_SUCCESS && tls.is_broken)
            code = MOSQ_ERR_CONN_LOST;
    } while (
        code == MOSQ_ERR_SUCCESS &&
        (tls.has_more || (attempt->received != before &&
                          before - first < MQTT_MOSQUITTO_TURN_MESSAGES_MAX)));
    if (code == MOSQ_ERR_SUCCESS)
        mqtt_wait_acknowledge(mosquitto_socket(client));
    return code;
}

/*
 * Send all that waits, acknowledgements most of it, as one: each for itself
 * costs more than reading its message.  Not a DISCONNECT: the library closes
 * behind it, and what the system held back would be lost.
 */
static int write_packets(const struct attempt *attempt)
{
    const int socket = mosquitto_socket(attempt->client);
    int code;

    if (attempt->has_sent_disconnect)
        return mosquitto_loop_write(attempt->client, PACKETS_A_TURN);
    mqtt_wait_gather(socket);
    code = mosquitto_loop_write(attempt->client, PACKETS_A_TURN);
    if (mosquitto_socket(attempt->client) == socket)
        mqtt_wait_let_go(socket);
    return code;
}

/* Let the library do what can be done now; a code when the end has come. */
static int turn(struct attempt *attempt, unsigned ready)
{
    struct mosquitto *client = attempt->client;
    int code = MOSQ_ERR_SUCCESS;

    /* In a handshake the library's own reading is what goes on with it,
     * whichever way it waits.  Once it has a DISCONNECT to send, it takes a
     * message for an error. */
    if (!attempt->has_sent_disconnect &&
        ((ready & MQTT_WAIT_READ) != 0 ||
         (ready != 0 && mqtt_mosquitto_tls_of(client).is_shaking)))
        code = read_packets(attempt);
    if (code == MOSQ_ERR_SUCCESS &&
        ((ready & MQTT_WAIT_WRITE) != 0 || mosquitto_want_write(client)))
        code = write_packets(attempt);
    if (code == MOSQ_ERR_SUCCESS && attempt->stage >= STAGE_UP)
        code = mosquitto_loop_misc(client);
    if (code == MOSQ_ERR_SUCCESS && attempt->stage == STAGE_LEAVING)
        code = drive_leaving(attempt);
    if (code == MOSQ_ERR_SUCCESS && attempt->stage == STAGE_CONNACK &&
        mqtt_mosquitto_now_ms() >= attempt->until_ms)
        code = MOSQ_ERR_TIMEOUT;
    if (code == MOSQ_ERR_SUCCESS && mosquitto_socket(client) == MQTT_NO_SOCKET)
        code = MOSQ_ERR_CONN_LOST; /* a DISCONNECT, theirs or ours */
    return code;
}

/* Look how connect() went; true when there is a connection. */
static bool drive_tcp(struct attempt *attempt, unsigned ready)
{
    char text[MQTT_WAIT_TEXT_SIZE] = "no answer in time";

    if (ready == 0 && mqtt_mosquitto_now_ms() < attempt->until_ms)
        return false;
    if (ready != 0 &&
        mqtt_wait_is_connected(mosquitto_socket(attempt->client), text)) {
        attempt->stage = STAGE_CONNACK;
        attempt->until_ms = attempt->connect_until_ms;
        attempt->text[0] = '\0';
        return true;
    }
    if (attempt->text[0] == '\0')
        snprintf(attempt->text, sizeof(attempt->text), "%s", text);
    try_next(attempt);
    return false;
}

static void drive(struct attempt *attempt, unsigned ready)
{
    int code;

    if (attempt->stage == STAGE_TCP) {
        if (!drive_tcp(attempt, ready))
            return;
        ready = MQTT_WAIT_READ | MQTT_WAIT_WRITE;
    }
    code = turn(attempt, ready);
    if (code == MOSQ_ERR_SUCCESS)
        return;
    if (attempt->stage == STAGE_LEAVING)
        mqtt_mosquitto_end(attempt, MQTT_FAILURE_NETWORK, NULL);
    else
        mqtt_mosquitto_fail(attempt, code);
}

/* How long an attempt can do without a turn. */
static int64_t patience_ms(const struct attempt *attempt)
{
    int64_t until_ms = attempt->until_ms;

    if (attempt->stage == STAGE_UP && attempt->keep_alive_s == 0)
        return MQTT_WAIT_FOREVER_MS;
    if (attempt->stage == STAGE_UP)
        return (int64_t)attempt->keep_alive_s * MS_PER_S / KEEP_ALIVE_PARTS;
    if (attempt->stage == STAGE_LEAVING && !attempt->has_sent_disconnect)
        until_ms = attempt->publishings != NULL ? attempt->drain_until_ms : 0;
    until_ms -= mqtt_mosquitto_now_ms();
    return until_ms > 0 ? until_ms : 0;
}

static void wait_and_drive(struct mqtt_link *link)
{
    struct attempt *attempt = link->attempt;
    unsigned wanted = MQTT_WAIT_WRITE;
    struct mqtt_mosquitto_tls tls;
    unsigned ready;

    if (attempt == NULL) {
        (void)!mqtt_wait(&link->wake, MQTT_NO_SOCKET, 0, MQTT_WAIT_FOREVER_MS);
        return;
    }
    if (attempt->stage != STAGE_TCP) {
        tls = mqtt_mosquitto_tls_of(attempt->client);
        wanted = attempt->has_sent_disconnect ? 0 : MQTT_WAIT_READ;
        if (tls.is_shaking ? tls.wants_write
                           : mosquitto_want_write(attempt->client))
            wanted |= MQTT_WAIT_WRITE;
    }
    ready = mqtt_wait(&link->wake, mosquitto_socket(attempt->client), wanted,
                      patience_ms(attempt));
    drive(attempt, ready);
}

void *mqtt_mosquitto_run(void *argument)
{
    struct mqtt_link *link = argument;
    struct command *command;
    bool is_closing = false;

    while (!is_closing) {
        command = take(link, &is_closing);
        if (command != NULL && !is_closing)
            execute(link, command);
        else if (!is_closing)
            wait_and_drive(link);
    }
    /* What was accepted has its end, whatever it is. */
    if (link->attempt != NULL)
        mqtt_mosquitto_end(link->attempt, MQTT_FAILURE_NETWORK, NULL);
    for (; command != NULL; command = take(link, &is_closing)) {
        if (command->kind == COMMAND_PUBLISH)
            mqtt_mosquitto_tell_published(link, command->tag, LASTCALL_E_LINK);
        free(command);
    }
    return NULL;
}
