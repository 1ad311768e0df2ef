#include "controller/plans.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void plan_deinit(struct plan *plan)
{
    maintenance_deinit(&plan->body);
    *plan = (struct plan){0};
}

void plans_deinit(struct plans *plans)
{
    for (size_t i = 0; i < plans->count; i++)
        plan_deinit(&plans->items[i]);
    free(plans->items);
    *plans = (struct plans){0};
}

static struct plan *find(struct plans *plans, const struct address *address,
                         const struct name *id)
{
    for (size_t i = 0; i < plans->count; i++) {
        if (address_is_equal(&plans->items[i].address, address) &&
            strcmp(plans->items[i].body.id.text, id->text) == 0)
            return &plans->items[i];
    }
    return NULL;
}

static void forget(struct plans *plans, const struct topic_parts *parts)
{
    struct plan *known = find(plans, &parts->address, &parts->plan);

    if (known == NULL)
        return;
    plan_deinit(known);
    *known = plans->items[--plans->count];
}

/* Prove a token and read it; filled on LASTCALL_OK. */
static enum lastcall_status open_plan(struct trust *trust,
                                      const struct topic_parts *parts,
                                      const void *data, size_t len,
                                      int64_t now_s, struct plan *out)
{
    struct token token = {0};
    struct verified verified = {0};
    struct command_claims claims = {0};
    const struct grant *grant = NULL;
    enum lastcall_status status = token_decode(data, len, &token);

    *out = (struct plan){.address = parts->address};
    if (status == LASTCALL_OK && token.type != TOKEN_MAINTENANCE)
        status = LASTCALL_E_TYPE;
    if (status == LASTCALL_OK)
        status = trust_verify(trust, &token, now_s, &verified, &grant, NULL);
    if (status == LASTCALL_OK)
        status = command_decode(&verified, &claims, NULL);
    if (status == LASTCALL_OK)
        status = maintenance_decode(&verified, &out->body, NULL);
    if (status == LASTCALL_OK &&
        (grant->kind != SUBJECT_CONTROLLER ||
         !address_is_equal(&claims.audience, &parts->address) ||
         strcmp(out->body.id.text, parts->plan.text) != 0))
        status = LASTCALL_FORBIDDEN;
    if (status == LASTCALL_OK) {
        snprintf(out->issuer, sizeof out->issuer, "%s", grant->subject);
        out->iat_s = claims.iat_s;
        out->exp_s = claims.exp_s;
    } else {
        plan_deinit(out);
    }
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}

static enum lastcall_status make_room(struct plans *plans)
{
    const size_t wanted = plans->capacity == 0 ? 16 : plans->capacity * 2;
    struct plan *grown = NULL;

    if (plans->count < plans->capacity)
        return LASTCALL_OK;
    if (plans->count >= PLANS_MAX)
        return LASTCALL_E_TOO_LARGE;
    grown = realloc(plans->items, wanted * sizeof *grown);
    if (grown == NULL)
        return LASTCALL_E_NOMEM;
    plans->items = grown;
    plans->capacity = wanted;
    return LASTCALL_OK;
}

bool plan_is_newer(const struct plan *plan, const struct plan *other)
{
    if (plan->iat_s == other->iat_s)
        return plan->body.cancelled && !other->body.cancelled;
    return plan->iat_s > other->iat_s;
}

enum lastcall_status plans_take(struct plans *plans, struct trust *trust,
                                const struct topic_parts *parts,
                                const void *data, size_t len, int64_t now_s)
{
    struct plan fresh;
    struct plan *known = NULL;
    enum lastcall_status status = LASTCALL_OK;

    assert(parts->kind == TOPIC_MAINTENANCE);
    if (len == 0) {
        forget(plans, parts);
        return LASTCALL_OK;
    }
    status = open_plan(trust, parts, data, len, now_s, &fresh);
    if (status != LASTCALL_OK) {
        plans->refused_count++;
        return status;
    }
    known = find(plans, &parts->address, &parts->plan);
    if (known == NULL) {
        status = make_room(plans);
        if (status != LASTCALL_OK) {
            plan_deinit(&fresh);
            return status;
        }
        plans->items[plans->count++] = fresh;
    } else if (plan_is_newer(&fresh, known)) {
        plan_deinit(known);
        *known = fresh;
    } else {
        plan_deinit(&fresh);
    }
    return LASTCALL_OK;
}

/* Which kinds of servers a host has is its own business: one is enough. */
static bool may_plan(const struct grant *grant, const struct plan *plan)
{
    struct permit_question question = {
        .action = plan->body.action,
        .audience = &plan->address,
    };

    if (plan->body.reason != NULL)
        question.given |= PERMIT_REQUIRE_REASON;
    if (plan->body.has_where)
        question.given |= PERMIT_REQUIRE_WHERE;
    for (unsigned kind = 0; kind < BACKEND_KIND_COUNT; kind++) {
        struct permit_answer answer;

        question.backends = BACKEND_BIT(kind);
        if (grant_permits(grant, &question, &answer) == LASTCALL_OK)
            return true;
    }
    return false;
}

const struct plan *plans_find_foreign(const struct plans *plans,
                                      const struct name *id,
                                      const struct grant *grant)
{
    for (size_t i = 0; i < plans->count; i++) {
        const struct plan *plan = &plans->items[i];

        if (strcmp(plan->body.id.text, id->text) == 0 &&
            strcmp(plan->issuer, grant->subject) != 0 && !may_plan(grant, plan))
            return plan;
    }
    return NULL;
}

bool plan_reaches(const struct address *address,
                  const struct registry_host *host)
{
    switch (address->kind) {
    case ADDRESS_ALL:
        return true;
    case ADDRESS_HOST:
        return strcmp(address->name.text, host->name.text) == 0;
    case ADDRESS_GROUP:
        for (size_t i = 0; i < host->group_count; i++) {
            if (strcmp(address->name.text, host->groups[i].text) == 0)
                return true;
        }
        return false;
    }
    return false;
}
