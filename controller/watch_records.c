#include "controller/watch_records.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/body.h"
#include "protocol/moment.h"

/* Two values of SESSION_TEXT_MAX for each change, and the words between. */
#define DETAIL_BYTES_MAX ((size_t)8 * 1024)

static struct body_writer begin(const char *type, const struct name *host,
                                int64_t at_ms)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    if (writer.object == NULL)
        writer.status = LASTCALL_E_NOMEM;
    body_put(&writer, "type", json_string(type));
    body_put_time(&writer, "at", at_ms);
    body_put(&writer, "host", json_string(host->text));
    return writer;
}

static json_t *finish(struct body_writer *writer)
{
    if (writer->status == LASTCALL_OK)
        return writer->object;
    json_decref(writer->object);
    return NULL;
}

/* The next still field from *field on in which two sessions differ. */
static bool next_change(const struct watch_event *event, unsigned *field)
{
    if (event->kind != EVENT_CHANGED || event->before == NULL)
        return false;
    for (unsigned i = *field; i < SESSION_FIELD_COUNT; i++) {
        if (session_field_info((enum session_field)i)->motion ==
                SESSION_STILL &&
            session_value_order(&event->before->fields[i],
                                &event->session->fields[i]) != SESSION_SAME) {
            *field = i;
            return true;
        }
    }
    return false;
}

/* {"state": {"from": "playing", "to": "paused"}}; null where it is not known
 * what the session was, or nothing changed it. */
static json_t *changes_or_null(const struct watch_event *event)
{
    struct body_writer writer = {NULL, LASTCALL_OK};

    if (event->kind != EVENT_CHANGED || event->before == NULL)
        return json_null();
    writer.object = json_object();
    for (unsigned i = 0; next_change(event, &i); i++) {
        struct body_writer change = {json_object(), LASTCALL_OK};

        body_put(&change, "from",
                 session_value_encode(&event->before->fields[i]));
        body_put(&change, "to",
                 session_value_encode(&event->session->fields[i]));
        body_put(&writer, session_field_info((enum session_field)i)->name,
                 finish(&change));
    }
    return finish(&writer);
}

static enum lastcall_status append_value(struct bytes *out,
                                         const struct session_value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        return bytes_append_text(out, value->as.boolean ? "yes" : "no");
    case VALUE_INTEGER:
        return bytes_append_format(out, "%" PRId64, value->as.integer);
    case VALUE_REAL:
        return bytes_append_format(out, "%.1f", value->as.real);
    case VALUE_TEXT:
        return bytes_append_text(out, value->as.text);
    }
    return bytes_append_text(out, "-");
}

/* "state playing -> paused, media_title Alien -> Aliens" */
static enum lastcall_status append_changes(struct bytes *out,
                                           const struct watch_event *event)
{
    enum lastcall_status status = LASTCALL_OK;
    size_t count = 0;

    for (unsigned i = 0; status == LASTCALL_OK && next_change(event, &i); i++) {
        if (++count > WATCH_CHANGE_SAID_MAX)
            continue;
        status = bytes_append_format(
            out, "%s%s ", count == 1 ? "" : ", ",
            session_field_info((enum session_field)i)->name);
        if (status == LASTCALL_OK)
            status = append_value(out, &event->before->fields[i]);
        if (status == LASTCALL_OK)
            status = bytes_append_text(out, " -> ");
        if (status == LASTCALL_OK)
            status = append_value(out, &event->session->fields[i]);
    }
    if (status == LASTCALL_OK && count > WATCH_CHANGE_SAID_MAX)
        status = bytes_append_format(out, ", and %zu more",
                                     count - WATCH_CHANGE_SAID_MAX);
    return status;
}

/* "by alice (ID)", "by alice (plan patch-1)"; nothing when it ended by
 * itself. */
static enum lastcall_status append_cause(struct bytes *out,
                                         const struct event *event)
{
    if (event->ended_by.text[0] == '\0')
        return LASTCALL_OK;
    if (event->ended_by_controller.text[0] == '\0')
        return bytes_append_format(out, "by request %s", event->ended_by.text);
    if (event->ended_by_plan.text[0] != '\0')
        return bytes_append_format(out, "by %s (plan %s)",
                                   event->ended_by_controller.text,
                                   event->ended_by_plan.text);
    return bytes_append_format(out, "by %s (%s)",
                               event->ended_by_controller.text,
                               event->ended_by.text);
}

static json_t *event_detail(const struct watch_event *event)
{
    struct bytes text;
    json_t *detail = NULL;
    enum lastcall_status status = LASTCALL_OK;

    bytes_init(&text, DETAIL_BYTES_MAX);
    if (event->event != NULL)
        status = append_cause(&text, event->event);
    if (status == LASTCALL_OK)
        status = append_changes(&text, event);
    if (status == LASTCALL_OK && event->event == NULL)
        status = bytes_append_text(&text, text.len > 0 ? "; noticed afterwards"
                                                       : "noticed afterwards");
    if (status == LASTCALL_OK)
        detail =
            text.len == 0 ? json_null() : json_string((const char *)text.data);
    bytes_deinit(&text);
    return detail;
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

json_t *watch_record_event(const struct watch_event *event, int64_t at_ms)
{
    static const struct event none = {0};
    const struct event *told = event->event == NULL ? &none : event->event;
    struct body_writer writer = begin("event", event->host, at_ms);

    body_put_server(&writer, event->server, event->backend);
    body_put(&writer, "kind", json_string(event_kind_name(event->kind)));
    body_put(&writer, "derived", json_boolean(event->event == NULL));
    body_put(&writer, "boot_id", text_or_null(told->boot_id));
    body_put(&writer, "seq",
             event->event == NULL ? json_null() : json_integer(told->seq));
    body_put(&writer, "ended_by", text_or_null(told->ended_by.text));
    body_put(&writer, "ended_by_controller",
             text_or_null(told->ended_by_controller.text));
    body_put(&writer, "ended_by_plan", text_or_null(told->ended_by_plan.text));
    body_put(&writer, "changes", changes_or_null(event));
    body_put(&writer, "detail", event_detail(event));
    body_put(&writer, "session", session_encode(event->session));
    return finish(&writer);
}

json_t *watch_record_host(const struct registry_host *host, const char *detail,
                          int64_t at_ms)
{
    struct body_writer writer = begin("host", &host->name, at_ms);

    body_put(&writer, "state",
             json_string(host_state_name(host->status.state)));
    body_put(&writer, "boot_id", text_or_null(host->status.boot_id));
    body_put(&writer, "detail", text_or_null(detail));
    return finish(&writer);
}

json_t *watch_record_gap(const struct name *host, const struct name *server,
                         int64_t missed, int64_t at_ms)
{
    struct body_writer writer = begin("gap", host, at_ms);
    char detail[80];

    (void)snprintf(detail, sizeof detail, "%" PRId64 " event%s never came",
                   missed, missed == 1 ? "" : "s");
    body_put(&writer, "server", json_string(server->text));
    body_put(&writer, "missed", json_integer(missed));
    body_put(&writer, "detail", json_string(detail));
    return finish(&writer);
}

/* ---- the table ---- */

#define COLUMNS(array) (array), sizeof(array) / sizeof((array)[0])

static const struct output_column columns[] = {
    {"TIME", "at", CELL_CLOCK},
    {"HOST", "host", CELL_TEXT},
    {"SERVER", "server", CELL_TEXT},
    {"EVENT", "kind|state|type", CELL_STATE},
    {"USER", "session", CELL_USER},
    {"WHAT", "session.media_title|session.session_name", CELL_TEXT},
    {"STATE", "session.state", CELL_STATE},
    {"CLIENT", "session.client_name|session.client_address", CELL_TEXT},
    {"DETAIL", "detail", CELL_TEXT},
};

/* Of 80 columns there is room for when, where, what happened, to whom, and
 * "state playing -> paused" or who ended it. */
static const struct output_span spans[sizeof columns / sizeof columns[0]] = {
    {8, 8, 4},   /* TIME */
    {10, 12, 6}, /* HOST */
    {6, 8, 2},   /* SERVER */
    {8, 8, 0},   /* EVENT */
    {10, 12, 7}, /* USER */
    {11, 24, 5}, /* WHAT */
    {7, 12, 3},  /* STATE */
    {8, 12, 1},  /* CLIENT */
    {23, 32, 0}, /* DETAIL */
};

static const struct output_column csv[] = {
    {"type", "type", CELL_TEXT},
    {"at", "at", CELL_TEXT},
    {"host", "host", CELL_TEXT},
    {"server", "server", CELL_TEXT},
    {"backend", "backend", CELL_TEXT},
    {"kind", "kind", CELL_TEXT},
    {"derived", "derived", CELL_TEXT},
    {"seq", "seq", CELL_TEXT},
    {"session_id", "session.session_id", CELL_TEXT},
    {"domain", "session.domain", CELL_TEXT},
    {"username", "session.username", CELL_TEXT},
    {"state", "session.state|state", CELL_TEXT},
    {"media_title", "session.media_title", CELL_TEXT},
    {"session_name", "session.session_name", CELL_TEXT},
    {"client_name", "session.client_name", CELL_TEXT},
    {"client_address", "session.client_address", CELL_TEXT},
    {"ended_by", "ended_by", CELL_TEXT},
    {"ended_by_controller", "ended_by_controller", CELL_TEXT},
    {"ended_by_plan", "ended_by_plan", CELL_TEXT},
    {"missed", "missed", CELL_TEXT},
    {"detail", "detail", CELL_TEXT},
};

static const struct output_block blocks[] = {
    {NULL, NULL, NULL, COLUMNS(columns), spans},
};

const struct output_layout watch_layout = {
    .noun = "events",
    .type = "event", /* the record's own where it has one */
    .name = "session.session_id",
    .blocks = COLUMNS(blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(csv), NULL},
};
