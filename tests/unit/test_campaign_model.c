/* The pace of a campaign under any events in any order, held to a simple model
 * that counts for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pace_stage.h"

#define HOST_MAX ((size_t)12)

/* What the test knows of a host, by counting itself. */
struct model_host {
    bool is_offline;
    bool was_asked;
    int64_t asked_ms;
    bool has_answer;
    bool was_given_up;
    enum campaign_outcome last; /* what it has come to */
};

struct model {
    struct campaign campaign;
    struct model_host hosts[HOST_MAX];
    size_t host_count;
    size_t window;
    size_t max_fail;
    size_t canary;
    size_t bad;
    bool has_offline;
    bool is_stopped; /* more have failed than may */
    int64_t now_ms;
    uint64_t random;
};

static size_t below(struct model *model, size_t limit)
{
    model->random = model->random * UINT64_C(6364136223846793005) +
                    UINT64_C(1442695040888963407);
    return (size_t)(model->random >> 33) % limit;
}

static size_t count_waiting(const struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->host_count; i++) {
        const struct model_host *host = &model->hosts[i];

        count += host->was_asked && !host->has_answer && !host->was_given_up;
    }
    return count;
}

static bool has_failed(const struct model_host *host)
{
    return (host->has_answer || host->was_given_up) &&
           host->last != OUTCOME_TRUE;
}

static size_t count_failed(const struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->host_count; i++)
        count += has_failed(&model->hosts[i]);
    return count;
}

static void model_begin(struct model *model, uint64_t seed)
{
    char states[HOST_MAX + 1] = "";
    struct campaign_pace pace = {0};

    *model = (struct model){.random = seed, .now_ms = PACE_START_MS};
    model->host_count = 1 + below(model, HOST_MAX);
    for (size_t i = 0; i < model->host_count; i++) {
        model->hosts[i].is_offline = below(model, 8) == 0;
        model->has_offline |= model->hosts[i].is_offline;
        states[i] = model->hosts[i].is_offline ? '-' : '+';
    }
    model->window = 1 + below(model, HOST_MAX);
    model->canary = below(model, 2) == 0 ? 0 : 1 + below(model, 3);
    model->max_fail = below(model, 2) == 0 ? SIZE_MAX : below(model, 4);
    pace.batch = (struct pace_share){true, false, (int64_t)model->window};
    pace.batch_wait_ms = below(model, 2) == 0 ? 0 : 700;
    if (model->canary > 0)
        pace.canary = (struct pace_share){true, false, (int64_t)model->canary};
    if (model->max_fail != SIZE_MAX)
        pace.max_fail =
            (struct pace_share){true, false, (int64_t)model->max_fail};
    pace_begin(&model->campaign, states, &pace);
}

static void note_asked(struct model *model, const char *asked)
{
    for (; *asked != '\0'; asked++) {
        /* A digit is a host or the one ten further: the one not yet asked. */
        size_t number = (size_t)(*asked - '0');

        if (model->hosts[number].was_asked || model->hosts[number].is_offline)
            number += 10;
        assert_true(number < model->host_count);
        assert_false(model->hosts[number].was_asked);
        assert_false(model->hosts[number].is_offline);
        model->hosts[number].was_asked = true;
        model->hosts[number].asked_ms = model->now_ms;
    }
}

static void model_go(struct model *model)
{
    char asked[64] = "";
    bool was_canary = model->canary > 0;
    size_t good = 0;
    size_t before = 0;

    for (size_t i = 0; i < model->host_count; i++) {
        before += model->hosts[i].was_asked;
        good += model->hosts[i].has_answer &&
                model->hosts[i].last == OUTCOME_TRUE &&
                !model->hosts[i].was_given_up;
    }
    was_canary = was_canary && good < model->canary;
    pace_go(&model->campaign, model->now_ms, asked);
    note_asked(model, asked);
    assert_true(count_waiting(model) <= model->window);
    if (was_canary)
        assert_true(before + strlen(asked) <= model->canary);
    if (model->is_stopped)
        assert_string_equal(asked, "");
}

static void model_tick(struct model *model, int64_t ms)
{
    model->now_ms += ms;
    for (size_t i = 0; i < model->host_count; i++) {
        struct model_host *host = &model->hosts[i];

        if (host->was_asked && !host->has_answer && !host->was_given_up &&
            model->now_ms >= host->asked_ms + PACE_TIMEOUT_MS) {
            host->was_given_up = true;
            host->last = OUTCOME_SILENT;
        }
    }
}

static void model_answer(struct model *model, size_t number)
{
    static const enum lastcall_status codes[] = {
        LASTCALL_OK, LASTCALL_OK, LASTCALL_OK, LASTCALL_DENIED, LASTCALL_BUSY};
    static const enum campaign_outcome outcomes[] = {
        OUTCOME_TRUE, OUTCOME_TRUE, OUTCOME_TRUE, OUTCOME_FALSE,
        OUTCOME_REFUSED};
    struct model_host *host = &model->hosts[number];
    size_t which = below(model, sizeof codes / sizeof codes[0]);
    enum campaign_verdict verdict =
        pace_answer(&model->campaign, number, codes[which], model->now_ms);

    if (!host->was_asked) {
        assert_int_equal(verdict, VERDICT_STRANGER);
        return;
    }
    assert_int_equal(verdict,
                     host->has_answer ? VERDICT_DUPLICATE : VERDICT_ANSWER);
    if (host->has_answer)
        return;
    host->has_answer = true;
    host->last = outcomes[which];
    assert_int_equal(pace_outcome(&model->campaign, number), outcomes[which]);
}

static void model_forge(struct model *model, size_t number)
{
    struct name name = pace_host_name(number);

    campaign_note_bad(&model->campaign, &name, LASTCALL_E_SIGNATURE, "forged");
    model->bad++;
}

/* One host answers in the name of another. */
static void model_impersonate(struct model *model, size_t number)
{
    struct answer answer = {.host = pace_host_name(number)};
    size_t message = below(model, model->host_count);

    answer.claims.request_id = pace_id_of(message);
    if (message == number || !model->hosts[message].was_asked)
        return;
    assert_int_equal(campaign_take(&model->campaign, &answer, model->now_ms),
                     VERDICT_BAD);
    model->bad++;
}

static void model_return(struct model *model, size_t number)
{
    struct name name = pace_host_name(number);

    campaign_note_return(&model->campaign, &name);
    if (number >= model->campaign.turn)
        model->hosts[number].is_offline = false;
}

static void model_step(struct model *model)
{
    size_t number = below(model, model->host_count);

    switch (below(model, 8)) {
    case 0:
        model_tick(model, (int64_t)below(model, 4000));
        break;
    case 1:
        model_forge(model, number);
        break;
    case 2:
        model_impersonate(model, number);
        break;
    case 3:
        campaign_lost(&model->campaign, number);
        break;
    case 4:
        model_return(model, number);
        break;
    default:
        model_answer(model, number);
        break;
    }
}

static void check_end(const struct model *model)
{
    const struct campaign *campaign = &model->campaign;
    size_t sum = 0;

    assert_int_equal(campaign->host_count, model->host_count);
    assert_int_equal(campaign->bad_count, model->bad);
    assert_int_equal(campaign->outcome_count[OUTCOME_WAITING], 0);
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        sum += campaign->outcome_count[i];
    assert_int_equal(sum, model->host_count);
    for (size_t i = 0; i < model->host_count; i++) {
        const struct model_host *host = &model->hosts[i];

        assert_int_equal(campaign->hosts[i].has_answer, host->has_answer);
        assert_int_equal(campaign->hosts[i].is_late,
                         host->has_answer && host->was_given_up);
        if (host->is_offline)
            assert_int_equal(pace_outcome(campaign, i), OUTCOME_OFFLINE);
        else if (!host->was_asked)
            assert_int_equal(pace_outcome(campaign, i), OUTCOME_UNSENT);
        else if (!host->has_answer)
            assert_int_equal(pace_outcome(campaign, i), OUTCOME_SILENT);
    }
    /* Beyond what is allowed, only those who were under way can fail. */
    if (model->max_fail != SIZE_MAX)
        assert_true(count_failed(model) <= model->max_fail + model->window);
    if (model->is_stopped)
        assert_int_equal(campaign_exit_code(campaign), EXIT_CODE_STOPPED);
    /* And nothing else stops it. */
    if (model->canary == 0 && !model->has_offline && !model->is_stopped)
        assert_int_not_equal(campaign->end, CAMPAIGN_STOPPED);
    if (campaign->outcome_count[OUTCOME_UNSENT] > 0)
        assert_int_equal(campaign->end, CAMPAIGN_STOPPED);
}

static void play(uint64_t seed)
{
    struct model model;
    size_t rounds = 0;

    model_begin(&model, seed);
    while (!campaign_check_end(&model.campaign, model.now_ms)) {
        int64_t next_ms = 0;

        assert_true(++rounds < 2000);
        model_go(&model);
        next_ms = campaign_next_ms(&model.campaign, model.now_ms);
        assert_true(next_ms > model.now_ms ||
                    campaign_check_end(&model.campaign, model.now_ms));
        if (below(&model, 3) == 0 && next_ms > model.now_ms)
            model_tick(&model, next_ms - model.now_ms);
        else
            model_step(&model);
        model.is_stopped |= count_failed(&model) > model.max_fail;
    }
    check_end(&model);
    campaign_deinit(&model.campaign);
}

static void test_any_events_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_events_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
