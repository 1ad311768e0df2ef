#include "controller/dispatch.h"

#include <string.h>

#include "controller/pin.h"
#include "controller/progress.h"
#include "controller/say.h"
#include "protocol/io/platform.h"

/* What a preview allows of what follows it. */
struct bounds {
    int64_t limit;
    struct pin pin;
};

/* One run of dispatch_run(). */
struct run {
    struct fleet *fleet;
    const struct dispatch *dispatch;
    struct request request; /* shallow: borrowed texts */
    struct campaign *campaign;
    struct progress progress;
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
static enum lastcall_status sign(const struct run *run,
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

static enum campaign_presence presence_of(const struct registry_host *known)
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
static enum lastcall_status
recall_broadcast(const struct run *run, const struct name *name, size_t *index)
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

/* Say whether a broadcast that may still be run was sent to a host: when it
 * comes back the broker may have kept that for it, and one more command would
 * make it two. */
static bool has_broadcast(const struct run *run, const struct name *name)
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
static enum lastcall_status expect_host(const struct run *run,
                                        const struct name *name,
                                        const struct registry_host *known)
{
    const enum campaign_presence presence = presence_of(known);
    size_t index = CAMPAIGN_NO_MESSAGE;
    enum lastcall_status status = LASTCALL_OK;

    if (presence != PRESENCE_OFFLINE)
        status = recall_broadcast(run, name, &index);
    if (status == LASTCALL_OK)
        status = campaign_expect(run->campaign, name, presence, index);
    return status;
}

/* Expect the known hosts that match a pattern. */
static enum lastcall_status expect_pattern(const struct run *run,
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
static enum lastcall_status expect_named(const struct run *run)
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
static enum lastcall_status expect_known(const struct run *run, size_t message)
{
    const struct registry *registry = &run->fleet->registry;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < registry->count && status == LASTCALL_OK; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (host->has_status &&
            target_includes(run->dispatch->target, &host->name, host->groups,
                            host->group_count))
            status = campaign_expect(run->campaign, &host->name,
                                     presence_of(host), message);
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
static size_t count_answers(const struct run *run)
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
static enum lastcall_status expect_broadcast(struct run *run)
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

static enum lastcall_status expect_all(struct run *run)
{
    const struct dispatch *dispatch = run->dispatch;

    if (!dispatch_is_single(dispatch->target, &dispatch->pace))
        return expect_broadcast(run);
    return dispatch->target->kind == TARGET_HOSTS
               ? expect_named(run)
               : expect_known(run, CAMPAIGN_NO_MESSAGE);
}

static enum lastcall_status publish(const struct run *run,
                                    const struct campaign_message *message)
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
        .expiry_s = campaign_expiry_s(run->campaign, message, fleet_now_ms()),
    };
    size_t index = (size_t)(message - run->campaign->messages);
    enum lastcall_status status = LASTCALL_OK;

    topic_format(run->fleet->settings.fleet.text, &parts, &topic);
    status = fleet_link_publish(run->fleet->link, &out, index + 1);
    if (status == LASTCALL_E_LINK || status == LASTCALL_BUSY)
        campaign_lost(run->campaign, index);
    return status;
}

/* It is a host's turn: sign now, so that its time begins now, unless what was
 * signed for it before is still good. */
static enum lastcall_status ask(const struct run *run, const struct name *name)
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

static void tell_sending(const struct run *run,
                         const struct campaign_message *message)
{
    const struct dispatch *dispatch = run->dispatch;

    if (dispatch->observer != NULL && message->sent_count == 1)
        dispatch->observer->sending(dispatch->observer_context, run->campaign,
                                    message);
}

/* Publish what is due; what does not fit the gate now is due again soon. */
static enum lastcall_status send_due(const struct run *run, int64_t now_ms)
{
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && fleet_link_is_up(run->fleet->link)) {
        const struct campaign_message *message =
            campaign_next_send(run->campaign, now_ms);
        const struct campaign_host *host = NULL;

        if (message != NULL) {
            tell_sending(run, message);
            status = publish(run, message);
            continue;
        }
        host = campaign_next_host(run->campaign, now_ms);
        if (host == NULL)
            break;
        status = ask(run, &host->name);
    }
    if (status == LASTCALL_BUSY || status == LASTCALL_E_LINK)
        return LASTCALL_OK;
    return status;
}

static void tell_answer(const struct run *run, const struct name *name)
{
    const struct dispatch *dispatch = run->dispatch;
    const struct campaign_host *host = campaign_find_host(run->campaign, name);

    if (dispatch->observer != NULL)
        dispatch->observer->answered(dispatch->observer_context, run->campaign,
                                     host);
    if (dispatch->answered != NULL)
        dispatch->answered(dispatch->context, run->campaign, host);
}

static void take_result(const struct run *run, struct proof *proof)
{
    struct campaign *campaign = run->campaign;
    const struct name *name = &proof->parts.host;

    /* Another run of the same controller shares our inbox. */
    if (campaign_find_message(campaign, &proof->parts.request_id) ==
        CAMPAIGN_NO_MESSAGE)
        return;
    if (proof->status == LASTCALL_E_NOMEM) {
        say_error("an answer of %s: %s", name->text,
                  status_text(proof->status));
        return;
    }
    if (proof->status != LASTCALL_OK) {
        campaign_note_bad(campaign, name, proof->status, proof->why.text);
        return;
    }
    if (campaign_take(campaign, &proof->of.answer, fleet_now_ms()) ==
        VERDICT_ANSWER)
        tell_answer(run, name);
}

/* The registry has a host's latest word. */
static void take_status(const struct run *run, const struct name *name)
{
    if (presence_of(registry_find(&run->fleet->registry, name)) ==
            PRESENCE_ONLINE &&
        !has_broadcast(run, name))
        campaign_note_return(run->campaign, name);
}

static enum lastcall_status take_event(const struct run *run,
                                       const struct fleet_event *event)
{
    switch (event->kind) {
    case FLEET_MESSAGE:
        if (fleet_handle(run->fleet, event))
            take_result(run, event->proof);
        else if (event->proof != NULL &&
                 event->proof->parts.kind == TOPIC_STATUS)
            take_status(run, &event->proof->parts.host);
        break;
    case FLEET_PUBLISHED:
        if (event->status == LASTCALL_FORBIDDEN)
            return LASTCALL_FORBIDDEN;
        if (event->status != LASTCALL_OK && event->tag > 0)
            campaign_lost(run->campaign, (size_t)event->tag - 1);
        break;
    case FLEET_INTERRUPTED:
        campaign_finish(run->campaign, CAMPAIGN_INTERRUPTED);
        break;
    case FLEET_READY:
    case FLEET_DOWN:
    case FLEET_TIMEOUT:
        break;
    }
    return LASTCALL_OK;
}

static void say_failure(const struct run *run, enum lastcall_status status)
{
    if (status == LASTCALL_FORBIDDEN)
        say_error("the broker refused to take the command; its access rules "
                  "must let %s publish it",
                  run->fleet->identity.issuer);
    else
        say_error("the command could not be sent: %s", status_text(status));
}

/* When the loop has something to do at the latest. */
static int64_t wait_until(const struct run *run, int64_t now_ms)
{
    const struct dispatch *dispatch = run->dispatch;
    const int64_t due_ms = campaign_next_ms(run->campaign, now_ms);
    int64_t tend_ms = INT64_MAX;

    if (dispatch->observer != NULL)
        tend_ms = dispatch->observer->tend(dispatch->observer_context,
                                           run->campaign, now_ms);
    return tend_ms < due_ms ? tend_ms : due_ms;
}

static enum lastcall_status go_round(struct run *run)
{
    struct campaign *campaign = run->campaign;
    struct fleet_event event = {0};
    int64_t now_ms = fleet_now_ms();
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && !campaign_check_end(campaign, now_ms)) {
        status = send_due(run, now_ms);
        if (status != LASTCALL_OK)
            break;
        progress_show(&run->progress, campaign);
        fleet_link_next(run->fleet->link, wait_until(run, now_ms), &event);
        now_ms = fleet_now_ms();
        status = take_event(run, &event);
        fleet_event_deinit(&event);
    }
    if (campaign->end == CAMPAIGN_TIMED_OUT &&
        !fleet_link_is_up(run->fleet->link))
        campaign->end = CAMPAIGN_CUT_OFF;
    return status;
}

static enum exit_code collect(struct run *run)
{
    const struct dispatch *dispatch = run->dispatch;
    enum lastcall_status status = campaign_start(run->campaign, fleet_now_ms());

    if (dispatch->observer != NULL &&
        dispatch->observer->begin(dispatch->observer_context, run->campaign) !=
            LASTCALL_OK) {
        campaign_finish(run->campaign, CAMPAIGN_CUT_OFF);
        return EXIT_CODE_USAGE;
    }
    if (status == LASTCALL_OK)
        status = go_round(run);
    progress_clear(&run->progress);
    if (status != LASTCALL_OK)
        campaign_finish(run->campaign, CAMPAIGN_CUT_OFF);
    if (dispatch->observer != NULL)
        dispatch->observer->ended(dispatch->observer_context, run->campaign);
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_failure(run, status);
    return EXIT_CODE_BROKER;
}

enum exit_code dispatch_run(struct fleet *fleet,
                            const struct dispatch *dispatch,
                            struct campaign *out)
{
    struct run run = {
        .fleet = fleet,
        .dispatch = dispatch,
        .request = *dispatch->request,
        .campaign = out,
    };
    enum lastcall_status status = LASTCALL_OK;

    *out =
        (struct campaign){.ttl_ms = dispatch->ttl_ms, .pace = dispatch->pace};
    status = expect_all(&run);
    out->timeout_ms = dispatch->timeout_ms + run.request.splay_s * 1000;
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
    return collect(&run);
}
