/*
 * Allocations that fail on demand, for replaying a corpus with each of them
 * failing in turn.  The linker's --wrap sends our objects' malloc(), calloc()
 * and realloc() here; libraries keep their own, unless they can be told.
 */
#ifndef LASTCALL_TESTS_FUZZ_FAILING_ALLOC_H
#define LASTCALL_TESTS_FUZZ_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Let the n-th allocation from now on fail, once; 0: none. */
void failing_alloc_set(size_t n);

/* Say whether the allocation that was to fail has come. */
bool failing_alloc_has_failed(void);

#endif
