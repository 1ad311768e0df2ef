/* Between rds.c, rds_file.c, rds_message.c and rds_event.c. */
#ifndef LASTCALL_TESTS_STANDIN_WTS_RDS_PRIVATE_H
#define LASTCALL_TESTS_STANDIN_WTS_RDS_PRIVATE_H

#include "tests/standin/wts/buffer.h"
#include "tests/standin/wts/rds.h"

/* How often a wait looks at the file. */
#define RDS_POLL_MS 50u

/*
 * Read the file, with the lock; what has run out is dropped from it.
 *
 *   out  borrowed until the lock is given back; who changes it calls
 *        rds_save() or rds_forget()
 */
uint32_t rds_borrow(struct state **out);
uint32_t rds_save(void);
void rds_forget(void);

/*
 * As rds_borrow(), but a state of one's own, and without the lock.
 *
 *   count  in: 0, or out of the time before; where the file is as it was then
 *          it stays the same, and the state is empty
 */
uint32_t rds_load(struct state *out, unsigned *count);

/* As rds_call(), without its line in the log. */
uint32_t rds_run(const struct rds_call *call, rds_act *act, void *context);

/* The members that every call's line has; rds_line_end() writes it. */
void rds_line_begin(struct buffer *line, const struct rds_call *call);
void rds_line_end(struct buffer *line);

#endif
