#include <stdlib.h>
#include <string.h>

#include "protocol/result.h"

/*
 * The servers and sessions of a result, one after the other: each its numbers,
 * then its texts with their NULs.  Written here and read here, so that nothing
 * of it is checked.
 */
struct result_pack {
    size_t server_count;
    size_t session_count;
    char bytes[];
};

/* What a row has besides its texts. */
struct row {
    enum backend_kind backend;
    enum lastcall_status code;
    bool has_id;
};

/* Where the next byte goes; counts only while there is no room yet. */
struct writer {
    char *at;
    size_t size;
};

static void put(struct writer *writer, const void *data, size_t size)
{
    if (writer->at != NULL)
        memcpy(writer->at + writer->size, data, size);
    writer->size += size;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text) + 1);
}

static void put_all(struct writer *writer, const struct result *result)
{
    for (size_t i = 0; i < result->server_count; i++) {
        const struct server_result *server = &result->servers[i];
        const struct row row = {server->backend, server->code, false};

        put(writer, &row, sizeof(row));
        put_text(writer, server->server.text);
        put_text(writer, server->detail);
    }
    for (size_t i = 0; i < result->session_count; i++) {
        const struct session_result *session = &result->sessions[i];
        const struct row row = {session->backend, session->code,
                                session->session_id != NULL};

        put(writer, &row, sizeof(row));
        if (row.has_id)
            put_text(writer, session->session_id);
        put_text(writer, session->server.text);
        put_text(writer, session->detail);
        put_text(writer, session->response);
    }
}

/* A failed server is a part of result_is_success(), and a session that is told
 * is for somebody to look at. */
static bool can_be_packed(const struct result *result)
{
    bool is_plain = result->packed == NULL;

    for (size_t i = 0; i < result->server_count; i++)
        is_plain = is_plain && status_is_success(result->servers[i].code);
    for (size_t i = 0; i < result->session_count; i++)
        is_plain = is_plain && !result->sessions[i].has_session &&
                   result->sessions[i].session == NULL;
    return is_plain && result->server_count + result->session_count > 0;
}

void result_pack(struct result *result)
{
    struct writer measure = {0};
    struct result_pack *packed = NULL;
    struct result rest = *result;

    if (!can_be_packed(result))
        return;
    put_all(&measure, result);
    packed = malloc(sizeof(*packed) + measure.size);
    if (packed == NULL)
        return;
    packed->server_count = result->server_count;
    packed->session_count = result->session_count;
    put_all(&(struct writer){.at = packed->bytes}, result);
    result_deinit(result);
    *result = rest;
    result->servers = NULL;
    result->server_count = 0;
    result->sessions = NULL;
    result->session_count = 0;
    result->packed = packed;
}

static const char *take(const char *at, void *out, size_t size)
{
    memcpy(out, at, size);
    return at + size;
}

static const char *take_text(const char *at, char *out)
{
    return take(at, out, strlen(at) + 1);
}

static enum lastcall_status take_server(const char **at, struct result *out)
{
    struct server_result *server = result_add_server(out);
    struct row row;

    if (server == NULL)
        return LASTCALL_E_NOMEM;
    *at = take(*at, &row, sizeof(row));
    server->backend = row.backend;
    server->code = row.code;
    *at = take_text(*at, server->server.text);
    *at = take_text(*at, server->detail);
    return LASTCALL_OK;
}

static enum lastcall_status take_session(const char **at, struct result *out)
{
    struct session_result *session = result_add_session(out);
    struct row row;

    if (session == NULL)
        return LASTCALL_E_NOMEM;
    *at = take(*at, &row, sizeof(row));
    session->backend = row.backend;
    session->code = row.code;
    if (row.has_id) {
        session->session_id = bytes_copy_text(*at);
        if (session->session_id == NULL)
            return LASTCALL_E_NOMEM;
        *at += strlen(*at) + 1;
    }
    *at = take_text(*at, session->server.text);
    *at = take_text(*at, session->detail);
    *at = take_text(*at, session->response);
    return LASTCALL_OK;
}

enum lastcall_status result_unpack(const struct result *packed,
                                   struct result *out)
{
    const struct result_pack *pack = packed->packed;
    const char *at = pack->bytes;
    enum lastcall_status status = LASTCALL_OK;

    *out = *packed;
    out->packed = NULL;
    for (size_t i = 0; i < pack->server_count && status == LASTCALL_OK; i++)
        status = take_server(&at, out);
    for (size_t i = 0; i < pack->session_count && status == LASTCALL_OK; i++)
        status = take_session(&at, out);
    if (status != LASTCALL_OK)
        result_deinit(out);
    return status;
}
