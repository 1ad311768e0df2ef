#include "tests/unit/bodies.h"

#include "protocol/trust.h"

#define NOW 1763712000
#define SKEW 30
#define ISSUED (NOW - 1000)
#define EXPIRES (NOW + 1000)

/* A fleet with its root, and someone with a key. */
struct fixture {
    struct key root;
    struct key alice;
    struct trust trust;
};

static void set_up_with(struct fixture *f, size_t cache_max)
{
    struct name fleet = {"lastcall"};
    struct key public_half;

    assert_int_equal(key_generate(&f->root), LASTCALL_OK);
    assert_int_equal(key_generate(&f->alice), LASTCALL_OK);
    assert_int_equal(key_from_public(f->root.public_raw, &public_half),
                     LASTCALL_OK);
    assert_int_equal(
        trust_init(&f->trust, &fleet, &public_half, SKEW, cache_max),
        LASTCALL_OK);
    assert_null(public_half.pkey);
}

static int set_up(void **state)
{
    static struct fixture fixture;

    set_up_with(&fixture, 4);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    trust_deinit(&f->trust);
    key_deinit(&f->root);
    key_deinit(&f->alice);
    return 0;
}

static char *sign(enum token_type type, const struct key *signer,
                  const char *grant, json_t *claims)
{
    struct bytes text;

    assert_non_null(claims);
    assert_int_equal(token_sign(type, signer, grant, claims, &text),
                     LASTCALL_OK);
    json_decref(claims);
    return bytes_take(&text);
}

/* A grant's claims for alice, to be bent by the caller. */
static json_t *grant_claims(const struct fixture *f, enum subject_kind kind,
                            const char *name)
{
    struct grant grant = {.kind = kind,
                          .fleet = {"lastcall"},
                          .jti = "grant",
                          .iat_s = ISSUED,
                          .exp_s = EXPIRES,
                          .key = f->alice};

    (void)snprintf(grant.name.text, sizeof(grant.name.text), "%s", name);
    return grant_encode(&grant);
}

static char *grant_for(const struct fixture *f, enum subject_kind kind,
                       const char *name)
{
    return sign(TOKEN_GRANT, &f->root, NULL, grant_claims(f, kind, name));
}

/* What a token of alice's with these parts is worth. */
static enum lastcall_status verdict_at(struct fixture *f, const char *grant,
                                       const struct key *signer,
                                       const char *iss, int64_t now_s)
{
    char *text = sign(TOKEN_COMMAND, signer, grant,
                      token_claims_new(iss, NOW - 1, "jti"));
    struct token token;
    struct verified verified;
    const struct grant *found = NULL;
    struct json_error detail = {""};
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    assert_int_equal(token_decode(text, strlen(text), &token), LASTCALL_OK);
    status = trust_verify(&f->trust, &token, now_s, &verified, &found, &detail);
    if (status == LASTCALL_OK) {
        assert_string_equal(found->subject, iss);
        assert_string_equal(verified.iss, iss);
        assert_string_equal(detail.text, "");
    } else {
        assert_null(found);
        assert_null(verified.claims);
        assert_string_not_equal(detail.text, "");
    }
    verified_deinit(&verified);
    token_deinit(&token);
    free(text);
    return status;
}

static enum lastcall_status verdict(struct fixture *f, const char *grant)
{
    return verdict_at(f, grant, &f->alice, "controller:alice", NOW);
}

static void revoke(struct fixture *f, int64_t seq, const char *thumbprint,
                   int64_t before_s, enum lastcall_status wanted)
{
    struct revocation_list list = {
        .fleet = "lastcall", .seq = seq, .iat_s = NOW};
    char *text = NULL;

    assert_int_equal(revocation_add(&list, thumbprint, before_s), LASTCALL_OK);
    text = sign(TOKEN_REVOCATION, &f->root, NULL,
                revocation_encode(&list, "revocation"));
    assert_int_equal(trust_adopt_revocation(&f->trust, text, strlen(text)),
                     wanted);
    free(text);
    revocation_deinit(&list);
}

/* holds 3.1, 3.9 */
static void a_grant_is_proved_once(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");

    for (int i = 0; i < 3; i++)
        assert_int_equal(verdict(f, grant), LASTCALL_OK);
    assert_int_equal(f->trust.grant_verify_count, 1);
    free(grant);
}

/* holds 3.2, 3.9 */
static void times_are_asked_at_each_use(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");
    const char *iss = "controller:alice";

    assert_int_equal(verdict_at(f, grant, &f->alice, iss, NOW), LASTCALL_OK);
    assert_int_equal(verdict_at(f, grant, &f->alice, iss, EXPIRES + SKEW - 1),
                     LASTCALL_OK);
    assert_int_equal(verdict_at(f, grant, &f->alice, iss, EXPIRES + SKEW),
                     LASTCALL_EXPIRED);
    assert_int_equal(verdict_at(f, grant, &f->alice, iss, ISSUED - SKEW),
                     LASTCALL_OK);
    assert_int_equal(verdict_at(f, grant, &f->alice, iss, ISSUED - SKEW - 1),
                     LASTCALL_NOT_YET_VALID);
    assert_int_equal(f->trust.grant_verify_count, 1);
    free(grant);
}

/* holds 3.2 */
static void what_its_grant_does_not_cover_is_refused(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");

    assert_int_equal(verdict_at(f, grant, &f->alice, "controller:bob", NOW),
                     LASTCALL_E_GRANT);
    assert_int_equal(verdict_at(f, grant, &f->alice, "root", NOW),
                     LASTCALL_E_GRANT);
    assert_int_equal(verdict_at(f, grant, &f->alice, "host:alice", NOW),
                     LASTCALL_E_GRANT);
    assert_int_equal(verdict_at(f, grant, &f->root, "controller:alice", NOW),
                     LASTCALL_E_KEY);
    free(grant);
}

/* holds 3.2 */
static void a_grant_of_another_root_or_fleet_is_refused(void **state)
{
    struct fixture *f = *state;
    json_t *claims = grant_claims(f, SUBJECT_CONTROLLER, "alice");
    char *grant = sign(TOKEN_GRANT, &f->alice, NULL, json_incref(claims));

    assert_int_equal(verdict(f, grant), LASTCALL_E_GRANT);
    free(grant);

    assert_int_equal(json_put(claims, "fleet", json_string("other")),
                     LASTCALL_OK);
    grant = sign(TOKEN_GRANT, &f->root, NULL, claims);
    assert_int_equal(verdict(f, grant), LASTCALL_E_GRANT);
    free(grant);

    claims = grant_claims(f, SUBJECT_CONTROLLER, "alice");
    assert_int_equal(json_put(claims, "iss", json_string("controller:alice")),
                     LASTCALL_OK);
    grant = sign(TOKEN_GRANT, &f->root, NULL, claims);
    assert_int_equal(verdict(f, grant), LASTCALL_E_GRANT);
    free(grant);
    assert_int_equal(verdict(f, "rubbish"), LASTCALL_E_GRANT);
    assert_int_equal(f->trust.cache_count, 0);
}

static void another_type_is_no_grant(void **state)
{
    struct fixture *f = *state;
    struct revocation_list list = {.fleet = "lastcall", .seq = 1};
    char *text =
        sign(TOKEN_REVOCATION, &f->root, NULL, revocation_encode(&list, "jti"));

    assert_int_equal(verdict(f, text), LASTCALL_E_GRANT);
    assert_int_equal(f->trust.grant_verify_count, 0);
    free(text);
}

/* What the root signs carries no grant, so nothing here proves it. */
/* holds 2.7, 2.8 */
static void what_the_root_signs_is_no_message(void **state)
{
    struct fixture *f = *state;
    struct revocation_list list = {.fleet = "lastcall", .seq = 1};
    char *texts[] = {grant_for(f, SUBJECT_CONTROLLER, "alice"),
                     sign(TOKEN_REVOCATION, &f->root, NULL,
                          revocation_encode(&list, "jti"))};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct token token;
        struct verified verified;
        const struct grant *found = NULL;
        struct json_error detail = {""};

        assert_int_equal(token_decode(texts[i], strlen(texts[i]), &token),
                         LASTCALL_OK);
        assert_int_equal(
            trust_verify(&f->trust, &token, NOW, &verified, &found, &detail),
            LASTCALL_E_GRANT);
        assert_string_not_equal(detail.text, "");
        assert_null(found);
        assert_null(verified.claims);
        token_deinit(&token);
        free(texts[i]);
    }
}

/* Who signed what cannot be read is not accused of not having signed it. */
static void signed_rubbish_is_called_so(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");
    char *text = sign(TOKEN_COMMAND, &f->alice, grant, json_object());
    struct token token;
    struct verified verified;
    const struct grant *found = NULL;
    struct json_error detail = {""};

    assert_int_equal(token_decode(text, strlen(text), &token), LASTCALL_OK);
    assert_int_equal(
        trust_verify(&f->trust, &token, NOW, &verified, &found, &detail),
        LASTCALL_E_SHAPE);
    assert_non_null(strstr(detail.text, "controller:alice signed this"));
    token_deinit(&token);
    free(text);
    free(grant);
}

/* A host's key is a good key; that it commands nothing is for the caller to
 * see, by the kind of its grant. */
static void a_hosts_grant_proves_a_host(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_HOST, "alice");
    const struct grant *found = NULL;

    assert_int_equal(verdict_at(f, grant, &f->alice, "host:alice", NOW),
                     LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_E_GRANT);
    assert_int_equal(trust_verify_grant(&f->trust, grant, NOW, &found, NULL),
                     LASTCALL_OK);
    assert_int_equal(found->kind, SUBJECT_HOST);
    free(grant);
}

static void an_altered_token_is_refused(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");
    char *text = sign(TOKEN_COMMAND, &f->alice, grant,
                      token_claims_new("controller:alice", NOW, "jti"));
    struct token token;
    struct verified verified;
    const struct grant *found = NULL;

    assert_int_equal(token_decode(text, strlen(text), &token), LASTCALL_OK);
    token.signature[5] ^= 1;
    assert_int_equal(
        trust_verify(&f->trust, &token, NOW, &verified, &found, NULL),
        LASTCALL_E_SIGNATURE);
    assert_null(found);
    assert_null(verified.claims);
    token_deinit(&token);
    free(text);
    free(grant);
}

/* holds 3.7, 3.9 */
static void a_key_is_revoked_while_its_grant_is_cached(void **state)
{
    struct fixture *f = *state;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");
    const char *thumbprint = f->alice.thumbprint;

    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    /* At the grant's own second it still holds; one later it does not. */
    revoke(f, 1, thumbprint, ISSUED, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    revoke(f, 2, thumbprint, ISSUED + 1, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_REVOKED);
    revoke(f, 3, "*", ISSUED + 1, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_REVOKED);
    revoke(f, 4, f->root.thumbprint, NOW, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    assert_int_equal(f->trust.grant_verify_count, 1);
    free(grant);
}

/* Another thread's trust knows what was revoked, and has its own cache. */
static void a_second_trust_judges_alike(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    char *grant = grant_for(f, SUBJECT_CONTROLLER, "alice");

    revoke(f, 5, f->alice.thumbprint, ISSUED, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    assert_int_equal(trust_init_like(&other.trust, &f->trust, 2), LASTCALL_OK);
    assert_int_equal(other.trust.cache_count, 0);
    assert_int_equal(verdict(&other, grant), LASTCALL_OK);
    assert_int_equal(other.trust.grant_verify_count, 1);
    revoke(&other, 5, "*", NOW, LASTCALL_ALREADY_GONE);
    revoke(&other, 6, "*", NOW, LASTCALL_OK);
    assert_int_equal(verdict(&other, grant), LASTCALL_REVOKED);
    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    trust_deinit(&other.trust);
    free(grant);
}

/* A grant issued after the revocation, for the same key, is good; what the
 * key signed before is not. */
/* holds 3.7 */
static void a_token_is_as_old_as_its_iat(void **state)
{
    struct fixture *f = *state;
    json_t *claims = grant_claims(f, SUBJECT_CONTROLLER, "alice");
    char *grant = NULL;

    assert_int_equal(json_put(claims, "iat", json_integer(NOW)), LASTCALL_OK);
    grant = sign(TOKEN_GRANT, &f->root, NULL, claims);
    /* verdict() signs at NOW - 1. */
    revoke(f, 1, f->alice.thumbprint, NOW - 1, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_OK);
    revoke(f, 2, f->alice.thumbprint, NOW, LASTCALL_OK);
    assert_int_equal(verdict(f, grant), LASTCALL_REVOKED);
    free(grant);
}

/* holds 3.8 */
static void the_highest_seq_wins(void **state)
{
    struct fixture *f = *state;

    revoke(f, 5, "*", 100, LASTCALL_OK);
    revoke(f, 5, "*", 200, LASTCALL_ALREADY_GONE);
    revoke(f, 4, "*", 300, LASTCALL_ALREADY_GONE);
    assert_int_equal(f->trust.revoked.seq, 5);
    assert_false(revocation_covers(&f->trust.revoked, "any", 100));
    revoke(f, 6, "*", 50, LASTCALL_OK);
    assert_false(revocation_covers(&f->trust.revoked, "any", 50));
}

static void a_list_of_others_is_not_adopted(void **state)
{
    struct fixture *f = *state;
    struct revocation_list list = {.fleet = "other", .seq = 9, .iat_s = NOW};
    char *text =
        sign(TOKEN_REVOCATION, &f->root, NULL, revocation_encode(&list, "j"));

    assert_int_equal(trust_adopt_revocation(&f->trust, text, strlen(text)),
                     LASTCALL_E_GRANT);
    free(text);
    (void)snprintf(list.fleet, sizeof(list.fleet), "lastcall");
    text =
        sign(TOKEN_REVOCATION, &f->alice, NULL, revocation_encode(&list, "j"));
    assert_int_equal(trust_adopt_revocation(&f->trust, text, strlen(text)),
                     LASTCALL_E_KEY);
    free(text);
    text = grant_for(f, SUBJECT_HOST, "a");
    assert_int_equal(trust_adopt_revocation(&f->trust, text, strlen(text)),
                     LASTCALL_E_TYPE);
    free(text);
    assert_int_not_equal(trust_adopt_revocation(&f->trust, "x", 1),
                         LASTCALL_OK);
    assert_int_equal(f->trust.revoked.seq, 0);
}

/* holds 3.9 */
static void the_least_used_grant_makes_room(void **state)
{
    struct fixture *f = *state;
    char *grants[5];
    const struct grant *found = NULL;
    uint64_t count = 0;

    for (int i = 0; i < 5; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "c%d", i);
        grants[i] = grant_for(f, SUBJECT_CONTROLLER, name);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            trust_verify_grant(&f->trust, grants[i], NOW, &found, NULL),
            LASTCALL_OK);
    /* The first is used again, so the second goes when the fifth comes. */
    assert_int_equal(
        trust_verify_grant(&f->trust, grants[0], NOW, &found, NULL),
        LASTCALL_OK);
    assert_int_equal(
        trust_verify_grant(&f->trust, grants[4], NOW, &found, NULL),
        LASTCALL_OK);
    assert_string_equal(found->subject, "controller:c4");
    assert_int_equal(f->trust.cache_count, 4);
    count = f->trust.grant_verify_count;
    assert_int_equal(count, 5);
    assert_int_equal(
        trust_verify_grant(&f->trust, grants[0], NOW, &found, NULL),
        LASTCALL_OK);
    assert_string_equal(found->subject, "controller:c0");
    assert_int_equal(f->trust.grant_verify_count, count);
    assert_int_equal(
        trust_verify_grant(&f->trust, grants[1], NOW, &found, NULL),
        LASTCALL_OK);
    assert_int_equal(f->trust.grant_verify_count, count + 1);
    for (int i = 0; i < 5; i++)
        free(grants[i]);
}

/* Chains through every bucket stay whole while entries come and go. */
static void a_small_cache_serves_many(void **state)
{
    enum { COUNT = 64 };
    struct fixture *f = *state;
    char *grants[COUNT];
    const struct grant *found = NULL;

    for (int i = 0; i < COUNT; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "c%d", i);
        grants[i] = grant_for(f, SUBJECT_CONTROLLER, name);
    }
    for (int round = 0; round < 4 * COUNT; round++) {
        int i = (round * 37 + round / 5) % COUNT;
        char subject[GRANT_SUBJECT_SIZE];

        assert_int_equal(
            trust_verify_grant(&f->trust, grants[i], NOW, &found, NULL),
            LASTCALL_OK);
        (void)snprintf(subject, sizeof(subject), "controller:c%d", i);
        assert_string_equal(found->subject, subject);
        assert_true(f->trust.cache_count <= 4);
    }
    for (int i = 0; i < COUNT; i++)
        free(grants[i]);
}

int main(void)
{
#define WITH_FLEET(test)                                                       \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FLEET(a_grant_is_proved_once),
        WITH_FLEET(times_are_asked_at_each_use),
        WITH_FLEET(what_its_grant_does_not_cover_is_refused),
        WITH_FLEET(a_grant_of_another_root_or_fleet_is_refused),
        WITH_FLEET(another_type_is_no_grant),
        WITH_FLEET(what_the_root_signs_is_no_message),
        WITH_FLEET(signed_rubbish_is_called_so),
        WITH_FLEET(a_hosts_grant_proves_a_host),
        WITH_FLEET(an_altered_token_is_refused),
        WITH_FLEET(a_key_is_revoked_while_its_grant_is_cached),
        WITH_FLEET(a_second_trust_judges_alike),
        WITH_FLEET(a_token_is_as_old_as_its_iat),
        WITH_FLEET(the_highest_seq_wins),
        WITH_FLEET(a_list_of_others_is_not_adopted),
        WITH_FLEET(the_least_used_grant_makes_room),
        WITH_FLEET(a_small_cache_serves_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
