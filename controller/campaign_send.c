/* Messages go out for the first time in the order of their numbers, and all
 * hosts have the same patience: who is given up next is found by walking. */
#include "controller/campaign_send.h"

#include <assert.h>

enum lastcall_status campaign_start(struct campaign *campaign, int64_t now_ms)
{
    campaign->start_ms = now_ms;
    campaign->progress_ms = now_ms;
    return pacer_start(&campaign->pacer, &campaign->pace, campaign->host_count);
}

/* The message that was lost last and is still of use. */
static struct campaign_message *take_lost(struct campaign *campaign)
{
    while (campaign->lost != 0) {
        struct campaign_message *message =
            &campaign->messages[campaign->lost - 1];

        campaign->lost = message->next_lost;
        message->lost = false;
        if (message->unanswered_count > 0)
            return message;
    }
    return NULL;
}

static int64_t life_ms(const struct campaign *campaign,
                       const struct campaign_message *message)
{
    return message->life_ms > 0 ? message->life_ms : campaign->ttl_ms;
}

static int64_t due_at(const struct campaign *campaign, size_t place)
{
    return campaign->messages[campaign->resends[place]].due_ms;
}

static void swap(struct campaign *campaign, size_t a, size_t b)
{
    size_t kept = campaign->resends[a];

    campaign->resends[a] = campaign->resends[b];
    campaign->resends[b] = kept;
}

/* A message was sent: put it on the heap for the next time, if there is one.
 * There is room: each message is on it once at most. */
static void plan_resend(struct campaign *campaign,
                        struct campaign_message *message)
{
    size_t place = campaign->resend_count;

    if (message->sent_count >= CAMPAIGN_SEND_COUNT)
        return;
    message->due_ms = message->first_sent_ms +
                      life_ms(campaign, message) * message->sent_count / 4;
    campaign->resends[place] = (size_t)(message - campaign->messages);
    campaign->resend_count++;
    for (; place > 0 &&
           due_at(campaign, place) < due_at(campaign, (place - 1) / 2);
         place = (place - 1) / 2)
        swap(campaign, place, (place - 1) / 2);
}

static void drop_first_resend(struct campaign *campaign)
{
    size_t place = 0;

    campaign->resend_count--;
    swap(campaign, 0, campaign->resend_count);
    while (2 * place + 1 < campaign->resend_count) {
        size_t child = 2 * place + 1;

        if (child + 1 < campaign->resend_count &&
            due_at(campaign, child + 1) < due_at(campaign, child))
            child++;
        if (due_at(campaign, place) <= due_at(campaign, child))
            break;
        swap(campaign, place, child);
        place = child;
    }
}

static struct campaign_message *take_resend(struct campaign *campaign,
                                            int64_t now_ms)
{
    while (campaign->resend_count > 0) {
        struct campaign_message *message =
            &campaign->messages[campaign->resends[0]];

        if (message->unanswered_count == 0) {
            drop_first_resend(campaign);
            continue;
        }
        if (now_ms < message->due_ms)
            break;
        drop_first_resend(campaign);
        message->sent_count++;
        plan_resend(campaign, message);
        return message;
    }
    return NULL;
}

struct campaign_message *campaign_next_send(struct campaign *campaign,
                                            int64_t now_ms)
{
    struct campaign_message *message = NULL;

    if (campaign->end != CAMPAIGN_RUNNING)
        return NULL;
    message = take_lost(campaign);
    if (message != NULL)
        return message;
    if (campaign->first_sendings == campaign->message_count)
        return take_resend(campaign, now_ms);
    message = &campaign->messages[campaign->first_sendings++];
    message->sent_count = 1;
    message->first_sent_ms = now_ms;
    plan_resend(campaign, message);
    campaign->progress_ms = now_ms;
    return message;
}

/* Walk over those that are not asked by themselves; the offline ones have
 * their turn, which passes over them. */
static void walk_turns(struct campaign *campaign, int64_t now_ms)
{
    while (campaign->turn < campaign->host_count) {
        const struct campaign_host *host = &campaign->hosts[campaign->turn];

        if (host->outcome == OUTCOME_UNSENT)
            return;
        if (host->outcome == OUTCOME_OFFLINE &&
            host->message == CAMPAIGN_NO_MESSAGE) {
            if (!pacer_may_ask(&campaign->pacer, now_ms))
                return;
            pacer_passed_over(&campaign->pacer);
        }
        campaign->turn++;
    }
}

const struct campaign_host *campaign_next_host(struct campaign *campaign,
                                               int64_t now_ms)
{
    if (campaign->end != CAMPAIGN_RUNNING)
        return NULL;
    walk_turns(campaign, now_ms);
    if (campaign->turn == campaign->host_count ||
        !pacer_may_ask(&campaign->pacer, now_ms))
        return NULL;
    return &campaign->hosts[campaign->turn];
}

void campaign_note_return(struct campaign *campaign, const struct name *name)
{
    struct campaign_host *host = campaign_find_host(campaign, name);

    if (host == NULL || campaign->end != CAMPAIGN_RUNNING ||
        host->outcome != OUTCOME_OFFLINE ||
        host->message != CAMPAIGN_NO_MESSAGE ||
        (size_t)(host - campaign->hosts) < campaign->turn)
        return;
    host->presence = PRESENCE_ONLINE;
    campaign_settle(campaign, host, OUTCOME_UNSENT, campaign->progress_ms);
}

enum lastcall_status campaign_ask(struct campaign *campaign,
                                  const struct request_id *id,
                                  struct bytes *token)
{
    struct campaign_host *host = &campaign->hosts[campaign->turn];
    struct address address = {.kind = ADDRESS_HOST, .name = host->name};
    size_t index = CAMPAIGN_NO_MESSAGE;
    enum lastcall_status status = LASTCALL_OK;

    assert(campaign->turn < campaign->host_count);
    status = campaign_add_message(campaign, &address, id, token, &index);
    if (status != LASTCALL_OK)
        return status;
    campaign->messages[index].host = campaign->turn++;
    campaign->messages[index].waiting_count = 1;
    campaign->messages[index].unanswered_count = 1;
    host->message = index;
    pacer_asked(&campaign->pacer);
    campaign_settle(campaign, host, OUTCOME_WAITING, campaign->progress_ms);
    return LASTCALL_OK;
}

uint32_t campaign_expiry_s(const struct campaign *campaign,
                           const struct campaign_message *message,
                           int64_t now_ms)
{
    int64_t left_ms =
        message->first_sent_ms + life_ms(campaign, message) - now_ms;

    if (left_ms < 1000)
        return 1;
    return left_ms / 1000 > UINT32_MAX ? UINT32_MAX
                                       : (uint32_t)(left_ms / 1000);
}

void campaign_lost(struct campaign *campaign, size_t message)
{
    struct campaign_message *lost = NULL;

    if (message >= campaign->message_count || campaign->messages[message].lost)
        return;
    lost = &campaign->messages[message];
    lost->lost = true;
    lost->next_lost = campaign->lost;
    campaign->lost = message + 1;
}

/* When the first of those that are waited for is given up. */
static int64_t timeout_ms(const struct campaign *campaign)
{
    for (size_t i = campaign->timeouts; i < campaign->first_sendings; i++) {
        if (campaign->messages[i].waiting_count > 0)
            return campaign->messages[i].first_sent_ms + campaign->timeout_ms;
    }
    return INT64_MAX;
}

static void silence_all(struct campaign *campaign, size_t message,
                        int64_t now_ms)
{
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (campaign->hosts[i].message == message &&
            campaign->hosts[i].outcome == OUTCOME_WAITING)
            campaign_settle(campaign, &campaign->hosts[i], OUTCOME_SILENT,
                            now_ms);
    }
}

void campaign_give_up(struct campaign *campaign, int64_t now_ms)
{
    for (; campaign->timeouts < campaign->first_sendings;
         campaign->timeouts++) {
        const struct campaign_message *message =
            &campaign->messages[campaign->timeouts];

        if (message->waiting_count == 0)
            continue;
        if (now_ms < message->first_sent_ms + campaign->timeout_ms)
            return;
        if (message->host == CAMPAIGN_NO_HOST)
            silence_all(campaign, campaign->timeouts, now_ms);
        else
            campaign_settle(campaign, &campaign->hosts[message->host],
                            OUTCOME_SILENT, now_ms);
    }
}

bool campaign_has_unsent(struct campaign *campaign, int64_t now_ms)
{
    walk_turns(campaign, now_ms);
    for (size_t i = campaign->first_sendings; i < campaign->message_count; i++)
        if (campaign->messages[i].waiting_count > 0)
            return true;
    return campaign->turn < campaign->host_count &&
           !pacer_is_stopped(&campaign->pacer);
}

int64_t campaign_stall_ms(const struct campaign *campaign)
{
    if (timeout_ms(campaign) != INT64_MAX)
        return INT64_MAX;
    return campaign->progress_ms + campaign->pace.batch_wait_ms +
           campaign->timeout_ms;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t campaign_next_ms(const struct campaign *campaign, int64_t now_ms)
{
    int64_t next = earlier(timeout_ms(campaign), campaign_stall_ms(campaign));

    /* One that nobody waits for any more wakes once for nothing. */
    if (campaign->resend_count > 0 && due_at(campaign, 0) > now_ms)
        next = earlier(next, due_at(campaign, 0));
    if (campaign->turn < campaign->host_count)
        next = earlier(next, pacer_next_ms(&campaign->pacer, now_ms));
    return next < now_ms ? now_ms : next;
}
