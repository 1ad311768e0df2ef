/*
 * Word of changes: a thread that follows a Plex server's event stream and
 * passes on that something changed.  A help and no more: sessions are listed
 * every sessions_interval in any case, whatever the stream does.
 *
 *     bytes -> sse -> plex_news -> plex_pace -> changed()
 *
 * Besides, changed() is called when the stream begins and when it is lost, as
 * what happened in between was told to nobody.
 */
#ifndef LASTCALL_WORKER_PLEX_WATCH_H
#define LASTCALL_WORKER_PLEX_WATCH_H

#include "worker/plex_client.h"

/* A stream without a byte for so long is lost; Plex says "ping" every ten to
 * fifteen seconds. */
#define PLEX_WATCH_SILENCE_MS 40000u

/* What is read of a stream: of what a busy Plex says, thousands of times as
 * much, and of who sends without end, no more than a small part of a core can
 * take. */
#define PLEX_WATCH_BYTES_PER_S ((uint32_t)4 * 1024 * 1024)

struct plex_watch;

/*
 * Start the thread.
 *
 *   around   settings, clock, log and changed, which may not be NULL; borrowed
 *            until close
 *   http     how to ask
 *   error    a sentence with the mend
 *
 * Returns what plex_client_open() returns, or LASTCALL_E_INTERNAL (no thread).
 */
LASTCALL_MUST_USE enum lastcall_status
plex_watch_open(const struct backend_surroundings *around,
                const struct http_ops *http, struct plex_watch **out,
                struct platform_error *error);

/*
 * Tell how listing went: a server that answers again, or another token, is
 * reason to try the stream at once; NULL is fine.  Thread: any.
 */
void plex_watch_listed(struct plex_watch *watch, enum lastcall_status code);

/* End the thread soon; NULL is fine.  Thread: any. */
void plex_watch_interrupt(struct plex_watch *watch);

/* Interrupt, join the thread and free; NULL is fine. */
void plex_watch_close(struct plex_watch *watch);

/*
 * Ask once whether a server has an event stream, for --check.
 *
 *   outcome  LASTCALL_OK, or why there is none
 *
 * Returns outcome->code.
 */
enum lastcall_status plex_watch_probe(struct plex_client *client,
                                      struct session_outcome *outcome);

#endif
