/*
 * HTTP requests to the local server: one handle a server, so that N commands
 * use one connection; bounded in time and size; redirects never followed.  An
 * answer that has no end is streamed: bounded in silence and speed instead, and
 * none of it is kept.  Filling: http_curl.c, the only includer of curl.h.
 */
#ifndef LASTCALL_WORKER_HTTP_H
#define LASTCALL_WORKER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/status.h"

#define HTTP_BODY_BYTES_MAX ((size_t)10 * 1024 * 1024)
#define HTTP_HEADER_BYTES_MAX                                                  \
    ((size_t)64 * 1024) /* of one answer, all together */
#define HTTP_CONTENT_TYPE_SIZE 64
#define HTTP_VALUE_SIZE 32
#define HTTP_DETAIL_SIZE 384

struct http_options {
    const char *ca;      /* PEM file; NULL: the system's */
    const char *resolve; /* HOST:PORT:ADDRESS; NULL: DNS */
    uint32_t timeout_ms; /* of a whole request */
};

enum http_method {
    HTTP_GET,
    HTTP_POST, /* with an empty body */
};

/* What to do when a kept connection breaks before any answer came. */
enum http_repeat {
    HTTP_REPEAT_SAFE,  /* ask again on a fresh connection: reading only */
    HTTP_REPEAT_NEVER, /* it may have had its effect: report the loss */
};

struct http_request {
    enum http_method method;
    enum http_repeat repeat;
    const char *url; /* complete; never holds a secret */
    /* NULL-terminated "Name: value" lines; may be NULL. */
    const char *const *headers;
    const char *wanted; /* name of an answer's header to keep; may be NULL */
};

/* Whether the request can have had an effect when no answer came. */
enum http_sent {
    HTTP_NOT_SENT, /* no connection was made: it cannot have had one */
    HTTP_MAYBE_SENT,
};

struct http_response {
    long status; /* 0 when none came */
    enum http_sent sent;
    char content_type[HTTP_CONTENT_TYPE_SIZE]; /* lower case, "" if absent */
    char wanted[HTTP_VALUE_SIZE];  /* that header's value, "" if absent */
    struct bytes body;             /* owned */
    uint32_t connect_count;        /* connections newly made for it */
    char detail[HTTP_DETAIL_SIZE]; /* why no answer came, for a person */
};

void http_response_deinit(struct http_response *response);

#define HTTP_FOREVER_MS (-1)

/* Where a stream goes; called on the thread that called stream(). */
struct http_sink {
    void *context;
    uint32_t silence_ms; /* without a byte for so long it counts as lost */
    /* No faster than this in the long run: who sends has to wait.  0: as fast
     * as it comes. */
    uint32_t bytes_per_s;
    /* Its status and type are there; false: it is not wanted. */
    bool (*begin)(void *context, const struct http_response *response);
    /* Only after begin() said yes. */
    void (*bytes)(void *context, const void *data, size_t len);
    /*
     * Before each wait: do what is due, and say in how many milliseconds to
     * be called again at the latest, or HTTP_FOREVER_MS.
     */
    int64_t (*turn)(void *context);
};

/* A table, so that tests can answer themselves. */
struct http_ops {
    /*
     * Make a handle; nothing is sent yet.
     *
     *   options  copied
     *
     * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
     */
    enum lastcall_status (*open)(const struct http_options *options,
                                 void **state);
    /*
     * Perform a request.
     *
     * Returns LASTCALL_OK (an answer came, whatever its status),
     *         LASTCALL_UNREACHABLE, LASTCALL_TIMEOUT, LASTCALL_SERVER_ERROR
     *         (the answer broke off or is over HTTP_BODY_BYTES_MAX),
     *         LASTCALL_E_CLOSED (interrupted), LASTCALL_E_NOMEM.
     * Owner:  the caller calls http_response_deinit(out) in every case.
     */
    enum lastcall_status (*perform)(void *state,
                                    const struct http_request *request,
                                    struct http_response *out);
    /*
     * Perform a request whose answer has no end.  Connecting is bounded as in
     * perform(), what follows only by the sink's silence_ms.
     *
     *   out  without a body; its status says whether begin() was asked
     *
     * Returns LASTCALL_OK (the server ended the answer, or begin() said no),
     *         LASTCALL_UNREACHABLE, LASTCALL_TIMEOUT (no connection in time,
     *         or silence), LASTCALL_SERVER_ERROR (it broke off),
     *         LASTCALL_E_CLOSED (interrupted), LASTCALL_E_NOMEM.
     * Owner:  the caller calls http_response_deinit(out) in every case.
     */
    enum lastcall_status (*stream)(void *state,
                                   const struct http_request *request,
                                   const struct http_sink *sink,
                                   struct http_response *out);
    /*
     * Let time pass.  LASTCALL_TIMEOUT, or LASTCALL_E_CLOSED (interrupted).
     */
    enum lastcall_status (*wait)(void *state, uint32_t timeout_ms);
    /* From any thread: ends what is under way, and all that comes later. */
    void (*interrupt)(void *state);
    void (*close)(void *state);
};

extern const struct http_ops http_curl_ops;

#endif
