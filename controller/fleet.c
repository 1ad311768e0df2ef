#include "controller/fleet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/say.h"
#include "protocol/topic.h"

#define UNMATCHED_SAID_MAX 10

/* And one that is asked for again, behind what is retained. */
_Static_assert(FLEET_FILTER_MAX + 1 <= CONNECTION_SUBSCRIPTION_MAX,
               "a connection takes every filter that a command may want");

/* $share/NAME/FILTER: each message goes to one of those who say so. */
static void share_filter(const struct name *share, struct topic *topic)
{
    struct topic shared;
    int len = snprintf(shared.text, sizeof shared.text, "$share/%s/%s",
                       share->text, topic->text);

    /* Events have the short topics: host and server. */
    assert(len > 0 && (size_t)len < sizeof shared.text);
    if (len > 0 && (size_t)len < sizeof shared.text)
        *topic = shared;
}

static void add_filter(struct fleet *fleet, const struct topic_parts *parts)
{
    size_t at = fleet->subscription_count++;

    topic_format(fleet->settings.fleet.text, parts, &fleet->filters[at]);
    if (parts->kind == TOPIC_EVENT && fleet->share.text[0] != '\0')
        share_filter(&fleet->share, &fleet->filters[at]);
    fleet->subscriptions[at] = (struct mqtt_subscription){
        .filter = fleet->filters[at].text,
        .qos = 1,
        .retain_handling = MQTT_RETAIN_SEND_NEW,
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

/* Plans for all, for each group, and for each host. */
static void add_plans(struct fleet *fleet)
{
    static const enum address_kind kinds[] = {ADDRESS_ALL, ADDRESS_GROUP,
                                              ADDRESS_HOST};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct topic_parts parts = {
            .kind = TOPIC_MAINTENANCE,
            .address = {.kind = kinds[i], .name = {"+"}},
            .plan = {"+"},
        };

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
    if (needs & FLEET_NEED_EVENTS)
        add_of_hosts(fleet, target, TOPIC_EVENT);
    if (needs & FLEET_NEED_PLANS)
        add_plans(fleet);
}

static void take_clearing(struct registry *registry,
                          const struct topic_parts *parts)
{
    if (parts->kind == TOPIC_STATUS)
        registry_forget(registry, &parts->host);
    else
        registry_forget_inventory(registry, &parts->host, &parts->server);
}

static void take_news(struct fleet *fleet, struct proof *proof)
{
    struct registry *registry = &fleet->registry;
    const struct name host = proof->parts.host;
    enum lastcall_status status = proof->status;

    if (status == LASTCALL_OK && proof->parts.kind == TOPIC_EVENT)
        return;
    if (status == LASTCALL_E_MISSING) {
        take_clearing(registry, &proof->parts);
        return;
    }
    if (status == LASTCALL_OK)
        status = registry_take(registry, &proof->of.news);
    else if (status != LASTCALL_E_NOMEM)
        registry_refuse(registry, &host, status, &proof->why);
    if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_TOO_LARGE)
        say_error("the news of %s: %s", host.text, status_text(status));
}

static void take_list(struct fleet *fleet, const struct fleet_event *event)
{
    enum lastcall_status status = trust_adopt_revocation(
        &fleet->trust, event->payload.data, event->payload.len);

    if (status != LASTCALL_OK && status != LASTCALL_ALREADY_GONE &&
        event->payload.len > 0)
        say_error("the retained revocation list is refused: %s",
                  status_text(status));
}

static void take_plan(struct fleet *fleet, const struct topic_parts *parts,
                      const struct fleet_event *event)
{
    enum lastcall_status status =
        plans_take(&fleet->plans, &fleet->trust, parts, event->payload.data,
                   event->payload.len, fleet_wall_ms() / 1000);

    /* What is refused is counted there. */
    if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_TOO_LARGE)
        say_error("%s: %s", event->topic, status_text(status));
}

bool fleet_handle(struct fleet *fleet, const struct fleet_event *event)
{
    struct topic_parts parts;

    if (event->kind != FLEET_MESSAGE)
        return false;
    if (event->proof != NULL && event->proof->parts.kind == TOPIC_RESULT)
        return true;
    if (event->proof != NULL) {
        take_news(fleet, event->proof);
        return false;
    }
    if (topic_parse(fleet->settings.fleet.text, event->topic, &parts) !=
        LASTCALL_OK)
        return false;
    if (parts.kind == TOPIC_REVOKED)
        take_list(fleet, event);
    else if (parts.kind == TOPIC_MAINTENANCE)
        take_plan(fleet, &parts, event);
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

static bool is_burst(const struct fleet *fleet)
{
    const struct arrivals came = fleet_link_arrivals(fleet->link);

    return arrivals_is_burst(&came);
}

/*
 * Ask for something we have already: its answer comes behind the rest.
 *
 * Returns LASTCALL_OK, LASTCALL_TIMEOUT also when the broker may have dropped
 *         the answer: there was a burst, and nothing comes any more.
 */
static enum lastcall_status pass_fence(struct fleet *fleet, int64_t until_ms)
{
    struct fleet_link *link = fleet->link;
    enum lastcall_status status = LASTCALL_TIMEOUT;
    uint64_t before = 0;
    int64_t wait_ms = FLEET_FENCE_MS;
    bool may_wait = true;

    while (status == LASTCALL_TIMEOUT && may_wait &&
           fleet_now_ms() < until_ms) {
        const int64_t left_ms = until_ms - fleet_now_ms();

        before = fleet_link_arrivals(link).burst;
        status = fleet_link_subscribe(link, fleet->filters[0].text,
                                      left_ms < wait_ms ? left_ms : wait_ms);
        wait_ms *= 2; /* the broker may simply be far away */
        may_wait = fleet_link_arrivals(link).burst != before ||
                   !is_burst(fleet) || wait_ms <= INT64_C(2) * FLEET_FENCE_MS;
    }
    return status == LASTCALL_FORBIDDEN ? LASTCALL_OK : status;
}

/* What is queued is read even when the time is over, but not for ever. */
static enum exit_code say_endless(void)
{
    say_error("the broker did not come to an end with what the fleet "
              "published");
    say_mend("a longer --timeout waits longer for it");
    return EXIT_CODE_BROKER;
}

/* A result, which is moved when it is kept. */
static void keep_early(struct fleet *fleet, struct fleet_event *event)
{
    if (fleet->early == NULL)
        fleet->early = calloc(FLEET_EARLY_MAX, sizeof *fleet->early);
    if (fleet->early == NULL || fleet->early_count == FLEET_EARLY_MAX)
        return;
    fleet->early[fleet->early_count++] = *event;
    *event = (struct fleet_event){0};
}

void fleet_next(struct fleet *fleet, int64_t until_ms, struct fleet_event *out)
{
    if (fleet->early_taken == fleet->early_count) {
        fleet_link_next(fleet->link, until_ms, out);
        return;
    }
    *out = fleet->early[fleet->early_taken];
    fleet->early[fleet->early_taken++] = (struct fleet_event){0};
}

/* Take one event, or none until a time. */
static enum exit_code take_next(struct fleet *fleet, int64_t until_ms,
                                int64_t end_ms, enum fleet_event_kind *kind)
{
    struct fleet_event event = {0};
    enum exit_code code = EXIT_CODE_OK;

    fleet_link_next(fleet->link, until_ms, &event);
    *kind = event.kind;
    if (event.kind == FLEET_MESSAGE && fleet_handle(fleet, &event))
        keep_early(fleet, &event);
    if (*kind == FLEET_INTERRUPTED)
        code = EXIT_CODE_INTERRUPTED;
    else if (*kind == FLEET_MESSAGE && fleet_now_ms() >= end_ms)
        code = say_endless();
    fleet_event_deinit(&event);
    return code;
}

/* Read until nothing retained has come for a while; what came may still be
 * with the verifier. */
static enum exit_code drain(struct fleet *fleet, const struct target *target,
                            bool ends_early, int64_t end_ms)
{
    enum fleet_event_kind kind = FLEET_TIMEOUT;
    enum exit_code code = EXIT_CODE_OK;
    uint64_t seen = fleet_link_arrivals(fleet->link).retained;
    int64_t quiet_ms = fleet_now_ms() + FLEET_QUIET_MS;

    while (code == EXIT_CODE_OK && fleet_now_ms() < quiet_ms &&
           !(ends_early && is_complete(fleet, target))) {
        code = take_next(fleet, quiet_ms, end_ms, &kind);
        if (fleet_link_arrivals(fleet->link).retained != seen) {
            seen = fleet_link_arrivals(fleet->link).retained;
            quiet_ms = fleet_now_ms() + FLEET_QUIET_MS;
        }
    }
    return code;
}

/* Take what is with the verifier and in the queue. */
static enum exit_code settle(struct fleet *fleet, const struct target *target,
                             bool ends_early, int64_t end_ms)
{
    enum fleet_event_kind kind = FLEET_MESSAGE;
    enum exit_code code = EXIT_CODE_OK;
    bool is_idle = false;

    while (code == EXIT_CODE_OK && !(is_idle && kind == FLEET_TIMEOUT) &&
           !(ends_early && is_complete(fleet, target))) {
        is_idle = fleet_link_is_idle(fleet->link);
        code = take_next(fleet, fleet_now_ms() + (is_idle ? 0 : FLEET_QUIET_MS),
                         end_ms, &kind);
    }
    return code;
}

static enum exit_code say_unanswered(enum lastcall_status status)
{
    say_error("the broker did not answer: %s", status_text(status));
    return EXIT_CODE_BROKER;
}

/* Find out whether all of a burst has come; see fleet.h. */
static enum exit_code probe(struct fleet *fleet, int64_t end_ms, bool *is_whole)
{
    int64_t until_ms = 0;
    enum fleet_event_kind kind = FLEET_MESSAGE;
    enum exit_code code = EXIT_CODE_OK;
    struct arrivals came;

    if (fleet_link_probe(fleet->link, FLEET_GATHER_MAX_MS) != LASTCALL_OK)
        return code;
    until_ms = fleet_now_ms() + FLEET_PROBE_MS;
    came = fleet_link_arrivals(fleet->link);
    while (code == EXIT_CODE_OK && !came.is_probed &&
           fleet_now_ms() < until_ms) {
        code = take_next(fleet, until_ms, end_ms, &kind);
        came = fleet_link_arrivals(fleet->link);
    }
    *is_whole = came.is_probed && !arrivals_may_lack(&came);
    return code;
}

/* Read what is retained; status is that of the last fence. */
static enum exit_code read_retained(struct fleet *fleet,
                                    const struct target *target,
                                    bool ends_early, int64_t end_ms,
                                    enum lastcall_status *status)
{
    enum exit_code code = EXIT_CODE_OK;
    bool is_whole = false;

    *status = pass_fence(fleet, end_ms);
    for (;;) {
        if (*status == LASTCALL_OK && is_burst(fleet))
            code = probe(fleet, end_ms, &is_whole);
        if (code == EXIT_CODE_OK && (*status == LASTCALL_OK || is_burst(fleet)))
            code = drain(fleet, target, ends_early, end_ms);
        if (code != EXIT_CODE_OK || is_whole || !is_burst(fleet))
            return code;
        if (fleet_now_ms() >= end_ms)
            return say_endless();
        *status = fleet_link_resume(fleet->link, end_ms - fleet_now_ms());
        if (*status == LASTCALL_OK)
            *status = pass_fence(fleet, end_ms);
    }
}

static enum exit_code gather(struct fleet *fleet, const struct target *target,
                             bool ends_early, int64_t timeout_ms)
{
    const int64_t end_ms =
        fleet_now_ms() +
        (timeout_ms > FLEET_GATHER_MAX_MS ? timeout_ms : FLEET_GATHER_MAX_MS);
    enum lastcall_status status = LASTCALL_OK;
    enum exit_code code =
        read_retained(fleet, target, ends_early, end_ms, &status);

    if (code != EXIT_CODE_OK)
        return code;
    if (status != LASTCALL_OK)
        return say_unanswered(status);
    return settle(fleet, target, ends_early, end_ms + FLEET_GATHER_MAX_MS);
}

static enum lastcall_status read_share(const struct options *options,
                                       struct name *out)
{
    const char *value = options_value(options, OPTION_SHARE);

    if (value == NULL || name_parse(value, strlen(value), out) == LASTCALL_OK)
        return LASTCALL_OK;
    say_error("--share: \"%s\" is no name", value);
    return LASTCALL_E_SYNTAX;
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
    if (read_share(options, &out->share) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
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
    const struct fleet_link_options options = {
        .settings = &fleet->settings,
        .subscriptions = fleet->subscriptions,
        .subscription_count = fleet->subscription_count,
        .trust = &fleet->trust,
        .controller = &fleet->identity.name,
        .timeout_ms = timeout_ms,
    };
    enum lastcall_status status = fleet_link_open(&options, &fleet->link);

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

static bool matches_any(const struct registry *registry, const char *pattern)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (name_glob(pattern, registry->hosts[i]->name.text, GLOB_CASE_EXACT))
            return true;
    }
    return false;
}

void fleet_say_unmatched(const struct fleet *fleet, const struct target *target)
{
    size_t count = 0;

    for (size_t i = 0; i < target->entry_count; i++) {
        if (!target_is_pattern(target->entries[i]) ||
            matches_any(&fleet->registry, target->entries[i]))
            continue;
        if (++count <= UNMATCHED_SAID_MAX)
            say_error("%s matches no known host", target->entries[i]);
    }
    if (count > UNMATCHED_SAID_MAX)
        say_error("and %zu more patterns match none",
                  count - UNMATCHED_SAID_MAX);
}

enum exit_code fleet_open(const struct options *options, uint32_t needs,
                          const struct target *target, int64_t timeout_ms,
                          struct fleet *out)
{
    bool ends_early =
        is_single(target) && (needs & FLEET_NEED_INVENTORIES) == 0;
    enum exit_code code = EXIT_CODE_USAGE;

    *out = (struct fleet){0};
    out->registry.keeps_details = (needs & FLEET_NEED_DETAILS) != 0;
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

void fleet_hang_up(struct fleet *fleet)
{
    fleet_link_close(fleet->link);
    fleet->link = NULL;
}

void fleet_close(struct fleet *fleet)
{
    fleet_hang_up(fleet);
    for (size_t i = fleet->early_taken; i < fleet->early_count; i++)
        fleet_event_deinit(&fleet->early[i]);
    free(fleet->early);
    registry_deinit(&fleet->registry);
    plans_deinit(&fleet->plans);
    identity_deinit(&fleet->identity);
    trust_deinit(&fleet->trust);
    controller_settings_deinit(&fleet->settings);
    *fleet = (struct fleet){0};
}
