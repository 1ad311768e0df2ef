/*
 * The pace of a campaign: batches, canaries, failures that stop it; first by
 * example, then any events in any order against a simple model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/campaign.h"
#include "controller/dispatch.h"
#include "controller/records.h"

#define START_MS INT64_C(1000000)
#define TIMEOUT_MS INT64_C(10000)
#define TTL_MS INT64_C(60000)
#define HOST_MAX ((size_t)12)

static struct name host_name(size_t number)
{
    struct name name = {""};

    snprintf(name.text, sizeof name.text, "h%02zu", number);
    return name;
}

static size_t number_of(const struct name *name)
{
    return (size_t)(name->text[1] - '0') * 10 + (size_t)(name->text[2] - '0');
}

static struct request_id id_of(size_t number)
{
    struct request_id id = {""};

    snprintf(id.text, sizeof id.text, "request-of-host-%02zu", number);
    return id;
}

static struct pace_share share(const char *text)
{
    struct pace_share out = {0};

    if (text != NULL)
        assert_int_equal(pace_share_parse(text, &out), LASTCALL_OK);
    return out;
}

/* A campaign of hosts that are asked one by one; '-' in states is offline. */
static void begin(struct campaign *campaign, const char *states,
                  const struct campaign_pace *pace)
{
    *campaign = (struct campaign){
        .timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS, .pace = *pace};
    for (size_t i = 0; states[i] != '\0'; i++) {
        struct name name = host_name(i);

        assert_int_equal(campaign_expect(campaign, &name,
                                         states[i] == '-' ? PRESENCE_OFFLINE
                                                          : PRESENCE_ONLINE,
                                         CAMPAIGN_NO_MESSAGE),
                         LASTCALL_OK);
    }
    assert_int_equal(campaign_start(campaign, START_MS), LASTCALL_OK);
}

/* Do what dispatch does: send what is due, ask whom it may.  Appends a digit
 * for each host that is asked. */
static void go(struct campaign *campaign, int64_t now_ms, char *asked)
{
    for (;;) {
        const struct campaign_message *message =
            campaign_next_send(campaign, now_ms);
        const struct campaign_host *host = NULL;
        struct request_id id;
        struct bytes token;
        size_t len = strlen(asked);

        /* Whoever has answered is not sent it again: it is gone. */
        if (message != NULL) {
            assert_true(message->token.len > 0);
            assert_true(message->sent_count <= CAMPAIGN_SEND_COUNT);
            continue;
        }
        host = campaign_next_host(campaign, now_ms);
        if (host == NULL)
            break;
        id = id_of(number_of(&host->name));
        bytes_init(&token, 100);
        assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
        asked[len] = host->name.text[2];
        asked[len + 1] = '\0';
        assert_int_equal(campaign_ask(campaign, &id, &token), LASTCALL_OK);
    }
}

static enum campaign_verdict answer(struct campaign *campaign, size_t number,
                                    enum lastcall_status code, int64_t now_ms)
{
    struct answer answer = {.host = host_name(number)};
    size_t message = CAMPAIGN_NO_MESSAGE;

    answer.claims.request_id = id_of(number);
    answer.result.code = code;
    message = campaign_find_message(campaign, &answer.claims.request_id);
    if (message != CAMPAIGN_NO_MESSAGE)
        memcpy(answer.claims.request_hash, campaign->messages[message].hash,
               sizeof answer.claims.request_hash);
    return campaign_take(campaign, &answer, now_ms);
}

static enum campaign_outcome outcome(const struct campaign *campaign,
                                     size_t number)
{
    struct name name = host_name(number);

    return campaign_find_host(campaign, &name)->outcome;
}

static void test_shares_are_read_strictly(void **state)
{
    static const char *const bad[] = {"",   "-1",  "%",     "101%", "5 ",
                                      "5x", "5%%", "20001", "+5",   "1.5"};
    struct pace_share out;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pace_share_parse(bad[i], &out), LASTCALL_E_SYNTAX);
    out = share("5");
    assert_true(out.is_given && !out.is_percent && out.number == 5);
    out = share("100%");
    assert_true(out.is_given && out.is_percent && out.number == 100);
}

/* Up for batch and canary, down for failures. */
static void test_shares_of_the_hosts_are_rounded(void **state)
{
    const struct campaign_pace pace = {
        .batch = share("34%"), .canary = share("1%"), .max_fail = share("39%")};
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
    const struct campaign_pace pace = {.batch = share("2")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "+++++", &pace);
    go(&campaign, START_MS, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(outcome(&campaign, 2), OUTCOME_UNSENT);
    assert_int_equal(answer(&campaign, 1, LASTCALL_OK, START_MS + 5),
                     VERDICT_ANSWER);
    assert_int_equal(campaign.messages[1].token.len, 0);
    assert_true(campaign.messages[0].token.len > 0);
    go(&campaign, START_MS + 5, asked);
    assert_string_equal(asked, "012");
    assert_int_equal(answer(&campaign, 0, LASTCALL_DENIED, START_MS + 6),
                     VERDICT_ANSWER);
    assert_int_equal(answer(&campaign, 2, LASTCALL_OK, START_MS + 6),
                     VERDICT_ANSWER);
    go(&campaign, START_MS + 6, asked);
    assert_string_equal(asked, "01234");
    assert_false(campaign_check_end(&campaign, START_MS + 6));
    campaign_deinit(&campaign);
}

/* Each has its own time from its own sending, and what is given up makes room
 * for the next. */
static void test_each_host_has_its_own_time(void **state)
{
    const struct campaign_pace pace = {.batch = share("1")};
    const int64_t second_ms = START_MS + 9000;
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "+++", &pace);
    go(&campaign, START_MS, asked);
    assert_int_equal(answer(&campaign, 0, LASTCALL_OK, second_ms),
                     VERDICT_ANSWER);
    go(&campaign, second_ms, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(campaign_next_ms(&campaign, second_ms),
                     second_ms + TIMEOUT_MS);
    assert_false(campaign_check_end(&campaign, second_ms + TIMEOUT_MS - 1));
    assert_int_equal(outcome(&campaign, 1), OUTCOME_WAITING);
    assert_false(campaign_check_end(&campaign, second_ms + TIMEOUT_MS));
    assert_int_equal(outcome(&campaign, 1), OUTCOME_SILENT);
    go(&campaign, second_ms + TIMEOUT_MS, asked);
    assert_string_equal(asked, "012");
    /* And it may still be heard while the campaign runs. */
    assert_int_equal(
        answer(&campaign, 1, LASTCALL_OK, second_ms + TIMEOUT_MS + 1),
        VERDICT_ANSWER);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_TRUE);
    assert_int_equal(
        answer(&campaign, 2, LASTCALL_OK, second_ms + TIMEOUT_MS + 2),
        VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, second_ms + TIMEOUT_MS + 2));
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    assert_true(campaign.hosts[1].is_late);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_OK);
    campaign_deinit(&campaign);
}

static void test_a_place_cools_before_the_next(void **state)
{
    const struct campaign_pace pace = {.batch = share("2"),
                                       .batch_wait_ms = 500};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "++++", &pace);
    go(&campaign, START_MS, asked);
    (void)answer(&campaign, 0, LASTCALL_OK, START_MS + 10);
    (void)answer(&campaign, 1, LASTCALL_OK, START_MS + 30);
    go(&campaign, START_MS + 509, asked);
    assert_string_equal(asked, "01");
    assert_int_equal(campaign_next_ms(&campaign, START_MS + 509),
                     START_MS + 510);
    go(&campaign, START_MS + 510, asked);
    assert_string_equal(asked, "012");
    go(&campaign, START_MS + 530, asked);
    assert_string_equal(asked, "0123");
    campaign_deinit(&campaign);
}

static void test_canaries_go_alone(void **state)
{
    const struct campaign_pace pace = {.canary = share("2"),
                                       .batch_wait_ms = 100};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "-+++-+", &pace);
    go(&campaign, START_MS, asked);
    assert_string_equal(asked, "12");
    (void)answer(&campaign, 2, LASTCALL_OK, START_MS + 1);
    go(&campaign, START_MS + 1000, asked);
    assert_string_equal(asked, "12");
    (void)answer(&campaign, 1, LASTCALL_NO_MATCH, START_MS + 1000);
    go(&campaign, START_MS + 1099, asked);
    assert_string_equal(asked, "12");
    assert_int_equal(campaign_next_ms(&campaign, START_MS + 1099),
                     START_MS + 1100);
    go(&campaign, START_MS + 1100, asked);
    assert_string_equal(asked, "1235");
    campaign_deinit(&campaign);
}

static void check_canary_stops(enum lastcall_status code)
{
    const struct campaign_pace pace = {.canary = share("1"),
                                       .max_fail = share("0")};
    const struct registry refusing = {.refusal_count = 1};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = START_MS + 10;

    begin(&campaign, "+++", &pace);
    go(&campaign, START_MS, asked);
    /* LASTCALL_E_MISSING stands for a host that says nothing. */
    if (code == LASTCALL_E_MISSING)
        now_ms = START_MS + TIMEOUT_MS;
    else
        (void)answer(&campaign, 0, code, now_ms);
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_string_equal(asked, "0");
    assert_int_equal(campaign.end, CAMPAIGN_STOPPED);
    assert_int_equal(campaign.pacer.phase, PACE_STOPPED_BY_CANARY);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_UNSENT);
    assert_int_equal(outcome(&campaign, 2), OUTCOME_UNSENT);
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
    const struct campaign_pace pace = {.batch = share("1"),
                                       .max_fail = share("3")};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = START_MS;

    (void)state;
    begin(&campaign, "++-++++-", &pace);
    go(&campaign, now_ms, asked);
    (void)answer(&campaign, 0, LASTCALL_DENIED, now_ms);
    go(&campaign, now_ms, asked);
    /* The turn of the one that is offline has not come. */
    assert_int_equal(campaign.pacer.failed_count, 1);
    (void)answer(&campaign, 1, LASTCALL_FORBIDDEN, now_ms);
    go(&campaign, now_ms, asked);
    (void)answer(&campaign, 3, LASTCALL_OK, now_ms);
    go(&campaign, now_ms, asked);
    assert_string_equal(asked, "0134");
    assert_int_equal(campaign.pacer.failed_count, 3);
    now_ms += TIMEOUT_MS;
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_int_equal(campaign.end, CAMPAIGN_STOPPED);
    assert_int_equal(outcome(&campaign, 4), OUTCOME_SILENT);
    assert_int_equal(outcome(&campaign, 5), OUTCOME_UNSENT);
    assert_int_equal(outcome(&campaign, 7), OUTCOME_OFFLINE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_STOPPED);
    campaign_deinit(&campaign);
}

/* As many failures as are allowed stop nothing. */
static void test_allowed_failures_do_not_stop(void **state)
{
    const struct campaign_pace pace = {.batch = share("1"),
                                       .max_fail = share("1")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "++", &pace);
    go(&campaign, START_MS, asked);
    (void)answer(&campaign, 0, LASTCALL_DENIED, START_MS);
    go(&campaign, START_MS, asked);
    (void)answer(&campaign, 1, LASTCALL_OK, START_MS);
    assert_true(campaign_check_end(&campaign, START_MS));
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_FALSE);
    campaign_deinit(&campaign);
}

/* The broker went away: who was asked is silent, who was not is unsent. */
static void test_nothing_can_be_sent(void **state)
{
    const struct campaign_pace pace = {.batch = share("1"),
                                       .batch_wait_ms = 300};
    struct campaign campaign;
    char asked[32] = "";
    int64_t now_ms = START_MS + TIMEOUT_MS;

    (void)state;
    begin(&campaign, "++", &pace);
    go(&campaign, START_MS, asked);
    assert_false(campaign_check_end(&campaign, now_ms));
    assert_int_equal(outcome(&campaign, 0), OUTCOME_SILENT);
    assert_int_equal(campaign_next_ms(&campaign, now_ms), now_ms + 300);
    now_ms += 300 + TIMEOUT_MS;
    assert_int_equal(campaign_next_ms(&campaign, now_ms - 1), now_ms);
    assert_false(campaign_check_end(&campaign, now_ms - 1));
    assert_true(campaign_check_end(&campaign, now_ms));
    assert_int_equal(campaign.end, CAMPAIGN_TIMED_OUT);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_UNSENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    campaign_deinit(&campaign);
}

static void test_a_broadcast_that_never_went_out(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    const struct address address = {.kind = ADDRESS_ALL};
    const struct name name = host_name(0);
    const struct request_id id = id_of(0);
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
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_int_equal(campaign_next_ms(&campaign, START_MS),
                     START_MS + TIMEOUT_MS);
    assert_true(campaign_check_end(&campaign, START_MS + TIMEOUT_MS));
    assert_int_equal(campaign.end, CAMPAIGN_TIMED_OUT);
    assert_int_equal(outcome(&campaign, 0), OUTCOME_UNSENT);
    campaign_deinit(&campaign);
}

static void test_a_host_that_is_named_twice_is_asked_once(void **state)
{
    const struct campaign_pace pace = {0};
    const struct name name = host_name(1);
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "++", &pace);
    assert_int_equal(campaign_expect(&campaign, &name, PRESENCE_UNKNOWN,
                                     CAMPAIGN_NO_MESSAGE),
                     LASTCALL_OK);
    assert_int_equal(campaign.host_count, 2);
    go(&campaign, START_MS, asked);
    assert_string_equal(asked, "01");
    campaign_deinit(&campaign);
}

static void test_interrupted_in_the_middle(void **state)
{
    const struct campaign_pace pace = {.batch = share("1")};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "++-+", &pace);
    go(&campaign, START_MS, asked);
    (void)answer(&campaign, 0, LASTCALL_OK, START_MS);
    go(&campaign, START_MS, asked);
    campaign_finish(&campaign, CAMPAIGN_INTERRUPTED);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_SILENT);
    assert_int_equal(outcome(&campaign, 2), OUTCOME_OFFLINE);
    assert_int_equal(outcome(&campaign, 3), OUTCOME_UNSENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_INTERRUPTED);
    campaign_deinit(&campaign);
}

/* A host that was given up is sent it again, for the sake of a late answer. */
static void test_the_silent_are_sent_it_again(void **state)
{
    const struct campaign_pace pace = {.batch = share("1")};
    struct campaign campaign;
    const struct campaign_message *again = NULL;
    char asked[32] = "";
    int64_t now_ms = START_MS + TIMEOUT_MS;

    (void)state;
    begin(&campaign, "+++", &pace);
    go(&campaign, START_MS, asked);
    assert_false(campaign_check_end(&campaign, now_ms));
    go(&campaign, now_ms, asked);
    assert_string_equal(asked, "01");
    now_ms = START_MS + TTL_MS / 4;
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
    begin(&campaign, "+++++++", &pace);
    for (size_t i = 0; i < sizeof lives_ms / sizeof lives_ms[0]; i++) {
        const struct campaign_host *host =
            campaign_next_host(&campaign, START_MS);
        struct request_id id = id_of(number_of(&host->name));
        struct bytes token;

        bytes_init(&token, 100);
        assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
        assert_int_equal(campaign_ask(&campaign, &id, &token), LASTCALL_OK);
        campaign.messages[i].life_ms = lives_ms[i];
        assert_non_null(campaign_next_send(&campaign, START_MS));
    }
    (void)answer(&campaign, 1, LASTCALL_OK, START_MS);
    for (int64_t ms = 0; ms <= TTL_MS; ms += 500) {
        const struct campaign_message *message =
            campaign_next_send(&campaign, START_MS + ms);

        if (message != NULL)
            snprintf(order + strlen(order), sizeof order - strlen(order), "%zu",
                     (size_t)(message - campaign.messages));
    }
    assert_string_equal(order, "252635463400");
    go(&campaign, START_MS, asked);
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
    const struct campaign_pace pace = {.batch = share("10%")};
    struct campaign campaign = {
        .timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS, .pace = pace};
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
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    while (!campaign_check_end(&campaign, START_MS)) {
        const struct campaign_host *host =
            campaign_next_host(&campaign, START_MS);
        struct answer answer = {0};

        if (host != NULL) {
            struct request_id id;
            struct bytes token;

            snprintf(id.text, sizeof id.text, "request-%010zu", asked++);
            bytes_init(&token, 100);
            assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
            assert_int_equal(campaign_ask(&campaign, &id, &token), LASTCALL_OK);
            assert_non_null(campaign_next_send(&campaign, START_MS));
            continue;
        }
        assert_true(campaign_next_ms(&campaign, START_MS) > START_MS);
        snprintf(answer.host.text, sizeof answer.host.text, "media-%zu",
                 answered);
        snprintf(answer.claims.request_id.text,
                 sizeof answer.claims.request_id.text, "request-%010zu",
                 answered);
        memcpy(answer.claims.request_hash, campaign.messages[answered].hash,
               sizeof answer.claims.request_hash);
        answered++;
        assert_int_equal(campaign_take(&campaign, &answer, START_MS),
                         VERDICT_ANSWER);
    }
    assert_int_equal(answered, CAMPAIGN_HOST_MAX);
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    campaign_deinit(&campaign);
}

/* Offline when the campaign began is not offline when the turn comes. */
static void test_who_is_back_before_its_turn_is_asked(void **state)
{
    const struct campaign_pace pace = {.batch = share("1")};
    const struct name names[] = {host_name(0), host_name(1), host_name(2),
                                 host_name(3)};
    struct campaign campaign;
    char asked[32] = "";

    (void)state;
    begin(&campaign, "+--+", &pace);
    go(&campaign, START_MS, asked);
    for (size_t i = 0; i < 3; i += 2)
        campaign_note_return(&campaign, &names[i]);
    assert_int_equal(outcome(&campaign, 0), OUTCOME_WAITING);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_OFFLINE);
    assert_int_equal(outcome(&campaign, 2), OUTCOME_UNSENT);
    (void)answer(&campaign, 0, LASTCALL_OK, START_MS);
    go(&campaign, START_MS, asked);
    assert_string_equal(asked, "02");
    /* Its turn is over. */
    campaign_note_return(&campaign, &names[1]);
    assert_int_equal(outcome(&campaign, 1), OUTCOME_OFFLINE);
    assert_int_equal(campaign.pacer.failed_count, 1);
    campaign_deinit(&campaign);
}

/* Any events in any order. */

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

    *model = (struct model){.random = seed, .now_ms = START_MS};
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
    begin(&model->campaign, states, &pace);
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
    go(&model->campaign, model->now_ms, asked);
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
            model->now_ms >= host->asked_ms + TIMEOUT_MS) {
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
        answer(&model->campaign, number, codes[which], model->now_ms);

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
    assert_int_equal(outcome(&model->campaign, number), outcomes[which]);
}

static void model_forge(struct model *model, size_t number)
{
    struct name name = host_name(number);

    campaign_note_bad(&model->campaign, &name, LASTCALL_E_SIGNATURE, "forged");
    model->bad++;
}

/* One host answers in the name of another. */
static void model_impersonate(struct model *model, size_t number)
{
    struct answer answer = {.host = host_name(number)};
    size_t message = below(model, model->host_count);

    answer.claims.request_id = id_of(message);
    if (message == number || !model->hosts[message].was_asked)
        return;
    assert_int_equal(campaign_take(&model->campaign, &answer, model->now_ms),
                     VERDICT_BAD);
    model->bad++;
}

static void model_return(struct model *model, size_t number)
{
    struct name name = host_name(number);

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
            assert_int_equal(outcome(campaign, i), OUTCOME_OFFLINE);
        else if (!host->was_asked)
            assert_int_equal(outcome(campaign, i), OUTCOME_UNSENT);
        else if (!host->has_answer)
            assert_int_equal(outcome(campaign, i), OUTCOME_SILENT);
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
        cmocka_unit_test(test_any_events_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
