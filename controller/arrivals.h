/*
 * What came in a session with the broker, and whether some of it may be
 * missing: a broker drops what a slow reader does not take.  Pure; the clock
 * and the lock are the caller's.
 */
#ifndef LASTCALL_CONTROLLER_ARRIVALS_H
#define LASTCALL_CONTROLLER_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/io/mqtt.h"
#include "protocol/topic.h"

/* Below what any broker drops by default. */
#define ARRIVALS_SAFE 900
/* So long without a message ends a run. */
#define ARRIVALS_PAUSE_MS 500
/* How far apart the messages of a run that is a burst are at most, on the
 * average. */
#define ARRIVALS_SPACING_MS 20

/* {0} is nothing. */
struct arrivals {
    uint64_t retained; /* messages, of all that came */
    uint64_t burst;    /* messages since the broker let us in */
    uint16_t last_id;  /* of its packets; 0: none yet */
    bool has_gap;      /* between those ids */
    bool has_asked;    /* something was published: answers may come */
    uint64_t run;      /* messages without a pause, since we first asked */
    int64_t began_ms;  /* when the first of them came */
    int64_t ended_ms;  /* when the last of them came */
    /* A retained message that came, and can be asked for once more: it comes
     * behind all that the broker has for us.  "": none has come. */
    struct topic probe;
    bool is_probing; /* it was asked for */
    bool is_probed;  /* and has come */
};

/* The broker has let us in (again). */
void arrivals_begin(struct arrivals *arrivals);

/*
 * Note a message.
 *
 *   kind    of its topic; any, where that is none of ours
 *   now_ms  on a steady clock
 */
void arrivals_note(struct arrivals *arrivals,
                   const struct mqtt_message *message, enum topic_kind kind,
                   int64_t now_ms);

/* Say whether so much came that a broker may have dropped some of it. */
bool arrivals_is_burst(const struct arrivals *arrivals);

/* Say whether it has: packets are missing in a burst.  Time: O(1). */
bool arrivals_may_lack(const struct arrivals *arrivals);

/* Say whether a burst of answers has ended: the last ones may be what was
 * dropped, since no packet comes after them that would show it. */
bool arrivals_may_lack_the_last(const struct arrivals *arrivals);

#endif
