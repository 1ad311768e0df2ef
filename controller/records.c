#include "controller/records.h"

#include "controller/say.h"
#include "protocol/body.h"
#include "protocol/moment.h"

static struct body_writer begin(void)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    if (writer.object == NULL)
        writer.status = LASTCALL_E_NOMEM;
    return writer;
}

static json_t *finish(struct body_writer *writer)
{
    if (writer->status == LASTCALL_OK)
        return writer->object;
    json_decref(writer->object);
    return NULL;
}

static json_t *moment_or_null(int64_t ms)
{
    char text[MOMENT_TEXT_SIZE];

    if (ms <= 0)
        return json_null();
    moment_format(ms, text);
    return json_string(text);
}

/* Add what stands in another object; its reference is taken over. */
static void put_all(struct body_writer *writer, json_t *members)
{
    if (members == NULL || (writer->status == LASTCALL_OK &&
                            json_object_update(writer->object, members) != 0))
        writer->status = LASTCALL_E_NOMEM;
    json_decref(members);
}

static json_t *result_members(const struct answer *answer)
{
    json_t *claims = result_encode(&answer->claims, "", &answer->result);
    json_t *result = json_incref(json_object_get(claims, "result"));

    json_decref(claims);
    return result;
}

json_t *record_of_answer(const struct campaign_host *host)
{
    struct body_writer writer = begin();

    body_put(&writer, "host", json_string(host->name.text));
    body_put(&writer, "outcome",
             json_string(campaign_outcome_name(host->outcome)));
    body_put(&writer, "known",
             json_boolean(host->presence != PRESENCE_UNKNOWN));
    if (!host->has_answer) {
        body_put(&writer, "success", json_null());
        return finish(&writer);
    }
    body_put(&writer, "late", json_boolean(host->is_late));
    body_put(&writer, "round_trip_ms", json_integer(host->answered_ms));
    body_put(&writer, "request_id",
             json_string(host->answer.claims.request_id.text));
    put_all(&writer, result_members(&host->answer));
    return finish(&writer);
}

static json_t *names_array(const struct name *names, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count && array != NULL; i++) {
        if (json_array_append_new(array, json_string(names[i].text)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *server_record(const struct status_server *server)
{
    struct body_writer writer = begin();

    body_put(&writer, "name", json_string(server->name.text));
    body_put(&writer, "backend",
             json_string(backend_kind_name(server->backend)));
    body_put(&writer, "reachable", json_boolean(server->reachable));
    body_put(
        &writer, "version",
        json_text_or_null(server->version[0] == '\0' ? NULL : server->version));
    body_put(&writer, "sessions",
             server->session_count < 0 ? json_null()
                                       : json_integer(server->session_count));
    return finish(&writer);
}

static json_t *servers_array(const struct host_status *status)
{
    json_t *array = json_array();

    for (size_t i = 0; i < status->server_count && array != NULL; i++) {
        if (json_array_append_new(array, server_record(&status->servers[i])) !=
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* The sessions of all servers; null when one of them cannot tell. */
static json_t *session_sum(const struct host_status *status)
{
    int64_t sum = 0;

    for (size_t i = 0; i < status->server_count; i++) {
        if (status->servers[i].session_count < 0)
            return json_null();
        sum = body_add_counts(sum, status->servers[i].session_count);
    }
    return json_integer(sum);
}

/* Why commands were dropped or refused, and how many, as the host counts. */
static json_t *counters_object(const struct host_status *status)
{
    struct body_writer writer = begin();

    for (size_t i = 0; i < status->counter_count; i++)
        body_put(&writer, status->counters[i].name,
                 json_integer(status->counters[i].value));
    return finish(&writer);
}

json_t *record_of_host(const struct registry_host *host)
{
    const struct host_status *status = &host->status;
    struct body_writer writer = begin();

    body_put(&writer, "host", json_string(host->name.text));
    body_put(&writer, "state", json_string(host_state_name(status->state)));
    body_put(&writer, "version", json_string(status->version));
    body_put(&writer, "protocol", json_integer(status->protocol));
    body_put(&writer, "os", json_string(status->os));
    body_put(&writer, "groups", names_array(host->groups, host->group_count));
    body_put(&writer, "servers", servers_array(status));
    body_put(&writer, "sessions", session_sum(status));
    body_put(&writer, "clock_ahead_s",
             host->clock_ahead_ms == 0
                 ? json_null()
                 : json_real((double)host->clock_ahead_ms / 1000.0));
    body_put(&writer, "last_seen", moment_or_null(status->clock_ms));
    body_put(&writer, "boot_id", json_string(status->boot_id));
    body_put(&writer, "counters", counters_object(status));
    return finish(&writer);
}

json_t *record_of_session(const struct session *session,
                          const struct record_source *source)
{
    struct body_writer writer = begin();
    int64_t age_ms = source->now_ms - source->taken_ms;

    body_put(&writer, "host", json_string(source->host->text));
    put_all(&writer, session_encode(session));
    body_put(&writer, "taken_at", moment_or_null(source->taken_ms));
    body_put(&writer, "age_s", json_integer(age_ms < 0 ? 0 : age_ms / 1000));
    body_put(&writer, "freshness", json_string(source->freshness));
    return finish(&writer);
}

/* Append what was wrong with a message; *array becomes NULL on failure. */
static void append_bad(json_t **array, const struct name *host,
                       enum lastcall_status status, const char *detail)
{
    struct body_writer writer = begin();

    body_put(&writer, "host", json_string(host->text));
    body_put(&writer, "code", json_string(status_name(status)));
    body_put(&writer, "detail",
             json_string(detail[0] != '\0' ? detail : status_text(status)));
    if (json_array_append_new(*array, finish(&writer)) != 0) {
        json_decref(*array);
        *array = NULL;
    }
}

static size_t kept_refusals(const struct registry *registry)
{
    if (registry->refusals == NULL)
        return 0;
    return registry->refusal_count < REGISTRY_REFUSAL_MAX
               ? registry->refusal_count
               : REGISTRY_REFUSAL_MAX;
}

static size_t kept_bad(const struct campaign *campaign)
{
    if (campaign->bad == NULL)
        return 0;
    return campaign->bad_count < CAMPAIGN_BAD_MAX ? campaign->bad_count
                                                  : CAMPAIGN_BAD_MAX;
}

json_t *record_of_refusals(const struct registry *registry)
{
    json_t *array = json_array();

    for (size_t i = 0; i < kept_refusals(registry); i++)
        append_bad(&array, &registry->refusals[i].host,
                   registry->refusals[i].status,
                   registry->refusals[i].detail.text);
    return array;
}

static json_t *bad_array(const struct campaign *campaign,
                         const struct registry *registry)
{
    json_t *array = record_of_refusals(registry);

    for (size_t i = 0; i < kept_bad(campaign); i++)
        append_bad(&array, &campaign->bad[i].host, campaign->bad[i].status,
                   campaign->bad[i].detail);
    return array;
}

/* What ended the sending before its time. */
static json_t *stop_or_null(const struct campaign *campaign)
{
    switch (campaign->pacer.phase) {
    case PACE_CANARY:
    case PACE_ROLLING:
        break;
    case PACE_STOPPED_BY_CANARY:
        return json_string("canary");
    case PACE_STOPPED_BY_FAILURES:
        return json_string("max_fail");
    }
    return json_null();
}

json_t *record_of_campaign(const struct campaign *campaign,
                           const struct registry *registry, int64_t elapsed_ms)
{
    struct campaign_tally tally;
    struct body_writer writer = begin();

    campaign_tally(campaign, &tally);
    body_put(&writer, "hosts", json_integer((json_int_t)tally.hosts));
    for (unsigned i = OUTCOME_TRUE; i < OUTCOME_COUNT; i++)
        body_put(&writer, campaign_outcome_name((enum campaign_outcome)i),
                 json_integer((json_int_t)tally.outcomes[i]));
    tally.bad += registry->refusal_count;
    body_put(&writer, "stopped_by", stop_or_null(campaign));
    body_put(&writer, "bad_signature", json_integer((json_int_t)tally.bad));
    body_put(&writer, "late", json_integer((json_int_t)tally.late));
    body_put(&writer, "duplicates", json_integer((json_int_t)tally.duplicates));
    body_put(&writer, "matched", json_integer(tally.matched));
    body_put(&writer, "succeeded", json_integer(tally.succeeded));
    body_put(&writer, "failed", json_integer(tally.failed));
    body_put(&writer, "elapsed_ms", json_integer(elapsed_ms));
    body_put(&writer, "bad", bad_array(campaign, registry));
    return finish(&writer);
}

enum exit_code record_exit_code(const struct campaign *campaign,
                                const struct registry *registry)
{
    enum exit_code code = campaign_exit_code(campaign);

    if (code == EXIT_CODE_INTERRUPTED || code == EXIT_CODE_STOPPED ||
        registry->refusal_count == 0)
        return code;
    return EXIT_CODE_REFUSED;
}

static void say_one_bad(const char *kind, const struct name *host,
                        enum lastcall_status status, const char *detail)
{
    say_error("bad signature: a %s in the name of %s: %s", kind, host->text,
              detail[0] != '\0' ? detail : status_text(status));
}

void record_say_bad(const struct campaign *campaign)
{
    for (size_t i = 0; i < kept_bad(campaign); i++)
        say_one_bad("message", &campaign->bad[i].host, campaign->bad[i].status,
                    campaign->bad[i].detail);
    if (campaign->bad_count > CAMPAIGN_BAD_MAX)
        say_error("and %zu more", campaign->bad_count - CAMPAIGN_BAD_MAX);
}

void record_say_refusals(const struct registry *registry)
{
    for (size_t i = 0; i < kept_refusals(registry); i++)
        say_one_bad("retained message", &registry->refusals[i].host,
                    registry->refusals[i].status,
                    registry->refusals[i].detail.text);
    if (registry->refusal_count > REGISTRY_REFUSAL_MAX)
        say_error("and %zu more",
                  registry->refusal_count - REGISTRY_REFUSAL_MAX);
    if (registry->refusal_count > 0)
        say_mend("a host that is gone for good is struck off by clearing its "
                 "retained topics: mosquitto_pub -r -n -t "
                 "FLEET/v1/host/NAME/status");
}
