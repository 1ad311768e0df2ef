/* Jobs that run, die, are retried or grow old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/jobs_stage.h"

static void test_a_crash_is_seen_by_the_next(void **state)
{
    struct jobs jobs;

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    add_host(&jobs, &job, "a");
    add_host(&jobs, &job, "b");
    send_to(&jobs, &job, "a");
    assert_string_equal(jobs_of(&jobs), "abcd:running;");
    jobs_close(&jobs); /* without an end, as a killed process */
    open_ok(&jobs);
    assert_string_equal(jobs_of(&jobs), "abcd:crashed;");
    /* What was sent may have been run. */
    assert_string_equal(hosts_of(&jobs, job.number), "a=silent+;b=unsent;");
    job_deinit(&job);
    jobs_close(&jobs);
}

static void test_our_own_job_has_not_crashed(void **state)
{
    struct jobs jobs;

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    assert_int_equal(jobs_mark_crashed(&jobs), LASTCALL_OK);
    assert_string_equal(jobs_of(&jobs), "abcd:running;");
    job_deinit(&job);
    jobs_close(&jobs);
}

/* Between opening and beginning another may have run and been killed. */
static void test_who_had_our_place_is_gone(void **state)
{
    struct jobs jobs;
    struct jobs other;

    (void)state;
    open_ok(&jobs);
    open_ok(&other);
    struct job old = begin(&other, "old-id-0123456789");
    jobs_close(&other);
    assert_string_equal(jobs_of(&jobs), "old-:running;");
    struct job now = begin(&jobs, "new-id-0123456789");
    assert_string_equal(jobs_of(&jobs), "new-:running;old-:crashed;");
    job_deinit(&old);
    job_deinit(&now);
    jobs_close(&jobs);
}

static void tell_again(void *context, const struct job_host *host)
{
    snprintf(context, 96, "%s", host->retried_as.text);
}

static void test_the_newest_retry_is_named(void **state)
{
    static const char *const ids[] = {"zz-first-0123456789",
                                      "aa-second-0123456789"};
    struct jobs jobs;
    char text[96] = "";

    (void)state;
    open_ok(&jobs);
    struct job job = begin(&jobs, "abcdefgh-0123456789");
    add_host(&jobs, &job, "a");
    end(&jobs, &job, JOB_DONE, 4);
    for (size_t i = 0; i < 2; i++) {
        struct job again = job_of(ids[i]);

        again.parent = job.id;
        open_batch(&jobs);
        assert_int_equal(jobs_begin(&jobs, &again), LASTCALL_OK);
        commit(&jobs);
        add_host(&jobs, &again, "a");
        end(&jobs, &again, JOB_DONE, 4);
        assert_int_equal(jobs_each_host(&jobs, job.number, tell_again, text),
                         LASTCALL_OK);
        assert_string_equal(text, ids[i]);
        job_deinit(&again);
    }
    job_deinit(&job);
    jobs_close(&jobs);
}

static void test_what_is_old_is_forgotten(void **state)
{
    struct jobs jobs;
    struct job now = job_of("new-id-0123456789");

    (void)state;
    open_ok(&jobs);
    struct job old = begin(&jobs, "old-id-0123456789");
    add_host(&jobs, &old, "a");
    send_to(&jobs, &old, "a");
    answer(&jobs, &old, "a", JOB_TRUE, "1");
    end(&jobs, &old, JOB_DONE, 0);
    now.started_ms = NOW_MS + JOBS_KEEP_MS;
    open_batch(&jobs);
    assert_int_equal(jobs_begin(&jobs, &now), LASTCALL_OK);
    commit(&jobs);
    end(&jobs, &now, JOB_DONE, 0);
    assert_string_equal(jobs_of(&jobs), "new-:done;old-:done;");
    now.started_ms++;
    snprintf(now.id.text, sizeof now.id.text, "third-0123456789");
    open_batch(&jobs);
    assert_int_equal(jobs_begin(&jobs, &now), LASTCALL_OK);
    commit(&jobs);
    assert_string_equal(jobs_of(&jobs), "thir:running;new-:done;");
    assert_string_equal(hosts_of(&jobs, old.number), "");
    job_deinit(&old);
    job_deinit(&now);
    jobs_close(&jobs);
}

static void test_what_runs_is_not_forgotten(void **state)
{
    struct jobs jobs;
    struct job now = job_of("new-id-0123456789");

    (void)state;
    open_ok(&jobs);
    struct job old = begin(&jobs, "old-id-0123456789");
    end(&jobs, &old, JOB_DONE, 0);
    run_sql(&jobs, "UPDATE job SET state = 'running', slot = 9");
    now.started_ms = NOW_MS + 2 * JOBS_KEEP_MS;
    open_batch(&jobs);
    assert_int_equal(jobs_begin(&jobs, &now), LASTCALL_OK);
    commit(&jobs);
    assert_string_equal(jobs_of(&jobs), "new-:running;old-:running;");
    job_deinit(&old);
    job_deinit(&now);
    jobs_close(&jobs);
}

/* The bridge has several presses under way, and one database. */
static void test_several_jobs_of_one_process_run_at_once(void **state)
{
    struct jobs jobs;

    (void)state;
    open_ok(&jobs);
    struct job first = begin(&jobs, "frst-id-0123456789");
    struct job second = begin(&jobs, "scnd-id-0123456789");

    assert_string_equal(jobs_of(&jobs), "scnd:running;frst:running;");
    end(&jobs, &first, JOB_DONE, 0);
    assert_string_equal(jobs_of(&jobs), "scnd:running;frst:done;");
    assert_int_equal(jobs_mark_crashed(&jobs), LASTCALL_OK);
    assert_string_equal(jobs_of(&jobs), "scnd:running;frst:done;");
    end(&jobs, &second, JOB_DONE, 0);
    job_deinit(&first);
    job_deinit(&second);
    jobs_close(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_crash_is_seen_by_the_next, set_up),
        cmocka_unit_test_setup(test_our_own_job_has_not_crashed, set_up),
        cmocka_unit_test_setup(test_who_had_our_place_is_gone, set_up),
        cmocka_unit_test_setup(test_the_newest_retry_is_named, set_up),
        cmocka_unit_test_setup(test_what_runs_is_not_forgotten, set_up),
        cmocka_unit_test_setup(test_what_is_old_is_forgotten, set_up),
        cmocka_unit_test_setup(test_several_jobs_of_one_process_run_at_once,
                               set_up),
    };

    return cmocka_run_group_tests(tests, make_directory, NULL);
}
