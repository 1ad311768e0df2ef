/*
 * How fast a campaign goes from host to host: how many may be at it at a time,
 * who goes first, after how many failures it stops.  A pure state machine: it
 * counts turns and knows no hosts; times are milliseconds of the caller's
 * steady clock and never go back.
 */
#ifndef LASTCALL_CONTROLLER_PACE_H
#define LASTCALL_CONTROLLER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define PACE_NUMBER_MAX 20000

/* A number of hosts, or a share of those expected. */
struct pace_share {
    bool is_given;
    bool is_percent;
    int64_t number; /* up to PACE_NUMBER_MAX, or 100 as a percentage */
};

/* What the operator asked for; {0} is no limit at all. */
struct campaign_pace {
    struct pace_share batch;    /* hosts that are at it at a time */
    struct pace_share canary;   /* the first, alone; all must succeed */
    struct pace_share max_fail; /* more failures than this stop it */
    int64_t batch_wait_ms;      /* from a host's end to the next in its place */
};

/* Say whether hosts must be asked one by one for this. */
bool pace_is_limited(const struct campaign_pace *pace);

/*
 * Read "5" or "20%".
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status pace_share_parse(const char *text,
                                                        struct pace_share *out);

enum pace_phase {
    PACE_CANARY,  /* the first alone */
    PACE_ROLLING, /* one after the other */
    PACE_STOPPED_BY_CANARY,
    PACE_STOPPED_BY_FAILURES,
};

/* {0} is empty. */
struct pacer {
    enum pace_phase phase;
    size_t window;
    size_t canary;
    size_t max_fail;
    int64_t wait_ms;
    size_t asked_count;
    size_t waiting_count; /* asked, and not at their end */
    size_t good_count;
    size_t failed_count;
    int64_t resume_ms; /* the rest begins this long after the canary */
    /* When places become free, one after the other; a ring. */
    int64_t *cooling; /* owned; window entries, NULL without a wait */
    size_t cooling_first;
    size_t cooling_count;
};

/*
 * Begin with a number of hosts.
 *
 *   host_count  those expected; percentages are of it, rounded up for batch
 *               and canary, down for max_fail
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 * Owner:  pacer_deinit().
 */
LASTCALL_MUST_USE enum lastcall_status
pacer_start(struct pacer *pacer, const struct campaign_pace *pace,
            size_t host_count);
void pacer_deinit(struct pacer *pacer);

/* Say whether one more host may be asked now. */
bool pacer_may_ask(struct pacer *pacer, int64_t now_ms);

/* When pacer_may_ask() will say yes by the passing of time alone; INT64_MAX:
 * it takes more than that, or may be asked now. */
int64_t pacer_next_ms(const struct pacer *pacer, int64_t now_ms);

enum pace_end {
    PACE_GOOD,
    PACE_FAILED,
};

/* A host was asked. */
void pacer_asked(struct pacer *pacer);
/* A host that was asked has come to its end. */
void pacer_ended(struct pacer *pacer, enum pace_end end, int64_t now_ms);
/* It was a host's turn, and it is known to be offline. */
void pacer_passed_over(struct pacer *pacer);
/* A host that had failed by its silence answered well after all; what was
 * stopped for it stays so. */
void pacer_mended(struct pacer *pacer);

/* Say whether nobody is to be asked any more. */
bool pacer_is_stopped(const struct pacer *pacer);

#endif
