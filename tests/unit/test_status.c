#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "protocol/action.h"
#include "protocol/status.h"

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < LASTCALL_STATUS_COUNT; i++) {
        const char *name = status_name((enum lastcall_status)i);

        assert_non_null(name);
        assert_true(name[0] != '\0');
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(name));
        assert_true(status_text((enum lastcall_status)i)[0] != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, status_name((enum lastcall_status)k));
    }
    assert_string_equal(status_name(LASTCALL_STATUS_COUNT), "unknown");
    assert_string_equal(status_name((enum lastcall_status) - 1), "unknown");
    assert_string_equal(status_text(LASTCALL_STATUS_COUNT), "unknown status");
}

/* holds 6.6 */
static void the_wire_codes_are_those_of_the_protocol(void **state)
{
    static const char *const codes[] = {
        "ok",
        "no_match",
        "already_gone",
        "not_found",
        "not_endable",
        "changed",
        "protected",
        "denied",
        "no_plex_pass",
        "unsupported",
        "unreachable",
        "server_error",
        "timeout",
        "unconfirmed",
        "reappeared",
        "limit_exceeded",
        "forbidden",
        "expired",
        "not_yet_valid",
        "revoked",
        "invalid_request",
        "busy",
        "interrupted",
        "partial",
    };
    enum lastcall_status status;

    (void)state;
    assert_int_equal(sizeof(codes) / sizeof(codes[0]),
                     LASTCALL_WIRE_CODE_COUNT);
    for (int i = 0; i < LASTCALL_WIRE_CODE_COUNT; i++) {
        assert_int_equal(status_parse(codes[i], &status), LASTCALL_OK);
        assert_int_equal(status, i);
        assert_string_equal(status_name(status), codes[i]);
        assert_true(status_is_wire(status));
    }
}

static void local_statuses_do_not_travel(void **state)
{
    enum lastcall_status status;

    (void)state;
    for (int i = LASTCALL_WIRE_CODE_COUNT; i < LASTCALL_STATUS_COUNT; i++) {
        assert_false(status_is_wire((enum lastcall_status)i));
        assert_false(status_is_success((enum lastcall_status)i));
        assert_int_equal(
            status_parse(status_name((enum lastcall_status)i), &status),
            LASTCALL_E_SYNTAX);
    }
    assert_int_equal(status_parse("", &status), LASTCALL_E_SYNTAX);
    assert_int_equal(status_parse("OK", &status), LASTCALL_E_SYNTAX);
    assert_int_equal(status_parse("ok ", &status), LASTCALL_E_SYNTAX);
}

/* holds 6.3 */
static void three_codes_are_success(void **state)
{
    (void)state;
    for (int i = 0; i < LASTCALL_WIRE_CODE_COUNT; i++) {
        enum lastcall_status status = (enum lastcall_status)i;

        assert_int_equal(status_is_success(status),
                         status == LASTCALL_OK || status == LASTCALL_NO_MATCH ||
                             status == LASTCALL_ALREADY_GONE);
    }
}

static void actions_and_kinds_have_names(void **state)
{
    enum action action;
    enum backend_kind kind;

    (void)state;
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        assert_int_equal(action_parse(action_name((enum action)i), &action),
                         LASTCALL_OK);
        assert_int_equal(action, i);
    }
    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        assert_int_equal(
            backend_kind_parse(backend_kind_name((enum backend_kind)i), &kind),
            LASTCALL_OK);
        assert_int_equal(kind, i);
    }
    assert_int_equal(action_parse("Stop", &action), LASTCALL_E_SYNTAX);
    assert_int_equal(action_parse("", &action), LASTCALL_E_SYNTAX);
    assert_int_equal(backend_kind_parse("emby", &kind), LASTCALL_E_SYNTAX);
    assert_string_equal(action_name(ACTION_COUNT), "unknown");
    assert_string_equal(backend_kind_name(BACKEND_KIND_COUNT), "unknown");
}

static void end_is_each_kinds_own_ending(void **state)
{
    (void)state;
    assert_int_equal(action_resolve(ACTION_END, BACKEND_PLEX), ACTION_STOP);
    assert_int_equal(action_resolve(ACTION_END, BACKEND_WTS),
                     ACTION_DISCONNECT);
    assert_int_equal(action_resolve(ACTION_LOGOFF, BACKEND_WTS), ACTION_LOGOFF);
    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        enum backend_kind kind = (enum backend_kind)i;
        enum action end = action_resolve(ACTION_END, kind);

        /* What end stands for is something the kind can do. */
        assert_true((backend_kind_actions(kind) & ACTION_BIT(end)) != 0);
        assert_true((backend_kind_actions(kind) & ~ACTION_SET_ALL) == 0);
    }
    assert_int_equal(
        backend_kind_actions(BACKEND_PLEX) & ACTION_BIT(ACTION_LOGOFF), 0);
    assert_int_equal(backend_kind_actions(BACKEND_KIND_COUNT), 0);
    assert_false(action_is_change(ACTION_PING));
    assert_false(action_is_change(ACTION_LIST));
    assert_true(action_is_change(ACTION_STOP));
    assert_true(action_is_change(ACTION_MESSAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(the_wire_codes_are_those_of_the_protocol),
        cmocka_unit_test(local_statuses_do_not_travel),
        cmocka_unit_test(three_codes_are_success),
        cmocka_unit_test(actions_and_kinds_have_names),
        cmocka_unit_test(end_is_each_kinds_own_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
