/*
 * After a crash: a command that had started is never run again.  The worker
 * looks whether its recorded targets are gone, and answers with what it can
 * establish.
 */
#ifndef LASTCALL_WORKER_RECOVER_H
#define LASTCALL_WORKER_RECOVER_H

#include <stddef.h>
#include <stdint.h>

#include "worker/executor.h"
#include "worker/journal.h"
#include "worker/run.h"
#include "worker/settings.h"

/* How long to wait for servers that do not answer yet. */
#define RECOVER_WAIT_MS 30000

/* A command that a crash came into the middle of. */
struct recovery {
    struct recovery *next;
    struct run *run;  /* owned; its result lists the targets */
    uint64_t waiting; /* servers that have not listed since the start */
    int64_t until_ms; /* monotonic */
};

/*
 * Read an entry that no result was recorded for.
 *
 *   now_ms  monotonic
 *
 * Returns a recovery, or NULL when out of memory or the entry is unreadable.
 */
struct recovery *recovery_new(const struct journal_open_entry *open,
                              const struct settings *settings, int64_t now_ms);
void recovery_free(struct recovery *recovery);

/* Look for the targets in a fresh list of their server. */
void recovery_look(struct recovery *recovery, const struct snapshot *snapshot,
                   const struct settings *settings);

/* Say whether it is settled, or has waited long enough. */
bool recovery_is_over(const struct recovery *recovery, int64_t now_ms);

/* Give the run its result and hand it out; the recovery is freed. */
struct run *recovery_take_run(struct recovery *recovery);

#endif
