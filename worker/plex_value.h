/*
 * Values out of Plex's answers.  Which fields are texts, numbers or booleans
 * has changed from one version of Plex to the next, and in XML everything is
 * a text: so every scalar is taken in any of these forms, and what cannot be
 * read counts as absent.
 */
#ifndef LASTCALL_WORKER_PLEX_VALUE_H
#define LASTCALL_WORKER_PLEX_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/json_strict.h"

/* Room for a number's text. */
struct plex_text {
    char digits[32];
};

/*
 * Get a member as a text: numbers in decimal, booleans as "1" and "0".
 *
 *   object   NULL or not an object: everything is absent
 *   scratch  holds the text of a number
 *
 * Returns a text borrowed from object or scratch, or NULL where the member is
 * absent, null, a container, empty, or holds a NUL.
 */
const char *plex_text(const json_t *object, const char *name,
                      struct plex_text *scratch);

/* Get a member as an integer or a real; false where that cannot be done. */
bool plex_integer(const json_t *object, const char *name, int64_t *out);
bool plex_real(const json_t *object, const char *name, double *out);

/* Get a member as a boolean: true, false, 1, 0, "1", "0", "true", "false". */
bool plex_boolean(const json_t *object, const char *name, bool *out);

/* Say whether a member is there and true. */
bool plex_is_true(const json_t *object, const char *name);

/*
 * Get a child element: the object itself, or the first of an array (as it
 * comes from XML); borrowed, or NULL.
 */
const json_t *plex_child(const json_t *object, const char *name);

/* The children of a name: an array's elements, or one object by itself. */
size_t plex_child_count(const json_t *object, const char *name);
const json_t *plex_child_at(const json_t *object, const char *name,
                            size_t index);

/* The child that is selected, else the first, else NULL. */
const json_t *plex_child_selected(const json_t *object, const char *name);

#endif
