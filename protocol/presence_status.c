#include <stdlib.h>
#include <string.h>

#include "protocol/body.h"
#include "protocol/presence.h"
#include "protocol/presence_plan.h"

const char *host_state_name(enum host_state state)
{
    static const char *const names[HOST_STATE_COUNT] = {
        [HOST_ONLINE] = "online",
        [HOST_DRAINING] = "draining",
        [HOST_OFFLINE] = "offline",
    };

    return (unsigned)state < HOST_STATE_COUNT ? names[state] : "unknown";
}

void host_status_deinit(struct host_status *status)
{
    free(status->servers);
    free(status->counters);
    free(status->plans);
    *status = (struct host_status){0};
}

static json_t *encode_actions(uint32_t actions)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if ((actions & ACTION_BIT(i)) != 0 &&
            json_array_append_new(
                list, json_string(action_name((enum action)i))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *encode_server(const struct status_server *server)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put_text(&writer, "name", server->name.text);
    body_put(&writer, "backend",
             json_string(backend_kind_name(server->backend)));
    body_put(&writer, "reachable", json_boolean(server->reachable));
    body_put_text(&writer, "version", server->version);
    body_put(&writer, "sessions",
             server->session_count < 0 ? json_null()
                                       : json_integer(server->session_count));
    body_put(&writer, "actions", encode_actions(server->actions));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

static json_t *encode_servers(const struct host_status *status)
{
    json_t *list = json_array();

    for (size_t i = 0; i < status->server_count; i++) {
        if (json_array_append_new(list, encode_server(&status->servers[i])) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *encode_counters(const struct host_status *status)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    for (size_t i = 0; i < status->counter_count; i++)
        body_put(&writer, status->counters[i].name,
                 json_integer(status->counters[i].value));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

json_t *host_status_encode(const char *iss, int64_t iat_s, const char *jti,
                           const struct host_status *status)
{
    json_t *claims = token_claims_new(iss, iat_s, jti);
    struct body_writer writer = {json_object(), LASTCALL_OK};

    writer.status = json_put(claims, "status", writer.object);
    body_put_text(&writer, "state", host_state_name(status->state));
    body_put_text(&writer, "boot_id", status->boot_id);
    body_put_text(&writer, "version", status->version);
    body_put(&writer, "protocol", json_integer(status->protocol));
    body_put_text(&writer, "os", status->os);
    body_put_time(&writer, "clock", status->clock_ms);
    body_put(&writer, "servers", encode_servers(status));
    body_put(&writer, "counters", encode_counters(status));
    status_plans_put(&writer, claims, status->plans, status->plan_count);
    if (writer.status == LASTCALL_OK)
        return claims;
    json_decref(claims);
    return NULL;
}

/* Actions of a later version are passed over. */
static void decode_actions(struct body_reader *reader, uint32_t *out)
{
    json_t *list = NULL;

    body_get_array(reader, "actions", JSON_OPTIONAL, NAME_LEN_MAX, &list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        enum action action = ACTION_PING;

        if (name != NULL && action_parse(name, &action) == LASTCALL_OK)
            *out |= ACTION_BIT(action);
    }
}

static void decode_server(struct body_reader *reader, struct status_server *out)
{
    char kind[NAME_LEN_MAX + 1];

    out->session_count = -1;
    body_get_name(reader, "name", &out->name);
    body_get_text(reader, "backend", kind, sizeof(kind));
    if (backend_kind_parse(kind, &out->backend) != LASTCALL_OK)
        body_fail(reader, "backend", "is not known");
    body_get_bool(reader, "reachable", JSON_REQUIRED, &out->reachable);
    body_get_prose(reader, "version", out->version, sizeof(out->version));
    body_get_count(reader, "sessions", JSON_OPTIONAL, &out->session_count);
    decode_actions(reader, &out->actions);
}

static void decode_servers(struct body_reader *reader, struct host_status *out)
{
    json_t *items = NULL;

    body_get_array(reader, "servers", JSON_OPTIONAL, RESULT_SERVER_COUNT_MAX,
                   &items);
    if (json_array_size(items) == 0)
        return;
    out->servers = calloc(json_array_size(items), sizeof(*out->servers));
    if (out->servers == NULL) {
        reader->status = LASTCALL_E_NOMEM;
        return;
    }
    out->server_count = json_array_size(items);
    for (size_t i = 0; i < out->server_count; i++) {
        struct body_reader item = {json_array_get(items, i), reader->error,
                                   reader->status};

        decode_server(&item, &out->servers[i]);
        reader->status = item.status;
    }
}

static void decode_counter(struct body_reader *reader, const char *name,
                           struct status_counter *out)
{
    size_t len = strlen(name);

    if (len >= sizeof(out->name)) {
        body_fail(reader, "counters", "has a name that is too long");
        return;
    }
    memcpy(out->name, name, len + 1);
    body_get_count(reader, name, JSON_REQUIRED, &out->value);
}

static void decode_counters(struct body_reader *reader, struct host_status *out)
{
    json_t *object = NULL;
    struct body_reader inner = {NULL, reader->error, LASTCALL_OK};
    size_t count = 0;

    body_get_object(reader, "counters", JSON_OPTIONAL, &object);
    inner.object = object;
    count = json_object_size(object);
    if (count == 0)
        return;
    if (count > STATUS_COUNTER_COUNT_MAX) {
        body_fail(reader, "counters", "has too many members");
        return;
    }
    out->counters = calloc(count, sizeof(*out->counters));
    if (out->counters == NULL) {
        reader->status = LASTCALL_E_NOMEM;
        return;
    }
    for (void *place = json_object_iter(object); place != NULL;
         place = json_object_iter_next(object, place))
        decode_counter(&inner, json_object_iter_key(place),
                       &out->counters[out->counter_count++]);
    reader->status = inner.status;
}

static void decode_state(struct body_reader *reader, struct host_status *out)
{
    char text[NAME_LEN_MAX + 1];
    unsigned state = 0;

    body_get_text(reader, "state", text, sizeof(text));
    while (state < HOST_STATE_COUNT &&
           strcmp(text, host_state_name((enum host_state)state)) != 0)
        state++;
    if (state == HOST_STATE_COUNT)
        body_fail(reader, "state", "is not known");
    else
        out->state = (enum host_state)state;
}

enum lastcall_status host_status_decode(const struct verified *verified,
                                        struct host_status *out,
                                        struct json_error *error)
{
    struct body_reader reader = {verified->claims, error, LASTCALL_OK};
    json_t *body = NULL;

    *out = (struct host_status){0};
    json_error_clear(error);
    body_get_object(&reader, "status", JSON_REQUIRED, &body);
    reader.object = body;
    decode_state(&reader, out);
    body_get_text(&reader, "boot_id", out->boot_id, sizeof(out->boot_id));
    body_get_prose(&reader, "version", out->version, sizeof(out->version));
    body_get_count(&reader, "protocol", JSON_OPTIONAL, &out->protocol);
    body_get_prose(&reader, "os", out->os, sizeof(out->os));
    body_get_time(&reader, "clock", &out->clock_ms);
    decode_servers(&reader, out);
    decode_counters(&reader, out);
    status_plans_decode(&reader, out);
    if (reader.status != LASTCALL_OK)
        host_status_deinit(out);
    return reader.status;
}
