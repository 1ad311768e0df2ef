/* lastcall ping: who answers, how fast, and by which clock */
#include <stdio.h>
#include <stdlib.h>

#include "controller/command.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"

struct pinging {
    struct present present;
    struct target target;
    struct fleet fleet;
    struct output output;
    int64_t *round_trips; /* owned; of those who answered */
    size_t round_trip_count;
};

/*
 * How far a host's clock is ahead of ours: its time when it answered against
 * ours half a round trip before the answer came.
 */
static int64_t skew_ms(const struct campaign *campaign,
                       const struct campaign_host *host)
{
    const struct result *result = &host->answer.result;
    const struct campaign_message *message = &campaign->messages[host->message];
    int64_t answered_at_ms = message->first_sent_ms + host->answered_ms;
    int64_t arrived_wall_ms =
        fleet_wall_ms() - (fleet_now_ms() - answered_at_ms);
    int64_t theirs_ms = result->received_ms +
                        (result->finished_ms > result->received_ms
                             ? (result->finished_ms - result->received_ms) / 2
                             : 0);

    return theirs_ms - (arrived_wall_ms - host->answered_ms / 2);
}

static json_t *record_of_ping(const struct campaign *campaign,
                              const struct campaign_host *host)
{
    json_t *record = record_of_answer(host);

    if (record == NULL)
        return NULL;
    if (json_put(record, "clock_skew_ms",
                 host->has_answer && host->answer.result.received_ms > 0
                     ? json_integer(skew_ms(campaign, host))
                     : json_null()) != LASTCALL_OK) {
        json_decref(record);
        return NULL;
    }
    return record;
}

static void answered(void *context, const struct campaign *campaign,
                     const struct campaign_host *host)
{
    struct pinging *pinging = context;

    if (pinging->output.writer->is_live)
        output_record(&pinging->output, record_of_ping(campaign, host));
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static enum lastcall_status sort_round_trips(struct pinging *pinging,
                                             const struct campaign *campaign)
{
    if (campaign->host_count == 0)
        return LASTCALL_OK;
    pinging->round_trips = calloc(campaign->host_count, sizeof(int64_t));
    if (pinging->round_trips == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (campaign->hosts[i].has_answer)
            pinging->round_trips[pinging->round_trip_count++] =
                campaign->hosts[i].answered_ms;
    }
    qsort(pinging->round_trips, pinging->round_trip_count, sizeof(int64_t),
          compare_numbers);
    return LASTCALL_OK;
}

/* The value that a share of all is not above; by nearest rank. */
static int64_t percentile(const struct pinging *pinging, size_t percent)
{
    size_t rank = (pinging->round_trip_count * percent + 99) / 100;

    return pinging->round_trips[rank == 0 ? 0 : rank - 1];
}

static json_t *summary_of(const struct pinging *pinging,
                          const struct campaign *campaign)
{
    json_t *summary =
        record_of_campaign(campaign, &pinging->fleet.registry,
                           fleet_now_ms() - pinging->present.began_ms);
    json_t *times = NULL;

    if (summary == NULL || pinging->round_trip_count == 0)
        return summary;
    times = json_object();
    if (times == NULL ||
        json_put(times, "min", json_integer(percentile(pinging, 0))) !=
            LASTCALL_OK ||
        json_put(times, "median", json_integer(percentile(pinging, 50))) !=
            LASTCALL_OK ||
        json_put(times, "p99", json_integer(percentile(pinging, 99))) !=
            LASTCALL_OK ||
        json_put(summary, "round_trip_ms", json_incref(times)) != LASTCALL_OK) {
        json_decref(summary);
        summary = NULL;
    }
    json_decref(times);
    return summary;
}

static void say_times(const struct pinging *pinging)
{
    if (pinging->round_trip_count > 0 &&
        pinging->present.writer == &output_table)
        say("round trip: min %lld ms, median %lld ms, p99 %lld ms",
            (long long)percentile(pinging, 0),
            (long long)percentile(pinging, 50),
            (long long)percentile(pinging, 99));
}

static enum exit_code ping(struct pinging *pinging)
{
    const struct request request = {
        .action = ACTION_PING,
        .backends = BACKEND_SET_ALL,
        .limit = REQUEST_LIMIT_NONE,
        .splay_s = pinging->present.splay_s,
    };
    const struct dispatch dispatch = {
        .request = &request,
        .target = &pinging->target,
        .timeout_ms = pinging->present.timeout_ms,
        .ttl_ms = pinging->present.ttl_ms,
        .splay = pinging->present.splay,
        .answered = answered,
        .context = pinging,
    };
    struct campaign campaign = {0};
    enum exit_code code = EXIT_CODE_BROKER;

    present_begin(&pinging->present, &record_pings, present_colour(), stdout,
                  &pinging->output);
    code = dispatch_run(&pinging->fleet, &dispatch, &campaign);
    if (code == EXIT_CODE_OK)
        code = record_exit_code(&campaign, &pinging->fleet.registry);
    for (size_t i = 0; i < campaign.host_count; i++) {
        const struct campaign_host *host = &campaign.hosts[i];

        if (!pinging->output.writer->is_live || !host->has_answer)
            output_record(&pinging->output, record_of_ping(&campaign, host));
    }
    if (sort_round_trips(pinging, &campaign) != LASTCALL_OK)
        code = EXIT_CODE_BROKER;
    code = present_end(&pinging->output, summary_of(pinging, &campaign), code);
    present_say_campaign(&pinging->present, &campaign);
    say_times(pinging);
    free(pinging->round_trips);
    campaign_deinit(&campaign);
    return code;
}

enum exit_code cmd_ping(const struct options *options)
{
    struct pinging pinging = {0};
    char error[SELECT_ERROR_SIZE] = "";
    enum exit_code code = EXIT_CODE_USAGE;

    if (present_read(options, &pinging.present) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    if (target_parse(options, &pinging.target, error) != LASTCALL_OK) {
        say_error("%s", error);
        goto out;
    }
    code =
        fleet_open(options, FLEET_NEED_STATUSES | FLEET_NEED_IDENTITY,
                   &pinging.target, pinging.present.timeout_ms, &pinging.fleet);
    if (code == EXIT_CODE_OK) {
        record_say_refusals(&pinging.fleet.registry);
        fleet_say_unmatched(&pinging.fleet, &pinging.target);
        code = ping(&pinging);
    }
out:
    fleet_close(&pinging.fleet);
    target_deinit(&pinging.target);
    return code;
}
