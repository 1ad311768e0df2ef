/*
 * What stop, disconnect, logoff, message and end do once they know what is
 * asked of whom; jobs retry does the same with what was asked before.
 */
#ifndef LASTCALL_CONTROLLER_ENDING_H
#define LASTCALL_CONTROLLER_ENDING_H

#include "controller/dispatch.h"
#include "controller/fleet.h"
#include "controller/jobs.h"
#include "controller/options.h"
#include "controller/output.h"
#include "controller/present.h"
#include "controller/select.h"

#define ENDING_EXPECT_NONE (-1)

/* Everything that one run works with. */
struct ending {
    const struct options *options;
    struct present present;
    struct target target;
    struct selection selection;
    struct request request;    /* owned: reason, title, message, style */
    int64_t answer_timeout_ms; /* of the real run; a preview needs no more
                                  than the present's */
    int64_t answer_ttl_ms;
    int64_t expect;
    struct campaign_pace pace; /* of the real run */
    bool asks;                 /* a person is to be asked */
    struct fleet fleet;
    struct output output; /* the answer while it comes in, when live */
    const struct dispatch_recall *recall; /* borrowed; may be NULL */
    const struct job *parent; /* borrowed: the job that is tried again */
    struct request_id job;    /* what was done is kept as; "" for not */
};

/*
 * Read --batch, --batch-wait, --canary and --max-fail.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (said on standard error).
 */
LASTCALL_MUST_USE enum lastcall_status ending_read_pace(struct ending *ending);

/*
 * Find out whether somebody has to consent, and whether there is anybody to
 * ask: sets asks.
 *
 * Returns EXIT_CODE_OK, EXIT_CODE_UNCONFIRMED (said on standard error).
 */
enum exit_code ending_check_consent(struct ending *ending);

/*
 * Ask, send, collect and show, with the fleet open.
 *
 * Returns the exit status of the command.
 */
enum exit_code ending_run(struct ending *ending);

#endif
