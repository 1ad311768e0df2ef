/*
 * The memory that the stand-in hands out: each block knows which function
 * frees it.  What is freed wrongly shows in the log, and so does what never
 * is.  Nothing is given back to the system, so that a second free is always
 * seen for what it is.
 */
#ifndef LASTCALL_TESTS_STANDIN_WTS_BLOCK_H
#define LASTCALL_TESTS_STANDIN_WTS_BLOCK_H

#include <stddef.h>
#include <stdint.h>

enum block_kind {
    BLOCK_PLAIN = 1, /* WTSFreeMemory() */
    BLOCK_LIST,      /* WTSFreeMemoryEx() */
    BLOCK_TEXT,      /* one of a list's texts, freed with it */
};

/* Zeroed; NULL: no memory.  count is the list's, to be told again. */
void *block_new(enum block_kind kind, size_t size, uint32_t count);
/* A text as UTF-16; NULL for NULL. */
uint16_t *block_text(enum block_kind kind, const char *utf8, size_t *bytes);
/* Says in the log when the block is not of that kind, or not a live one. */
void block_free(void *block, enum block_kind kind, uint32_t count);

/* Log what is left, also of handles; for the library's end. */
void block_report(unsigned open_handles);

#endif
