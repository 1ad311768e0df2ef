/*
 * What a watcher makes of the fleet's events: which are new, how many were
 * missed, what a session was before, and which changes no event told of.
 * Pure: the registry's inventories are kept up to date with the events, and
 * what there is to show goes to a sink.
 *
 * Events of one server are counted from 1 in each life of its host.  A number
 * that was seen before, or that belongs to an earlier life, is a repetition:
 * a broker may show anything again.  A number that was left out is a gap.
 */
#ifndef LASTCALL_CONTROLLER_WATCH_H
#define LASTCALL_CONTROLLER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/news.h"
#include "controller/registry.h"
#include "controller/text_index.h"

/* Servers whose events are counted; more are shown without being judged. */
#define WATCH_TRACK_MAX ((size_t)4 * REGISTRY_HOST_MAX)
#define WATCH_KEY_SIZE (2 * (NAME_LEN_MAX + 1))
/* How far back a number may lie that another watcher was first given. */
#define WATCH_WINDOW 64

/* One server of one host. */
struct watch_track {
    char key[WATCH_KEY_SIZE]; /* host/server */
    char boot_id[RESULT_BOOT_ID_SIZE];
    int64_t iat_s;   /* of the latest event */
    int64_t seq;     /* the highest that was seen */
    uint64_t recent; /* bit i: seq - i was seen; for WATCH_SHARED */
};

enum watch_share {
    WATCH_ALONE,  /* every event comes to us */
    WATCH_SHARED, /* others are given some of them: gaps mean nothing */
};

/* {0} is empty, and alone. */
struct watch {
    enum watch_share share;
    struct watch_track *tracks; /* owned */
    size_t track_count;
    size_t track_capacity;
    struct text_index by_key;
    uint64_t repeated_count; /* events that were dropped as repetitions */
};

void watch_deinit(struct watch *watch);

/* Something that happened to a session; all members borrowed. */
struct watch_event {
    const struct name *host;
    const struct name *server;
    enum backend_kind backend;
    enum event_kind kind;
    const struct session *before; /* NULL: not known, or none */
    const struct session *session;
    const struct event *event; /* NULL: no event told of it */
};

/* Where it goes. */
struct watch_sink {
    void *context;
    void (*event)(void *context, const struct watch_event *event);
    /* missed: how many events of a server never came; above 0 */
    void (*gap)(void *context, const struct name *host,
                const struct name *server, int64_t missed);
};

/*
 * Take an event that news_open() proved.
 *
 *   registry  its inventory of the server, if any, is changed as the event says
 *   news      moved from; {0} afterwards
 *
 * Returns LASTCALL_OK (told, or dropped and counted), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
watch_take_event(struct watch *watch, const struct registry *registry,
                 struct news *news, const struct watch_sink *sink);

/*
 * Look at an inventory that news_open() proved, before the registry takes it:
 * tell how it differs from what the inventory before and the events said.
 * Nothing is told when it is not newer, or when one of the two is not whole.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
watch_compare(const struct registry *registry, const struct news *news,
              const struct watch_sink *sink);

#endif
