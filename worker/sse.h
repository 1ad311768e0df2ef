/*
 * Server-sent events: the bytes of a text/event-stream, as they come, into
 * events.  Pure, and without memory of its own but the structure: what is too
 * long is skipped to the end of its event and told of, and the next one is
 * read as if nothing had been.
 *
 * Lines end in LF, CR or CRLF; a byte order mark at the beginning, comments,
 * unknown fields, "id" and "retry" are passed over: who reads keeps a pace of
 * his own, and there is nothing to go on from.  Bytes are handed on as they
 * are; that they are UTF-8 is for who reads the data to see.
 *
 * Source: HTML Living Standard, 9.2.6 "Interpreting an event stream".
 */
#ifndef LASTCALL_WORKER_SSE_H
#define LASTCALL_WORKER_SSE_H

#include <stdbool.h>
#include <stddef.h>

/* The data of an event, all its lines together. */
#define SSE_DATA_BYTES_MAX ((size_t)64 * 1024)
#define SSE_NAME_BYTES_MAX ((size_t)64)
/* Longer than the name of any field that means something. */
#define SSE_FIELD_SIZE 8

/* What is lent for the time of a call. */
struct sse_event {
    const char *name; /* "message" where the stream names none; not ended */
    size_t name_len;
    const char *data; /* its lines with LF between them; not ended */
    size_t data_len;
};

/* Who is told. */
struct sse_reader {
    void *context;
    void (*event)(void *context, const struct sse_event *event);
    /* An event was longer than the bounds, and is lost. */
    void (*lost)(void *context);
};

enum sse_place {
    SSE_LINE_BEGIN,
    SSE_FIELD,       /* within a field's name */
    SSE_VALUE_BEGIN, /* behind its colon: one space may follow */
    SSE_VALUE,
};

/* A stream that is read; large, and of no use before sse_init(). */
struct sse {
    enum sse_place place;
    char field[SSE_FIELD_SIZE]; /* of the line that is read */
    size_t field_len;           /* its whole length */
    size_t mark_len;            /* how much of a byte order mark was seen */
    bool is_begun;              /* past where such a mark may stand */
    bool has_cr;                /* a LF now belongs to the line before */
    bool is_lost;               /* too long: skip it */
    char name[SSE_NAME_BYTES_MAX];
    size_t name_len;
    char data[SSE_DATA_BYTES_MAX];
    size_t data_len;
};

/* Begin a stream. */
void sse_init(struct sse *sse);

/*
 * Take the next bytes of the stream, cut anywhere.  What is not ended by an
 * empty line when the stream ends was no event.
 *
 *   reader  called for each event that the bytes complete
 */
void sse_feed(struct sse *sse, const void *bytes, size_t len,
              const struct sse_reader *reader);

/* Whether an event has this name. */
bool sse_is(const struct sse_event *event, const char *name);

#endif
