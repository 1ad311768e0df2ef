/* lastcall bridge: the fleet at home, in the foreground */
#include <stdio.h>
#include <string.h>

#include "controller/bridge.h"
#include "controller/command.h"
#include "controller/home_grant.h"
#include "controller/say.h"

#define CONNECT_TIMEOUT_MS INT64_C(10000)

struct bridging {
    const struct options *options;
    int64_t timeout_ms;
    enum log_level level;
    struct bridge_config config;
    struct fleet fleet;
    struct log *log; /* NULL: findings are said */
    size_t lacks;
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
static enum exit_code read_config(struct bridging *bridging)
{
    struct controller_settings settings = {0};
    struct config_error error = {0};
    enum lastcall_status status = controller_settings_load(
        bridging->options, &controller_sources, &settings, &error);

    if (status == LASTCALL_OK)
        status = bridge_config_make(&settings, &bridging->config, &error);
    controller_settings_deinit(&settings);
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_error("%s", error.text[0] != '\0' ? error.text : status_text(status));
    return EXIT_CODE_USAGE;
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

static void compare_grant(struct bridging *bridging)
{
    struct fleet *fleet = &bridging->fleet;
    const struct grant *grant = NULL;

    if (trust_verify_grant(&fleet->trust, fleet->identity.grant,
                           fleet_wall_ms() / 1000, &grant, NULL) == LASTCALL_OK)
        home_grant_compare(grant, &bridging->config, kinds_of(&fleet->registry),
                           tell_finding, bridging);
}

/* --- --check -------------------------------------------------------------- */

static bool is_shown(const struct bridging *bridging,
                     const struct registry_host *host)
{
    return host->has_status &&
           bridge_config_shows(&bridging->config, &host->name);
}

static void print_host(const struct bridging *bridging,
                       const struct registry_host *host)
{
    const struct bridge_config *config = &bridging->config;

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
static void print_button(const struct bridging *bridging,
                         const struct home_button *button)
{
    const struct registry *registry = &bridging->fleet.registry;
    size_t count = 0;

    for (size_t i = 0; i < registry->count; i++)
        count += is_shown(bridging, registry->hosts[i]) &&
                 home_button_is_on(button, &registry->hosts[i]->name);
    if (button->scope == ADDRESS_HOST && count == 0)
        say_error("button \"%s\" stands on no host: none that is shown matches "
                  "host:%s",
                  button->id.text, button->pattern);
    printf("button %s: %s \"%s\"\n", button->id.text,
           action_name(button->request.action), button->request.where.text);
}

/* Wait for the first word of the home's broker; true: it takes us. */
static bool await_home(struct bridging *bridging, struct home_link *home)
{
    const int64_t until_ms = fleet_now_ms() + bridging->timeout_ms;
    struct home_message message = {0};
    struct fleet_event event = {0};
    bool is_told = false;
    bool is_interrupted = false;
    bool is_up = false;

    while (!is_told && !is_interrupted && fleet_now_ms() < until_ms) {
        fleet_link_next(bridging->fleet.link, until_ms, &event);
        is_interrupted = event.kind == FLEET_INTERRUPTED;
        fleet_event_deinit(&event);
        while (!is_told && home_link_next(home, &message)) {
            is_up = message.kind == HOME_MESSAGE_READY;
            is_told = is_up || message.kind == HOME_MESSAGE_DOWN;
            if (is_told && !is_up)
                say_error("the home's broker %s: %s", bridging->config.broker,
                          message.detail);
            home_message_deinit(&message);
        }
    }
    if (!is_told)
        say_error("the home's broker %s has not answered",
                  bridging->config.broker);
    return is_up;
}

/* What is wrong there the bridge would say later, to nobody. */
static bool check_home(struct bridging *bridging)
{
    char detail[PLATFORM_DETAIL_SIZE] = "";
    struct home_link *home = NULL;
    bool is_up = false;

    if (home_link_open(&bridging->config, bridging->fleet.link, NULL, &home,
                       detail) == LASTCALL_OK)
        is_up = await_home(bridging, home);
    else
        say_error("the home's broker: %s", detail);
    home_link_close(home);
    return is_up;
}

static enum exit_code check(struct bridging *bridging)
{
    const struct registry *registry = &bridging->fleet.registry;
    const struct bridge_config *config = &bridging->config;
    const bool is_home_up = check_home(bridging);

    printf("home %s, discovery below %s/device/, states below %s/ha/\n",
           config->broker, config->discovery_prefix, config->fleet.text);
    for (size_t i = 0; i < registry->count; i++) {
        if (is_shown(bridging, registry->hosts[i]))
            print_host(bridging, registry->hosts[i]);
    }
    for (size_t i = 0; i < config->button_count; i++)
        print_button(bridging, &config->buttons[i]);
    compare_grant(bridging);
    return bridging->lacks > 0 || !is_home_up ? EXIT_CODE_BROKER : EXIT_CODE_OK;
}

static enum exit_code run(struct bridging *bridging)
{
    enum exit_code code = EXIT_CODE_BROKER;

    bridging->log = log_open(bridging->level);
    if (bridging->log == NULL) {
        say_error("%s", status_text(LASTCALL_E_NOMEM));
        return EXIT_CODE_BROKER;
    }
    log_write(bridging->log, LOG_LEVEL_INFO, LOG_EVERY, "BRIDGE-START",
              "lastcall bridge " LASTCALL_VERSION " as %s: %zu hosts known, "
              "%zu buttons",
              bridging->fleet.identity.issuer, bridging->fleet.registry.count,
              bridging->config.button_count);
    compare_grant(bridging);
    code = bridge_run(&bridging->config, &bridging->fleet, bridging->log);
    log_write(bridging->log, LOG_LEVEL_INFO, LOG_EVERY, "BRIDGE-END",
              "the bridge has ended");
    log_close(bridging->log);
    return code;
}

enum exit_code cmd_bridge(const struct options *options)
{
    const struct target everybody = {0};
    struct bridging bridging = {.options = options};
    enum exit_code code = read_options(&bridging);

    if (code == EXIT_CODE_OK)
        code = read_config(&bridging);
    if (code == EXIT_CODE_OK)
        code = fleet_open(options,
                          FLEET_NEED_STATUSES | FLEET_NEED_INVENTORIES |
                              FLEET_NEED_IDENTITY | FLEET_NEED_DETAILS |
                              FLEET_NEED_EVENTS,
                          &everybody, bridging.timeout_ms, &bridging.fleet);
    if (code == EXIT_CODE_OK)
        code = options_has(options, OPTION_CHECK) ? check(&bridging)
                                                  : run(&bridging);
    fleet_close(&bridging.fleet);
    bridge_config_deinit(&bridging.config);
    /* Whoever is told to end, and ends, has done what was asked of him. */
    return code == EXIT_CODE_INTERRUPTED ? EXIT_CODE_OK : code;
}
