/*
 * The dialects in which a Plex Media Server writes the same data.
 */
#ifndef STANDIN_RENDER_H
#define STANDIN_RENDER_H

#include "tests/standin/text.h"

#include <jansson.h>
#include <stdint.h>

/*
 * The same value, to iterate over: jansson's iterators take no const
 * pointer although they change nothing.
 */
static inline json_t *json_walk(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* Long enough for every number and true, false, null. */
enum { RENDER_NUMBER_MAX = 40 };

/*
 * A scalar as Plex writes it in XML and in dialect B.
 *
 *   value   a string, number or boolean; booleans become 1 and 0
 *   number  where a number is written to
 *
 * Returns the text, borrowed from value or number; NULL when value is NULL,
 * null, an object or an array.
 */
const char *render_scalar(const json_t *value, char number[RENDER_NUMBER_MAX]);

/* Append {"MediaContainer": container} as compact JSON. */
void render_json(const json_t *container, struct text *out);

/*
 * Append <MediaContainer> with its declaration.
 *
 * Scalars become attributes, objects and arrays of objects become elements
 * named like their key; the elements of Metadata are Video, Track or Photo by
 * their type.  Control characters that XML cannot hold are left out.
 */
void render_xml(const json_t *container, struct text *out);

/*
 * A copy in dialect B: every scalar a string, except local, relayed, secure
 * (booleans) and userID (number) of a Player.
 *
 * Owner: the caller owns the copy.
 */
json_t *render_dialect_b(const json_t *item);

#endif
