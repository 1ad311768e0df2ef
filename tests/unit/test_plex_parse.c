#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tests/unit/plex_files.h"
#include "worker/plex_xml.h"

#define CASE_COUNT_MIN 40

static const char *text(const struct session *session, enum session_field field)
{
    const char *found = session_text(session, field);

    return found == NULL ? "(null)" : found;
}

static int64_t integer(const struct session *session, enum session_field field)
{
    assert_int_equal(session->fields[field].kind, VALUE_INTEGER);
    return session->fields[field].as.integer;
}

static bool is_null(const struct session *session, enum session_field field)
{
    return session->fields[field].kind == VALUE_NULL;
}

/* Compare by what would go over the wire, which shows a difference. */
static void assert_same_lists(const struct session_list *a,
                              const struct session_list *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        json_t *left = session_encode(&a->items[i]);
        json_t *right = session_encode(&b->items[i]);
        char *left_text = json_dumps(left, JSON_SORT_KEYS | JSON_INDENT(1));
        char *right_text = json_dumps(right, JSON_SORT_KEYS | JSON_INDENT(1));

        assert_string_equal(left_text, right_text);
        free(left_text);
        free(right_text);
        json_decref(left);
        json_decref(right);
    }
    assert_true(session_list_is_equal(a, b, SESSION_COMPARE_ALL));
}

/* What old versions of Plex sent: every scalar a text. */
static json_t *stringify(json_t *value)
{
    char number[64];
    const char *key = NULL;
    json_t *member = NULL;
    json_t *copy = NULL;
    size_t i = 0;

    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach(value, key, member)
            json_object_set_new(copy, key, stringify(member));
        return copy;
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, member)
            json_array_append_new(copy, stringify(member));
        return copy;
    }
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "1" : "0");
    if (json_is_integer(value))
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(number, sizeof(number), "%.17g", json_real_value(value));
    else
        return json_deep_copy(value);
    return json_string(number);
}

/* The forms that one sample comes in give one inventory. */
static void forms_agree_on(const char *stem)
{
    char name[128];
    struct session_list typed = {0};
    struct session_list untyped = {0};
    struct session_list xml = {0};
    struct bytes body = {0};
    struct json_error error = {0};
    json_t *tree = NULL;
    json_t *strings = NULL;
    char *dumped = NULL;

    (void)snprintf(name, sizeof(name), "%s.json", stem);
    plex_files_load(name, &typed);
    assert_true(typed.count > 0);

    (void)snprintf(name, sizeof(name), "fixtures/plex/%s.json", stem);
    plex_files_read(name, &body);
    assert_int_equal(json_parse_lenient(body.data, body.len, &tree, &error),
                     LASTCALL_OK);
    strings = stringify(tree);
    dumped = json_dumps(strings, 0);
    assert_int_equal(plex_files_parse(dumped, strlen(dumped), &untyped, &error),
                     LASTCALL_OK);
    assert_same_lists(&typed, &untyped);

    (void)snprintf(name, sizeof(name), "%s.xml", stem);
    plex_files_load(name, &xml);
    assert_same_lists(&typed, &xml);

    free(dumped);
    json_decref(strings);
    json_decref(tree);
    bytes_deinit(&body);
    session_list_deinit(&typed);
    session_list_deinit(&untyped);
    session_list_deinit(&xml);
}

static void all_forms_give_one_inventory(void **state)
{
    (void)state;
    forms_agree_on("sessions-mixed");
    forms_agree_on("sessions-live-relay-photo");
}

static void idle_servers_have_no_sessions(void **state)
{
    static const char *const names[] = {"sessions-empty.json",
                                        "sessions-empty-array.json",
                                        "sessions-empty.xml"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct session_list list = {0};

        plex_files_load(names[i], &list);
        assert_int_equal(list.count, 0);
        session_list_deinit(&list);
    }
}

/* holds 5.10 */
static void an_episode_has_every_field(void **state)
{
    struct session_list list = {0};
    const struct session *session = NULL;

    (void)state;
    plex_files_load("sessions-mixed.json", &list);
    session = &list.items[0];
    assert_string_equal(text(session, SESSION_ID), "9k2m4w7qzr1t8yb5xn3cv6da");
    assert_string_equal(text(session, SESSION_SERVER), "home");
    assert_string_equal(text(session, SESSION_BACKEND), "plex");
    assert_string_equal(text(session, SESSION_USERNAME), "harbourmaster");
    assert_string_equal(text(session, SESSION_USER_ID), "1");
    assert_string_equal(text(session, SESSION_STATE), "playing");
    assert_string_equal(text(session, SESSION_CLIENT_NAME), "Lounge");
    assert_string_equal(text(session, SESSION_CLIENT_ADDRESS), "192.0.2.41");
    assert_true(session_is(session, SESSION_IS_LOCAL));
    assert_true(session_is(session, SESSION_ENDABLE));
    assert_string_equal(text(session, SESSION_MEDIA_TITLE), "Tide Tables");
    assert_string_equal(text(session, SESSION_MEDIA_TYPE), "episode");
    assert_string_equal(text(session, SESSION_MEDIA_KEY),
                        "/library/metadata/70433");
    assert_string_equal(text(session, SESSION_SHOW_TITLE),
                        "The Lamplight Survey");
    assert_string_equal(text(session, SESSION_SEASON_TITLE), "Season 2");
    assert_int_equal(integer(session, SESSION_SEASON_NUMBER), 2);
    assert_int_equal(integer(session, SESSION_EPISODE_NUMBER), 4);
    assert_int_equal(integer(session, SESSION_YEAR), 2024);
    assert_string_equal(text(session, SESSION_LIBRARY_TITLE), "Series");
    assert_int_equal(integer(session, SESSION_BANDWIDTH_KBPS), 5340);
    assert_int_equal(integer(session, SESSION_VIEW_OFFSET_MS), 611000);
    assert_int_equal(integer(session, SESSION_DURATION_MS), 2642304);
    assert_float_equal(session->fields[SESSION_PROGRESS_PERCENT].as.real, 23.1,
                       0.001);
    assert_string_equal(text(session, SESSION_SERVER_URI),
                        "http://127.0.0.1:32400");
    assert_string_equal(text(session, SESSION_LOCATION), "lan");
    assert_string_equal(text(session, SESSION_PUBLIC_ADDRESS), "203.0.113.7");
    assert_string_equal(text(session, SESSION_PLAYER_PRODUCT),
                        "Plex for Android (TV)");
    assert_string_equal(text(session, SESSION_TRANSCODE), "directplay");
    assert_string_equal(text(session, SESSION_VIDEO_RESOLUTION), "1080");
    assert_string_equal(text(session, SESSION_VIDEO_CODEC), "hevc");
    assert_string_equal(text(session, SESSION_AUDIO_CODEC), "eac3");
    assert_int_equal(integer(session, SESSION_BITRATE_KBPS), 5120);
    assert_string_equal(text(session, SESSION_SESSION_KEY), "17");
    assert_true(is_null(session, SESSION_TRANSCODE_HW));
    assert_true(is_null(session, SESSION_STARTED_AT));
    assert_true(is_null(session, SESSION_PAUSED_S));
    session_list_deinit(&list);
}

static void a_transcode_is_told_apart(void **state)
{
    struct session_list list = {0};
    const struct session *session = NULL;

    (void)state;
    plex_files_load("sessions-mixed.json", &list);
    session = &list.items[1];
    assert_string_equal(text(session, SESSION_USERNAME), "müller.k");
    assert_string_equal(text(session, SESSION_TRANSCODE), "transcode");
    assert_string_equal(text(session, SESSION_VIDEO_DECISION), "transcode");
    assert_string_equal(text(session, SESSION_AUDIO_DECISION), "transcode");
    assert_string_equal(text(session, SESSION_SUBTITLE_DECISION), "burn");
    assert_true(session_is(session, SESSION_TRANSCODE_HW));
    assert_float_equal(
        session->fields[SESSION_TRANSCODE_PROGRESS_PERCENT].as.real, 41.3,
        0.001);
    assert_string_equal(text(session, SESSION_STATE), "paused");
    session_list_deinit(&list);
}

/* holds 5.11 */
static void a_player_without_session_cannot_be_ended(void **state)
{
    struct session_list list = {0};
    const struct session *session = NULL;

    (void)state;
    plex_files_load("sessions-mixed.json", &list);
    session = &list.items[2];
    assert_string_equal(text(session, SESSION_ID), "key:19");
    assert_false(session_is(session, SESSION_ENDABLE));
    assert_string_equal(text(session, SESSION_LOCATION), "wan");
    assert_true(is_null(session, SESSION_SEASON_NUMBER));
    assert_true(is_null(session, SESSION_BANDWIDTH_KBPS));
    session_list_deinit(&list);
}

static void live_relayed_and_mapped_are_told(void **state)
{
    struct session_list list = {0};

    (void)state;
    plex_files_load("sessions-live-relay-photo.json", &list);
    assert_int_equal(list.count, 3);
    assert_true(session_is(&list.items[0], SESSION_IS_LIVE));
    assert_true(session_is(&list.items[0], SESSION_IS_RELAYED));
    assert_string_equal(text(&list.items[0], SESSION_CLIENT_NAME),
                        "Plex for Roku");
    assert_string_equal(text(&list.items[0], SESSION_CHANNEL_TITLE),
                        "1005 KFIC");
    assert_string_equal(text(&list.items[0], SESSION_TRANSCODE), "copy");
    assert_string_equal(text(&list.items[0], SESSION_VIDEO_CODEC), "h264");
    assert_true(is_null(&list.items[0], SESSION_PROGRESS_PERCENT));
    assert_true(is_null(&list.items[0], SESSION_TRANSCODE_PROGRESS_PERCENT));

    assert_string_equal(text(&list.items[1], SESSION_CLIENT_ADDRESS),
                        "203.0.113.200");
    assert_string_equal(text(&list.items[1], SESSION_VIDEO_RESOLUTION), "480p");
    assert_string_equal(text(&list.items[1], SESSION_TRANSCODE), "transcode");
    assert_string_equal(text(&list.items[1], SESSION_VIDEO_DECISION), "copy");
    assert_int_equal(integer(&list.items[1], SESSION_BANDWIDTH_KBPS), 10500000);

    assert_string_equal(text(&list.items[2], SESSION_MEDIA_TYPE), "photo");
    assert_string_equal(text(&list.items[2], SESSION_TRANSCODE), "directplay");
    session_list_deinit(&list);
}

static void every_scalar_may_be_a_text(void **state)
{
    struct session_list list = {0};

    (void)state;
    plex_files_load("sessions-legacy-strings.json", &list);
    assert_int_equal(list.count, 2);
    assert_int_equal(integer(&list.items[0], SESSION_BANDWIDTH_KBPS), 1710);
    assert_float_equal(list.items[0].fields[SESSION_PROGRESS_PERCENT].as.real,
                       50.0, 0.001);
    assert_string_equal(text(&list.items[0], SESSION_VIDEO_DECISION),
                        "transcode");
    assert_false(session_is(&list.items[0], SESSION_TRANSCODE_HW));
    assert_string_equal(text(&list.items[1], SESSION_ID), "key:5");
    session_list_deinit(&list);
}

static void edge_cases_spoil_nothing(void **state)
{
    struct session_list list = {0};

    (void)state;
    plex_files_load("sessions-edge-cases.json", &list);
    /* The ghost and the theme music are left out. */
    assert_int_equal(list.count, 4);
    assert_string_equal(text(&list.items[0], SESSION_ID),
                        "dup-session-id-0001");
    assert_string_equal(text(&list.items[1], SESSION_ID),
                        "dup-session-id-0001");
    assert_false(session_is(&list.items[0], SESSION_ENDABLE));
    assert_false(session_is(&list.items[1], SESSION_ENDABLE));
    assert_true(session_is(&list.items[0], SESSION_IS_LIVE));
    /* Past its own end: not above 100. */
    assert_float_equal(list.items[1].fields[SESSION_PROGRESS_PERCENT].as.real,
                       100.0, 0.001);
    assert_string_equal(text(&list.items[1], SESSION_USER_ID), "90412233");
    assert_true(is_null(&list.items[1], SESSION_TRANSCODE));

    assert_string_equal(text(&list.items[2], SESSION_ID), "key:35");
    assert_false(session_is(&list.items[2], SESSION_ENDABLE));
    assert_true(is_null(&list.items[2], SESSION_BANDWIDTH_KBPS));

    assert_string_equal(text(&list.items[3], SESSION_ID),
                        "weird/id?with=token&x=%20y");
    assert_true(session_is(&list.items[3], SESSION_ENDABLE));
    assert_string_equal(text(&list.items[3], SESSION_SESSION_KEY), "36");
    assert_string_equal(text(&list.items[3], SESSION_CLIENT_NAME),
                        "Box Newline");
    assert_true(is_null(&list.items[3], SESSION_DURATION_MS));
    assert_true(is_null(&list.items[3], SESSION_VIEW_OFFSET_MS));
    assert_true(is_null(&list.items[3], SESSION_BANDWIDTH_KBPS));
    assert_int_equal(list.items[3].fields[SESSION_IS_LOCAL].kind, VALUE_BOOL);
    assert_false(session_is(&list.items[3], SESSION_IS_LOCAL));
    assert_string_equal(text(&list.items[3], SESSION_LOCATION), "moon");
    assert_null(strchr(text(&list.items[3], SESSION_MEDIA_TITLE), '\a'));
    session_list_deinit(&list);
}

static void the_server_tells_its_version_and_pass(void **state)
{
    static const struct {
        const char *path;
        bool lacks_pass;
    } expected[] = {
        {"fixtures/plex/root.json", false},
        {"fixtures/plex/root-no-pass.json", true},
        {"fixtures/plex/identity.json", false},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bytes body = {0};
        struct json_error error = {0};
        struct plex_server server = {0};
        struct plex_answer answer;

        plex_files_read(expected[i].path, &body);
        answer = plex_files_answer(body.data, body.len);
        assert_int_equal(plex_parse_server(&answer, &server, &error),
                         LASTCALL_OK);
        assert_string_equal(server.version, "1.43.3.10828-00f1c710b");
        assert_int_equal(server.lacks_pass, expected[i].lacks_pass);
        bytes_deinit(&body);
    }
}

static void maintenance_is_said_plainly(void **state)
{
    struct bytes body = {0};
    char excuse[200];
    struct plex_answer answer;

    (void)state;
    plex_files_read("fixtures/plex/maintenance-503.xml", &body);
    answer = plex_files_answer(body.data, body.len);
    plex_document_excuse(&answer, excuse, sizeof(excuse));
    assert_string_equal(
        excuse, "Fictional PMS is currently running database migrations.");
    bytes_deinit(&body);

    answer = plex_files_answer("<html></html>", 13);
    plex_document_excuse(&answer, excuse, sizeof(excuse));
    assert_string_equal(excuse, "");
}

/* A total in the answer's header counts as one in its body. */
static void a_header_can_tell_of_more(void **state)
{
    static const char body[] = "{\"MediaContainer\":{\"Metadata\":[{}]}}";
    struct session_list list = {0};
    struct json_error error = {0};
    struct plex_answer answer = plex_files_answer(body, sizeof(body) - 1);

    (void)state;
    answer.total = "1";
    assert_int_equal(
        plex_parse_sessions(&answer, &plex_files_source, &list, &error),
        LASTCALL_OK);
    session_list_deinit(&list);
    answer.total = "2";
    assert_int_equal(
        plex_parse_sessions(&answer, &plex_files_source, &list, &error),
        LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(error.text, "1 of 2"));
    assert_null(list.items);
}

/* Every bound refuses what is just above it and takes what is at it. */
static void xml_is_bounded(void **state)
{
    struct bytes body = {0};
    struct json_error error = {0};
    json_t *tree = NULL;

    (void)state;
    for (int over = 0; over < 2; over++) {
        int depth = PLEX_XML_DEPTH_MAX + over;

        bytes_init(&body, PLEX_FILE_BYTES_MAX);
        for (int i = 0; i < depth; i++)
            assert_int_equal(bytes_append_text(&body, "<a>"), LASTCALL_OK);
        for (int i = 0; i < depth; i++)
            assert_int_equal(bytes_append_text(&body, "</a>"), LASTCALL_OK);
        assert_int_equal(
            plex_xml_parse((const char *)body.data, body.len, &tree, &error),
            over ? LASTCALL_E_TOO_LARGE : LASTCALL_OK);
        json_decref(tree);
        bytes_deinit(&body);

        bytes_init(&body, PLEX_FILE_BYTES_MAX);
        assert_int_equal(bytes_append_text(&body, "<a"), LASTCALL_OK);
        for (int i = 0; i < PLEX_XML_ATTRIBUTE_COUNT_MAX + over; i++)
            assert_int_equal(bytes_append_format(&body, " x%d='%d'", i, i),
                             LASTCALL_OK);
        assert_int_equal(bytes_append_text(&body, "/>"), LASTCALL_OK);
        assert_int_equal(
            plex_xml_parse((const char *)body.data, body.len, &tree, &error),
            over ? LASTCALL_E_TOO_LARGE : LASTCALL_OK);
        json_decref(tree);
        bytes_deinit(&body);
    }
}

static void containers_are_bounded(void **state)
{
    struct bytes body = {0};
    struct json_error error = {0};
    struct session_list list = {0};

    (void)state;
    bytes_init(&body, PLEX_FILE_BYTES_MAX);
    assert_int_equal(
        bytes_append_text(&body, "{\"MediaContainer\":{\"Metadata\":[{}"),
        LASTCALL_OK);
    for (int i = 0; i < PLEX_CONTAINER_COUNT_MAX; i++)
        assert_int_equal(bytes_append_text(&body, ",{}"), LASTCALL_OK);
    assert_int_equal(bytes_append_text(&body, "]}}"), LASTCALL_OK);
    assert_int_equal(plex_files_parse(body.data, body.len, &list, &error),
                     LASTCALL_SERVER_ERROR);
    assert_non_null(strstr(error.text, "parts"));
    bytes_deinit(&body);
}

/* The expected members must be there; others may be too. */
static void assert_members(const char *name, const json_t *expected,
                           const struct session *session)
{
    json_t *actual = session_encode(session);
    json_t *wanted = json_deep_copy(expected);
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(wanted, key, value)
    {
        const json_t *found = json_object_get(actual, key);

        if (found == NULL || !json_equal(found, value))
            fail_msg("%s: \"%s\" is not as expected", name, key);
    }
    json_decref(wanted);
    json_decref(actual);
}

/* <name>.body is an answer, <name>.expect what must become of it. */
static void check_case(const char *name)
{
    char path[300];
    struct bytes body = {0};
    struct bytes expect = {0};
    struct session_list list = {0};
    struct json_error error = {0};
    json_t *wanted = NULL;
    const json_t *sessions = NULL;
    enum lastcall_status status;

    (void)snprintf(path, sizeof(path), "cases/plex/%s.body", name);
    plex_files_read(path, &body);
    (void)snprintf(path, sizeof(path), "cases/plex/%s.expect", name);
    plex_files_read(path, &expect);
    if (json_parse_object(expect.data, expect.len, &wanted, &error) !=
        LASTCALL_OK)
        fail_msg("%s.expect: %s", name, error.text);

    status = plex_files_parse(body.data, body.len, &list, &error);
    sessions = json_object_get(wanted, "sessions");
    if (sessions != NULL) {
        if (status != LASTCALL_OK)
            fail_msg("%s: refused: %s", name, error.text);
        if (list.count != json_array_size(sessions))
            fail_msg("%s: %zu sessions", name, list.count);
        for (size_t i = 0; i < list.count; i++)
            assert_members(name, json_array_get(sessions, i), &list.items[i]);
    } else {
        const char *said =
            json_string_value(json_object_get(wanted, "refused"));

        assert_non_null(said);
        if (status != LASTCALL_SERVER_ERROR)
            fail_msg("%s: not refused", name);
        if (strstr(error.text, said) == NULL)
            fail_msg("%s: refused with: %s", name, error.text);
    }
    session_list_deinit(&list);
    json_decref(wanted);
    bytes_deinit(&expect);
    bytes_deinit(&body);
}

static void cases_hold(void **state)
{
    DIR *folder = opendir(TEST_SOURCE_DIR "/cases/plex");
    struct dirent *entry = NULL;
    size_t count = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len > 5 && strcmp(entry->d_name + len - 5, ".body") == 0) {
            entry->d_name[len - 5] = '\0';
            check_case(entry->d_name);
            count++;
        }
    }
    closedir(folder);
    assert_true(count >= CASE_COUNT_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_give_one_inventory),
        cmocka_unit_test(idle_servers_have_no_sessions),
        cmocka_unit_test(an_episode_has_every_field),
        cmocka_unit_test(a_transcode_is_told_apart),
        cmocka_unit_test(a_player_without_session_cannot_be_ended),
        cmocka_unit_test(live_relayed_and_mapped_are_told),
        cmocka_unit_test(every_scalar_may_be_a_text),
        cmocka_unit_test(edge_cases_spoil_nothing),
        cmocka_unit_test(the_server_tells_its_version_and_pass),
        cmocka_unit_test(maintenance_is_said_plainly),
        cmocka_unit_test(a_header_can_tell_of_more),
        cmocka_unit_test(xml_is_bounded),
        cmocka_unit_test(containers_are_bounded),
        cmocka_unit_test(cases_hold),
    };

    return cmocka_run_group_tests_name("plex_parse", tests, NULL, NULL);
}
