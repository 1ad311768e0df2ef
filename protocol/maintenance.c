#include "protocol/maintenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/body.h"
#include "protocol/moment.h"
#include "protocol/text.h"

static const char *const members[] = {
    "id",     "starts_at", "ends_at", "warn_s",    "message", "reason",
    "action", "where",     "enforce", "cancelled", NULL,
};

void maintenance_deinit(struct maintenance *plan)
{
    free(plan->message);
    free(plan->reason);
    filter_deinit(&plan->where);
    *plan = (struct maintenance){0};
}

/* ---- reading ---- */

/* Copy an optional text of 1 to chars_max characters. */
static void read_text(struct body_reader *reader, const char *name,
                      size_t chars_max, char **out)
{
    const char *text = NULL;
    enum lastcall_status status = LASTCALL_OK;

    if (reader->status != LASTCALL_OK)
        return;
    status =
        json_get_text(reader->object, name, JSON_OPTIONAL,
                      chars_max * BYTES_UTF8_LEN_MAX, &text, reader->error);
    if (status == LASTCALL_E_TOO_LARGE ||
        (text != NULL && text_count_chars(text) > chars_max)) {
        body_fail(reader, name, "is too long");
        return;
    }
    reader->status = status;
    if (text == NULL)
        return;
    if (text[0] == '\0') {
        body_fail(reader, name, "is empty");
        return;
    }
    *out = bytes_copy_text(text);
    if (*out == NULL)
        reader->status = LASTCALL_E_NOMEM;
}

static void read_window(struct body_reader *reader, struct maintenance *out)
{
    body_get_time(reader, "starts_at", &out->starts_ms);
    body_get_time(reader, "ends_at", &out->ends_ms);
    if (out->cancelled && out->starts_ms == 0 && out->ends_ms == 0)
        return;
    if (out->starts_ms == 0)
        body_fail(reader, "starts_at", "is not there");
    if (out->ends_ms <= out->starts_ms)
        body_fail(reader, "ends_at", "is not after starts_at");
    if (out->ends_ms - out->starts_ms >
        MAINTENANCE_WINDOW_S_MAX * MOMENT_MS_PER_S)
        body_fail(reader, "ends_at", "is more than 31 days after starts_at");
}

static void read_warnings(struct body_reader *reader, struct maintenance *out)
{
    json_t *items = NULL;

    body_get_array(reader, "warn_s", JSON_OPTIONAL, MAINTENANCE_WARN_COUNT_MAX,
                   &items);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const int64_t warn_s = json_integer_value(item);

        if (!json_is_integer(item) || warn_s < 1 ||
            warn_s > MAINTENANCE_WARN_S_MAX) {
            body_fail(reader, "warn_s",
                      "holds something else than whole seconds from 1 to "
                      "604800");
            return;
        }
        if (i > 0 && warn_s >= out->warn_s[i - 1]) {
            body_fail(reader, "warn_s", "does not go down");
            return;
        }
        out->warn_s[i] = warn_s;
        out->warn_count = i + 1;
    }
    read_text(reader, "message", MAINTENANCE_MESSAGE_CHARS_MAX, &out->message);
    if (out->warn_count > 0 && out->message == NULL)
        body_fail(reader, "message", "is not there, and warn_s is");
}

static void read_action(struct body_reader *reader, struct maintenance *out)
{
    char text[NAME_LEN_MAX + 1];

    out->action = ACTION_END;
    body_get_text(reader, "action", text, sizeof(text));
    if (text[0] == '\0' && out->cancelled)
        return;
    if (action_parse(text, &out->action) != LASTCALL_OK ||
        !action_is_change(out->action) || out->action == ACTION_MESSAGE)
        body_fail(reader, "action",
                  "is none of end, disconnect, stop and logoff");
    read_text(reader, "reason", MAINTENANCE_REASON_CHARS_MAX, &out->reason);
}

static void read_where(struct body_reader *reader, struct maintenance *out)
{
    struct filter_error where_error = {0};
    const char *text = NULL;
    enum lastcall_status status = LASTCALL_OK;

    if (reader->status != LASTCALL_OK)
        return;
    reader->status = json_get_text(reader->object, "where", JSON_OPTIONAL,
                                   FILTER_TEXT_MAX, &text, reader->error);
    if (reader->status != LASTCALL_OK || text == NULL)
        return;
    status = filter_parse(text, &out->where, &where_error);
    if (status == LASTCALL_OK) {
        out->has_where = true;
        return;
    }
    reader->status = status == LASTCALL_E_NOMEM ? status : LASTCALL_E_SHAPE;
    json_error_say(reader->error, "where, at byte %zu: %.110s",
                   where_error.position, where_error.text);
}

enum lastcall_status maintenance_decode(const struct verified *verified,
                                        struct maintenance *out,
                                        struct json_error *error)
{
    struct body_reader reader = {verified->claims, error, LASTCALL_OK};
    json_t *object = NULL;

    *out = (struct maintenance){0};
    json_error_clear(error);
    body_get_object(&reader, "maintenance", JSON_REQUIRED, &object);
    reader.object = object;
    if (reader.status == LASTCALL_OK)
        reader.status = json_check_members(object, members, error);
    body_get_name(&reader, "id", &out->id);
    body_get_bool(&reader, "cancelled", JSON_OPTIONAL, &out->cancelled);
    read_window(&reader, out);
    read_warnings(&reader, out);
    read_action(&reader, out);
    read_where(&reader, out);
    body_get_bool(&reader, "enforce", JSON_OPTIONAL, &out->enforce);
    if (reader.status == LASTCALL_OK)
        return LASTCALL_OK;
    maintenance_deinit(out);
    return reader.status == LASTCALL_E_NOMEM ? reader.status
                                             : LASTCALL_INVALID_REQUEST;
}

enum lastcall_status
maintenance_check_times(const struct command_claims *claims,
                        const struct maintenance *plan, int64_t now_s,
                        int64_t skew_s, struct json_error *detail)
{
    json_error_clear(detail);
    if (claims->exp_s < claims->iat_s ||
        claims->exp_s - claims->iat_s > MAINTENANCE_LIFETIME_S_MAX) {
        json_error_say(detail,
                       "exp lies before iat, or more than %lld days "
                       "behind it",
                       (long long)MAINTENANCE_LIFETIME_S_MAX / 86400);
        return LASTCALL_INVALID_REQUEST;
    }
    /* A plan that expires in its own window would end half done. */
    if (claims->exp_s * MOMENT_MS_PER_S < plan->ends_ms) {
        json_error_say(detail, "exp lies before ends_at");
        return LASTCALL_INVALID_REQUEST;
    }
    return token_check_times("the maintenance plan",
                             &(struct token_times){.iat_s = claims->iat_s,
                                                   .exp_s = claims->exp_s,
                                                   .skew_s = skew_s},
                             now_s, detail);
}

/* ---- writing ---- */

static json_t *encode_warnings(const struct maintenance *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->warn_count; i++) {
        if (json_array_append_new(list, json_integer(plan->warn_s[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *encode_body(const struct maintenance *plan)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put_text(&writer, "id", plan->id.text);
    if (plan->starts_ms != 0) {
        body_put_time(&writer, "starts_at", plan->starts_ms);
        body_put_time(&writer, "ends_at", plan->ends_ms);
    }
    if (plan->warn_count > 0)
        body_put(&writer, "warn_s", encode_warnings(plan));
    /* As they were given: what a person reads is not to be cleaned here. */
    if (plan->message != NULL)
        body_put(&writer, "message", json_string(plan->message));
    if (plan->reason != NULL)
        body_put(&writer, "reason", json_string(plan->reason));
    body_put(&writer, "action", json_string(action_name(plan->action)));
    if (plan->has_where)
        body_put(&writer, "where", json_string(plan->where.text));
    if (plan->enforce)
        body_put(&writer, "enforce", json_true());
    if (plan->cancelled)
        body_put(&writer, "cancelled", json_true());
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

json_t *maintenance_encode(const char *iss, const struct command_claims *claims,
                           const struct maintenance *plan)
{
    char audience[ADDRESS_TEXT_SIZE];
    struct body_writer writer = {NULL, LASTCALL_OK};

    writer.object = token_claims_new(iss, claims->iat_s, claims->jti.text);
    if (writer.object == NULL)
        return NULL;
    address_format(&claims->audience, audience);
    body_put(&writer, "aud", json_string(audience));
    body_put(&writer, "exp", json_integer(claims->exp_s));
    body_put(&writer, "maintenance", encode_body(plan));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

enum lastcall_status maintenance_step_id(const struct name *id, int64_t iat_s,
                                         const char *step,
                                         struct request_id *out)
{
    char hash[BYTES_SHA256_TEXT_SIZE];
    char text[192];
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    const int len =
        snprintf(text, sizeof(text), "lastcall-maintenance\n%s\n%lld\n%s",
                 id->text, (long long)iat_s, step);

    *out = (struct request_id){{0}};
    if (len < 0 || (size_t)len >= sizeof(text))
        return status;
    status = bytes_sha256_text(text, (size_t)len, hash);
    if (status == LASTCALL_OK)
        status = request_id_parse(hash, strlen(hash), out);
    return status;
}
