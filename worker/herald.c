#include "worker/herald.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/topic.h"

static int64_t now_ms(const struct herald *herald)
{
    const struct clock *clock = herald->options.clock;

    return clock->monotonic_ms(clock->state);
}

static int64_t wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->state);
}

enum lastcall_status herald_init(struct herald *herald,
                                 const struct herald_options *options)
{
    const struct settings *settings = options->settings;

    *herald = (struct herald){.options = *options, .state = HOST_ONLINE};
    herald->servers = calloc(settings->server_count, sizeof(*herald->servers));
    if (herald->servers == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < settings->server_count; i++) {
        inventory_state_init(&herald->servers[i], &settings->servers[i],
                             options->identity->boot_id);
        if (options->numbers != NULL)
            inventory_numbers_restore(options->numbers, &herald->servers[i]);
    }
    return LASTCALL_OK;
}

void herald_deinit(struct herald *herald)
{
    if (herald->servers != NULL) {
        for (size_t i = 0; i < herald->options.settings->server_count; i++) {
            if (herald->options.numbers != NULL)
                inventory_numbers_keep(herald->options.numbers,
                                       &herald->servers[i]);
            inventory_state_deinit(&herald->servers[i]);
        }
    }
    free(herald->servers);
    *herald = (struct herald){0};
}

/* ---- publishing ---- */

static enum lastcall_status publish(struct herald *herald,
                                    const struct topic_parts *parts,
                                    enum mqtt_retain retain,
                                    const struct bytes *token)
{
    enum lastcall_status status = LASTCALL_E_LINK;
    struct topic topic;
    struct mqtt_message message = {0};

    topic_format(herald->options.identity->fleet.text, parts, &topic);
    message.topic = topic.text;
    message.payload = token->data;
    message.len = token->len;
    message.qos = 1;
    message.retain = retain;
    status = herald->options.publisher.publish(
        herald->options.publisher.context, &message, 0);
    if (status != LASTCALL_OK && status != LASTCALL_E_LINK)
        log_write(herald->options.log, LOG_LEVEL_WARN, LOG_LIMITED,
                  "PUBLISH-FAIL", "%s could not be published: %s", topic.text,
                  status_text(status));
    return status;
}

static void log_unsigned(struct herald *herald, const char *what,
                         enum lastcall_status status)
{
    log_write(herald->options.log, LOG_LEVEL_ERROR, LOG_LIMITED, "SIGN-FAIL",
              "the %s could not be signed: %s", what, status_text(status));
}

static enum lastcall_status sign_inventory(struct herald *herald,
                                           const struct inventory *inventory,
                                           struct bytes *token)
{
    const struct identity *identity = herald->options.identity;
    struct request_id jti;
    enum lastcall_status status = platform_random_id(&jti);

    if (status != LASTCALL_OK)
        return status;
    return identity_sign(identity, TOKEN_SESSIONS,
                         inventory_encode(identity->issuer,
                                          wall_ms(herald->options.clock) / 1000,
                                          jti.text, inventory),
                         token);
}

static enum lastcall_status send_inventory(void *context,
                                           const struct inventory *inventory)
{
    struct herald *herald = context;
    enum lastcall_status status = LASTCALL_E_LINK;
    const struct topic_parts parts = {
        .kind = TOPIC_SESSIONS,
        .host = herald->options.identity->host,
        .server = inventory->server,
    };
    struct bytes token = {0};

    if (!herald->is_ready)
        return LASTCALL_OK; /* it goes out with the next connect */
    status = sign_inventory(herald, inventory, &token);
    if (status == LASTCALL_OK) {
        status = publish(herald, &parts, MQTT_RETAINED, &token);
        counters_add(herald->options.counters, COUNTER_INVENTORIES);
    } else {
        log_unsigned(herald, "inventory", status);
    }
    bytes_deinit(&token);
    if (status == LASTCALL_E_LINK || status == LASTCALL_E_TOO_LARGE)
        return LASTCALL_OK; /* trying again would not help */
    return status;
}

static void send_event(void *context, const struct event *event)
{
    struct herald *herald = context;
    const struct identity *identity = herald->options.identity;
    enum lastcall_status status = LASTCALL_E_LINK;
    const struct topic_parts parts = {
        .kind = TOPIC_EVENT,
        .host = identity->host,
        .server = event->server,
    };
    struct bytes token = {0};
    struct request_id jti;

    if (!herald->is_ready)
        return; /* an event nobody could hear; the inventory tells the state */
    status = platform_random_id(&jti);
    if (status == LASTCALL_OK)
        status =
            identity_sign(identity, TOKEN_EVENT,
                          event_encode(identity->issuer,
                                       wall_ms(herald->options.clock) / 1000,
                                       jti.text, event),
                          &token);
    if (status != LASTCALL_OK)
        log_unsigned(herald, "event", status);
    else if (publish(herald, &parts, MQTT_TRANSIENT, &token) != LASTCALL_OK)
        counters_add(herald->options.counters, COUNTER_EVENTS_LOST);
    bytes_deinit(&token);
}

static struct inventory_sink sink_of(struct herald *herald)
{
    return (struct inventory_sink){
        .context = herald,
        .inventory = send_inventory,
        .event = send_event,
    };
}

/* ---- status ---- */

static void status_fill(struct host_status *status,
                        const struct identity *identity,
                        const struct clock *clock)
{
    memcpy(status->boot_id, identity->boot_id, sizeof(status->boot_id));
    snprintf(status->version, sizeof(status->version), "%s", LASTCALL_VERSION);
    status->protocol = HERALD_PROTOCOL;
    platform_os_text(status->os, sizeof(status->os));
    status->clock_ms = wall_ms(clock);
}

static void status_fill_server(struct status_server *out,
                               const struct inventory_state *server)
{
    const enum backend_kind kind = (enum backend_kind)server->settings->backend;

    out->name = server->settings->name;
    out->backend = kind;
    out->reachable = server->is_known && server->current.reachable;
    out->session_count =
        server->has_listed ? (int64_t)server->current.sessions.total_count : -1;
    out->actions = backend_kind_actions(kind);
    if (server->has_report) {
        snprintf(out->version, sizeof(out->version), "%s",
                 server->report.version);
        out->actions = server->report.actions;
    }
}

static enum lastcall_status sign_status(const struct identity *identity,
                                        const struct host_status *status,
                                        struct bytes *out)
{
    enum lastcall_status result = LASTCALL_E_INTERNAL;
    struct request_id jti;

    bytes_init(out, 0);
    result = platform_random_id(&jti);
    if (result != LASTCALL_OK)
        return result;
    return identity_sign(identity, TOKEN_STATUS,
                         host_status_encode(identity->issuer,
                                            status->clock_ms / 1000, jti.text,
                                            status),
                         out);
}

enum lastcall_status herald_sign_offline(const struct identity *identity,
                                         const struct clock *clock,
                                         struct bytes *out)
{
    struct host_status status = {.state = HOST_OFFLINE};

    status_fill(&status, identity, clock);
    return sign_status(identity, &status, out);
}

void herald_status_topic(const struct identity *identity, struct topic *out)
{
    const struct topic_parts parts = {
        .kind = TOPIC_STATUS,
        .host = identity->host,
    };

    topic_format(identity->fleet.text, &parts, out);
}

static void send_status(struct herald *herald)
{
    const struct herald_options *options = &herald->options;
    const size_t server_count = options->settings->server_count;
    struct status_server servers[SETTINGS_SERVER_COUNT_MAX];
    struct status_counter counters[STATUS_COUNTER_COUNT_MAX];
    struct host_status status = {.state = herald->state};
    const struct topic_parts parts = {
        .kind = TOPIC_STATUS,
        .host = options->identity->host,
    };
    enum lastcall_status result = LASTCALL_E_INTERNAL;
    struct bytes token = {0};

    herald->status_due_ms = now_ms(herald) + HERALD_STATUS_INTERVAL_MS;
    herald->dropped_before = counters_read(options->counters, COUNTER_DROPPED);
    if (!herald->is_ready)
        return; /* it goes out with the next connect */
    memset(servers, 0, sizeof(servers));
    status_fill(&status, options->identity, options->clock);
    for (size_t i = 0; i < server_count; i++)
        status_fill_server(&servers[i], &herald->servers[i]);
    status.servers = servers; /* lent: host_status_deinit() is not called */
    status.server_count = server_count;
    status.plans = herald->plans;
    status.plan_count = herald->plan_count;
    status.counters = counters;
    status.counter_count = counters_list(options->counters, counters);
    result = sign_status(options->identity, &status, &token);
    if (result == LASTCALL_OK)
        result = publish(herald, &parts, MQTT_RETAINED, &token);
    else
        log_unsigned(herald, "status", result);
    if (result == LASTCALL_BUSY)
        herald->status_due_ms = now_ms(herald) + INVENTORY_DEBOUNCE_MS;
    bytes_deinit(&token);
}

static void want_status(struct herald *herald, int64_t due_ms)
{
    if (due_ms < herald->status_due_ms)
        herald->status_due_ms = due_ms;
}

static bool plan_is_equal(const struct status_plan *a,
                          const struct status_plan *b)
{
    return strcmp(a->id.text, b->id.text) == 0 &&
           strcmp(a->issuer, b->issuer) == 0 && a->action == b->action &&
           a->starts_ms == b->starts_ms && a->ends_ms == b->ends_ms &&
           a->phase == b->phase && a->warned == b->warned &&
           a->ended == b->ended && a->failed == b->failed &&
           a->last_code == b->last_code;
}

void herald_set_plans(struct herald *herald, const struct status_plan *plans,
                      size_t count)
{
    bool is_changed = count != herald->plan_count;

    for (size_t i = 0; i < count && !is_changed; i++)
        is_changed = !plan_is_equal(&plans[i], &herald->plans[i]);
    if (!is_changed)
        return;
    memcpy(herald->plans, plans, count * sizeof(*plans));
    herald->plan_count = count;
    want_status(herald, now_ms(herald));
}

void herald_announce(struct herald *herald, enum host_state state)
{
    herald->state = state;
    send_status(herald);
}

void herald_ready(struct herald *herald)
{
    herald->is_ready = true;
    want_status(herald, 0);
    for (size_t i = 0; i < herald->options.settings->server_count; i++)
        inventory_want(&herald->servers[i]);
}

void herald_take(struct herald *herald, struct snapshot *snapshot)
{
    struct inventory_state *server = &herald->servers[snapshot->server];
    const struct inventory_sink sink = sink_of(herald);
    const int64_t now = now_ms(herald);
    struct status_server before = {0};
    struct status_server after = {0};

    status_fill_server(&before, server);
    inventory_take(server, snapshot, now, &sink);
    status_fill_server(&after, server);
    if (before.reachable != after.reachable ||
        before.actions != after.actions ||
        strcmp(before.version, after.version) != 0)
        want_status(herald, 0);
    else if (before.session_count != after.session_count)
        want_status(herald, now + HERALD_STATUS_SOON_MS);
}

void herald_note_ending(struct herald *herald, size_t server,
                        const char *session_id,
                        const struct inventory_cause *cause)
{
    inventory_note_ending(&herald->servers[server], session_id, cause,
                          now_ms(herald));
}

int64_t herald_tick(struct herald *herald)
{
    const struct inventory_sink sink = sink_of(herald);
    const int64_t now = now_ms(herald);
    int64_t next = 0;

    /* Someone knocks with bad messages: show it soon, but not each time. */
    if (counters_read(herald->options.counters, COUNTER_DROPPED) !=
        herald->dropped_before)
        want_status(herald, now + HERALD_STATUS_SOON_MS);
    if (now >= herald->status_due_ms)
        send_status(herald);
    next = herald->status_due_ms;
    for (size_t i = 0; i < herald->options.settings->server_count; i++) {
        inventory_tick(&herald->servers[i], now, &sink);
        if (herald->servers[i].due_ms < next)
            next = herald->servers[i].due_ms;
    }
    return next;
}
