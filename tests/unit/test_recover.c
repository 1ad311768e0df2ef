#include "tests/unit/bodies.h"

#include "worker/recover.h"

#define TARGETS                                                                \
    "{\"targets\":[{\"server\":\"one\",\"session_id\":\"a\","                  \
    "\"username\":\"ann\"}]}"

static struct server_settings server = {.name = {"one"}};
static const struct settings settings = {.servers = &server, .server_count = 1};
static const struct settings without = {.servers = &server, .server_count = 0};

static struct recovery *recovery_of(const struct settings *from)
{
    const struct journal_open_entry open = {
        .entry = {.id = 1, .issuer = "controller:alice", .action = ACTION_STOP},
        .targets = TARGETS,
        .targets_len = sizeof(TARGETS) - 1,
    };
    struct recovery *recovery = recovery_new(&open, from, 0);

    assert_non_null(recovery);
    return recovery;
}

static enum lastcall_status settle(struct recovery *recovery)
{
    struct run *run = recovery_take_run(recovery);
    const enum lastcall_status code = run->result.code;

    assert_int_equal(run->result.session_count, 1);
    run_free(run);
    return code;
}

/* holds 4.17 */
static void an_unreachable_server_proves_nothing(void **state)
{
    struct recovery *recovery = recovery_of(&settings);
    struct snapshot snapshot = {.outcome = {.code = LASTCALL_UNREACHABLE}};

    (void)state;
    recovery_look(recovery, &snapshot, &settings);
    assert_false(recovery_is_over(recovery, RECOVER_WAIT_MS - 1));
    assert_true(recovery_is_over(recovery, RECOVER_WAIT_MS));
    assert_int_equal(settle(recovery), LASTCALL_INTERRUPTED);
}

/* holds 4.17 */
static void a_list_without_the_target_proves_it_gone(void **state)
{
    struct recovery *recovery = recovery_of(&settings);
    struct snapshot snapshot = {.outcome = {.code = LASTCALL_OK}};

    (void)state;
    assert_false(recovery_is_over(recovery, 0));
    recovery_look(recovery, &snapshot, &settings);
    assert_true(recovery_is_over(recovery, 0));
    assert_int_equal(settle(recovery), LASTCALL_OK);
}

static void a_server_taken_out_is_not_waited_for(void **state)
{
    struct recovery *recovery = recovery_of(&without);

    (void)state;
    assert_true(recovery_is_over(recovery, 0));
    assert_int_equal(settle(recovery), LASTCALL_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unreachable_server_proves_nothing),
        cmocka_unit_test(a_list_without_the_target_proves_it_gone),
        cmocka_unit_test(a_server_taken_out_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
