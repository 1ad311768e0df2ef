#include "controller/pace.h"

#include <stdlib.h>

bool pace_is_limited(const struct campaign_pace *pace)
{
    return pace->batch.is_given || pace->canary.is_given ||
           pace->max_fail.is_given;
}

enum lastcall_status pace_share_parse(const char *text, struct pace_share *out)
{
    struct pace_share share = {.is_given = true};

    *out = (struct pace_share){0};
    if (*text < '0' || *text > '9')
        return LASTCALL_E_SYNTAX;
    for (; *text >= '0' && *text <= '9'; text++) {
        share.number = share.number * 10 + (*text - '0');
        if (share.number > PACE_NUMBER_MAX)
            return LASTCALL_E_SYNTAX;
    }
    share.is_percent = *text == '%';
    if (text[share.is_percent ? 1 : 0] != '\0' ||
        (share.is_percent && share.number > 100))
        return LASTCALL_E_SYNTAX;
    *out = share;
    return LASTCALL_OK;
}

enum rounding {
    ROUND_DOWN,
    ROUND_UP,
};

static size_t number_of(const struct pace_share *share, size_t host_count,
                        enum rounding rounding, size_t preset)
{
    size_t number = (size_t)share->number;

    if (!share->is_given)
        return preset;
    if (!share->is_percent)
        return number;
    return (number * host_count + (rounding == ROUND_UP ? 99 : 0)) / 100;
}

enum lastcall_status pacer_start(struct pacer *pacer,
                                 const struct campaign_pace *pace,
                                 size_t host_count)
{
    *pacer = (struct pacer){
        .window = number_of(&pace->batch, host_count, ROUND_UP, host_count),
        .canary = number_of(&pace->canary, host_count, ROUND_UP, 0),
        .max_fail =
            number_of(&pace->max_fail, host_count, ROUND_DOWN, SIZE_MAX),
        .wait_ms = pace->batch_wait_ms,
    };
    if (pacer->window > host_count)
        pacer->window = host_count;
    if (pacer->window == 0)
        pacer->window = 1;
    pacer->phase = pacer->canary > 0 ? PACE_CANARY : PACE_ROLLING;
    if (pacer->wait_ms <= 0)
        return LASTCALL_OK;
    pacer->cooling = calloc(pacer->window, sizeof *pacer->cooling);
    return pacer->cooling == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

void pacer_deinit(struct pacer *pacer)
{
    free(pacer->cooling);
    *pacer = (struct pacer){0};
}

bool pacer_is_stopped(const struct pacer *pacer)
{
    return pacer->phase == PACE_STOPPED_BY_CANARY ||
           pacer->phase == PACE_STOPPED_BY_FAILURES;
}

bool pacer_may_ask(struct pacer *pacer, int64_t now_ms)
{
    while (pacer->cooling_count > 0 &&
           pacer->cooling[pacer->cooling_first] <= now_ms) {
        pacer->cooling_first = (pacer->cooling_first + 1) % pacer->window;
        pacer->cooling_count--;
    }
    if (pacer_is_stopped(pacer) ||
        (pacer->phase == PACE_CANARY && pacer->asked_count >= pacer->canary) ||
        now_ms < pacer->resume_ms)
        return false;
    return pacer->waiting_count + pacer->cooling_count < pacer->window;
}

int64_t pacer_next_ms(const struct pacer *pacer, int64_t now_ms)
{
    if (pacer_is_stopped(pacer) ||
        (pacer->phase == PACE_CANARY && pacer->asked_count >= pacer->canary))
        return INT64_MAX;
    if (now_ms < pacer->resume_ms)
        return pacer->resume_ms;
    if (pacer->cooling_count == 0 ||
        pacer->waiting_count + pacer->cooling_count < pacer->window)
        return INT64_MAX;
    return now_ms < pacer->cooling[pacer->cooling_first]
               ? pacer->cooling[pacer->cooling_first]
               : INT64_MAX;
}

void pacer_asked(struct pacer *pacer)
{
    pacer->asked_count++;
    pacer->waiting_count++;
}

static void count_failure(struct pacer *pacer)
{
    pacer->failed_count++;
    if (pacer->failed_count > pacer->max_fail && !pacer_is_stopped(pacer))
        pacer->phase = PACE_STOPPED_BY_FAILURES;
}

static void count_good(struct pacer *pacer, int64_t now_ms)
{
    pacer->good_count++;
    if (pacer->phase != PACE_CANARY || pacer->good_count < pacer->canary)
        return;
    pacer->phase = PACE_ROLLING;
    pacer->resume_ms = now_ms + pacer->wait_ms;
}

void pacer_ended(struct pacer *pacer, enum pace_end end, int64_t now_ms)
{
    pacer->waiting_count--;
    if (pacer->wait_ms > 0) {
        size_t last =
            (pacer->cooling_first + pacer->cooling_count) % pacer->window;

        pacer->cooling[last] = now_ms + pacer->wait_ms;
        pacer->cooling_count++;
    }
    if (end == PACE_GOOD)
        count_good(pacer, now_ms);
    else if (pacer->phase == PACE_CANARY)
        pacer->phase = PACE_STOPPED_BY_CANARY;
    if (end == PACE_FAILED)
        count_failure(pacer);
}

void pacer_passed_over(struct pacer *pacer)
{
    count_failure(pacer);
}

void pacer_mended(struct pacer *pacer)
{
    pacer->failed_count--;
}
