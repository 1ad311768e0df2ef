#include "tests/standin/answer.h"

#include "tests/standin/standin.h"
#include "tests/standin/stream.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_BLOCK = 65536 };

/* An answer whose body is sent piece by piece. */
struct delivery {
    struct answer answer; /* owned */
    struct exchange *exchange;
};

void answer_deinit(struct answer *answer)
{
    text_deinit(&answer->body);
    json_decref(answer->headers);
    free(answer->type_owned);
    *answer = (struct answer){0};
}

void answer_body(struct answer *answer, unsigned status, const char *type,
                 const char *body)
{
    answer->status = status;
    answer->type = type;
    answer->is_stream = false;
    text_deinit(&answer->body);
    text_puts(&answer->body, body);
}

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Answer";
    }
}

void answer_html(struct answer *answer, unsigned status)
{
    const char *reason = reason_of(status);

    answer_body(answer, status, "text/html", "");
    text_printf(&answer->body,
                "<html><head><title>%s</title></head>"
                "<body><h1>%u %s</h1></body></html>",
                reason, status, reason);
    answer->close = status == 401;
}

void answer_json(struct answer *answer, unsigned status, json_t *value)
{
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    answer_body(answer, status, "application/json",
                dump != NULL ? dump : "null");
    free(dump);
    json_decref(value);
}

void answer_header(struct answer *answer, const char *name, const char *value)
{
    if (answer->headers == NULL)
        answer->headers = json_object();
    json_object_set_new(answer->headers, name, json_string(value));
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info != NULL ? info->connect_fd : -1;
}

/*
 * Send RST now.  Linger with time zero is not enough: libmicrohttpd shuts the
 * socket down before it closes it, and the peer would see an orderly end.
 * Dissolving the association makes Linux send RST at once.
 */
static void reset_connection(struct MHD_Connection *connection)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    (void)connect(socket_of(connection), &nobody, sizeof(nobody));
}

static ssize_t deliver_end(struct delivery *delivery)
{
    struct exchange *exchange = delivery->exchange;

    switch (delivery->answer.end) {
    case END_RESET:
        reset_connection(exchange->connection);
        break;
    case END_HALF:
        (void)shutdown(socket_of(exchange->connection), SHUT_WR);
        standin_pause(exchange->standin, PAUSE_UNTIL_RELEASED);
        break;
    case END_STALL:
        standin_pause(exchange->standin, PAUSE_UNTIL_RELEASED);
        break;
    case END_WHOLE:
    case END_CUT:
        break;
    }
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t deliver(void *context, uint64_t position, char *buffer,
                       size_t max)
{
    struct delivery *delivery = context;
    const struct answer *answer = &delivery->answer;
    uint64_t left = answer->body.len + answer->padding - position;

    if (answer->end != END_WHOLE) {
        if (position >= answer->stop_after)
            return deliver_end(delivery);
        if (left > answer->stop_after - position)
            left = answer->stop_after - position;
    }
    if (left == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (answer->dribble_ms != 0) {
        if (left > answer->dribble_step)
            left = answer->dribble_step;
        if (position != 0 &&
            !standin_pause(delivery->exchange->standin, answer->dribble_ms))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (left < max)
        max = (size_t)left;
    if (position >= answer->body.len) {
        memset(buffer, ' ', max);
    } else {
        if (max > answer->body.len - position)
            max = (size_t)(answer->body.len - position);
        memcpy(buffer, answer->body.data + position, max);
    }
    return (ssize_t)max;
}

static void delivery_free(void *context)
{
    struct delivery *delivery = context;

    answer_deinit(&delivery->answer);
    free(delivery);
}

static struct MHD_Response *response_new(struct exchange *exchange,
                                         struct answer *answer)
{
    struct MHD_Response *response;
    struct delivery *delivery;
    uint64_t size = answer->body.len + answer->padding;

    if (answer->end == END_WHOLE && answer->padding == 0 &&
        answer->dribble_ms == 0 && !answer->chunked) {
        response = MHD_create_response_from_buffer(
            answer->body.len, answer->body.data, MHD_RESPMEM_MUST_FREE);
        if (response != NULL)
            answer->body = (struct text){0};
        return response;
    }
    delivery = must_calloc(1, sizeof(*delivery));
    delivery->exchange = exchange;
    delivery->answer = *answer;
    delivery->answer.headers = NULL;
    delivery->answer.type_owned = NULL;
    answer->body = (struct text){0};
    return MHD_create_response_from_callback(
        answer->chunked ? MHD_SIZE_UNKNOWN : size, READ_BLOCK, deliver,
        delivery, delivery_free);
}

static void put_headers(struct MHD_Response *response,
                        const struct answer *answer)
{
    const char *type =
        answer->type_owned != NULL ? answer->type_owned : answer->type;
    const char *name;
    json_t *value;

    (void)MHD_add_response_header(response, "X-Plex-Protocol", "1.0");
    (void)MHD_add_response_header(response, "Cache-Control", "no-cache");
    if (type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", type);
    if (answer->close) {
        (void)MHD_add_response_header(response, "Connection", "close");
    } else {
        (void)MHD_set_response_options(response, MHD_RF_SEND_KEEP_ALIVE_HEADER,
                                       MHD_RO_END);
        (void)MHD_add_response_header(response, "Keep-Alive", "timeout=20");
    }
    json_object_foreach(answer->headers, name, value)
    {
        (void)MHD_add_response_header(response, name, json_string_value(value));
    }
}

static int answer_queue(struct exchange *exchange, struct answer *answer)
{
    struct MHD_Response *response = answer->is_stream
                                        ? stream_response(exchange)
                                        : response_new(exchange, answer);
    enum MHD_Result queued;

    if (response == NULL)
        return MHD_NO;
    put_headers(response, answer);
    exchange->close_silently = answer->close_silently;
    queued = MHD_queue_response(exchange->connection, answer->status, response);
    MHD_destroy_response(response);
    return (int)queued;
}

int answer_send(struct exchange *exchange, struct answer *answer)
{
    int result = MHD_NO;

    if (answer->delay_ms != 0 &&
        !standin_pause(exchange->standin, answer->delay_ms))
        goto out; /* the port is being closed */
    switch (answer->way) {
    case ANSWER_SEND:
        result = answer_queue(exchange, answer);
        break;
    case ANSWER_HANG:
        standin_pause(exchange->standin, PAUSE_UNTIL_RELEASED);
        break;
    case ANSWER_RESET:
        reset_connection(exchange->connection);
        break;
    case ANSWER_DROP:
        break;
    }

out:
    answer_deinit(answer);
    return result;
}
