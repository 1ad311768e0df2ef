/*
 * Who this host is and whom it trusts: its key and grant, the root key, and
 * the revocation list that outlives a restart.
 */
#ifndef LASTCALL_WORKER_IDENTITY_H
#define LASTCALL_WORKER_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/io/platform.h"
#include "protocol/json_strict.h"
#include "protocol/key.h"
#include "protocol/name.h"
#include "protocol/result.h"
#include "protocol/token.h"
#include "protocol/trust.h"
#include "worker/settings.h"

/* Verified grants of controllers that are remembered. */
#define IDENTITY_GRANT_CACHE_MAX 64
/* A grant that ends within this time is worth a warning. */
#define IDENTITY_GRANT_WARN_S (INT64_C(14) * 24 * 3600)
/* Within state_dir. */
#define IDENTITY_REVOKED_FILE "revoked.jwt"

/* {0} is empty.  Read-only once loaded: every thread may sign with it. */
struct identity {
    struct key key; /* owned, with its private half */
    struct name host;
    struct name fleet;
    char issuer[TOKEN_ISSUER_SIZE]; /* "host:<host>" */
    char *grant;                    /* owned; our own grant token */
    int64_t grant_exp_s;
    struct name *groups; /* owned; those our grant puts us into */
    size_t group_count;
    char boot_id[RESULT_BOOT_ID_SIZE];
};

/*
 * Read key, grant, root key and the stored revocation list, and prove that
 * they belong together: the grant is the root's, for this fleet, this host
 * and this key, not expired and not revoked.
 *
 *   boot_id  of this run of the program
 *   out      filled on LASTCALL_OK; identity_deinit()
 *   trust    filled on LASTCALL_OK; trust_deinit()
 *   error    a sentence that names the file and the mend
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_KEY, LASTCALL_E_GRANT, LASTCALL_EXPIRED,
 *         LASTCALL_REVOKED, and what else reading a file can give.
 */
LASTCALL_MUST_USE enum lastcall_status
identity_load(const struct settings *settings, const char *boot_id,
              struct identity *out, struct trust *trust,
              struct platform_error *error);
void identity_deinit(struct identity *identity);

/*
 * Sign claims as this host.
 *
 *   claims  taken over, also on failure; NULL (no memory) is an error
 *   out     as token_sign() leaves it; the caller calls bytes_deinit()
 *
 * Returns what token_sign() returns.
 * Thread: any.
 */
LASTCALL_MUST_USE enum lastcall_status
identity_sign(const struct identity *identity, enum token_type type,
              json_t *claims, struct bytes *out);

/*
 * Keep a revocation list that was adopted: written beside and moved over the
 * old one, so that a crash leaves one of the two whole.
 *
 * Returns LASTCALL_OK, LASTCALL_E_IO, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_TOO_LARGE (the path).
 */
LASTCALL_MUST_USE enum lastcall_status
identity_keep_revoked(const struct settings *settings, const void *data,
                      size_t len, struct platform_error *error);

#endif
