#include "protocol/request.h"

/* Members are put only where they differ from what their absence means. */
static enum lastcall_status put_text(json_t *object, const char *name,
                                     const char *text)
{
    if (text == NULL || text[0] == '\0')
        return LASTCALL_OK;
    return json_put(object, name, json_string(text));
}

static enum lastcall_status put_true(json_t *object, const char *name,
                                     bool truth)
{
    return truth ? json_put(object, name, json_true()) : LASTCALL_OK;
}

static enum lastcall_status put_integer(json_t *object, const char *name,
                                        int64_t value, int64_t absent)
{
    if (value == absent)
        return LASTCALL_OK;
    return json_put(object, name, json_integer(value));
}

static enum lastcall_status put_backend(json_t *object, uint32_t backends)
{
    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        if (backends == BACKEND_BIT(i))
            return json_put(
                object, "backend",
                json_string(backend_kind_name((enum backend_kind)i)));
    }
    return LASTCALL_OK;
}

static enum lastcall_status put_preconditions(json_t *object,
                                              const struct request *request)
{
    json_t *conditions = NULL;
    enum lastcall_status status = LASTCALL_OK;

    if (request->precondition_count == 0)
        return LASTCALL_OK;
    conditions = json_object();
    if (conditions == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; status == LASTCALL_OK && i < request->precondition_count;
         i++) {
        const struct request_precondition *condition =
            &request->preconditions[i];

        status =
            json_put(conditions, session_field_info(condition->field)->name,
                     session_value_encode(&condition->value));
    }
    if (status == LASTCALL_OK)
        return json_put(object, "precondition", conditions);
    json_decref(conditions);
    return status;
}

static enum lastcall_status put_target(json_t *object,
                                       const struct request *request)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;

    status =
        json_put(object, "action", json_string(action_name(request->action)));
    if (status == LASTCALL_OK)
        status = put_backend(object, request->backends);
    if (status == LASTCALL_OK)
        status = put_text(object, "server", request->server.text);
    if (status == LASTCALL_OK)
        status = put_text(object, "session_id", request->session_id);
    if (status == LASTCALL_OK && request->has_where)
        status = put_text(object, "where", request->where.text);
    if (status == LASTCALL_OK)
        status = put_preconditions(object, request);
    return status;
}

static enum lastcall_status put_options(json_t *object,
                                        const struct request *request)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;

    status = put_true(object, "dry_run", request->dry_run);
    if (status == LASTCALL_OK)
        status = put_true(object, "pass_thru", request->pass_thru);
    if (status == LASTCALL_OK)
        status =
            put_integer(object, "limit", request->limit, REQUEST_LIMIT_NONE);
    if (status == LASTCALL_OK)
        status = put_integer(object, "splay_s", request->splay_s, 0);
    if (status == LASTCALL_OK)
        status = put_text(object, "reason", request->reason);
    if (status == LASTCALL_OK)
        status = put_integer(object, "confirm_s", request->confirm_s, 0);
    return status;
}

static enum lastcall_status put_message(json_t *object,
                                        const struct request *request)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;

    status = put_text(object, "title", request->title);
    if (status == LASTCALL_OK)
        status = put_text(object, "message", request->message);
    if (status == LASTCALL_OK)
        status = put_text(object, "style", request->style);
    if (status == LASTCALL_OK)
        status = put_integer(object, "timeout_s", request->timeout_s, 0);
    if (status == LASTCALL_OK)
        status = put_true(object, "wait", request->wait);
    return status;
}

json_t *request_encode(const struct request *request)
{
    json_t *object = json_object();

    if (object == NULL)
        return NULL;
    if (put_target(object, request) != LASTCALL_OK ||
        put_options(object, request) != LASTCALL_OK ||
        put_message(object, request) != LASTCALL_OK) {
        json_decref(object);
        return NULL;
    }
    return object;
}
