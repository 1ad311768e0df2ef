#include "worker/http.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/io/platform.h"

/* Plex closes an idle connection after 20 s; ours is older news by then. */
#define IDLE_S_MAX 15L
#define KEEPALIVE_IDLE_S 10L
#define WAIT_MS_MAX 1000000

struct http_curl {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *resolve; /* owned; libcurl only borrows it */
    atomic_bool is_interrupted;
    uint32_t timeout_ms;
    /* The request under way. */
    const struct http_request *request;
    struct http_response *response;
    const struct http_sink *sink; /* NULL: into the response's body */
    bool has_begun;               /* the sink was asked */
    bool is_declined;             /* and said no */
    int64_t heard_ms;             /* monotonic; when a byte last came */
    unsigned attempt_count;       /* how often it was about to be sent */
    size_t header_len;
    bool has_long_header;         /* more than may be */
    enum lastcall_status refusal; /* our own reason to break it off */
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_response_deinit(struct http_response *response)
{
    bytes_deinit(&response->body);
    *response = (struct http_response){0};
}

/*
 * libcurl calls this when it has a connection, right before it sends.  That
 * makes it the place to know whether a request can have had an effect, and to
 * stop a second sending: libcurl repeats a request by itself when a kept
 * connection breaks without an answer, though the server may have acted.
 */
static int on_send(void *userdata, char *local_address, char *peer_address,
                   int local_port, int peer_port)
{
    struct http_curl *curl = userdata;

    (void)local_address;
    (void)peer_address;
    (void)local_port;
    (void)peer_port;
    if (curl->attempt_count > 0 && curl->request->repeat == HTTP_REPEAT_NEVER)
        return CURL_PREREQFUNC_ABORT;
    curl->attempt_count++;
    return CURL_PREREQFUNC_OK;
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
    struct http_curl *curl = userdata;
    size_t len = size * count;

    if (curl->sink != NULL) {
        curl->heard_ms = now_ms();
        curl->sink->bytes(curl->sink->context, data, len);
        return len;
    }
    curl->refusal = bytes_append(&curl->response->body, data, len);
    return curl->refusal == LASTCALL_OK ? len : CURL_WRITEFUNC_ERROR;
}

/* Keep the wanted header, if this line is it; too long a value is none. */
static void keep_wanted(struct http_curl *curl, const char *line, size_t len)
{
    const char *name = curl->request->wanted;
    size_t name_len = name == NULL ? 0 : strlen(name);

    if (name_len == 0 || len <= name_len || line[name_len] != ':' ||
        strncasecmp(line, name, name_len) != 0)
        return;
    line += name_len + 1;
    len -= name_len + 1;
    while (len > 0 && isspace((unsigned char)line[0])) {
        line++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    if (len < sizeof(curl->response->wanted)) {
        memcpy(curl->response->wanted, line, len);
        curl->response->wanted[len] = '\0';
    }
}

/* Copy a content type in lower case, as far as there is room. */
static void copy_type(const char *type, struct http_response *out)
{
    size_t i = 0;

    for (; type[i] != '\0' && i + 1 < sizeof(out->content_type); i++)
        out->content_type[i] = (char)(tolower)((unsigned char)type[i]);
    out->content_type[i] = '\0';
}

static void read_facts(struct http_curl *curl, struct http_response *out)
{
    char *type = NULL;
    long connect_count = 0;

    out->sent = curl->attempt_count == 0 ? HTTP_NOT_SENT : HTTP_MAYBE_SENT;
    curl_easy_getinfo(curl->easy, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_getinfo(curl->easy, CURLINFO_NUM_CONNECTS, &connect_count);
    curl_easy_getinfo(curl->easy, CURLINFO_CONTENT_TYPE, &type);
    out->connect_count = (uint32_t)connect_count;
    copy_type(type != NULL ? type : "", out);
}

/* Ask the sink at the end of the headers, which is an empty line; false: it
 * declines.  Behind a body that is sent in chunks headers may come again. */
static bool begin_stream(struct http_curl *curl, const char *line)
{
    if (curl->sink == NULL || curl->has_begun ||
        (line[0] != '\r' && line[0] != '\n'))
        return true;
    read_facts(curl, curl->response);
    if (curl->response->status < 200)
        return true; /* a word in advance: the answer is still to come */
    curl->has_begun = true;
    curl->is_declined = !curl->sink->begin(curl->sink->context, curl->response);
    return !curl->is_declined;
}

/* An answer may not consist of headers without end either. */
static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
    struct http_curl *curl = userdata;
    size_t len = size * count;

    if (len > HTTP_HEADER_BYTES_MAX - curl->header_len) {
        curl->has_long_header = true;
        return CURL_WRITEFUNC_ERROR;
    }
    curl->header_len += len;
    curl->heard_ms = now_ms();
    keep_wanted(curl, data, len);
    return len == 0 || begin_stream(curl, data) ? len : CURL_WRITEFUNC_ERROR;
}

/* The options that are the same for every handle. */
static const struct {
    CURLoption option;
    long value;
} fixed_options[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    {CURLOPT_MAXAGE_CONN, IDLE_S_MAX},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
    /* Don't wait for a resolver that outlives the time limit. */
    {CURLOPT_QUICK_EXIT, 1},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
};

static CURLcode set_transport(CURL *easy, const struct http_options *options)
{
    long timeout_ms = (long)options->timeout_ms;
    CURLcode result = CURLE_OK;

    for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]);
         i++) {
        if (result == CURLE_OK)
            result = curl_easy_setopt(easy, fixed_options[i].option,
                                      fixed_options[i].value);
    }
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    /* A token must not go through a proxy that the environment names. */
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (result != CURLE_OK)
        return result;
    /* Windows keeps its authorities in no file; elsewhere this does nothing. */
    if (options->ca == NULL)
        return curl_easy_setopt(easy, CURLOPT_SSL_OPTIONS,
                                (long)CURLSSLOPT_NATIVE_CA);

    /* An own authority replaces the system's, it does not join them. */
    result = curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return result;
}

static CURLcode set_callbacks(struct http_curl *curl)
{
    CURL *easy = curl->easy;
    CURLcode result = CURLE_OK;

    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl->error);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_PREREQDATA, curl);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_WRITEDATA, curl);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_HEADERDATA, curl);
    return result;
}

static void http_curl_close(void *state)
{
    struct http_curl *curl = state;

    if (curl == NULL)
        return;
    curl_easy_cleanup(curl->easy);
    curl_multi_cleanup(curl->multi);
    curl_slist_free_all(curl->resolve);
    free(curl);
}

static enum lastcall_status http_curl_open(const struct http_options *options,
                                           void **state)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct http_curl *curl = NULL;

    *state = NULL;
    if (pthread_once(&global_once, global_init) != 0 ||
        global_result != CURLE_OK)
        return LASTCALL_E_INTERNAL;

    curl = calloc(1, sizeof(*curl));
    if (curl == NULL)
        goto out;
    atomic_init(&curl->is_interrupted, false);
    curl->timeout_ms = options->timeout_ms;
    curl->multi = curl_multi_init();
    curl->easy = curl_easy_init();
    if (curl->multi == NULL || curl->easy == NULL)
        goto out;
    if (options->resolve != NULL) {
        curl->resolve = curl_slist_append(NULL, options->resolve);
        if (curl->resolve == NULL ||
            curl_easy_setopt(curl->easy, CURLOPT_RESOLVE, curl->resolve) !=
                CURLE_OK)
            goto out;
    }
    if (set_transport(curl->easy, options) != CURLE_OK ||
        set_callbacks(curl) != CURLE_OK)
        goto out;

    *state = curl;
    curl = NULL;
    status = LASTCALL_OK;

out:
    http_curl_close(curl);
    return status;
}

/* The list's copies hold the token too. */
static void headers_free(struct curl_slist *headers)
{
    for (struct curl_slist *line = headers; line != NULL; line = line->next)
        bytes_wipe(line->data, strlen(line->data));
    curl_slist_free_all(headers);
}

/* Append lines (NULL for none), freeing the whole list on failure. */
static enum lastcall_status headers_append(struct curl_slist **list,
                                           const char *const *lines)
{
    for (; lines != NULL && *lines != NULL; lines++) {
        struct curl_slist *longer = curl_slist_append(*list, *lines);

        if (longer == NULL) {
            headers_free(*list);
            *list = NULL;
            return LASTCALL_E_NOMEM;
        }
        *list = longer;
    }
    return LASTCALL_OK;
}

static enum lastcall_status headers_build(const struct http_request *request,
                                          struct curl_slist **out)
{
    /* libcurl would call an empty body a form. */
    static const char *const no_form[] = {"Content-Type:", NULL};
    enum lastcall_status status = LASTCALL_OK;

    *out = NULL;
    if (request->method == HTTP_POST)
        status = headers_append(out, no_form);
    if (status == LASTCALL_OK)
        status = headers_append(out, request->headers);
    return status;
}

/* What bounds an answer: time and size, or for a stream its speed. */
static CURLcode set_bounds(struct http_curl *curl)
{
    const bool is_stream = curl->sink != NULL;
    CURLcode result = curl_easy_setopt(curl->easy, CURLOPT_TIMEOUT_MS,
                                       is_stream ? 0L : (long)curl->timeout_ms);

    if (result == CURLE_OK)
        result = curl_easy_setopt(
            curl->easy, CURLOPT_MAX_RECV_SPEED_LARGE,
            is_stream ? (curl_off_t)curl->sink->bytes_per_s : (curl_off_t)0);
    if (result != CURLE_OK)
        return result;
    return curl_easy_setopt(curl->easy, CURLOPT_MAXFILESIZE_LARGE,
                            is_stream ? (curl_off_t)0
                                      : (curl_off_t)HTTP_BODY_BYTES_MAX);
}

static CURLcode set_request(struct http_curl *curl,
                            const struct http_request *request,
                            struct curl_slist *headers)
{
    CURL *easy = curl->easy;
    CURLcode result = curl_easy_setopt(easy, CURLOPT_URL, request->url);

    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (result == CURLE_OK)
        result = set_bounds(curl);
    if (result != CURLE_OK)
        return result;
    switch (request->method) {
    case HTTP_GET:
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    case HTTP_POST:
        result = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        if (result == CURLE_OK)
            result = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
        return result;
    }
    return CURLE_BAD_FUNCTION_ARGUMENT;
}

/*
 * How long to wait for the next byte; a stream that was silent for too long
 * has none left.
 */
static int patience_ms(struct http_curl *curl)
{
    int64_t left_ms = 0;
    int64_t turn_ms = 0;

    if (curl->sink == NULL)
        return (int)curl->timeout_ms;
    turn_ms = curl->sink->turn(curl->sink->context);
    left_ms = curl->heard_ms + curl->sink->silence_ms - now_ms();
    if (left_ms <= 0) {
        curl->refusal = LASTCALL_TIMEOUT;
        return 0;
    }
    if (turn_ms >= 0 && turn_ms < left_ms)
        left_ms = turn_ms;
    return left_ms < WAIT_MS_MAX ? (int)left_ms : WAIT_MS_MAX;
}

/* Drive the transfer; a multi handle only because it can be woken up. */
static CURLcode transfer(struct http_curl *curl)
{
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int wait_ms = 0;
    int running = 1;
    int left = 0;
    CURLMsg *message = NULL;

    if (curl_multi_add_handle(curl->multi, curl->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (!atomic_load(&curl->is_interrupted)) {
        if (curl_multi_perform(curl->multi, &running) != CURLM_OK ||
            running == 0)
            break;
        wait_ms = patience_ms(curl);
        if (curl->refusal == LASTCALL_TIMEOUT ||
            curl_multi_poll(curl->multi, NULL, 0, wait_ms, NULL) != CURLM_OK)
            break;
    }
    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == curl->easy)
            result = message->data.result;
    }
    curl_multi_remove_handle(curl->multi, curl->easy);
    return result;
}

/*
 * A header that is longer than libcurl holds (100 KiB) it calls "out of
 * memory".  Once the answer has begun, and before its headers are over, that
 * is by far the likelier of both.
 * Source: CURL_MAX_HTTP_HEADER in curl/curl.h, Curl_dyn_addn() of 7.88.
 */
static bool has_long_header(const struct http_curl *curl, CURLcode result,
                            const struct http_response *out)
{
    curl_off_t begun_us = 0;

    if (curl->has_long_header)
        return true;
    if (result != CURLE_OUT_OF_MEMORY || curl->has_begun || out->body.len > 0 ||
        curl->refusal != LASTCALL_OK ||
        curl_easy_getinfo(curl->easy, CURLINFO_STARTTRANSFER_TIME_T,
                          &begun_us) != CURLE_OK)
        return false;
    return begun_us > 0;
}

/* Put libcurl's result into our words. */
static enum lastcall_status explain(const struct http_curl *curl,
                                    CURLcode result, struct http_response *out)
{
    const char *why =
        curl->error[0] != '\0' ? curl->error : curl_easy_strerror(result);

    if (result == CURLE_OK || curl->is_declined)
        return LASTCALL_OK;
    if (atomic_load(&curl->is_interrupted)) {
        snprintf(out->detail, sizeof(out->detail), "the worker is stopping");
        return LASTCALL_E_CLOSED;
    }
    if (has_long_header(curl, result, out)) {
        snprintf(out->detail, sizeof(out->detail),
                 "the answer's headers are longer than can be held");
        return LASTCALL_SERVER_ERROR;
    }
    if (result == CURLE_OUT_OF_MEMORY || curl->refusal == LASTCALL_E_NOMEM)
        return LASTCALL_E_NOMEM;
    if (curl->refusal == LASTCALL_E_TOO_LARGE ||
        result == CURLE_FILESIZE_EXCEEDED) {
        snprintf(out->detail, sizeof(out->detail),
                 "the answer is larger than %zu MiB",
                 HTTP_BODY_BYTES_MAX / 1024 / 1024);
        return LASTCALL_SERVER_ERROR;
    }
    if (curl->refusal == LASTCALL_TIMEOUT) {
        snprintf(out->detail, sizeof(out->detail), "nothing came for %u ms",
                 (unsigned)curl->sink->silence_ms);
        return LASTCALL_TIMEOUT;
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        snprintf(out->detail, sizeof(out->detail), "no answer within %u ms%s",
                 (unsigned)curl->timeout_ms,
                 out->sent == HTTP_NOT_SENT ? " (no connection)" : "");
        return LASTCALL_TIMEOUT;
    }
    if (out->sent == HTTP_NOT_SENT) {
        snprintf(out->detail, sizeof(out->detail), "no connection: %s", why);
        return LASTCALL_UNREACHABLE;
    }
    snprintf(out->detail, sizeof(out->detail),
             "the connection broke before the answer was complete%s%s",
             result == CURLE_ABORTED_BY_CALLBACK ? "" : ": ",
             result == CURLE_ABORTED_BY_CALLBACK ? "" : why);
    return LASTCALL_SERVER_ERROR;
}

/* Send a request, and let its answer into a sink or the body. */
static enum lastcall_status exchange(struct http_curl *curl,
                                     const struct http_request *request,
                                     const struct http_sink *sink,
                                     struct http_response *out)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_OK;

    *out = (struct http_response){0};
    bytes_init(&out->body, HTTP_BODY_BYTES_MAX);
    curl->request = request;
    curl->response = out;
    curl->sink = sink;
    curl->has_begun = false;
    curl->is_declined = false;
    curl->heard_ms = now_ms();
    curl->attempt_count = 0;
    curl->header_len = 0;
    curl->has_long_header = false;
    curl->refusal = LASTCALL_OK;
    curl->error[0] = '\0';

    status = headers_build(request, &headers);
    if (status != LASTCALL_OK)
        goto out;
    result = set_request(curl, request, headers);
    if (result == CURLE_OK)
        result = transfer(curl);
    read_facts(curl, out);
    status = explain(curl, result, out);

out:
    curl_easy_setopt(curl->easy, CURLOPT_HTTPHEADER, NULL);
    headers_free(headers);
    curl->request = NULL;
    curl->response = NULL;
    curl->sink = NULL;
    return status;
}

static enum lastcall_status
http_curl_perform(void *state, const struct http_request *request,
                  struct http_response *out)
{
    return exchange(state, request, NULL, out);
}

static enum lastcall_status http_curl_stream(void *state,
                                             const struct http_request *request,
                                             const struct http_sink *sink,
                                             struct http_response *out)
{
    return exchange(state, request, sink, out);
}

static enum lastcall_status http_curl_wait(void *state, uint32_t timeout_ms)
{
    struct http_curl *curl = state;

    assert(timeout_ms <= WAIT_MS_MAX);
    if (!atomic_load(&curl->is_interrupted) &&
        curl_multi_poll(curl->multi, NULL, 0, (int)timeout_ms, NULL) !=
            CURLM_OK)
        return LASTCALL_E_CLOSED;
    return atomic_load(&curl->is_interrupted) ? LASTCALL_E_CLOSED
                                              : LASTCALL_TIMEOUT;
}

static void http_curl_interrupt(void *state)
{
    struct http_curl *curl = state;

    atomic_store(&curl->is_interrupted, true);
    curl_multi_wakeup(curl->multi);
}

const struct http_ops http_curl_ops = {
    .open = http_curl_open,
    .perform = http_curl_perform,
    .stream = http_curl_stream,
    .wait = http_curl_wait,
    .interrupt = http_curl_interrupt,
    .close = http_curl_close,
};
