#include "controller/text_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST ((size_t)32)

void text_index_deinit(struct text_index *index)
{
    free(index->cells);
    *index = (struct text_index){0};
}

/* FNV-1a. */
static size_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++) {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ (hash >> 32));
}

/* The cell that holds a text, or the empty one where it belongs. */
static uint32_t *cell_of(const struct text_index *index, const void *array,
                         const char *text)
{
    size_t at = hash_of(text) & (index->size - 1);

    while (index->cells[at] != 0 &&
           strcmp(index->text_at(array, index->cells[at] - 1), text) != 0)
        at = (at + 1) & (index->size - 1);
    return &index->cells[at];
}

static void fill(struct text_index *index, const void *array)
{
    for (size_t i = 0; i < index->count; i++)
        *cell_of(index, array, index->text_at(array, i)) = (uint32_t)(i + 1);
}

size_t text_index_find(const struct text_index *index, const void *array,
                       const char *text)
{
    uint32_t cell = 0;

    if (index->size == 0)
        return TEXT_INDEX_NONE;
    cell = *cell_of(index, array, text);
    return cell == 0 ? TEXT_INDEX_NONE : (size_t)cell - 1;
}

static enum lastcall_status grow(struct text_index *index, const void *array)
{
    size_t size = index->size == 0 ? SIZE_FIRST : index->size * 2;
    uint32_t *cells = calloc(size, sizeof *cells);

    if (cells == NULL)
        return LASTCALL_E_NOMEM;
    free(index->cells);
    index->cells = cells;
    index->size = size;
    fill(index, array);
    return LASTCALL_OK;
}

enum lastcall_status text_index_add(struct text_index *index, const void *array,
                                    size_t position)
{
    enum lastcall_status status = LASTCALL_OK;

    assert(position == index->count && position < UINT32_MAX);
    if ((index->count + 1) * 2 > index->size)
        status = grow(index, array);
    if (status != LASTCALL_OK)
        return status;
    *cell_of(index, array, index->text_at(array, position)) =
        (uint32_t)(position + 1);
    index->count++;
    return LASTCALL_OK;
}

void text_index_rebuild(struct text_index *index, const void *array)
{
    if (index->size == 0)
        return;
    memset(index->cells, 0, index->size * sizeof *index->cells);
    fill(index, array);
}
