/*
 * A progress bar on standard error, when a person is there to see it.
 */
#ifndef LASTCALL_CONTROLLER_PROGRESS_H
#define LASTCALL_CONTROLLER_PROGRESS_H

#include "controller/campaign.h"

/* What stands on the terminal.  {0} is nothing. */
struct progress {
    bool is_shown;
    enum pace_phase phase;
    size_t outcome_count[OUTCOME_COUNT];
};

/* Draw the bar, or draw it again when the campaign has moved on; does nothing
 * without a terminal. */
void progress_show(struct progress *progress, const struct campaign *campaign);

/* Take the bar away, if there is one. */
void progress_clear(struct progress *progress);

#endif
