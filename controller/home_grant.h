/*
 * The bridge's grant against its buttons: a bridge that is taken over should
 * be able to do what its buttons do, and no more.  Pure.
 */
#ifndef LASTCALL_CONTROLLER_HOME_GRANT_H
#define LASTCALL_CONTROLLER_HOME_GRANT_H

#include <stdint.h>

#include "controller/home_config.h"
#include "protocol/grant.h"

enum grant_finding {
    GRANT_LACKS,   /* hosts will refuse what a button asks */
    GRANT_EXCEEDS, /* more is permitted than the buttons need */
};

/*
 * Compare a grant with the buttons.
 *
 *   backends  set of the kinds that the fleet has
 *   tell      called with a sentence for each finding; borrowed for the call
 */
void home_grant_compare(const struct grant *grant,
                        const struct bridge_config *config, uint32_t backends,
                        void (*tell)(void *context, enum grant_finding finding,
                                     const char *text),
                        void *context);

#endif
