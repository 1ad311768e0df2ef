/*
 * Trust: the root key, the revocation list and the grants seen so far.  Here
 * a token is proved to come from whoever its grant names; both programs use
 * this and nothing else to open what arrives (PROTOCOL.md, section 4, steps 3
 * and 4).
 */
#ifndef LASTCALL_PROTOCOL_TRUST_H
#define LASTCALL_PROTOCOL_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/grant.h"
#include "protocol/revocation.h"
#include "protocol/token.h"

struct trust_cache_entry;

/* Used by one thread at a time. */
struct trust {
    struct name fleet;
    struct key root;                /* owned; public half */
    struct revocation_list revoked; /* owned */
    int64_t skew_s;
    struct trust_cache_entry *cache; /* owned; verified grants by hash */
    size_t cache_count;
    size_t cache_capacity; /* grows up to cache_max */
    size_t cache_max;
    size_t *buckets; /* owned; cache_max of them, into the cache */
    uint64_t cache_clock;
    uint64_t grant_verify_count; /* signatures checked, for the tests */
};

/*
 * Set up trust.
 *
 *   root       public key; taken over, also on failure
 *   skew_s     how far clocks may differ
 *   cache_max  verified grants kept, at least 1
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
trust_init(struct trust *trust, const struct name *fleet, struct key *root,
           int64_t skew_s, size_t cache_max);

/*
 * Set up trust with another's fleet, root, skew and revocation list, and an
 * empty cache: for another thread.
 *
 *   from  not changed
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_KEY.
 */
LASTCALL_MUST_USE enum lastcall_status trust_init_like(struct trust *trust,
                                                       const struct trust *from,
                                                       size_t cache_max);

/* Free what it owns; no grant found in it may be used any more. */
void trust_deinit(struct trust *trust);

/*
 * Prove a token that a controller or a host signed: its grant (root's
 * signature, typ, fleet, times, subject, thumbprint, revocation), then its
 * signature, then that its iss is the grant's subject and that the key was
 * not revoked when it signed.
 *
 *   token     from token_decode()
 *   now_s     seconds since 1970
 *   verified  filled on LASTCALL_OK; the caller calls verified_deinit()
 *   grant     borrowed from the cache until the next call with this trust;
 *             its text is NULL
 *   detail    may be NULL; a sentence that says what was wrong
 *
 * Returns LASTCALL_OK, LASTCALL_E_GRANT (not root's, other fleet, malformed,
 *         or the token's iss is not its subject), LASTCALL_EXPIRED,
 *         LASTCALL_NOT_YET_VALID (the grant's times), LASTCALL_REVOKED,
 *         LASTCALL_E_KEY, LASTCALL_E_SIGNATURE, LASTCALL_E_SHAPE,
 *         LASTCALL_E_ENCODING, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL
 *         (libcrypto).
 */
LASTCALL_MUST_USE enum lastcall_status
trust_verify(struct trust *trust, const struct token *token, int64_t now_s,
             struct verified *verified, const struct grant **grant,
             struct json_error *detail);

/*
 * Prove and read a grant token by itself.
 *
 *   text   the compact token
 *   grant  borrowed from the cache until the next call with this trust; its
 *          text is NULL
 *
 * Returns as trust_verify() does for the grant.
 */
LASTCALL_MUST_USE enum lastcall_status
trust_verify_grant(struct trust *trust, const char *text, int64_t now_s,
                   const struct grant **grant, struct json_error *detail);

/*
 * Prove a revocation list and adopt it when its seq is above the present.
 *
 *   data, len  the compact token as received
 *
 * Returns LASTCALL_OK (adopted), LASTCALL_ALREADY_GONE (not newer; ours
 *         stays), or why it was refused: LASTCALL_E_TYPE,
 *         LASTCALL_E_SIGNATURE, LASTCALL_E_KEY, LASTCALL_E_SHAPE,
 *         LASTCALL_E_GRANT (other fleet), LASTCALL_E_ENCODING, ...
 */
LASTCALL_MUST_USE enum lastcall_status
trust_adopt_revocation(struct trust *trust, const void *data, size_t len);

#endif
