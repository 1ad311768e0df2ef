/*
 * Grants: what the root key says of another key (PROTOCOL.md, section 3).
 * A controller's grant carries permits, a host's its groups.
 */
#ifndef LASTCALL_PROTOCOL_GRANT_H
#define LASTCALL_PROTOCOL_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/key.h"
#include "protocol/name.h"
#include "protocol/token.h"
#include "protocol/topic.h"

#define GRANT_RULE_COUNT_MAX 64
#define GRANT_AUDIENCE_COUNT_MAX 64
#define GRANT_AUDIENCE_LEN_MAX 80
#define GRANT_GROUP_COUNT_MAX 64
#define GRANT_SUBJECT_SIZE TOKEN_ISSUER_SIZE

enum subject_kind {
    SUBJECT_CONTROLLER,
    SUBJECT_HOST,
};

/* Write "controller:<name>" or "host:<name>". */
void subject_format(enum subject_kind kind, const struct name *name,
                    char text[GRANT_SUBJECT_SIZE]);

/* Read a subject; LASTCALL_OK or LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status
subject_parse(const char *text, enum subject_kind *kind, struct name *name);

enum permit_requirement {
    PERMIT_REQUIRE_REASON = 1,
    PERMIT_REQUIRE_WHERE = 2,
    PERMIT_REQUIRE_LIMIT = 4,
    PERMIT_REQUIRE_UNKNOWN = 8, /* not known here, so no request meets it */
};

/* One rule of a permit. */
struct permit_rule {
    uint32_t actions;  /* set of enum action; names we do not know add none */
    uint32_t backends; /* set of enum backend_kind */
    uint32_t require;  /* set of enum permit_requirement */
    char **audiences;  /* owned; patterns over the text of an address */
    size_t audience_count;
};

/* A grant.  {0} is empty. */
struct grant {
    enum subject_kind kind;
    struct name name;
    struct name fleet;
    char subject[GRANT_SUBJECT_SIZE];
    char jti[TOKEN_ID_SIZE];
    int64_t iat_s;
    int64_t exp_s;
    struct key key;            /* public half */
    struct permit_rule *rules; /* owned; controllers */
    size_t rule_count;
    struct name *groups; /* owned; hosts */
    size_t group_count;
    char *text; /* owned; the grant token itself */
};

/* Free what it owns; it is then empty. */
void grant_deinit(struct grant *grant);

/*
 * Read the claims of a grant that the root signed.  Times, fleet and
 * revocation are trust.h's business.
 *
 *   verified  of type TOKEN_GRANT, from token_verify() with the root key
 *   text      the token, copied into out->text
 *
 * Returns LASTCALL_OK, LASTCALL_E_GRANT (a claim is missing or malformed),
 *         LASTCALL_E_KEY, LASTCALL_E_NOMEM.
 * Owner:  the caller calls grant_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
grant_decode(const struct verified *verified, const char *text,
             struct grant *out);

/*
 * Write a grant's claims for token_sign() with the root key.
 *
 *   grant  kind, name, fleet, jti, iat_s, exp_s, key and rules or groups
 *
 * Returns a new reference, or NULL when out of memory.
 */
json_t *grant_encode(const struct grant *grant);

/*
 * Read a permit as the command line writes it:
 * BACKENDS:ACTIONS@AUDIENCES[!REQUIREMENTS], each a comma list, '*' for all;
 * for example "plex:stop,list@all,group:*!reason".
 *
 *   out  filled on LASTCALL_OK; permit_rule_deinit() frees it
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_TOO_LARGE,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
permit_rule_parse(const char *text, struct permit_rule *out);

/* Free what it owns; it then permits nothing. */
void permit_rule_deinit(struct permit_rule *rule);

/* What is asked of a permit. */
struct permit_question {
    enum action action;
    uint32_t backends; /* the kinds it would reach; 0 for ping */
    const struct address *audience;
    uint32_t given; /* set of enum permit_requirement that the request meets */
};

#define PERMIT_DETAIL_SIZE 200

struct permit_answer {
    size_t rule;                     /* the rule that allowed, where one did */
    char detail[PERMIT_DETAIL_SIZE]; /* a sentence for a person */
};

/*
 * Ask a controller's permit.  Every kind of backend in the question must be
 * allowed by some rule; no rule, no permission.
 *
 *   answer  filled in either case
 *
 * Returns LASTCALL_OK (allowed), LASTCALL_FORBIDDEN.
 */
LASTCALL_MUST_USE enum lastcall_status
grant_permits(const struct grant *grant, const struct permit_question *question,
              struct permit_answer *answer);

#endif
