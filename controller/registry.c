#include "controller/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grant.h"

static void host_free(struct registry_host *host)
{
    if (host == NULL)
        return;
    host_status_deinit(&host->status);
    for (size_t i = 0; i < host->inventory_count; i++)
        inventory_deinit(&host->inventories[i].inventory);
    free(host->inventories);
    free(host->groups);
    free(host);
}

void registry_deinit(struct registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        host_free(registry->hosts[i]);
    free(registry->hosts);
    free(registry->refusals);
    *registry = (struct registry){0};
}

/* Where a name stands, or would stand. */
static size_t position(const struct registry *registry, const struct name *name)
{
    size_t low = 0;
    size_t high = registry->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(registry->hosts[middle]->name.text, name->text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct registry_host *registry_find(const struct registry *registry,
                                    const struct name *name)
{
    size_t at = position(registry, name);

    if (at < registry->count &&
        strcmp(registry->hosts[at]->name.text, name->text) == 0)
        return registry->hosts[at];
    return NULL;
}

bool registry_host_is_up(const struct registry_host *host)
{
    return host->has_status && host->status.state != HOST_OFFLINE;
}

static enum lastcall_status make_room(struct registry *registry)
{
    size_t capacity = registry->capacity == 0 ? 16 : registry->capacity * 2;
    struct registry_host **grown = NULL;

    if (registry->count >= REGISTRY_HOST_MAX)
        return LASTCALL_E_TOO_LARGE;
    if (registry->count < registry->capacity)
        return LASTCALL_OK;
    grown = realloc(registry->hosts, capacity * sizeof(struct registry_host *));
    if (grown == NULL)
        return LASTCALL_E_NOMEM;
    registry->hosts = grown;
    registry->capacity = capacity;
    return LASTCALL_OK;
}

static enum lastcall_status find_or_add(struct registry *registry,
                                        const struct name *name,
                                        struct registry_host **out)
{
    size_t at = position(registry, name);
    enum lastcall_status status = LASTCALL_OK;

    *out = registry_find(registry, name);
    if (*out != NULL)
        return LASTCALL_OK;
    status = make_room(registry);
    if (status != LASTCALL_OK)
        return status;
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return LASTCALL_E_NOMEM;
    (*out)->name = *name;
    memmove(registry->hosts + at + 1, registry->hosts + at,
            (registry->count - at) * sizeof(struct registry_host *));
    registry->hosts[at] = *out;
    registry->count++;
    return LASTCALL_OK;
}

static void note_refusal(struct registry *registry, const struct name *host,
                         enum lastcall_status status,
                         const struct json_error *detail)
{
    if (registry->refusals == NULL)
        registry->refusals =
            calloc(REGISTRY_REFUSAL_MAX, sizeof *registry->refusals);
    if (registry->refusals != NULL &&
        registry->refusal_count < REGISTRY_REFUSAL_MAX)
        registry->refusals[registry->refusal_count] =
            (struct registry_refusal){*host, status, *detail};
    registry->refusal_count++;
}

/* The groups stand in the grant, so a host cannot put itself into one. */
static enum lastcall_status copy_groups(struct registry_host *host,
                                        const struct grant *grant)
{
    struct name *groups = NULL;

    if (grant->group_count > 0) {
        groups = calloc(grant->group_count, sizeof *groups);
        if (groups == NULL)
            return LASTCALL_E_NOMEM;
        memcpy(groups, grant->groups, grant->group_count * sizeof *groups);
    }
    free(host->groups);
    host->groups = groups;
    host->group_count = grant->group_count;
    return LASTCALL_OK;
}

/* A status older than ours, or the will of an earlier life. */
static bool is_outdated(const struct registry_host *host,
                        const struct host_status *status, int64_t iat_s)
{
    bool same_life = false;

    if (!host->has_status)
        return false;
    same_life = strcmp(host->status.boot_id, status->boot_id) == 0;
    if (status->state == HOST_OFFLINE)
        return host->status.state != HOST_OFFLINE && !same_life;
    return iat_s < host->iat_s && !same_life;
}

static enum lastcall_status take_status(struct registry *registry,
                                        const struct verified *verified,
                                        const struct grant *grant,
                                        int64_t now_ms, struct json_error *why)
{
    struct host_status decoded = {0};
    struct registry_host *host = NULL;
    enum lastcall_status status = host_status_decode(verified, &decoded, why);

    if (status == LASTCALL_OK)
        status = find_or_add(registry, &grant->name, &host);
    if (status != LASTCALL_OK || is_outdated(host, &decoded, verified->iat_s))
        goto out;
    status = copy_groups(host, grant);
    if (status != LASTCALL_OK)
        goto out;
    host_status_deinit(&host->status);
    host->status = decoded;
    decoded = (struct host_status){0};
    host->has_status = true;
    host->iat_s = verified->iat_s;
    host->clock_ahead_ms =
        host->status.clock_ms > now_ms ? host->status.clock_ms - now_ms : 0;
out:
    host_status_deinit(&decoded);
    return status;
}

/* The inventory of a server, or room for a new one; NULL: none left. */
static struct registry_inventory *inventory_slot(struct registry_host *host,
                                                 const struct name *server)
{
    struct registry_inventory *grown = NULL;

    for (size_t i = 0; i < host->inventory_count; i++) {
        if (strcmp(host->inventories[i].inventory.server.text, server->text) ==
            0)
            return &host->inventories[i];
    }
    if (host->inventory_count >= RESULT_SERVER_COUNT_MAX)
        return NULL;
    grown =
        realloc(host->inventories, (host->inventory_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    host->inventories = grown;
    grown[host->inventory_count] = (struct registry_inventory){0};
    return &grown[host->inventory_count++];
}

static enum lastcall_status take_inventory(struct registry *registry,
                                           const struct topic_parts *parts,
                                           const struct verified *verified,
                                           const struct grant *grant,
                                           struct json_error *why)
{
    struct inventory decoded = {0};
    struct registry_host *host = NULL;
    struct registry_inventory *slot = NULL;
    enum lastcall_status status = inventory_decode(verified, &decoded, why);

    if (status == LASTCALL_OK &&
        strcmp(decoded.server.text, parts->server.text) != 0)
        status = LASTCALL_E_GRANT;
    if (status == LASTCALL_OK)
        status = find_or_add(registry, &grant->name, &host);
    if (status != LASTCALL_OK)
        goto out;
    slot = inventory_slot(host, &decoded.server);
    if (slot == NULL) {
        status = LASTCALL_E_NOMEM;
        goto out;
    }
    /* Within one second the later one to arrive is the later one. */
    if (slot->iat_s > verified->iat_s)
        goto out;
    inventory_deinit(&slot->inventory);
    slot->inventory = decoded;
    slot->iat_s = verified->iat_s;
    decoded = (struct inventory){0};
out:
    inventory_deinit(&decoded);
    return status;
}

/* Prove that the token is what its topic says: type, host, signature. */
static enum lastcall_status
prove(struct trust *trust, const struct topic_parts *parts,
      const struct token *token, int64_t now_s, struct verified *verified,
      const struct grant **grant, struct json_error *why)
{
    enum token_type wanted =
        parts->kind == TOPIC_STATUS ? TOKEN_STATUS : TOKEN_SESSIONS;
    enum lastcall_status status = LASTCALL_E_TYPE;

    if (token->type != wanted)
        return LASTCALL_E_TYPE;
    status = trust_verify(trust, token, now_s, verified, grant, why);
    if (status != LASTCALL_OK)
        return status;
    if ((*grant)->kind != SUBJECT_HOST ||
        strcmp((*grant)->name.text, parts->host.text) != 0)
        return LASTCALL_E_GRANT;
    return LASTCALL_OK;
}

enum lastcall_status registry_take(struct registry *registry,
                                   struct trust *trust,
                                   const struct topic_parts *parts,
                                   const void *data, size_t len, int64_t now_ms)
{
    struct token token = {0};
    struct verified verified = {0};
    const struct grant *grant = NULL;
    struct json_error why = {0};
    enum lastcall_status status = LASTCALL_E_SIGNATURE;

    assert(parts->kind == TOPIC_STATUS || parts->kind == TOPIC_SESSIONS);
    /* Clearing a retained message is how a host is struck off. */
    if (len == 0)
        return LASTCALL_OK;
    status = token_decode(data, len, &token);
    if (status == LASTCALL_OK)
        status =
            prove(trust, parts, &token, now_ms / 1000, &verified, &grant, &why);
    if (status == LASTCALL_OK && parts->kind == TOPIC_STATUS)
        status = take_status(registry, &verified, grant, now_ms, &why);
    else if (status == LASTCALL_OK)
        status = take_inventory(registry, parts, &verified, grant, &why);
    if (status != LASTCALL_OK && status != LASTCALL_E_NOMEM &&
        status != LASTCALL_E_TOO_LARGE)
        note_refusal(registry, &parts->host, status, &why);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}
