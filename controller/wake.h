/*
 * Waiting that ends at once: on a deadline, when another thread calls, on
 * SIGINT and SIGTERM, on Windows CTRL+C, and for who wants it on SIGHUP.
 * Fillings: wake_posix.c, wake_win32.c.
 */
#ifndef LASTCALL_CONTROLLER_WAKE_H
#define LASTCALL_CONTROLLER_WAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/status.h"

enum wake_reason {
    WAKE_TIMEOUT,
    WAKE_CALLED,
    WAKE_INPUT, /* wake_wait_input() only: standard input can be read */
    WAKE_INTERRUPTED,
};

/*
 * Take the two signals over and make ready for waiting; once in a program.
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status wake_open(void);

/*
 * Take SIGHUP over, which ends a program otherwise; on Windows there is none.
 * It ends a wait as a call does.
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status wake_open_reload(void);

/* Say whether SIGHUP has come since wake_take_reload() last said so. */
bool wake_has_reload(void);
bool wake_take_reload(void);

/* End the waiting now or, when nobody waits, the next one.  Thread: any. */
void wake_call(void);

/*
 * Wait at most timeout_ms.  After an interrupt every call returns
 * WAKE_INTERRUPTED.  Thread: main.
 */
enum wake_reason wake_wait(int64_t timeout_ms);

/* Wait for input or an interrupt, without limit.  Thread: main. */
enum wake_reason wake_wait_input(void);

/*
 * Wait until standard output takes more, or fails at once, or an interrupt has
 * come.  A long text may still have to wait when it is written.
 *
 * Returns false when it was interrupted and standard output takes nothing.
 * Thread: main.
 */
bool wake_wait_output(void);

/* Say whether an interrupt has come. */
bool wake_is_interrupted(void);

#endif
