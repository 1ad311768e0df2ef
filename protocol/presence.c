#include "protocol/presence.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/body.h"

/* Room for the numbers and booleans that are written after the sessions. */
#define INVENTORY_TAIL_LEN_MAX 96

const char *event_kind_name(enum event_kind kind)
{
    static const char *const names[EVENT_KIND_COUNT] = {
        [EVENT_STARTED] = "started",
        [EVENT_CHANGED] = "changed",
        [EVENT_ENDED] = "ended",
    };

    return (unsigned)kind < EVENT_KIND_COUNT ? names[kind] : "unknown";
}

void inventory_deinit(struct inventory *inventory)
{
    session_list_deinit(&inventory->sessions);
    *inventory = (struct inventory){0};
}

static json_t *encode_error(const struct inventory *inventory)
{
    struct body_writer writer = {NULL, LASTCALL_OK};

    if (inventory->error_code == LASTCALL_OK)
        return json_null();
    writer.object = json_object();
    body_put(&writer, "code", json_string(status_name(inventory->error_code)));
    body_put_text(&writer, "detail", inventory->error_detail);
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

/* The sessions as far as they fit; *count is how many did. */
static enum lastcall_status put_sessions(json_t *claims, json_t *body,
                                         const struct inventory *inventory,
                                         size_t *count)
{
    struct body_budget budget = {INVENTORY_TAIL_LEN_MAX,
                                 body_claims_max(TOKEN_SESSIONS)};
    json_t *sessions = json_array();
    enum lastcall_status status = json_put(body, "sessions", sessions);

    *count = 0;
    if (status == LASTCALL_OK)
        status = body_budget_take(&budget, claims);
    while (status == LASTCALL_OK && *count < inventory->sessions.count) {
        json_t *item = session_encode(&inventory->sessions.items[*count]);

        status = body_budget_take(&budget, item);
        if (status == LASTCALL_OK && json_array_append(sessions, item) != 0)
            status = LASTCALL_E_NOMEM;
        *count += status == LASTCALL_OK;
        json_decref(item);
    }
    return status == LASTCALL_E_TOO_LARGE ? LASTCALL_OK : status;
}

static void put_inventory(struct body_writer *writer, json_t *claims,
                          const struct inventory *inventory)
{
    size_t total = inventory->sessions.total_count;
    size_t count = 0;

    body_put_server(writer, &inventory->server, inventory->backend);
    body_put_text(writer, "boot_id", inventory->boot_id);
    body_put(writer, "seq", json_integer(inventory->seq));
    body_put_time(writer, "taken_at", inventory->taken_ms);
    body_put(writer, "reachable", json_boolean(inventory->reachable));
    body_put(writer, "error", encode_error(inventory));
    if (writer->status == LASTCALL_OK)
        writer->status =
            put_sessions(claims, writer->object, inventory, &count);
    if (total < inventory->sessions.count)
        total = inventory->sessions.count;
    body_put(writer, "count", json_integer((json_int_t)total));
    body_put(writer, "truncated",
             json_boolean(inventory->truncated || count < total));
}

/* The claims of a token with one body; a writer on that body. */
static json_t *claims_with(const char *iss, int64_t iat_s, const char *jti,
                           const char *name, struct body_writer *writer)
{
    json_t *claims = token_claims_new(iss, iat_s, jti);

    *writer = (struct body_writer){json_object(), LASTCALL_OK};
    writer->status = json_put(claims, name, writer->object);
    return claims;
}

static json_t *claims_done(json_t *claims, const struct body_writer *writer)
{
    if (writer->status == LASTCALL_OK)
        return claims;
    json_decref(claims);
    return NULL;
}

json_t *inventory_encode(const char *iss, int64_t iat_s, const char *jti,
                         const struct inventory *inventory)
{
    struct body_writer writer;
    json_t *claims = claims_with(iss, iat_s, jti, "inventory", &writer);

    put_inventory(&writer, claims, inventory);
    return claims_done(claims, &writer);
}

static void decode_error(struct body_reader *reader, struct inventory *out)
{
    json_t *object = NULL;
    struct body_reader inner = {NULL, reader->error, LASTCALL_OK};

    body_get_object(reader, "error", JSON_OPTIONAL, &object);
    if (object == NULL)
        return;
    inner.object = object;
    body_get_verdict(&inner, &out->error_code, out->error_detail,
                     sizeof(out->error_detail));
    reader->status = inner.status;
}

static void decode_sessions(struct body_reader *reader,
                            struct session_list *out)
{
    json_t *items = NULL;
    size_t count = 0;
    int64_t total = 0;

    body_get_array(reader, "sessions", JSON_REQUIRED, SESSION_COUNT_MAX,
                   &items);
    count = json_array_size(items);
    total = (int64_t)count;
    body_get_count(reader, "count", JSON_OPTIONAL, &total);
    if (reader->status == LASTCALL_OK && (uint64_t)total < count)
        body_fail(reader, "count", "is below the number of sessions");
    if (reader->status == LASTCALL_OK && count > 0) {
        out->items = calloc(count, sizeof(*out->items));
        out->capacity = out->items != NULL ? count : 0;
        if (out->items == NULL)
            reader->status = LASTCALL_E_NOMEM;
    }
    while (reader->status == LASTCALL_OK && out->count < count) {
        reader->status = session_decode(json_array_get(items, out->count),
                                        &out->items[out->count], reader->error);
        out->count++;
    }
    out->total_count = (size_t)total;
}

enum lastcall_status inventory_decode(const struct verified *verified,
                                      struct inventory *out,
                                      struct json_error *error)
{
    struct body_reader reader = {verified->claims, error, LASTCALL_OK};
    json_t *body = NULL;

    *out = (struct inventory){0};
    json_error_clear(error);
    body_get_object(&reader, "inventory", JSON_REQUIRED, &body);
    reader.object = body;
    body_get_server(&reader, &out->server, &out->backend);
    body_get_text(&reader, "boot_id", out->boot_id, sizeof(out->boot_id));
    body_get_count(&reader, "seq", JSON_REQUIRED, &out->seq);
    body_get_time(&reader, "taken_at", &out->taken_ms);
    body_get_bool(&reader, "reachable", JSON_REQUIRED, &out->reachable);
    decode_error(&reader, out);
    body_get_bool(&reader, "truncated", JSON_OPTIONAL, &out->truncated);
    decode_sessions(&reader, &out->sessions);
    if (reader.status != LASTCALL_OK)
        inventory_deinit(out);
    return reader.status;
}

void event_deinit(struct event *event)
{
    session_deinit(&event->session);
    *event = (struct event){0};
}

json_t *event_encode(const char *iss, int64_t iat_s, const char *jti,
                     const struct event *event)
{
    struct body_writer writer;
    json_t *claims = claims_with(iss, iat_s, jti, "event", &writer);

    body_put_server(&writer, &event->server, event->backend);
    body_put_text(&writer, "boot_id", event->boot_id);
    body_put(&writer, "seq", json_integer(event->seq));
    body_put(&writer, "kind", json_string(event_kind_name(event->kind)));
    body_put(&writer, "session", session_encode(&event->session));
    body_put_text(&writer, "ended_by", event->ended_by.text);
    if (event->ended_by_controller.text[0] != '\0')
        body_put_text(&writer, "ended_by_controller",
                      event->ended_by_controller.text);
    if (event->ended_by_plan.text[0] != '\0')
        body_put_text(&writer, "ended_by_plan", event->ended_by_plan.text);
    return claims_done(claims, &writer);
}

static void decode_event_kind(struct body_reader *reader, struct event *out)
{
    char text[NAME_LEN_MAX + 1];
    unsigned kind = 0;

    body_get_text(reader, "kind", text, sizeof(text));
    while (kind < EVENT_KIND_COUNT &&
           strcmp(text, event_kind_name((enum event_kind)kind)) != 0)
        kind++;
    if (kind == EVENT_KIND_COUNT)
        body_fail(reader, "kind", "is not known");
    else
        out->kind = (enum event_kind)kind;
}

/* A name that says more of the request in ended_by. */
static void decode_cause(struct body_reader *reader, const char *member,
                         const struct event *event, struct name *out)
{
    body_get_text(reader, member, out->text, sizeof(out->text));
    if (out->text[0] == '\0')
        return;
    if (!name_is_valid(out->text, strlen(out->text)))
        body_fail(reader, member, "is not a name");
    if (event->ended_by.text[0] == '\0')
        body_fail(reader, member, "is of no request");
}

static void decode_ended_by(struct body_reader *reader, struct event *out)
{
    body_get_text(reader, "ended_by", out->ended_by.text,
                  sizeof(out->ended_by.text));
    if (out->ended_by.text[0] != '\0' &&
        !request_id_is_valid(out->ended_by.text, strlen(out->ended_by.text)))
        body_fail(reader, "ended_by", "is not a request id");
    decode_cause(reader, "ended_by_controller", out, &out->ended_by_controller);
    decode_cause(reader, "ended_by_plan", out, &out->ended_by_plan);
}

enum lastcall_status event_decode(const struct verified *verified,
                                  struct event *out, struct json_error *error)
{
    struct body_reader reader = {verified->claims, error, LASTCALL_OK};
    json_t *body = NULL;
    json_t *session = NULL;

    *out = (struct event){0};
    json_error_clear(error);
    body_get_object(&reader, "event", JSON_REQUIRED, &body);
    reader.object = body;
    body_get_server(&reader, &out->server, &out->backend);
    body_get_text(&reader, "boot_id", out->boot_id, sizeof(out->boot_id));
    body_get_count(&reader, "seq", JSON_REQUIRED, &out->seq);
    decode_event_kind(&reader, out);
    decode_ended_by(&reader, out);
    body_get_object(&reader, "session", JSON_REQUIRED, &session);
    if (reader.status == LASTCALL_OK)
        reader.status = session_decode(session, &out->session, error);
    if (reader.status != LASTCALL_OK)
        event_deinit(out);
    return reader.status;
}
