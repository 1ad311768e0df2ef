#include "controller/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_WAITING] = "waiting", [OUTCOME_TRUE] = "true",
    [OUTCOME_FALSE] = "false",     [OUTCOME_REFUSED] = "refused",
    [OUTCOME_OFFLINE] = "offline", [OUTCOME_SILENT] = "silent",
};

const char *campaign_outcome_name(enum campaign_outcome outcome)
{
    return outcome_names[outcome];
}

void campaign_deinit(struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->message_count; i++)
        bytes_deinit(&campaign->messages[i].token);
    for (size_t i = 0; i < campaign->host_count; i++)
        answer_deinit(&campaign->hosts[i].answer);
    free(campaign->messages);
    free(campaign->hosts);
    free(campaign->bad);
    *campaign = (struct campaign){0};
}

/* Make room for one more element of an array. */
static enum lastcall_status make_room(void **array, size_t count,
                                      size_t *capacity, size_t size)
{
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = NULL;

    if (count < *capacity)
        return LASTCALL_OK;
    if (count >= CAMPAIGN_HOST_MAX)
        return LASTCALL_E_TOO_LARGE;
    grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return LASTCALL_E_NOMEM;
    *array = grown;
    *capacity = wanted;
    return LASTCALL_OK;
}

enum lastcall_status campaign_add_message(struct campaign *campaign,
                                          const struct address *address,
                                          const struct request_id *id,
                                          struct bytes *token, size_t *index)
{
    struct campaign_message message = {
        .address = *address, .id = *id, .token = *token};
    void *array = campaign->messages;
    enum lastcall_status status =
        bytes_sha256_text(token->data, token->len, message.hash);

    *token = (struct bytes){0};
    if (status == LASTCALL_OK)
        status = make_room(&array, campaign->message_count,
                           &campaign->message_capacity, sizeof message);
    campaign->messages = array;
    if (status != LASTCALL_OK) {
        bytes_deinit(&message.token);
        return status;
    }
    *index = campaign->message_count;
    campaign->messages[campaign->message_count++] = message;
    return LASTCALL_OK;
}

enum lastcall_status campaign_expect(struct campaign *campaign,
                                     const struct name *host,
                                     enum campaign_presence presence,
                                     size_t message)
{
    struct campaign_host expected = {
        .name = *host,
        .presence = presence,
        .message = message,
        .outcome =
            presence == PRESENCE_OFFLINE ? OUTCOME_OFFLINE : OUTCOME_WAITING,
    };
    void *array = campaign->hosts;
    enum lastcall_status status =
        make_room(&array, campaign->host_count, &campaign->host_capacity,
                  sizeof expected);

    campaign->hosts = array;
    if (status != LASTCALL_OK)
        return status;
    campaign->hosts[campaign->host_count++] = expected;
    if (expected.outcome == OUTCOME_WAITING)
        campaign->waiting_count++;
    return LASTCALL_OK;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct campaign_host *left = a;
    const struct campaign_host *right = b;

    return strcmp(left->name.text, right->name.text);
}

void campaign_start(struct campaign *campaign, int64_t now_ms)
{
    if (campaign->host_count > 0)
        qsort(campaign->hosts, campaign->host_count, sizeof *campaign->hosts,
              compare_hosts);
    campaign->start_ms = now_ms;
}

struct campaign_host *campaign_find_host(const struct campaign *campaign,
                                         const struct name *name)
{
    struct campaign_host key = {.name = *name};

    if (campaign->host_count == 0)
        return NULL;
    return bsearch(&key, campaign->hosts, campaign->host_count, sizeof key,
                   compare_hosts);
}

static bool is_awaited(const struct campaign *campaign, size_t message)
{
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (campaign->hosts[i].message == message &&
            campaign->hosts[i].outcome == OUTCOME_WAITING)
            return true;
    }
    return false;
}

static int64_t life_ms(const struct campaign *campaign,
                       const struct campaign_message *message)
{
    return message->life_ms > 0 ? message->life_ms : campaign->ttl_ms;
}

/* When a message is due for the nth time (from 0). */
static int64_t due_ms(const struct campaign *campaign,
                      const struct campaign_message *message)
{
    if (message->sent_count == 0)
        return campaign->start_ms;
    if (message->sent_count >= CAMPAIGN_SEND_COUNT)
        return INT64_MAX;
    return message->first_sent_ms +
           life_ms(campaign, message) / (message->sent_count == 1 ? 4 : 2);
}

struct campaign_message *campaign_next_send(struct campaign *campaign,
                                            int64_t now_ms)
{
    if (campaign->end != CAMPAIGN_RUNNING)
        return NULL;
    for (size_t i = 0; i < campaign->message_count; i++) {
        struct campaign_message *message = &campaign->messages[i];
        bool is_first = message->sent_count == 0;

        if (message->lost) {
            message->lost = false;
            return message;
        }
        if (now_ms < due_ms(campaign, message))
            continue;
        message->sent_count++;
        if (is_first)
            message->first_sent_ms = now_ms;
        if (is_first || is_awaited(campaign, i))
            return message;
    }
    return NULL;
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
    if (message < campaign->message_count)
        campaign->messages[message].lost =
            is_awaited(campaign, message) ||
            campaign->messages[message].sent_count == 1;
}

int64_t campaign_next_ms(const struct campaign *campaign, int64_t now_ms)
{
    int64_t next = campaign->start_ms + campaign->timeout_ms;

    for (size_t i = 0; i < campaign->message_count; i++) {
        int64_t due = due_ms(campaign, &campaign->messages[i]);

        if (due < next)
            next = due;
    }
    return next < now_ms ? now_ms : next;
}

size_t campaign_find_message(const struct campaign *campaign,
                             const struct request_id *id)
{
    for (size_t i = 0; i < campaign->message_count; i++) {
        if (strcmp(campaign->messages[i].id.text, id->text) == 0)
            return i;
    }
    return CAMPAIGN_NO_MESSAGE;
}

void campaign_note_bad(struct campaign *campaign, const struct name *host,
                       enum lastcall_status status, const char *detail)
{
    if (campaign->bad == NULL)
        campaign->bad = calloc(CAMPAIGN_BAD_MAX, sizeof *campaign->bad);
    if (campaign->bad != NULL && campaign->bad_count < CAMPAIGN_BAD_MAX) {
        struct campaign_bad *bad = &campaign->bad[campaign->bad_count];

        bad->host = *host;
        bad->status = status;
        snprintf(bad->detail, sizeof bad->detail, "%s",
                 detail[0] != '\0' ? detail : status_text(status));
    }
    campaign->bad_count++;
}

bool campaign_is_refusal(enum lastcall_status code)
{
    return code == LASTCALL_FORBIDDEN || code == LASTCALL_EXPIRED ||
           code == LASTCALL_NOT_YET_VALID || code == LASTCALL_REVOKED ||
           code == LASTCALL_INVALID_REQUEST ||
           code == LASTCALL_LIMIT_EXCEEDED || code == LASTCALL_BUSY;
}

static enum campaign_outcome judge(const struct result *result)
{
    if (campaign_is_refusal(result->code))
        return OUTCOME_REFUSED;
    return result_is_success(result) ? OUTCOME_TRUE : OUTCOME_FALSE;
}

/* Add a host that answers a broadcast though nobody knew of it. */
static struct campaign_host *add_unexpected(struct campaign *campaign,
                                            const struct name *name,
                                            size_t message)
{
    if (campaign_expect(campaign, name, PRESENCE_UNKNOWN, message) !=
        LASTCALL_OK)
        return NULL;
    qsort(campaign->hosts, campaign->host_count, sizeof *campaign->hosts,
          compare_hosts);
    return campaign_find_host(campaign, name);
}

static enum campaign_verdict keep_answer(struct campaign *campaign,
                                         struct campaign_host *host,
                                         size_t index, struct answer *answer,
                                         int64_t now_ms)
{
    if (host->has_answer) {
        host->duplicates++;
        return VERDICT_DUPLICATE;
    }
    if (host->outcome == OUTCOME_WAITING)
        campaign->waiting_count--;
    host->outcome = judge(&answer->result);
    host->answered_ms = now_ms - campaign->messages[index].first_sent_ms;
    host->message = index;
    host->has_answer = true;
    host->answer = *answer;
    *answer = (struct answer){0};
    return VERDICT_ANSWER;
}

/* An answer counts when it is to our bytes and from a host that we asked. */
static const char *find_fault(const struct campaign_message *message,
                              const struct answer *answer)
{
    if (strcmp(message->hash, answer->claims.request_hash) != 0)
        return "its request_hash is not that of what was sent";
    if (message->address.kind == ADDRESS_HOST &&
        strcmp(message->address.name.text, answer->host.text) != 0)
        return "it answers what was asked of another host";
    return NULL;
}

enum campaign_verdict campaign_take(struct campaign *campaign,
                                    struct answer *answer, int64_t now_ms)
{
    size_t index = campaign_find_message(campaign, &answer->claims.request_id);
    struct campaign_host *host = NULL;
    const char *fault = NULL;
    enum campaign_verdict verdict = VERDICT_STRANGER;

    if (index == CAMPAIGN_NO_MESSAGE)
        goto out;
    fault = find_fault(&campaign->messages[index], answer);
    if (fault != NULL) {
        campaign_note_bad(campaign, &answer->host, LASTCALL_E_SIGNATURE, fault);
        verdict = VERDICT_BAD;
        goto out;
    }
    if (campaign->end != CAMPAIGN_RUNNING) {
        campaign->late_count++;
        verdict = VERDICT_LATE;
        goto out;
    }
    host = campaign_find_host(campaign, &answer->host);
    if (host == NULL && campaign->messages[index].is_repeat)
        goto out;
    if (host == NULL)
        host = add_unexpected(campaign, &answer->host, index);
    verdict = host == NULL ? VERDICT_FAILED
                           : keep_answer(campaign, host, index, answer, now_ms);
out:
    answer_deinit(answer);
    return verdict;
}

bool campaign_check_end(struct campaign *campaign, int64_t now_ms)
{
    if (campaign->end != CAMPAIGN_RUNNING)
        return true;
    if (campaign->waiting_count == 0)
        campaign_finish(campaign, CAMPAIGN_COMPLETE);
    else if (now_ms - campaign->start_ms >= campaign->timeout_ms)
        campaign_finish(campaign, CAMPAIGN_TIMED_OUT);
    return campaign->end != CAMPAIGN_RUNNING;
}

void campaign_finish(struct campaign *campaign, enum campaign_end end)
{
    if (campaign->end != CAMPAIGN_RUNNING)
        return;
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (campaign->hosts[i].outcome == OUTCOME_WAITING)
            campaign->hosts[i].outcome = OUTCOME_SILENT;
    }
    campaign->waiting_count = 0;
    campaign->end = end;
}

void campaign_tally(const struct campaign *campaign, struct campaign_tally *out)
{
    *out = (struct campaign_tally){
        .hosts = campaign->host_count,
        .bad = campaign->bad_count,
        .late = campaign->late_count,
    };
    for (size_t i = 0; i < campaign->host_count; i++) {
        const struct campaign_host *host = &campaign->hosts[i];

        out->outcomes[host->outcome]++;
        out->duplicates += host->duplicates;
        if (!host->has_answer)
            continue;
        out->matched += host->answer.result.matched;
        out->succeeded += host->answer.result.succeeded;
        out->failed += host->answer.result.failed;
    }
}

enum exit_code campaign_exit_code(const struct campaign *campaign)
{
    struct campaign_tally tally;

    campaign_tally(campaign, &tally);
    if (campaign->end == CAMPAIGN_INTERRUPTED)
        return EXIT_CODE_INTERRUPTED;
    if (tally.bad > 0 || tally.outcomes[OUTCOME_REFUSED] > 0)
        return EXIT_CODE_REFUSED;
    if (tally.outcomes[OUTCOME_FALSE] > 0)
        return EXIT_CODE_FALSE;
    if (campaign->end == CAMPAIGN_CUT_OFF)
        return EXIT_CODE_BROKER;
    if (tally.outcomes[OUTCOME_SILENT] > 0 ||
        tally.outcomes[OUTCOME_OFFLINE] > 0 ||
        tally.outcomes[OUTCOME_WAITING] > 0)
        return EXIT_CODE_SILENT;
    return EXIT_CODE_OK;
}
