#include "controller/campaign.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/campaign_send.h"
#include "protocol/body.h"

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_WAITING] = "waiting", [OUTCOME_TRUE] = "true",
    [OUTCOME_FALSE] = "false",     [OUTCOME_REFUSED] = "refused",
    [OUTCOME_OFFLINE] = "offline", [OUTCOME_SILENT] = "silent",
    [OUTCOME_UNSENT] = "unsent",
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
    text_index_deinit(&campaign->by_id);
    text_index_deinit(&campaign->by_name);
    pacer_deinit(&campaign->pacer);
    free(campaign->resends);
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

static const char *id_at(const void *messages, size_t index)
{
    return ((const struct campaign_message *)messages)[index].id.text;
}

static const char *name_at(const void *hosts, size_t index)
{
    return ((const struct campaign_host *)hosts)[index].name.text;
}

enum lastcall_status campaign_add_message(struct campaign *campaign,
                                          const struct address *address,
                                          const struct request_id *id,
                                          struct bytes *token, size_t *index)
{
    struct campaign_message message = {
        .address = *address,
        .id = *id,
        .token = *token,
        .host = CAMPAIGN_NO_HOST,
    };
    void *array = campaign->messages;
    enum lastcall_status status =
        bytes_sha256_text(token->data, token->len, message.hash);

    *token = (struct bytes){0};
    if (status == LASTCALL_OK)
        status = make_room(&array, campaign->message_count,
                           &campaign->message_capacity, sizeof message);
    campaign->messages = array;
    if (status == LASTCALL_OK) {
        array = campaign->resends;
        status = make_room(&array, campaign->message_count,
                           &campaign->resend_capacity, sizeof(size_t));
        campaign->resends = array;
    }
    if (status == LASTCALL_OK) {
        campaign->messages[campaign->message_count] = message;
        campaign->by_id.text_at = id_at;
        status = text_index_add(&campaign->by_id, campaign->messages,
                                campaign->message_count);
    }
    if (status != LASTCALL_OK) {
        bytes_deinit(&message.token);
        return status;
    }
    *index = campaign->message_count++;
    return LASTCALL_OK;
}

static enum campaign_outcome first_outcome(enum campaign_presence presence,
                                           size_t message)
{
    if (presence == PRESENCE_OFFLINE)
        return OUTCOME_OFFLINE;
    return message == CAMPAIGN_NO_MESSAGE ? OUTCOME_UNSENT : OUTCOME_WAITING;
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
        .outcome = first_outcome(presence, message),
    };
    void *array = campaign->hosts;
    enum lastcall_status status = LASTCALL_OK;

    if (campaign_find_host(campaign, host) != NULL)
        return LASTCALL_OK;
    status = make_room(&array, campaign->host_count, &campaign->host_capacity,
                       sizeof expected);
    if (status != LASTCALL_OK)
        return status;
    assert(array != NULL);
    campaign->hosts = array;
    campaign->hosts[campaign->host_count] = expected;
    campaign->by_name.text_at = name_at;
    status = text_index_add(&campaign->by_name, campaign->hosts,
                            campaign->host_count);
    if (status != LASTCALL_OK)
        return status;
    campaign->host_count++;
    campaign->outcome_count[expected.outcome]++;
    if (expected.outcome == OUTCOME_WAITING) {
        campaign->messages[message].waiting_count++;
        campaign->messages[message].unanswered_count++;
    }
    return LASTCALL_OK;
}

struct campaign_host *campaign_find_host(const struct campaign *campaign,
                                         const struct name *name)
{
    size_t index =
        text_index_find(&campaign->by_name, campaign->hosts, name->text);

    return index == TEXT_INDEX_NONE ? NULL : &campaign->hosts[index];
}

size_t campaign_find_message(const struct campaign *campaign,
                             const struct request_id *id)
{
    size_t index =
        text_index_find(&campaign->by_id, campaign->messages, id->text);

    return index == TEXT_INDEX_NONE ? CAMPAIGN_NO_MESSAGE : index;
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
    return campaign_find_host(campaign, name);
}

/* What a turn's end means for those who wait for theirs. */
static void tell_pacer(struct campaign *campaign, enum campaign_outcome from,
                       enum campaign_outcome to, int64_t now_ms)
{
    if (from == OUTCOME_WAITING)
        pacer_ended(&campaign->pacer,
                    to == OUTCOME_TRUE ? PACE_GOOD : PACE_FAILED, now_ms);
    else if (from == OUTCOME_SILENT && to == OUTCOME_TRUE)
        pacer_mended(&campaign->pacer);
}

void campaign_settle(struct campaign *campaign, struct campaign_host *host,
                     enum campaign_outcome outcome, int64_t now_ms)
{
    enum campaign_outcome from = host->outcome;

    campaign->outcome_count[from]--;
    campaign->outcome_count[outcome]++;
    host->outcome = outcome;
    if (from == OUTCOME_WAITING) {
        campaign->messages[host->message].waiting_count--;
        campaign->progress_ms = now_ms;
    }
    if (host->message != CAMPAIGN_NO_MESSAGE &&
        campaign->messages[host->message].host != CAMPAIGN_NO_HOST)
        tell_pacer(campaign, from, outcome, now_ms);
}

static enum campaign_verdict keep_answer(struct campaign *campaign,
                                         struct campaign_host *host,
                                         size_t index, struct answer *answer,
                                         int64_t now_ms)
{
    struct campaign_message *message = &campaign->messages[index];

    if (host->has_answer) {
        host->duplicates++;
        return VERDICT_DUPLICATE;
    }
    if (host->outcome == OUTCOME_WAITING || host->outcome == OUTCOME_SILENT)
        message->unanswered_count--;
    host->is_late = host->outcome == OUTCOME_SILENT;
    campaign_settle(campaign, host, judge(&answer->result), now_ms);
    host->answered_ms = now_ms - message->first_sent_ms;
    host->has_answer = true;
    host->answer = *answer;
    result_pack(&host->answer.result);
    *answer = (struct answer){0};
    /* Nobody is to hear it again. */
    if (message->host != CAMPAIGN_NO_HOST)
        bytes_deinit(&message->token);
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
    bool has_unsent = false;

    if (campaign->end != CAMPAIGN_RUNNING)
        return true;
    campaign_give_up(campaign, now_ms);
    has_unsent = campaign_has_unsent(campaign, now_ms);
    if (campaign->outcome_count[OUTCOME_WAITING] == 0 && !has_unsent)
        campaign_finish(campaign, pacer_is_stopped(&campaign->pacer)
                                      ? CAMPAIGN_STOPPED
                                  : campaign->outcome_count[OUTCOME_SILENT] > 0
                                      ? CAMPAIGN_TIMED_OUT
                                      : CAMPAIGN_COMPLETE);
    else if (has_unsent && now_ms >= campaign_stall_ms(campaign))
        campaign_finish(campaign, CAMPAIGN_TIMED_OUT);
    return campaign->end != CAMPAIGN_RUNNING;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct campaign_host *left = a;
    const struct campaign_host *right = b;

    return strcmp(left->name.text, right->name.text);
}

/* What becomes of one that has not answered at the end. */
static enum campaign_outcome last_outcome(const struct campaign *campaign,
                                          const struct campaign_host *host)
{
    if (host->outcome != OUTCOME_WAITING)
        return host->outcome;
    return campaign->messages[host->message].sent_count == 0 ? OUTCOME_UNSENT
                                                             : OUTCOME_SILENT;
}

void campaign_finish(struct campaign *campaign, enum campaign_end end)
{
    if (campaign->end != CAMPAIGN_RUNNING)
        return;
    for (size_t i = 0; i < campaign->host_count; i++) {
        struct campaign_host *host = &campaign->hosts[i];
        enum campaign_outcome outcome = last_outcome(campaign, host);

        campaign->outcome_count[host->outcome]--;
        campaign->outcome_count[outcome]++;
        host->outcome = outcome;
    }
    if (campaign->host_count > 0)
        qsort(campaign->hosts, campaign->host_count, sizeof *campaign->hosts,
              compare_hosts);
    text_index_rebuild(&campaign->by_name, campaign->hosts);
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
        out->late += host->is_late;
        if (!host->has_answer)
            continue;
        out->matched =
            body_add_counts(out->matched, host->answer.result.matched);
        out->succeeded =
            body_add_counts(out->succeeded, host->answer.result.succeeded);
        out->failed = body_add_counts(out->failed, host->answer.result.failed);
    }
}

enum exit_code campaign_exit_code(const struct campaign *campaign)
{
    struct campaign_tally tally;

    campaign_tally(campaign, &tally);
    if (campaign->end == CAMPAIGN_INTERRUPTED)
        return EXIT_CODE_INTERRUPTED;
    if (pacer_is_stopped(&campaign->pacer))
        return EXIT_CODE_STOPPED;
    if (tally.bad > 0 || tally.outcomes[OUTCOME_REFUSED] > 0)
        return EXIT_CODE_REFUSED;
    if (tally.outcomes[OUTCOME_FALSE] > 0)
        return EXIT_CODE_FALSE;
    if (campaign->end == CAMPAIGN_CUT_OFF)
        return EXIT_CODE_BROKER;
    if (tally.outcomes[OUTCOME_SILENT] > 0 ||
        tally.outcomes[OUTCOME_OFFLINE] > 0 ||
        tally.outcomes[OUTCOME_UNSENT] > 0 ||
        tally.outcomes[OUTCOME_WAITING] > 0)
        return EXIT_CODE_SILENT;
    return EXIT_CODE_OK;
}
