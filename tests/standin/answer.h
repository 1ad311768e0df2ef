/*
 * An answer, and how it goes wrong on its way.
 */
#ifndef STANDIN_ANSWER_H
#define STANDIN_ANSWER_H

#include "tests/standin/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct exchange;
struct MHD_Connection;

/* What becomes of the connection instead of an answer. */
enum answer_way {
    ANSWER_SEND,
    ANSWER_HANG,  /* nothing until released, then closed */
    ANSWER_RESET, /* RST */
    ANSWER_DROP   /* closed without a byte */
};

/* What happens once stop_after bytes of the body are out. */
enum answer_end {
    END_WHOLE, /* all of it is sent */
    END_CUT,   /* closed although Content-Length promised more */
    END_RESET, /* RST */
    END_STALL, /* nothing more until released */
    END_HALF   /* the sending side is shut down, the other stays open */
};

struct answer {
    enum answer_way way;
    unsigned status;
    struct text body;  /* owned */
    const char *type;  /* Content-Type, static; NULL sends none */
    char *type_owned;  /* owned; used in place of type when set */
    json_t *headers;   /* owned: an object of strings, or NULL */
    uint64_t delay_ms; /* before the first byte */
    enum answer_end end;
    uint64_t stop_after;
    uint64_t padding;      /* spaces streamed after the body */
    uint64_t dribble_ms;   /* between two steps; 0 sends at full speed */
    uint64_t dribble_step; /* bytes in a step */
    bool chunked;          /* no Content-Length */
    bool is_stream;        /* the body is the event stream */
    bool close;            /* says Connection: close */
    bool close_silently;   /* closes after the answer without saying so */
};

/* Free what it holds; afterwards it is an empty answer. */
void answer_deinit(struct answer *answer);

/* Replace the body by a string of a type. */
void answer_body(struct answer *answer, unsigned status, const char *type,
                 const char *body);

/* Make it a small HTML page, as Plex answers errors. */
void answer_html(struct answer *answer, unsigned status);

/* Make it JSON for the control port; takes over value. */
void answer_json(struct answer *answer, unsigned status, json_t *value);

/* Set a header; value is copied. */
void answer_header(struct answer *answer, const char *name, const char *value);

/*
 * Send it.
 *
 *   answer  emptied, whatever comes of it
 *
 * Returns what the access handler has to return.
 * Thread: that of the connection, without the stand-in's lock; it may block
 *         until the stand-in releases it.
 */
int answer_send(struct exchange *exchange, struct answer *answer);

#endif
