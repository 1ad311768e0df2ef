/*
 * The revocation list: the root's word on which keys are no longer good
 * (PROTOCOL.md, statements 3.7 and 3.8).  The list with the highest seq wins.
 */
#ifndef LASTCALL_PROTOCOL_REVOCATION_H
#define LASTCALL_PROTOCOL_REVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/key.h"
#include "protocol/name.h"
#include "protocol/token.h"

/* As many as fit a token of TOKEN_COMMAND_BYTES_MAX for certain. */
#define REVOCATION_COUNT_MAX 800
/* The thumbprint that stands for every key. */
#define REVOCATION_EVERY_KEY "*"

struct revocation_entry {
    char thumbprint[KEY_THUMBPRINT_SIZE]; /* or "*" */
    int64_t before_s; /* what was issued before this second is void */
};

/* {0} is the empty list with seq 0, which any list overrides. */
struct revocation_list {
    char fleet[NAME_LEN_MAX + 1];
    int64_t seq;
    int64_t iat_s;
    struct revocation_entry *entries; /* owned, sorted by thumbprint */
    size_t count;
};

/* Free what it owns; it is then the empty list. */
void revocation_deinit(struct revocation_list *list);

/*
 * Read a list that the root signed.  A time may be integer seconds or RFC
 * 3339.
 *
 *   verified  of type TOKEN_REVOCATION, verified with the root key
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_TOO_LARGE,
 *         LASTCALL_E_NOMEM.
 * Owner:  the caller calls revocation_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
revocation_decode(const struct verified *verified, struct revocation_list *out);

/* Write a list's claims for token_sign(); a new reference or NULL. */
json_t *revocation_encode(const struct revocation_list *list, const char *jti);

/*
 * Add a key, or move its time; the later time stays.
 *
 *   thumbprint  of a key, or REVOCATION_EVERY_KEY
 *   before_s    0 to MOMENT_S_MAX
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (not a thumbprint, not a time),
 *         LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
revocation_add(struct revocation_list *list, const char *thumbprint,
               int64_t before_s);

/*
 * Say whether something issued at a time with (or for) a key is void.
 * Time: O(log n).
 */
bool revocation_covers(const struct revocation_list *list,
                       const char *thumbprint, int64_t iat_s);

#endif
