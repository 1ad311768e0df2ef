#include "controller/plan_send.h"

#include <stdlib.h>
#include <string.h>

#include "controller/retain.h"
#include "controller/say.h"
#include "protocol/io/platform.h"
#include "protocol/token.h"

/* ---- whom a plan is for ---- */

enum lastcall_status plan_send_add(struct plan_send *sending,
                                   enum address_kind kind,
                                   const struct name *name)
{
    struct address *grown = NULL;

    if (sending->count == sending->capacity) {
        const size_t wanted =
            sending->capacity == 0 ? 16 : sending->capacity * 2;

        grown = realloc(sending->addresses, wanted * sizeof *grown);
        if (grown == NULL)
            return LASTCALL_E_NOMEM;
        sending->addresses = grown;
        sending->capacity = wanted;
    }
    sending->addresses[sending->count++] =
        (struct address){.kind = kind, .name = *name};
    return LASTCALL_OK;
}

/* The known hosts of the target, and those that are named and unknown. */
static enum lastcall_status add_hosts(struct plan_send *sending,
                                      const struct target *target)
{
    const struct registry *registry = &sending->fleet->registry;
    enum lastcall_status status = LASTCALL_OK;

    fleet_say_unmatched(sending->fleet, target);
    for (size_t i = 0; i < registry->count && status == LASTCALL_OK; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (target_includes(target, &host->name, host->groups,
                            host->group_count))
            status = plan_send_add(sending, ADDRESS_HOST, &host->name);
    }
    for (size_t i = 0; i < target->entry_count && status == LASTCALL_OK; i++) {
        const char *entry = target->entries[i];
        struct name name;

        if (!target_is_pattern(entry) &&
            name_parse(entry, strlen(entry), &name) == LASTCALL_OK &&
            registry_find(registry, &name) == NULL) {
            say_error("%s has never published a status; it finds the plan when "
                      "it does",
                      entry);
            status = plan_send_add(sending, ADDRESS_HOST, &name);
        }
    }
    return status;
}

enum lastcall_status plan_send_add_target(struct plan_send *sending,
                                          const struct target *target)
{
    const struct name nobody = {""};

    switch (target->kind) {
    case TARGET_ALL:
        return plan_send_add(sending, ADDRESS_ALL, &nobody);
    case TARGET_GROUP:
        return plan_send_add(sending, ADDRESS_GROUP, &target->group);
    case TARGET_HOSTS:
        return add_hosts(sending, target);
    case TARGET_NONE:
        break;
    }
    return LASTCALL_E_SYNTAX;
}

/* ---- publishing ---- */

static enum lastcall_status sign(struct plan_send *sending,
                                 const struct address *address, int64_t iat_s,
                                 int64_t exp_s, struct bytes *out)
{
    struct command_claims claims = {
        .audience = *address, .iat_s = iat_s, .exp_s = exp_s};
    json_t *json = NULL;
    enum lastcall_status status = platform_random_id(&claims.jti);

    if (status != LASTCALL_OK)
        return status;
    json = maintenance_encode(sending->fleet->identity.issuer, &claims,
                              sending->plan);
    status = json == NULL
                 ? LASTCALL_E_NOMEM
                 : token_sign(TOKEN_MAINTENANCE, &sending->fleet->identity.key,
                              sending->fleet->identity.grant, json, out);
    json_decref(json);
    return status;
}

static void write_topic(const struct plan_send *sending, size_t index,
                        struct topic_parts *parts, struct topic *topic)
{
    *parts = (struct topic_parts){.kind = TOPIC_MAINTENANCE,
                                  .address = sending->addresses[index],
                                  .plan = sending->plan->id};
    topic_format(sending->fleet->settings.fleet.text, parts, topic);
}

/* Hand a token over to the broker; it is taken when await_oldest() says so. */
static enum lastcall_status publish_at(struct plan_send *sending, size_t index,
                                       int64_t iat_s, int64_t exp_s)
{
    struct topic_parts parts;
    struct topic topic;
    struct bytes token = {0};
    const int64_t left_s = exp_s - fleet_wall_ms() / 1000;
    enum lastcall_status status =
        sign(sending, &sending->addresses[index], iat_s, exp_s, &token);

    write_topic(sending, index, &parts, &topic);
    /* The broker forgets it when nobody would believe it any more. */
    if (status == LASTCALL_OK)
        status = retain_publish(sending->fleet->link, topic.text, &token,
                                left_s < 1 ? 1 : (uint32_t)left_s, index + 1);
    /* The broker's copy may come later than what hosts say of it. */
    if (status == LASTCALL_OK &&
        plans_take(&sending->fleet->plans, &sending->fleet->trust, &parts,
                   token.data, token.len, iat_s) == LASTCALL_E_NOMEM)
        status = LASTCALL_E_NOMEM;
    bytes_deinit(&token);
    return status;
}

static enum lastcall_status await_oldest(struct plan_send *sending)
{
    enum lastcall_status status =
        retain_await(sending->fleet->link, sending->fleet,
                     sending->taken_count + 1, sending->timeout_ms);

    sending->taken_count += status == LASTCALL_OK;
    return status;
}

static void say_unpublished(const struct plan_send *sending,
                            enum lastcall_status status)
{
    struct topic_parts parts;
    struct topic topic;

    if (status == LASTCALL_FORBIDDEN) {
        write_topic(sending, sending->taken_count, &parts, &topic);
        say_error("the broker refused the plan");
        say_mend("its access rules must let %s publish %s",
                 sending->fleet->identity.issuer, topic.text);
    } else if (status != LASTCALL_E_CLOSED) {
        say_error("the plan could not be published: %s", status_text(status));
    }
    if (sending->taken_count > 0 || status == LASTCALL_E_CLOSED)
        say_error("the broker has taken it for %zu of %zu addresses",
                  sending->taken_count, sending->count);
}

struct plan_span plan_send_span(const struct plan_send *sending, int64_t now_s)
{
    const struct plans *plans = &sending->fleet->plans;
    const int64_t ends_s = sending->plan->ends_ms / 1000;
    struct plan_span span = {now_s,
                             (ends_s > now_s ? ends_s : now_s) + PLAN_EXPIRY_S};

    for (size_t i = 0; i < plans->count; i++) {
        const struct plan *plan = &plans->items[i];

        if (strcmp(plan->body.id.text, sending->plan->id.text) != 0)
            continue;
        if (plan->iat_s >= span.iat_s)
            span.iat_s = plan->iat_s + 1;
        if (plan->exp_s > span.exp_s)
            span.exp_s = plan->exp_s;
    }
    return span;
}

enum lastcall_status plan_send_publish(struct plan_send *sending, int64_t iat_s,
                                       int64_t exp_s)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < sending->count && status == LASTCALL_OK; i++) {
        if (i - sending->taken_count == RETAIN_WINDOW)
            status = await_oldest(sending);
        if (status == LASTCALL_OK)
            status = publish_at(sending, i, iat_s, exp_s);
    }
    while (status == LASTCALL_OK && sending->taken_count < sending->count)
        status = await_oldest(sending);
    if (status != LASTCALL_OK)
        say_unpublished(sending, status);
    return status;
}

void plan_send_deinit(struct plan_send *sending)
{
    free(sending->addresses);
    *sending = (struct plan_send){0};
}

/* What hosts would refuse must not bury what they would follow. */
enum exit_code plan_send_check_foreign(const struct plan_send *sending)
{
    struct fleet *fleet = sending->fleet;
    const struct grant *grant = NULL;
    const struct plan *foreign = NULL;
    struct json_error why = {0};
    char address[ADDRESS_TEXT_SIZE];
    enum lastcall_status status =
        trust_verify_grant(&fleet->trust, fleet->identity.grant,
                           fleet_wall_ms() / 1000, &grant, &why);

    if (status != LASTCALL_OK) {
        say_error("our grant: %s",
                  why.text[0] != '\0' ? why.text : status_text(status));
        return EXIT_CODE_BROKER;
    }
    foreign = plans_find_foreign(&fleet->plans, &sending->plan->id, grant);
    if (foreign == NULL)
        return EXIT_CODE_OK;
    address_format(&foreign->address, address);
    say_error("the plan %s for %s is of %s, and our grant does not permit "
              "%s there; nothing was published",
              foreign->body.id.text, address, foreign->issuer,
              action_name(foreign->body.action));
    return EXIT_CODE_REFUSED;
}
