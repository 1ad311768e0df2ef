#include "controller/dispatch.h"

#include <string.h>

#include "controller/pin.h"
#include "controller/say.h"
#include "protocol/io/platform.h"

/* What a preview allows of what follows it. */
struct bounds {
    int64_t limit;
    struct pin pin;
};

static int64_t smaller(int64_t limit, int64_t other)
{
    return limit == REQUEST_LIMIT_NONE || other < limit ? other : limit;
}

/* What is to be signed, for whom. */
struct draft {
    const struct address *address;
    const struct request *request;
    const struct bounds *bounds;
};

/* Sign a request for an address and add it to the campaign. */
static enum lastcall_status
add_message(struct fleet *fleet, const struct dispatch *dispatch,
            const struct draft *draft, struct campaign *campaign, size_t *index)
{
    const struct bounds *bounds = draft->bounds;
    struct command_claims claims = {.audience = *draft->address};
    struct request request = *draft->request; /* shallow: borrowed texts */
    struct pin pin;
    struct bytes token = {0};
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
    claims.exp_s = claims.iat_s + (dispatch->ttl_ms + 999) / 1000;
    if (status == LASTCALL_OK) {
        json = command_encode(fleet->identity.issuer, &claims, &request);
        status = json == NULL ? LASTCALL_E_NOMEM
                              : token_sign(TOKEN_COMMAND, &fleet->identity.key,
                                           fleet->identity.grant, json, &token);
    }
    if (status == LASTCALL_OK)
        status = campaign_add_message(campaign, draft->address, &claims.jti,
                                      &token, index);
    json_decref(json);
    bytes_deinit(&token);
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

/* Take over what was signed before; several hosts may share it. */
static enum lastcall_status add_recalled(struct dispatch_recalled *recalled,
                                         struct campaign *campaign,
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

static enum lastcall_status
add_for_host(struct fleet *fleet, const struct dispatch *dispatch,
             const struct name *name, struct campaign *campaign, size_t *index)
{
    const struct dispatch_recall *recall = dispatch->recall;
    const struct address address = {.kind = ADDRESS_HOST, .name = *name};
    const struct bounds bounds = bounds_of_host(dispatch, name);
    struct dispatch_recalled recalled = {0};
    struct draft draft = {&address, dispatch->request, &bounds};
    enum lastcall_status status = LASTCALL_E_MISSING;

    if (recall != NULL)
        status = recall->find(recall->context, name, &recalled);
    if (status == LASTCALL_OK && recalled.token.len > 0) {
        status = add_recalled(&recalled, campaign, index);
    } else if (status == LASTCALL_OK || status == LASTCALL_E_MISSING) {
        if (status == LASTCALL_OK)
            draft.request = &recalled.request;
        status = add_message(fleet, dispatch, &draft, campaign, index);
    }
    request_deinit(&recalled.request);
    bytes_deinit(&recalled.token);
    return status;
}

static enum lastcall_status expect_host(struct fleet *fleet,
                                        const struct dispatch *dispatch,
                                        const struct name *name,
                                        struct campaign *campaign)
{
    const struct registry_host *known = registry_find(&fleet->registry, name);
    size_t index = CAMPAIGN_NO_MESSAGE;
    enum campaign_presence presence = PRESENCE_UNKNOWN;
    enum lastcall_status status = LASTCALL_OK;

    if (known != NULL && known->has_status)
        presence =
            registry_host_is_up(known) ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
    if (presence != PRESENCE_OFFLINE)
        status = add_for_host(fleet, dispatch, name, campaign, &index);
    if (status == LASTCALL_OK)
        status = campaign_expect(campaign, name, presence, index);
    return status;
}

/* Each known host of the target, then the named ones that nobody knows. */
static enum lastcall_status expect_hosts(struct fleet *fleet,
                                         const struct dispatch *dispatch,
                                         struct campaign *campaign)
{
    const struct target *target = dispatch->target;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < fleet->registry.count; i++) {
        const struct registry_host *host = fleet->registry.hosts[i];

        if (status == LASTCALL_OK &&
            target_includes(target, &host->name, host->groups,
                            host->group_count))
            status = expect_host(fleet, dispatch, &host->name, campaign);
    }
    for (size_t i = 0; i < target->entry_count && status == LASTCALL_OK; i++) {
        struct name name;
        const char *entry = target->entries[i];
        bool is_new = !target_is_pattern(entry) &&
                      name_parse(entry, strlen(entry), &name) == LASTCALL_OK &&
                      registry_find(&fleet->registry, &name) == NULL;

        for (size_t j = 0; is_new && j < campaign->host_count; j++)
            is_new = strcmp(campaign->hosts[j].name.text, entry) != 0;
        if (is_new)
            status = expect_host(fleet, dispatch, &name, campaign);
    }
    return status;
}

static enum lastcall_status expect_broadcast(struct fleet *fleet,
                                             const struct dispatch *dispatch,
                                             struct campaign *campaign)
{
    const struct target *target = dispatch->target;
    struct address address = {
        .kind = target->kind == TARGET_GROUP ? ADDRESS_GROUP : ADDRESS_ALL,
        .name = target->group,
    };
    const struct bounds bounds = bounds_of_broadcast(dispatch);
    const struct draft draft = {&address, dispatch->request, &bounds};
    size_t index = 0;
    enum lastcall_status status =
        add_message(fleet, dispatch, &draft, campaign, &index);

    for (size_t i = 0; i < fleet->registry.count; i++) {
        const struct registry_host *host = fleet->registry.hosts[i];

        if (status == LASTCALL_OK && host->has_status &&
            target_includes(target, &host->name, host->groups,
                            host->group_count))
            status = campaign_expect(
                campaign, &host->name,
                registry_host_is_up(host) ? PRESENCE_ONLINE : PRESENCE_OFFLINE,
                index);
    }
    return status;
}

static enum lastcall_status publish(struct fleet *fleet,
                                    struct campaign *campaign,
                                    struct campaign_message *message)
{
    struct topic topic;
    const struct topic_parts parts = {.kind = TOPIC_COMMAND,
                                      .address = message->address};
    struct mqtt_message out = {
        .topic = topic.text,
        .payload = message->token.data,
        .len = message->token.len,
        .qos = 1,
        .retain = MQTT_TRANSIENT,
        .expiry_s = campaign_expiry_s(campaign, message, fleet_now_ms()),
    };
    size_t index = (size_t)(message - campaign->messages);
    enum lastcall_status status = LASTCALL_OK;

    topic_format(fleet->settings.fleet.text, &parts, &topic);
    status = fleet_link_publish(fleet->link, &out, index + 1);
    if (status == LASTCALL_E_LINK)
        campaign_lost(campaign, index);
    return status;
}

/* Publish what is due; what does not fit the gate now is due again soon. */
static enum lastcall_status send_due(struct fleet *fleet,
                                     const struct dispatch *dispatch,
                                     struct campaign *campaign)
{
    const struct dispatch_observer *observer = dispatch->observer;
    struct campaign_message *message = NULL;
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && fleet_link_is_up(fleet->link) &&
           (message = campaign_next_send(campaign, fleet_now_ms())) != NULL) {
        if (observer != NULL && message->sent_count == 1)
            observer->sending(dispatch->observer_context, campaign, message);
        status = publish(fleet, campaign, message);
        if (status == LASTCALL_BUSY)
            message->lost = true;
    }
    if (status == LASTCALL_BUSY || status == LASTCALL_E_LINK)
        return LASTCALL_OK;
    return status;
}

static void take_result(struct fleet *fleet, const struct dispatch *dispatch,
                        const struct topic_parts *parts,
                        const struct fleet_event *event,
                        struct campaign *campaign)
{
    struct answer answer = {0};
    const struct campaign_host *host = NULL;
    struct json_error why = {0};
    enum lastcall_status status = LASTCALL_E_SIGNATURE;

    /* Another run of the same controller shares our inbox. */
    if (campaign_find_message(campaign, &parts->request_id) ==
        CAMPAIGN_NO_MESSAGE)
        return;
    status =
        answer_open(&fleet->trust, &fleet->identity.name, parts,
                    &event->payload, fleet_wall_ms() / 1000, &answer, &why);
    if (status == LASTCALL_E_NOMEM) {
        say_error("an answer of %s: %s", parts->host.text, status_text(status));
        return;
    }
    if (status != LASTCALL_OK) {
        campaign_note_bad(campaign, &parts->host, status, why.text);
        return;
    }
    if (campaign_take(campaign, &answer, fleet_now_ms()) != VERDICT_ANSWER)
        return;
    host = campaign_find_host(campaign, &parts->host);
    if (dispatch->observer != NULL)
        dispatch->observer->answered(dispatch->observer_context, campaign,
                                     host);
    if (dispatch->answered != NULL)
        dispatch->answered(dispatch->context, campaign, host);
}

static enum lastcall_status take_event(struct fleet *fleet,
                                       const struct dispatch *dispatch,
                                       const struct fleet_event *event,
                                       struct campaign *campaign)
{
    struct topic_parts parts;

    switch (event->kind) {
    case FLEET_MESSAGE:
        if (fleet_handle(fleet, event, &parts))
            take_result(fleet, dispatch, &parts, event, campaign);
        break;
    case FLEET_PUBLISHED:
        if (event->status == LASTCALL_FORBIDDEN)
            return LASTCALL_FORBIDDEN;
        if (event->status != LASTCALL_OK && event->tag > 0)
            campaign_lost(campaign, (size_t)event->tag - 1);
        break;
    case FLEET_INTERRUPTED:
        campaign_finish(campaign, CAMPAIGN_INTERRUPTED);
        break;
    case FLEET_READY:
    case FLEET_DOWN:
    case FLEET_TIMEOUT:
        break;
    }
    return LASTCALL_OK;
}

/* When the loop has something to do at the latest. */
static int64_t wait_until(const struct dispatch *dispatch,
                          const struct campaign *campaign)
{
    const int64_t now_ms = fleet_now_ms();
    const int64_t due_ms = campaign_next_ms(campaign, now_ms);
    int64_t tend_ms = INT64_MAX;

    if (dispatch->observer != NULL)
        tend_ms = dispatch->observer->tend(dispatch->observer_context, campaign,
                                           now_ms);
    return tend_ms < due_ms ? tend_ms : due_ms;
}

static enum exit_code collect(struct fleet *fleet,
                              const struct dispatch *dispatch,
                              struct campaign *campaign)
{
    struct fleet_event event = {0};
    enum lastcall_status status = LASTCALL_OK;

    campaign_start(campaign, fleet_now_ms());
    if (dispatch->observer != NULL)
        dispatch->observer->begin(dispatch->observer_context, campaign);
    while (status == LASTCALL_OK &&
           !campaign_check_end(campaign, fleet_now_ms())) {
        status = send_due(fleet, dispatch, campaign);
        if (status != LASTCALL_OK)
            break;
        fleet_link_next(fleet->link, wait_until(dispatch, campaign), &event);
        status = take_event(fleet, dispatch, &event, campaign);
        fleet_event_deinit(&event);
    }
    if (campaign->end == CAMPAIGN_TIMED_OUT && !fleet_link_is_up(fleet->link))
        campaign->end = CAMPAIGN_CUT_OFF;
    if (status != LASTCALL_OK)
        campaign_finish(campaign, CAMPAIGN_CUT_OFF);
    if (dispatch->observer != NULL)
        dispatch->observer->ended(dispatch->observer_context, campaign);
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    if (status == LASTCALL_FORBIDDEN)
        say_error("the broker refused to take the command; its access rules "
                  "must let %s publish it",
                  fleet->identity.issuer);
    else
        say_error("the command could not be sent: %s", status_text(status));
    return EXIT_CODE_BROKER;
}

enum exit_code dispatch_run(struct fleet *fleet,
                            const struct dispatch *dispatch,
                            struct campaign *out)
{
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct campaign){.timeout_ms = dispatch->timeout_ms,
                             .ttl_ms = dispatch->ttl_ms};
    status = dispatch->target->kind == TARGET_HOSTS
                 ? expect_hosts(fleet, dispatch, out)
                 : expect_broadcast(fleet, dispatch, out);
    if (status != LASTCALL_OK) {
        say_error("the command could not be made: %s", status_text(status));
        return status == LASTCALL_E_TOO_LARGE ? EXIT_CODE_USAGE
                                              : EXIT_CODE_BROKER;
    }
    if (out->host_count == 0) {
        say_error("no known host belongs to that target; nothing was sent");
        say_mend("lastcall hosts lists those that have published a status");
        return EXIT_CODE_USAGE;
    }
    return collect(fleet, dispatch, out);
}
