#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/io/platform.h"
#include "worker/settings.h"

#define EXAMPLE TEST_SOURCE_DIR "/../worker.conf.example"
#define BROKER "[broker]\nuri = mqtts://broker.example\n"
#define SERVER                                                                 \
    "[server \"home\"]\nbackend = plex\nurl = http://127.0.0.1:32400\n"        \
    "token_file = /x\n"

#define SHARE "//files.example/share/x"

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum lastcall_status load(const char *text, struct settings *out,
                                 struct config_error *error)
{
    char path[] = "/tmp/lastcall-settings-XXXXXX";
    const int fd = mkstemp(path);
    enum lastcall_status status = LASTCALL_E_IO;

    assert_true(fd >= 0);
    close(fd);
    write_file(path, text);
    status = settings_load(path, out, error);
    assert_int_equal(unlink(path), 0);
    return status;
}

/* Where there are shares: to open one shows its machine who we are. */
static void no_path_leads_to_another_machine(void **state)
{
    static const char *const texts[] = {
        "[worker]\nstate_dir = " SHARE "\n" BROKER SERVER,
        "[worker]\nkey = " SHARE "\n" BROKER SERVER,
        "[worker]\nroot = " SHARE "\n" BROKER SERVER,
        BROKER "ca = " SHARE "\n" SERVER,
        BROKER "username = u\npassword_file = " SHARE "\n" SERVER,
        BROKER SERVER "ca = " SHARE "\n",
        BROKER SERVER "[server \"two\"]\nbackend = plex\n"
                      "url = http://127.0.0.1:1\ntoken_file = " SHARE "\n",
    };
    const bool is_windows = platform_is_elsewhere(SHARE);
    struct settings settings;
    struct config_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(load(texts[i], &settings, &error),
                         is_windows ? LASTCALL_E_CONFIG : LASTCALL_OK);
        if (is_windows)
            assert_non_null(strstr(error.text, "no file of this machine"));
        settings_deinit(&settings);
    }
}

static void the_example_loads_unchanged(void **state)
{
    struct settings settings;
    struct config_error error;

    (void)state;
    if (settings_load(EXAMPLE, &settings, &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
    assert_int_equal(settings.server_count, 1);
    assert_string_equal(settings.servers[0].name.text, "home");
    assert_string_equal(settings.worker.fleet.text, "lastcall");
    assert_true(settings.worker.host.text[0] != '\0');
    assert_int_equal(settings.policy.max_sessions, 50);
    assert_int_equal(settings.worker.max_lifetime_s, 24 * 3600);
    assert_int_equal(settings.worker.clock_skew_s, 30);
    assert_int_equal(settings.broker.session_expiry_s, 120);
    assert_int_equal(settings.servers[0].sessions_interval_ms, 10000);
    assert_null(settings.policy.allow);
    settings_deinit(&settings);
}

/* Followed unless it is said otherwise, and by nobody but a Plex server. */
static void an_event_stream_is_followed_unless_said(void **state)
{
    static const struct {
        const char *text;
        int64_t events;
    } cases[] = {
        {BROKER SERVER, 1},
        {BROKER SERVER "events = on\n", 1},
        {BROKER SERVER "events = off\n", 0},
        {BROKER "[server \"a\"]\nbackend = wts\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings settings;
        struct config_error error;

        assert_int_equal(load(cases[i].text, &settings, &error), LASTCALL_OK);
        assert_int_equal(settings.servers[0].events, cases[i].events);
        settings_deinit(&settings);
    }
}

static void what_is_not_said_lies_in_the_machines_folders(void **state)
{
    struct settings settings;
    struct config_error error;
    char path[256];

    (void)state;
    assert_int_equal(load(BROKER SERVER, &settings, &error), LASTCALL_OK);
    assert_string_equal(settings.worker.state_dir, platform_state_dir());
    snprintf(path, sizeof(path), "%s%shost.key", platform_config_dir(),
             platform_separator);
    assert_string_equal(settings.worker.key, path);
    snprintf(path, sizeof(path), "%s%shost.grant", platform_config_dir(),
             platform_separator);
    assert_string_equal(settings.worker.grant, path);
    snprintf(path, sizeof(path), "%s%sroot.pub", platform_config_dir(),
             platform_separator);
    assert_string_equal(settings.worker.root, path);
    settings_deinit(&settings);
}

/* Does a line of the example, commented out or not, give a key a value? */
static bool line_names(const char *line, const struct config_key *key)
{
    char wanted[128];

    line += strspn(line, "; ");
    snprintf(wanted, sizeof(wanted), "%s = %s", key->name,
             key->preset != NULL ? key->preset : "");
    if (key->preset == NULL)
        return strncmp(line, wanted, strlen(wanted)) == 0;
    return strncmp(line, wanted, strlen(wanted)) == 0 &&
           line[strlen(wanted)] == '\n';
}

static bool example_names(const struct config_key *key)
{
    FILE *file = fopen(EXAMPLE, "r");
    char line[512];
    char section[32] = "";
    bool found = false;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '[')
            (void)sscanf(line, "[%31[a-z]", section);
        if (strcmp(section, key->section) == 0 && line_names(line, key))
            found = true;
    }
    fclose(file);
    return found;
}

static void the_example_names_every_key_with_its_default(void **state)
{
    (void)state;
    assert_true(settings_key_count > 20);
    for (size_t i = 0; i < settings_key_count; i++) {
        if (!example_names(&settings_keys[i]))
            fail_msg("[%s] %s is not in the example with its default",
                     settings_keys[i].section, settings_keys[i].name);
    }
}

struct refusal {
    const char *text;
    const char *says;
};

/* holds 1.1 */
static void what_does_not_go_together_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {SERVER, "uri is missing"},
        {"[broker]\nuri = mqtt://broker.example\n" SERVER, "mqtts"},
        {"[broker]\nuri = http://broker.example\n" SERVER, "mqtts://"},
        {"[broker]\nuri = mqtts://a:b@broker.example\n" SERVER,
         "password_file"},
        {BROKER "cert = /x\n" SERVER, "go together"},
        {BROKER "password_file = /x\n" SERVER, "needs a username"},
        {BROKER "session_expiry = 14s\n" SERVER, "session_expiry"},
        {BROKER, "no server"},
        {BROKER "[server \"a\"]\nurl = http://x\n", "backend is missing"},
        {BROKER "[server \"a\"]\nbackend = wts\nurl = http://h/\n",
         "are for backend = plex"},
        {BROKER "[server \"a\"]\nbackend = wts\nevents = on\n",
         "events is for backend = plex"},
        {BROKER "[server \"a\"]\nbackend = wts\nevents = off\n",
         "events is for backend = plex"},
        {BROKER SERVER "events = maybe\n", "events"},
        {BROKER "[server \"a\"]\nbackend = plex\ntoken = auto\n", "url"},
        {BROKER "[server \"a\"]\nbackend = plex\nurl = http://x\n",
         "token_file"},
        {BROKER "[server \"a\"]\nbackend = plex\nurl = http://x\n"
                "token = secret\n",
         "file of its own"},
        {BROKER "[server \"a\"]\nbackend = plex\ntoken = auto\n"
                "url = http://x?token=1\n",
         "token has its file"},
        {BROKER SERVER SERVER, ":7: this section stands"},
        {BROKER "[server]\nbackend = plex\n", "server"},
        {BROKER "[server \"No Name\"]\nbackend = plex\n", "name"},
        {"[broker \"x\"]\nuri = mqtts://b\n" SERVER, "have no name"},
        {"[wroker]\nhost = a\n" BROKER SERVER, "wroker"},
        {"[worker]\nhots = a\n" BROKER SERVER, ":2"},
        {"[worker]\nkey = \"/a b/host.key\"\n" BROKER SERVER,
         ":2: key: a path stands without quotation marks"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct settings settings;
        struct config_error error;

        assert_int_equal(load(refusals[i].text, &settings, &error),
                         LASTCALL_E_CONFIG);
        if (strstr(error.text, refusals[i].says) == NULL)
            fail_msg("expected '%s' in: %s", refusals[i].says, error.text);
        assert_null(settings.servers);
    }
}

static void plain_mqtt_stays_on_this_machine(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost:1883",
                                        "[::1]:1883"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct settings settings;
        struct config_error error;
        char text[512];

        snprintf(text, sizeof(text), "[broker]\nuri = mqtt://%s\n" SERVER,
                 hosts[i]);
        if (load(text, &settings, &error) != LASTCALL_OK)
            fail_msg("%s", error.text);
        settings_deinit(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_path_leads_to_another_machine),
        cmocka_unit_test(the_example_loads_unchanged),
        cmocka_unit_test(an_event_stream_is_followed_unless_said),
        cmocka_unit_test(what_is_not_said_lies_in_the_machines_folders),
        cmocka_unit_test(the_example_names_every_key_with_its_default),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(plain_mqtt_stays_on_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
