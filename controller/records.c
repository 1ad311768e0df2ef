#include "controller/records.h"

#include <stdlib.h>
#include <string.h>

#include "controller/say.h"
#include "protocol/moment.h"

/* A record under construction: the first failure is remembered. */
struct builder {
    json_t *object;
    bool failed;
};

static struct builder begin(void)
{
    struct builder builder = {json_object(), false};

    builder.failed = builder.object == NULL;
    return builder;
}

static void put(struct builder *builder, const char *name, json_t *value)
{
    if (builder->failed) {
        json_decref(value);
        return;
    }
    builder->failed = json_put(builder->object, name, value) != LASTCALL_OK;
}

static json_t *finish(struct builder *builder)
{
    if (!builder->failed)
        return builder->object;
    json_decref(builder->object);
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
static void put_all(struct builder *builder, json_t *members)
{
    if (members == NULL ||
        (!builder->failed && json_object_update(builder->object, members) != 0))
        builder->failed = true;
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
    struct builder builder = begin();

    put(&builder, "host", json_string(host->name.text));
    put(&builder, "outcome", json_string(campaign_outcome_name(host->outcome)));
    put(&builder, "known", json_boolean(host->presence != PRESENCE_UNKNOWN));
    if (!host->has_answer) {
        put(&builder, "success", json_null());
        return finish(&builder);
    }
    put(&builder, "round_trip_ms", json_integer(host->answered_ms));
    put(&builder, "request_id",
        json_string(host->answer.claims.request_id.text));
    put_all(&builder, result_members(&host->answer));
    return finish(&builder);
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
    struct builder builder = begin();

    put(&builder, "name", json_string(server->name.text));
    put(&builder, "backend", json_string(backend_kind_name(server->backend)));
    put(&builder, "reachable", json_boolean(server->reachable));
    put(&builder, "version",
        json_text_or_null(server->version[0] == '\0' ? NULL : server->version));
    put(&builder, "sessions",
        server->session_count < 0 ? json_null()
                                  : json_integer(server->session_count));
    return finish(&builder);
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
        sum += status->servers[i].session_count;
    }
    return json_integer(sum);
}

json_t *record_of_host(const struct registry_host *host)
{
    const struct host_status *status = &host->status;
    struct builder builder = begin();

    put(&builder, "host", json_string(host->name.text));
    put(&builder, "state", json_string(host_state_name(status->state)));
    put(&builder, "version", json_string(status->version));
    put(&builder, "protocol", json_integer(status->protocol));
    put(&builder, "os", json_string(status->os));
    put(&builder, "groups", names_array(host->groups, host->group_count));
    put(&builder, "servers", servers_array(status));
    put(&builder, "sessions", session_sum(status));
    put(&builder, "clock_ahead_s",
        host->clock_ahead_ms == 0
            ? json_null()
            : json_real((double)host->clock_ahead_ms / 1000.0));
    put(&builder, "last_seen", moment_or_null(status->clock_ms));
    put(&builder, "boot_id", json_string(status->boot_id));
    return finish(&builder);
}

json_t *record_of_session(const struct session *session,
                          const struct record_source *source)
{
    struct builder builder = begin();
    int64_t age_ms = source->now_ms - source->taken_ms;

    put(&builder, "host", json_string(source->host->text));
    put_all(&builder, session_encode(session));
    put(&builder, "taken_at", moment_or_null(source->taken_ms));
    put(&builder, "age_s", json_integer(age_ms < 0 ? 0 : age_ms / 1000));
    put(&builder, "freshness", json_string(source->freshness));
    return finish(&builder);
}

static json_t *bad_array(const struct campaign *campaign)
{
    json_t *array = json_array();

    for (size_t i = 0; i < campaign->bad_count && i < CAMPAIGN_BAD_MAX; i++) {
        struct builder builder = begin();

        put(&builder, "host", json_string(campaign->bad[i].host.text));
        put(&builder, "code",
            json_string(status_name(campaign->bad[i].status)));
        put(&builder, "detail", json_text_or_null(campaign->bad[i].detail));
        if (array == NULL ||
            json_array_append_new(array, finish(&builder)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *record_of_campaign(const struct campaign *campaign, int64_t elapsed_ms)
{
    struct campaign_tally tally;
    struct builder builder = begin();

    campaign_tally(campaign, &tally);
    put(&builder, "hosts", json_integer((json_int_t)tally.hosts));
    for (unsigned i = OUTCOME_TRUE; i < OUTCOME_COUNT; i++)
        put(&builder, campaign_outcome_name((enum campaign_outcome)i),
            json_integer((json_int_t)tally.outcomes[i]));
    put(&builder, "bad_signature", json_integer((json_int_t)tally.bad));
    put(&builder, "duplicates", json_integer((json_int_t)tally.duplicates));
    put(&builder, "matched", json_integer(tally.matched));
    put(&builder, "succeeded", json_integer(tally.succeeded));
    put(&builder, "failed", json_integer(tally.failed));
    put(&builder, "elapsed_ms", json_integer(elapsed_ms));
    put(&builder, "bad", bad_array(campaign));
    return finish(&builder);
}

json_t *record_of_refusals(const struct registry *registry)
{
    json_t *array = json_array();

    for (size_t i = 0; i < registry->refusal_count &&
                       i < REGISTRY_REFUSAL_MAX && registry->refusals != NULL;
         i++) {
        const struct registry_refusal *refusal = &registry->refusals[i];
        struct builder builder = begin();

        put(&builder, "host", json_string(refusal->host.text));
        put(&builder, "code", json_string(status_name(refusal->status)));
        put(&builder, "detail",
            json_string(refusal->detail.text[0] != '\0'
                            ? refusal->detail.text
                            : status_text(refusal->status)));
        if (array == NULL ||
            json_array_append_new(array, finish(&builder)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

void record_say_bad(const struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->bad_count && i < CAMPAIGN_BAD_MAX &&
                       campaign->bad != NULL;
         i++)
        say_error("bad signature: a message in the name of %s: %s",
                  campaign->bad[i].host.text, campaign->bad[i].detail);
    if (campaign->bad_count > CAMPAIGN_BAD_MAX)
        say_error("and %zu more", campaign->bad_count - CAMPAIGN_BAD_MAX);
}

void record_say_refusals(const struct registry *registry)
{
    for (size_t i = 0; i < registry->refusal_count &&
                       i < REGISTRY_REFUSAL_MAX && registry->refusals != NULL;
         i++)
        say_error("bad signature: a retained message in the name of %s: %s",
                  registry->refusals[i].host.text,
                  registry->refusals[i].detail.text[0] != '\0'
                      ? registry->refusals[i].detail.text
                      : status_text(registry->refusals[i].status));
    if (registry->refusal_count > REGISTRY_REFUSAL_MAX)
        say_error("and %zu more",
                  registry->refusal_count - REGISTRY_REFUSAL_MAX);
}
