/* Jobs: what is written is read again, by whom it may, and told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/exit_code.h"
#include "tests/unit/jobs_stage.h"
#include "tests/unit/scratch.h"

static void test_what_was_written_is_read(void **state)
{
    struct jobs jobs;
    struct job job;
    struct job found;

    (void)state;
    open_ok(&jobs);
    job = begin(&jobs, "abcdefgh-0123456789");
    add_host(&jobs, &job, "a");
    add_host(&jobs, &job, "b");
    send_to(&jobs, &job, "a");
    answer(&jobs, &job, "a", JOB_TRUE, "{\"code\":\"ok\"}");
    assert_string_equal(hosts_of(&jobs, job.number),
                        "a=true:{\"code\":\"ok\"}+;b=waiting;");
    assert_int_equal(jobs_find(&jobs, "abcd", &found), LASTCALL_OK);
    assert_int_equal(found.state, JOB_RUNNING);
    assert_int_equal(found.exit_code, JOB_EXIT_NONE);
    job_deinit(&found);
    end(&jobs, &job, JOB_DONE, EXIT_CODE_SILENT);
    jobs_close(&jobs);
    open_ok(&jobs);
    assert_int_equal(jobs_find(&jobs, job.id.text, &found), LASTCALL_OK);
    assert_string_equal(found.issuer, "controller:alice");
    assert_string_equal(found.command, "stop");
    assert_string_equal(found.target, "a,b");
    assert_string_equal(found.words, "--every");
    assert_int_equal(found.started_ms, NOW_MS);
    assert_int_equal(found.ended_ms, NOW_MS + 100);
    assert_int_equal(found.ttl_ms, 60000);
    assert_int_equal(found.state, JOB_DONE);
    assert_int_equal(found.exit_code, EXIT_CODE_SILENT);
    assert_int_equal(found.host_count, 2);
    assert_int_equal(found.outcomes[JOB_TRUE], 1);
    assert_int_equal(found.outcomes[JOB_WAITING], 1);
    assert_int_equal(found.request.len, 6);
    assert_memory_equal(found.request.data, "signed", 6);
    job_deinit(&found);
    job_deinit(&job);
    jobs_close(&jobs);
}

static void test_messages_are_found_by_address(void **state)
{
    struct jobs jobs;
    struct job_message message;
    struct job_host a = host_of("a", JOB_WAITING);
    struct job_host z = host_of("z", JOB_WAITING);

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    send_to(&jobs, &job, "a");
    send_to(&jobs, &job, "a"); /* handed over twice: it stays */
    assert_int_equal(jobs_find_message(&jobs, job.number, &a.address, &message),
                     LASTCALL_OK);
    assert_string_equal(message.id.text, "request-to-a-0123");
    assert_string_equal(message.hash, "hash of a");
    assert_int_equal(message.token.len, strlen("token of a"));
    assert_memory_equal(message.token.data, "token of a", message.token.len);
    assert_int_equal(message.expires_s, 1790000060);
    job_message_deinit(&message);
    assert_int_equal(jobs_find_message(&jobs, job.number, &z.address, &message),
                     LASTCALL_E_MISSING);
    job_deinit(&job);
    jobs_close(&jobs);
}

static void test_the_first_answer_counts(void **state)
{
    struct jobs jobs;
    struct job_host silent = host_of("a", JOB_SILENT);

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    add_host(&jobs, &job, "a");
    answer(&jobs, &job, "a", JOB_FALSE, "1");
    answer(&jobs, &job, "a", JOB_TRUE, "2");
    answer(&jobs, &job, "q", JOB_TRUE, "3"); /* nobody expected it */
    open_batch(&jobs);
    assert_int_equal(jobs_set_outcome(&jobs, job.number, &silent), LASTCALL_OK);
    commit(&jobs);
    assert_string_equal(hosts_of(&jobs, job.number), "a=false:1;q=true:3;");
    job_deinit(&job);
    jobs_close(&jobs);
}

static void keep_first(void *context, const struct job_message *message)
{
    char *out = context;
    size_t used = strlen(out);

    snprintf(out + used, 64 - used, "%.13s;", message->address.name.text);
}

/* Who waits searches among them by halves. */
static void test_messages_come_in_the_order_of_their_ids(void **state)
{
    struct jobs jobs;
    char text[64] = "";

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    send_to(&jobs, &job, "a");
    send_to(&jobs, &job, "b");
    send_to(&jobs, &job, "c");
    run_sql(&jobs, "UPDATE message SET id = 'a-' || id"
                   " WHERE address = 'host:b'");
    assert_int_equal(jobs_each_message(&jobs, job.number, keep_first, text),
                     LASTCALL_OK);
    assert_string_equal(text, "b;a;c;");
    job_deinit(&job);
    jobs_close(&jobs);
}

static void test_beginnings_must_be_of_one(void **state)
{
    struct jobs jobs;
    struct job found;

    (void)state;
    open_ok(&jobs);
    struct job first = begin(&jobs, "abcd-0123456789-x");
    end(&jobs, &first, JOB_DONE, 0);
    struct job second = begin(&jobs, "abce-0123456789-x");
    assert_int_equal(jobs_find(&jobs, "abc", &found), LASTCALL_E_SYNTAX);
    assert_int_equal(jobs_find(&jobs, "ABCD", &found), LASTCALL_E_MISSING);
    assert_int_equal(jobs_find(&jobs, "ab%d", &found), LASTCALL_E_MISSING);
    assert_int_equal(jobs_find(&jobs, "abce", &found), LASTCALL_OK);
    assert_int_equal(found.number, second.number);
    job_deinit(&found);
    assert_string_equal(jobs_of(&jobs), "abce:running;abcd:done;");
    end(&jobs, &second, JOB_INTERRUPTED, EXIT_CODE_INTERRUPTED);
    struct job third = begin(&jobs, "abcd-9876543210-x");
    assert_int_equal(jobs_find(&jobs, "abcd", &found), LASTCALL_E_EXISTS);
    assert_int_equal(jobs_find(&jobs, "abcd-9", &found), LASTCALL_OK);
    job_deinit(&found);
    job_deinit(&first);
    job_deinit(&second);
    job_deinit(&third);
    jobs_close(&jobs);
}

static void test_it_is_its_users_alone(void **state)
{
    struct jobs jobs;

    (void)state;
    open_ok(&jobs);
    assert_true(scratch_is_private(file(JOBS_FILE)));
    jobs_close(&jobs);
}

static void write_file(const char *path, const char *text)
{
    FILE *stream = fopen(path, "wb");

    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

static void expect_refusal(enum lastcall_status status, const char *words)
{
    struct jobs jobs;
    struct platform_error error = {{0}};

    assert_int_equal(jobs_open(folder, &jobs, &error), status);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    jobs_close(&jobs);
}

static void test_what_cannot_be_opened_says_what_to_do(void **state)
{
    struct jobs jobs;

    (void)state;
    open_ok(&jobs);
    sqlite3_exec(jobs.store.db, "PRAGMA user_version = 9", NULL, NULL, NULL);
    jobs_close(&jobs);
    expect_refusal(LASTCALL_E_CONFIG, "newer program");
    expect_refusal(LASTCALL_E_CONFIG, "move it away");
    write_file(file(JOBS_FILE), "this is no database, whatever its name says");
    expect_refusal(LASTCALL_E_IO, "move it away");
    snprintf(folder + strlen(folder), sizeof folder - strlen(folder), "/%s/x",
             JOBS_FILE); /* below a file */
    expect_refusal(LASTCALL_E_IO, JOBS_FILE);
}

static void test_exit_of_what_came_late(void **state)
{
    static const enum job_outcome unanswered[] = {JOB_WAITING, JOB_SILENT,
                                                  JOB_OFFLINE, JOB_UNSENT};
    struct job job = {.state = JOB_DONE, .exit_code = EXIT_CODE_SILENT};

    (void)state;
    job.outcomes[JOB_TRUE] = 2;
    assert_int_equal(job_exit_code(&job), EXIT_CODE_OK);
    for (size_t i = 0; i < sizeof unanswered / sizeof unanswered[0]; i++) {
        job.outcomes[unanswered[i]] = 1;
        assert_int_equal(job_exit_code(&job), EXIT_CODE_SILENT);
        job.outcomes[unanswered[i]] = 0;
    }
    job.outcomes[JOB_UNSENT] = 1;
    job.outcomes[JOB_FALSE] = 1;
    assert_int_equal(job_exit_code(&job), EXIT_CODE_FALSE);
    job.outcomes[JOB_REFUSED] = 1;
    assert_int_equal(job_exit_code(&job), EXIT_CODE_REFUSED);
    job.exit_code = EXIT_CODE_STOPPED;
    assert_int_equal(job_exit_code(&job), EXIT_CODE_STOPPED);
    job.exit_code = EXIT_CODE_INTERRUPTED;
    assert_int_equal(job_exit_code(&job), EXIT_CODE_INTERRUPTED);
    job = (struct job){.exit_code = EXIT_CODE_REFUSED};
    assert_int_equal(job_exit_code(&job), EXIT_CODE_REFUSED);
}

/* The fastest thousand of the latter half: a machine with other work is slow
 * now and then, a journal that looks at all it has is slow each time. */
struct pace {
    int64_t began_ms;
    int64_t fastest_ms;
};

static void pace_note(struct pace *pace, int done)
{
    int64_t now_ms = platform_clock.monotonic_ms(platform_clock.state);

    if (done % 1000 != 0)
        return;
    if (done > 5000 && now_ms - pace->began_ms < pace->fastest_ms)
        pace->fastest_ms = now_ms - pace->began_ms;
    pace->began_ms = now_ms;
}

/* As many as a campaign may have, each asked by itself. */
static void test_ten_thousand_hosts(void **state)
{
    struct jobs jobs;
    char text[1100];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    for (int step = 0; step < 3; step++) {
        if (step != 1)
            open_batch(&jobs);
        struct pace pace = {.fastest_ms = INT64_MAX};

        for (int i = 0; i < 10000; i++) {
            char name[16];
            struct job_message message = {.sent_ms = NOW_MS};

            pace_note(&pace, i);

            snprintf(name, sizeof name, "host-%d", i);
            struct job_host host = host_of(name, JOB_TRUE);
            host.answered_ms = NOW_MS;
            host.answer = text;
            message.address = host.address;
            message.token = (struct bytes){.data = (unsigned char *)text,
                                           .len = sizeof text - 1};
            if (step == 0) {
                host.answered_ms = 0;
                assert_int_equal(jobs_add_host(&jobs, job.number, &host),
                                 LASTCALL_OK);
            } else if (step == 1) { /* on record before each is sent */
                open_batch(&jobs);
                assert_int_equal(jobs_add_message(&jobs, job.number, &message),
                                 LASTCALL_OK);
                commit(&jobs);
            } else {
                assert_int_equal(jobs_set_answer(&jobs, job.number, &host),
                                 LASTCALL_OK);
            }
        }
        if (step != 1)
            commit(&jobs);
        print_message("step %d: a thousand in %d ms\n", step,
                      (int)pace.fastest_ms);
        assert_in_range(pace.fastest_ms, 0, 1500); /* 50 ms at rest */
    }
    struct job found;
    assert_int_equal(jobs_find(&jobs, job.id.text, &found), LASTCALL_OK);
    assert_int_equal(found.outcomes[JOB_TRUE], 10000);
    job_deinit(&found);
    job_deinit(&job);
    jobs_close(&jobs);
    remove(file(JOBS_FILE)); /* tens of megabytes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_was_written_is_read, set_up),
        cmocka_unit_test_setup(test_messages_are_found_by_address, set_up),
        cmocka_unit_test_setup(test_the_first_answer_counts, set_up),
        cmocka_unit_test_setup(test_messages_come_in_the_order_of_their_ids,
                               set_up),
        cmocka_unit_test_setup(test_beginnings_must_be_of_one, set_up),
        cmocka_unit_test_setup(test_it_is_its_users_alone, set_up),
        cmocka_unit_test_setup(test_what_cannot_be_opened_says_what_to_do,
                               set_up),
        cmocka_unit_test(test_exit_of_what_came_late),
        cmocka_unit_test_setup(test_ten_thousand_hosts, set_up),
    };

    return cmocka_run_group_tests(tests, make_directory, NULL);
}
