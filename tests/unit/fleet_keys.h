/*
 * A fleet with a root and a few members, for tests that open what members
 * sign.
 */
#ifndef LASTCALL_TESTS_FLEET_KEYS_H
#define LASTCALL_TESTS_FLEET_KEYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/grant.h"
#include "protocol/presence.h"
#include "protocol/result.h"
#include "protocol/trust.h"

#define FLEET_NOW_S INT64_C(1795000000)
#define FLEET_SKEW_S 30

/* Someone with a key and a grant. */
struct member {
    struct key key;
    char *grant;
    char subject[GRANT_SUBJECT_SIZE];
};

struct fleet_keys {
    struct key root;
    struct trust trust;
};

static inline struct name fleet_name(const char *text)
{
    struct name name = {""};

    (void)snprintf(name.text, sizeof name.text, "%s", text);
    return name;
}

static inline char *fleet_sign(enum token_type type, const struct key *key,
                               const char *grant, json_t *claims)
{
    struct bytes text;

    assert_non_null(claims);
    assert_int_equal(token_sign(type, key, grant, claims, &text), LASTCALL_OK);
    json_decref(claims);
    return bytes_take(&text);
}

static inline void fleet_keys_init(struct fleet_keys *fleet)
{
    struct name name = {"lastcall"};
    struct key public_half;

    assert_int_equal(key_generate(&fleet->root), LASTCALL_OK);
    assert_int_equal(key_from_public(fleet->root.public_raw, &public_half),
                     LASTCALL_OK);
    assert_int_equal(
        trust_init(&fleet->trust, &name, &public_half, FLEET_SKEW_S, 16),
        LASTCALL_OK);
}

static inline void fleet_keys_deinit(struct fleet_keys *fleet)
{
    trust_deinit(&fleet->trust);
    key_deinit(&fleet->root);
}

/* Make a key and have a root sign its grant; group may be NULL. */
static inline void member_init(struct member *member, const struct key *root,
                               enum subject_kind kind, const char *name,
                               const char *group)
{
    struct grant grant = {
        .kind = kind,
        .name = fleet_name(name),
        .fleet = {"lastcall"},
        .jti = "grant-of-a-member",
        .iat_s = FLEET_NOW_S - 1000,
        .exp_s = FLEET_NOW_S + 1000,
    };
    struct name groups[1] = {fleet_name(group == NULL ? "" : group)};

    assert_int_equal(key_generate(&member->key), LASTCALL_OK);
    grant.key = member->key;
    if (group != NULL) {
        grant.groups = groups;
        grant.group_count = 1;
    }
    subject_format(kind, &grant.name, member->subject);
    member->grant = fleet_sign(TOKEN_GRANT, root, NULL, grant_encode(&grant));
}

static inline void member_deinit(struct member *member)
{
    key_deinit(&member->key);
    free(member->grant);
}

#endif
