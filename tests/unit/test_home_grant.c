/* The bridge's grant beside its buttons: too little, too much, or just it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_grant.h"

#define RULE_MAX 4

static struct home_button buttons[3];
static struct bridge_config config;
static struct permit_rule rules[RULE_MAX];
static struct grant grant;
static char lacks[1000];
static char exceeds[2000];

static void tell(void *context, enum grant_finding finding, const char *text)
{
    char *to = finding == GRANT_LACKS ? lacks : exceeds;
    const size_t size = finding == GRANT_LACKS ? sizeof lacks : sizeof exceeds;
    const size_t len = strlen(to);

    (void)context;
    snprintf(to + len, size - len, "%s\n", text);
}

static void add_button(const char *id, enum action action,
                       enum address_kind scope, const char *target)
{
    struct home_button *button = &buttons[config.button_count++];

    *button = (struct home_button){
        .scope = scope,
        .request = {.action = action, .limit = REQUEST_LIMIT_NONE}};
    snprintf(button->id.text, sizeof button->id.text, "%s", id);
    if (scope == ADDRESS_HOST)
        button->pattern = bytes_copy_text(target);
    if (scope == ADDRESS_GROUP)
        snprintf(button->group.text, sizeof button->group.text, "%s", target);
}

static void compare(const char *const *permits, uint32_t backends)
{
    for (size_t i = 0; i < grant.rule_count; i++)
        permit_rule_deinit(&rules[i]);
    grant.rules = rules;
    grant.rule_count = 0;
    while (permits[grant.rule_count] != NULL) {
        assert_int_equal(permit_rule_parse(permits[grant.rule_count],
                                           &rules[grant.rule_count]),
                         LASTCALL_OK);
        grant.rule_count++;
    }
    lacks[0] = '\0';
    exceeds[0] = '\0';
    home_grant_compare(&grant, &config, backends, tell, NULL);
}

static int begin(void **state)
{
    (void)state;
    config = (struct bridge_config){.buttons = buttons};
    grant = (struct grant){.kind = SUBJECT_CONTROLLER,
                           .subject = "controller:bridge"};
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < config.button_count; i++)
        free(buttons[i].pattern);
    for (size_t i = 0; i < grant.rule_count; i++)
        permit_rule_deinit(&rules[i]);
    return 0;
}

static void test_just_enough_is_said_nothing_of(void **state)
{
    const char *const permits[] = {"plex:stop,list,ping@host:media-*",
                                   "wts:disconnect@group:office", NULL};

    (void)state;
    add_button("a", ACTION_STOP, ADDRESS_HOST, "media-*");
    add_button("b", ACTION_DISCONNECT, ADDRESS_GROUP, "office");
    compare(permits, BACKEND_SET_ALL);
    assert_string_equal(lacks, "");
    assert_string_equal(exceeds, "");
}

static void test_what_a_button_lacks(void **state)
{
    const char *const permits[] = {"plex:stop@host:media-0*", NULL};

    (void)state;
    add_button("wide", ACTION_STOP, ADDRESS_HOST, "media-*");
    add_button("all", ACTION_STOP, ADDRESS_ALL, NULL);
    add_button("good", ACTION_STOP, ADDRESS_HOST, "media-01");
    compare(permits, BACKEND_SET_ALL);
    assert_non_null(strstr(lacks, "\"wide\""));
    assert_non_null(strstr(lacks, "\"all\""));
    assert_null(strstr(lacks, "\"good\""));
}

static void test_demands_are_met_or_not(void **state)
{
    const char *const permits[] = {"plex:stop@all!reason,limit", NULL};
    char reason[] = "r";

    (void)state;
    add_button("a", ACTION_STOP, ADDRESS_ALL, NULL);
    compare(permits, BACKEND_SET_ALL);
    assert_non_null(strstr(lacks, "\"a\""));
    buttons[0].request.reason = reason;
    compare(permits, BACKEND_SET_ALL);
    assert_non_null(strstr(lacks, "\"a\""));
    buttons[0].request.limit = 3;
    compare(permits, BACKEND_SET_ALL);
    assert_string_equal(lacks, "");
}

/* A fleet without Windows needs no rule for it. */
static void test_only_the_kinds_that_there_are(void **state)
{
    const char *const permits[] = {"plex:end@all", NULL};

    (void)state;
    add_button("a", ACTION_END, ADDRESS_ALL, NULL);
    compare(permits, BACKEND_SET_ALL);
    assert_non_null(strstr(lacks, "wts"));
    compare(permits, BACKEND_BIT(BACKEND_PLEX));
    assert_string_equal(lacks, "");
    /* Nothing is known yet: everything may come. */
    compare(permits, 0);
    assert_non_null(strstr(lacks, "wts"));
}

static void test_what_no_button_needs(void **state)
{
    const char *const permits[] = {"*:*@*", "plex:stop@host:office", NULL};

    (void)state;
    add_button("a", ACTION_STOP, ADDRESS_HOST, "media-*");
    compare(permits, BACKEND_SET_ALL);
    assert_string_equal(lacks, "");
    assert_non_null(strstr(exceeds, "rule 1 of the grant permits logoff on "
                                    "wts"));
    assert_null(strstr(exceeds, "permits stop on plex"));
    assert_null(strstr(exceeds, "permits end on plex")); /* it is stop */
    assert_non_null(strstr(exceeds, "permits end on wts"));
    assert_null(strstr(exceeds, "list"));
    assert_non_null(strstr(exceeds, "rule 1 of the grant is good for *"));
    assert_non_null(strstr(exceeds, "good for host:office"));
}

/* Whoever may only look ends nothing. */
static void test_looking_is_not_too_much(void **state)
{
    const char *const permits[] = {"*:list,ping@all", NULL};

    (void)state;
    compare(permits, BACKEND_SET_ALL);
    assert_string_equal(exceeds, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_just_enough_is_said_nothing_of,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_what_a_button_lacks, begin, end),
        cmocka_unit_test_setup_teardown(test_demands_are_met_or_not, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_only_the_kinds_that_there_are,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_what_no_button_needs, begin, end),
        cmocka_unit_test_setup_teardown(test_looking_is_not_too_much, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
