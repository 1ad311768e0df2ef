/*
 * The event stream, /:/eventsource/notifications, of one connection.
 *
 * Nothing is told to a stream when a session changes: its thread wakes up with
 * every change of the stand-in, compares what plays with what it told last,
 * and tells the difference.  What a stream sends, and how it goes wrong, is in
 * the options that begin with stream_ and in POST /stream: README.md.
 */
#ifndef STANDIN_STREAM_H
#define STANDIN_STREAM_H

#include "tests/standin/text.h"

#include <jansson.h>
#include <stdint.h>

struct exchange;
struct answer;
struct standin;
struct MHD_Response;

#define STREAM_PATH "/:/eventsource/notifications"

/* Bytes that a test puts into all streams wait in so many places. */
enum { STREAM_INJECTION_MAX = 16 };

struct injections {
    struct text texts[STREAM_INJECTION_MAX]; /* owned; n at n modulo that */
    uint64_t count;
    uint64_t closes; /* how often all streams were closed */
};

/* Answer the request for a stream; the lock is held. */
void stream_route(struct exchange *exchange, struct answer *answer);

/*
 * Make the response that streams, until the client or the port closes.
 *
 * Returns NULL when there is no memory.
 * Thread: that of the connection, without the lock.
 */
struct MHD_Response *stream_response(struct exchange *exchange);

/*
 * Do what POST /stream says; the lock is held.
 *
 * Returns NULL, or a complaint (static).
 */
const char *stream_inject(struct standin *standin, const json_t *order);

/* Free what it holds. */
void injections_deinit(struct injections *injections);

#endif
