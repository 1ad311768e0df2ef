/*
 * Who we are and whom we believe: our key and grant, and trust in the root.
 */
#ifndef LASTCALL_CONTROLLER_IDENTITY_H
#define LASTCALL_CONTROLLER_IDENTITY_H

#include "controller/settings.h"
#include "protocol/grant.h"
#include "protocol/key.h"
#include "protocol/trust.h"

/* How far a host's clock may be from ours when its grant is judged. */
#define IDENTITY_SKEW_S 30
/* Verified grants kept: one a host. */
#define IDENTITY_CACHE_MAX 16384

/* {0} is empty. */
struct identity {
    struct key key;                  /* owned; with its private half */
    char *grant;                     /* owned; the grant token */
    struct name name;                /* ours, from the grant's subject */
    char issuer[GRANT_SUBJECT_SIZE]; /* "controller:<name>" */
};

/*
 * Set up trust in the root key that the settings name.  What is wrong is said
 * on standard error, with the mend.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_NOMEM.
 * Owner:  the caller calls trust_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
identity_load_trust(const struct controller_settings *settings,
                    struct trust *out);

/*
 * Load our key and grant, and check that they belong together and that the
 * root signed the grant.  What is wrong is said on standard error.
 *
 *   now_s  seconds since 1970: an expired grant is refused here, before
 *          every host of the fleet refuses it
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_NOMEM.
 * Owner:  the caller calls identity_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
identity_load(const struct controller_settings *settings, struct trust *trust,
              int64_t now_s, struct identity *out);
void identity_deinit(struct identity *identity);

/*
 * Load the fleet's private root key from --root-key.  What is wrong is said
 * on standard error.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG.
 * Owner:  the caller calls key_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
identity_load_root_key(const struct options *options, struct key *out);

#endif
