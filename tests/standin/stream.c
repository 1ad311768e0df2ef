#include "tests/standin/stream.h"

#include "tests/standin/query.h"
#include "tests/standin/render.h"
#include "tests/standin/standin.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

/* How often Plex speaks unasked, unscaled. */
enum { PING_MS = 10000, REPEAT_MS = 10000 };
enum { READ_BLOCK = 65536, FILL_MAX = 64 * 1024 * 1024 };

/* What a filter may name; log alone must be asked for. */
static const char *const NAMES[] = {"account",
                                    "activity",
                                    "backgroundProcessingQueue",
                                    "log",
                                    "playing",
                                    "preference",
                                    "progress",
                                    "provider.content.change",
                                    "reachability",
                                    "status",
                                    "timeline",
                                    "transcodeSession.end",
                                    "transcodeSession.start",
                                    "transcodeSession.update",
                                    "update.statechange"};
enum { NAME_COUNT = sizeof(NAMES) / sizeof(NAMES[0]) };

struct stream {
    struct standin *standin; /* borrowed */
    struct text filter;      /* owned: names between commas */
    bool has_filter;
    struct text out; /* owned: what is to be sent */
    size_t sent;
    json_t *told;     /* owned: sessionKey to the item as it was told */
    uint64_t version; /* of the sessions, as they were told */
    uint64_t ping_at;
    uint64_t repeat_at;
    json_int_t events; /* sent so far */
    uint64_t injected;
    uint64_t closes;
    bool is_over;
};

/* ---- filters ---- */

static bool name_in(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (*list != '\0') {
        size_t own = strcspn(list, ",");

        if (own == len && strncmp(list, name, len) == 0)
            return true;
        list += own + (list[own] == ',');
    }
    return false;
}

static bool filter_is_known(const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        int i = 0;

        while (i < NAME_COUNT &&
               (strlen(NAMES[i]) != len || strncmp(NAMES[i], list, len) != 0))
            i++;
        if (i == NAME_COUNT)
            return false;
        list += len + (list[len] == ',');
    }
    return true;
}

static bool passes(const struct stream *stream, const char *name)
{
    const char *filter = text_get(&stream->filter);

    if (strcmp(name, "ping") == 0)
        return true;
    if (!stream->has_filter)
        return strcmp(name, "log") != 0;
    if (filter[0] == '\0')
        return true;
    return filter[0] == '-' ? !name_in(filter + 1, name)
                            : name_in(filter, name);
}

void stream_route(struct exchange *exchange, struct answer *answer)
{
    struct text filter = {0};
    const char *names = "";

    (void)query_find(exchange->query, "filters", &filter);
    names = text_get(&filter);
    if (filter_is_known(names + (names[0] == '-'))) {
        answer_body(answer, 200, "text/event-stream", "");
        answer->is_stream = true;
        answer->close =
            options_is(&exchange->standin->options, "stream_length", "close");
        exchange->standin->record.streams_count++;
    } else {
        answer_html(answer, 400);
    }
    text_deinit(&filter);
}

/* ---- events ---- */

static const char *line_end(const struct stream *stream)
{
    const char *ends = options_word(&stream->standin->options, "stream_ends");

    if (strcmp(ends, "crlf") == 0)
        return "\r\n";
    return strcmp(ends, "cr") == 0 ? "\r" : "\n";
}

static void put_frame(struct stream *stream, const char *name, const char *data)
{
    const char *end = line_end(stream);

    text_puts(&stream->out, "event: ");
    text_puts(&stream->out, name);
    text_puts(&stream->out, end);
    while (true) {
        size_t len = strcspn(data, "\n");

        text_puts(&stream->out, "data: ");
        text_append(&stream->out, data, len);
        text_puts(&stream->out, end);
        if (data[len] == '\0')
            break;
        data += len + 1;
    }
    text_puts(&stream->out, end);
}

/* What a reader must pass over. */
static void put_noise(struct stream *stream)
{
    const char *end = line_end(stream);

    text_puts(&stream->out, ": nothing to see here");
    text_puts(&stream->out, end);
    text_puts(&stream->out, "retry: 1");
    text_puts(&stream->out, end);
    text_puts(&stream->out, "surprise");
    text_puts(&stream->out, end);
    put_frame(stream, "invented.event", "{\"Invented\":{\"state\":\"new\"}}");
}

/* Takes over value. */
static void put_event(struct stream *stream, const char *name, json_t *value)
{
    const struct options *options = &stream->standin->options;
    const json_int_t last = options_number(options, "stream_drop_after");
    const size_t before = stream->out.len;
    size_t flags =
        options_bool(options, "stream_lines") ? JSON_INDENT(1) : JSON_COMPACT;
    char *dump = json_dumps(value, flags);

    json_decref(value);
    if (passes(stream, name) && !stream->is_over) {
        if (options_bool(options, "stream_noise"))
            put_noise(stream);
        put_frame(stream, name, dump != NULL ? dump : "{}");
        stream->events++;
        stream->is_over = last >= 0 && stream->events >= last;
        if (stream->is_over && options_bool(options, "stream_drop_partial"))
            stream->out.len = before + (stream->out.len - before) / 2;
    }
    free(dump);
}

/* A notification in the form that is set; takes over it. */
static json_t *wrapped(const struct stream *stream, const char *type,
                       const char *member, json_t *notification)
{
    const char *form = options_word(&stream->standin->options, "stream_form");

    if (strcmp(form, "wrapped") == 0)
        return json_pack("{s{sssis[o]}}", "NotificationContainer", "type", type,
                         "size", 1, member, notification);
    if (strcmp(form, "array") == 0)
        return json_pack("{s[o]}", member, notification);
    return json_pack("{so}", member, notification);
}

static const char *scalar(const json_t *item, const char *name, char *number)
{
    const char *text = render_scalar(json_object_get(item, name), number);

    return text != NULL ? text : "";
}

static json_t *offset_of(const struct stream *stream, const json_t *item)
{
    const json_t *offset = json_object_get(item, "viewOffset");
    char number[RENDER_NUMBER_MAX];

    if (options_bool(&stream->standin->options, "stream_text_offset"))
        return json_string(scalar(item, "viewOffset", number));
    return json_integer(json_integer_value(offset));
}

static const char *state_of(const json_t *item)
{
    const char *state = json_string_value(
        json_object_get(json_object_get(item, "Player"), "state"));

    return state != NULL ? state : "playing";
}

static const char *transcode_of(const json_t *item)
{
    const char *key = json_string_value(
        json_object_get(json_object_get(item, "TranscodeSession"), "key"));
    const char *last = key != NULL ? strrchr(key, '/') : NULL;

    return last != NULL ? last + 1 : key;
}

static void tell_playing(struct stream *stream, const json_t *item,
                         const char *state)
{
    const struct options *options = &stream->standin->options;
    const char *client = json_string_value(
        json_object_get(json_object_get(item, "Player"), "machineIdentifier"));
    char key[RENDER_NUMBER_MAX];
    char rating[RENDER_NUMBER_MAX];
    char path[RENDER_NUMBER_MAX];
    json_t *told = NULL;

    if (!options_bool(options, "stream_events"))
        return;
    told =
        json_pack("{ssssssssss}", "sessionKey", scalar(item, "sessionKey", key),
                  "guid", "", "ratingKey", scalar(item, "ratingKey", rating),
                  "url", "", "key", scalar(item, "key", path));
    json_object_set_new(told, "viewOffset", offset_of(stream, item));
    json_object_set_new(told, "state", json_string(state));
    if (client != NULL && options_bool(options, "stream_client_identifier"))
        json_object_set_new(told, "clientIdentifier", json_string(client));
    if (transcode_of(item) != NULL)
        json_object_set_new(told, "transcodeSession",
                            json_string(transcode_of(item)));
    put_event(stream, "playing",
              wrapped(stream, "playing", "PlaySessionStateNotification", told));
}

static void tell_transcode(struct stream *stream, const char *name,
                           const json_t *item)
{
    json_t *transcode = json_object_get(item, "TranscodeSession");

    if (options_bool(&stream->standin->options, "stream_events"))
        put_event(
            stream, name,
            wrapped(stream, name, "TranscodeSession", json_incref(transcode)));
}

/* ---- what is new ---- */

static bool text_differs(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") != 0;
}

static void tell_change(struct stream *stream, const json_t *before,
                        const json_t *item)
{
    char was[RENDER_NUMBER_MAX];
    char is[RENDER_NUMBER_MAX];

    if (transcode_of(before) == NULL && transcode_of(item) != NULL)
        tell_transcode(stream, "transcodeSession.start", item);
    if (transcode_of(before) != NULL && transcode_of(item) == NULL)
        tell_transcode(stream, "transcodeSession.end", before);
    if (before == NULL || strcmp(state_of(before), state_of(item)) != 0 ||
        text_differs(scalar(before, "ratingKey", was),
                     scalar(item, "ratingKey", is)) ||
        text_differs(transcode_of(before), transcode_of(item)))
        tell_playing(stream, item, state_of(item));
}

/* What plays now, by sessionKey; the caller owns it. */
static json_t *playing_now(const struct standin *standin)
{
    json_t *items = lifecycle_empty(&standin->life, clock_ms())
                        ? json_array()
                        : sessions_listed(&standin->sessions);
    json_t *now = json_object();
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        char number[RENDER_NUMBER_MAX];

        /* A copy: a patch changes the item itself. */
        json_object_set_new(now, scalar(item, "sessionKey", number),
                            json_deep_copy(item));
    }
    json_decref(items);
    return now;
}

static void tell_differences(struct stream *stream, json_t *now)
{
    const char *key;
    json_t *item;

    json_object_foreach(now, key, item)
        tell_change(stream, json_object_get(stream->told, key), item);
    json_object_foreach(stream->told, key, item)
    {
        if (json_object_get(now, key) != NULL)
            continue;
        if (transcode_of(item) != NULL)
            tell_transcode(stream, "transcodeSession.end", item);
        tell_playing(stream, item, "stopped");
    }
}

static void take_injections(struct stream *stream)
{
    const struct injections *injections = &stream->standin->injections;

    if (injections->count - stream->injected > STREAM_INJECTION_MAX)
        stream->injected = injections->count - STREAM_INJECTION_MAX;
    for (; stream->injected < injections->count; stream->injected++) {
        const struct text *text =
            &injections->texts[stream->injected % STREAM_INJECTION_MAX];

        text_append(&stream->out, text_get(text), text->len);
    }
    if (stream->closes != injections->closes)
        stream->is_over = true;
}

/* Put into the stream what is due. */
static void collect(struct stream *stream)
{
    struct standin *standin = stream->standin;
    const uint64_t now = clock_ms();
    json_t *item;
    const char *key;

    sessions_advance(&standin->sessions, now);
    if (stream->version != standin->sessions.version) {
        json_t *playing = playing_now(standin);

        tell_differences(stream, playing);
        json_decref(stream->told);
        stream->told = playing;
        stream->version = standin->sessions.version;
    }
    take_injections(stream);
    if (now >= stream->repeat_at) {
        json_object_foreach(stream->told, key, item)
            tell_playing(stream, item, state_of(item));
        stream->repeat_at = now + standin_scaled(standin, REPEAT_MS);
    }
    if (now >= stream->ping_at) {
        if (options_bool(&standin->options, "stream_pings"))
            put_event(stream, "ping", json_object());
        stream->ping_at = now + standin_scaled(standin, PING_MS);
    }
}

static uint64_t next_due(const struct stream *stream)
{
    uint64_t due = stream->ping_at;

    if (stream->repeat_at < due)
        due = stream->repeat_at;
    if (stream->standin->sessions.next_due < due)
        due = stream->standin->sessions.next_due;
    return due;
}

/* ---- sending ---- */

static size_t take_out(struct stream *stream, char *buffer, size_t max)
{
    const json_int_t split =
        options_number(&stream->standin->options, "stream_split");
    size_t len = stream->out.len - stream->sent;

    if (len > max)
        len = max;
    if (split > 0 && len > (size_t)split)
        len = (size_t)split;
    memcpy(buffer, stream->out.data + stream->sent, len);
    stream->sent += len;
    if (stream->sent == stream->out.len) {
        text_deinit(&stream->out);
        stream->sent = 0;
    }
    return len;
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer,
                           size_t max)
{
    struct stream *stream = context;
    struct standin *standin = stream->standin;
    ssize_t result = 0;

    (void)position;
    standin_lock(standin);
    while (result == 0) {
        if (stream->out.len > stream->sent) {
            result = (ssize_t)take_out(stream, buffer, max);
        } else if (stream->is_over ||
                   options_number(&standin->options, "stream_drop_after") ==
                       0) {
            result = MHD_CONTENT_READER_END_OF_STREAM;
        } else if (standin->closing || standin->stopping) {
            result = MHD_CONTENT_READER_END_WITH_ERROR;
        } else {
            collect(stream);
            if (stream->out.len == stream->sent && !stream->is_over)
                (void)standin_wait(standin, next_due(stream) + 1);
        }
    }
    /* Nothing has changed for the others: they are not told. */
    (void)pthread_mutex_unlock(&standin->lock);
    return result;
}

static void free_stream(void *context)
{
    struct stream *stream = context;

    standin_lock(stream->standin);
    stream->standin->record.streams_open--;
    standin_unlock(stream->standin);
    text_deinit(&stream->filter);
    text_deinit(&stream->out);
    json_decref(stream->told);
    free(stream);
}

struct MHD_Response *stream_response(struct exchange *exchange)
{
    struct standin *standin = exchange->standin;
    struct stream *stream = must_calloc(1, sizeof(*stream));
    struct MHD_Response *response;
    bool is_plain;

    stream->standin = standin;
    stream->has_filter =
        query_find(exchange->query, "filters", &stream->filter);
    standin_lock(standin);
    /* What plays already is not told: it repeats itself soon enough. */
    stream->told = playing_now(standin);
    stream->version = standin->sessions.version;
    stream->ping_at = clock_ms() + standin_scaled(standin, PING_MS);
    stream->repeat_at = clock_ms() + standin_scaled(standin, REPEAT_MS);
    stream->injected = standin->injections.count;
    stream->closes = standin->injections.closes;
    standin->record.streams_open++;
    is_plain = options_is(&standin->options, "stream_length", "close");
    standin_unlock(standin);
    response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, READ_BLOCK, read_stream, stream, free_stream);
    if (response == NULL)
        free_stream(stream);
    else if (is_plain)
        (void)MHD_set_response_options(
            response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return response;
}

/* ---- orders ---- */

static int nibble(char c)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char *at = memchr(DIGITS, c, sizeof(DIGITS) - 1);

    return at != NULL ? (int)(at - DIGITS) : 0;
}

const char *stream_inject(struct standin *standin, const json_t *order)
{
    struct injections *injections = &standin->injections;
    const json_t *text = json_object_get(order, "text");
    const json_t *tail = json_object_get(order, "tail");
    const char *hex = json_string_value(json_object_get(order, "hex"));
    const json_int_t fill = json_integer_value(json_object_get(order, "fill"));
    struct text bytes = {0};

    if (!json_is_object(order) || fill < 0 || fill > FILL_MAX)
        return "needs an object; fill is 0 to 67108864";
    text_append(&bytes, json_string_value(text), json_string_length(text));
    for (size_t i = 0; hex != NULL && hex[i] != '\0' && hex[i + 1] != '\0';
         i += 2)
        text_byte(&bytes, nibble(hex[i]) * 16 + nibble(hex[i + 1]));
    for (json_int_t i = 0; i < fill; i++)
        text_byte(&bytes, 'x');
    text_append(&bytes, json_string_value(tail), json_string_length(tail));
    if (bytes.len != 0) {
        struct text *place =
            &injections->texts[injections->count % STREAM_INJECTION_MAX];

        text_deinit(place);
        *place = bytes;
        injections->count++;
    } else {
        text_deinit(&bytes);
    }
    injections->closes += json_is_true(json_object_get(order, "close"));
    return NULL;
}

void injections_deinit(struct injections *injections)
{
    for (int i = 0; i < STREAM_INJECTION_MAX; i++)
        text_deinit(&injections->texts[i]);
}
