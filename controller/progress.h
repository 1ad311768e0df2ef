/*
 * A progress bar on standard error, when a person is there to see it.
 */
#ifndef LASTCALL_CONTROLLER_PROGRESS_H
#define LASTCALL_CONTROLLER_PROGRESS_H

#include "controller/campaign.h"

/* Draw the bar over the last one; does nothing without a terminal. */
void progress_show(const struct campaign *campaign);

/* Take the bar away. */
void progress_clear(void);

#endif
