#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/body.h"
#include "protocol/grant.h"
#include "protocol/result.h"

/* {"success":..,"truncated":true} and what stands around it, with room. */
#define TRUNCATED_LEN_MAX 32

static json_t *encode_server(const struct server_result *server)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put_server(&writer, &server->server, server->backend);
    body_put_verdict(&writer, server->code, server->detail);
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

static json_t *encode_session(const struct session_result *session)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put(&writer, "session_id", json_text_or_null(session->session_id));
    body_put_server(&writer, &session->server, session->backend);
    body_put_verdict(&writer, session->code, session->detail);
    if (session->response[0] != '\0')
        body_put_text(&writer, "response", session->response);
    if (session->has_session)
        body_put(&writer, "session", session_encode(session->session));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

/* Which step of which plan this is the result of; commands have none. */
static json_t *encode_step(const struct result *result)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put_text(&writer, "id", result->plan.text);
    body_put_text(&writer, "step", result->step);
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

/* Everything but the sessions. */
static void put_summary(struct body_writer *writer, const struct result *result)
{
    json_t *servers = json_array();

    body_put(writer, "success", json_boolean(result_is_success(result)));
    body_put(writer, "code", json_string(status_name(result->code)));
    body_put_text(writer, "detail", result->detail);
    body_put_text(writer, "action",
                  result->has_action ? action_name(result->action) : "");
    body_put(writer, "dry_run", json_boolean(result->dry_run));
    body_put(writer, "replayed", json_boolean(result->replayed));
    body_put(writer, "matched", json_integer(result->matched));
    body_put(writer, "succeeded", json_integer(result->succeeded));
    body_put(writer, "failed", json_integer(result->failed));
    body_put_time(writer, "received_at", result->received_ms);
    body_put_time(writer, "started_at", result->started_ms);
    body_put_time(writer, "finished_at", result->finished_ms);
    body_put_text(writer, "boot_id", result->boot_id);
    for (size_t i = 0; i < result->server_count; i++) {
        if (json_array_append_new(servers,
                                  encode_server(&result->servers[i])) != 0)
            writer->status = LASTCALL_E_NOMEM;
    }
    body_put(writer, "servers", servers);
    if (result->plan.text[0] != '\0')
        body_put(writer, "maintenance", encode_step(result));
}

/*
 * So few sessions fit, however long: each has at most SESSION_FIELD_COUNT texts
 * of SESSION_TEXT_MAX bytes, and JSON makes no more than six of one.  That
 * leaves a quarter of a result for the rest, and spares the common result
 * being written out to be measured.
 */
#define SESSIONS_SURE_TO_FIT                                                   \
    (TOKEN_RESULT_BYTES_MAX / 2 /                                              \
     ((size_t)(SESSION_FIELD_COUNT + 4) * (SESSION_TEXT_MAX + 32) * 6))

/* The sessions as far as they fit. */
static enum lastcall_status put_sessions(json_t *claims, json_t *body,
                                         const struct result *result)
{
    struct body_budget budget = {TRUNCATED_LEN_MAX,
                                 body_claims_max(TOKEN_RESULT)};
    json_t *sessions = json_array();
    const bool is_measured = result->session_count > SESSIONS_SURE_TO_FIT;
    bool is_cut = result->truncated;
    enum lastcall_status status = json_put(body, "sessions", sessions);

    if (status == LASTCALL_OK && is_measured)
        status = body_budget_take(&budget, claims);
    for (size_t i = 0; status == LASTCALL_OK && i < result->session_count;
         i++) {
        json_t *item = encode_session(&result->sessions[i]);

        if (is_measured)
            status = body_budget_take(&budget, item);
        else
            status = item != NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
        if (status == LASTCALL_OK)
            status = json_array_append(sessions, item) == 0 ? LASTCALL_OK
                                                            : LASTCALL_E_NOMEM;
        json_decref(item);
    }
    if (status == LASTCALL_E_TOO_LARGE) {
        is_cut = true;
        status = LASTCALL_OK;
    }
    if (status == LASTCALL_OK && is_cut)
        status = json_put(body, "truncated", json_true());
    return status;
}

static json_t *encode(const struct result_claims *claims, const char *jti,
                      const struct result *result)
{
    char host[GRANT_SUBJECT_SIZE];
    char controller[GRANT_SUBJECT_SIZE];
    json_t *object = NULL;
    json_t *body = json_object();
    struct body_writer outer = {NULL, LASTCALL_OK};
    struct body_writer inner = {body, LASTCALL_OK};

    subject_format(SUBJECT_HOST, &claims->host, host);
    subject_format(SUBJECT_CONTROLLER, &claims->controller, controller);
    object = token_claims_new(host, claims->iat_s, jti);
    outer.object = object;
    if (object == NULL || body == NULL) {
        json_decref(body);
        json_decref(object);
        return NULL;
    }
    body_put(&outer, "aud", json_string(controller));
    body_put(&outer, "request_id", json_string(claims->request_id.text));
    body_put(&outer, "request_hash", json_string(claims->request_hash));
    body_put(&outer, "result", body);
    if (outer.status == LASTCALL_OK)
        put_summary(&inner, result);
    if (outer.status == LASTCALL_OK && inner.status == LASTCALL_OK)
        inner.status = put_sessions(object, body, result);
    if (outer.status == LASTCALL_OK && inner.status == LASTCALL_OK)
        return object;
    json_decref(object);
    return NULL;
}

json_t *result_encode(const struct result_claims *claims, const char *jti,
                      const struct result *result)
{
    struct result whole;
    json_t *object = NULL;

    if (result->packed == NULL)
        return encode(claims, jti, result);
    if (result_unpack(result, &whole) != LASTCALL_OK)
        return NULL;
    object = encode(claims, jti, &whole);
    result_deinit(&whole);
    return object;
}

static void decode_claims(struct body_reader *reader,
                          const struct verified *verified,
                          struct result_claims *out)
{
    char text[GRANT_SUBJECT_SIZE] = "";
    enum subject_kind kind = SUBJECT_CONTROLLER;

    out->iat_s = verified->iat_s;
    if (subject_parse(verified->iss, &kind, &out->host) != LASTCALL_OK ||
        kind != SUBJECT_HOST)
        body_fail(reader, "iss", "is not a host");
    body_get_text(reader, "aud", text, sizeof(text));
    if (subject_parse(text, &kind, &out->controller) != LASTCALL_OK ||
        kind != SUBJECT_CONTROLLER)
        body_fail(reader, "aud", "is not a controller");
    body_get_text(reader, "request_id", out->request_id.text,
                  sizeof(out->request_id.text));
    if (!request_id_is_valid(out->request_id.text,
                             strlen(out->request_id.text)))
        body_fail(reader, "request_id", "is not a request id");
    body_get_text(reader, "request_hash", out->request_hash,
                  sizeof(out->request_hash));
    if (strlen(out->request_hash) != BYTES_SHA256_TEXT_SIZE - 1)
        body_fail(reader, "request_hash", "is not a SHA-256");
}

static void decode_servers(struct body_reader *reader, struct result *out)
{
    json_t *items = NULL;

    body_get_array(reader, "servers", JSON_REQUIRED, RESULT_SERVER_COUNT_MAX,
                   &items);
    if (reader->status != LASTCALL_OK || json_array_size(items) == 0)
        return;
    out->servers = calloc(json_array_size(items), sizeof(*out->servers));
    if (out->servers == NULL) {
        reader->status = LASTCALL_E_NOMEM;
        return;
    }
    out->server_count = json_array_size(items);
    for (size_t i = 0; i < out->server_count; i++) {
        struct server_result *server = &out->servers[i];
        struct body_reader item = {json_array_get(items, i), reader->error,
                                   reader->status};

        body_get_server(&item, &server->server, &server->backend);
        body_get_verdict(&item, &server->code, server->detail,
                         sizeof(server->detail));
        reader->status = item.status;
    }
}

static void decode_session(struct body_reader *reader,
                           struct session_result *out)
{
    char id[SESSION_TEXT_MAX + 1];
    json_t *session = NULL;

    body_get_text(reader, "session_id", id, sizeof(id));
    body_get_server(reader, &out->server, &out->backend);
    body_get_verdict(reader, &out->code, out->detail, sizeof(out->detail));
    body_get_text(reader, "response", out->response, sizeof(out->response));
    body_get_object(reader, "session", JSON_OPTIONAL, &session);
    if (reader->status != LASTCALL_OK)
        return;
    if (id[0] != '\0') {
        out->session_id = bytes_copy_text(id);
        if (out->session_id == NULL)
            reader->status = LASTCALL_E_NOMEM;
    }
    if (reader->status == LASTCALL_OK && session != NULL) {
        out->session = calloc(1, sizeof *out->session);
        reader->status =
            out->session == NULL
                ? LASTCALL_E_NOMEM
                : session_decode(session, out->session, reader->error);
        out->has_session = reader->status == LASTCALL_OK;
    }
}

static void decode_sessions(struct body_reader *reader, struct result *out)
{
    json_t *items = NULL;

    body_get_array(reader, "sessions", JSON_REQUIRED, RESULT_SESSION_COUNT_MAX,
                   &items);
    if (reader->status != LASTCALL_OK || json_array_size(items) == 0)
        return;
    out->sessions = calloc(json_array_size(items), sizeof(*out->sessions));
    if (out->sessions == NULL) {
        reader->status = LASTCALL_E_NOMEM;
        return;
    }
    out->session_count = json_array_size(items);
    for (size_t i = 0; reader->status == LASTCALL_OK && i < out->session_count;
         i++) {
        struct body_reader item = {json_array_get(items, i), reader->error,
                                   LASTCALL_OK};

        decode_session(&item, &out->sessions[i]);
        reader->status = item.status;
    }
}

static void decode_summary(struct body_reader *reader, struct result *out)
{
    char action[NAME_LEN_MAX + 1] = "";

    body_get_verdict(reader, &out->code, out->detail, sizeof(out->detail));
    body_get_text(reader, "action", action, sizeof(action));
    out->has_action = action[0] != '\0';
    if (out->has_action && action_parse(action, &out->action) != LASTCALL_OK)
        body_fail(reader, "action", "is not known");
    body_get_bool(reader, "dry_run", JSON_OPTIONAL, &out->dry_run);
    body_get_bool(reader, "replayed", JSON_OPTIONAL, &out->replayed);
    body_get_count(reader, "matched", JSON_REQUIRED, &out->matched);
    body_get_count(reader, "succeeded", JSON_REQUIRED, &out->succeeded);
    body_get_count(reader, "failed", JSON_REQUIRED, &out->failed);
    body_get_time(reader, "received_at", &out->received_ms);
    body_get_time(reader, "started_at", &out->started_ms);
    body_get_time(reader, "finished_at", &out->finished_ms);
    body_get_text(reader, "boot_id", out->boot_id, sizeof(out->boot_id));
    body_get_bool(reader, "truncated", JSON_OPTIONAL, &out->truncated);
}

static void decode_step(struct body_reader *reader, struct result *out)
{
    struct body_reader inner = {NULL, reader->error, LASTCALL_OK};
    json_t *object = NULL;

    body_get_object(reader, "maintenance", JSON_OPTIONAL, &object);
    if (reader->status != LASTCALL_OK || object == NULL)
        return;
    inner.object = object;
    body_get_name(&inner, "id", &out->plan);
    body_get_text(&inner, "step", out->step, sizeof(out->step));
    reader->status = inner.status;
}

/* A boolean that contradicts its own codes is nobody's answer. */
static void check_success(struct body_reader *reader,
                          const struct result *result)
{
    bool success = false;

    body_get_bool(reader, "success", JSON_REQUIRED, &success);
    if (reader->status == LASTCALL_OK && success != result_is_success(result))
        body_fail(reader, "success", "contradicts the codes");
}

enum lastcall_status result_decode(const struct verified *verified,
                                   struct result_claims *claims,
                                   struct result *out, struct json_error *error)
{
    struct body_reader outer = {verified->claims, error, LASTCALL_OK};
    struct body_reader inner = {NULL, error, LASTCALL_OK};
    json_t *body = NULL;

    *claims = (struct result_claims){0};
    *out = (struct result){0};
    json_error_clear(error);
    decode_claims(&outer, verified, claims);
    body_get_object(&outer, "result", JSON_REQUIRED, &body);
    inner.object = body;
    inner.status = outer.status;
    decode_summary(&inner, out);
    decode_step(&inner, out);
    decode_servers(&inner, out);
    decode_sessions(&inner, out);
    check_success(&inner, out);
    if (inner.status != LASTCALL_OK) {
        result_deinit(out);
        *claims = (struct result_claims){0};
    }
    return inner.status;
}
