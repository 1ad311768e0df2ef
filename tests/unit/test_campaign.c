/*
 * Campaigns: silent, late, duplicate, forged and malformed answers in every
 * order; what is sent when; what the whole means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/campaign.h"

#define START_MS INT64_C(1000000)
#define TIMEOUT_MS INT64_C(10000)
#define TTL_MS INT64_C(20000)

static struct name name_of(const char *text)
{
    struct name name = {""};

    snprintf(name.text, sizeof name.text, "%s", text);
    return name;
}

static struct request_id id_of(size_t number)
{
    struct request_id id = {""};

    snprintf(id.text, sizeof id.text, "request-number-%04zu", number);
    return id;
}

static size_t add_message(struct campaign *campaign, enum address_kind kind,
                          const char *host)
{
    struct address address = {.kind = kind, .name = name_of(host)};
    struct request_id id = id_of(campaign->message_count);
    struct bytes token;
    size_t index = CAMPAIGN_NO_MESSAGE;

    bytes_init(&token, 100);
    assert_int_equal(bytes_append_format(&token, "token of %s", id.text),
                     LASTCALL_OK);
    assert_int_equal(
        campaign_add_message(campaign, &address, &id, &token, &index),
        LASTCALL_OK);
    return index;
}

static void expect(struct campaign *campaign, const char *host,
                   enum campaign_presence presence, size_t message)
{
    struct name name = name_of(host);

    assert_int_equal(campaign_expect(campaign, &name, presence, message),
                     LASTCALL_OK);
}

/* A broadcast to hosts that are there. */
static void begin_broadcast(struct campaign *campaign, size_t host_count)
{
    size_t message = 0;

    *campaign = (struct campaign){.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    message = add_message(campaign, ADDRESS_ALL, "");
    for (size_t i = 0; i < host_count; i++) {
        char host[32];

        snprintf(host, sizeof host, "h%zu", i);
        expect(campaign, host, PRESENCE_ONLINE, message);
    }
    assert_int_equal(campaign_start(campaign, START_MS), LASTCALL_OK);
    while (campaign_next_send(campaign, START_MS) != NULL)
        continue;
}

static struct answer answer_of(const struct campaign *campaign, size_t message,
                               const char *host, enum lastcall_status code)
{
    struct answer answer = {.host = name_of(host)};

    answer.claims.request_id = id_of(message);
    answer.result.code = code;
    if (message < campaign->message_count)
        memcpy(answer.claims.request_hash, campaign->messages[message].hash,
               sizeof answer.claims.request_hash);
    return answer;
}

static enum campaign_verdict take(struct campaign *campaign, const char *host,
                                  enum lastcall_status code)
{
    struct answer answer = answer_of(campaign, 0, host, code);

    return campaign_take(campaign, &answer, START_MS + 50);
}

static enum campaign_outcome outcome_of(const struct campaign *campaign,
                                        const char *host)
{
    struct name name = name_of(host);
    const struct campaign_host *found = campaign_find_host(campaign, &name);

    assert_non_null(found);
    return found->outcome;
}

static void test_ends_as_soon_as_all_have_answered(void **state)
{
    struct campaign campaign;

    (void)state;
    begin_broadcast(&campaign, 2);
    assert_int_equal(take(&campaign, "h1", LASTCALL_OK), VERDICT_ANSWER);
    assert_false(campaign_check_end(&campaign, START_MS + 60));
    assert_int_equal(take(&campaign, "h0", LASTCALL_NO_MATCH), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 60));
    assert_int_equal(campaign.end, CAMPAIGN_COMPLETE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_OK);
    campaign_deinit(&campaign);
}

/* What was signed for an earlier campaign, to some of its hosts. */
static void test_a_repeat_counts_only_whom_it_is_for(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    const int64_t life_ms = 8000;
    size_t message = add_message(&campaign, ADDRESS_ALL, "");

    (void)state;
    campaign.messages[message].life_ms = life_ms;
    campaign.messages[message].is_repeat = true;
    expect(&campaign, "h0", PRESENCE_ONLINE, message);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_non_null(campaign_next_send(&campaign, START_MS));
    assert_int_equal(campaign_expiry_s(&campaign, &campaign.messages[message],
                                       START_MS + 1000),
                     7);
    assert_null(campaign_next_send(&campaign, START_MS + life_ms / 4 - 1));
    assert_non_null(campaign_next_send(&campaign, START_MS + life_ms / 4));
    assert_int_equal(take(&campaign, "h9", LASTCALL_OK), VERDICT_STRANGER);
    assert_int_equal(campaign.host_count, 1);
    assert_int_equal(take(&campaign, "h0", LASTCALL_OK), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 3000));
    campaign_deinit(&campaign);
}

static void test_silence_ends_with_the_timeout(void **state)
{
    struct campaign campaign;

    (void)state;
    begin_broadcast(&campaign, 2);
    assert_int_equal(take(&campaign, "h1", LASTCALL_OK), VERDICT_ANSWER);
    assert_false(campaign_check_end(&campaign, START_MS + TIMEOUT_MS - 1));
    assert_true(campaign_check_end(&campaign, START_MS + TIMEOUT_MS));
    assert_int_equal(outcome_of(&campaign, "h0"), OUTCOME_SILENT);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    assert_int_equal(take(&campaign, "h0", LASTCALL_OK), VERDICT_LATE);
    assert_int_equal(outcome_of(&campaign, "h0"), OUTCOME_SILENT);
    assert_int_equal(campaign.late_count, 1);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    campaign_deinit(&campaign);
}

static void test_offline_is_not_waited_for(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    size_t message = 0;

    (void)state;
    message = add_message(&campaign, ADDRESS_ALL, "");
    expect(&campaign, "up", PRESENCE_ONLINE, message);
    expect(&campaign, "down", PRESENCE_OFFLINE, message);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_int_equal(take(&campaign, "up", LASTCALL_OK), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 1));
    assert_int_equal(outcome_of(&campaign, "down"), OUTCOME_OFFLINE);
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    campaign_deinit(&campaign);
}

/* It came back while others were awaited: its word counts. */
static void test_offline_host_may_answer_after_all(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    size_t message = 0;

    (void)state;
    message = add_message(&campaign, ADDRESS_ALL, "");
    expect(&campaign, "up", PRESENCE_ONLINE, message);
    expect(&campaign, "down", PRESENCE_OFFLINE, message);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_int_equal(take(&campaign, "down", LASTCALL_OK), VERDICT_ANSWER);
    assert_false(campaign_check_end(&campaign, START_MS + 1));
    assert_int_equal(take(&campaign, "up", LASTCALL_OK), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 1));
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_OK);
    campaign_deinit(&campaign);
}

static void test_nobody_to_wait_for_sends_nothing(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};

    (void)state;
    expect(&campaign, "down", PRESENCE_OFFLINE, CAMPAIGN_NO_MESSAGE);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_true(campaign_check_end(&campaign, START_MS));
    assert_null(campaign_next_send(&campaign, START_MS));
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_SILENT);
    campaign_deinit(&campaign);
}

static void test_a_host_nobody_knew_may_answer_a_broadcast(void **state)
{
    struct campaign campaign;

    (void)state;
    begin_broadcast(&campaign, 1);
    assert_int_equal(take(&campaign, "a-stranger", LASTCALL_UNREACHABLE),
                     VERDICT_ANSWER);
    assert_int_equal(campaign.host_count, 2);
    assert_false(campaign_check_end(&campaign, START_MS + 1));
    assert_int_equal(take(&campaign, "h0", LASTCALL_OK), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 1));
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_FALSE);
    campaign_deinit(&campaign);
}

/* The kinds of event of the permutations below. */
enum event {
    EVENT_GENUINE,
    EVENT_DUPLICATE,
    EVENT_FORGED,    /* answer_open() refused it */
    EVENT_MALFORMED, /* the same, another reason */
    EVENT_OTHER_HASH,
    EVENT_OTHER_REQUEST,
    EVENT_KIND_COUNT_HERE
};

static void play(struct campaign *campaign, enum event event)
{
    struct name host = name_of("h0");
    struct answer answer = {0};

    switch (event) {
    case EVENT_GENUINE:
    case EVENT_DUPLICATE:
        (void)take(campaign, "h0", LASTCALL_OK);
        break;
    case EVENT_FORGED:
        campaign_note_bad(campaign, &host, LASTCALL_E_SIGNATURE, "forged");
        break;
    case EVENT_MALFORMED:
        campaign_note_bad(campaign, &host, LASTCALL_E_ENCODING, "");
        break;
    case EVENT_OTHER_HASH:
        answer = answer_of(campaign, 0, "h0", LASTCALL_OK);
        answer.claims.request_hash[0] ^= 1;
        assert_int_equal(campaign_take(campaign, &answer, START_MS + 5),
                         VERDICT_BAD);
        break;
    case EVENT_OTHER_REQUEST:
        answer = answer_of(campaign, 77, "h0", LASTCALL_OK);
        assert_int_equal(campaign_take(campaign, &answer, START_MS + 5),
                         VERDICT_STRANGER);
        break;
    case EVENT_KIND_COUNT_HERE:
        break;
    }
}

static void check_order(const enum event *order)
{
    struct campaign campaign;
    struct campaign_tally tally;

    begin_broadcast(&campaign, 2);
    for (size_t i = 0; i < EVENT_KIND_COUNT_HERE; i++)
        play(&campaign, order[i]);
    campaign_tally(&campaign, &tally);
    assert_int_equal(outcome_of(&campaign, "h0"), OUTCOME_TRUE);
    assert_int_equal(outcome_of(&campaign, "h1"), OUTCOME_WAITING);
    assert_int_equal(tally.duplicates, 1);
    assert_int_equal(tally.bad, 3);
    assert_false(campaign_check_end(&campaign, START_MS + 10));
    assert_int_equal(take(&campaign, "h1", LASTCALL_OK), VERDICT_ANSWER);
    assert_true(campaign_check_end(&campaign, START_MS + 10));
    assert_int_equal(campaign_exit_code(&campaign), EXIT_CODE_REFUSED);
    campaign_deinit(&campaign);
}

/* All orders of the six events, by Heap's method. */
static void permute(enum event *order, size_t count)
{
    if (count == 1) {
        check_order(order);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = count % 2 == 0 ? i : 0;
        enum event kept = EVENT_GENUINE;

        permute(order, count - 1);
        kept = order[other];
        order[other] = order[count - 1];
        order[count - 1] = kept;
    }
}

/* holds 6.7 */
static void test_every_order_of_good_and_bad(void **state)
{
    enum event order[EVENT_KIND_COUNT_HERE];

    (void)state;
    for (size_t i = 0; i < EVENT_KIND_COUNT_HERE; i++)
        order[i] = (enum event)i;
    permute(order, EVENT_KIND_COUNT_HERE);
}

/* A bad message never stands for its host's answer. */
static void test_bad_messages_do_not_end_the_waiting(void **state)
{
    struct campaign campaign;
    struct name host = name_of("h0");

    (void)state;
    begin_broadcast(&campaign, 1);
    for (size_t i = 0; i < CAMPAIGN_BAD_MAX + 50; i++)
        campaign_note_bad(&campaign, &host, LASTCALL_E_SIGNATURE, "forged");
    assert_int_equal(campaign.bad_count, CAMPAIGN_BAD_MAX + 50);
    assert_false(campaign_check_end(&campaign, START_MS + 1));
    assert_true(campaign_check_end(&campaign, START_MS + TIMEOUT_MS));
    assert_int_equal(outcome_of(&campaign, "h0"), OUTCOME_SILENT);
    campaign_deinit(&campaign);
}

/* What was asked of one host cannot be answered by another. */
static void test_one_host_cannot_answer_for_another(void **state)
{
    struct campaign campaign = {.timeout_ms = TIMEOUT_MS, .ttl_ms = TTL_MS};
    struct answer answer = {0};
    size_t a = 0;
    size_t b = 0;

    (void)state;
    a = add_message(&campaign, ADDRESS_HOST, "a");
    b = add_message(&campaign, ADDRESS_HOST, "b");
    expect(&campaign, "a", PRESENCE_ONLINE, a);
    expect(&campaign, "b", PRESENCE_UNKNOWN, b);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    answer = answer_of(&campaign, a, "b", LASTCALL_OK);
    assert_int_equal(campaign_take(&campaign, &answer, START_MS + 1),
                     VERDICT_BAD);
    assert_int_equal(outcome_of(&campaign, "b"), OUTCOME_WAITING);
    answer = answer_of(&campaign, b, "b", LASTCALL_OK);
    assert_int_equal(campaign_take(&campaign, &answer, START_MS + 1),
                     VERDICT_ANSWER);
    assert_int_equal(outcome_of(&campaign, "a"), OUTCOME_WAITING);
    campaign_deinit(&campaign);
}

/* How often a message is handed out at a time. */
static size_t sends_at(struct campaign *campaign, int64_t now_ms)
{
    size_t count = 0;

    while (campaign_next_send(campaign, now_ms) != NULL)
        count++;
    return count;
}

/* holds 1.6, 1.12 */
static void test_resends_at_a_quarter_and_half(void **state)
{
    struct campaign campaign = {.timeout_ms = 60000, .ttl_ms = TTL_MS};
    size_t quiet = 0;
    size_t quick = 0;
    struct answer answer = {0};

    (void)state;
    quick = add_message(&campaign, ADDRESS_HOST, "quick");
    quiet = add_message(&campaign, ADDRESS_HOST, "quiet");
    expect(&campaign, "quick", PRESENCE_ONLINE, quick);
    expect(&campaign, "quiet", PRESENCE_ONLINE, quiet);
    assert_int_equal(campaign_start(&campaign, START_MS), LASTCALL_OK);
    assert_int_equal(sends_at(&campaign, START_MS), 2);
    assert_int_equal(sends_at(&campaign, START_MS), 0);
    answer = answer_of(&campaign, quick, "quick", LASTCALL_OK);
    assert_int_equal(campaign_take(&campaign, &answer, START_MS + 3),
                     VERDICT_ANSWER);
    assert_int_equal(campaign_next_ms(&campaign, START_MS + 3),
                     START_MS + TTL_MS / 4);
    assert_int_equal(sends_at(&campaign, START_MS + TTL_MS / 4 - 1), 0);
    assert_int_equal(sends_at(&campaign, START_MS + TTL_MS / 4), 1);
    assert_int_equal(sends_at(&campaign, START_MS + TTL_MS / 4 + 1), 0);
    assert_int_equal(campaign_expiry_s(&campaign, &campaign.messages[quiet],
                                       START_MS + TTL_MS / 4),
                     TTL_MS * 3 / 4 / 1000);
    assert_int_equal(sends_at(&campaign, START_MS + TTL_MS / 2), 1);
    assert_int_equal(sends_at(&campaign, START_MS + TTL_MS), 0);
    assert_int_equal(campaign_expiry_s(&campaign, &campaign.messages[quiet],
                                       START_MS + 2 * TTL_MS),
                     1);
    campaign_deinit(&campaign);
}

static void test_lost_with_the_connection_is_sent_again(void **state)
{
    struct campaign campaign;

    (void)state;
    begin_broadcast(&campaign, 1);
    assert_int_equal(sends_at(&campaign, START_MS + 1), 0);
    campaign_lost(&campaign, 0);
    assert_int_equal(sends_at(&campaign, START_MS + 1), 1);
    assert_int_equal(sends_at(&campaign, START_MS + 1), 0);
    campaign_lost(&campaign, 99);
    assert_int_equal(sends_at(&campaign, START_MS + 1), 0);
    campaign_deinit(&campaign);
}

/* The exit status of a campaign of single answers. */
static enum exit_code exit_of(const enum lastcall_status *codes, size_t count,
                              enum campaign_end end)
{
    struct campaign campaign;
    enum exit_code code = EXIT_CODE_OK;

    begin_broadcast(&campaign, count);
    for (size_t i = 0; i < count; i++) {
        char host[32];

        snprintf(host, sizeof host, "h%zu", i);
        /* LASTCALL_E_MISSING stands for a host that says nothing. */
        if (codes[i] != LASTCALL_E_MISSING)
            (void)take(&campaign, host, codes[i]);
    }
    campaign_finish(&campaign, end);
    code = campaign_exit_code(&campaign);
    campaign_deinit(&campaign);
    return code;
}

static void test_exit_precedence(void **state)
{
    static const enum lastcall_status good[] = {LASTCALL_OK,
                                                LASTCALL_ALREADY_GONE};
    static const enum lastcall_status bad[] = {LASTCALL_OK, LASTCALL_DENIED};
    static const enum lastcall_status quiet[] = {LASTCALL_OK,
                                                 LASTCALL_E_MISSING};
    static const enum lastcall_status both[] = {LASTCALL_NOT_FOUND,
                                                LASTCALL_E_MISSING};
    static const enum lastcall_status all[] = {
        LASTCALL_FORBIDDEN, LASTCALL_PARTIAL, LASTCALL_E_MISSING};

    (void)state;
    assert_int_equal(exit_of(good, 2, CAMPAIGN_COMPLETE), EXIT_CODE_OK);
    assert_int_equal(exit_of(bad, 2, CAMPAIGN_COMPLETE), EXIT_CODE_FALSE);
    assert_int_equal(exit_of(quiet, 2, CAMPAIGN_TIMED_OUT), EXIT_CODE_SILENT);
    assert_int_equal(exit_of(both, 2, CAMPAIGN_TIMED_OUT), EXIT_CODE_FALSE);
    assert_int_equal(exit_of(all, 3, CAMPAIGN_TIMED_OUT), EXIT_CODE_REFUSED);
    assert_int_equal(exit_of(all, 3, CAMPAIGN_INTERRUPTED),
                     EXIT_CODE_INTERRUPTED);
    assert_int_equal(exit_of(quiet, 2, CAMPAIGN_CUT_OFF), EXIT_CODE_BROKER);
    assert_int_equal(exit_of(both, 2, CAMPAIGN_CUT_OFF), EXIT_CODE_FALSE);
}

static void test_every_code_has_its_exit(void **state)
{
    (void)state;
    for (int i = 0; i < LASTCALL_WIRE_CODE_COUNT; i++) {
        enum lastcall_status code = (enum lastcall_status)i;
        enum exit_code wanted = campaign_is_refusal(code) ? EXIT_CODE_REFUSED
                                : status_is_success(code) ? EXIT_CODE_OK
                                                          : EXIT_CODE_FALSE;

        assert_int_equal(exit_of(&code, 1, CAMPAIGN_COMPLETE), wanted);
    }
    assert_true(campaign_is_refusal(LASTCALL_REVOKED));
    assert_false(campaign_is_refusal(LASTCALL_UNSUPPORTED));
    assert_false(campaign_is_refusal(LASTCALL_PROTECTED));
}

/* Each host may say any number. */
static void test_sums_have_an_end(void **state)
{
    struct campaign campaign;
    struct campaign_tally tally;

    (void)state;
    begin_broadcast(&campaign, 2);
    for (size_t i = 0; i < 2; i++) {
        struct answer answer =
            answer_of(&campaign, 0, i == 0 ? "h0" : "h1", LASTCALL_OK);

        answer.result.matched = INT64_MAX;
        answer.result.succeeded = INT64_MAX - 1;
        answer.result.failed = 1;
        assert_int_equal(campaign_take(&campaign, &answer, START_MS + 50),
                         VERDICT_ANSWER);
    }
    campaign_tally(&campaign, &tally);
    assert_true(tally.matched == INT64_MAX);
    assert_true(tally.succeeded == INT64_MAX);
    assert_int_equal(tally.failed, 2);
    campaign_deinit(&campaign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_as_soon_as_all_have_answered),
        cmocka_unit_test(test_silence_ends_with_the_timeout),
        cmocka_unit_test(test_offline_is_not_waited_for),
        cmocka_unit_test(test_offline_host_may_answer_after_all),
        cmocka_unit_test(test_nobody_to_wait_for_sends_nothing),
        cmocka_unit_test(test_a_host_nobody_knew_may_answer_a_broadcast),
        cmocka_unit_test(test_every_order_of_good_and_bad),
        cmocka_unit_test(test_bad_messages_do_not_end_the_waiting),
        cmocka_unit_test(test_one_host_cannot_answer_for_another),
        cmocka_unit_test(test_a_repeat_counts_only_whom_it_is_for),
        cmocka_unit_test(test_resends_at_a_quarter_and_half),
        cmocka_unit_test(test_lost_with_the_connection_is_sent_again),
        cmocka_unit_test(test_exit_precedence),
        cmocka_unit_test(test_every_code_has_its_exit),
        cmocka_unit_test(test_sums_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
