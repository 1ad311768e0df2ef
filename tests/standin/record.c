#include "tests/standin/record.h"

#include "tests/standin/standin.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void ring_init(struct ring *ring)
{
    *ring = (struct ring){.entries = must_calloc(RECORD_MAX, sizeof(json_t *))};
}

static void ring_clear(struct ring *ring)
{
    for (size_t i = 0; i < RECORD_MAX; i++) {
        json_decref(ring->entries[i]);
        ring->entries[i] = NULL;
    }
    ring->first = ring->next;
}

/* Takes over entry. */
static uint64_t ring_add(struct ring *ring, json_t *entry)
{
    uint64_t id = ring->next++;

    json_decref(ring->entries[id % RECORD_MAX]);
    ring->entries[id % RECORD_MAX] = entry;
    if (ring->next - ring->first > RECORD_MAX)
        ring->first = ring->next - RECORD_MAX;
    return id;
}

void record_init(struct record *record)
{
    *record = (struct record){0};
    ring_init(&record->requests);
    ring_init(&record->terminations);
}

void record_clear(struct record *record)
{
    ring_clear(&record->requests);
    ring_clear(&record->terminations);
    record->requests_count = 0;
    record->lists_count = 0;
    record->terminates_count = 0;
    record->terminations_count = 0;
    record->streams_count = 0;
}

void record_deinit(struct record *record)
{
    record_clear(record);
    free(record->requests.entries);
    free(record->terminations.entries);
    *record = (struct record){0};
}

/* Bytes as a string, or null when they are not UTF-8. */
static json_t *bytes_json(const void *bytes, size_t len)
{
    json_t *string = json_stringn(bytes, len);

    return string != NULL ? string : json_null();
}

static json_t *hex_json(const struct text *bytes)
{
    struct text hex = {0};
    json_t *string;

    text_append(&hex, "", 0);
    for (size_t i = 0; i < bytes->len; i++)
        text_printf(&hex, "%02x", (unsigned char)bytes->data[i]);
    string = json_string(hex.data);
    text_deinit(&hex);
    return string;
}

static double wall_time(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum MHD_Result header_add(void *headers, enum MHD_ValueKind kind,
                                  const char *name, const char *value)
{
    (void)kind;
    json_object_set_new(headers, name,
                        value != NULL ? bytes_json(value, strlen(value))
                                      : json_null());
    return MHD_YES;
}

void record_request(struct record *record, struct exchange *exchange,
                    bool token_in_url)
{
    json_t *headers;
    size_t body_len = exchange->body.len;

    record->requests_count++;
    if (record->off)
        return;
    if (body_len > RECORD_BODY_MAX)
        body_len = RECORD_BODY_MAX;
    headers = json_object();
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND,
                                    header_add, headers);
    exchange->record_id = ring_add(
        &record->requests,
        json_pack("{sfsIsssosososososIsnsb}", "time", wall_time(), "mono_ms",
                  (json_int_t)clock_ms(), "method", exchange->method, "path",
                  bytes_json(exchange->path.data, exchange->path.len), "query",
                  bytes_json(exchange->query, strlen(exchange->query)), "uri",
                  bytes_json(exchange->uri, strlen(exchange->uri)), "headers",
                  headers, "body",
                  bytes_json(text_get(&exchange->body), body_len), "connection",
                  (json_int_t)exchange->connection_id, "status", "token_in_url",
                  token_in_url));
}

void record_status(struct record *record, const struct exchange *exchange,
                   unsigned status)
{
    const struct ring *ring = &record->requests;
    uint64_t id = exchange->record_id;

    if (record->off || id < ring->first || id >= ring->next)
        return;
    json_object_set_new(ring->entries[id % RECORD_MAX], "status",
                        json_integer((json_int_t)status));
}

void record_termination(struct record *record,
                        const struct termination *termination)
{
    const struct text *id = termination->id;
    const struct text *reason = termination->reason;
    json_t *entry;

    record->terminations_count++;
    if (record->off)
        return;
    entry = json_pack(
        "{sfsIsssosososssOsIss}", "time", wall_time(), "mono_ms",
        (json_int_t)clock_ms(), "method", termination->method, "sessionId",
        id != NULL ? bytes_json(id->data, id->len) : json_null(), "reason",
        reason != NULL ? bytes_json(reason->data, reason->len) : json_null(),
        "reason_hex", reason != NULL ? hex_json(reason) : json_null(), "token",
        token_class_name(termination->class), "matched",
        termination->matched != NULL ? termination->matched : json_null(),
        "status", (json_int_t)termination->status, "result",
        termination->result);
    (void)ring_add(&record->terminations, entry);
}

json_t *record_entries(const struct ring *ring)
{
    json_t *all = json_array();

    for (uint64_t id = ring->first; id < ring->next; id++)
        json_array_append(all, ring->entries[id % RECORD_MAX]);
    return all;
}

json_t *record_counters(const struct record *record)
{
    return json_pack("{sIsIsIsIsIsIsIsI}", "requests",
                     (json_int_t)record->requests_count, "lists",
                     (json_int_t)record->lists_count, "terminates",
                     (json_int_t)record->terminates_count, "terminations",
                     (json_int_t)record->terminations_count, "connections",
                     (json_int_t)record->connections_count, "open",
                     (json_int_t)record->open_count, "streams",
                     (json_int_t)record->streams_count, "streams_open",
                     (json_int_t)record->streams_open);
}
