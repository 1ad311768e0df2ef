/*
 * Steps 2 to 6 of PROTOCOL.md, section 4: from the bytes of a command to an
 * order, or to the reason why not.  Reads trust and settings, does nothing.
 */
#ifndef LASTCALL_WORKER_ADMISSION_H
#define LASTCALL_WORKER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/json_strict.h"
#include "protocol/trust.h"
#include "worker/identity.h"
#include "worker/inbox.h"
#include "worker/journal.h"
#include "worker/policy.h"

struct admission_rules {
    const struct settings *settings;
    const struct policy *policy;
    const struct identity *identity;
    struct trust *trust;
    int64_t now_s;
};

/* What became of a command.  {0} is empty. */
struct admission {
    bool is_proved; /* who sent it is known: it may be answered */
    bool has_action;
    bool dry_run;
    struct journal_entry entry; /* filled as far as the command was read */
    struct name controller;
    struct order order;       /* owned; filled on LASTCALL_OK */
    struct json_error detail; /* why not, for a person */
};

/*
 * Open a command and authorise it.
 *
 *   out  admission_deinit() in every case
 *
 * Returns LASTCALL_OK.  With out->is_proved: LASTCALL_INVALID_REQUEST,
 *         LASTCALL_EXPIRED, LASTCALL_NOT_YET_VALID, LASTCALL_FORBIDDEN,
 *         LASTCALL_NOT_FOUND, LASTCALL_UNSUPPORTED: to be answered.  Without:
 *         to be counted and dropped, as token_decode() and trust_verify()
 *         say, or LASTCALL_E_SYNTAX (the id is none, so no answer has a
 *         topic).  LASTCALL_E_NOMEM in either case.
 */
LASTCALL_MUST_USE enum lastcall_status
admission_open(const struct inbox_message *message,
               const struct admission_rules *rules, struct admission *out);
void admission_deinit(struct admission *admission);

/*
 * Check that what was signed for an address came on the topic of that address,
 * and that our own grant makes it ours.
 *
 *   detail  a sentence on refusal
 *
 * Returns LASTCALL_OK, LASTCALL_INVALID_REQUEST.
 */
LASTCALL_MUST_USE enum lastcall_status admission_check_audience(
    const struct identity *identity, const struct address *claimed,
    const struct address *arrived, struct json_error *detail);

#endif
