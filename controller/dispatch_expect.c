#include "controller/dispatch_expect.h"

#include <string.h>

#include "controller/pin.h"
#include "protocol/io/platform.h"

/* What a preview allows of what follows it. */
struct bounds {
    int64_t limit;
    struct pin pin;
};

/* What is to be signed, for whom. */
struct draft {
    const struct address *address;
    const struct request *request;
    const struct bounds *bounds;
};

static int64_t smaller(int64_t limit, int64_t other)
{
    return limit == REQUEST_LIMIT_NONE || other < limit ? other : limit;
}

/* Sign a draft, good from now on. */
static enum lastcall_status sign(const struct dispatching *run,
                                 const struct draft *draft,
                                 struct request_id *id, struct bytes *token)
{
    const struct bounds *bounds = draft->bounds;
    struct command_claims claims = {.audience = *draft->address};
    struct request request = *draft->request; /* shallow: borrowed texts */
    struct pin pin;
    json_t *json = NULL;
    enum lastcall_status status = platform_random_id(&claims.jti);

    if (bounds->limit != REQUEST_LIMIT_NONE)
        request.limit = smaller(request.limit, bounds->limit);
    if (bounds->pin.count > 0) {
        pin = bounds->pin;
        request.preconditions = pin.conditions;
        request.precondition_count = pin.count;
    }
    claims.iat_s = fleet_wall_ms() / 1000;
    claims.exp_s = claims.iat_s + (run->dispatch->ttl_ms + 999) / 1000;
    if (status == LASTCALL_OK) {
        json = command_encode(run->fleet->identity.issuer, &claims, &request);
        status = json == NULL
                     ? LASTCALL_E_NOMEM
                     : token_sign(TOKEN_COMMAND, &run->fleet->identity.key,
                                  run->fleet->identity.grant, json, token);
    }
    *id = claims.jti;
    json_decref(json);
    return status;
}

/* The bounds of a host that is asked by itself; see struct dispatch. */
static struct bounds bounds_of_host(const struct dispatch *dispatch,
                                    const struct name *host)
{
    const char *session_id = dispatch->request->session_id;
    const struct campaign_host *planned = NULL;
    struct bounds bounds = {.limit = dispatch->request->limit};

    if (dispatch->plan == NULL)
        return bounds;
    planned = campaign_find_host(dispatch->plan, host);
    bounds.limit = smaller(bounds.limit, planned != NULL && planned->has_answer
                                             ? planned->answer.result.matched
                                             : 0);
    if (session_id != NULL)
        pin_of_host(planned, session_id, &bounds.pin);
    return bounds;
}

static struct bounds bounds_of_broadcast(const struct dispatch *dispatch)
{
    const char *session_id = dispatch->request->session_id;
    struct bounds bounds = {.limit = dispatch->request->limit};
    int64_t most = 0;

    if (dispatch->plan == NULL)
        return bounds;
    if (session_id != NULL)
        (void)pin_of_all(dispatch->plan, session_id, &bounds.pin);
    for (size_t i = 0; i < dispatch->plan->host_count; i++) {
        const struct campaign_host *host = &dispatch->plan->hosts[i];

        if (host->has_answer && host->answer.result.matched > most)
            most = host->answer.result.matched;
    }
    bounds.limit = smaller(bounds.limit, most);
    return bounds;
}

enum campaign_presence dispatch_presence(const struct registry_host *known)
{
    if (known == NULL || !known->has_status)
        return PRESENCE_UNKNOWN;
    return registry_host_is_up(known) ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
}

/* Take over a broadcast of an earlier campaign; its hosts share it again. */
static enum lastcall_status repeat_broadcast(struct campaign *campaign,
                                             struct dispatch_recalled *recalled,
                                             size_t *index)
{
    enum lastcall_status status = LASTCALL_OK;

    *index = campaign_find_message(campaign, &recalled->id);
    if (*index != CAMPAIGN_NO_MESSAGE)
        return LASTCALL_OK;
    status = campaign_add_message(campaign, &recalled->address, &recalled->id,
                                  &recalled->token, index);
    if (status == LASTCALL_OK) {
        campaign->messages[*index].life_ms = recalled->life_ms;
        campaign->messages[*index].is_repeat = true;
    }
    return status;
}

/* A broadcast that a host is to hear again, at once; CAMPAIGN_NO_MESSAGE: it
 * is asked by itself when its turn comes. */
static enum lastcall_status recall_broadcast(const struct dispatching *run,
                                             const struct name *name,
                                             size_t *index)
{
    const struct dispatch_recall *recall = run->dispatch->recall;
    struct dispatch_recalled recalled = {0};
    enum lastcall_status status = LASTCALL_E_MISSING;

    *index = CAMPAIGN_NO_MESSAGE;
    if (recall != NULL)
        status = recall->find(recall->context, name, &recalled);
    if (status == LASTCALL_OK && recalled.token.len > 0 &&
        recalled.address.kind != ADDRESS_HOST)
        status = repeat_broadcast(run->campaign, &recalled, index);
    request_deinit(&recalled.request);
    bytes_deinit(&recalled.token);
    return status == LASTCALL_E_MISSING ? LASTCALL_OK : status;
}

bool dispatch_has_broadcast(const struct dispatching *run,
                            const struct name *name)
{
    const struct dispatch_recall *recall = run->dispatch->recall;
    struct dispatch_recalled recalled = {0};
    bool has_one = false;

    if (recall == NULL ||
        recall->find(recall->context, name, &recalled) != LASTCALL_OK)
        return false;
    has_one = recalled.token.len > 0 && recalled.address.kind != ADDRESS_HOST;
    request_deinit(&recalled.request);
    bytes_deinit(&recalled.token);
    return has_one;
}

/* Expect a host that is asked by itself. */
static enum lastcall_status expect_host(const struct dispatching *run,
                                        const struct name *name,
                                        const struct registry_host *known)
{
    const enum campaign_presence presence = dispatch_presence(known);
    size_t index = CAMPAIGN_NO_MESSAGE;
    enum lastcall_status status = LASTCALL_OK;

    if (presence != PRESENCE_OFFLINE)
        status = recall_broadcast(run, name, &index);
    if (status == LASTCALL_OK)
        status = campaign_expect(run->campaign, name, presence, index);
    return status;
}

/* Expect the known hosts that match a pattern. */
static enum lastcall_status expect_pattern(const struct dispatching *run,
                                           const char *pattern)
{
    const struct registry *registry = &run->fleet->registry;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < registry->count && status == LASTCALL_OK; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (name_glob(pattern, host->name.text, GLOB_CASE_EXACT))
            status = expect_host(run, &host->name, host);
    }
    return status;
}

/* Each host that is named, known or not, in the order of the naming. */
static enum lastcall_status expect_named(const struct dispatching *run)
{
    const struct target *target = run->dispatch->target;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < target->entry_count && status == LASTCALL_OK; i++) {
        const char *entry = target->entries[i];
        struct name name;

        if (target_is_pattern(entry)) {
            status = expect_pattern(run, entry);
            continue;
        }
        status = name_parse(entry, strlen(entry), &name);
        if (status == LASTCALL_OK)
            status = expect_host(run, &name,
                                 registry_find(&run->fleet->registry, &name));
    }
    return status;
}

/* Each known host of a group or of the fleet, to share a message or not. */
static enum lastcall_status expect_known(const struct dispatching *run,
                                         size_t message)
{
    const struct registry *registry = &run->fleet->registry;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < registry->count && status == LASTCALL_OK; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (host->has_status &&
            target_includes(run->dispatch->target, &host->name, host->groups,
                            host->group_count))
            status = campaign_expect(run->campaign, &host->name,
                                     dispatch_presence(host), message);
    }
    return status;
}

int64_t dispatch_splay_s(size_t answer_count)
{
    if (answer_count <= DISPATCH_SPLAY_HOSTS)
        return 0;
    return (int64_t)((answer_count - 1) / DISPATCH_SPLAY_HOSTS);
}

/* The known hosts of a target that will answer a broadcast. */
static size_t count_answers(const struct dispatching *run)
{
    const struct registry *registry = &run->fleet->registry;
    size_t count = 0;

    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_host *host = registry->hosts[i];

        count += host->has_status && registry_host_is_up(host) &&
                 target_includes(run->dispatch->target, &host->name,
                                 host->groups, host->group_count);
    }
    return count;
}

/* One message for everybody. */
static enum lastcall_status expect_broadcast(struct dispatching *run)
{
    const struct target *target = run->dispatch->target;
    struct address address = {
        .kind = target->kind == TARGET_GROUP ? ADDRESS_GROUP : ADDRESS_ALL,
        .name = target->group,
    };
    const struct bounds bounds = bounds_of_broadcast(run->dispatch);
    const struct draft draft = {&address, &run->request, &bounds};
    struct request_id id;
    struct bytes token = {0};
    size_t index = CAMPAIGN_NO_MESSAGE;
    enum lastcall_status status = LASTCALL_OK;

    if (run->dispatch->splay == DISPATCH_SPLAY_SCALED)
        run->request.splay_s = dispatch_splay_s(count_answers(run));
    status = sign(run, &draft, &id, &token);
    if (status == LASTCALL_OK)
        status =
            campaign_add_message(run->campaign, &address, &id, &token, &index);
    bytes_deinit(&token);
    return status == LASTCALL_OK ? expect_known(run, index) : status;
}

bool dispatch_is_single(const struct target *target,
                        const struct campaign_pace *pace)
{
    return target->kind == TARGET_HOSTS || pace_is_limited(pace);
}

enum lastcall_status dispatch_expect_all(struct dispatching *run)
{
    const struct dispatch *dispatch = run->dispatch;

    if (!dispatch_is_single(dispatch->target, &dispatch->pace))
        return expect_broadcast(run);
    return dispatch->target->kind == TARGET_HOSTS
               ? expect_named(run)
               : expect_known(run, CAMPAIGN_NO_MESSAGE);
}

enum lastcall_status dispatch_ask(const struct dispatching *run,
                                  const struct name *name)
{
    const struct dispatch_recall *recall = run->dispatch->recall;
    const struct address address = {.kind = ADDRESS_HOST, .name = *name};
    const struct bounds bounds = bounds_of_host(run->dispatch, name);
    struct draft draft = {&address, &run->request, &bounds};
    struct dispatch_recalled recalled = {0};
    enum lastcall_status found = LASTCALL_E_MISSING;
    enum lastcall_status status = LASTCALL_OK;

    if (recall != NULL)
        found = recall->find(recall->context, name, &recalled);
    if (found != LASTCALL_OK && found != LASTCALL_E_MISSING)
        status = found;
    else if (recalled.token.len == 0) {
        if (found == LASTCALL_OK)
            draft.request = &recalled.request;
        status = sign(run, &draft, &recalled.id, &recalled.token);
    }
    if (status == LASTCALL_OK)
        status = campaign_ask(run->campaign, &recalled.id, &recalled.token);
    if (status == LASTCALL_OK)
        run->campaign->messages[run->campaign->message_count - 1].life_ms =
            recalled.life_ms;
    request_deinit(&recalled.request);
    bytes_deinit(&recalled.token);
    return status;
}
