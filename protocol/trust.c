#include "protocol/trust.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_CAPACITY_FIRST 16

/*
 * The cache is a hash table whose entries lie in one array that grows as it is
 * needed: buckets[n] begins the chain of the entries whose digest falls into
 * bucket n.  A controller that hears of ten thousand hosts finds each grant in
 * a step or two; only making room looks at every entry.
 */
struct trust_cache_entry {
    unsigned char digest[BYTES_SHA256_LEN]; /* of the grant's text */
    struct grant grant;                     /* owned */
    uint64_t used;                          /* the cache's clock */
    size_t next;                            /* in the chain, or cache_max */
};

enum lastcall_status trust_init(struct trust *trust, const struct name *fleet,
                                struct key *root, int64_t skew_s,
                                size_t cache_max)
{
    *trust = (struct trust){.fleet = *fleet,
                            .root = *root,
                            .skew_s = skew_s,
                            .cache_max = cache_max > 0 ? cache_max : 1};
    *root = (struct key){0};
    trust->buckets = calloc(trust->cache_max, sizeof(*trust->buckets));
    if (trust->buckets == NULL) {
        trust_deinit(trust);
        return LASTCALL_E_NOMEM;
    }
    for (size_t i = 0; i < trust->cache_max; i++)
        trust->buckets[i] = trust->cache_max;
    return LASTCALL_OK;
}

enum lastcall_status trust_init_like(struct trust *trust,
                                     const struct trust *from, size_t cache_max)
{
    const struct revocation_list *list = &from->revoked;
    struct key root = {0};
    enum lastcall_status status = key_from_public(from->root.public_raw, &root);

    *trust = (struct trust){0};
    if (status == LASTCALL_OK)
        status =
            trust_init(trust, &from->fleet, &root, from->skew_s, cache_max);
    if (status != LASTCALL_OK)
        return status;
    trust->revoked = *list;
    trust->revoked.entries = NULL;
    if (list->count == 0)
        return LASTCALL_OK;
    trust->revoked.entries = calloc(list->count, sizeof *list->entries);
    if (trust->revoked.entries == NULL) {
        trust_deinit(trust);
        return LASTCALL_E_NOMEM;
    }
    memcpy(trust->revoked.entries, list->entries,
           list->count * sizeof *list->entries);
    return LASTCALL_OK;
}

void trust_deinit(struct trust *trust)
{
    for (size_t i = 0; i < trust->cache_count; i++)
        grant_deinit(&trust->cache[i].grant);
    free(trust->cache);
    free(trust->buckets);
    key_deinit(&trust->root);
    revocation_deinit(&trust->revoked);
    *trust = (struct trust){0};
}

/* A digest is as good as random, so its first bytes choose the bucket. */
static size_t *bucket(const struct trust *trust,
                      const unsigned char digest[BYTES_SHA256_LEN])
{
    uint32_t number = 0;

    memcpy(&number, digest, sizeof(number));
    return &trust->buckets[number % trust->cache_max];
}

static struct trust_cache_entry *
cache_find(struct trust *trust, const unsigned char digest[BYTES_SHA256_LEN])
{
    size_t i = *bucket(trust, digest);

    while (i < trust->cache_max) {
        struct trust_cache_entry *entry = &trust->cache[i];

        if (memcmp(entry->digest, digest, BYTES_SHA256_LEN) == 0) {
            entry->used = ++trust->cache_clock;
            return entry;
        }
        i = entry->next;
    }
    return NULL;
}

/* Free the entry that was not used for longest; its index. */
static size_t cache_evict(struct trust *trust)
{
    size_t oldest = 0;
    size_t *link = NULL;

    for (size_t i = 1; i < trust->cache_count; i++) {
        if (trust->cache[i].used < trust->cache[oldest].used)
            oldest = i;
    }
    link = bucket(trust, trust->cache[oldest].digest);
    while (*link != oldest)
        link = &trust->cache[*link].next;
    *link = trust->cache[oldest].next;
    grant_deinit(&trust->cache[oldest].grant);
    return oldest;
}

/* Room for one more, or that of the entry not used for longest. */
static enum lastcall_status cache_make_room(struct trust *trust, size_t *index)
{
    size_t wanted = trust->cache_capacity == 0 ? CACHE_CAPACITY_FIRST
                                               : trust->cache_capacity * 2;
    struct trust_cache_entry *grown = NULL;

    if (trust->cache_count == trust->cache_max) {
        *index = cache_evict(trust);
        return LASTCALL_OK;
    }
    if (trust->cache_count == trust->cache_capacity) {
        if (wanted > trust->cache_max)
            wanted = trust->cache_max;
        grown = realloc(trust->cache, wanted * sizeof(*grown));
        if (grown == NULL)
            return LASTCALL_E_NOMEM;
        trust->cache = grown;
        trust->cache_capacity = wanted;
    }
    *index = trust->cache_count++;
    return LASTCALL_OK;
}

/* Keep a grant; takes it over, also on failure. */
static enum lastcall_status
cache_take(struct trust *trust, const unsigned char digest[BYTES_SHA256_LEN],
           struct grant *grant, struct trust_cache_entry **out)
{
    size_t *link = bucket(trust, digest);
    size_t i = 0;
    enum lastcall_status status = cache_make_room(trust, &i);

    if (status != LASTCALL_OK) {
        grant_deinit(grant);
        return status;
    }
    /* Nobody asks the cache for the text, and many grants lie in it. */
    free(grant->text);
    grant->text = NULL;
    if (grant->kind == SUBJECT_HOST)
        key_fold(&grant->key);
    *out = &trust->cache[i];
    **out = (struct trust_cache_entry){
        .grant = *grant, .used = ++trust->cache_clock, .next = *link};
    *grant = (struct grant){0};
    memcpy((*out)->digest, digest, BYTES_SHA256_LEN);
    *link = i;
    return LASTCALL_OK;
}

/* Prove what does not change with time: that the root signed this grant, for
 * this fleet. */
static enum lastcall_status prove_grant(struct trust *trust, const char *text,
                                        struct grant *out,
                                        struct json_error *detail)
{
    struct token token = {0};
    struct verified verified = {0};
    const char *problem = "the grant is no grant token";
    enum lastcall_status status = token_decode(text, strlen(text), &token);

    *out = (struct grant){0};
    if (status == LASTCALL_OK && token.type != TOKEN_GRANT)
        status = LASTCALL_E_TYPE;
    if (status != LASTCALL_OK)
        goto out;

    problem = "the grant was not signed by this fleet's root";
    trust->grant_verify_count++;
    status = token_verify(&token, &trust->root, &verified);
    if (status == LASTCALL_E_KEY)
        status = LASTCALL_E_GRANT; /* E_KEY is for the granted key */
    if (status != LASTCALL_OK)
        goto out;

    problem = "a claim of the grant is missing or malformed";
    status = grant_decode(&verified, text, out);
    if (status != LASTCALL_OK)
        goto out;

    problem = "the grant is for another fleet";
    if (strcmp(out->fleet.text, trust->fleet.text) != 0) {
        grant_deinit(out);
        status = LASTCALL_E_GRANT;
    }

out:
    if (status != LASTCALL_OK)
        json_error_say(detail, "%s", problem);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}

static enum lastcall_status find_or_prove(struct trust *trust, const char *text,
                                          const struct grant **grant,
                                          struct json_error *detail)
{
    unsigned char digest[BYTES_SHA256_LEN];
    struct trust_cache_entry *entry = NULL;
    struct grant fresh = {0};
    enum lastcall_status status = bytes_sha256(text, strlen(text), digest);

    if (status != LASTCALL_OK)
        return status;
    entry = cache_find(trust, digest);
    if (entry == NULL) {
        status = prove_grant(trust, text, &fresh, detail);
        if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_KEY)
            return status;
        if (status != LASTCALL_OK)
            return LASTCALL_E_GRANT;
        status = cache_take(trust, digest, &fresh, &entry);
        if (status != LASTCALL_OK)
            return status;
    }
    *grant = &entry->grant;
    return LASTCALL_OK;
}

enum lastcall_status trust_verify_grant(struct trust *trust, const char *text,
                                        int64_t now_s,
                                        const struct grant **grant,
                                        struct json_error *detail)
{
    const struct grant *found = NULL;
    enum lastcall_status status = LASTCALL_E_GRANT;

    *grant = NULL;
    json_error_clear(detail);
    status = find_or_prove(trust, text, &found, detail);
    if (status != LASTCALL_OK)
        return status;

    /* What follows is asked again of a grant from the cache. */
    status = token_check_times("the grant",
                               &(struct token_times){.iat_s = found->iat_s,
                                                     .exp_s = found->exp_s,
                                                     .skew_s = trust->skew_s},
                               now_s, detail);
    if (status != LASTCALL_OK)
        return status;
    if (revocation_covers(&trust->revoked, found->key.thumbprint,
                          found->iat_s)) {
        json_error_say(detail, "the grant of %s is revoked", found->subject);
        return LASTCALL_REVOKED;
    }
    *grant = found;
    return LASTCALL_OK;
}

/* The signature, whose it is, and whether its key was good then. */
static enum lastcall_status prove_token(const struct trust *trust,
                                        const struct token *token,
                                        const struct grant *grant,
                                        struct verified *out,
                                        struct json_error *detail)
{
    enum lastcall_status status = token_verify(token, &grant->key, out);

    if (status == LASTCALL_E_KEY)
        json_error_say(detail, "the token names another key than its grant");
    else if (status == LASTCALL_E_SIGNATURE)
        json_error_say(detail, "the key of %s did not sign this",
                       grant->subject);
    else if (status != LASTCALL_OK)
        json_error_say(detail, "%s signed this, but its claims: %s",
                       grant->subject, status_text(status));
    if (status != LASTCALL_OK)
        return status;
    if (strcmp(out->iss, grant->subject) != 0) {
        json_error_say(detail,
                       "the token's issuer is not %s, as its grant says",
                       grant->subject);
        return LASTCALL_E_GRANT;
    }
    if (revocation_covers(&trust->revoked, grant->key.thumbprint, out->iat_s)) {
        json_error_say(detail, "the key of %s is revoked", grant->subject);
        return LASTCALL_REVOKED;
    }
    return LASTCALL_OK;
}

enum lastcall_status trust_verify(struct trust *trust,
                                  const struct token *token, int64_t now_s,
                                  struct verified *verified,
                                  const struct grant **grant,
                                  struct json_error *detail)
{
    const struct grant *found = NULL;
    enum lastcall_status status = LASTCALL_E_GRANT;

    *verified = (struct verified){0};
    *grant = NULL;
    if (token->grant == NULL) {
        json_error_say(detail,
                       "only what carries its signer's grant is taken here");
        return LASTCALL_E_GRANT;
    }
    status = trust_verify_grant(trust, token->grant, now_s, &found, detail);
    if (status == LASTCALL_OK)
        status = prove_token(trust, token, found, verified, detail);
    if (status == LASTCALL_OK)
        *grant = found;
    else
        verified_deinit(verified);
    return status;
}

enum lastcall_status trust_adopt_revocation(struct trust *trust,
                                            const void *data, size_t len)
{
    struct token token = {0};
    struct verified verified = {0};
    struct revocation_list list = {0};
    enum lastcall_status status = token_decode(data, len, &token);

    if (status != LASTCALL_OK)
        goto out;
    status = LASTCALL_E_TYPE;
    if (token.type != TOKEN_REVOCATION)
        goto out;
    status = token_verify(&token, &trust->root, &verified);
    if (status != LASTCALL_OK)
        goto out;
    status = revocation_decode(&verified, &list);
    if (status != LASTCALL_OK)
        goto out;
    status = LASTCALL_E_GRANT;
    if (strcmp(list.fleet, trust->fleet.text) != 0)
        goto out;
    status = LASTCALL_ALREADY_GONE;
    if (list.seq <= trust->revoked.seq)
        goto out;
    revocation_deinit(&trust->revoked);
    trust->revoked = list;
    list = (struct revocation_list){0};
    status = LASTCALL_OK;

out:
    revocation_deinit(&list);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}
