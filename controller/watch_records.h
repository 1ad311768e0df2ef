/*
 * What `lastcall watch` shows, as records that carry their own type: "event",
 * "host", "gap".
 */
#ifndef LASTCALL_CONTROLLER_WATCH_RECORDS_H
#define LASTCALL_CONTROLLER_WATCH_RECORDS_H

#include <stdint.h>

#include "controller/output.h"
#include "controller/registry.h"
#include "controller/watch.h"

/* Changes that the sentence in "detail" names; of more it says how many. */
#define WATCH_CHANGE_SAID_MAX 3

/* Something that happened to a session; a new reference or NULL.
 *
 *   at_ms  when we heard of it, since 1970; so below
 */
json_t *watch_record_event(const struct watch_event *event, int64_t at_ms);

/* A host as its latest status tells it; detail may be NULL. */
json_t *watch_record_host(const struct registry_host *host, const char *detail,
                          int64_t at_ms);

/* Events of a server that never came. */
json_t *watch_record_gap(const struct name *host, const struct name *server,
                         int64_t missed, int64_t at_ms);

extern const struct output_layout watch_layout;

#endif
