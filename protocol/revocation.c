#include "protocol/revocation.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/moment.h"

void revocation_deinit(struct revocation_list *list)
{
    free(list->entries);
    *list = (struct revocation_list){0};
}

static int compare_entries(const void *a, const void *b)
{
    const struct revocation_entry *left = a;
    const struct revocation_entry *right = b;

    return strcmp(left->thumbprint, right->thumbprint);
}

static bool names_keys(const char *text)
{
    return strcmp(text, REVOCATION_EVERY_KEY) == 0 ||
           key_thumbprint_is_valid(text);
}

static bool is_time(int64_t time_s)
{
    return time_s >= 0 && time_s <= MOMENT_S_MAX;
}

static bool decode_time(const json_t *value, int64_t *out)
{
    int64_t unix_ms = 0;

    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return is_time(*out);
    }
    if (!json_is_string(value) ||
        moment_parse(json_string_value(value), &unix_ms) != LASTCALL_OK)
        return false;
    /* A token's second that has begun before the moment is void with it. */
    *out = (unix_ms + MOMENT_MS_PER_S - 1) / MOMENT_MS_PER_S;
    return true;
}

static enum lastcall_status decode_entries(json_t *object,
                                           struct revocation_list *out)
{
    size_t count = json_object_size(object);

    if (count > REVOCATION_COUNT_MAX)
        return LASTCALL_E_TOO_LARGE;
    if (count == 0)
        return LASTCALL_OK;
    out->entries = calloc(count, sizeof(*out->entries));
    if (out->entries == NULL)
        return LASTCALL_E_NOMEM;
    for (void *place = json_object_iter(object); place != NULL;
         place = json_object_iter_next(object, place)) {
        const char *thumbprint = json_object_iter_key(place);
        struct revocation_entry *entry = &out->entries[out->count];

        if (!names_keys(thumbprint) ||
            !decode_time(json_object_iter_value(place), &entry->before_s))
            return LASTCALL_E_SHAPE;
        memcpy(entry->thumbprint, thumbprint, strlen(thumbprint) + 1);
        out->count++;
    }
    qsort(out->entries, out->count, sizeof(*out->entries), compare_entries);
    return LASTCALL_OK;
}

enum lastcall_status revocation_decode(const struct verified *verified,
                                       struct revocation_list *out)
{
    const char *fleet = NULL;
    json_t *revoked = NULL;
    enum lastcall_status status = LASTCALL_E_SHAPE;

    *out = (struct revocation_list){0};
    if (strcmp(verified->iss, TOKEN_ISSUER_ROOT) != 0 ||
        json_get_text(verified->claims, "fleet", JSON_REQUIRED, NAME_LEN_MAX,
                      &fleet, NULL) != LASTCALL_OK ||
        !name_is_valid(fleet, strlen(fleet)) ||
        json_get_integer(verified->claims, "seq", JSON_REQUIRED, 1, INT64_MAX,
                         &out->seq, NULL) != LASTCALL_OK ||
        json_get_object(verified->claims, "revoked", JSON_REQUIRED, &revoked,
                        NULL) != LASTCALL_OK)
        goto out;
    memcpy(out->fleet, fleet, strlen(fleet) + 1);
    out->iat_s = verified->iat_s;
    status = decode_entries(revoked, out);

out:
    if (status != LASTCALL_OK)
        revocation_deinit(out);
    return status;
}

json_t *revocation_encode(const struct revocation_list *list, const char *jti)
{
    json_t *claims = token_claims_new(TOKEN_ISSUER_ROOT, list->iat_s, jti);
    json_t *revoked = json_object();
    enum lastcall_status status = LASTCALL_E_NOMEM;

    status = json_put(claims, "fleet", json_string(list->fleet));
    if (status == LASTCALL_OK)
        status = json_put(claims, "seq", json_integer(list->seq));
    for (size_t i = 0; status == LASTCALL_OK && i < list->count; i++)
        status = json_put(revoked, list->entries[i].thumbprint,
                          json_integer(list->entries[i].before_s));
    if (status == LASTCALL_OK)
        status = json_put(claims, "revoked", revoked);
    else
        json_decref(revoked);
    if (status == LASTCALL_OK)
        return claims;
    json_decref(claims);
    return NULL;
}

/* Borrowed, or NULL. */
static struct revocation_entry *find(const struct revocation_list *list,
                                     const char *thumbprint)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(thumbprint, list->entries[middle].thumbprint);

        if (order == 0)
            return &list->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

enum lastcall_status revocation_add(struct revocation_list *list,
                                    const char *thumbprint, int64_t before_s)
{
    struct revocation_entry *entry = find(list, thumbprint);
    struct revocation_entry *entries = NULL;

    if (!names_keys(thumbprint) || !is_time(before_s))
        return LASTCALL_E_SYNTAX;
    if (entry != NULL) {
        if (entry->before_s < before_s)
            entry->before_s = before_s;
        return LASTCALL_OK;
    }
    if (list->count >= REVOCATION_COUNT_MAX)
        return LASTCALL_E_TOO_LARGE;
    entries = realloc(list->entries, (list->count + 1) * sizeof(*entries));
    if (entries == NULL)
        return LASTCALL_E_NOMEM;
    list->entries = entries;
    entry = &entries[list->count++];
    *entry = (struct revocation_entry){.before_s = before_s};
    memcpy(entry->thumbprint, thumbprint, strlen(thumbprint) + 1);
    qsort(entries, list->count, sizeof(*entries), compare_entries);
    return LASTCALL_OK;
}

bool revocation_covers(const struct revocation_list *list,
                       const char *thumbprint, int64_t iat_s)
{
    const struct revocation_entry *every = find(list, REVOCATION_EVERY_KEY);
    const struct revocation_entry *own = find(list, thumbprint);

    return (every != NULL && iat_s < every->before_s) ||
           (own != NULL && iat_s < own->before_s);
}
