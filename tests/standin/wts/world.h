/*
 * What the stand-in needs of the system: its two files, the lock that guards
 * them between processes, time.  Fillings: world_posix.c, world_win32.c.
 */
#ifndef LASTCALL_TESTS_STANDIN_WTS_WORLD_H
#define LASTCALL_TESTS_STANDIN_WTS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/standin/wts/buffer.h"

int64_t world_now_ft(void);
int64_t world_monotonic_ms(void);
void world_sleep_ms(uint32_t ms);
uint32_t world_pid(void);

/* Between threads and processes; never taken twice. */
void world_lock(void);
void world_unlock(void);

/* Add the state file's text; false when there is none, or no place for one.
 * With the lock. */
bool world_read_state(struct buffer *out);
/* Replace it as a whole.  With the lock. */
bool world_write_state(const char *data, size_t len);
/* Add a line to the log, if there is a place for one.  Without the lock. */
void world_append_log(const char *data, size_t len);

/* The version of Windows that the stand-in plays has its lock flags the other
 * way round. */
bool world_is_lock_reversed(void);

#endif
