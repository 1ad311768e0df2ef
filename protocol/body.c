#include "protocol/body.h"

#include <string.h>

#include "protocol/moment.h"
#include "protocol/text.h"
#include "protocol/token.h"

/* Room for the longest text that body_put_text() writes. */
#define TEXT_SIZE_MAX 512
/* A sentence longer than this is refused, not cut. */
#define PROSE_LEN_MAX 4096

void body_put(struct body_writer *writer, const char *name, json_t *value)
{
    if (writer->status == LASTCALL_OK)
        writer->status = json_put(writer->object, name, value);
    else
        json_decref(value);
}

void body_put_text(struct body_writer *writer, const char *name,
                   const char *text)
{
    char clean[TEXT_SIZE_MAX];

    if (text[0] == '\0') {
        body_put(writer, name, json_null());
        return;
    }
    (void)text_clean(text, clean, sizeof(clean));
    body_put(writer, name, json_string(clean));
}

void body_put_time(struct body_writer *writer, const char *name,
                   int64_t unix_ms)
{
    char text[MOMENT_TEXT_SIZE] = "";

    if (unix_ms != 0)
        moment_format(unix_ms, text);
    body_put_text(writer, name, text);
}

void body_put_server(struct body_writer *writer, const struct name *server,
                     enum backend_kind backend)
{
    body_put_text(writer, "server", server->text);
    body_put(writer, "backend", json_string(backend_kind_name(backend)));
}

void body_put_verdict(struct body_writer *writer, enum lastcall_status code,
                      const char *detail)
{
    body_put(writer, "success", json_boolean(status_is_success(code)));
    body_put(writer, "code", json_string(status_name(code)));
    body_put_text(writer, "detail", detail);
}

void body_fail(struct body_reader *reader, const char *name,
               const char *problem)
{
    if (reader->status != LASTCALL_OK)
        return;
    reader->status = LASTCALL_E_SHAPE;
    json_error_say(reader->error, "%s %s", name, problem);
}

/* To whoever reads a body, too long is as misshapen as of the wrong type. */
static void settle(struct body_reader *reader, enum lastcall_status status)
{
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        reader->status = status;
    else
        reader->status = LASTCALL_E_SHAPE;
}

static const char *get_borrowed(struct body_reader *reader, const char *name,
                                enum json_presence presence, size_t len_max)
{
    const char *text = NULL;

    if (reader->status == LASTCALL_OK)
        settle(reader, json_get_text(reader->object, name, presence, len_max,
                                     &text, reader->error));
    return text;
}

void body_get_text(struct body_reader *reader, const char *name, char *out,
                   size_t size)
{
    const char *text = get_borrowed(reader, name, JSON_OPTIONAL, size - 1);

    out[0] = '\0';
    if (text == NULL)
        return;
    if (text_is_clean(text))
        memcpy(out, text, strlen(text) + 1);
    else
        body_fail(reader, name, "holds control characters");
}

void body_get_prose(struct body_reader *reader, const char *name, char *out,
                    size_t size)
{
    const char *text = get_borrowed(reader, name, JSON_OPTIONAL, PROSE_LEN_MAX);

    out[0] = '\0';
    if (text != NULL)
        (void)text_clean(text, out, size);
}

void body_get_name(struct body_reader *reader, const char *name,
                   struct name *out)
{
    const char *text = get_borrowed(reader, name, JSON_REQUIRED, NAME_LEN_MAX);

    if (text != NULL && name_parse(text, strlen(text), out) != LASTCALL_OK)
        body_fail(reader, name, "is not a name");
}

void body_get_count(struct body_reader *reader, const char *name,
                    enum json_presence presence, int64_t *out)
{
    if (reader->status == LASTCALL_OK)
        settle(reader, json_get_integer(reader->object, name, presence, 0,
                                        INT64_MAX, out, reader->error));
}

int64_t body_add_counts(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void body_get_bool(struct body_reader *reader, const char *name,
                   enum json_presence presence, bool *out)
{
    if (reader->status == LASTCALL_OK)
        settle(reader, json_get_bool(reader->object, name, presence, out,
                                     reader->error));
}

void body_get_time(struct body_reader *reader, const char *name,
                   int64_t *unix_ms)
{
    const char *text =
        get_borrowed(reader, name, JSON_OPTIONAL, MOMENT_TEXT_SIZE + 8);

    *unix_ms = 0;
    if (text != NULL && moment_parse(text, unix_ms) != LASTCALL_OK)
        body_fail(reader, name, "is not a time");
}

void body_get_server(struct body_reader *reader, struct name *server,
                     enum backend_kind *backend)
{
    const char *kind = NULL;

    body_get_name(reader, "server", server);
    kind = get_borrowed(reader, "backend", JSON_REQUIRED, NAME_LEN_MAX);
    if (kind != NULL && backend_kind_parse(kind, backend) != LASTCALL_OK)
        body_fail(reader, "backend", "is not known");
}

void body_get_verdict(struct body_reader *reader, enum lastcall_status *code,
                      char *detail, size_t detail_size)
{
    const char *text =
        get_borrowed(reader, "code", JSON_REQUIRED, NAME_LEN_MAX);

    if (text != NULL && status_parse(text, code) != LASTCALL_OK)
        body_fail(reader, "code", "is not known");
    body_get_prose(reader, "detail", detail, detail_size);
}

void body_get_array(struct body_reader *reader, const char *name,
                    enum json_presence presence, size_t count_max, json_t **out)
{
    *out = NULL;
    if (reader->status == LASTCALL_OK)
        settle(reader, json_get_array(reader->object, name, presence, count_max,
                                      out, reader->error));
}

void body_get_object(struct body_reader *reader, const char *name,
                     enum json_presence presence, json_t **out)
{
    *out = NULL;
    if (reader->status == LASTCALL_OK)
        settle(reader, json_get_object(reader->object, name, presence, out,
                                       reader->error));
}

size_t body_claims_max(enum token_type type)
{
    /* Three parts in base64url, which makes 4 characters of 3 bytes; the
     * signature and the points take less than 100. */
    size_t header = TOKEN_HEADER_BYTES_MAX / 3 * 4 + 4;

    return (token_type_bytes_max(type) - header - 100) / 4 * 3;
}

enum lastcall_status body_budget_take(struct body_budget *budget,
                                      const json_t *value)
{
    struct bytes text;
    size_t len = 0;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (value == NULL)
        return status;
    bytes_init(&text, budget->max);
    status = json_write(value, &text);
    len = text.len + 1;
    bytes_deinit(&text);
    if (status == LASTCALL_OK && len > budget->max - budget->used)
        status = LASTCALL_E_TOO_LARGE;
    if (status == LASTCALL_OK)
        budget->used += len;
    return status;
}
