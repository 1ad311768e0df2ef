/*
 * From the bytes of a maintenance plan to what may be done for it, or to the
 * reason why not: section 8 of PROTOCOL.md, over the steps of section 4.  Asked
 * when a plan arrives, and again before each of its steps, since a key may have
 * been revoked meanwhile.  Reads trust and settings, does nothing.
 */
#ifndef LASTCALL_WORKER_MAINTENANCE_ADMISSION_H
#define LASTCALL_WORKER_MAINTENANCE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/admission.h"
#include "worker/maintenance_plan.h"

/* A plan as it came, or as it was kept. */
struct plan_source {
    const void *data;
    size_t len;
    struct address address; /* of its topic */
    struct name id;
};

/* An older plan with the same id, which the new one would replace. */
struct plan_older {
    const struct maintenance *plan;
    const struct address *address;
    const char *issuer;
};

/* What is known of a plan.  {0} is empty. */
struct plan_admission {
    bool is_proved; /* who sent it is known: it may be answered */
    char issuer[TOKEN_ISSUER_SIZE];
    struct name controller;
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct command_claims claims; /* iat_s is filled once it is proved */
    struct maintenance plan;      /* owned; filled as far as it was read */
    const struct grant *grant;    /* borrowed from trust, until its next call */
    struct json_error detail;
};

/*
 * Open a plan: form, grant, signature, claims, body.
 *
 *   out  plan_admission_deinit() in every case
 *
 * Returns LASTCALL_OK.  With out->is_proved LASTCALL_INVALID_REQUEST,
 *         LASTCALL_EXPIRED, LASTCALL_NOT_YET_VALID: to be answered.  Without:
 *         to be counted, as of admission_open().  LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plan_admission_open(const struct plan_source *source,
                    const struct admission_rules *rules,
                    struct plan_admission *out);
void plan_admission_deinit(struct plan_admission *admission);

/*
 * Make the order for a step, if the grant's permit and the host's owner allow
 * it.
 *
 *   admission  from plan_admission_open(), with no call of trust since
 *   now_ms     wall clock
 *   out        filled on LASTCALL_OK; order_deinit()
 *   detail     a sentence on refusal
 *
 * Returns LASTCALL_OK, LASTCALL_FORBIDDEN, LASTCALL_UNSUPPORTED (no server
 *         of this host knows the action), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plan_admission_order(const struct plan_admission *admission,
                     const struct admission_rules *rules,
                     const struct plan_step *step, int64_t now_ms,
                     struct order *out, struct json_error *detail);

/*
 * Ask whether the plan as a whole is allowed: its ending, its warnings where
 * some server here can show one, and, where it would replace the plan of
 * another controller, what that one does.
 *
 *   older  NULL when the id is new
 *
 * Returns as plan_admission_order().
 */
LASTCALL_MUST_USE enum lastcall_status
plan_admission_authorise(struct plan_admission *admission,
                         const struct admission_rules *rules,
                         const struct plan_older *older, int64_t now_ms);

#endif
