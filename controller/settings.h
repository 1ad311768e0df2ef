/*
 * controller.conf, the environment and the flags: where the broker is, who we
 * are, and what the home-automation bridge shows (home_config.h checks that).
 * Sources, lowest first: controller.conf in platform_config_dir() and in
 * platform_personal_dir(), --config FILE, the environment, the flags.
 */
#ifndef LASTCALL_CONTROLLER_SETTINGS_H
#define LASTCALL_CONTROLLER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/options.h"
#include "protocol/io/config.h"
#include "protocol/name.h"
#include "protocol/status.h"

/* [button "label"]s that may be there. */
#define SETTINGS_BUTTON_MAX 64
/* Keys of a section whose places are kept, and the section's own. */
#define SETTINGS_PLACE_MAX 16
/* Files that are read one after the other. */
#define SETTINGS_FILE_MAX 3
/* What a number is when nothing was set. */
#define SETTINGS_UNSET INT64_C(-1)

/* Where a section, and each of its keys, was last set.  {0} is empty. */
struct settings_places {
    struct settings_place {
        const struct config_key *key; /* NULL: the section itself */
        const char *path;             /* borrowed from the settings */
        unsigned line;
    } of[SETTINGS_PLACE_MAX];
    size_t count;
};

/* Texts are owned; NULL where nothing was set.  {0} is empty, as below. */
struct bridge_settings {
    struct settings_places places;
    char *broker;
    char *username;
    char *password_file;
    char *ca;
    char *cert;
    char *cert_key;
    char *discovery_prefix;
    char *birth_topic;
    char *hosts;
    int64_t quiet_ms;
};

struct button_settings {
    struct settings_places places;
    struct name id; /* the label */
    char *title;
    char *icon;
    char *target;
    int64_t action; /* of settings_button_actions[]; SETTINGS_UNSET */
    char *where;
    bool every;
    char *reason;
    char *message_title;
    char *message;
    int64_t limit; /* SETTINGS_UNSET */
    int64_t min_interval_ms;
    int64_t timeout_ms;
};

/* What a button may do; NULL-terminated. */
extern const char *const settings_button_actions[];

struct controller_settings {
    struct name fleet;
    char *key;
    char *grant;
    char *root;
    char *broker; /* the URI */
    char *ca;
    char *cert;
    char *cert_key;
    char *username;
    char *password_file;
    struct bridge_settings bridge;
    struct button_settings *buttons; /* owned; SETTINGS_BUTTON_MAX of them,
                                        or NULL */
    size_t button_count;
    char *files[SETTINGS_FILE_MAX]; /* owned; those that were read */
    size_t file_count;
};

/* Note a place; one of the same key, or section, is forgotten. */
void settings_places_note(struct settings_places *places,
                          const struct config_key *key, const char *path,
                          unsigned line);

/* Find the place of a key, or where it has none of the section; NULL: of
 * neither. */
const struct settings_place *
settings_places_find(const struct settings_places *places, const char *key);

/* The table of controller.conf, for the manual's test. */
extern const struct config_key controller_keys[];
extern const size_t controller_key_count;

/* Where settings come from besides the flags. */
struct settings_sources {
    const char *system_dir; /* of a controller.conf; NULL: the machine's */
    const char *(*environment)(const char *name); /* getenv() or a test's */
};

/* The machine's sources. */
extern const struct settings_sources controller_sources;

/*
 * Gather the settings.
 *
 *   options  flags; what they set beats everything
 *   out      filled on LASTCALL_OK
 *   error    a sentence with file and line, flag or variable
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_MISSING (the file of
 *         --config), LASTCALL_E_PERMISSION, LASTCALL_E_NOMEM.
 * Owner:  the caller calls controller_settings_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status controller_settings_load(
    const struct options *options, const struct settings_sources *sources,
    struct controller_settings *out, struct config_error *error);
void controller_settings_deinit(struct controller_settings *settings);

/*
 * Check what is needed to reach the broker: a URI, mqtt:// only to this
 * machine, cert beside cert_key, password_file beside username.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (error says what to set).
 */
LASTCALL_MUST_USE enum lastcall_status
controller_settings_check_broker(const struct controller_settings *settings,
                                 struct config_error *error);

#endif
