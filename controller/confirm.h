/*
 * Asking before sessions are ended.
 */
#ifndef LASTCALL_CONTROLLER_CONFIRM_H
#define LASTCALL_CONTROLLER_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

enum confirm_kind {
    CONFIRM_YES,    /* y or yes */
    CONFIRM_NUMBER, /* the number of sessions, typed out */
};

enum confirm_answer {
    CONFIRM_GO,
    CONFIRM_DECLINED, /* anything else, or the end of the input */
    CONFIRM_INTERRUPTED,
};

/*
 * Ask on standard error and read a line from standard input.
 *
 *   sessions, hosts  what is about to be ended, and where
 */
enum confirm_answer confirm_ask(enum confirm_kind kind, int64_t sessions,
                                int64_t hosts);

/* Say whether a line consents; pure, for its test. */
bool confirm_is_consent(enum confirm_kind kind, int64_t sessions,
                        const char *line);

#endif
