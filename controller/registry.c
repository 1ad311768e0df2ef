#include "controller/registry.h"

#include <stdlib.h>
#include <string.h>

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

bool registry_host_doubt(struct registry_host *host, uint64_t session)
{
    if (!registry_host_is_up(host) || host->session >= session)
        return false;
    host->status.state = HOST_OFFLINE;
    return true;
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

void registry_refuse(struct registry *registry, const struct name *host,
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

/* What only `hosts` shows; a fleet's takes more memory than all the rest. */
static void drop_details(struct host_status *status)
{
    free(status->servers);
    free(status->counters);
    status->servers = NULL;
    status->counters = NULL;
    status->server_count = 0;
    status->counter_count = 0;
}

static void take_status(const struct registry *registry,
                        struct registry_host *host, struct news *news)
{
    if (is_outdated(host, &news->status, news->iat_s))
        return;
    free(host->groups);
    host->groups = news->groups;
    host->group_count = news->group_count;
    news->groups = NULL;
    host_status_deinit(&host->status);
    host->status = news->status;
    news->status = (struct host_status){0};
    if (!registry->keeps_details)
        drop_details(&host->status);
    host->has_status = true;
    host->iat_s = news->iat_s;
    host->granted_s = news->granted_s;
    host->session = news->session;
    memcpy(host->signer, news->signer, sizeof host->signer);
    host->clock_ahead_ms = host->status.clock_ms > news->arrived_ms
                               ? host->status.clock_ms - news->arrived_ms
                               : 0;
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

bool registry_list_is_later(const struct registry_inventory *known,
                            const struct news *news)
{
    if (known->inventory.boot_id[0] != '\0' &&
        strcmp(known->inventory.boot_id, news->inventory.boot_id) == 0)
        return known->inventory.seq < news->inventory.seq;
    return known->iat_s <= news->iat_s;
}

static enum lastcall_status take_inventory(struct registry_host *host,
                                           struct news *news)
{
    struct registry_inventory *slot =
        inventory_slot(host, &news->inventory.server);

    if (slot == NULL)
        return LASTCALL_E_NOMEM;
    if (!registry_list_is_later(slot, news))
        return LASTCALL_OK;
    inventory_deinit(&slot->inventory);
    slot->inventory = news->inventory;
    slot->iat_s = news->iat_s;
    news->inventory = (struct inventory){0};
    return LASTCALL_OK;
}

enum lastcall_status registry_take(struct registry *registry, struct news *news)
{
    struct registry_host *host = NULL;
    enum lastcall_status status = find_or_add(registry, &news->host, &host);

    if (status == LASTCALL_OK && news->kind == TOPIC_STATUS)
        take_status(registry, host, news);
    else if (status == LASTCALL_OK)
        status = take_inventory(host, news);
    news_deinit(news);
    return status;
}

void registry_forget(struct registry *registry, const struct name *name)
{
    const size_t at = position(registry, name);

    if (registry_find(registry, name) == NULL)
        return;
    host_free(registry->hosts[at]);
    registry->count--;
    memmove(registry->hosts + at, registry->hosts + at + 1,
            (registry->count - at) * sizeof(struct registry_host *));
}

void registry_forget_inventory(struct registry *registry,
                               const struct name *name,
                               const struct name *server)
{
    struct registry_host *host = registry_find(registry, name);

    for (size_t i = 0; host != NULL && i < host->inventory_count; i++) {
        struct registry_inventory *found = &host->inventories[i];

        if (strcmp(found->inventory.server.text, server->text) != 0)
            continue;
        inventory_deinit(&found->inventory);
        host->inventory_count--;
        memmove(found, found + 1, (host->inventory_count - i) * sizeof *found);
        return;
    }
}

bool registry_host_is_revoked(const struct registry_host *host,
                              const struct revocation_list *list)
{
    return host->has_status &&
           (revocation_covers(list, host->signer, host->granted_s) ||
            revocation_covers(list, host->signer, host->iat_s));
}
