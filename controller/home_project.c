#include "controller/home_project.h"

#include "protocol/json_strict.h"
#include "protocol/moment.h"

static const char *const outcome_names[HOME_OUTCOME_COUNT] = {
    [HOME_SUCCESS] = "success",
    [HOME_FAILURE] = "failure",
    [HOME_REFUSED] = "refused",
    [HOME_SILENT] = "silent",
};

const char *home_outcome_name(enum home_outcome outcome)
{
    return outcome_names[outcome];
}

/* What is known of a session; NULL when out of memory. */
static json_t *encode_session(const struct session *session)
{
    json_t *object = json_object();

    for (unsigned i = 0; object != NULL && i < SESSION_FIELD_COUNT; i++) {
        const struct session_value *value = &session->fields[i];
        const enum session_field field = (enum session_field)i;

        if (value->kind != VALUE_NULL &&
            json_put(object, session_field_info(field)->name,
                     session_value_encode(value)) != LASTCALL_OK) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *encode_sessions(const struct session_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < list->count && i < HOME_SESSION_MAX;
         i++) {
        if (json_array_append_new(array, encode_session(&list->items[i])) !=
            0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* Write an object that was filled, if it was, and let go of it. */
static enum lastcall_status
write_object(json_t *object, enum lastcall_status status, struct bytes *out)
{
    if (status == LASTCALL_OK)
        status = json_write(object, out);
    json_decref(object);
    return status;
}

enum lastcall_status home_project_sessions(const struct inventory *inventory,
                                           struct bytes *out)
{
    const struct session_list *list = &inventory->sessions;
    char taken_at[MOMENT_TEXT_SIZE];
    json_t *object = json_object();
    enum lastcall_status status =
        json_put(object, "server", json_string(inventory->server.text));

    moment_format(inventory->taken_ms, taken_at);
    if (status == LASTCALL_OK)
        status = json_put(object, "backend",
                          json_string(backend_kind_name(inventory->backend)));
    if (status == LASTCALL_OK)
        status =
            json_put(object, "reachable", json_boolean(inventory->reachable));
    if (status == LASTCALL_OK)
        status = json_put(object, "count",
                          json_integer((json_int_t)list->total_count));
    if (status == LASTCALL_OK)
        status = json_put(object, "taken_at", json_string(taken_at));
    if (status == LASTCALL_OK)
        status = json_put(object, "truncated",
                          json_boolean(inventory->truncated ||
                                       list->count > HOME_SESSION_MAX));
    if (status == LASTCALL_OK)
        status = json_put(object, "sessions", encode_sessions(list));
    return write_object(object, status, out);
}

/* "" is null. */
static enum lastcall_status put_text(json_t *object, const char *name,
                                     const char *text)
{
    return json_put(object, name,
                    json_text_or_null(text[0] == '\0' ? NULL : text));
}

enum lastcall_status home_project_event(const struct event *event,
                                        struct bytes *out)
{
    json_t *object = json_object();
    enum lastcall_status status = json_put(
        object, "event_type", json_string(event_kind_name(event->kind)));

    if (status == LASTCALL_OK)
        status = json_put(object, "server", json_string(event->server.text));
    if (status == LASTCALL_OK)
        status = json_put(object, "backend",
                          json_string(backend_kind_name(event->backend)));
    if (status == LASTCALL_OK)
        status = put_text(object, "ended_by", event->ended_by.text);
    if (status == LASTCALL_OK)
        status = put_text(object, "ended_by_controller",
                          event->ended_by_controller.text);
    if (status == LASTCALL_OK)
        status = put_text(object, "ended_by_plan", event->ended_by_plan.text);
    if (status == LASTCALL_OK)
        status = json_put(object, "session", encode_session(&event->session));
    return write_object(object, status, out);
}

static enum lastcall_status put_number(json_t *object, const char *name,
                                       int64_t number)
{
    return json_put(object, name, json_integer((json_int_t)number));
}

/* How many hosts a broadcast was for. */
static enum lastcall_status put_hosts(json_t *object,
                                      const struct home_result *result)
{
    enum lastcall_status status = LASTCALL_OK;

    if (result->hosts < 0)
        return LASTCALL_OK;
    status = put_number(object, "hosts", result->hosts);
    if (status == LASTCALL_OK)
        status = put_number(object, "answered", result->answered);
    if (status == LASTCALL_OK)
        status = put_number(object, "silent", result->silent);
    return status;
}

enum lastcall_status home_project_result(const struct home_result *result,
                                         struct bytes *out)
{
    json_t *object = json_object();
    enum lastcall_status status = json_put(
        object, "event_type", json_string(home_outcome_name(result->outcome)));

    if (status == LASTCALL_OK)
        status = json_put(object, "button", json_string(result->button));
    if (status == LASTCALL_OK)
        status = put_text(object, "request_id", result->request_id);
    if (status == LASTCALL_OK)
        status = json_put(object, "code", json_string(result->code));
    if (status == LASTCALL_OK)
        status = json_put(object, "detail", json_string(result->detail));
    if (status == LASTCALL_OK)
        status = put_number(object, "matched", result->matched);
    if (status == LASTCALL_OK)
        status = put_number(object, "succeeded", result->succeeded);
    if (status == LASTCALL_OK)
        status = put_number(object, "failed", result->failed);
    if (status == LASTCALL_OK)
        status = put_hosts(object, result);
    return write_object(object, status, out);
}
