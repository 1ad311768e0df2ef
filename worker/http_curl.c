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
    unsigned attempt_count; /* how often it was about to be sent */
    size_t header_len;
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

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
    struct http_curl *curl = userdata;
    size_t len = size * count;

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

/* An answer may not consist of headers without end either. */
static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
    struct http_curl *curl = userdata;
    size_t len = size * count;

    if (len > HTTP_HEADER_BYTES_MAX - curl->header_len) {
        curl->refusal = LASTCALL_E_TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    curl->header_len += len;
    keep_wanted(curl, data, len);
    return len;
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
    CURLcode result = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);

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
    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                                  (curl_off_t)HTTP_BODY_BYTES_MAX);
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

static CURLcode set_request(struct http_curl *curl,
                            const struct http_request *request,
                            struct curl_slist *headers)
{
    CURL *easy = curl->easy;
    CURLcode result = curl_easy_setopt(easy, CURLOPT_URL, request->url);

    if (result == CURLE_OK)
        result = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
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

/* Drive the transfer; a multi handle only because it can be woken up. */
static CURLcode transfer(struct http_curl *curl)
{
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    int left = 0;
    CURLMsg *message = NULL;

    if (curl_multi_add_handle(curl->multi, curl->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (!atomic_load(&curl->is_interrupted)) {
        if (curl_multi_perform(curl->multi, &running) != CURLM_OK ||
            running == 0)
            break;
        if (curl_multi_poll(curl->multi, NULL, 0, (int)curl->timeout_ms,
                            NULL) != CURLM_OK)
            break;
    }
    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == curl->easy)
            result = message->data.result;
    }
    curl_multi_remove_handle(curl->multi, curl->easy);
    return result;
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

/* Put libcurl's result into our words. */
static enum lastcall_status explain(const struct http_curl *curl,
                                    CURLcode result, struct http_response *out)
{
    const char *why =
        curl->error[0] != '\0' ? curl->error : curl_easy_strerror(result);

    if (result == CURLE_OK)
        return LASTCALL_OK;
    if (atomic_load(&curl->is_interrupted)) {
        snprintf(out->detail, sizeof(out->detail), "the worker is stopping");
        return LASTCALL_E_CLOSED;
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

static enum lastcall_status
http_curl_perform(void *state, const struct http_request *request,
                  struct http_response *out)
{
    struct http_curl *curl = state;
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_OK;

    *out = (struct http_response){0};
    bytes_init(&out->body, HTTP_BODY_BYTES_MAX);
    curl->request = request;
    curl->response = out;
    curl->attempt_count = 0;
    curl->header_len = 0;
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
    return status;
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
    .wait = http_curl_wait,
    .interrupt = http_curl_interrupt,
    .close = http_curl_close,
};
