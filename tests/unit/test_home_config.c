/* What the configuration says of the bridge: taken, or refused with a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/home_config.h"

static struct controller_settings settings;
static struct bridge_config config;
static struct config_error error;

/* Each target section, in one go; the settings' own layers have their test. */
static void *find_section(void *state, const char *section, const char *label)
{
    struct controller_settings *out = state;
    struct button_settings *button = NULL;

    if (strcmp(section, "bridge") == 0)
        return &out->bridge;
    if (strcmp(section, "button") != 0)
        return out;
    button = &out->buttons[out->button_count++];
    snprintf(button->id.text, sizeof button->id.text, "%s", label);
    button->action = SETTINGS_UNSET;
    button->limit = SETTINGS_UNSET;
    assert_int_equal(
        config_preset(controller_keys, controller_key_count, "button", button),
        LASTCALL_OK);
    return button;
}

static void note_place(void *state, void *structure,
                       const struct config_key *key, unsigned line)
{
    struct controller_settings *out = state;

    if (structure == &out->bridge)
        settings_places_note(&out->bridge.places, key, "t", line);
    else if (structure != out)
        settings_places_note(&out->buttons[out->button_count - 1].places, key,
                             "t", line);
}

static enum lastcall_status make(const char *text)
{
    const struct config_target target = {find_section, &settings, note_place};
    struct config_error wrong = {0};

    bridge_config_deinit(&config);
    controller_settings_deinit(&settings);
    settings.buttons = calloc(SETTINGS_BUTTON_MAX, sizeof *settings.buttons);
    assert_non_null(settings.buttons);
    assert_int_equal(config_preset(controller_keys, controller_key_count,
                                   "controller", &settings),
                     LASTCALL_OK);
    assert_int_equal(config_preset(controller_keys, controller_key_count,
                                   "bridge", &settings.bridge),
                     LASTCALL_OK);
    if (config_read_text("t", text, strlen(text), controller_keys,
                         controller_key_count, &target, &wrong) != LASTCALL_OK)
        fail_msg("%s", wrong.text);
    return bridge_config_make(&settings, &config, &error);
}

static int forget(void **state)
{
    (void)state;
    bridge_config_deinit(&config);
    controller_settings_deinit(&settings);
    return 0;
}

#define BROKER "[broker]\nuri = mqtts://fleet.example\n"
#define BUTTON BROKER "[button \"b\"]\n"

static void test_everything_is_taken(void **state)
{
    const struct home_button *button = NULL;

    (void)state;
    assert_int_equal(
        make(BROKER "[bridge]\nbroker = mqtts://home.example\n"
                    "hosts = media-*, office.02\nquiet = 2s\n"
                    "[button \"z\"]\ntarget = all\nevery = yes\naction = end\n"
                    "[button \"a\"]\nname = Stop\nicon = mdi:stop\n"
                    "target = host:media-*\naction = stop\n"
                    "where = username ~ 'k*'\nreason = Bed.\nlimit = 3\n"
                    "min_interval = 2s\ntimeout = 4s\n"),
        LASTCALL_OK);
    assert_string_equal(config.broker, "mqtts://home.example");
    assert_string_equal(config.fleet.text, "lastcall");
    assert_string_equal(config.discovery_prefix, "homeassistant");
    assert_string_equal(config.birth_topic, "homeassistant/status");
    assert_int_equal(config.quiet_ms, 2000);
    assert_int_equal(config.host_count, 2);
    assert_string_equal(config.hosts[1], "office.02");
    assert_int_equal(config.button_count, 2);
    button = &config.buttons[0]; /* sorted */
    assert_string_equal(button->id.text, "a");
    assert_string_equal(button->title, "Stop");
    assert_string_equal(button->icon, "mdi:stop");
    assert_int_equal(button->scope, ADDRESS_HOST);
    assert_string_equal(button->pattern, "media-*");
    assert_int_equal(button->min_interval_ms, 2000);
    assert_int_equal(button->timeout_ms, 4000);
    assert_int_equal(button->request.action, ACTION_STOP);
    assert_int_equal(button->request.backends, BACKEND_SET_ALL);
    assert_int_equal(button->request.limit, 3);
    assert_string_equal(button->request.reason, "Bed.");
    assert_true(button->request.has_where);
    assert_string_equal(button->request.where.text, "username ~ 'k*'");
    button = &config.buttons[1];
    assert_string_equal(button->title, "z");
    assert_null(button->icon);
    assert_int_equal(button->scope, ADDRESS_ALL);
    assert_int_equal(button->request.limit, REQUEST_LIMIT_NONE);
    /* As the command: what is nobody's session on Windows is passed over. */
    assert_string_equal(button->request.where.text,
                        "(session_id != null) and "
                        "(endable or username != null)");
}

static void test_the_fleets_broker_serves_the_home(void **state)
{
    (void)state;
    assert_int_equal(make(BROKER "username = u\npassword_file = /p\n"
                                 "ca = /ca\ncert = /c\ncert_key = /k\n"),
                     LASTCALL_OK);
    assert_string_equal(config.broker, "mqtts://fleet.example");
    assert_string_equal(config.username, "u");
    assert_string_equal(config.password_file, "/p");
    assert_string_equal(config.ca, "/ca");
    assert_string_equal(config.cert, "/c");
    assert_string_equal(config.cert_key, "/k");
    /* The same broker, another user. */
    assert_int_equal(make(BROKER "username = u\npassword_file = /p\nca = /ca\n"
                                 "[bridge]\nusername = v\n"),
                     LASTCALL_OK);
    assert_string_equal(config.username, "v");
    assert_null(config.password_file);
    assert_string_equal(config.ca, "/ca");
    /* Another broker gets nothing that is meant for the fleet's. */
    assert_int_equal(make(BROKER "username = u\npassword_file = /p\n"
                                 "ca = /ca\ncert = /c\ncert_key = /k\n"
                                 "[bridge]\nbroker = mqtts://home.example\n"),
                     LASTCALL_OK);
    assert_null(config.username);
    assert_null(config.password_file);
    assert_null(config.ca);
    assert_null(config.cert);
    assert_null(config.cert_key);
}

static void test_what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "no broker"},
        {BROKER "[bridge]\nbroker = mqtt://home.example\n", "[bridge] broker"},
        {BROKER "[bridge]\ncert = c\n", "go together"},
        {BROKER "[bridge]\npassword_file = p\n", "username"},
        {BROKER "[bridge]\ndiscovery_prefix = a/#\n", "discovery_prefix"},
        {BROKER "[bridge]\ndiscovery_prefix = /a\n", "discovery_prefix"},
        {BROKER "[bridge]\nbirth_topic = +/status\n", "birth_topic"},
        {BROKER "[bridge]\nhosts = media-*, B\n", "\"B\""},
        {BROKER "[bridge]\nhosts = ,\n", "nobody"},
        {BROKER "[bridge]\nhosts = a b\n[button \"b\"]\n", "[button \"b\"]"},
        {BUTTON "action = end\nevery = yes\n", "target"},
        {BUTTON "target = host:\naction = end\nevery = yes\n", "target"},
        {BUTTON "target = host:A\naction = end\nevery = yes\n", "target"},
        {BUTTON "target = host:+\naction = end\nevery = yes\n", "target"},
        {BUTTON "target = group:*\naction = end\nevery = yes\n", "target"},
        {BUTTON "target = al\naction = end\nevery = yes\n", "target"},
        {BUTTON "target = all\nevery = yes\n", "action"},
        {BUTTON "target = all\naction = end\n", "which sessions"},
        {BUTTON "target = all\naction = end\nevery = yes\nwhere = is_local\n",
         "which sessions"},
        {BUTTON "target = all\naction = end\nwhere = nam == 'x'\n",
         "[button \"b\"] where"},
        {BUTTON "target = all\naction = end\nwhere = is_local) or (is_local\n",
         "where"},
        {BUTTON "target = all\naction = end\nevery = yes\nicon = stop\n",
         "icon"},
        {BUTTON "target = all\naction = end\nevery = yes\nicon = mdi:{{\n",
         "icon"},
        {BUTTON
         "target = all\naction = end\nevery = yes\n"
         "name = "
         "12345678901234567890123456789012345678901234567890123456789012345\n",
         "name"},
        {BUTTON "target = all\naction = end\nevery = yes\nmessage = m\n",
         "action = message"},
        {BUTTON "target = all\naction = message\nevery = yes\n", "message"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (make(cases[i].text) != LASTCALL_E_CONFIG)
            fail_msg("case %zu is taken: %s", i, cases[i].text);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, error.text,
                     cases[i].says);
    }
}

/* The key's line, or where it is missing the section's. */
static void test_the_line_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {BROKER "[bridge]\nquiet = 2s\nhosts = B\n", "t:5: [bridge] hosts"},
        {BROKER "[bridge]\n\ncert = c\n", "t:5: [bridge] cert"},
        {BROKER "\n[bridge]\nbirth_topic = +\n", "t:5: [bridge] birth_topic"},
        {BUTTON "target = all\nevery = yes\n", "t:3: [button \"b\"] action"},
        {BUTTON "target = all\naction = end\n\nwhere = nam == 'x'\n",
         "t:7: [button \"b\"] where"},
        {BUTTON "target = nobody\naction = end\nevery = yes\n",
         "t:4: [button \"b\"] target"},
        {BUTTON "target = all\naction = end\nevery = yes\n"
                "[button \"c\"]\nicon = mdi\n",
         "t:8: [button \"c\"] icon"},
        {BUTTON "target = all\naction = end\nevery = yes\ntitle = m\n",
         "t:7: [button \"b\"] title"},
        {"[bridge]\nquiet = 1s\n", "t:1: [bridge] no broker"},
        {"[controller]\n", "[bridge] no broker"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(make(cases[i].text), LASTCALL_E_CONFIG);
        if (strncmp(error.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, error.text,
                     cases[i].says);
    }
}

static void test_a_message_has_a_title(void **state)
{
    (void)state;
    assert_int_equal(make(BUTTON "target = all\naction = message\n"
                                 "every = yes\nmessage = Save.\n"),
                     LASTCALL_OK);
    assert_string_equal(config.buttons[0].request.message, "Save.");
    assert_non_null(config.buttons[0].request.title);
    assert_int_equal(make(BUTTON "target = all\naction = message\n"
                                 "every = yes\nmessage = Save.\ntitle = T\n"),
                     LASTCALL_OK);
    assert_string_equal(config.buttons[0].request.title, "T");
}

static void test_who_is_shown_and_who_has_which_button(void **state)
{
    const struct name media = {"media-1"};
    const struct name office = {"office"};
    const struct name bridge = {""};

    (void)state;
    assert_int_equal(make(BROKER), LASTCALL_OK);
    assert_true(bridge_config_shows(&config, &media));
    assert_int_equal(
        make(BROKER "[bridge]\nhosts = media-*\n"
                    "[button \"a\"]\ntarget = host:media-*\naction = end\n"
                    "every = yes\n"
                    "[button \"b\"]\ntarget = group:media\naction = end\n"
                    "every = yes\n"),
        LASTCALL_OK);
    assert_true(bridge_config_shows(&config, &media));
    assert_false(bridge_config_shows(&config, &office));
    assert_true(home_button_is_on(&config.buttons[0], &media));
    assert_false(home_button_is_on(&config.buttons[0], &office));
    assert_false(home_button_is_on(&config.buttons[0], &bridge));
    assert_false(home_button_is_on(&config.buttons[1], &media));
    assert_true(home_button_is_on(&config.buttons[1], &bridge));
    /* A pattern that matches the empty text is not on the bridge's device. */
    assert_int_equal(make(BUTTON "target = host:*\naction = end\n"
                                 "every = yes\n"),
                     LASTCALL_OK);
    assert_false(home_button_is_on(&config.buttons[0], &bridge));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_taken),
        cmocka_unit_test(test_the_fleets_broker_serves_the_home),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_the_line_is_named),
        cmocka_unit_test(test_a_message_has_a_title),
        cmocka_unit_test(test_who_is_shown_and_who_has_which_button),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
