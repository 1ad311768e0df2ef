#include "tests/unit/case_lines.h"

#include "protocol/topic.h"

static void accept_topic(const char *line)
{
    struct topic_parts parts;
    struct topic again;

    if (topic_parse("lastcall", line, &parts) != LASTCALL_OK)
        fail_msg("refused: %s", line);
    topic_format("lastcall", &parts, &again);
    assert_string_equal(again.text, line);
}

static void refuse_topic(const char *line)
{
    static const struct topic_parts empty;
    struct topic_parts parts;

    if (topic_parse("lastcall", line, &parts) != LASTCALL_E_SYNTAX)
        fail_msg("accepted: %s", line);
    assert_memory_equal(&parts, &empty, sizeof(parts));
}

/* holds 1.2, 1.3 */
static void topics_of_the_case_files(void **state)
{
    (void)state;
    case_lines_each("topic/accept.txt", accept_topic);
    case_lines_each("topic/refuse.txt", refuse_topic);
}

/* holds 1.3 */
static void parts_are_told_apart(void **state)
{
    struct topic_parts parts;

    (void)state;
    assert_int_equal(
        topic_parse("f", "f/v1/host/h/result/c/0123456789abcdef", &parts),
        LASTCALL_OK);
    assert_int_equal(parts.kind, TOPIC_RESULT);
    assert_string_equal(parts.host.text, "h");
    assert_string_equal(parts.controller.text, "c");
    assert_string_equal(parts.request_id.text, "0123456789abcdef");
    assert_string_equal(parts.server.text, "");
    assert_string_equal(parts.address.name.text, "");

    assert_int_equal(topic_parse("f", "f/v1/group/g/maintenance/p", &parts),
                     LASTCALL_OK);
    assert_int_equal(parts.kind, TOPIC_MAINTENANCE);
    assert_int_equal(parts.address.kind, ADDRESS_GROUP);
    assert_string_equal(parts.address.name.text, "g");
    assert_string_equal(parts.plan.text, "p");

    assert_int_equal(topic_parse("f", "f/v1/host/h/event/s", &parts),
                     LASTCALL_OK);
    assert_int_equal(parts.kind, TOPIC_EVENT);
    assert_string_equal(parts.server.text, "s");
    assert_string_equal(parts.host.text, "h");

    assert_int_equal(topic_parse("f", "f/v1/host/h/command", &parts),
                     LASTCALL_OK);
    assert_int_equal(parts.kind, TOPIC_COMMAND);
    assert_int_equal(parts.address.kind, ADDRESS_HOST);
    assert_string_equal(parts.address.name.text, "h");
    assert_string_equal(parts.host.text, "");
}

static void subscriptions_have_a_plus(void **state)
{
    struct topic_parts parts = {.kind = TOPIC_RESULT};
    struct topic topic;

    (void)state;
    parts.host = (struct name){"+"};
    parts.controller = (struct name){"alice"};
    parts.request_id = (struct request_id){"+"};
    topic_format("lastcall", &parts, &topic);
    assert_string_equal(topic.text, "lastcall/v1/host/+/result/alice/+");
}

static void the_longest_topic_fits(void **state)
{
    char longest[NAME_LEN_MAX + 1];
    struct topic_parts parts = {.kind = TOPIC_RESULT}, back;
    struct topic topic;

    (void)state;
    memset(longest, 'a', NAME_LEN_MAX);
    longest[NAME_LEN_MAX] = '\0';
    memset(parts.host.text, 'h', NAME_LEN_MAX);
    memset(parts.controller.text, 'c', NAME_LEN_MAX);
    memset(parts.request_id.text, 'I', REQUEST_ID_LEN_MAX);
    topic_format(longest, &parts, &topic);
    assert_int_equal(topic_parse(longest, topic.text, &back), LASTCALL_OK);
    assert_memory_equal(&back, &parts, sizeof(parts));
}

/* holds 3.4 */
static void addresses(void **state)
{
    static const char *const good[] = {"all", "group:lobby", "host:media-07"};
    static const char *const bad[] = {
        "",      "ALL",      "all:",     "all:x",  "group",  "group:",
        "host:", "host:A",   "host:*",   "Host:a", "user:a", "group:a ",
        " all",  "group: a", "host:a/b", "alle",   "host",
    };
    struct address address, other;
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(address_parse(good[i], &address), LASTCALL_OK);
        address_format(&address, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (address_parse(bad[i], &address) != LASTCALL_E_SYNTAX)
            fail_msg("accepted: \"%s\"", bad[i]);
        assert_string_equal(address.name.text, "");
    }
    assert_int_equal(address_parse("group:a", &address), LASTCALL_OK);
    assert_int_equal(address_parse("host:a", &other), LASTCALL_OK);
    assert_false(address_is_equal(&address, &other));
    assert_int_equal(address_parse("group:b", &other), LASTCALL_OK);
    assert_false(address_is_equal(&address, &other));
    assert_int_equal(address_parse("group:a", &other), LASTCALL_OK);
    assert_true(address_is_equal(&address, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_of_the_case_files),
        cmocka_unit_test(parts_are_told_apart),
        cmocka_unit_test(subscriptions_have_a_plus),
        cmocka_unit_test(the_longest_topic_fits),
        cmocka_unit_test(addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
