#include "protocol/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/message_style.h"
#include "protocol/text.h"

#define MEMBERS_COMMON                                                         \
    "action", "backend", "server", "dry_run", "pass_thru", "limit", "splay_s", \
        "reason"
#define MEMBERS_TARGET "session_id", "where"

static const char *const ping_members[] = {MEMBERS_COMMON, NULL};
static const char *const list_members[] = {MEMBERS_COMMON, MEMBERS_TARGET,
                                           NULL};
static const char *const end_members[] = {MEMBERS_COMMON, MEMBERS_TARGET,
                                          "precondition", "confirm_s", NULL};
static const char *const message_members[] = {
    MEMBERS_COMMON, MEMBERS_TARGET, "precondition", "title", "message",
    "style",        "timeout_s",    "wait",         NULL};

static const char *const *members_of(enum action action)
{
    switch (action) {
    case ACTION_PING:
        break;
    case ACTION_LIST:
        return list_members;
    case ACTION_STOP:
    case ACTION_DISCONNECT:
    case ACTION_LOGOFF:
    case ACTION_END:
        return end_members;
    case ACTION_MESSAGE:
        return message_members;
    case ACTION_COUNT:
        break;
    }
    return ping_members;
}

void request_deinit(struct request *request)
{
    free(request->session_id);
    filter_deinit(&request->where);
    for (size_t i = 0; i < request->precondition_count; i++) {
        struct session_value *value = &request->preconditions[i].value;

        if (value->kind == VALUE_TEXT)
            free(value->as.text);
    }
    free(request->preconditions);
    free(request->reason);
    free(request->title);
    free(request->message);
    free(request->style);
    *request = (struct request){0};
}

static enum lastcall_status refuse(struct json_error *error, const char *format,
                                   ...) LASTCALL_PRINTF(2, 3);

static enum lastcall_status refuse(struct json_error *error, const char *format,
                                   ...)
{
    va_list arguments;

    if (error != NULL) {
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return LASTCALL_INVALID_REQUEST;
}

/* Whatever a getter disliked, towards the controller it has one name. */
static enum lastcall_status as_request(enum lastcall_status status)
{
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    return LASTCALL_INVALID_REQUEST;
}

/* Copy an optional text of 1 to chars_max characters. */
static enum lastcall_status read_text(const json_t *object, const char *name,
                                      size_t chars_max, char **out,
                                      struct json_error *error)
{
    const char *text = NULL;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    status = json_get_text(object, name, JSON_OPTIONAL,
                           chars_max * BYTES_UTF8_LEN_MAX, &text, error);
    if (status == LASTCALL_E_TOO_LARGE)
        return refuse(error, "%s is longer than %zu characters", name,
                      chars_max);
    if (status != LASTCALL_OK)
        return as_request(status);
    if (text == NULL)
        return LASTCALL_OK;
    if (text[0] == '\0')
        return refuse(error, "%s is empty", name);
    if (text_count_chars(text) > chars_max)
        return refuse(error, "%s is longer than %zu characters", name,
                      chars_max);
    *out = bytes_copy_text(text);
    return *out != NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
}

static enum lastcall_status
read_action(const json_t *object, struct request *out, struct json_error *error)
{
    const char *text = NULL;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    status = json_get_text(object, "action", JSON_REQUIRED, NAME_LEN_MAX, &text,
                           error);
    if (status != LASTCALL_OK)
        return as_request(status);
    if (action_parse(text, &out->action) != LASTCALL_OK)
        return refuse(error, "action is none that this version knows");
    return as_request(
        json_check_members(object, members_of(out->action), error));
}

/* Which servers: "backend" and "server". */
static enum lastcall_status read_servers(const json_t *object,
                                         struct request *out,
                                         struct json_error *error)
{
    const char *backend = NULL;
    const char *server = NULL;
    enum backend_kind kind = BACKEND_PLEX;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    status = json_get_text(object, "backend", JSON_OPTIONAL, NAME_LEN_MAX,
                           &backend, error);
    if (status == LASTCALL_OK)
        status = json_get_text(object, "server", JSON_OPTIONAL, NAME_LEN_MAX,
                               &server, error);
    if (status != LASTCALL_OK)
        return as_request(status);
    out->backends = BACKEND_SET_ALL;
    if (backend != NULL) {
        if (backend_kind_parse(backend, &kind) != LASTCALL_OK)
            return refuse(error, "backend is neither \"plex\" nor \"wts\"");
        out->backends = BACKEND_BIT(kind);
    }
    if (server != NULL &&
        name_parse(server, strlen(server), &out->server) != LASTCALL_OK)
        return refuse(error, "server is not a name");
    return LASTCALL_OK;
}

static enum lastcall_status read_where(const char *text, struct request *out,
                                       struct json_error *error)
{
    struct filter_error where_error = {0};
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    status = filter_parse(text, &out->where, &where_error);
    if (status == LASTCALL_E_NOMEM)
        return status;
    if (status != LASTCALL_OK)
        return refuse(error, "where, at byte %zu: %.110s", where_error.position,
                      where_error.text);
    out->has_where = true;
    return LASTCALL_OK;
}

/* Which sessions: "session_id" or "where". */
static enum lastcall_status read_targets(const json_t *object,
                                         struct request *out,
                                         struct json_error *error)
{
    const char *id = NULL;
    const char *where = NULL;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    status = json_get_text(object, "session_id", JSON_OPTIONAL,
                           SESSION_TEXT_MAX, &id, error);
    if (status == LASTCALL_OK)
        status = json_get_text(object, "where", JSON_OPTIONAL, FILTER_TEXT_MAX,
                               &where, error);
    if (status != LASTCALL_OK)
        return as_request(status);
    if (id != NULL && where != NULL)
        return refuse(error, "session_id and where exclude each other");
    if (id == NULL && where == NULL && action_is_change(out->action))
        return refuse(error, "%s needs session_id or where",
                      action_name(out->action));
    if (where != NULL)
        return read_where(where, out, error);
    if (id == NULL)
        return LASTCALL_OK;
    if (id[0] == '\0')
        return refuse(error, "session_id is empty");
    if (!text_is_clean(id))
        return refuse(error, "session_id holds control characters");
    out->session_id = bytes_copy_text(id);
    return out->session_id != NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
}

/* The value that a field must still have. */
static enum lastcall_status read_value(const char *name, const json_t *member,
                                       struct session_value *out,
                                       struct json_error *error)
{
    if (json_is_boolean(member)) {
        out->kind = VALUE_BOOL;
        out->as.boolean = json_is_true(member);
    } else if (json_is_integer(member)) {
        out->kind = VALUE_INTEGER;
        out->as.integer = json_integer_value(member);
    } else if (json_is_real(member)) {
        out->kind = VALUE_REAL;
        out->as.real = json_real_value(member);
    } else if (json_is_string(member)) {
        if (json_string_length(member) > SESSION_TEXT_MAX)
            return refuse(error, "precondition %s is too long", name);
        out->as.text = bytes_copy_text(json_string_value(member));
        if (out->as.text == NULL)
            return LASTCALL_E_NOMEM;
        out->kind = VALUE_TEXT;
    } else if (!json_is_null(member)) {
        return refuse(error, "precondition %s is a list or an object", name);
    }
    return LASTCALL_OK;
}

/* A value of another kind could never be met: say so before the act. */
static bool kind_fits(enum session_field field, enum value_kind given)
{
    const enum value_kind kind = session_field_info(field)->kind;

    /* 5 and 5.0 are the same number. */
    return given == VALUE_NULL || given == kind ||
           (given == VALUE_INTEGER && kind == VALUE_REAL) ||
           (given == VALUE_REAL && kind == VALUE_INTEGER);
}

static enum lastcall_status read_preconditions(const json_t *object,
                                               struct request *out,
                                               struct json_error *error)
{
    json_t *conditions = NULL;
    void *place = NULL;
    enum lastcall_status status = as_request(json_get_object(
        object, "precondition", JSON_OPTIONAL, &conditions, error));

    if (status != LASTCALL_OK || json_object_size(conditions) == 0)
        return status;
    if (json_object_size(conditions) > REQUEST_PRECONDITION_COUNT_MAX)
        return refuse(error, "precondition has more than %d fields",
                      REQUEST_PRECONDITION_COUNT_MAX);
    out->preconditions =
        calloc(json_object_size(conditions), sizeof(*out->preconditions));
    if (out->preconditions == NULL)
        return LASTCALL_E_NOMEM;
    for (place = json_object_iter(conditions); place != NULL;
         place = json_object_iter_next(conditions, place)) {
        const char *name = json_object_iter_key(place);
        struct request_precondition *condition =
            &out->preconditions[out->precondition_count];

        if (session_field_parse(name, &condition->field) != LASTCALL_OK)
            return refuse(error, "precondition names an unknown field");
        status = read_value(name, json_object_iter_value(place),
                            &condition->value, error);
        if (status != LASTCALL_OK)
            return status;
        out->precondition_count++; /* from here on it is freed with out */
        if (!kind_fits(condition->field, condition->value.kind))
            return refuse(error, "precondition %s has another kind of value",
                          name);
    }
    return LASTCALL_OK;
}

/* The switches and numbers of every action and of the ending ones; where an
 * action does not know one, json_check_members() has refused it. */
static enum lastcall_status read_options(const json_t *object,
                                         struct request *out,
                                         struct json_error *error)
{
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    out->limit = REQUEST_LIMIT_NONE;
    status =
        json_get_bool(object, "dry_run", JSON_OPTIONAL, &out->dry_run, error);
    if (status == LASTCALL_OK)
        status = json_get_bool(object, "pass_thru", JSON_OPTIONAL,
                               &out->pass_thru, error);
    if (status == LASTCALL_OK)
        status = json_get_integer(object, "limit", JSON_OPTIONAL, 0,
                                  REQUEST_LIMIT_MAX, &out->limit, error);
    if (status == LASTCALL_OK)
        status = json_get_integer(object, "splay_s", JSON_OPTIONAL, 0,
                                  REQUEST_SPLAY_S_MAX, &out->splay_s, error);
    if (status == LASTCALL_OK)
        status =
            json_get_integer(object, "confirm_s", JSON_OPTIONAL, 0,
                             REQUEST_CONFIRM_S_MAX, &out->confirm_s, error);
    if (status != LASTCALL_OK)
        return as_request(status);
    return read_text(object, "reason", REQUEST_REASON_CHARS_MAX, &out->reason,
                     error);
}

/* What only a message has. */
static enum lastcall_status read_message(const json_t *object,
                                         struct request *out,
                                         struct json_error *error)
{
    uint32_t flags = 0;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    if (out->action != ACTION_MESSAGE)
        return LASTCALL_OK;
    status = json_get_integer(object, "timeout_s", JSON_OPTIONAL, 0,
                              REQUEST_TIMEOUT_S_MAX, &out->timeout_s, error);
    if (status == LASTCALL_OK)
        status =
            json_get_bool(object, "wait", JSON_OPTIONAL, &out->wait, error);
    if (status != LASTCALL_OK)
        return as_request(status);
    status =
        read_text(object, "title", REQUEST_TITLE_CHARS_MAX, &out->title, error);
    if (status == LASTCALL_OK)
        status = read_text(object, "message", REQUEST_MESSAGE_CHARS_MAX,
                           &out->message, error);
    if (status == LASTCALL_OK)
        status = read_text(object, "style", REQUEST_STYLE_CHARS_MAX,
                           &out->style, error);
    if (status == LASTCALL_OK)
        status = as_request(message_style_parse(out->style, &flags, error));
    if (status == LASTCALL_OK && out->message == NULL)
        return refuse(error, "message needs a text in \"message\"");
    return status;
}

enum lastcall_status request_decode(const struct verified *verified,
                                    struct request *out,
                                    struct json_error *error)
{
    static enum lastcall_status (*const readers[])(
        const json_t *object, struct request *out, struct json_error *error) = {
        read_action,        read_servers, read_targets,
        read_preconditions, read_options, read_message};
    json_t *object = NULL;
    enum lastcall_status status = LASTCALL_INVALID_REQUEST;

    *out = (struct request){0};
    json_error_clear(error);
    status = as_request(json_get_object(verified->claims, "request",
                                        JSON_REQUIRED, &object, error));
    for (size_t i = 0;
         status == LASTCALL_OK && i < sizeof(readers) / sizeof(readers[0]); i++)
        status = readers[i](object, out, error);
    if (status != LASTCALL_OK)
        request_deinit(out);
    return status;
}

enum lastcall_status request_check_precondition(const struct request *request,
                                                const struct session *session,
                                                struct json_error *detail)
{
    for (size_t i = 0; i < request->precondition_count; i++) {
        const struct request_precondition *condition =
            &request->preconditions[i];

        if (session_value_order(&condition->value,
                                &session->fields[condition->field]) ==
            SESSION_SAME)
            continue;
        json_error_say(detail, "%s is not what the request expects",
                       session_field_info(condition->field)->name);
        return LASTCALL_CHANGED;
    }
    return LASTCALL_OK;
}
