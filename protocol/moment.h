/*
 * Points in time as the wire writes them: registered claims are integer
 * seconds, times inside bodies are RFC 3339 UTC with milliseconds
 * ("2026-11-21T08:30:00.250Z").  Pure: the clock itself is in platform.h.
 */
#ifndef LASTCALL_PROTOCOL_MOMENT_H
#define LASTCALL_PROTOCOL_MOMENT_H

#include <stdint.h>

#include "protocol/status.h"

/* "2026-11-21T08:30:00.250Z" and the NUL. */
#define MOMENT_TEXT_SIZE 25

/* 9999-12-31T23:59:59.999Z: later than this is refused everywhere. */
#define MOMENT_MS_MAX INT64_C(253402300799999)
#define MOMENT_MS_PER_S 1000
#define MOMENT_S_MAX (MOMENT_MS_MAX / MOMENT_MS_PER_S)

/*
 * Write milliseconds since 1970 as RFC 3339 UTC with milliseconds.
 *
 *   unix_ms  0 to MOMENT_MS_MAX; outside it is clamped
 */
void moment_format(int64_t unix_ms, char text[MOMENT_TEXT_SIZE]);

/*
 * Read RFC 3339 in UTC ("Z"), with or without a fraction of a second (up to
 * nine digits; what is finer than a millisecond is dropped), from 1970 on.
 * Leap seconds (":60") are refused: they have no number of their own.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status moment_parse(const char *text,
                                                    int64_t *unix_ms);

#endif
