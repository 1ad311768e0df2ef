/*
 * Requests to one Plex server: the token in its header, an answer that says
 * "unknown token" met by reading the token once more, and every answer put
 * into a code and a sentence.
 *
 * Used by one thread at a time, but for plex_client_interrupt().
 */
#ifndef LASTCALL_WORKER_PLEX_CLIENT_H
#define LASTCALL_WORKER_PLEX_CLIENT_H

#include "protocol/session.h"
#include "worker/http.h"
#include "worker/plex_parse.h"
#include "worker/plex_token.h"
#include "worker/session_backend.h"

/* What a client works with.  Borrowed until plex_client_close(). */
struct plex_surroundings {
    const struct server_settings *settings;
    const struct clock *clock;
    struct log *log; /* NULL: says nothing */
    const struct http_ops *http;
};

struct plex_client;

/*
 * Make a client; nothing is sent yet.
 *
 *   out    filled on LASTCALL_OK; plex_client_close() frees it
 *   error  a sentence with the mend
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_client_open(const struct plex_surroundings *surroundings,
                 struct plex_client **out, struct platform_error *error);
void plex_client_close(struct plex_client *client);

/*
 * List the sessions.
 *
 *   out      filled on LASTCALL_OK, empty else
 *   outcome  code and a sentence in every case
 *
 * Returns outcome->code: LASTCALL_OK, LASTCALL_UNREACHABLE,
 *         LASTCALL_TIMEOUT, LASTCALL_DENIED, LASTCALL_SERVER_ERROR,
 *         LASTCALL_INTERRUPTED (the worker is stopping), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_client_list(struct plex_client *client, struct session_list *out,
                 struct session_outcome *outcome);

/* Which page a server speaks of itself on. */
enum plex_page {
    PLEX_PAGE_ROOT,     /* "/": the owner's features; needs the token */
    PLEX_PAGE_IDENTITY, /* "/identity": the version, for anybody */
};

/* Ask a server about itself; returns as plex_client_list(). */
LASTCALL_MUST_USE enum lastcall_status
plex_client_ask(struct plex_client *client, enum plex_page page,
                struct plex_server *out, struct session_outcome *outcome);

/*
 * Ask a server to end a session.  Sent once; after an answer that the token
 * is unknown once more, if the token has changed meanwhile.
 *
 *   session_id  Plex's own, of a session with endable true
 *   reason      what the viewer reads; NULL: nothing
 *   response    the caller calls http_response_deinit() in every case
 *
 * Returns what http_ops.perform() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_client_terminate(struct plex_client *client, const char *session_id,
                      const char *reason, struct http_response *response);

/*
 * Follow the server's event stream, playbacks alone, until it ends.  After an
 * answer that the token is unknown once more, if the token has changed
 * meanwhile.
 *
 *   response  the caller calls http_response_deinit() in every case
 *
 * Returns what http_ops.stream() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_client_stream(struct plex_client *client, const struct http_sink *sink,
                   struct http_response *response);

/* Read the token once more. */
enum plex_token_news plex_client_renew_token(struct plex_client *client);

/*
 * Put an answer, or the lack of one, into a code and a sentence.
 *
 *   transport  what perform() returned
 *
 * Returns outcome->code.
 */
enum lastcall_status plex_client_explain(const struct plex_client *client,
                                         enum lastcall_status transport,
                                         const struct http_response *response,
                                         struct session_outcome *outcome);

/* The longest a request may take, and the time by the client's clock. */
int64_t plex_client_timeout_ms(const struct plex_client *client);
int64_t plex_client_now_ms(const struct plex_client *client);

/* Let time pass; LASTCALL_TIMEOUT, or LASTCALL_E_CLOSED (interrupted). */
enum lastcall_status plex_client_wait(struct plex_client *client,
                                      uint32_t timeout_ms);

/* From any thread: ends what is under way, and all that comes later. */
void plex_client_interrupt(struct plex_client *client);

/* Fill an outcome. */
enum lastcall_status plex_outcome(struct session_outcome *outcome,
                                  enum lastcall_status code, const char *format,
                                  ...) LASTCALL_PRINTF(3, 4);

#endif
