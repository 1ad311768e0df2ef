/* lastcall bridge: the fleet at home, in the foreground */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/bridge.h"
#include "controller/command.h"
#include "controller/home_grant.h"
#include "controller/say.h"
#include "controller/wake.h"

#define CONNECT_TIMEOUT_MS INT64_C(10000)

struct bridging {
    const struct options *options;
    int64_t timeout_ms;
    enum log_level level;
    struct log *log; /* NULL: findings are said */
    size_t lacks;
};

/* The bridge as one reading of the configuration has it.  {0} is empty. */
struct life {
    struct bridge_config config;
    struct fleet fleet;
    struct bridge *bridge;
};

static enum exit_code read_options(struct bridging *bridging)
{
    const struct options *options = bridging->options;
    const char *level = options_value(options, OPTION_LOG_LEVEL);

    bridging->level = LOG_LEVEL_INFO;
    if (options_duration_ms(options, OPTION_TIMEOUT, CONNECT_TIMEOUT_MS,
                            &bridging->timeout_ms) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    if (level != NULL &&
        log_level_parse(level, &bridging->level) != LASTCALL_OK) {
        say_error("--log-level: \"%s\" is none of error, warn, info, debug",
                  level);
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_OK;
}

/* Before anything is connected: what is wrong needs no broker to be said. */
static enum exit_code read_config(const struct options *options,
                                  struct bridge_config *out)
{
    struct controller_settings settings = {0};
    struct config_error error = {0};
    enum lastcall_status status = controller_settings_load(
        options, &controller_sources, &settings, &error);

    if (status == LASTCALL_OK)
        status = bridge_config_make(&settings, out, &error);
    controller_settings_deinit(&settings);
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_error("%s", error.text[0] != '\0' ? error.text : status_text(status));
    return EXIT_CODE_USAGE;
}

/* Read what there is to read, and open the fleet; what is wrong is said.  The
 * caller calls life_close() in every case. */
static enum exit_code life_open(const struct bridging *bridging,
                                struct life *out)
{
    const struct target everybody = {0};
    enum exit_code code = read_config(bridging->options, &out->config);

    if (code == EXIT_CODE_OK)
        code = fleet_open(bridging->options,
                          FLEET_NEED_STATUSES | FLEET_NEED_INVENTORIES |
                              FLEET_NEED_IDENTITY | FLEET_NEED_DETAILS |
                              FLEET_NEED_EVENTS,
                          &everybody, bridging->timeout_ms, &out->fleet);
    return code;
}

static void life_close(struct life *life)
{
    bridge_close(life->bridge);
    fleet_close(&life->fleet);
    bridge_config_deinit(&life->config);
    *life = (struct life){0};
}

/* The kinds of servers that the fleet has. */
static uint32_t kinds_of(const struct registry *registry)
{
    uint32_t kinds = 0;

    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_host *host = registry->hosts[i];

        for (size_t k = 0; k < host->status.server_count; k++)
            kinds |= BACKEND_BIT(host->status.servers[k].backend);
        for (size_t k = 0; k < host->inventory_count; k++)
            kinds |= BACKEND_BIT(host->inventories[k].inventory.backend);
    }
    return kinds;
}

static void tell_finding(void *context, enum grant_finding finding,
                         const char *text)
{
    struct bridging *bridging = context;

    bridging->lacks += finding == GRANT_LACKS;
    if (bridging->log != NULL)
        log_write(bridging->log, LOG_LEVEL_WARN, LOG_EVERY,
                  finding == GRANT_LACKS ? "GRANT-LACKS" : "GRANT-EXCEEDS",
                  "%s", text);
    else
        say_error("%s", text);
}

static void compare_grant(struct bridging *bridging, struct life *life)
{
    struct fleet *fleet = &life->fleet;
    const struct grant *grant = NULL;

    if (trust_verify_grant(&fleet->trust, fleet->identity.grant,
                           fleet_wall_ms() / 1000, &grant, NULL) == LASTCALL_OK)
        home_grant_compare(grant, &life->config, kinds_of(&fleet->registry),
                           tell_finding, bridging);
}

/* --- --check -------------------------------------------------------------- */

static bool is_shown(const struct bridge_config *config,
                     const struct registry_host *host)
{
    return host->has_status && bridge_config_shows(config, &host->name);
}

static void print_host(const struct bridge_config *config,
                       const struct registry_host *host)
{
    printf("host %s:", host->name.text);
    for (size_t i = 0; i < host->status.server_count; i++)
        printf(" %s", host->status.servers[i].name.text);
    for (size_t i = 0; i < config->button_count; i++) {
        if (home_button_is_on(&config->buttons[i], &host->name))
            printf(" [%s]", config->buttons[i].id.text);
    }
    printf("\n");
}

/* A button that stands nowhere is most likely a mistake in its target. */
static void print_button(const struct life *life,
                         const struct home_button *button)
{
    const struct registry *registry = &life->fleet.registry;
    size_t count = 0;

    for (size_t i = 0; i < registry->count; i++)
        count += is_shown(&life->config, registry->hosts[i]) &&
                 home_button_is_on(button, &registry->hosts[i]->name);
    if (button->scope == ADDRESS_HOST && count == 0)
        say_error("button \"%s\" stands on no host: none that is shown matches "
                  "host:%s",
                  button->id.text, button->pattern);
    printf("button %s: %s \"%s\"\n", button->id.text,
           action_name(button->request.action), button->request.where.text);
}

/* Wait for the first word of the home's broker; true: it takes us. */
static bool await_home(const struct life *life, struct home_link *home,
                       int64_t until_ms)
{
    struct home_message message = {0};
    struct fleet_event event = {0};
    bool is_told = false;
    bool is_interrupted = false;
    bool is_up = false;

    while (!is_told && !is_interrupted && fleet_now_ms() < until_ms) {
        fleet_link_next(life->fleet.link, until_ms, &event);
        is_interrupted = event.kind == FLEET_INTERRUPTED;
        fleet_event_deinit(&event);
        while (!is_told && home_link_next(home, &message)) {
            is_up = message.kind == HOME_MESSAGE_READY;
            is_told = is_up || message.kind == HOME_MESSAGE_DOWN;
            if (is_told && !is_up)
                say_error("the home's broker %s: %s", life->config.broker,
                          message.detail);
            home_message_deinit(&message);
        }
    }
    if (!is_told)
        say_error("the home's broker %s has not answered", life->config.broker);
    return is_up;
}

/* What is wrong there the bridge would say later, to nobody. */
static bool check_home(const struct bridging *bridging, const struct life *life)
{
    char detail[PLATFORM_DETAIL_SIZE] = "";
    struct home_link *home = NULL;
    bool is_up = false;

    if (home_link_open(&life->config, life->fleet.link, NULL, &home, detail) ==
        LASTCALL_OK)
        is_up = await_home(life, home, fleet_now_ms() + bridging->timeout_ms);
    else
        say_error("the home's broker: %s", detail);
    home_link_close(home);
    return is_up;
}

static enum exit_code check(struct bridging *bridging, struct life *life)
{
    const struct registry *registry = &life->fleet.registry;
    const struct bridge_config *config = &life->config;
    const bool is_home_up = check_home(bridging, life);

    printf("home %s, discovery below %s/device/, states below %s/ha/\n",
           config->broker, config->discovery_prefix, config->fleet.text);
    for (size_t i = 0; i < registry->count; i++) {
        if (is_shown(config, registry->hosts[i]))
            print_host(config, registry->hosts[i]);
    }
    for (size_t i = 0; i < config->button_count; i++)
        print_button(life, &config->buttons[i]);
    compare_grant(bridging, life);
    return bridging->lacks > 0 || !is_home_up ? EXIT_CODE_BROKER : EXIT_CODE_OK;
}

/* --- running -------------------------------------------------------------- */

/*
 * Make another life of the bridge from what the files say now.
 *
 *   former  as bridge_open()
 *   out     on EXIT_CODE_OK the caller's to close, and to free
 */
static enum exit_code make_life(const struct bridging *bridging,
                                const struct bridge *former, struct life **out)
{
    char detail[PLATFORM_DETAIL_SIZE] = "";
    struct life *life = calloc(1, sizeof *life);
    enum exit_code code = EXIT_CODE_BROKER;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    if (life == NULL) {
        say_error("%s", status_text(status));
        return code;
    }
    code = life_open(bridging, life);
    if (code == EXIT_CODE_OK) {
        status = bridge_open(&life->config, &life->fleet, bridging->log, former,
                             &life->bridge, detail);
        code = status == LASTCALL_OK        ? EXIT_CODE_OK
               : status == LASTCALL_E_NOMEM ? EXIT_CODE_BROKER
                                            : EXIT_CODE_USAGE;
        if (status != LASTCALL_OK)
            say_error("%s", detail[0] != '\0' ? detail : status_text(status));
    }
    if (code == EXIT_CODE_OK) {
        *out = life;
        return code;
    }
    life_close(life);
    free(life);
    return code;
}

/* Put a new life in the old one's place, if what the files say is good. */
static void reload(struct bridging *bridging, struct life **life)
{
    struct life *fresh = NULL;
    const enum exit_code code = make_life(bridging, (*life)->bridge, &fresh);

    bridge_catch_up((*life)->bridge);
    if (code != EXIT_CODE_OK && code != EXIT_CODE_INTERRUPTED)
        log_write(bridging->log, LOG_LEVEL_ERROR, LOG_EVERY, "RELOAD-FAIL",
                  "the old settings stay; why is said above");
    if (fresh == NULL)
        return;
    if (bridge_leave((*life)->bridge)) {
        struct life *old = *life;

        bridge_succeed(fresh->bridge, old->bridge);
        old->bridge = NULL;
        *life = fresh;
        fresh = old;
        log_write(bridging->log, LOG_LEVEL_INFO, LOG_EVERY, "RELOADED",
                  "running with the new settings: %zu hosts known, %zu buttons",
                  (*life)->fleet.registry.count, (*life)->config.button_count);
        compare_grant(bridging, *life);
    }
    life_close(fresh);
    free(fresh);
}

static enum exit_code run(struct bridging *bridging)
{
    struct life *life = NULL;
    enum exit_code code = EXIT_CODE_BROKER;

    bridging->log = log_open(bridging->level);
    if (bridging->log == NULL || wake_open_reload() != LASTCALL_OK) {
        say_error("%s", status_text(LASTCALL_E_NOMEM));
        goto out;
    }
    code = make_life(bridging, NULL, &life);
    if (code != EXIT_CODE_OK)
        goto out;
    log_write(bridging->log, LOG_LEVEL_INFO, LOG_EVERY, "BRIDGE-START",
              "lastcall bridge " LASTCALL_VERSION " as %s: %zu hosts known, "
              "%zu buttons",
              life->fleet.identity.issuer, life->fleet.registry.count,
              life->config.button_count);
    compare_grant(bridging, life);
    while (bridge_serve(life->bridge) == BRIDGE_RELOAD)
        reload(bridging, &life);
    life_close(life);
    free(life);
    log_write(bridging->log, LOG_LEVEL_INFO, LOG_EVERY, "BRIDGE-END",
              "the bridge has ended");

out:
    log_close(bridging->log);
    return code;
}

static enum exit_code try_out(struct bridging *bridging)
{
    struct life life = {0};
    enum exit_code code = life_open(bridging, &life);

    if (code == EXIT_CODE_OK)
        code = check(bridging, &life);
    life_close(&life);
    return code;
}

enum exit_code cmd_bridge(const struct options *options)
{
    struct bridging bridging = {.options = options};
    enum exit_code code = read_options(&bridging);

    if (code == EXIT_CODE_OK)
        code = options_has(options, OPTION_CHECK) ? try_out(&bridging)
                                                  : run(&bridging);
    /* Whoever is told to end, and ends, has done what was asked of him. */
    return code == EXIT_CODE_INTERRUPTED ? EXIT_CODE_OK : code;
}
