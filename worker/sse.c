#include "worker/sse.h"

#include <string.h>

static const unsigned char byte_order_mark[] = {0xef, 0xbb, 0xbf};

static void begin_event(struct sse *sse)
{
    sse->is_lost = false;
    sse->name_len = 0;
    sse->data_len = 0;
}

static void begin_line(struct sse *sse)
{
    sse->place = SSE_LINE_BEGIN;
    sse->field_len = 0;
}

void sse_init(struct sse *sse)
{
    /* The buffers are left alone: they are large. */
    sse->is_begun = false;
    sse->has_cr = false;
    sse->mark_len = 0;
    begin_event(sse);
    begin_line(sse);
}

bool sse_is(const struct sse_event *event, const char *name)
{
    return strlen(name) == event->name_len &&
           memcmp(name, event->name, event->name_len) == 0;
}

static bool field_is(const struct sse *sse, const char *name)
{
    return strlen(name) == sse->field_len &&
           memcmp(name, sse->field, sse->field_len) == 0;
}

static void append_data(struct sse *sse, const char *bytes, size_t len)
{
    if (len > sizeof(sse->data) - sse->data_len) {
        sse->is_lost = true;
        return;
    }
    memcpy(sse->data + sse->data_len, bytes, len);
    sse->data_len += len;
}

/* The value begins: a name replaces the one before, data comes to it. */
static void begin_value(struct sse *sse)
{
    sse->place = SSE_VALUE_BEGIN;
    if (field_is(sse, "event"))
        sse->name_len = 0;
}

static void take_value(struct sse *sse, const char *bytes, size_t len)
{
    sse->place = SSE_VALUE;
    if (sse->is_lost)
        return;
    if (field_is(sse, "data")) {
        append_data(sse, bytes, len);
    } else if (field_is(sse, "event")) {
        if (len > sizeof(sse->name) - sse->name_len) {
            sse->is_lost = true;
            return;
        }
        memcpy(sse->name + sse->name_len, bytes, len);
        sse->name_len += len;
    }
}

/* An empty line: the event is complete. */
static void end_event(struct sse *sse, const struct sse_reader *reader)
{
    static const char unnamed[] = "message";
    struct sse_event event = {
        .name = sse->name_len > 0 ? sse->name : unnamed,
        .name_len = sse->name_len > 0 ? sse->name_len : sizeof(unnamed) - 1,
        .data = sse->data,
    };

    if (sse->is_lost) {
        reader->lost(reader->context);
    } else if (sse->data_len > 0) {
        event.data_len = sse->data_len - 1; /* without the last LF */
        reader->event(reader->context, &event);
    }
    begin_event(sse);
}

static void end_line(struct sse *sse, const struct sse_reader *reader)
{
    if (sse->place == SSE_LINE_BEGIN) {
        end_event(sse, reader);
        return;
    }
    if (sse->place == SSE_FIELD)
        begin_value(sse); /* a field without a colon has an empty value */
    if (field_is(sse, "data") && !sse->is_lost)
        append_data(sse, "\n", 1);
    begin_line(sse);
}

static void take_field(struct sse *sse, char byte)
{
    sse->place = SSE_FIELD;
    if (sse->field_len < sizeof(sse->field))
        sse->field[sse->field_len] = byte;
    /* Only so far that a long name does not look like a short one. */
    if (sse->field_len <= sizeof(sse->field))
        sse->field_len++;
}

/* Take what is left of a line up to its end; how much that was. */
static size_t take_in_line(struct sse *sse, const char *bytes, size_t len)
{
    size_t used = 0;

    switch (sse->place) {
    case SSE_LINE_BEGIN:
    case SSE_FIELD:
        if (bytes[0] == ':')
            begin_value(sse); /* with no name at all it is a comment */
        else
            take_field(sse, bytes[0]);
        return 1;
    case SSE_VALUE_BEGIN:
        sse->place = SSE_VALUE;
        if (bytes[0] == ' ')
            return 1;
        break;
    case SSE_VALUE:
        break;
    }
    while (used < len && bytes[used] != '\n' && bytes[used] != '\r')
        used++;
    take_value(sse, bytes, used);
    return used;
}

/* Pass over a byte order mark; whether the byte was one of its. */
static bool skip_mark(struct sse *sse, unsigned char byte)
{
    if (sse->is_begun)
        return false;
    if (byte == byte_order_mark[sse->mark_len]) {
        sse->mark_len++;
        sse->is_begun = sse->mark_len == sizeof(byte_order_mark);
        return true;
    }
    /* What looked like one begins the name of a field after all, and of none
     * that means something. */
    sse->is_begun = true;
    if (sse->mark_len > 0)
        take_field(sse, (char)byte_order_mark[0]);
    return false;
}

void sse_feed(struct sse *sse, const void *bytes, size_t len,
              const struct sse_reader *reader)
{
    const char *at = bytes;
    const char *end = at + len;

    while (at < end) {
        const bool has_cr = sse->has_cr;

        sse->has_cr = false;
        if (skip_mark(sse, (unsigned char)*at)) {
            at++;
        } else if (*at == '\n' || *at == '\r') {
            /* CR LF is one end, also when cut in between. */
            if (*at == '\r' || !has_cr)
                end_line(sse, reader);
            sse->has_cr = *at == '\r';
            at++;
        } else {
            at += take_in_line(sse, at, (size_t)(end - at));
        }
    }
}
