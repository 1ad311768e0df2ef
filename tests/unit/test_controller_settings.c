/* Where the settings of lastcall come from, and which source wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/settings.h"
#include "protocol/io/platform.h"
#include "tests/unit/scratch.h"

#define EXAMPLE TEST_SOURCE_DIR "/../controller.conf.example"

static char directory[] = "/tmp/lastcall-settings-XXXXXX";
static char system_file[64];
static char given_file[64];
static char personal_home[64];
static const char *variable_broker;
static const char *variable_fleet;

static const char *environment(const char *name)
{
    if (strcmp(name, "LASTCALL_BROKER") == 0)
        return variable_broker;
    if (strcmp(name, "LASTCALL_FLEET") == 0)
        return variable_fleet;
    if (strcmp(name, "XDG_CONFIG_HOME") == 0 || strcmp(name, "APPDATA") == 0)
        return personal_home;
    return NULL;
}

static const struct settings_sources sources = {directory, environment};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int make_directory(void **state)
{
    char path[128];

    (void)state;
    if (scratch_make(directory) == NULL)
        return -1;
    snprintf(system_file, sizeof system_file, "%s/controller.conf", directory);
    snprintf(given_file, sizeof given_file, "%s/given.conf", directory);
    snprintf(personal_home, sizeof personal_home, "%s/xdg", directory);
    snprintf(path, sizeof path, "%s/lastcall", personal_home);
    struct platform_error error;
    return platform_make_directory(path, &error) == LASTCALL_OK ? 0 : -1;
}

static int forget(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/lastcall/controller.conf", personal_home);
    unlink(path);
    unlink(system_file);
    unlink(given_file);
    variable_broker = NULL;
    variable_fleet = NULL;
    return 0;
}

static int remove_directory(void **state)
{
    char path[128];

    forget(state);
    snprintf(path, sizeof path, "%s/lastcall", personal_home);
    rmdir(path);
    rmdir(personal_home);
    return rmdir(directory);
}

/* The broker that a set of sources gives. */
static void expect_broker(int argc, char **argv, const char *broker)
{
    struct options options;
    struct controller_settings settings;
    struct config_error error;

    assert_int_equal(options_parse(COMMAND_HOSTS, argc, argv, &options),
                     LASTCALL_OK);
    assert_int_equal(
        controller_settings_load(&options, &sources, &settings, &error),
        LASTCALL_OK);
    if (broker == NULL)
        assert_null(settings.broker);
    else
        assert_string_equal(settings.broker, broker);
    controller_settings_deinit(&settings);
    options_deinit(&options);
}

static void test_each_source_beats_the_one_below(void **state)
{
    char path[128];
    char config[] = "--config";
    char flag[] = "--broker";
    char value[] = "mqtts://from.flag";
    char *argv[] = {config, given_file, flag, value};

    (void)state;
    expect_broker(0, argv, NULL);
    write_file(system_file, "[broker]\nuri = mqtts://from.system\n");
    expect_broker(0, argv, "mqtts://from.system");
    snprintf(path, sizeof path, "%s/lastcall/controller.conf", personal_home);
    write_file(path, "[broker]\nuri = mqtts://from.person\n");
    expect_broker(0, argv, "mqtts://from.person");
    write_file(given_file, "[broker]\nuri = mqtts://from.file\n");
    expect_broker(2, argv, "mqtts://from.file");
    variable_broker = "mqtts://from.variable";
    expect_broker(2, argv, "mqtts://from.variable");
    expect_broker(4, argv, "mqtts://from.flag");
}

static void load_fails(int argc, char **argv, const char *says)
{
    struct options options;
    struct controller_settings settings;
    struct config_error error;

    assert_int_equal(options_parse(COMMAND_HOSTS, argc, argv, &options),
                     LASTCALL_OK);
    assert_int_not_equal(
        controller_settings_load(&options, &sources, &settings, &error),
        LASTCALL_OK);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    controller_settings_deinit(&settings);
    options_deinit(&options);
}

static void test_errors_name_their_source(void **state)
{
    char config[] = "--config";
    char *argv[] = {config, given_file};

    (void)state;
    load_fails(2, argv, "given.conf");
    write_file(given_file, "[controller]\nfleet = lobby\nkee = x\n");
    load_fails(2, argv, "given.conf:3");
    write_file(given_file, "[worker]\nhost = x\n");
    load_fails(2, argv, "given.conf:1");
    variable_fleet = "No Name";
    load_fails(0, argv, "LASTCALL_FLEET");
}

/* holds 1.1 */
static void test_plain_mqtt_stays_on_the_machine(void **state)
{
    static const struct {
        const char *uri;
        enum lastcall_status verdict;
    } cases[] = {
        {"mqtt://127.0.0.1:1883", LASTCALL_OK},
        {"mqtt://localhost", LASTCALL_OK},
        {"mqtt://[::1]:1883", LASTCALL_OK},
        {"mqtts://broker.example:8883", LASTCALL_OK},
        {"mqtt://broker.example:1883", LASTCALL_E_CONFIG},
        {"mqtt://127.evil.example", LASTCALL_E_CONFIG},
        {"mqtt://10.0.0.1", LASTCALL_E_CONFIG},
        {"tcp://127.0.0.1", LASTCALL_E_CONFIG},
        {"mqtts://user@broker", LASTCALL_E_CONFIG},
        {"mqtts://broker/path", LASTCALL_E_CONFIG},
        {"mqtts://", LASTCALL_E_CONFIG},
        {"mqtts://broker:", LASTCALL_E_CONFIG},
        {"broker.example", LASTCALL_E_CONFIG},
        {"", LASTCALL_E_CONFIG},
    };
    struct config_error error;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char uri[64];
        struct controller_settings settings = {.broker = uri};

        snprintf(uri, sizeof uri, "%s", cases[i].uri);
        assert_int_equal(controller_settings_check_broker(&settings, &error),
                         cases[i].verdict);
    }
}

static void test_what_goes_together(void **state)
{
    struct config_error error;
    char uri[] = "mqtts://b";
    char file[] = "f";
    struct controller_settings cert = {.broker = uri, .cert = file};
    struct controller_settings password = {.broker = uri,
                                           .password_file = file};
    struct controller_settings none = {0};

    (void)state;
    assert_int_equal(controller_settings_check_broker(&cert, &error),
                     LASTCALL_E_CONFIG);
    assert_int_equal(controller_settings_check_broker(&password, &error),
                     LASTCALL_E_CONFIG);
    assert_int_equal(controller_settings_check_broker(&none, &error),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(error.text, "--broker"));
}

/* A folder with keys and configuration may be copied as it is. */
static void test_relative_paths_begin_beside_the_file(void **state)
{
    char config[] = "--config";
    char root_flag[] = "--root";
    char root[] = "here.pub";
    char *argv[] = {config, given_file, root_flag, root};
    struct options options;
    struct controller_settings settings;
    struct config_error error;
    char expected[128];

    (void)state;
    write_file(given_file, "[controller]\nkey = sub/a.key\n"
                           "grant = /elsewhere/a.grant\nroot = root.pub\n");
    assert_int_equal(options_parse(COMMAND_HOSTS, 4, argv, &options),
                     LASTCALL_OK);
    assert_int_equal(
        controller_settings_load(&options, &sources, &settings, &error),
        LASTCALL_OK);
    snprintf(expected, sizeof expected, "%s/sub/a.key", directory);
    assert_string_equal(settings.key, expected);
    assert_string_equal(settings.grant, "/elsewhere/a.grant");
    assert_string_equal(settings.root, "here.pub"); /* from where we stand */
    controller_settings_deinit(&settings);
    options_deinit(&options);
}

/* The bridge's own sections, which every command reads and none but the
 * bridge looks at. */
static void test_buttons_are_gathered_from_every_file(void **state)
{
    char config[] = "--config";
    char *argv[] = {config, given_file};
    struct options options;
    struct controller_settings settings;
    struct config_error error;

    (void)state;
    write_file(system_file, "[bridge]\nquiet = 7s\n"
                            "[button \"b\"]\ntarget = all\nlimit = 0\n");
    write_file(given_file, "[button \"a\"]\naction = logoff\n"
                           "[button \"b\"]\ntarget = group:g\n");
    assert_int_equal(options_parse(COMMAND_HOSTS, 2, argv, &options),
                     LASTCALL_OK);
    assert_int_equal(
        controller_settings_load(&options, &sources, &settings, &error),
        LASTCALL_OK);
    assert_int_equal(settings.bridge.quiet_ms, 7000);
    assert_string_equal(settings.bridge.discovery_prefix, "homeassistant");
    assert_int_equal(settings.button_count, 2);
    assert_string_equal(settings.buttons[0].target, "group:g");
    assert_int_equal(settings.buttons[0].limit, 0);
    assert_int_equal(settings.buttons[0].action, SETTINGS_UNSET);
    assert_int_equal(settings.buttons[1].limit, SETTINGS_UNSET);
    assert_string_equal(settings_button_actions[settings.buttons[1].action],
                        "logoff");
    controller_settings_deinit(&settings);
    options_deinit(&options);
    write_file(given_file, "[button \"a\"]\ntarget = all\nlimt = 1\n");
    load_fails(2, argv, "given.conf:3");
    write_file(given_file, "[button]\ntarget = all\n");
    load_fails(2, argv, "given.conf:1");
    write_file(given_file, "[bridge \"x\"]\nquiet = 1s\n");
    load_fails(2, argv, "given.conf:1");
    write_file(given_file, "[button \"a\"]\naction = ping\n");
    load_fails(2, argv, "given.conf:2");
}

static void test_there_are_not_too_many_buttons(void **state)
{
    char config[] = "--config";
    char *argv[] = {config, given_file};
    FILE *file = fopen(given_file, "w");

    (void)state;
    assert_non_null(file);
    for (int i = 0; i <= SETTINGS_BUTTON_MAX; i++)
        fprintf(file, "[button \"b%d\"]\n", i);
    assert_int_equal(fclose(file), 0);
    load_fails(2, argv, "given.conf:65");
}

/* Whether the example has a line for a key, as it is or commented out. */
static bool example_names(const struct config_key *key)
{
    char line[256];
    char section[32] = "";
    bool found = false;
    size_t len = strlen(key->name);
    FILE *file = fopen(EXAMPLE, "r");

    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        const char *at = strncmp(line, "; ", 2) == 0 ? line + 2 : line;

        if (at[0] == '[')
            snprintf(section, sizeof section, "%.*s",
                     (int)strcspn(at + 1, " ]"), at + 1);
        found = strcmp(section, key->section) == 0 &&
                strncmp(at, key->name, len) == 0 &&
                strncmp(at + len, " = ", 3) == 0;
    }
    fclose(file);
    return found;
}

static void test_the_example_loads_and_names_every_key(void **state)
{
    char config[] = "--config";
    char example[] = EXAMPLE;
    char *argv[] = {config, example};

    (void)state;
    expect_broker(2, argv, "mqtts://broker.example:8883");
    for (size_t i = 0; i < controller_key_count; i++) {
        if (!example_names(&controller_keys[i]))
            fail_msg("[%s] %s is not in the example",
                     controller_keys[i].section, controller_keys[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_source_beats_the_one_below, forget),
        cmocka_unit_test_teardown(test_errors_name_their_source, forget),
        cmocka_unit_test(test_plain_mqtt_stays_on_the_machine),
        cmocka_unit_test(test_what_goes_together),
        cmocka_unit_test_teardown(test_relative_paths_begin_beside_the_file,
                                  forget),
        cmocka_unit_test_teardown(test_buttons_are_gathered_from_every_file,
                                  forget),
        cmocka_unit_test_teardown(test_there_are_not_too_many_buttons, forget),
        cmocka_unit_test_teardown(test_the_example_loads_and_names_every_key,
                                  forget),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
