/*
 * Sentences for the person at the keyboard, on standard error.  Standard
 * output carries data only.
 */
#ifndef LASTCALL_CONTROLLER_SAY_H
#define LASTCALL_CONTROLLER_SAY_H

#include "protocol/status.h"

/* Longer sentences are cut: they are for reading, not for parsing. */
#define SAY_SIZE 2048

/* Write "lastcall: ..." on a line; control characters are neutralised. */
void say_error(const char *format, ...) LASTCALL_PRINTF(1, 2);

/* Write an indented line that says what to do about the error above it. */
void say_mend(const char *format, ...) LASTCALL_PRINTF(1, 2);

/* Write a line without prefix. */
void say(const char *format, ...) LASTCALL_PRINTF(1, 2);

#endif
