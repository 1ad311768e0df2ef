#include "tests/unit/case_lines.h"

#include "worker/wts_session.h"

/* 2026-11-21T08:30:00Z as a FILETIME. */
#define NOW_FT INT64_C(134397234000000000)
#define SECOND_FT INT64_C(10000000)
#define EPOCH_FT INT64_C(116444736000000000) /* 1970 */

static char text_user[] = "alice";
static char text_domain[] = "CORP";
static char text_name[] = "RDP-Tcp#3";
static char text_empty[] = "";

/* A session that tells of itself. */
struct subject {
    struct wts_host host;
    struct wts_entry entry;
    struct wts_info info;
    struct wts_client client;
    uint32_t protocol;
    struct wts_facts facts;
    struct session session;
};

static void subject_init(struct subject *subject)
{
    *subject = (struct subject){
        .host = {.server = "desktop", .computer = "TS01", .own_session = 99},
        .entry = {.id = 3,
                  .state = WTS_STATE_ACTIVE,
                  .session_name = text_name,
                  .username = text_user,
                  .domain = text_domain},
        .info = {.state = WTS_STATE_ACTIVE,
                 .lock_flags = WTS_LOCK_UNLOCKED,
                 .logon_ft = NOW_FT - 7200 * SECOND_FT,
                 .connect_ft = NOW_FT - 7201 * SECOND_FT,
                 .disconnect_ft = NOW_FT - 9000 * SECOND_FT,
                 .last_input_ft = NOW_FT - 90 * SECOND_FT,
                 .current_ft = NOW_FT},
        .client = {.build = 22621,
                   .width = 1920,
                   .height = 1080,
                   .color_depth = 32},
        .protocol = WTS_PROTOCOL_RDP,
    };
    subject->facts = (struct wts_facts){.entry = &subject->entry,
                                        .info = &subject->info,
                                        .client = &subject->client,
                                        .protocol = &subject->protocol};
}

static const struct session *make(struct subject *subject)
{
    session_deinit(&subject->session);
    assert_int_equal(
        wts_session_make(&subject->host, &subject->facts, &subject->session),
        LASTCALL_OK);
    return &subject->session;
}

static void assert_text(const struct session *session, enum session_field field,
                        const char *text)
{
    const char *is = session_text(session, field);

    if (text == NULL && is != NULL)
        fail_msg("%s is '%s'", session_field_info(field)->name, is);
    if (text != NULL && (is == NULL || strcmp(is, text) != 0))
        fail_msg("%s is '%s', not '%s'", session_field_info(field)->name,
                 is != NULL ? is : "null", text);
}

static void assert_null_field(const struct session *session,
                              enum session_field field)
{
    if (session->fields[field].kind != VALUE_NULL)
        fail_msg("%s is not null", session_field_info(field)->name);
}

static void assert_number(const struct session *session,
                          enum session_field field, int64_t number)
{
    assert_int_equal(session->fields[field].kind, VALUE_INTEGER);
    assert_int_equal(session->fields[field].as.integer, number);
}

/* holds 5.10 */
static void a_session_with_everything(void **state)
{
    char whole[] = "alice.with.a.name.longer.than.twenty";
    char client[] = "LAPTOP7";
    char address[] = "10.1.2.3";
    char directory[] = "C:\\Windows";
    struct subject subject;
    const struct session *is = NULL;

    (void)state;
    subject_init(&subject);
    subject.facts.username = whole;
    subject.client.name = client;
    subject.client.address = address;
    subject.client.directory = directory;
    is = make(&subject);
    assert_text(is, SESSION_ID, "3");
    assert_text(is, SESSION_SERVER, "desktop");
    assert_text(is, SESSION_BACKEND, "wts");
    assert_text(is, SESSION_USERNAME, whole);
    assert_text(is, SESSION_DOMAIN, "CORP");
    assert_text(is, SESSION_COMPUTER_NAME, "TS01");
    assert_text(is, SESSION_SESSION_NAME, "RDP-Tcp#3");
    assert_text(is, SESSION_STATE, "active");
    assert_text(is, SESSION_CLIENT_NAME, "LAPTOP7");
    assert_text(is, SESSION_CLIENT_ADDRESS, "10.1.2.3");
    assert_text(is, SESSION_CLIENT_DIRECTORY, "C:\\Windows");
    assert_text(is, SESSION_PROTOCOL, "rdp");
    assert_text(is, SESSION_STARTED_AT, "2026-11-21T06:30:00.000Z");
    assert_text(is, SESSION_LOGON_TIME, "2026-11-21T06:30:00.000Z");
    assert_text(is, SESSION_CONNECT_TIME, "2026-11-21T06:29:59.000Z");
    assert_text(is, SESSION_LAST_INPUT_TIME, "2026-11-21T08:28:30.000Z");
    assert_null_field(is, SESSION_DISCONNECT_TIME);
    assert_number(is, SESSION_IDLE_S, 90);
    assert_number(is, SESSION_CLIENT_BUILD, 22621);
    assert_number(is, SESSION_CLIENT_WIDTH, 1920);
    assert_number(is, SESSION_CLIENT_HEIGHT, 1080);
    assert_number(is, SESSION_CLIENT_COLOR_DEPTH, 32);
    assert_true(session_is(is, SESSION_ENDABLE));
    assert_int_equal(is->fields[SESSION_IS_LOCAL].kind, VALUE_BOOL);
    assert_false(session_is(is, SESSION_IS_LOCAL));
    assert_int_equal(is->fields[SESSION_IS_LOCKED].kind, VALUE_BOOL);
    assert_false(session_is(is, SESSION_IS_LOCKED));
    session_deinit(&subject.session);
}

/* holds 5.10 */
static void what_is_not_told_is_null(void **state)
{
    static const enum session_field fields[] = {
        SESSION_USERNAME,          SESSION_DOMAIN,
        SESSION_SESSION_NAME,      SESSION_CLIENT_NAME,
        SESSION_CLIENT_ADDRESS,    SESSION_IS_LOCAL,
        SESSION_STARTED_AT,        SESSION_IDLE_S,
        SESSION_LOGON_TIME,        SESSION_LAST_INPUT_TIME,
        SESSION_CONNECT_TIME,      SESSION_DISCONNECT_TIME,
        SESSION_IS_LOCKED,         SESSION_PROTOCOL,
        SESSION_CLIENT_BUILD,      SESSION_CLIENT_DIRECTORY,
        SESSION_CLIENT_WIDTH,      SESSION_CLIENT_HEIGHT,
        SESSION_CLIENT_COLOR_DEPTH};
    struct subject subject;
    const struct session *is = NULL;

    (void)state;
    subject_init(&subject);
    for (int told = 0; told < 2; told++) {
        subject.entry = (struct wts_entry){
            .id = 3,
            .state = WTS_STATE_DISCONNECTED,
            .session_name = told ? text_empty : NULL,
            .username = told ? text_empty : NULL,
            .domain = told ? text_empty : NULL,
        };
        subject.info = (struct wts_info){.lock_flags = WTS_LOCK_UNKNOWN};
        subject.client = (struct wts_client){0};
        subject.protocol = 77;
        subject.facts.info = told ? &subject.info : NULL;
        subject.facts.client = told ? &subject.client : NULL;
        subject.facts.protocol = told ? &subject.protocol : NULL;
        subject.facts.username = told ? text_empty : NULL;
        is = make(&subject);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
            assert_null_field(is, fields[i]);
    }
    session_deinit(&subject.session);
}

static void names_fall_back_to_the_list(void **state)
{
    struct subject subject;

    (void)state;
    subject_init(&subject);
    subject.facts.username = text_empty;
    subject.facts.domain = NULL;
    assert_text(make(&subject), SESSION_USERNAME, "alice");
    assert_text(make(&subject), SESSION_DOMAIN, "CORP");
    session_deinit(&subject.session);
}

static void idle_is_by_the_servers_clock(void **state)
{
    static const struct {
        int64_t last_input_ft, current_ft, idle_s; /* -1: null */
    } cases[] = {
        {NOW_FT, NOW_FT, 0},
        {NOW_FT - SECOND_FT, NOW_FT, 1},
        {NOW_FT - 2 * SECOND_FT + 1, NOW_FT, 1},
        {NOW_FT + 60 * SECOND_FT, NOW_FT, 0},
        {0, NOW_FT, -1},
        {NOW_FT, 0, -1},
        {-1, NOW_FT, -1},
        {NOW_FT, -1, -1},
        {INT64_MIN, INT64_MAX, -1},
    };
    struct subject subject;

    (void)state;
    subject_init(&subject);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        subject.info.last_input_ft = cases[i].last_input_ft;
        subject.info.current_ft = cases[i].current_ft;
        if (cases[i].idle_s < 0)
            assert_null_field(make(&subject), SESSION_IDLE_S);
        else
            assert_number(make(&subject), SESSION_IDLE_S, cases[i].idle_s);
    }
    session_deinit(&subject.session);
}

static void times_that_are_none(void **state)
{
    static const struct {
        int64_t filetime;
        const char *text;
    } cases[] = {
        {0, NULL},
        {-1, NULL},
        {1, NULL},
        {EPOCH_FT - 1, NULL},
        {EPOCH_FT - SECOND_FT, NULL},
        {EPOCH_FT, "1970-01-01T00:00:00.000Z"},
        {NOW_FT + 2500000, "2026-11-21T08:30:00.250Z"},
        {INT64_C(2650467743999990000), "9999-12-31T23:59:59.999Z"},
        {INT64_C(2650467744000000000), NULL},
        {INT64_MAX, NULL},
        {INT64_MIN, NULL},
    };
    struct subject subject;

    (void)state;
    subject_init(&subject);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        subject.info.logon_ft = cases[i].filetime;
        subject.info.connect_ft = cases[i].filetime;
        assert_text(make(&subject), SESSION_LOGON_TIME, cases[i].text);
        assert_text(&subject.session, SESSION_STARTED_AT, cases[i].text);
        assert_text(&subject.session, SESSION_CONNECT_TIME, cases[i].text);
    }
    session_deinit(&subject.session);
}

static void only_who_is_gone_has_a_time_of_it(void **state)
{
    struct subject subject;

    (void)state;
    subject_init(&subject);
    assert_null_field(make(&subject), SESSION_DISCONNECT_TIME);
    subject.entry.state = WTS_STATE_DISCONNECTED;
    assert_text(make(&subject), SESSION_DISCONNECT_TIME,
                "2026-11-21T06:00:00.000Z");
    session_deinit(&subject.session);
}

static void a_lock_may_be_the_other_way_round(void **state)
{
    static const struct {
        int32_t flags;
        bool is_reversed;
        int locked; /* -1: null */
    } cases[] = {
        {WTS_LOCK_LOCKED, false, 1},
        {WTS_LOCK_UNLOCKED, false, 0},
        {WTS_LOCK_LOCKED, true, 0},
        {WTS_LOCK_UNLOCKED, true, 1},
        {WTS_LOCK_UNKNOWN, false, -1},
        {WTS_LOCK_UNKNOWN, true, -1},
        {2, false, -1},
    };
    struct subject subject;

    (void)state;
    subject_init(&subject);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        subject.info.lock_flags = cases[i].flags;
        subject.host.is_lock_reversed = cases[i].is_reversed;
        if (cases[i].locked < 0)
            assert_null_field(make(&subject), SESSION_IS_LOCKED);
        else
            assert_int_equal(session_is(make(&subject), SESSION_IS_LOCKED),
                             cases[i].locked);
    }
    session_deinit(&subject.session);
}

static void states_and_protocols_have_names(void **state)
{
    static const char *const names[] = {
        "active",       "connected", "connect_query", "shadow",
        "disconnected", "idle",      "listen",        "reset",
        "down",         "init",      "unknown"};
    static const char *const protocols[] = {"console", "citrix", "rdp"};
    struct subject subject;

    (void)state;
    for (int32_t i = 0; i < 11; i++)
        assert_string_equal(wts_state_name(i), names[i]);
    assert_string_equal(wts_state_name(-1), "unknown");
    assert_string_equal(wts_state_name(INT32_MAX), "unknown");
    subject_init(&subject);
    for (uint32_t i = 0; i < 3; i++) {
        subject.protocol = i;
        assert_text(make(&subject), SESSION_PROTOCOL, protocols[i]);
        assert_int_equal(session_is(&subject.session, SESSION_IS_LOCAL),
                         i == 0);
    }
    session_deinit(&subject.session);
}

static void half_a_screen_is_none(void **state)
{
    struct subject subject;

    (void)state;
    subject_init(&subject);
    subject.client.height = 0;
    subject.client.color_depth = 65;
    assert_null_field(make(&subject), SESSION_CLIENT_WIDTH);
    assert_null_field(&subject.session, SESSION_CLIENT_HEIGHT);
    assert_null_field(&subject.session, SESSION_CLIENT_COLOR_DEPTH);
    session_deinit(&subject.session);
}

/* holds 5.11 */
static void what_can_be_ended(void **state)
{
    static const struct {
        uint32_t id;
        int32_t state;
        bool is_endable;
    } cases[] = {
        {1, WTS_STATE_ACTIVE, true},
        {1, WTS_STATE_CONNECTED, true},
        {1, WTS_STATE_CONNECT_QUERY, true},
        {1, WTS_STATE_SHADOW, true},
        {1, WTS_STATE_DISCONNECTED, true},
        {1, 77, true},
        {1, WTS_STATE_IDLE, false},
        {1, WTS_STATE_LISTEN, false},
        {1, WTS_STATE_RESET, false},
        {1, WTS_STATE_DOWN, false},
        {1, WTS_STATE_INIT, false},
        {0, WTS_STATE_DISCONNECTED, false},
        {0, WTS_STATE_ACTIVE, false},
        {99, WTS_STATE_ACTIVE, false}, /* the worker's own */
        {65535, WTS_STATE_ACTIVE, true},
        {65536, WTS_STATE_ACTIVE, false},
        {UINT32_MAX, WTS_STATE_ACTIVE, false},
    };
    struct subject subject;

    (void)state;
    subject_init(&subject);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        subject.entry.id = cases[i].id;
        subject.entry.state = cases[i].state;
        if (session_is(make(&subject), SESSION_ENDABLE) != cases[i].is_endable)
            fail_msg("session %u in state %d", (unsigned)cases[i].id,
                     (int)cases[i].state);
        assert_int_equal(wts_session_obstacle(&subject.host, cases[i].id,
                                              cases[i].state) == NULL,
                         cases[i].is_endable);
    }
    session_deinit(&subject.session);
}

static void sessions_are_told_apart(void **state)
{
    char other[] = "mallory";
    struct subject a;
    struct subject b;

    (void)state;
    subject_init(&a);
    subject_init(&b);
    (void)make(&a);
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_FIELD_COUNT);
    b.info.last_input_ft += SECOND_FT;
    b.entry.state = WTS_STATE_SHADOW;
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_FIELD_COUNT);
    b.info.logon_ft += SECOND_FT;
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_LOGON_TIME);
    b.facts.info = NULL; /* it was not told this time */
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_FIELD_COUNT);
    b.entry.domain = NULL;
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_DOMAIN);
    b.entry.username = NULL;
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_USERNAME);
    b.entry.username = other;
    assert_int_equal(wts_session_difference(&a.session, make(&b)),
                     SESSION_USERNAME);
    session_deinit(&a.session);
    session_deinit(&b.session);
}

static void ids_are_plain_numbers(void **state)
{
    static const char *const refused[] = {"",           "4294967295",
                                          "4294967296", "99999999999",
                                          "-1",         "+1",
                                          " 1",         "1 ",
                                          "01",         "00",
                                          "0x1",        "1.",
                                          "one",        "18446744073709551617"};
    uint32_t id = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (wts_session_id_parse(refused[i], &id))
            fail_msg("'%s' is accepted", refused[i]);
    assert_int_equal(id, 7);
    assert_true(wts_session_id_parse("0", &id));
    assert_int_equal(id, 0);
    assert_true(wts_session_id_parse("4294967294", &id));
    assert_int_equal(id, UINT32_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_with_everything),
        cmocka_unit_test(what_is_not_told_is_null),
        cmocka_unit_test(names_fall_back_to_the_list),
        cmocka_unit_test(idle_is_by_the_servers_clock),
        cmocka_unit_test(times_that_are_none),
        cmocka_unit_test(only_who_is_gone_has_a_time_of_it),
        cmocka_unit_test(a_lock_may_be_the_other_way_round),
        cmocka_unit_test(states_and_protocols_have_names),
        cmocka_unit_test(half_a_screen_is_none),
        cmocka_unit_test(what_can_be_ended),
        cmocka_unit_test(sessions_are_told_apart),
        cmocka_unit_test(ids_are_plain_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
