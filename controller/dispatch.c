#include "controller/dispatch.h"

#include "controller/dispatch_expect.h"
#include "controller/progress.h"
#include "controller/say.h"

static enum lastcall_status publish(const struct dispatching *run,
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
    status = fleet_link_publish(run->fleet->link, &out,
                                run->dispatch->tag_base + index + 1);
    if (status == LASTCALL_E_LINK || status == LASTCALL_BUSY)
        campaign_lost(run->campaign, index);
    return status;
}

static void tell_sending(const struct dispatching *run,
                         const struct campaign_message *message)
{
    const struct dispatch *dispatch = run->dispatch;

    if (dispatch->observer != NULL && message->sent_count == 1)
        dispatch->observer->sending(dispatch->observer_context, run->campaign,
                                    message);
}

enum lastcall_status dispatch_send(const struct dispatching *run,
                                   int64_t now_ms)
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
        status = dispatch_ask(run, &host->name);
    }
    if (status == LASTCALL_BUSY || status == LASTCALL_E_LINK)
        return LASTCALL_OK;
    return status;
}

static void tell_answer(const struct dispatching *run, const struct name *name)
{
    const struct dispatch *dispatch = run->dispatch;
    const struct campaign_host *host = campaign_find_host(run->campaign, name);

    if (dispatch->observer != NULL)
        dispatch->observer->answered(dispatch->observer_context, run->campaign,
                                     host);
    if (dispatch->answered != NULL)
        dispatch->answered(dispatch->context, run->campaign, host);
}

static void take_result(const struct dispatching *run, struct proof *proof)
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
static void take_status(const struct dispatching *run, const struct name *name)
{
    if (dispatch_presence(registry_find(&run->fleet->registry, name)) ==
            PRESENCE_ONLINE &&
        !dispatch_has_broadcast(run, name))
        campaign_note_return(run->campaign, name);
}

/* The tags of the publishes are those of the messages, one further. */
static enum lastcall_status take_published(const struct dispatching *run,
                                           const struct fleet_event *event)
{
    const uint64_t base = run->dispatch->tag_base;

    if (event->tag <= base || event->tag - base > run->campaign->message_count)
        return LASTCALL_OK;
    if (event->status == LASTCALL_FORBIDDEN)
        return LASTCALL_FORBIDDEN;
    if (event->status != LASTCALL_OK)
        campaign_lost(run->campaign, (size_t)(event->tag - base) - 1);
    return LASTCALL_OK;
}

enum lastcall_status dispatch_take(const struct dispatching *run,
                                   const struct fleet_event *event)
{
    switch (event->kind) {
    case FLEET_MESSAGE:
        if (event->proof != NULL && event->proof->parts.kind == TOPIC_RESULT)
            take_result(run, event->proof);
        else if (event->proof != NULL &&
                 event->proof->parts.kind == TOPIC_STATUS)
            take_status(run, &event->proof->parts.host);
        break;
    case FLEET_PUBLISHED:
        return take_published(run, event);
    case FLEET_INTERRUPTED:
        campaign_finish(run->campaign, CAMPAIGN_INTERRUPTED);
        break;
    case FLEET_READY:
    case FLEET_DOWN:
    case FLEET_POSTED:
    case FLEET_TIMEOUT:
        break;
    }
    return LASTCALL_OK;
}

int64_t dispatch_due_ms(const struct dispatching *run, int64_t now_ms)
{
    const struct dispatch *dispatch = run->dispatch;
    const int64_t due_ms = campaign_next_ms(run->campaign, now_ms);
    int64_t tend_ms = INT64_MAX;

    if (dispatch->observer != NULL)
        tend_ms = dispatch->observer->tend(dispatch->observer_context,
                                           run->campaign, now_ms);
    return tend_ms < due_ms ? tend_ms : due_ms;
}

bool dispatch_has_ended(const struct dispatching *run, int64_t now_ms)
{
    return campaign_check_end(run->campaign, now_ms);
}

enum lastcall_status dispatch_begin(struct dispatching *run,
                                    struct fleet *fleet,
                                    const struct dispatch *dispatch,
                                    struct campaign *campaign)
{
    enum lastcall_status status = LASTCALL_OK;

    *run = (struct dispatching){
        .fleet = fleet,
        .dispatch = dispatch,
        .request = *dispatch->request,
        .campaign = campaign,
    };
    *campaign =
        (struct campaign){.ttl_ms = dispatch->ttl_ms, .pace = dispatch->pace};
    status = dispatch_expect_all(run);
    campaign->timeout_ms = dispatch->timeout_ms + run->request.splay_s * 1000;
    if (status != LASTCALL_OK)
        return status;
    if (campaign->host_count == 0)
        return LASTCALL_E_MISSING;
    status = campaign_start(campaign, fleet_now_ms());
    if (status == LASTCALL_OK && dispatch->observer != NULL)
        status =
            dispatch->observer->begin(dispatch->observer_context, campaign);
    /* What held the observer up is not time that hosts had. */
    campaign->start_ms = fleet_now_ms();
    campaign->progress_ms = campaign->start_ms;
    if (status != LASTCALL_OK)
        campaign_finish(campaign, CAMPAIGN_CUT_OFF);
    return status;
}

void dispatch_end(const struct dispatching *run, enum lastcall_status status)
{
    const struct dispatch *dispatch = run->dispatch;
    struct campaign *campaign = run->campaign;

    if (campaign->end == CAMPAIGN_TIMED_OUT &&
        !fleet_link_is_up(run->fleet->link))
        campaign->end = CAMPAIGN_CUT_OFF;
    if (status != LASTCALL_OK)
        campaign_finish(campaign, CAMPAIGN_CUT_OFF);
    if (dispatch->observer != NULL)
        dispatch->observer->ended(dispatch->observer_context, campaign);
}

/* One campaign, and a person who waits for it. */

static enum lastcall_status go_round(const struct dispatching *run)
{
    struct progress progress = {0};
    struct fleet_event event = {0};
    int64_t now_ms = fleet_now_ms();
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && !dispatch_has_ended(run, now_ms)) {
        status = dispatch_send(run, now_ms);
        if (status != LASTCALL_OK)
            break;
        progress_show(&progress, run->campaign);
        fleet_link_next(run->fleet->link, dispatch_due_ms(run, now_ms), &event);
        now_ms = fleet_now_ms();
        (void)fleet_handle(run->fleet, &event);
        status = dispatch_take(run, &event);
        fleet_event_deinit(&event);
    }
    progress_clear(&progress);
    return status;
}

static enum exit_code say_unbegun(enum lastcall_status status)
{
    if (status == LASTCALL_E_EXISTS)
        return EXIT_CODE_USAGE; /* the observer has said why */
    if (status == LASTCALL_E_MISSING) {
        say_error("no known host belongs to that target; nothing was sent");
        say_mend("lastcall hosts lists those that have published a status");
        return EXIT_CODE_USAGE;
    }
    say_error("the command could not be made: %s", status_text(status));
    return status == LASTCALL_E_TOO_LARGE ? EXIT_CODE_USAGE : EXIT_CODE_BROKER;
}

static enum exit_code say_failure(const struct fleet *fleet,
                                  enum lastcall_status status)
{
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
    struct dispatching run;
    enum lastcall_status status = dispatch_begin(&run, fleet, dispatch, out);

    if (status != LASTCALL_OK)
        return say_unbegun(status);
    status = go_round(&run);
    dispatch_end(&run, status);
    return status == LASTCALL_OK ? EXIT_CODE_OK : say_failure(fleet, status);
}
