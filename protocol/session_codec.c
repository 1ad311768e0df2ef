#include <string.h>

#include "protocol/action.h"
#include "protocol/session.h"

json_t *session_value_encode(const struct session_value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        return json_boolean(value->as.boolean);
    case VALUE_INTEGER:
        return json_integer(value->as.integer);
    case VALUE_REAL:
        return json_real(value->as.real);
    case VALUE_TEXT:
        return json_string(value->as.text);
    }
    return json_null();
}

/* The family whose fields a session shows besides the common ones. */
static enum session_family family_of(const struct session *session)
{
    const char *backend = session_text(session, SESSION_BACKEND);
    enum backend_kind kind = BACKEND_PLEX;

    if (backend == NULL || backend_kind_parse(backend, &kind) != LASTCALL_OK)
        return SESSION_FAMILY_COMMON;
    return kind == BACKEND_PLEX ? SESSION_FAMILY_PLEX : SESSION_FAMILY_WTS;
}

json_t *session_encode(const struct session *session)
{
    enum session_family family = family_of(session);
    json_t *object = json_object();

    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        const struct session_field_info *info =
            session_field_info((enum session_field)i);

        if (info->family != SESSION_FAMILY_COMMON && info->family != family)
            continue;
        if (object == NULL ||
            json_put(object, info->name,
                     session_value_encode(&session->fields[i])) !=
                LASTCALL_OK) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Read one member; json_get_text() and its like know the types and bounds. */
static enum lastcall_status decode_field(const json_t *object,
                                         enum session_field field,
                                         struct session *out,
                                         struct json_error *error)
{
    const struct session_field_info *info = session_field_info(field);
    enum lastcall_status status = LASTCALL_E_SHAPE;
    const json_t *member = json_object_get(object, info->name);
    const char *text = NULL;
    int64_t integer = 0;
    bool boolean = false;

    if (member == NULL || json_is_null(member))
        return LASTCALL_OK;

    switch (info->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        status =
            json_get_bool(object, info->name, JSON_REQUIRED, &boolean, error);
        if (status == LASTCALL_OK)
            session_set_bool(out, field, boolean);
        break;
    case VALUE_INTEGER:
        status = json_get_integer(object, info->name, JSON_REQUIRED, INT64_MIN,
                                  INT64_MAX, &integer, error);
        if (status == LASTCALL_OK)
            session_set_integer(out, field, integer);
        break;
    case VALUE_REAL:
        if (json_is_number(member)) {
            session_set_real(out, field, json_number_value(member));
            status = LASTCALL_OK;
        } else {
            json_error_say(error, "%s is not a number", info->name);
        }
        break;
    case VALUE_TEXT:
        status = json_get_text(object, info->name, JSON_REQUIRED,
                               SESSION_TEXT_MAX, &text, error);
        if (status == LASTCALL_OK)
            status = session_set_text(out, field, text);
        if (status == LASTCALL_E_ENCODING)
            json_error_say(error, "%s holds control characters", info->name);
        break;
    }
    return status;
}

enum lastcall_status session_decode(const json_t *object, struct session *out,
                                    struct json_error *error)
{
    enum lastcall_status status = LASTCALL_E_SHAPE;

    *out = (struct session){0};
    json_error_clear(error);
    if (!json_is_object(object)) {
        json_error_say(error, "a session is not an object");
        return status;
    }
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        status = decode_field(object, (enum session_field)i, out, error);
        if (status != LASTCALL_OK) {
            session_deinit(out);
            /* Whatever was wrong with a member, the session is misshapen. */
            return status == LASTCALL_E_NOMEM ? status : LASTCALL_E_SHAPE;
        }
    }
    return LASTCALL_OK;
}
