#include "controller/settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/io/broker_uri.h"
#include "protocol/io/platform.h"
#include "protocol/request.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member) offsetof(struct controller_settings, member)
#define IN_BRIDGE(member) offsetof(struct bridge_settings, member)
#define IN_BUTTON(member) offsetof(struct button_settings, member)

const char *const settings_button_actions[] = {
    "end", "stop", "disconnect", "logoff", "message", NULL};

const struct config_key controller_keys[] = {
    {"controller", "fleet", CONFIG_NAME, AT(fleet), "lastcall", 0, 0, NULL,
     "the fleet's name, as topics begin with it"},
    {"controller", "key", CONFIG_PATH, AT(key), NULL, 0, 0, NULL,
     "our private key, PEM; made by lastcall key new"},
    {"controller", "grant", CONFIG_PATH, AT(grant), NULL, 0, 0, NULL,
     "our grant, signed by the root"},
    {"controller", "root", CONFIG_PATH, AT(root), NULL, 0, 0, NULL,
     "the root's public key, PEM"},
    {"broker", "uri", CONFIG_TEXT, AT(broker), NULL, 0, 0, NULL,
     "mqtts://host[:port]; mqtt:// only on this machine"},
    {"broker", "ca", CONFIG_PATH, AT(ca), NULL, 0, 0, NULL,
     "certificates that may vouch for the broker, PEM"},
    {"broker", "cert", CONFIG_PATH, AT(cert), NULL, 0, 0, NULL,
     "our certificate for the broker, PEM"},
    {"broker", "cert_key", CONFIG_PATH, AT(cert_key), NULL, 0, 0, NULL,
     "its private key, PEM"},
    {"broker", "username", CONFIG_TEXT, AT(username), NULL, 0, 0, NULL,
     "our user name at the broker"},
    {"broker", "password_file", CONFIG_PATH, AT(password_file), NULL, 0, 0,
     NULL, "the file with its password, readable by its owner alone"},
    {"bridge", "broker", CONFIG_TEXT, IN_BRIDGE(broker), NULL, 0, 0, NULL,
     "the home's broker; default: the fleet's, as [broker] says"},
    {"bridge", "username", CONFIG_TEXT, IN_BRIDGE(username), NULL, 0, 0, NULL,
     "our user name there"},
    {"bridge", "password_file", CONFIG_PATH, IN_BRIDGE(password_file), NULL, 0,
     0, NULL, "the file with its password, readable by its owner alone"},
    {"bridge", "ca", CONFIG_PATH, IN_BRIDGE(ca), NULL, 0, 0, NULL,
     "certificates that may vouch for the home's broker, PEM"},
    {"bridge", "cert", CONFIG_PATH, IN_BRIDGE(cert), NULL, 0, 0, NULL,
     "our certificate for it, PEM"},
    {"bridge", "cert_key", CONFIG_PATH, IN_BRIDGE(cert_key), NULL, 0, 0, NULL,
     "its private key, PEM"},
    {"bridge", "discovery_prefix", CONFIG_TEXT, IN_BRIDGE(discovery_prefix),
     "homeassistant", 0, 0, NULL, "where Home Assistant looks for devices"},
    {"bridge", "birth_topic", CONFIG_TEXT, IN_BRIDGE(birth_topic),
     "homeassistant/status", 0, 0, NULL,
     "where Home Assistant says that it is there"},
    {"bridge", "hosts", CONFIG_TEXT, IN_BRIDGE(hosts), NULL, 0, 0, NULL,
     "the hosts that are shown, as patterns; default: every host"},
    {"bridge", "quiet", CONFIG_DURATION_MS, IN_BRIDGE(quiet_ms), "5s", 0,
     INT64_C(3600000), NULL, "presses are dropped so long after a connect"},
    {"button", "name", CONFIG_TEXT, IN_BUTTON(title), NULL, 0, 0, NULL,
     "what people read on it; default: its label"},
    {"button", "icon", CONFIG_TEXT, IN_BUTTON(icon), NULL, 0, 0, NULL,
     "an icon of Home Assistant, such as mdi:stop"},
    {"button", "target", CONFIG_TEXT, IN_BUTTON(target), NULL, 0, 0, NULL,
     "host:NAME, host:PATTERN (one on each), group:NAME or all"},
    {"button", "action", CONFIG_CHOICE, IN_BUTTON(action), NULL, 0, 0,
     settings_button_actions, "end, stop, disconnect, logoff or message"},
    {"button", "where", CONFIG_TEXT, IN_BUTTON(where), NULL, 0, 0, NULL,
     "which sessions: an expression over their fields"},
    {"button", "every", CONFIG_BOOL, IN_BUTTON(every), "no", 0, 0, NULL,
     "every session, instead of where"},
    {"button", "reason", CONFIG_TEXT, IN_BUTTON(reason), NULL, 0, 0, NULL,
     "what the hosts' journals keep, and Plex shows the viewer"},
    {"button", "title", CONFIG_TEXT, IN_BUTTON(message_title), NULL, 0, 0, NULL,
     "of a message: the box's title"},
    {"button", "message", CONFIG_TEXT, IN_BUTTON(message), NULL, 0, 0, NULL,
     "of a message: its text"},
    {"button", "limit", CONFIG_INTEGER, IN_BUTTON(limit), NULL, 0,
     REQUEST_LIMIT_MAX, NULL, "a host where more sessions match touches none"},
    {"button", "min_interval", CONFIG_DURATION_MS, IN_BUTTON(min_interval_ms),
     "10s", 1000, INT64_C(86400000), NULL,
     "the shortest time between two presses that count"},
    {"button", "timeout", CONFIG_DURATION_MS, IN_BUTTON(timeout_ms), "10s",
     1000, INT64_C(600000), NULL,
     "how long answers are waited for; nothing is done later"},
};
const size_t controller_key_count = COUNT_OF(controller_keys);

static const char *machine_environment(const char *name)
{
    return getenv(name);
}

const struct settings_sources controller_sources = {
    .environment = machine_environment,
};

/* The flag, and where it has one the variable, that sets a key. */
static const struct override {
    const char *section;
    const char *key;
    enum option_id option;
    const char *flag;
    const char *variable;
} overrides[] = {
    {"controller", "fleet", OPTION_FLEET, "--fleet", "LASTCALL_FLEET"},
    {"controller", "key", OPTION_KEY, "--key", "LASTCALL_KEY"},
    {"controller", "grant", OPTION_GRANT, "--grant", "LASTCALL_GRANT"},
    {"controller", "root", OPTION_ROOT, "--root", "LASTCALL_ROOT"},
    {"broker", "uri", OPTION_BROKER, "--broker", "LASTCALL_BROKER"},
    {"broker", "ca", OPTION_CA, "--ca", NULL},
    {"broker", "cert", OPTION_CERT, "--cert", NULL},
    {"broker", "cert_key", OPTION_CERT_KEY, "--cert-key", NULL},
    {"broker", "username", OPTION_USERNAME, "--username", NULL},
    {"broker", "password_file", OPTION_PASSWORD_FILE, "--password-file", NULL},
};

static const struct config_key *find_key(const struct override *override)
{
    for (size_t i = 0; i < controller_key_count; i++) {
        if (strcmp(controller_keys[i].section, override->section) == 0 &&
            strcmp(controller_keys[i].name, override->key) == 0)
            return &controller_keys[i];
    }
    return NULL;
}

/* A button that an earlier file named, too, or a new one. */
static void *button_of(struct controller_settings *settings, const char *label)
{
    struct button_settings *button = NULL;

    for (size_t i = 0; i < settings->button_count; i++) {
        if (strcmp(settings->buttons[i].id.text, label) == 0)
            return &settings->buttons[i];
    }
    if (settings->buttons == NULL)
        settings->buttons =
            calloc(SETTINGS_BUTTON_MAX, sizeof *settings->buttons);
    if (settings->buttons == NULL ||
        settings->button_count == SETTINGS_BUTTON_MAX)
        return NULL;
    button = &settings->buttons[settings->button_count];
    if (config_preset(controller_keys, controller_key_count, "button",
                      button) != LASTCALL_OK ||
        name_parse(label, strlen(label), &button->id) != LASTCALL_OK)
        return NULL;
    button->action = SETTINGS_UNSET;
    button->limit = SETTINGS_UNSET;
    settings->button_count++;
    return button;
}

static void *find_structure(void *state, const char *section, const char *label)
{
    struct controller_settings *settings = state;

    if (strcmp(section, "button") == 0)
        return label == NULL ? NULL : button_of(settings, label);
    if (label != NULL)
        return NULL;
    return strcmp(section, "bridge") == 0 ? (void *)&settings->bridge : state;
}

static struct settings_place *find_place(struct settings_places *places,
                                         const struct config_key *key)
{
    for (size_t i = 0; i < places->count; i++) {
        if (places->of[i].key == key)
            return &places->of[i];
    }
    return NULL;
}

void settings_places_note(struct settings_places *places,
                          const struct config_key *key, const char *path,
                          unsigned line)
{
    struct settings_place *place = find_place(places, key);

    if (place == NULL && places->count < SETTINGS_PLACE_MAX)
        place = &places->of[places->count++];
    if (place != NULL)
        *place = (struct settings_place){key, path, line};
}

const struct settings_place *
settings_places_find(const struct settings_places *places, const char *key)
{
    const struct settings_place *found = NULL;

    for (size_t i = 0; i < places->count; i++) {
        const struct settings_place *place = &places->of[i];

        if (place->key == NULL && found == NULL)
            found = place;
        if (place->key != NULL && key != NULL &&
            strcmp(place->key->name, key) == 0)
            found = place;
    }
    return found;
}

/* What home_config.h checks is checked when all files have been read. */
static void note_place(void *state, void *structure,
                       const struct config_key *key, unsigned line)
{
    struct controller_settings *settings = state;
    const char *path = settings->files[settings->file_count - 1];

    if (structure == &settings->bridge)
        settings_places_note(&settings->bridge.places, key, path, line);
    else if (structure != settings)
        settings_places_note(&((struct button_settings *)structure)->places,
                             key, path, line);
}

static enum lastcall_status read_file(const char *path,
                                      struct controller_settings *out,
                                      struct config_error *error)
{
    const struct config_target target = {find_structure, out, note_place};
    char *copy = bytes_copy_text(path);

    assert(out->file_count < SETTINGS_FILE_MAX);
    if (copy == NULL)
        return LASTCALL_E_NOMEM;
    out->files[out->file_count++] = copy;
    return config_read_file(path, controller_keys, controller_key_count,
                            &target, error);
}

/* Read a folder's controller.conf, which need not be there. */
static enum lastcall_status read_below(const char *folder,
                                       struct controller_settings *out,
                                       struct config_error *error)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct bytes path;

    bytes_init(&path, strlen(folder) + sizeof "/controller.conf");
    status = bytes_append_format(&path, "%s%scontroller.conf", folder,
                                 platform_separator);
    if (status == LASTCALL_OK)
        status = read_file((const char *)path.data, out, error);
    bytes_deinit(&path);
    if (status != LASTCALL_E_MISSING)
        return status;
    *error = (struct config_error){0};
    return LASTCALL_OK;
}

static enum lastcall_status read_personal(const struct settings_sources *from,
                                          struct controller_settings *out,
                                          struct config_error *error)
{
    char *folder = platform_personal_dir(from->environment);
    enum lastcall_status status = LASTCALL_OK;

    if (folder != NULL)
        status = read_below(folder, out, error);
    free(folder);
    return status;
}

static enum lastcall_status set(const struct override *override,
                                const char *source, const char *value,
                                struct controller_settings *out,
                                struct config_error *error)
{
    struct config_error inner = {0};
    enum lastcall_status status =
        config_set(find_key(override), out, value, &inner);

    if (status == LASTCALL_E_CONFIG)
        snprintf(error->text, sizeof error->text, "%s: %.300s", source,
                 inner.text);
    return status;
}

static enum lastcall_status
apply_overrides(const struct options *options,
                const struct settings_sources *sources,
                struct controller_settings *out, struct config_error *error)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < COUNT_OF(overrides) && status == LASTCALL_OK; i++) {
        const struct override *row = &overrides[i];
        const char *flag = options_value(options, row->option);
        const char *variable =
            row->variable == NULL ? NULL : sources->environment(row->variable);

        if (flag != NULL)
            status = set(row, row->flag, flag, out, error);
        else if (variable != NULL && variable[0] != '\0')
            status = set(row, row->variable, variable, out, error);
    }
    return status;
}

static enum lastcall_status preset(struct controller_settings *out)
{
    enum lastcall_status status =
        config_preset(controller_keys, controller_key_count, "controller", out);

    if (status == LASTCALL_OK)
        status =
            config_preset(controller_keys, controller_key_count, "broker", out);
    if (status == LASTCALL_OK)
        status = config_preset(controller_keys, controller_key_count, "bridge",
                               &out->bridge);
    return status;
}

enum lastcall_status controller_settings_load(
    const struct options *options, const struct settings_sources *sources,
    struct controller_settings *out, struct config_error *error)
{
    enum lastcall_status status = LASTCALL_E_CONFIG;
    const char *file = options_value(options, OPTION_CONFIG);

    *out = (struct controller_settings){0};
    *error = (struct config_error){0};
    status = preset(out);
    if (status == LASTCALL_OK)
        status = read_below(sources->system_dir != NULL ? sources->system_dir
                                                        : platform_config_dir(),
                            out, error);
    if (status == LASTCALL_OK)
        status = read_personal(sources, out, error);
    if (status == LASTCALL_OK && file != NULL)
        status = read_file(file, out, error);
    if (status == LASTCALL_OK)
        status = apply_overrides(options, sources, out, error);
    if (status != LASTCALL_OK && error->text[0] == '\0')
        snprintf(error->text, sizeof error->text, "configuration: %s",
                 status_text(status));
    return status;
}

void controller_settings_deinit(struct controller_settings *settings)
{
    config_deinit(controller_keys, controller_key_count, "controller",
                  settings);
    config_deinit(controller_keys, controller_key_count, "broker", settings);
    config_deinit(controller_keys, controller_key_count, "bridge",
                  &settings->bridge);
    for (size_t i = 0; i < settings->button_count; i++)
        config_deinit(controller_keys, controller_key_count, "button",
                      &settings->buttons[i]);
    free(settings->buttons);
    for (size_t i = 0; i < settings->file_count; i++)
        free(settings->files[i]);
    *settings = (struct controller_settings){0};
}

static enum lastcall_status complain(struct config_error *error,
                                     const char *text)
{
    snprintf(error->text, sizeof error->text, "%s", text);
    return LASTCALL_E_CONFIG;
}

enum lastcall_status
controller_settings_check_broker(const struct controller_settings *settings,
                                 struct config_error *error)
{
    char detail[MQTT_DETAIL_SIZE];

    if (settings->broker == NULL)
        return complain(error, "no broker is known; give --broker "
                               "mqtts://HOST, set LASTCALL_BROKER, or write "
                               "uri = ... below [broker] in controller.conf");
    if (broker_uri_check(settings->broker, detail) != LASTCALL_OK) {
        snprintf(error->text, sizeof error->text, "broker: %s", detail);
        return LASTCALL_E_CONFIG;
    }
    if ((settings->cert == NULL) != (settings->cert_key == NULL))
        return complain(error, "--cert and --cert-key go together");
    if (settings->password_file != NULL && settings->username == NULL)
        return complain(error, "--password-file needs a --username");
    return LASTCALL_OK;
}
