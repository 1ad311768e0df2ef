/*
 * Presses: which messages from home count as the press of a button.  Pure:
 * times are milliseconds of the caller's steady clock.
 */
#ifndef LASTCALL_CONTROLLER_HOME_PRESS_H
#define LASTCALL_CONTROLLER_HOME_PRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/home_config.h"
#include "protocol/name.h"

enum press_verdict {
    PRESS_ACCEPTED,
    PRESS_RETAINED, /* it would fire again on every connect */
    PRESS_EARLY,    /* within quiet_ms of the connect: may be an old one */
    PRESS_UNKNOWN,  /* no button of that device has this id */
    PRESS_LATE,     /* it came its button's timeout ago */
    PRESS_REPEATED, /* within min_interval_ms of the last that was accepted */
    PRESS_VERDICT_COUNT
};

/* "accepted", "retained", "early", "unknown", "late", "repeated";
 * static. */
const char *press_verdict_name(enum press_verdict verdict);

/* What is remembered of one button on one device.  {0}: never pressed. */
struct home_press {
    bool has_accepted;
    int64_t accepted_ms;
};

/* A message at a device's press topic. */
struct home_pressing {
    bool is_retained;
    int64_t came_ms;
    int64_t now_ms;   /* it may have waited to be looked at */
    int64_t ready_ms; /* since when we are connected and subscribed */
    int64_t quiet_ms;
};

/*
 * Find the button that a payload names on a device.
 *
 *   host           "" for the bridge's own device
 *   payload, len   may be hostile; not NUL-terminated
 *
 * Returns a button (borrowed), or NULL.
 */
const struct home_button *home_press_find(const struct bridge_config *config,
                                          const struct name *host,
                                          const void *payload, size_t len);

/*
 * Say whether a message counts as a press; the first reason in the order of
 * enum press_verdict is given.
 *
 *   state   of that button on that device; changed when the press counts;
 *           NULL with a button of NULL
 *   button  from home_press_find(), or NULL
 */
enum press_verdict home_press_judge(struct home_press *state,
                                    const struct home_button *button,
                                    const struct home_pressing *pressing);

#endif
