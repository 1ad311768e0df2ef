#include "tests/unit/fake_wts.h"

#include "tests/unit/case_lines.h"

#include "worker/wts_error.h"

struct expectation {
    uint32_t error;
    enum lastcall_status list;
    enum lastcall_status end;
    enum lastcall_status message;
    bool is_usual;
    const char *part; /* of the sentence when a session is to be ended */
};

#define SAME(code) code, code, code

static const struct expectation expectations[] = {
    {2, LASTCALL_UNREACHABLE, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND, true,
     "no such session"},
    {5, SAME(LASTCALL_DENIED), true, "permission"},
    {6, SAME(LASTCALL_SERVER_ERROR), false, "handle"},
    {31, LASTCALL_SERVER_ERROR, LASTCALL_INVALID_REQUEST,
     LASTCALL_INVALID_REQUEST, true, "such a session"},
    {50, SAME(LASTCALL_UNSUPPORTED), true, "This Windows cannot"},
    {87, LASTCALL_SERVER_ERROR, LASTCALL_INVALID_REQUEST,
     LASTCALL_INVALID_REQUEST, true, "such a session"},
    {120, SAME(LASTCALL_UNSUPPORTED), true, "This Windows cannot"},
    {122, SAME(LASTCALL_SERVER_ERROR), false, "too little room"},
    {995, SAME(LASTCALL_UNREACHABLE), false, "shutting down"},
    {1008, LASTCALL_SERVER_ERROR, LASTCALL_UNSUPPORTED, LASTCALL_UNSUPPORTED,
     false, "Nobody is logged on"},
    {1062, SAME(LASTCALL_UNREACHABLE), false, "TermService"},
    {1063, SAME(LASTCALL_SERVER_ERROR), false, "service"},
    {1460, SAME(LASTCALL_TIMEOUT), false, "too long"},
    {1702, SAME(LASTCALL_UNREACHABLE), false, "The session manager"},
    {1707, SAME(LASTCALL_UNREACHABLE), false, "No machine of this name"},
    {1717, SAME(LASTCALL_UNREACHABLE), false, "The session manager"},
    {1722, SAME(LASTCALL_UNREACHABLE), false, "firewall"},
    {1723, SAME(LASTCALL_UNREACHABLE), false, "too busy"},
    {1726, SAME(LASTCALL_UNREACHABLE), false, "The session manager"},
    {1727, SAME(LASTCALL_UNREACHABLE), false, "The session manager"},
    {1733, SAME(LASTCALL_SERVER_ERROR), true, "different versions"},
    {1783, SAME(LASTCALL_SERVER_ERROR), true, "different versions"},
    {1818, SAME(LASTCALL_UNREACHABLE), false, "before its answer"},
    {7007, LASTCALL_SERVER_ERROR, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND,
     true, "already closing"},
    {7022, LASTCALL_UNREACHABLE, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND,
     true, "no such session"},
    {7024, LASTCALL_SERVER_ERROR, LASTCALL_BUSY, LASTCALL_BUSY, false,
     "try again"},
    {7037, LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED,
     false, "disabled"},
    {7038, LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED,
     false, "log it off instead"},
    {7041, LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED,
     false, "log it off instead"},
    {7042, LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED,
     false, "log it off instead"},
    {7045, SAME(LASTCALL_DENIED), true, "permission"},
    /* Numbers that nobody knows. */
    {1, SAME(LASTCALL_SERVER_ERROR), false, "Windows error 1"},
    {31337, SAME(LASTCALL_SERVER_ERROR), false, "Windows error 31337"},
    {WTS_ERROR_UNKNOWN, SAME(LASTCALL_SERVER_ERROR), false,
     "gives no error number"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void each_number_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expectations); i++) {
        const struct expectation *is = &expectations[i];

        if (wts_error_code(is->error, WTS_PURPOSE_LIST) != is->list ||
            wts_error_code(is->error, WTS_PURPOSE_END) != is->end ||
            wts_error_code(is->error, WTS_PURPOSE_MESSAGE) != is->message ||
            wts_error_is_usual(is->error) != is->is_usual)
            fail_msg("%u", (unsigned)is->error);
        assert_true(status_is_wire(is->list) && status_is_wire(is->end) &&
                    status_is_wire(is->message));
    }
    for (int purpose = 0; purpose < WTS_PURPOSE_COUNT; purpose++)
        assert_int_equal(
            wts_error_code(WTS_ERROR_NONE, (enum wts_purpose)purpose),
            LASTCALL_OK);
    assert_false(wts_error_is_usual(WTS_ERROR_NONE));
}

static void the_number_and_its_text_stay(void **state)
{
    const struct wts_host host = {.api = &fake_wts_api_ops};

    (void)state;
    for (size_t i = 0; i < COUNT(expectations); i++) {
        const struct expectation *is = &expectations[i];
        struct session_outcome outcome = {.settle_ms = 7, .response = "old"};
        char number[64];

        snprintf(number, sizeof(number), "Windows error %u",
                 (unsigned)is->error);
        assert_int_equal(
            wts_error_outcome(&host, is->error, WTS_PURPOSE_END, &outcome),
            is->end);
        assert_int_equal(outcome.code, is->end);
        assert_int_equal(outcome.settle_ms, 0);
        assert_string_equal(outcome.response, "");
        if (is->error != WTS_ERROR_UNKNOWN)
            assert_int_equal(strncmp(outcome.detail, number, strlen(number)),
                             0);
        if (strstr(outcome.detail, is->part) == NULL)
            fail_msg("%u: %s", (unsigned)is->error, outcome.detail);
    }
}

static void a_sentence_is_one_line(void **state)
{
    const struct wts_host host = {.api = &fake_wts_api_ops};
    struct session_outcome outcome;

    (void)state;
    wts_error_outcome(&host, 5, WTS_PURPOSE_END, &outcome);
    assert_string_equal(
        outcome.detail,
        "Windows error 5: Access is denied. The account of the worker lacks "
        "the permission for this; LocalSystem has all of them");
    wts_error_outcome(&host, 31337, WTS_PURPOSE_END, &outcome);
    assert_string_equal(outcome.detail, "Windows error 31337");
}

static void what_to_do_depends_on_what_was_asked(void **state)
{
    const struct wts_host here = {.api = &fake_wts_api_ops};
    const struct wts_host there = {.api = &fake_wts_api_ops, .is_remote = true};
    struct session_outcome outcome;

    (void)state;
    wts_error_outcome(&here, 5, WTS_PURPOSE_LIST, &outcome);
    assert_null(strstr(outcome.detail, "AllowRemoteRPC"));
    wts_error_outcome(&there, 5, WTS_PURPOSE_LIST, &outcome);
    assert_non_null(strstr(outcome.detail, "AllowRemoteRPC = 1"));
    wts_error_outcome(&here, 7022, WTS_PURPOSE_LIST, &outcome);
    assert_non_null(
        strstr(outcome.detail, "manager of the machine does not answer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_has_its_code),
        cmocka_unit_test(the_number_and_its_text_stay),
        cmocka_unit_test(a_sentence_is_one_line),
        cmocka_unit_test(what_to_do_depends_on_what_was_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
