/* When the answers of a campaign come on record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/jobs_record.h"
#include "tests/unit/jobs_stage.h"

#define HOST_COUNT ((size_t)600)
/* What may be left to note when the last one has come. */
#define LEFT_MAX ((size_t)256)

static struct campaign campaign;
static struct jobs jobs;
static struct jobs_record record;

static struct name name_of(size_t number)
{
    struct name name;

    snprintf(name.text, sizeof name.text, "host-%04zu", number);
    return name;
}

/* A broadcast to all of them that has been sent and is on record. */
static void begin_broadcast(void)
{
    const struct address everybody = {.kind = ADDRESS_ALL};
    const struct request_id id = {"request-0123456789"};
    struct bytes token;
    size_t index = 0;

    campaign = (struct campaign){.timeout_ms = 10000, .ttl_ms = 60000};
    bytes_init(&token, 100);
    assert_int_equal(bytes_append_text(&token, "signed"), LASTCALL_OK);
    assert_int_equal(
        campaign_add_message(&campaign, &everybody, &id, &token, &index),
        LASTCALL_OK);
    for (size_t i = 0; i < HOST_COUNT; i++) {
        const struct name name = name_of(i);

        assert_int_equal(
            campaign_expect(&campaign, &name, PRESENCE_ONLINE, index),
            LASTCALL_OK);
    }
    assert_int_equal(campaign_start(&campaign, 0), LASTCALL_OK);
    open_ok(&jobs);
    record = (struct jobs_record){
        .jobs = &jobs, .job = job_of("abcdefgh-0123456789"), .is_open = true};
    assert_int_equal(jobs_record_observer.begin(&record, &campaign),
                     LASTCALL_OK);
    jobs_record_observer.sending(&record, &campaign,
                                 campaign_next_send(&campaign, 0));
    /* before the first waiting */
    (void)jobs_record_observer.tend(&record, &campaign, fleet_now_ms());
}

static void end_broadcast(void)
{
    campaign_deinit(&campaign);
    jobs_record_close(&record);
    jobs_close(&jobs);
}

static void take_answer(size_t number)
{
    const struct name name = name_of(number);
    struct answer answer = {.host = name};

    answer.claims.request_id = campaign.messages[0].id;
    memcpy(answer.claims.request_hash, campaign.messages[0].hash,
           sizeof answer.claims.request_hash);
    assert_int_equal(campaign_take(&campaign, &answer, 1), VERDICT_ANSWER);
    jobs_record_observer.answered(&record, &campaign,
                                  campaign_find_host(&campaign, &name));
}

static void count_noted(void *context, const struct job_host *host)
{
    *(size_t *)context += host->outcome == JOB_TRUE;
}

/* How many are on record: what another process would see. */
static size_t noted_count(void)
{
    size_t count = 0;

    assert_int_equal(
        jobs_each_host(&jobs, record.job.number, count_noted, &count),
        LASTCALL_OK);
    return count;
}

/* Answers that come one right after the other are noted all the same, and
 * what the end leaves to do is little. */
static void test_noted_while_others_come(void **state)
{
    (void)state;
    begin_broadcast();
    for (size_t i = 0; i < HOST_COUNT; i++) {
        take_answer(i);
        if (i % 10 == 0)
            assert_true(i + 1 <= noted_count() + LEFT_MAX);
    }
    assert_true(noted_count() < HOST_COUNT);
    assert_true(campaign_check_end(&campaign, 2));
    jobs_record_observer.ended(&record, &campaign);
    assert_int_equal(noted_count(), HOST_COUNT);
    assert_string_equal(jobs_of(&jobs), "abcd:done;");
    end_broadcast();
}

/* The last of those that came wait for no more than a moment's silence. */
static void test_noted_when_nobody_comes(void **state)
{
    int64_t due_ms = 0;

    (void)state;
    begin_broadcast();
    take_answer(0);
    assert_int_equal(noted_count(), 0);
    due_ms =
        jobs_record_observer.tend(&record, &campaign, record.pending_last_ms);
    assert_int_equal(due_ms, record.pending_last_ms + JOBS_RECORD_QUIET_MS);
    assert_int_equal(noted_count(), 0);
    (void)jobs_record_observer.tend(&record, &campaign, due_ms);
    assert_int_equal(noted_count(), 1);
    end_broadcast();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_noted_while_others_come, set_up),
        cmocka_unit_test_setup(test_noted_when_nobody_comes, set_up),
    };

    return cmocka_run_group_tests(tests, make_directory, NULL);
}
