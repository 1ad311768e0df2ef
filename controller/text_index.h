/*
 * An index over an array of things that have a text each: finding by text in
 * constant time, while the array grows.  It holds positions; the array and
 * the texts are the caller's.
 */
#ifndef LASTCALL_CONTROLLER_TEXT_INDEX_H
#define LASTCALL_CONTROLLER_TEXT_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define TEXT_INDEX_NONE ((size_t)-1)

/* {0} is empty; set text_at before the first adding. */
struct text_index {
    /* Hands back the text of the thing at a position of the array. */
    const char *(*text_at)(const void *array, size_t position);
    uint32_t *cells; /* owned; position + 1, or 0 */
    size_t size;     /* a power of two, at most half of it in use */
    size_t count;
};

void text_index_deinit(struct text_index *index);

/* Find a text; its position, or TEXT_INDEX_NONE. */
size_t text_index_find(const struct text_index *index, const void *array,
                       const char *text);

/*
 * Add the thing behind the last one that was added; its text is not in the
 * index yet.
 *
 *   position  the number of those in the index (asserted)
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
text_index_add(struct text_index *index, const void *array, size_t position);

/* The things were put in another order: index the same number anew. */
void text_index_rebuild(struct text_index *index, const void *array);

#endif
