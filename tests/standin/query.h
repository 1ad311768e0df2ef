/*
 * The raw query of a request, decoded as Plex Media Server does.
 */
#ifndef STANDIN_QUERY_H
#define STANDIN_QUERY_H

#include "tests/standin/text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Find a parameter by its exact name and decode its value.
 *
 *   query  what follows the question mark, undecoded
 *   name   as it must be spelled; case counts
 *   out    the decoded bytes, which may hold NUL and invalid UTF-8; + is a
 *          space, %xx a byte, and a broken escape stands for itself
 *
 * Returns whether the parameter is there; the first one counts.
 * Owner:  the caller owns *out and calls text_deinit().
 */
bool query_find(const char *query, const char *name, struct text *out);

/* Read a parameter as a decimal number; fallback when absent or no number. */
uint64_t query_number(const char *query, const char *name, uint64_t fallback);

/* Whether a parameter has this name in any case. */
bool query_names(const char *query, const char *name);

/* Decode the escapes of a path, where + stands for itself. */
void query_decode_path(const char *path, struct text *out);

#endif
