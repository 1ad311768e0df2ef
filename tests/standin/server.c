#include "tests/standin/server.h"

#include "tests/standin/query.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BODY_MAX = 64 * 1024 * 1024,
    CONNECTION_MEMORY = 256 * 1024, /* long reasons must fit */
    BACKLOG = 128,
    OPTIONS_MAX = 16
};

static void *on_uri(void *context, const char *uri,
                    struct MHD_Connection *connection)
{
    struct server *server = context;
    struct exchange *exchange = must_calloc(1, sizeof(*exchange));
    char *question;
    struct text path = {0};

    exchange->standin = server->standin;
    exchange->connection = connection;
    exchange->uri = must_strdup(uri);
    exchange->record_id = UINT64_MAX;
    question = strchr(exchange->uri, '?');
    exchange->query = question != NULL ? question + 1 : "";
    text_append(&path, uri,
                question != NULL ? (size_t)(question - exchange->uri)
                                 : strlen(uri));
    query_decode_path(text_get(&path), &exchange->path);
    text_deinit(&path);
    return exchange;
}

static void take_body(struct exchange *exchange, const char *bytes, size_t *len)
{
    if (*len > BODY_MAX - exchange->body.len)
        exchange->body_too_large = true;
    else
        text_append(&exchange->body, bytes, *len);
    *len = 0;
}

static uint64_t connection_number(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? (uint64_t)(uintptr_t)info->socket_context : 0;
}

static enum MHD_Result on_request(void *context,
                                  struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *upload,
                                  size_t *upload_len, void **request)
{
    struct server *server = context;
    struct exchange *exchange = *request;

    (void)url;
    (void)version;
    if (!exchange->started) {
        exchange->started = true;
        exchange->connection_id = connection_number(connection);
        return MHD_YES;
    }
    if (*upload_len != 0) {
        take_body(exchange, upload, upload_len);
        return MHD_YES;
    }
    exchange->method = method;
    return server->handle(exchange) == MHD_YES ? MHD_YES : MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *connection,
                         void **request, enum MHD_RequestTerminationCode why)
{
    struct exchange *exchange = *request;
    const union MHD_ConnectionInfo *info;

    (void)context;
    (void)why;
    if (exchange == NULL)
        return;
    info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (exchange->close_silently && info != NULL)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    free(exchange->uri);
    text_deinit(&exchange->path);
    text_deinit(&exchange->body);
    free(exchange);
    *request = NULL;
}

static enum MHD_Result on_accept(void *context, const struct sockaddr *address,
                                 socklen_t len)
{
    struct server *server = context;
    struct standin *standin = server->standin;
    enum MHD_Result result;

    (void)address;
    (void)len;
    if (!server->is_plex)
        return MHD_YES;
    standin_lock(standin);
    standin->record.connections_count++;
    result = lifecycle_now(&standin->life, clock_ms()) == LIFE_ABORT ? MHD_NO
                                                                     : MHD_YES;
    standin_unlock(standin);
    return result;
}

static void on_connection(void *context, struct MHD_Connection *connection,
                          void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct server *server = context;
    struct standin *standin = server->standin;

    (void)connection;
    if (!server->is_plex)
        return;
    standin_lock(standin);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        standin->record.open_count++;
        *socket_context = (void *)(uintptr_t)standin->record.connections_count;
    } else {
        standin->record.open_count--;
    }
    standin_unlock(standin);
}

/* A socket bound to the port; it refuses until somebody listens on it. */
static int bind_port(struct server *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("plex-standin: bind");
        (void)close(fd);
        return -1;
    }
    server->port = ntohs(address.sin_port);
    return fd;
}

static struct MHD_Daemon *start(struct server *server, int fd)
{
    struct MHD_OptionItem options[OPTIONS_MAX] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    size_t used = 2;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;

    if (server->cert != NULL) {
        flags |= MHD_USE_TLS;
        options[used++] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)server->cert};
        options[used++] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)server->key};
    }
    if (server->cert != NULL && server->priorities != NULL)
        options[used++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                    (void *)(uintptr_t)server->priorities};
    options[used] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(flags, 0, on_accept, server, on_request, server,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

bool server_open(struct server *server)
{
    int fd = server->reserved >= 0 ? server->reserved : bind_port(server);

    server->reserved = -1;
    if (fd < 0)
        return false;
    if (listen(fd, BACKLOG) != 0) {
        perror("plex-standin: listen");
        (void)close(fd);
        return false;
    }
    server->daemon = start(server, fd);
    if (server->daemon == NULL) {
        fputs("plex-standin: cannot start a server; is the certificate and "
              "its key good?\n",
              stderr);
        (void)close(fd);
    }
    return server->daemon != NULL;
}

void server_close(struct server *server)
{
    if (server->daemon == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    /* So that nobody else gets the port before it opens again. */
    server->reserved = bind_port(server);
}

void server_deinit(struct server *server)
{
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    if (server->reserved >= 0)
        (void)close(server->reserved);
    server->reserved = -1;
}
