/*
 * What the status message counts.  Any thread may count; a reader sees each
 * number whole.
 */
#ifndef LASTCALL_WORKER_COUNTERS_H
#define LASTCALL_WORKER_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/presence.h"
#include "protocol/status.h"

enum counter {
    COUNTER_RECEIVED,  /* messages on command topics */
    COUNTER_DROPPED,   /* without an answer, for any reason */
    COUNTER_REFUSED,   /* answered, nothing run */
    COUNTER_RUN,       /* orders that were carried out */
    COUNTER_REPLAYED,  /* answered with a stored result */
    COUNTER_ENDED,     /* sessions that an order ended */
    COUNTER_PUBLISHED, /* results that the broker took */
    COUNTER_INVENTORIES,
    COUNTER_EVENTS_LOST, /* that the link did not take */
    COUNTER_RECONNECTS,
    COUNTER_COUNT
};

/* {0} is all zero. */
struct counters {
    atomic_uint_fast32_t of[COUNTER_COUNT];
    /* Dropped, by reason: the key is status_name(). */
    atomic_uint_fast32_t dropped[LASTCALL_STATUS_COUNT];
    /* Refused, by code: the key is "refused_" and the code. */
    atomic_uint_fast32_t refused[LASTCALL_STATUS_COUNT];
};

/* Count one more.  Thread: any, as all of these. */
void counters_add(struct counters *counters, enum counter which);

/* Count a message that gets no answer, and why. */
void counters_drop(struct counters *counters, enum lastcall_status reason);

/* Count an answer that says nothing was run, and why. */
void counters_refuse(struct counters *counters, enum lastcall_status code);

/* One number now. */
int64_t counters_read(const struct counters *counters, enum counter which);

/*
 * List all of the first kind and those of the others that are not zero.
 *
 *   out  room for STATUS_COUNTER_COUNT_MAX
 *
 * Returns how many were written.
 */
size_t counters_list(const struct counters *counters,
                     struct status_counter out[STATUS_COUNTER_COUNT_MAX]);

#endif
