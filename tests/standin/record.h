/*
 * What the stand-in has seen: requests, terminates and counters.
 *
 * Both lists keep the newest RECORD_MAX entries.  The caller holds the
 * stand-in's lock.
 */
#ifndef STANDIN_RECORD_H
#define STANDIN_RECORD_H

#include "tests/standin/sessions.h"
#include "tests/standin/text.h"
#include "tests/standin/tokens.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct exchange;

enum { RECORD_MAX = 10000, RECORD_BODY_MAX = 16384 };

/* The newest RECORD_MAX of something; entry n is at n modulo that. */
struct ring {
    json_t **entries; /* owned */
    uint64_t next;    /* how many there have been */
    uint64_t first;   /* the oldest that is kept */
};

struct record {
    bool off; /* only count */
    struct ring requests;
    struct ring terminations;
    uint64_t requests_count;
    uint64_t lists_count;
    uint64_t terminates_count;   /* requests to the terminate path */
    uint64_t terminations_count; /* of those, decided */
    uint64_t connections_count;
    uint64_t open_count; /* connections that are open now */
    uint64_t streams_count;
    uint64_t streams_open;
};

/* A terminate and what was decided about it. */
struct termination {
    const char *method;
    const struct text *id;     /* NULL when the parameter is not there */
    const struct text *reason; /* NULL when the parameter is not there */
    enum token_class class;
    json_t *matched; /* borrowed: see sessions_kill(), or NULL */
    unsigned status; /* 0: no answer was sent */
    const char *result;
};

/* Make it empty. */
void record_init(struct record *record);

/* Free what it holds. */
void record_deinit(struct record *record);

/* Forget the entries and count from zero; connections keep their count. */
void record_clear(struct record *record);

/* Enter a request; its number goes into the exchange. */
void record_request(struct record *record, struct exchange *exchange,
                    bool token_in_url);

/* Enter what was answered; 0 for a connection that got no answer. */
void record_status(struct record *record, const struct exchange *exchange,
                   unsigned status);

/* Enter a terminate. */
void record_termination(struct record *record,
                        const struct termination *termination);

/* The entries of a ring, oldest first; the caller owns the array. */
json_t *record_entries(const struct ring *ring);

/* The counters; the caller owns the object. */
json_t *record_counters(const struct record *record);

#endif
