#include "worker/plex_client.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/plex_local.h"

#define TOKEN_HEADER "X-Plex-Token: "
#define EXCUSE_SIZE 160
/* Without the filter a scan of the library would send thousands. */
#define EVENTS_PATH "/:/eventsource/notifications?filters=playing"
/* A reason and an id at their longest, every byte percent-encoded. */
#define URL_BYTES_MAX ((size_t)32 * 1024)

struct plex_client {
    struct plex_surroundings around;
    void *http; /* owned */
    char *base; /* owned; the URL without a slash at its end */
    struct plex_token token;
    char token_line[sizeof(TOKEN_HEADER) + PLEX_TOKEN_LEN_MAX];
};

enum lastcall_status plex_outcome(struct session_outcome *outcome,
                                  enum lastcall_status code, const char *format,
                                  ...)
{
    va_list arguments;

    outcome->code = code;
    va_start(arguments, format);
    vsnprintf(outcome->detail, sizeof(outcome->detail), format, arguments);
    va_end(arguments);
    return code;
}

static enum lastcall_status open_http(struct plex_client *client,
                                      struct platform_error *error)
{
    const struct server_settings *settings = client->around.settings;
    struct http_options options = {
        .ca = settings->ca,
        .resolve = settings->resolve,
        .timeout_ms = (uint32_t)settings->timeout_ms,
    };
    enum lastcall_status status = LASTCALL_OK;

    /* The token goes to whom it vouches for. */
    if (settings->ca != NULL &&
        platform_check_guarded(settings->ca, error) != LASTCALL_OK)
        return LASTCALL_E_CONFIG;
    status = client->around.http->open(&options, &client->http);
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    snprintf(error->text, sizeof(error->text),
             "cannot prepare HTTP requests: %s", status_text(status));
    return LASTCALL_E_CONFIG;
}

static enum lastcall_status copy_base(const char *url, char **out)
{
    size_t len = strlen(url);

    *out = bytes_copy_text(url);
    if (*out == NULL)
        return LASTCALL_E_NOMEM;
    while (len > 0 && url[len - 1] == '/')
        len--;
    (*out)[len] = '\0';
    return LASTCALL_OK;
}

/* Say so where a token goes over a network that anybody can read. */
static void warn_of_plain(const struct plex_client *client)
{
    static const char *const fine[] = {"https://", "http://127.",
                                       "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        if (strncmp(client->base, fine[i], strlen(fine[i])) == 0)
            return;
    }
    log_write(client->around.log, LOG_LEVEL_WARN, LOG_EVERY, "PLEX-PLAIN",
              "%s: the token goes unencrypted to %s; use its https address",
              client->around.settings->name.text, client->base);
}

enum lastcall_status
plex_client_open(const struct plex_surroundings *surroundings,
                 struct plex_client **out, struct platform_error *error)
{
    struct plex_client *client = calloc(1, sizeof(*client));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    error->text[0] = '\0';
    if (client == NULL)
        return LASTCALL_E_NOMEM;
    client->around = *surroundings;
    status = copy_base(surroundings->settings->url, &client->base);
    if (status == LASTCALL_OK)
        status = plex_token_init(&client->token, surroundings->settings, error);
    if (status == LASTCALL_OK)
        status = open_http(client, error);
    if (status == LASTCALL_OK) {
        warn_of_plain(client);
        *out = client;
    } else {
        plex_client_close(client);
    }
    return status;
}

void plex_client_close(struct plex_client *client)
{
    if (client == NULL)
        return;
    if (client->http != NULL)
        client->around.http->close(client->http);
    free(client->base);
    plex_token_deinit(&client->token);
    bytes_wipe(client->token_line, sizeof(client->token_line));
    free(client);
}

/*
 * Send a request once, with the token that there is.
 *
 *   sink  NULL: the answer has an end, and is kept
 */
static enum lastcall_status send_once(struct plex_client *client,
                                      struct http_request *request,
                                      const struct http_sink *sink,
                                      struct http_response *response)
{
    const struct http_ops *http = client->around.http;
    const char *headers[] = {
        sink == NULL ? "Accept: application/json" : "Accept: text/event-stream",
        "User-Agent: lastcall-worker/" LASTCALL_VERSION,
        "X-Plex-Client-Identifier: lastcall-worker",
        "X-Plex-Product: Lastcall",
        "X-Plex-Version: " LASTCALL_VERSION,
        "X-Plex-Device-Name: lastcall-worker",
        client->token_line,
        NULL,
    };
    enum lastcall_status status;

    snprintf(client->token_line, sizeof(client->token_line), TOKEN_HEADER "%s",
             client->token.value);
    if (client->token.value[0] == '\0')
        headers[sizeof(headers) / sizeof(headers[0]) - 2] = NULL;
    request->headers = headers;
    request->wanted = "X-Plex-Container-Total-Size";
    if (sink == NULL)
        status = http->perform(client->http, request, response);
    else
        status = http->stream(client->http, request, sink, response);
    request->headers = NULL;
    bytes_wipe(client->token_line, sizeof(client->token_line));
    return status;
}

/*
 * Send a request.  401 means that nothing was done, so that it may be sent
 * again when the token has been renewed meanwhile.
 */
static enum lastcall_status exchange(struct plex_client *client,
                                     struct http_request *request,
                                     const struct http_sink *sink,
                                     struct http_response *response)
{
    enum lastcall_status status = send_once(client, request, sink, response);

    if (status != LASTCALL_OK || response->status != 401 ||
        plex_token_refresh(&client->token) != PLEX_TOKEN_CHANGED)
        return status;
    log_write(client->around.log, LOG_LEVEL_INFO, LOG_LIMITED, "PLEX-TOKEN",
              "%s: token refused, another one found in %s",
              client->around.settings->name.text,
              plex_token_origin(&client->token));
    http_response_deinit(response);
    return send_once(client, request, sink, response);
}

static enum lastcall_status get(struct plex_client *client, const char *path,
                                const struct http_sink *sink,
                                struct http_response *response)
{
    struct http_request request = {.method = HTTP_GET,
                                   .repeat = HTTP_REPEAT_SAFE};
    struct bytes url;
    enum lastcall_status status;

    *response = (struct http_response){0};
    bytes_init(&url, URL_BYTES_MAX);
    status = bytes_append_format(&url, "%s%s", client->base, path);
    if (status == LASTCALL_OK) {
        request.url = (const char *)url.data;
        status = exchange(client, &request, sink, response);
    }
    bytes_deinit(&url);
    return status;
}

static enum lastcall_status explain_denied(const struct plex_client *client,
                                           const struct http_response *response,
                                           struct session_outcome *outcome)
{
    const char *origin = plex_token_origin(&client->token);

    if (response->status == 403)
        return plex_outcome(outcome, LASTCALL_DENIED,
                            "Plex says that the token from %.200s is not its "
                            "owner's (403)",
                            origin);
    if (client->token.value[0] == '\0')
        return plex_outcome(outcome, LASTCALL_DENIED,
                            "Plex wants a token (401), and there is none that "
                            "can be read in %.200s%s",
                            origin, plex_local_hint());
    return plex_outcome(outcome, LASTCALL_DENIED,
                        "Plex does not accept the token from %.200s (401): "
                        "unknown, revoked, or not its owner's",
                        origin);
}

static struct plex_answer answer_of(const struct http_response *response)
{
    return (struct plex_answer){
        .data = response->body.len > 0 ? (const void *)response->body.data : "",
        .len = response->body.len,
        .content_type = response->content_type,
        .total = response->wanted,
    };
}

/* An answer with a status that is no success. */
static enum lastcall_status explain_fault(const struct plex_client *client,
                                          const struct http_response *response,
                                          struct session_outcome *outcome)
{
    char excuse[EXCUSE_SIZE];
    struct plex_answer answer = answer_of(response);

    if (response->status >= 300 && response->status < 400)
        return plex_outcome(outcome, LASTCALL_SERVER_ERROR,
                            "%.200s redirects (%ld), which is not followed; "
                            "set url to where Plex itself answers",
                            client->base, response->status);
    if (response->status == 404)
        return plex_outcome(outcome, LASTCALL_SERVER_ERROR,
                            "no Plex answers at %.200s (404)", client->base);
    if (response->status == 400)
        return plex_outcome(outcome, LASTCALL_SERVER_ERROR,
                            "Plex refused the request as malformed (400), as "
                            "it does while it is starting");
    plex_document_excuse(&answer, excuse, sizeof(excuse));
    if (response->status == 503)
        return plex_outcome(outcome, LASTCALL_SERVER_ERROR,
                            "Plex is not ready: maintenance or starting "
                            "(503)%s%s",
                            excuse[0] != '\0' ? ": " : "", excuse);
    return plex_outcome(
        outcome, LASTCALL_SERVER_ERROR, "Plex answered with a fault (%ld)%s%s",
        response->status, excuse[0] != '\0' ? ": " : "", excuse);
}

enum lastcall_status plex_client_explain(const struct plex_client *client,
                                         enum lastcall_status transport,
                                         const struct http_response *response,
                                         struct session_outcome *outcome)
{
    if (transport == LASTCALL_E_CLOSED)
        return plex_outcome(outcome, LASTCALL_INTERRUPTED,
                            "the worker is stopping");
    if (transport == LASTCALL_E_NOMEM)
        return plex_outcome(outcome, LASTCALL_E_NOMEM, "out of memory");
    if (transport != LASTCALL_OK)
        return plex_outcome(outcome, transport, "Plex: %.300s",
                            response->detail);
    if (response->status >= 200 && response->status < 300)
        return plex_outcome(outcome, LASTCALL_OK, "%s", "");
    if (response->status == 401 || response->status == 403)
        return explain_denied(client, response, outcome);
    return explain_fault(client, response, outcome);
}

enum lastcall_status plex_client_list(struct plex_client *client,
                                      struct session_list *out,
                                      struct session_outcome *outcome)
{
    struct plex_source source = {
        .server = client->around.settings->name.text,
        .uri = client->base,
    };
    struct http_response response;
    struct json_error error = {0};
    enum lastcall_status status =
        get(client, "/status/sessions", NULL, &response);

    *out = (struct session_list){0};
    status = plex_client_explain(client, status, &response, outcome);
    if (status == LASTCALL_OK) {
        struct plex_answer answer = answer_of(&response);

        status = plex_parse_sessions(&answer, &source, out, &error);
        plex_outcome(outcome, status, "%s", error.text);
    }
    http_response_deinit(&response);
    return status;
}

enum lastcall_status plex_client_ask(struct plex_client *client,
                                     enum plex_page page,
                                     struct plex_server *out,
                                     struct session_outcome *outcome)
{
    struct http_response response;
    struct json_error error = {0};
    enum lastcall_status status = get(
        client, page == PLEX_PAGE_ROOT ? "/" : "/identity", NULL, &response);

    *out = (struct plex_server){0};
    status = plex_client_explain(client, status, &response, outcome);
    if (status == LASTCALL_OK) {
        struct plex_answer answer = answer_of(&response);

        status = plex_parse_server(&answer, out, &error);
        plex_outcome(outcome, status, "%s", error.text);
    }
    http_response_deinit(&response);
    return status;
}

/* Append a text so that it is one value of a query, whatever it holds. */
static enum lastcall_status append_encoded(struct bytes *url, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~";
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && *text != '\0') {
        size_t len = strspn(text, plain);

        if (len > 0) {
            status = bytes_append(url, text, len);
            text += len;
        } else {
            status = bytes_append_format(url, "%%%02X", (unsigned char)*text);
            text++;
        }
    }
    return status;
}

static enum lastcall_status terminate_url(const struct plex_client *client,
                                          const char *session_id,
                                          const char *reason, struct bytes *url)
{
    enum lastcall_status status = bytes_append_format(
        url, "%s/status/sessions/terminate?sessionId=", client->base);

    if (status == LASTCALL_OK)
        status = append_encoded(url, session_id);
    if (status == LASTCALL_OK && reason != NULL)
        status = bytes_append_text(url, "&reason=");
    if (status == LASTCALL_OK && reason != NULL)
        status = append_encoded(url, reason);
    return status;
}

enum lastcall_status plex_client_terminate(struct plex_client *client,
                                           const char *session_id,
                                           const char *reason,
                                           struct http_response *response)
{
    struct http_request request = {
        .method = client->around.settings->terminate_method == 0 ? HTTP_GET
                                                                 : HTTP_POST,
        .repeat = HTTP_REPEAT_NEVER,
    };
    struct bytes url;
    enum lastcall_status status;

    *response = (struct http_response){0};
    bytes_init(&url, URL_BYTES_MAX);
    status = terminate_url(client, session_id, reason, &url);
    if (status == LASTCALL_OK) {
        request.url = (const char *)url.data;
        status = exchange(client, &request, NULL, response);
    } else if (status == LASTCALL_E_TOO_LARGE) {
        snprintf(response->detail, sizeof(response->detail),
                 "id and reason are too long for a request");
        status = LASTCALL_SERVER_ERROR;
    }
    bytes_deinit(&url);
    return status;
}

enum lastcall_status plex_client_stream(struct plex_client *client,
                                        const struct http_sink *sink,
                                        struct http_response *response)
{
    return get(client, EVENTS_PATH, sink, response);
}

enum plex_token_news plex_client_renew_token(struct plex_client *client)
{
    return plex_token_refresh(&client->token);
}

int64_t plex_client_timeout_ms(const struct plex_client *client)
{
    return client->around.settings->timeout_ms;
}

int64_t plex_client_now_ms(const struct plex_client *client)
{
    const struct clock *clock = client->around.clock;

    return clock->monotonic_ms(clock->state);
}

enum lastcall_status plex_client_wait(struct plex_client *client,
                                      uint32_t timeout_ms)
{
    return client->around.http->wait(client->http, timeout_ms);
}

void plex_client_interrupt(struct plex_client *client)
{
    client->around.http->interrupt(client->http);
}
