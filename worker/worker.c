#include "worker/worker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/keyfile.h"
#include "worker/executor.h"
#include "worker/herald.h"
#include "worker/identity.h"
#include "worker/journal.h"
#include "worker/pipeline.h"
#include "worker/policy.h"
#include "worker/subscriptions.h"

#define CHECK_SUFFIX "-check"
#define CHECK_WAIT_MS 5000
#define DAY_S INT64_C(86400)

struct worker {
    struct worker_context context;
    struct settings settings; /* owned, as all of the following */
    struct policy policy;
    struct identity identity;
    struct trust trust;
    struct journal journal;
    struct executor **executors;
    struct pipeline *pipeline;
    struct connection *connection;
    struct subscriptions subscriptions;
    struct bytes password;
    char client_id[WORKER_CLIENT_ID_SIZE];
    struct topic will_topic;
    struct bytes will; /* the connection's thread's */
};

static enum lastcall_status load(struct worker *worker, const char *path,
                                 struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_CONFIG;
    struct config_error fault = {0};

    status = settings_load(path, &worker->settings, &fault);
    if (status == LASTCALL_OK)
        status = policy_load(&worker->settings, &worker->policy, &fault);
    if (status != LASTCALL_OK) {
        snprintf(error->text, sizeof(error->text), "%s",
                 fault.text[0] != '\0' ? fault.text : status_text(status));
        return status;
    }
    for (size_t i = 0; i < worker->settings.server_count; i++) {
        if (worker->context.backends[worker->settings.servers[i].backend] !=
            NULL)
            continue;
        snprintf(error->text, sizeof(error->text),
                 "%.200s: [server \"%s\"] backend = %s is not in this build; "
                 "wts needs Windows",
                 path, worker->settings.servers[i].name.text,
                 backend_kind_name(
                     (enum backend_kind)worker->settings.servers[i].backend));
        return LASTCALL_E_CONFIG;
    }
    return identity_load(&worker->settings, worker->context.boot_id,
                         &worker->identity, &worker->trust, error);
}

enum lastcall_status worker_new(const struct worker_context *context,
                                const char *path, struct worker **out,
                                struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct worker *worker = calloc(1, sizeof(*worker));

    *out = NULL;
    *error = (struct platform_error){{0}};
    if (worker == NULL)
        return status;
    worker->context = *context;
    bytes_init(&worker->password, 0);
    bytes_init(&worker->will, 0);
    status = load(worker, path, error);
    if (status != LASTCALL_OK) {
        worker_free(worker);
        return status;
    }
    subscriptions_fill(&worker->identity, &worker->subscriptions);
    snprintf(worker->client_id, sizeof(worker->client_id), "lastcall-%s-%s",
             worker->identity.fleet.text, worker->identity.host.text);
    *out = worker;
    return LASTCALL_OK;
}

const struct settings *worker_settings(const struct worker *worker)
{
    return &worker->settings;
}

void worker_sessions_changed(const struct worker *worker)
{
    for (size_t i = 0; i < worker->settings.server_count; i++) {
        if (worker->settings.servers[i].backend == BACKEND_WTS &&
            worker->executors != NULL && worker->executors[i] != NULL)
            executor_hint(worker->executors[i]);
    }
}

uint64_t worker_heartbeat(const struct worker *worker)
{
    return pipeline_heartbeat(worker->pipeline);
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    bytes_deinit(&worker->will);
    bytes_deinit(&worker->password);
    trust_deinit(&worker->trust);
    identity_deinit(&worker->identity);
    policy_deinit(&worker->policy);
    settings_deinit(&worker->settings);
    free(worker);
}

/* ---- what the connection asks and tells ---- */

static void sign_will(void *context, struct mqtt_will *out)
{
    struct worker *worker = context;

    *out = (struct mqtt_will){0};
    bytes_deinit(&worker->will);
    if (herald_sign_offline(&worker->identity, worker->context.clock,
                            &worker->will) != LASTCALL_OK)
        return;
    herald_status_topic(&worker->identity, &worker->will_topic);
    out->topic = worker->will_topic.text;
    out->payload = worker->will.data;
    out->len = worker->will.len;
    out->delay_s = HERALD_WILL_DELAY_S;
}

static void on_ready(void *context)
{
    struct worker *worker = context;

    inbox_put_ready(worker->context.inbox);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct worker *worker = context;

    inbox_offer(worker->context.inbox, message);
}

static void on_published(void *context, uint64_t tag,
                         enum lastcall_status status)
{
    struct worker *worker = context;

    inbox_put_ack(worker->context.inbox, tag, status);
}

static enum lastcall_status
publish(void *context, const struct mqtt_message *message, uint64_t tag)
{
    struct worker *worker = context;

    return connection_publish(worker->connection, message, tag);
}

static void on_job_done(void *context, struct job *job)
{
    struct worker *worker = context;

    inbox_put_job(worker->context.inbox, job);
}

static void on_snapshot(void *context, struct snapshot *snapshot)
{
    struct worker *worker = context;

    inbox_put_snapshot(worker->context.inbox, snapshot);
}

/* ---- starting ---- */

static enum lastcall_status read_password(struct worker *worker,
                                          struct platform_error *error)
{
    const char *path = worker->settings.broker.password_file;

    if (path == NULL)
        return LASTCALL_OK;
    bytes_deinit(&worker->password); /* of an earlier start */
    return keyfile_read_line(path, FILE_SECRET, WORKER_PASSWORD_LEN_MAX,
                             &worker->password, error);
}

static uint32_t packet_bytes_max(void)
{
    const size_t command = token_type_bytes_max(TOKEN_COMMAND);
    const size_t revoked = token_type_bytes_max(TOKEN_REVOCATION);

    return (uint32_t)((command > revoked ? command : revoked) +
                      WORKER_PACKET_ROOM_BYTES);
}

static struct connection_options connection_options(struct worker *worker)
{
    const struct settings *settings = &worker->settings;

    return (struct connection_options){
        .mqtt =
            {
                .uri = settings->broker.uri,
                .client_id = worker->client_id,
                .username = settings->broker.username,
                .password = (const char *)worker->password.data,
                .ca = settings->broker.ca,
                .cert = settings->broker.cert,
                .cert_key = settings->broker.cert_key,
                .clean_start = false,
                .session_expiry_s = (uint32_t)settings->broker.session_expiry_s,
                .keep_alive_s = (uint16_t)settings->broker.keep_alive_s,
                .receive_maximum = WORKER_RECEIVE_MAXIMUM,
                .packet_bytes_max = packet_bytes_max(),
                .connect_timeout_s = WORKER_CONNECT_TIMEOUT_S,
            },
        .link = worker->context.link,
        .clock = worker->context.clock,
        .log = worker->context.log,
        .subscriptions = worker->subscriptions.items,
        .subscription_count = worker->subscriptions.count,
    };
}

static enum lastcall_status start_executors(struct worker *worker,
                                            struct platform_error *error)
{
    const size_t count = worker->settings.server_count;
    enum lastcall_status status = LASTCALL_OK;

    worker->executors = calloc(count, sizeof(struct executor *));
    if (worker->executors == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < count && status == LASTCALL_OK; i++) {
        const struct server_settings *server = &worker->settings.servers[i];
        const struct executor_options options = {
            .settings = server,
            .server = i,
            .ops = worker->context.backends[server->backend],
            .clock = worker->context.clock,
            .log = worker->context.log,
            .events = {worker, on_job_done, on_snapshot},
        };

        status = executor_open(&options, &worker->executors[i], error);
    }
    return status;
}

static enum lastcall_status open_pipeline(struct worker *worker)
{
    const struct pipeline_options options = {
        .settings = &worker->settings,
        .policy = &worker->policy,
        .identity = &worker->identity,
        .trust = &worker->trust,
        .journal = &worker->journal,
        .inbox = worker->context.inbox,
        .executors = worker->executors,
        .counters = worker->context.counters,
        .numbers = worker->context.numbers,
        .clock = worker->context.clock,
        .log = worker->context.log,
        .publisher = {worker, publish},
        .ready = worker->context.ready,
        .context = worker->context.ready_context,
    };

    return pipeline_open(&options, &worker->pipeline);
}

static enum lastcall_status open_connection(struct worker *worker,
                                            struct platform_error *error)
{
    const struct connection_options options = connection_options(worker);
    const struct connection_handler handler = {
        .context = worker,
        .will = sign_will,
        .ready = on_ready,
        .message = on_message,
        .published = on_published,
    };
    char detail[MQTT_DETAIL_SIZE] = "";
    enum lastcall_status status =
        connection_open(&options, &handler, &worker->connection, detail);

    if (status != LASTCALL_OK)
        snprintf(error->text, sizeof(error->text), "%s", detail);
    return status;
}

static void warn_about_grant(const struct worker *worker)
{
    const struct clock *clock = worker->context.clock;
    const int64_t left_s =
        worker->identity.grant_exp_s - clock->wall_ms(clock->state) / 1000;

    if (left_s < IDENTITY_GRANT_WARN_S)
        log_write(worker->context.log, LOG_LEVEL_WARN, LOG_EVERY, "GRANT-END",
                  "this host's grant ends in %lld days; ask for a new one",
                  (long long)(left_s / DAY_S));
}

/* End what was started, in the order in which nothing is missed. */
static void tear_down(struct worker *worker)
{
    if (worker->connection != NULL &&
        connection_flush(worker->connection, WORKER_FLUSH_MS) != LASTCALL_OK)
        log_write(worker->context.log, LOG_LEVEL_WARN, LOG_EVERY, "FLUSH-FAIL",
                  "the broker did not take everything; what it lacks is kept");
    if (worker->executors != NULL) {
        for (size_t i = 0; i < worker->settings.server_count; i++)
            executor_close(worker->executors[i]);
    }
    if (worker->connection != NULL)
        connection_close(worker->connection);
    pipeline_close(worker->pipeline);
    free(worker->executors);
    if (worker->journal.store.db != NULL)
        journal_close(&worker->journal);
    worker->connection = NULL;
    worker->pipeline = NULL;
    worker->executors = NULL;
}

enum lastcall_status worker_start(struct worker *worker,
                                  struct platform_error *error)
{
    const struct settings *settings = &worker->settings;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    *error = (struct platform_error){{0}};
    warn_about_grant(worker);
    status = read_password(worker, error);
    if (status != LASTCALL_OK)
        goto out;
    status =
        journal_open(settings->worker.state_dir, settings->worker.history_max,
                     &worker->journal, error);
    if (status != LASTCALL_OK)
        goto out;
    status = start_executors(worker, error);
    if (status != LASTCALL_OK)
        goto out;
    status = open_pipeline(worker);
    if (status != LASTCALL_OK)
        goto out;
    status = open_connection(worker, error);
    if (status != LASTCALL_OK)
        goto out;
    status = pipeline_start(worker->pipeline);

out:
    if (status != LASTCALL_OK) {
        if (error->text[0] == '\0')
            snprintf(error->text, sizeof(error->text), "%s",
                     status_text(status));
        tear_down(worker);
    }
    return status;
}

void worker_stop(struct worker *worker, enum inbox_stop how)
{
    inbox_put_stop(worker->context.inbox, how);
    pipeline_join(worker->pipeline);
    tear_down(worker);
}

/* ---- checking ---- */

static void on_message_ignored(void *context,
                               const struct mqtt_message *message)
{
    (void)context;
    (void)message;
}

/* The context is where the outcome goes. */
static void on_check_published(void *context, uint64_t tag,
                               enum lastcall_status status)
{
    (void)tag;
    atomic_store((atomic_int *)context, (int)status);
}

/*
 * A broker may grant every subscription and then deliver nothing, as mosquitto
 * does to a user that its access rules do not know.  So say something that they
 * must allow and that nobody listens for: an empty answer to ourselves.
 */
static enum lastcall_status check_access(struct worker *worker,
                                         atomic_int *published, char *detail)
{
    struct topic_parts parts = {
        .kind = TOPIC_RESULT,
        .host = worker->identity.host,
        .controller = worker->identity.host,
    };
    struct topic topic;
    const struct mqtt_message message = {
        .topic = topic.text, .payload = "", .qos = 1};
    enum lastcall_status status = platform_random_id(&parts.request_id);

    if (status != LASTCALL_OK)
        return status;
    topic_format(worker->identity.fleet.text, &parts, &topic);
    status = connection_publish(worker->connection, &message, 1);
    if (status == LASTCALL_OK)
        status = connection_flush(worker->connection, CHECK_WAIT_MS);
    if (status == LASTCALL_OK)
        status = (enum lastcall_status)atomic_load(published);
    if (status == LASTCALL_FORBIDDEN)
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "connected, but its access rules refuse what this host "
                 "publishes: is it known there as %s, by user name or "
                 "certificate?",
                 worker->identity.host.text);
    return status;
}

static enum lastcall_status check_broker(struct worker *worker)
{
    atomic_int published = LASTCALL_E_LINK;
    const struct connection_handler handler = {
        .context = &published,
        .message = on_message_ignored,
        .published = on_check_published,
    };
    struct connection_options options = connection_options(worker);
    char client_id[WORKER_CLIENT_ID_SIZE + sizeof(CHECK_SUFFIX)];
    char detail[MQTT_DETAIL_SIZE] = "";
    struct platform_error error = {{0}};
    enum lastcall_status status = read_password(worker, &error);

    if (status != LASTCALL_OK) {
        printf("FAIL broker: %s\n", error.text);
        return status;
    }
    /* An id of its own: a worker that runs must not lose its connection. */
    snprintf(client_id, sizeof(client_id), "%s" CHECK_SUFFIX,
             worker->client_id);
    options.mqtt.client_id = client_id;
    options.mqtt.password = (const char *)worker->password.data;
    options.mqtt.clean_start = true;
    options.mqtt.session_expiry_s = 0;
    options.log = NULL;
    status = connection_open(&options, &handler, &worker->connection, detail);
    if (status == LASTCALL_OK) {
        status =
            connection_wait_ready(worker->connection, CHECK_WAIT_MS, detail);
        if (status == LASTCALL_OK)
            status = check_access(worker, &published, detail);
        connection_close(worker->connection);
        worker->connection = NULL;
    }
    if (status == LASTCALL_OK)
        printf("ok   broker: %s: connected and subscribed to %zu topics\n",
               options.mqtt.uri, worker->subscriptions.count);
    else
        printf("FAIL broker: %s: %s\n", options.mqtt.uri,
               detail[0] != '\0' ? detail : status_text(status));
    return status;
}

/* A server that tells of no changes is none that fails. */
static void check_events(const struct server_settings *server,
                         const struct session_backend_ops *ops, void *state)
{
    struct session_outcome outcome = {0};
    const bool is_well = ops->check_events(state, &outcome) == LASTCALL_OK;

    if (outcome.detail[0] != '\0')
        printf("%s server %s: %s\n", is_well ? "ok  " : "warn",
               server->name.text, outcome.detail);
}

static enum lastcall_status check_server(const struct worker *worker,
                                         const struct server_settings *server)
{
    const struct session_backend_ops *ops =
        worker->context.backends[server->backend];
    struct platform_error error = {{0}};
    struct backend_report report = {0};
    const struct backend_surroundings around = {
        .settings = server,
        .clock = worker->context.clock,
    };
    void *state = NULL;
    enum lastcall_status status = ops->open(&around, &state, &error);

    if (status != LASTCALL_OK) {
        printf("FAIL server %s: %s\n", server->name.text,
               error.text[0] != '\0' ? error.text : status_text(status));
        return status;
    }
    status = ops->report(state, &report);
    if (status == LASTCALL_OK)
        status = report.rights.code;
    if (status == LASTCALL_OK)
        printf("ok   server %s: %s %s\n", server->name.text, ops->name,
               report.version);
    else
        printf("FAIL server %s: %s%s%s\n", server->name.text,
               status_text(status), report.rights.detail[0] != '\0' ? ": " : "",
               report.rights.detail);
    if (status == LASTCALL_OK)
        check_events(server, ops, state);
    ops->close(state);
    return status;
}

static void check_grant(const struct worker *worker)
{
    const struct clock *clock = worker->context.clock;
    const int64_t left_s =
        worker->identity.grant_exp_s - clock->wall_ms(clock->state) / 1000;

    printf("%s grant: %s, fleet %s, %zu group%s, ends in %lld days\n",
           left_s < IDENTITY_GRANT_WARN_S ? "warn" : "ok  ",
           worker->identity.issuer, worker->identity.fleet.text,
           worker->identity.group_count,
           worker->identity.group_count == 1 ? "" : "s",
           (long long)(left_s / DAY_S));
    if (worker->settings.policy.allow == NULL)
        printf("warn policy: no allow: this host does whatever the grants "
               "allow\n");
}

enum lastcall_status worker_check(const struct worker_context *context,
                                  const char *path)
{
    enum lastcall_status status = LASTCALL_OK;
    struct platform_error error = {{0}};
    struct worker *worker = NULL;

    status = worker_new(context, path, &worker, &error);
    if (status != LASTCALL_OK) {
        printf("FAIL %s\n", error.text);
        return status;
    }
    printf("ok   file: %s\n", path);
    printf("ok   key: %s\n", worker->identity.key.thumbprint);
    check_grant(worker);
    status = check_broker(worker);
    for (size_t i = 0; i < worker->settings.server_count; i++) {
        enum lastcall_status one =
            check_server(worker, &worker->settings.servers[i]);

        if (one != LASTCALL_OK)
            status = one;
    }
    worker_free(worker);
    return status;
}
