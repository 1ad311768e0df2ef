/*
 * What the configuration says of the home-automation bridge, checked: where
 * the home's broker is, which hosts are shown there, and the buttons.
 *
 * A button is all that the home side can ever cause: a fixed target, action,
 * filter and reason.  Pure: settings.h reads the files.
 */
#ifndef LASTCALL_CONTROLLER_HOME_CONFIG_H
#define LASTCALL_CONTROLLER_HOME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/settings.h"
#include "protocol/name.h"
#include "protocol/request.h"
#include "protocol/status.h"
#include "protocol/topic.h"

/* Hosts that are shown at home; more are passed over, and said. */
#define HOME_HOST_MAX 10000
/* Servers that are shown of a host; more are passed over. */
#define HOME_SERVER_MAX 64
#define HOME_BUTTON_MAX SETTINGS_BUTTON_MAX
/* Patterns in [bridge] hosts. */
#define HOME_PATTERN_MAX 64
/* A discovery prefix and a birth topic. */
#define HOME_PREFIX_LEN_MAX 64
#define HOME_BIRTH_LEN_MAX 128
/* Of a button's name and icon, in bytes. */
#define HOME_TITLE_LEN_MAX 64
#define HOME_ICON_LEN_MAX 64

/* A button.  {0} is empty. */
struct home_button {
    struct name id; /* [button "stop-kids"]; its presses carry it */
    char *title;    /* owned; what a person reads */
    char *icon;     /* owned; "mdi:stop", or NULL */
    /*
     * ADDRESS_HOST: a button on the device of each host that pattern matches,
     * which asks that host alone.  ADDRESS_GROUP, ADDRESS_ALL: one button on
     * the bridge's own device, which is one broadcast.
     */
    enum address_kind scope;
    char *pattern;           /* owned; with ADDRESS_HOST: a name or a glob */
    struct name group;       /* with ADDRESS_GROUP */
    struct request request;  /* owned; what is asked, the same at each press */
    int64_t min_interval_ms; /* between two presses of it on one device */
    int64_t timeout_ms;      /* how long answers are waited for; nothing is run
                                later than that */
};

/* {0} is empty. */
struct bridge_config {
    struct name fleet;
    char *broker;        /* owned, as all texts; the home's, which may be the
                            fleet's */
    char *username;      /* or NULL */
    char *password_file; /* or NULL */
    char *ca;            /* or NULL */
    char *cert;          /* or NULL */
    char *cert_key;      /* or NULL */
    char *discovery_prefix;
    char *birth_topic;
    char **hosts; /* owned, and each one; patterns; none: every host */
    size_t host_count;
    int64_t quiet_ms; /* presses are dropped so long after a connect */
    struct home_button *buttons; /* owned; sorted by id */
    size_t button_count;
};

/*
 * Check what the files say of the bridge and its buttons.
 *
 *   settings  not changed
 *   out       filled on LASTCALL_OK
 *   error     a sentence that names the section, and where the settings know
 *             it file and line
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_NOMEM.
 * Owner:  the caller calls bridge_config_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
bridge_config_make(const struct controller_settings *settings,
                   struct bridge_config *out, struct config_error *error);
void bridge_config_deinit(struct bridge_config *config);

/* Say whether a host is shown at home. */
bool bridge_config_shows(const struct bridge_config *config,
                         const struct name *host);

/* Say whether a button stands on the device of a host; host "" is the bridge's
 * own device. */
bool home_button_is_on(const struct home_button *button,
                       const struct name *host);

#endif
