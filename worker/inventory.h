/*
 * The sessions of one server as the fleet sees them: when a new list is worth
 * publishing, and which events it means.  Pure but for the sink.
 *
 * Something still changed (a session came, went, changed its state): at once,
 * but not twice within INVENTORY_DEBOUNCE_MS.  Only something moved (a playing
 * position): once a sessions_interval.  Nothing at all: once a
 * sessions_max_age.
 */
#ifndef LASTCALL_WORKER_INVENTORY_H
#define LASTCALL_WORKER_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/presence.h"
#include "worker/executor.h"
#include "worker/settings.h"

#define INVENTORY_DEBOUNCE_MS 1000
/* Endings that are remembered, to say in the event which request it was: more
 * than a server has sessions that one command could end; then the oldest is
 * forgotten. */
#define INVENTORY_ENDING_COUNT_MAX ((size_t)2048)
#define INVENTORY_ENDING_MS 120000
#define INVENTORY_ID_SIZE 128
#define INVENTORY_NEVER INT64_MAX

/* Where news goes. */
struct inventory_sink {
    void *context;
    /* LASTCALL_OK, or anything else: to be tried again in a moment. */
    enum lastcall_status (*inventory)(void *context,
                                      const struct inventory *inventory);
    void (*event)(void *context, const struct event *event);
};

/* The request that ended a session.  {0}: none did. */
struct inventory_cause {
    struct request_id request_id;
    struct name controller;
    struct name plan; /* of which it was a step; "": of none */
};

/* Small, as there may be many: most names are far shorter than they may be. */
struct inventory_ending {
    int64_t until_ms; /* monotonic; then it is a free place */
    char *texts;      /* owned; session, request, controller and plan, each with
                       * its end */
    uint32_t session_digest; /* to be found by */
    uint32_t request_digest;
    bool is_told; /* an event has named it */
};

struct inventory_state {
    const struct server_settings *settings; /* borrowed */
    struct inventory current;               /* owned */
    bool is_known;                          /* a snapshot was taken */
    bool has_listed;      /* a list was seen: from now on changes are events */
    int64_t published_ms; /* monotonic; meaningful when is_published */
    bool is_published;
    int64_t due_ms; /* monotonic, or INVENTORY_NEVER */
    int64_t event_seq;
    struct inventory_ending *endings; /* owned; room for ending_room */
    size_t ending_count;
    size_t ending_room;
    size_t ending_next;       /* place to be taken when none is free */
    int64_t ending_latest_ms; /* monotonic; then all places are free */
    struct backend_report report;
    bool has_report;
};

/* The numbers that were last used for each server.  They outlive a reload, so
 * that within one boot_id no number is used twice.  {0} is empty. */
struct inventory_numbers {
    struct inventory_number {
        struct name server;
        int64_t seq;
        int64_t event_seq;
    } rows[SETTINGS_SERVER_COUNT_MAX];
    size_t count;
};

/* Go on from the numbers that a state of the same server has left. */
void inventory_numbers_restore(const struct inventory_numbers *numbers,
                               struct inventory_state *state);

/* Leave them; where there is no room, the server left first is forgotten. */
void inventory_numbers_keep(struct inventory_numbers *numbers,
                            const struct inventory_state *state);

/*
 * Nothing is known of a server yet.
 *
 *   settings  borrowed for the life
 *   boot_id   copied
 */
void inventory_state_init(struct inventory_state *state,
                          const struct server_settings *settings,
                          const char *boot_id);
void inventory_state_deinit(struct inventory_state *state);

/*
 * Take a snapshot: emit its events, and settle when to publish.
 *
 *   snapshot  its sessions are moved out
 *   now_ms    monotonic
 */
void inventory_take(struct inventory_state *state, struct snapshot *snapshot,
                    int64_t now_ms, const struct inventory_sink *sink);

/* Publish if it is time to. */
void inventory_tick(struct inventory_state *state, int64_t now_ms,
                    const struct inventory_sink *sink);

/* Publish as soon as inventory_tick() is called: after a connect. */
void inventory_want(struct inventory_state *state);

/* Remember which request ended a session, for the event that will follow; of
 * a request that an event has named already nothing more is remembered. */
void inventory_note_ending(struct inventory_state *state,
                           const char *session_id,
                           const struct inventory_cause *cause, int64_t now_ms);

#endif
