#include "tests/unit/bodies.h"

#include "worker/recover.h"

#define TARGETS                                                                \
    "{\"targets\":[{\"server\":\"one\",\"session_id\":\"a\","                  \
    "\"username\":\"ann\"}]}"

static struct server_settings server = {.name = {"one"}};
static const struct settings settings = {.servers = &server, .server_count = 1};
static const struct settings without = {.servers = &server, .server_count = 0};

static struct recovery *recovery_with(const struct settings *from,
                                      enum action action, const char *targets)
{
    const struct journal_open_entry open = {
        .entry = {.id = 1, .issuer = "controller:alice", .action = action},
        .targets = targets,
        .targets_len = strlen(targets),
    };
    struct recovery *recovery = recovery_new(&open, from, 0);

    assert_non_null(recovery);
    return recovery;
}

static struct recovery *recovery_of(const struct settings *from)
{
    return recovery_with(from, ACTION_STOP, TARGETS);
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

/* ---- terminal sessions ---- */

#define MORNING "2026-11-21T08:00:00.000Z"
#define NOON "2026-11-21T12:00:00.000Z"
#define WTS_TARGETS                                                            \
    "{\"targets\":[{\"server\":\"one\",\"session_id\":\"2\","                  \
    "\"username\":\"ann\",\"logon_time\":\"" MORNING "\"}]}"

/* What is listed as session 2 after the restart. */
struct found {
    enum action action;
    const char *user; /* NULL: nothing is */
    const char *logon;
    const char *state;
    enum lastcall_status code;
};

static void put_found(const struct found *found, struct session_list *list)
{
    struct session session = {0};

    if (found->user == NULL)
        return;
    assert_int_equal(session_set_text(&session, SESSION_ID, "2"), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, found->user),
                     LASTCALL_OK);
    assert_int_equal(
        session_set_text(&session, SESSION_LOGON_TIME, found->logon),
        LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_STATE, found->state),
                     LASTCALL_OK);
    assert_int_equal(session_list_take(list, &session), LASTCALL_OK);
}

/* holds 4.17 */
static void a_terminal_session_is_known_by_user_and_logon(void **state)
{
    static const struct found cases[] = {
        {ACTION_LOGOFF, NULL, NULL, NULL, LASTCALL_OK},
        {ACTION_LOGOFF, "ann", MORNING, "active", LASTCALL_INTERRUPTED},
        {ACTION_LOGOFF, "ann", MORNING, "disconnected", LASTCALL_INTERRUPTED},
        {ACTION_LOGOFF, "ann", NOON, "active", LASTCALL_OK},
        {ACTION_LOGOFF, "bob", MORNING, "active", LASTCALL_OK},
        {ACTION_DISCONNECT, "ann", MORNING, "active", LASTCALL_INTERRUPTED},
        {ACTION_DISCONNECT, "ann", MORNING, "disconnected", LASTCALL_OK},
        {ACTION_DISCONNECT, "bob", NOON, "active", LASTCALL_OK},
        {ACTION_END, "ann", MORNING, "active", LASTCALL_INTERRUPTED},
        {ACTION_END, "ann", MORNING, "disconnected", LASTCALL_OK},
        {ACTION_END, NULL, NULL, NULL, LASTCALL_OK},
    };

    (void)state;
    server.backend = BACKEND_WTS;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recovery *recovery =
            recovery_with(&settings, cases[i].action, WTS_TARGETS);
        struct snapshot snapshot = {.outcome = {.code = LASTCALL_OK}};

        put_found(&cases[i], &snapshot.sessions);
        recovery_look(recovery, &snapshot, &settings);
        if (settle(recovery) != cases[i].code)
            fail_msg("case %zu", i);
        session_list_deinit(&snapshot.sessions);
    }
    server.backend = BACKEND_PLEX;
}

/* holds 4.17 */
static void whether_a_message_was_shown_cannot_be_told(void **state)
{
    struct recovery *recovery =
        recovery_with(&settings, ACTION_MESSAGE, WTS_TARGETS);
    struct snapshot snapshot = {.outcome = {.code = LASTCALL_OK}};

    (void)state;
    assert_true(recovery_is_over(recovery, 0)); /* no list would tell */
    recovery_look(recovery, &snapshot, &settings);
    assert_int_equal(settle(recovery), LASTCALL_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unreachable_server_proves_nothing),
        cmocka_unit_test(a_list_without_the_target_proves_it_gone),
        cmocka_unit_test(a_server_taken_out_is_not_waited_for),
        cmocka_unit_test(a_terminal_session_is_known_by_user_and_logon),
        cmocka_unit_test(whether_a_message_was_shown_cannot_be_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
