#include "controller/fleet_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/broker_login.h"
#include "controller/registry.h"
#include "controller/say.h"
#include "controller/wake.h"
#include "protocol/io/gate.h"
#include "protocol/token.h"

/* How long the broker keeps our session when the connection is gone. */
#define SESSION_EXPIRY_S 15

struct queued {
    struct queued *next;
    size_t bytes; /* that a message takes, about */
    struct fleet_event event;
};

struct fleet_link {
    struct connection *connection; /* owned */
    struct verifier *verifier;     /* owned; or NULL */
    struct broker_login login;     /* owned */
    char fleet[NAME_LEN_MAX + 1];
    pthread_mutex_t lock;    /* of everything below */
    pthread_cond_t has_room; /* for what was proved, or it closes */
    bool is_closing;
    struct queued *first; /* owned */
    struct queued **last;
    size_t queue_count;
    size_t queue_bytes;
    uint64_t dropped_count;
    uint64_t session; /* how many there have been */
    struct arrivals arrivals;
    bool is_posted;  /* fleet_link_post() was called */
    bool was_posted; /* the last event said so: now one of the queue */
    enum fleet_event_kind first_outcome; /* FLEET_TIMEOUT: none yet */
    char first_detail[MQTT_DETAIL_SIZE];
};

int64_t fleet_now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

int64_t fleet_wall_ms(void)
{
    return platform_clock.wall_ms(platform_clock.state);
}

void fleet_event_deinit(struct fleet_event *event)
{
    proof_free(event->proof);
    free(event->topic);
    free(event->detail);
    bytes_deinit(&event->payload);
    *event = (struct fleet_event){0};
}

static void count_drop(struct fleet_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->dropped_count++;
    pthread_mutex_unlock(&link->lock);
}

/*
 * Hand an event to the main thread; called on the link's, the connection's and
 * the verifier's.  Who takes events waits only when there is none, so the
 * first one alone has to wake it.
 */
static void push(struct fleet_link *link, struct queued *item)
{
    bool has_room = false;
    bool was_empty = false;

    pthread_mutex_lock(&link->lock);
    has_room = link->queue_count < FLEET_QUEUE_COUNT_MAX &&
               link->queue_bytes + item->bytes <= FLEET_QUEUE_BYTES_MAX;
    was_empty = link->first == NULL;
    if (has_room) {
        *link->last = item;
        link->last = &item->next;
        link->queue_count++;
        link->queue_bytes += item->bytes;
    } else {
        link->dropped_count++;
    }
    pthread_mutex_unlock(&link->lock);
    if (!has_room) {
        fleet_event_deinit(&item->event);
        free(item);
    }
    if (was_empty)
        wake_call();
}

static struct queued *new_item(struct fleet_link *link,
                               enum fleet_event_kind kind)
{
    struct queued *item = calloc(1, sizeof *item);

    if (item == NULL)
        count_drop(link);
    else
        item->event.kind = kind;
    return item;
}

/* A message that is not the verifier's, as it came. */
static void push_message(struct fleet_link *link,
                         const struct mqtt_message *message)
{
    struct queued *item = new_item(link, FLEET_MESSAGE);

    if (item == NULL)
        return;
    item->event.topic = bytes_copy_text(message->topic);
    item->event.is_retained = message->retain == MQTT_RETAINED;
    item->bytes = sizeof *item + message->len;
    bytes_init(&item->event.payload, TOKEN_RESULT_BYTES_MAX);
    if (item->event.topic == NULL ||
        bytes_append(&item->event.payload, message->payload, message->len) !=
            LASTCALL_OK) {
        fleet_event_deinit(&item->event);
        free(item);
        count_drop(link);
        return;
    }
    push(link, item);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct fleet_link *link = context;
    struct topic_parts parts = {0};
    const enum lastcall_status status =
        topic_parse(link->fleet, message->topic, &parts);
    uint64_t session = 0;

    pthread_mutex_lock(&link->lock);
    arrivals_note(&link->arrivals, message, parts.kind, fleet_now_ms());
    session = link->session;
    pthread_mutex_unlock(&link->lock);
    if (status != LASTCALL_OK)
        return;
    if (link->verifier == NULL || !verifier_is_for(parts.kind)) {
        push_message(link, message);
        return;
    }
    if (verifier_submit(link->verifier, &parts, message, session) !=
        LASTCALL_OK)
        count_drop(link);
    /* The verifier's threads adopt it, and so does ours. */
    if (parts.kind == TOPIC_REVOKED)
        push_message(link, message);
}

/* While too much waits to be read, who proves waits too. */
static void await_room(struct fleet_link *link)
{
    pthread_mutex_lock(&link->lock);
    while (link->queue_bytes >= FLEET_PROVED_BYTES_MAX && !link->is_closing)
        (void)gate_condition_wait(&link->has_room, &link->lock,
                                  GATE_FOREVER_MS);
    pthread_mutex_unlock(&link->lock);
}

static void on_proved(void *context, struct proof *proof)
{
    struct queued *item =
        proof == NULL ? NULL : new_item(context, FLEET_MESSAGE);

    if (item == NULL) {
        if (proof == NULL)
            count_drop(context);
        proof_free(proof);
        return;
    }
    item->event.proof = proof;
    item->event.is_retained = proof->is_retained;
    item->bytes = sizeof *item + proof->bytes;
    await_room(context);
    push(context, item);
}

static void note_first(struct fleet_link *link, enum fleet_event_kind kind,
                       const char *detail)
{
    pthread_mutex_lock(&link->lock);
    if (link->first_outcome == FLEET_TIMEOUT) {
        link->first_outcome = kind;
        snprintf(link->first_detail, sizeof link->first_detail, "%s", detail);
    }
    pthread_mutex_unlock(&link->lock);
    wake_call();
}

static void on_session(void *context)
{
    struct fleet_link *link = context;

    pthread_mutex_lock(&link->lock);
    link->session++;
    pthread_mutex_unlock(&link->lock);
}

static void on_ready(void *context)
{
    struct queued *item = new_item(context, FLEET_READY);

    note_first(context, FLEET_READY, "");
    if (item == NULL)
        return;
    item->event.session = fleet_link_session(context);
    push(context, item);
}

static void on_down(void *context, enum mqtt_failure failure,
                    const char *detail)
{
    struct queued *item = new_item(context, FLEET_DOWN);

    (void)failure;
    note_first(context, FLEET_DOWN, detail == NULL ? "" : detail);
    if (item == NULL)
        return;
    item->event.detail = bytes_copy_text(detail); /* NULL: it is not said */
    push(context, item);
}

static void on_published(void *context, uint64_t tag,
                         enum lastcall_status status)
{
    struct queued *item = new_item(context, FLEET_PUBLISHED);

    if (item == NULL)
        return;
    item->event.tag = tag;
    item->event.status = status;
    push(context, item);
}

static enum lastcall_status log_in(struct fleet_link *link,
                                   const struct controller_settings *settings)
{
    const struct broker_account account = {
        .uri = settings->broker,
        .username = settings->username,
        .password_file = settings->password_file,
        .ca = settings->ca,
        .cert = settings->cert,
        .cert_key = settings->cert_key,
    };
    struct platform_error error;
    enum lastcall_status status =
        broker_login_open(&account, &link->login, &error);

    if (status == LASTCALL_OK)
        return LASTCALL_OK;
    say_error("%s", error.text[0] != '\0' ? error.text : status_text(status));
    return LASTCALL_E_CONFIG;
}

static enum lastcall_status
open_verifier(struct fleet_link *link, const struct fleet_link_options *options)
{
    const unsigned cores = platform_core_count();
    const struct verifier_options wanted = {
        .trust = options->trust,
        .controller = options->controller,
        .thread_count =
            cores < VERIFIER_THREAD_MAX ? cores : VERIFIER_THREAD_MAX,
        .host_max = REGISTRY_HOST_MAX,
        .bytes_max = FLEET_QUEUE_BYTES_MAX,
        .clock = &platform_clock,
        .proved = on_proved,
        .context = link,
    };
    enum lastcall_status status = LASTCALL_OK;

    if (options->trust == NULL)
        return LASTCALL_OK;
    status = verifier_open(&wanted, &link->verifier);
    if (status != LASTCALL_OK)
        say_error("%s", status_text(status));
    return status;
}

static enum lastcall_status
open_connection(struct fleet_link *link,
                const struct fleet_link_options *options)
{
    char detail[MQTT_DETAIL_SIZE] = "";
    const struct connection_handler handler = {
        .context = link,
        .session = on_session,
        .ready = on_ready,
        .down = on_down,
        .message = on_message,
        .published = on_published,
    };
    struct connection_options wanted = {
        .mqtt = broker_login_options(&link->login),
        .link = mqtt_default_ops,
        .clock = &platform_clock,
        .subscriptions = options->subscriptions,
        .subscription_count = options->subscription_count,
        .ends_session = true,
    };
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    /* The id is new, so no session is there before ours. */
    wanted.mqtt.clean_start = false;
    wanted.mqtt.session_expiry_s = SESSION_EXPIRY_S;
    wanted.mqtt.packet_bytes_max =
        (uint32_t)(TOKEN_RESULT_BYTES_MAX + FLEET_PACKET_ROOM_BYTES);
    wanted.mqtt.connect_timeout_s =
        (uint32_t)((options->timeout_ms + 999) / 1000);
    status = connection_open(&wanted, &handler, &link->connection, detail);
    if (status != LASTCALL_OK)
        say_error("%s", detail[0] != '\0' ? detail : status_text(status));
    return status;
}

/* How the first attempt went; messages stay in the queue meanwhile. */
static enum fleet_event_kind first_outcome(struct fleet_link *link,
                                           char detail[MQTT_DETAIL_SIZE])
{
    enum fleet_event_kind kind = FLEET_TIMEOUT;

    pthread_mutex_lock(&link->lock);
    kind = link->first_outcome;
    snprintf(detail, MQTT_DETAIL_SIZE, "%s", link->first_detail);
    pthread_mutex_unlock(&link->lock);
    return kind;
}

/*
 * Wait for the first connect.  Not with connection_wait_ready(), which an
 * interrupt would not end; and not through the queue, where retained messages
 * may stand before the event.
 */
static enum lastcall_status await_ready(struct fleet_link *link,
                                        const char *broker, int64_t until_ms)
{
    char detail[MQTT_DETAIL_SIZE] = "";
    enum wake_reason reason = WAKE_CALLED;
    enum fleet_event_kind kind = FLEET_TIMEOUT;

    while (reason == WAKE_CALLED && kind == FLEET_TIMEOUT) {
        reason = wake_wait(until_ms - fleet_now_ms());
        kind = first_outcome(link, detail);
    }
    if (reason == WAKE_INTERRUPTED)
        return LASTCALL_E_CLOSED;
    if (kind == FLEET_READY)
        return LASTCALL_OK;
    say_error("the broker %s could not be reached: %s", broker,
              detail[0] != '\0' ? detail : "no answer in time");
    return LASTCALL_E_LINK;
}

enum lastcall_status fleet_link_open(const struct fleet_link_options *options,
                                     struct fleet_link **out)
{
    const struct controller_settings *settings = options->settings;
    int64_t until_ms = fleet_now_ms() + options->timeout_ms;
    struct fleet_link *link = calloc(1, sizeof *link);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    if (link == NULL)
        return LASTCALL_E_NOMEM;
    status = gate_condition_init(&link->has_room);
    if (status != LASTCALL_OK) {
        free(link);
        return status;
    }
    link->last = &link->first;
    snprintf(link->fleet, sizeof link->fleet, "%s", settings->fleet.text);
    pthread_mutex_init(&link->lock, NULL);
    status = wake_open();
    if (status == LASTCALL_OK)
        status = log_in(link, settings);
    if (status == LASTCALL_OK)
        status = open_verifier(link, options);
    if (status == LASTCALL_OK)
        status = open_connection(link, options);
    if (status == LASTCALL_OK)
        status = await_ready(link, settings->broker, until_ms);
    if (status == LASTCALL_OK)
        *out = link;
    else
        fleet_link_close(link);
    return status;
}

static void say_dropped(const struct fleet_link *link)
{
    if (link->dropped_count > 0)
        say_error("messages dropped, too many or too long to be held: %llu; "
                  "what is shown may be incomplete",
                  (unsigned long long)link->dropped_count);
}

void fleet_link_close(struct fleet_link *link)
{
    if (link == NULL)
        return;
    if (link->connection != NULL)
        connection_close(link->connection);
    pthread_mutex_lock(&link->lock);
    link->is_closing = true;
    pthread_cond_broadcast(&link->has_room);
    pthread_mutex_unlock(&link->lock);
    verifier_close(link->verifier);
    say_dropped(link); /* now that no other thread counts */
    while (link->first != NULL) {
        struct queued *item = link->first;

        link->first = item->next;
        fleet_event_deinit(&item->event);
        free(item);
    }
    broker_login_deinit(&link->login);
    pthread_cond_destroy(&link->has_room);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

/* What is left of a time may be less than nothing when it is asked for. */
static uint32_t wait_of(int64_t timeout_ms)
{
    if (timeout_ms < 0)
        return 0;
    return timeout_ms < UINT32_MAX ? (uint32_t)timeout_ms : UINT32_MAX;
}

enum lastcall_status fleet_link_subscribe(struct fleet_link *link,
                                          const char *filter,
                                          int64_t timeout_ms)
{
    const struct mqtt_subscription subscription = {.filter = filter, .qos = 1};

    return connection_subscribe(link->connection, &subscription, 1,
                                wait_of(timeout_ms));
}

void fleet_link_post(struct fleet_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->is_posted = true;
    pthread_mutex_unlock(&link->lock);
    wake_call();
}

static bool pop(struct fleet_link *link, struct fleet_event *out)
{
    struct queued *item = NULL;
    bool is_posted = false;

    pthread_mutex_lock(&link->lock);
    is_posted = link->is_posted && !(link->was_posted && link->first != NULL);
    link->was_posted = is_posted;
    link->is_posted &= !is_posted;
    item = is_posted ? NULL : link->first;
    if (item != NULL) {
        link->first = item->next;
        if (link->first == NULL)
            link->last = &link->first;
        link->queue_count--;
        link->queue_bytes -= item->bytes;
    }
    if (link->queue_bytes < FLEET_PROVED_BYTES_MAX)
        pthread_cond_broadcast(&link->has_room);
    pthread_mutex_unlock(&link->lock);
    if (is_posted) {
        out->kind = FLEET_POSTED;
        return true;
    }
    if (item == NULL)
        return false;
    *out = item->event;
    free(item);
    return true;
}

bool fleet_link_is_idle(struct fleet_link *link)
{
    return link->verifier == NULL || verifier_is_idle(link->verifier);
}

void fleet_link_pass_over(struct fleet_link *link, enum topic_kind kind)
{
    verifier_pass_over(link->verifier, kind);
}

uint64_t fleet_link_session(struct fleet_link *link)
{
    uint64_t session = 0;

    pthread_mutex_lock(&link->lock);
    session = link->session;
    pthread_mutex_unlock(&link->lock);
    return session;
}

struct arrivals fleet_link_arrivals(struct fleet_link *link)
{
    struct arrivals arrivals;

    pthread_mutex_lock(&link->lock);
    arrivals = link->arrivals;
    pthread_mutex_unlock(&link->lock);
    return arrivals;
}

enum lastcall_status fleet_link_probe(struct fleet_link *link,
                                      int64_t timeout_ms)
{
    struct topic probe;

    pthread_mutex_lock(&link->lock);
    probe = link->arrivals.probe;
    link->arrivals.is_probing = true;
    pthread_mutex_unlock(&link->lock);
    if (probe.text[0] == '\0')
        return LASTCALL_TIMEOUT;
    return fleet_link_subscribe(link, probe.text, timeout_ms);
}

static void begin_resume(struct fleet_link *link)
{
    pthread_mutex_lock(&link->lock);
    arrivals_begin(&link->arrivals);
    pthread_mutex_unlock(&link->lock);
    connection_resume(link->connection);
}

enum lastcall_status fleet_link_resume(struct fleet_link *link,
                                       int64_t timeout_ms)
{
    begin_resume(link);
    return connection_wait_ready(link->connection, wait_of(timeout_ms), NULL);
}

/* Something is missing, or may be: how long to wait for more before it is
 * mended. */
static int64_t patience_ms(struct fleet_link *link, bool *is_wanted)
{
    const struct arrivals came = fleet_link_arrivals(link);
    const bool has_gap = arrivals_may_lack(&came);

    *is_wanted = has_gap || arrivals_may_lack_the_last(&came);
    return has_gap ? FLEET_GAP_MS : FLEET_MEND_MS;
}

void fleet_link_next(struct fleet_link *link, int64_t until_ms,
                     struct fleet_event *out)
{
    enum wake_reason reason = WAKE_CALLED;
    int64_t wait_ms = 0;
    bool is_wanted = false;

    *out = (struct fleet_event){.kind = FLEET_TIMEOUT};
    while (reason != WAKE_INTERRUPTED && !wake_is_interrupted()) {
        const int64_t left_ms = until_ms - fleet_now_ms();

        if (pop(link, out) || left_ms <= 0)
            return;
        wait_ms = patience_ms(link, &is_wanted);
        reason = wake_wait(left_ms < wait_ms ? left_ms : wait_ms);
        if (reason == WAKE_CALLED && wake_has_reload()) {
            out->kind = FLEET_POSTED;
            return;
        }
        if (reason == WAKE_TIMEOUT && left_ms > wait_ms && is_wanted)
            begin_resume(link);
    }
    out->kind = FLEET_INTERRUPTED;
}

enum lastcall_status fleet_link_publish(struct fleet_link *link,
                                        const struct mqtt_message *message,
                                        uint64_t tag)
{
    pthread_mutex_lock(&link->lock);
    link->arrivals.has_asked = true;
    pthread_mutex_unlock(&link->lock);
    return connection_publish(link->connection, message, tag);
}

bool fleet_link_is_up(struct fleet_link *link)
{
    return connection_state(link->connection) == CONNECTION_READY;
}
