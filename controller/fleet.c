#include "controller/fleet.h"

#include <string.h>

#include "controller/say.h"
#include "protocol/topic.h"

static void add_filter(struct fleet *fleet, const struct topic_parts *parts)
{
    size_t at = fleet->subscription_count++;

    topic_format(fleet->settings.fleet.text, parts, &fleet->filters[at]);
    fleet->subscriptions[at] = (struct mqtt_subscription){
        .filter = fleet->filters[at].text,
        .qos = 1,
        .retain_handling = MQTT_RETAIN_SEND,
    };
}

static bool is_single(const struct target *target)
{
    if (target->kind != TARGET_HOSTS || target->entry_count > FLEET_SINGLE_MAX)
        return false;
    for (size_t i = 0; i < target->entry_count; i++) {
        if (target_is_pattern(target->entries[i]))
            return false;
    }
    return true;
}

/* What a kind of topic holds of the target's hosts, or of all. */
static void add_of_hosts(struct fleet *fleet, const struct target *target,
                         enum topic_kind kind)
{
    struct topic_parts parts = {.kind = kind, .host = {"+"}, .server = {"+"}};

    if (!is_single(target)) {
        add_filter(fleet, &parts);
        return;
    }
    for (size_t i = 0; i < target->entry_count; i++) {
        if (name_parse(target->entries[i], strlen(target->entries[i]),
                       &parts.host) == LASTCALL_OK)
            add_filter(fleet, &parts);
    }
}

/* The revocation list comes first: it judges what comes behind it. */
static void choose_filters(struct fleet *fleet, uint32_t needs,
                           const struct target *target)
{
    const struct topic_parts revoked = {.kind = TOPIC_REVOKED};
    const struct topic_parts inbox = {
        .kind = TOPIC_RESULT,
        .host = {"+"},
        .controller = fleet->identity.name,
        .request_id = {"+"},
    };

    add_filter(fleet, &revoked);
    if (needs & FLEET_NEED_IDENTITY)
        add_filter(fleet, &inbox);
    if (needs & FLEET_NEED_STATUSES)
        add_of_hosts(fleet, target, TOPIC_STATUS);
    if (needs & FLEET_NEED_INVENTORIES)
        add_of_hosts(fleet, target, TOPIC_SESSIONS);
}

bool fleet_handle(struct fleet *fleet, const struct fleet_event *event,
                  struct topic_parts *parts)
{
    enum lastcall_status status = LASTCALL_OK;

    if (topic_parse(fleet->settings.fleet.text, event->topic, parts) !=
        LASTCALL_OK)
        return false;
    switch (parts->kind) {
    case TOPIC_STATUS:
    case TOPIC_SESSIONS:
        status = registry_take(&fleet->registry, &fleet->trust, parts,
                               event->payload.data, event->payload.len,
                               fleet_wall_ms());
        if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_TOO_LARGE)
            say_error("%s: %s", event->topic, status_text(status));
        return false;
    case TOPIC_REVOKED:
        status = trust_adopt_revocation(&fleet->trust, event->payload.data,
                                        event->payload.len);
        if (status != LASTCALL_OK && status != LASTCALL_ALREADY_GONE &&
            event->payload.len > 0)
            say_error("the retained revocation list is refused: %s",
                      status_text(status));
        return false;
    case TOPIC_RESULT:
        return true;
    case TOPIC_COMMAND:
    case TOPIC_EVENT:
    case TOPIC_MAINTENANCE:
        break;
    }
    return false;
}

/* Every host that was named has been heard of. */
static bool is_complete(const struct fleet *fleet, const struct target *target)
{
    struct name name;

    for (size_t i = 0; i < target->entry_count; i++) {
        if (name_parse(target->entries[i], strlen(target->entries[i]), &name) !=
                LASTCALL_OK ||
            registry_find(&fleet->registry, &name) == NULL)
            return false;
    }
    return true;
}

/* Ask for something we have already: its answer comes behind the rest. */
static enum exit_code pass_fence(struct fleet *fleet, int64_t timeout_ms)
{
    enum lastcall_status status =
        fleet_link_subscribe(fleet->link, fleet->filters[0].text, timeout_ms);

    if (status == LASTCALL_OK || status == LASTCALL_FORBIDDEN)
        return EXIT_CODE_OK;
    say_error("the broker did not answer: %s", status_text(status));
    return EXIT_CODE_BROKER;
}

/* What is queued is read even when the time is over, but not for ever. */
static enum exit_code say_endless(void)
{
    say_error("the broker did not come to an end with what the fleet "
              "published");
    say_mend("a longer --timeout waits longer for it");
    return EXIT_CODE_BROKER;
}

static enum exit_code gather(struct fleet *fleet, const struct target *target,
                             bool ends_early, int64_t timeout_ms)
{
    struct fleet_event event = {0};
    struct topic_parts parts;
    enum fleet_event_kind kind = FLEET_READY;
    enum exit_code code = pass_fence(fleet, timeout_ms);
    int64_t limit_ms = fleet_now_ms() + FLEET_GATHER_MAX_MS;
    int64_t quiet_ms = fleet_now_ms() + FLEET_QUIET_MS;
    int64_t end_ms = timeout_ms > FLEET_GATHER_MAX_MS
                         ? fleet_now_ms() + timeout_ms
                         : limit_ms;

    while (code == EXIT_CODE_OK && kind != FLEET_TIMEOUT &&
           !(ends_early && is_complete(fleet, target))) {
        fleet_link_next(fleet->link, quiet_ms, &event);
        kind = event.kind;
        if (kind == FLEET_MESSAGE) {
            (void)fleet_handle(fleet, &event, &parts);
            if (event.retained && fleet_now_ms() < limit_ms)
                quiet_ms = fleet_now_ms() + FLEET_QUIET_MS;
        }
        if (kind == FLEET_INTERRUPTED)
            code = EXIT_CODE_INTERRUPTED;
        else if (kind == FLEET_MESSAGE && fleet_now_ms() >= end_ms)
            code = say_endless();
        fleet_event_deinit(&event);
    }
    return code;
}

static enum exit_code load(const struct options *options, uint32_t needs,
                           struct fleet *out)
{
    struct config_error error = {0};
    enum lastcall_status status = controller_settings_load(
        options, &controller_sources, &out->settings, &error);

    if (status == LASTCALL_OK)
        status = controller_settings_check_broker(&out->settings, &error);
    if (status != LASTCALL_OK) {
        say_error("%s", error.text);
        return EXIT_CODE_USAGE;
    }
    if (identity_load_trust(&out->settings, &out->trust) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    if ((needs & FLEET_NEED_IDENTITY) != 0 &&
        identity_load(&out->settings, &out->trust, fleet_wall_ms() / 1000,
                      &out->identity) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    return EXIT_CODE_OK;
}

static enum exit_code connect_link(struct fleet *fleet, int64_t timeout_ms)
{
    enum lastcall_status status =
        fleet_link_open(&fleet->settings, fleet->subscriptions,
                        fleet->subscription_count, timeout_ms, &fleet->link);

    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    if (status == LASTCALL_E_CLOSED)
        return EXIT_CODE_INTERRUPTED;
    return status == LASTCALL_E_CONFIG ? EXIT_CODE_USAGE : EXIT_CODE_BROKER;
}

/* Hosts keep silent to a revoked key; say why before they do. */
static void warn_revoked(struct fleet *fleet)
{
    const struct grant *grant = NULL;

    if (trust_verify_grant(&fleet->trust, fleet->identity.grant,
                           fleet_wall_ms() / 1000, &grant,
                           NULL) != LASTCALL_REVOKED)
        return;
    say_error("our own key or grant is revoked: no host will answer");
    say_mend("ask who holds the root key for a new grant");
}

enum exit_code fleet_open(const struct options *options, uint32_t needs,
                          const struct target *target, int64_t timeout_ms,
                          struct fleet *out)
{
    bool ends_early =
        is_single(target) && (needs & FLEET_NEED_INVENTORIES) == 0;
    enum exit_code code = EXIT_CODE_USAGE;

    *out = (struct fleet){0};
    code = load(options, needs, out);
    if (code == EXIT_CODE_OK) {
        choose_filters(out, needs, target);
        code = connect_link(out, timeout_ms);
    }
    if (code == EXIT_CODE_OK)
        code = gather(out, target, ends_early, timeout_ms);
    if (code == EXIT_CODE_OK && (needs & FLEET_NEED_IDENTITY) != 0)
        warn_revoked(out);
    return code;
}

void fleet_close(struct fleet *fleet)
{
    fleet_link_close(fleet->link);
    registry_deinit(&fleet->registry);
    identity_deinit(&fleet->identity);
    trust_deinit(&fleet->trust);
    controller_settings_deinit(&fleet->settings);
    *fleet = (struct fleet){0};
}
