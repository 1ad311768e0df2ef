/* The pace of a campaign: batches, canaries, failures that stop it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/dispatch.h"
#include "controller/records.h"
#include "tests/unit/pace_stage.h"

static void test_shares_are_read_strictly(void **state)
{
    static const char *const bad[] = {"",   "-1",  "%",     "101%", "5 ",
                                      "5x", "5%%", "20001", "+5",   "1.5"};
    struct pace_share out;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pace_share_parse(bad[i], &out), LASTCALL_E_SYNTAX);
    out = pace_share("5");
    assert_true(out.is_given && !out.is_percent && out.number == 5);
    out = pace_share("100%");
    assert_true(out.is_given && out.is_percent && out.number == 100);
}

/* Up for batch and canary, down for failures. */
static void test_shares_of_the_hosts_are_rounded(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("34%"),
                                       .canary = pace_share("1%"),
                                       .max_fail = pace_share("39%")};
    struct pacer pacer;

    (void)state;
    assert_int_equal(pacer_start(&pacer, &pace, 10), LASTCALL_OK);
    assert_int_equal(pacer.window, 4);
    assert_int_equal(pacer.canary, 1);
    assert_int_equal(pacer.max_fail, 3);
    pacer_deinit(&pacer);
    /* What comes out even stays. */
    assert_int_equal(pacer_start(&pacer, &pace, 100), LASTCALL_OK);
    assert_int_equal(pacer.window, 34);
    assert_int_equal(pacer.canary, 1);
    assert_int_equal(pacer.max_fail, 39);
    pacer_deinit(&pacer);
    /* The least that is over counts. */
    assert_int_equal(pacer_start(&pacer, &pace, 101), LASTCALL_OK);
    assert_int_equal(pacer.canary, 2);
    pacer_deinit(&pacer);
    assert_int_equal(pacer_start(&pacer, &pace, 0), LASTCALL_OK);
    assert_int_equal(pacer.window, 1);
    pacer_deinit(&pacer);
}

static void test_a_window_slides(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("2")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "+++++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(pace_outcome(&campaign, 2), OUTCOME_UNSENT);
    assert_int_equal(pace_answer(&campaign, 1, LASTCALL_OK, PACE_START_MS + 5),
                     VERDICT_ANSWER);
    assert_int_equal(campaign.messages[1].token.len, 0);
    assert_true(campaign.messages[0].token.len > 0);
    pace_go(&campaign, PACE_START_MS + 5, asked);
    assert_string_equal(asked, "012");
    assert_int_equal(
        pace_answer(&campaign, 0, LASTCALL_DENIED, PACE_START_MS + 6),
        VERDICT_ANSWER);
    assert_int_equal(pace_answer(&campaign, 2, LASTCALL_OK, PACE_START_MS + 6),
                     VERDICT_ANSWER);
    pace_go(&campaign, PACE_START_MS + 6, asked);
    assert_string_equal(asked, "01234");
    assert_false(campaign_check_end(&campaign, PACE_START_MS + 6));
    campaign_deinit(&campaign);
}

/* Each has its own time from its own sending, and what is given up makes room
 * for the next. */
static void test_each_host_has_its_own_time(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1")};
    const int64_t second_ms = PACE_START_MS + 9000;
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "+++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_int_equal(pace_answer(&campaign, 0, LASTCALL_OK, second_ms),
                     VERDICT_ANSWER);
    pace_go(&campaign, second_ms, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(campaign_next_ms(&campaign, second_ms),
                     second_ms + PACE_TIMEOUT_MS);
    assert_false(
        campaign_check_end(&campaign, second_ms + PACE_TIMEOUT_MS - 1));
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_WAITING);
    assert_false(campaign_check_end(&campaign, second_ms + PACE_TIMEOUT_MS));
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_SILENT);
    pace_go(&campaign, second_ms + PACE_TIMEOUT_MS, asked);
    assert_string_equal(asked, "012");
    /* And it may still be heard while the campaign runs. */
    assert_int_equal(
        pace_answer(&campaign, 1, LASTCALL_OK, second_ms + PACE_TIMEOUT_MS + 1),
        VERDICT_ANSWER);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_TRUE);
    assert_int_equal(
        pace_answer(&campaign, 2, LASTCALL_OK, second_ms + PACE_TIMEOUT_MS + 2),
        VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, second_ms + PACE_TIMEOUT_MS + 2));
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    assert_true(campaign.hosts[1].is_late);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_OK);
    campaign_deinit(&campaign);
}

static void test_a_place_cools_before_the_next(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("2"),
                                       .batch_wait_ms = 500};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "++++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    (void)pace_answer(&campaign, 0, LASTCALL_OK, PACE_START_MS + 10);
    (void)pace_answer(&campaign, 1, LASTCALL_OK, PACE_START_MS + 30);
    pace_go(&campaign, PACE_START_MS + 509, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(campaign_next_ms(&campaign, PACE_START_MS + 509),
                     PACE_START_MS + 510);
    pace_go(&campaign, PACE_START_MS + 510, asked);
    assert_string_equal(asked, "012");
    pace_go(&campaign, PACE_START_MS + 530, asked);
    assert_string_equal(asked, "0123");
    campaign_deinit(&campaign);
}

static void test_canaries_go_alone(void **state)
{
    const struct campaign_pace pace = {.canary = pace_share("2"),
                                       .batch_wait_ms = 100};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "-+++-+", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_string_equal(asked, "12");
    (void)pace_answer(&campaign, 2, LASTCALL_OK, PACE_START_MS + 1);
    pace_go(&campaign, PACE_START_MS + 1000, asked);
    assert_string_equal(asked, "12");
    (void)pace_answer(&campaign, 1, LASTCALL_NO_MATCH, PACE_START_MS + 1000);
    pace_go(&campaign, PACE_START_MS + 1099, asked);
    assert_string_equal(asked, "12");
    assert_int_equal(campaign_next_ms(&campaign, PACE_START_MS + 1099),
                     PACE_START_MS + 1100);
    pace_go(&campaign, PACE_START_MS + 1100, asked);
    assert_string_equal(asked, "1235");
    campaign_deinit(&campaign);
}

static void check_canary_stops(enum lastcall_status code)
{
    const struct campaign_pace pace = {.canary = pace_share("1"),
                                       .max_fail = pace_share("0")};
    const struct registry refusing = {.refusal_count = 1};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = PACE_START_MS + 10;

    pace_begin(&campaign, "+++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    /* LASTCALL_E_MISSING stands for a host that says nothing. */
    if (code == LASTCALL_E_MISSING)
        now_ms = PACE_START_MS + PACE_TIMEOUT_MS;
    else
        (void)pace_answer(&campaign, 0, code, now_ms);
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_string_equal(asked, "0");
    assert_int_equal(campaign.end, CAMPAIGN_STOPPED);
    assert_int_equal(campaign.pacer.phase, PACE_STOPPED_BY_CANARY);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_UNSENT);
    assert_int_equal(pace_outcome(&campaign, 2), OUTCOME_UNSENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_STOPPED);
    assert_int_equal(record_exit_code(&campaign, &refusing), EXIT_CODE_STOPPED);
    campaign_deinit(&campaign);
}

static void test_a_canary_that_does_not_succeed_stops_it(void **state)
{
    (void)state;
    check_canary_stops(LASTCALL_DENIED);
    check_canary_stops(LASTCALL_FORBIDDEN);
    check_canary_stops(LASTCALL_E_MISSING);
}

/* False, refused, silent, and offline when its turn comes. */
static void test_failures_of_each_kind_are_counted(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1"),
                                       .max_fail = pace_share("3")};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = PACE_START_MS;

    (void)state;
    pace_begin(&campaign, "++-++++-", &pace);
    pace_go(&campaign, now_ms, asked);
    (void)pace_answer(&campaign, 0, LASTCALL_DENIED, now_ms);
    pace_go(&campaign, now_ms, asked);
    /* The turn of the one that is offline has not come. */
    assert_int_equal(campaign.pacer.failed_count, 1);
    (void)pace_answer(&campaign, 1, LASTCALL_FORBIDDEN, now_ms);
    pace_go(&campaign, now_ms, asked);
    (void)pace_answer(&campaign, 3, LASTCALL_OK, now_ms);
    pace_go(&campaign, now_ms, asked);
    assert_string_equal(asked, "0134");
    assert_int_equal(campaign.pacer.failed_count, 3);
    now_ms += PACE_TIMEOUT_MS;
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_int_equal(campaign.end, CAMPAIGN_STOPPED);
    assert_int_equal(pace_outcome(&campaign, 4), OUTCOME_SILENT);
    assert_int_equal(pace_outcome(&campaign, 5), OUTCOME_UNSENT);
    assert_int_equal(pace_outcome(&campaign, 7), OUTCOME_OFFLINE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_STOPPED);
    campaign_deinit(&campaign);
}

/* As many failures as are allowed stop nothing. */
static void test_allowed_failures_do_not_stop(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1"),
                                       .max_fail = pace_share("1")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    (void)pace_answer(&campaign, 0, LASTCALL_DENIED, PACE_START_MS);
    pace_go(&campaign, PACE_START_MS, asked);
    (void)pace_answer(&campaign, 1, LASTCALL_OK, PACE_START_MS);
    assert_true(campaign_check_end(&campaign, PACE_START_MS));
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_FALSE);
    campaign_deinit(&campaign);
}

/* The broker went away: who was asked is silent, who was not is unsent. */
static void test_nothing_can_be_sent(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1"),
                                       .batch_wait_ms = 300};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = PACE_START_MS + PACE_TIMEOUT_MS;

    (void)state;
    pace_begin(&campaign, "++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_false(campaign_check_end(&campaign, now_ms));
    assert_int_equal(pace_outcome(&campaign, 0), OUTCOME_SILENT);
    assert_int_equal(campaign_next_ms(&campaign, now_ms), now_ms + 300);
    now_ms += 300 + PACE_TIMEOUT_MS;
    assert_int_equal(campaign_next_ms(&campaign, now_ms - 1), now_ms);
    assert_false(campaign_check_end(&campaign, now_ms - 1));
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_int_equal(campaign.end, CAMPAIGN_TIMED_OUT);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_UNSENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    campaign_deinit(&campaign);
}

static void test_a_broadcast_that_never_went_out(void **state)
{
    struct campaign campaign = {.timeout_ms = PACE_TIMEOUT_MS,
                                .ttl_ms = PACE_TTL_MS};
    const struct address address = {.kind = ADDRESS_ALL};
    const struct name name = pace_host_name(0);
    const struct request_id id = pace_id_of(0);
    struct bytes token;
    size_t message = CAMPAIGN_NO_MESSAGE;

    (void)state;
    bytes_init(&token, 100);
    assert_int_equal(bytes_append_text(&token, "token"), LASTCALL_OK);
    assert_int_equal(
        campaign_add_message(&campaign, &address, &id, &token, &message),
        LASTCALL_OK);
    assert_int_equal(
        campaign_expect(&campaign, &name, PRESENCE_ONLINE, message),
        LASTCALL_OK);
    assert_int_equal(campaign_start(&campaign, PACE_START_MS), LASTCALL_OK);
    assert_int_equal(campaign_next_ms(&campaign, PACE_START_MS),
                     PACE_START_MS + PACE_TIMEOUT_MS);
    assert_true(campaign_check_end(&campaign, PACE_START_MS + PACE_TIMEOUT_MS));
    assert_int_equal(campaign.end, CAMPAIGN_TIMED_OUT);
    assert_int_equal(pace_outcome(&campaign, 0), OUTCOME_UNSENT);
    campaign_deinit(&campaign);
}

static void test_a_host_that_is_named_twice_is_asked_once(void **state)
{
    const struct campaign_pace pace = {0};
    const struct name name = pace_host_name(1);
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "++", &pace);
    assert_int_equal(campaign_expect(&campaign, &name, PRESENCE_UNKNOWN,
                                     CAMPAIGN_NO_MESSAGE),
                     LASTCALL_OK);
    assert_int_equal(campaign.host_count, 2);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_string_equal(asked, "01");
    campaign_deinit(&campaign);
}

static void test_interrupted_in_the_middle(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "++-+", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    (void)pace_answer(&campaign, 0, LASTCALL_OK, PACE_START_MS);
    pace_go(&campaign, PACE_START_MS, asked);
    campaign_finish(&campaign, CAMPAIGN_INTERRUPTED);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_SILENT);
    assert_int_equal(pace_outcome(&campaign, 2), OUTCOME_OFFLINE);
    assert_int_equal(pace_outcome(&campaign, 3), OUTCOME_UNSENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_INTERRUPTED);
    campaign_deinit(&campaign);
}

/* A host that was given up is sent it again, for the sake of a late answer. */
static void test_the_silent_are_sent_it_again(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1")};
    struct campaign campaign;
    const struct campaign_message *again = NULL;
    char asked[32] = "";
    int64_t now_ms = PACE_START_MS + PACE_TIMEOUT_MS;

    (void)state;
    pace_begin(&campaign, "+++", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_false(campaign_check_end(&campaign, now_ms));
    pace_go(&campaign, now_ms, asked);
    assert_string_equal(asked, "01");
    now_ms = PACE_START_MS + PACE_TTL_MS / 4;
    again = campaign_next_send(&campaign, now_ms);
    assert_ptr_equal(again, &campaign.messages[0]);
    assert_true(again->token.len > 0);
    assert_null(campaign_next_send(&campaign, now_ms));
    campaign_deinit(&campaign);
}

/* Those signed earlier have less time left: they come first again. */
static void test_shorter_lives_are_due_earlier(void **state)
{
    const struct campaign_pace pace = {0};
    static const int64_t lives_ms[] = {0,     40000, 8000, 20000,
                                       28000, 12000, 18000};
    struct campaign campaign;
    char asked[32] = "";
    char order[32] = "";

    (void)state;
    pace_begin(&campaign, "+++++++", &pace);
    for (size_t i = 0; i < sizeof lives_ms / sizeof lives_ms[0]; i++) {
        const struct campaign_host *host =
            campaign_next_host(&campaign, PACE_START_MS);
        struct request_id id = pace_id_of(pace_number_of(&host->name));
        struct bytes token;

        bytes_init(&token, 100);
        assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
        assert_int_equal(campaign_ask(&campaign, &id, &token), LASTCALL_OK);
        campaign.messages[i].life_ms = lives_ms[i];
        assert_non_null(campaign_next_send(&campaign, PACE_START_MS));
    }
    (void)pace_answer(&campaign, 1, LASTCALL_OK, PACE_START_MS);
    for (int64_t ms = 0; ms <= PACE_TTL_MS; ms += 500) {
        const struct campaign_message *message =
            campaign_next_send(&campaign, PACE_START_MS + ms);

        if (message != NULL)
            snprintf(order + strlen(order), sizeof order - strlen(order), "%zu",
                     (size_t)(message - campaign.messages));
    }
    assert_string_equal(order, "252635463400");
    pace_go(&campaign, PACE_START_MS, asked);
    campaign_deinit(&campaign);
}

static void test_splay_grows_with_the_answers(void **state)
{
    (void)state;
    assert_int_equal(dispatch_splay_s(0), 0);
    assert_int_equal(dispatch_splay_s(DISPATCH_SPLAY_HOSTS), 0);
    assert_int_equal(dispatch_splay_s(DISPATCH_SPLAY_HOSTS + 1), 1);
    assert_int_equal(dispatch_splay_s(5 * DISPATCH_SPLAY_HOSTS), 4);
}

/* As many as a campaign may have, one by one: what searches at each event
 * would take minutes. */
static void test_as_many_hosts_as_there_may_be(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("10%")};
    struct campaign campaign = {
        .timeout_ms = PACE_TIMEOUT_MS, .ttl_ms = PACE_TTL_MS, .pace = pace};
    size_t asked = 0;
    size_t answered = 0;

    (void)state;
    for (size_t i = 0; i < CAMPAIGN_HOST_MAX; i++) {
        struct name name;

        snprintf(name.text, sizeof name.text, "media-%zu", i);
        assert_int_equal(campaign_expect(&campaign, &name, PRESENCE_ONLINE,
                                         CAMPAIGN_NO_MESSAGE),
                         LASTCALL_OK);
    }
    assert_int_equal(campaign_start(&campaign, PACE_START_MS), LASTCALL_OK);
    while (!campaign_check_end(&campaign, PACE_START_MS)) {
        const struct campaign_host *host =
            campaign_next_host(&campaign, PACE_START_MS);
        struct answer answer = {0};

        if (host != NULL) {
            struct request_id id;
            struct bytes token;

            snprintf(id.text, sizeof id.text, "request-%010zu", asked++);
            bytes_init(&token, 100);
            assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
            assert_int_equal(campaign_ask(&campaign, &id, &token), LASTCALL_OK);
            assert_non_null(campaign_next_send(&campaign, PACE_START_MS));
            continue;
        }
        assert_true(campaign_next_ms(&campaign, PACE_START_MS) > PACE_START_MS);
        snprintf(answer.host.text, sizeof answer.host.text, "media-%zu",
                 answered);
        snprintf(answer.claims.request_id.text,
                 sizeof answer.claims.request_id.text, "request-%010zu",
                 answered);
        memcpy(answer.claims.request_hash, campaign.messages[answered].hash,
               sizeof answer.claims.request_hash);
        answered++;
        assert_int_equal(campaign_take(&campaign, &answer, PACE_START_MS),
                         VERDICT_ANSWER);
    }
    assert_int_equal(answered, CAMPAIGN_HOST_MAX);
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    campaign_deinit(&campaign);
}

/* Offline when the campaign began is not offline when the turn comes. */
static void test_who_is_back_before_its_turn_is_asked(void **state)
{
    const struct campaign_pace pace = {.batch = pace_share("1")};
    const struct name names[] = {pace_host_name(0), pace_host_name(1),
                                 pace_host_name(2), pace_host_name(3)};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    pace_begin(&campaign, "+--+", &pace);
    pace_go(&campaign, PACE_START_MS, asked);
    for (size_t i = 0; i < 3; i += 2)
        campaign_note_return(&campaign, &names[i]);
    assert_int_equal(pace_outcome(&campaign, 0), OUTCOME_WAITING);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_OFFLINE);
    assert_int_equal(pace_outcome(&campaign, 2), OUTCOME_UNSENT);
    (void)pace_answer(&campaign, 0, LASTCALL_OK, PACE_START_MS);
    pace_go(&campaign, PACE_START_MS, asked);
    assert_string_equal(asked, "02");
    /* Its turn is over. */
    campaign_note_return(&campaign, &names[1]);
    assert_int_equal(pace_outcome(&campaign, 1), OUTCOME_OFFLINE);
    assert_int_equal(campaign.pacer.failed_count, 1);
    campaign_deinit(&campaign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_read_strictly),
        cmocka_unit_test(test_shares_of_the_hosts_are_rounded),
        cmocka_unit_test(test_a_window_slides),
        cmocka_unit_test(test_each_host_has_its_own_time),
        cmocka_unit_test(test_a_place_cools_before_the_next),
        cmocka_unit_test(test_canaries_go_alone),
        cmocka_unit_test(test_a_canary_that_does_not_succeed_stops_it),
        cmocka_unit_test(test_failures_of_each_kind_are_counted),
        cmocka_unit_test(test_allowed_failures_do_not_stop),
        cmocka_unit_test(test_nothing_can_be_sent),
        cmocka_unit_test(test_a_broadcast_that_never_went_out),
        cmocka_unit_test(test_a_host_that_is_named_twice_is_asked_once),
        cmocka_unit_test(test_interrupted_in_the_middle),
        cmocka_unit_test(test_the_silent_are_sent_it_again),
        cmocka_unit_test(test_shorter_lives_are_due_earlier),
        cmocka_unit_test(test_splay_grows_with_the_answers),
        cmocka_unit_test(test_who_is_back_before_its_turn_is_asked),
        cmocka_unit_test(test_as_many_hosts_as_there_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
