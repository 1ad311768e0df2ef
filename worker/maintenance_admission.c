#include "worker/maintenance_admission.h"

#include <string.h>

#include "protocol/grant.h"
#include "protocol/moment.h"

#define WARNING_TITLE "Maintenance"
#define WARNING_STYLE "warning"
/* A plan without "where" is for people: not for services and listeners. */
#define WHERE_LOGOFF "endable and username != null"
/* A session that is disconnected has ended, as far as these are concerned. */
#define WHERE_END WHERE_LOGOFF " and not state == 'disconnected'"
#define WHERE_WARN "username != null"

void plan_admission_deinit(struct plan_admission *admission)
{
    maintenance_deinit(&admission->plan);
    *admission = (struct plan_admission){0};
}

static enum lastcall_status prove(const struct plan_source *source,
                                  const struct admission_rules *rules,
                                  struct verified *verified,
                                  struct plan_admission *out)
{
    struct token token = {0};
    enum lastcall_status status =
        token_decode(source->data, source->len, &token);

    if (status == LASTCALL_OK && token.type != TOKEN_MAINTENANCE)
        status = LASTCALL_E_TYPE;
    if (status == LASTCALL_OK)
        status = trust_verify(rules->trust, &token, rules->now_s, verified,
                              &out->grant, &out->detail);
    if (status == LASTCALL_OK && out->grant->kind != SUBJECT_CONTROLLER)
        status = LASTCALL_E_GRANT;
    token_deinit(&token);
    if (status != LASTCALL_OK)
        return status;
    out->is_proved = true; /* from here on every refusal is answered */
    out->controller = out->grant->name;
    out->claims.iat_s = verified->iat_s;
    memcpy(out->issuer, verified->iss, sizeof(out->issuer));
    memcpy(out->hash, verified->hash, sizeof(out->hash));
    return LASTCALL_OK;
}

static enum lastcall_status read_body(const struct plan_source *source,
                                      const struct admission_rules *rules,
                                      const struct verified *verified,
                                      struct plan_admission *out)
{
    struct command_claims claims = {0};
    enum lastcall_status status =
        command_decode(verified, &claims, &out->detail);

    if (status != LASTCALL_OK)
        return status;
    out->claims = claims;
    status = admission_check_audience(rules->identity, &claims.audience,
                                      &source->address, &out->detail);
    if (status == LASTCALL_OK)
        status = maintenance_decode(verified, &out->plan, &out->detail);
    if (status != LASTCALL_OK)
        return status;
    if (strcmp(out->plan.id.text, source->id.text) != 0) {
        json_error_say(&out->detail,
                       "the plan came on the topic of %s and says it is %s",
                       source->id.text, out->plan.id.text);
        return LASTCALL_INVALID_REQUEST;
    }
    return maintenance_check_times(&out->claims, &out->plan, rules->now_s,
                                   rules->settings->worker.clock_skew_s,
                                   &out->detail);
}

enum lastcall_status plan_admission_open(const struct plan_source *source,
                                         const struct admission_rules *rules,
                                         struct plan_admission *out)
{
    struct verified verified = {0};
    enum lastcall_status status = LASTCALL_E_SIGNATURE;

    *out = (struct plan_admission){0};
    status = prove(source, rules, &verified, out);
    if (status == LASTCALL_OK)
        status = read_body(source, rules, &verified, out);
    verified_deinit(&verified);
    return status;
}

/* ---- orders ---- */

static enum lastcall_status copy(const char *text, char **out)
{
    if (text == NULL)
        return LASTCALL_OK;
    *out = bytes_copy_text(text);
    return *out != NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
}

/* A warning stands until the start, but no longer than a box may. */
static int64_t warning_timeout_s(const struct maintenance *plan, int64_t now_ms)
{
    const int64_t left_s = (plan->starts_ms - now_ms) / MOMENT_MS_PER_S;

    if (left_s < 1)
        return 1;
    return left_s < REQUEST_TIMEOUT_S_MAX ? left_s : REQUEST_TIMEOUT_S_MAX;
}

static enum lastcall_status make_request(const struct maintenance *plan,
                                         enum plan_step_kind kind,
                                         int64_t now_ms, struct request *out)
{
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct request){.action = plan->action,
                            .backends = BACKEND_SET_ALL,
                            .limit = REQUEST_LIMIT_NONE};
    status = copy(plan->reason, &out->reason);
    if (status == LASTCALL_OK && plan->has_where) {
        status = filter_parse(plan->where.text, &out->where, NULL);
        out->has_where = status == LASTCALL_OK;
    }
    if (status != LASTCALL_OK || kind != PLAN_WARN)
        return status;
    out->action = ACTION_MESSAGE;
    out->timeout_s = warning_timeout_s(plan, now_ms);
    status = copy(plan->message, &out->message);
    if (status == LASTCALL_OK)
        status = copy(WARNING_TITLE, &out->title);
    if (status == LASTCALL_OK)
        status = copy(WARNING_STYLE, &out->style);
    return status;
}

/* Whom a step is for when the plan does not say. */
static const char *whom(const struct maintenance *plan,
                        enum plan_step_kind kind)
{
    if (kind == PLAN_WARN)
        return WHERE_WARN;
    return plan->action == ACTION_LOGOFF ? WHERE_LOGOFF : WHERE_END;
}

enum lastcall_status
plan_admission_order(const struct plan_admission *admission,
                     const struct admission_rules *rules,
                     const struct plan_step *step, int64_t now_ms,
                     struct order *out, struct json_error *detail)
{
    const struct maintenance *plan = &admission->plan;
    const int64_t over_ms =
        step->kind == PLAN_WARN ? plan->starts_ms : plan->ends_ms;
    struct request request = {0};
    enum lastcall_status status =
        make_request(plan, step->kind, now_ms, &request);

    *out = (struct order){0};
    /* Before "where" is filled in: a permit that requires one means one that
     * the plan gives. */
    if (status == LASTCALL_OK)
        status = policy_authorise(rules->policy, rules->settings,
                                  admission->grant, &admission->claims.audience,
                                  &request, out, detail);
    request_deinit(&request);
    if (status != LASTCALL_OK)
        return status;
    out->until_s = (over_ms + MOMENT_MS_PER_S - 1) / MOMENT_MS_PER_S;
    memcpy(out->issuer, admission->issuer, sizeof(out->issuer));
    if (out->request.has_where)
        return LASTCALL_OK;
    status = filter_parse(whom(plan, step->kind), &out->request.where, NULL);
    out->request.has_where = status == LASTCALL_OK;
    if (status != LASTCALL_OK)
        order_deinit(out);
    return status;
}

static enum lastcall_status ask(const struct plan_admission *admission,
                                const struct admission_rules *rules,
                                enum plan_step_kind kind, int64_t now_ms,
                                struct json_error *detail)
{
    const struct plan_step step = {.kind = kind};
    struct order order = {0};
    enum lastcall_status status =
        plan_admission_order(admission, rules, &step, now_ms, &order, detail);

    order_deinit(&order);
    return status;
}

/* May this controller take away what another one asked for? */
static enum lastcall_status ask_older(const struct plan_admission *admission,
                                      const struct admission_rules *rules,
                                      const struct plan_older *older,
                                      int64_t now_ms, struct json_error *detail)
{
    struct order order = {0};
    struct request request = {0};
    enum lastcall_status status =
        make_request(older->plan, PLAN_START, now_ms, &request);

    if (status == LASTCALL_OK)
        status =
            policy_authorise(rules->policy, rules->settings, admission->grant,
                             older->address, &request, &order, detail);
    request_deinit(&request);
    order_deinit(&order);
    return status;
}

enum lastcall_status
plan_admission_authorise(struct plan_admission *admission,
                         const struct admission_rules *rules,
                         const struct plan_older *older, int64_t now_ms)
{
    const bool is_others =
        older != NULL && strcmp(older->issuer, admission->issuer) != 0;
    enum lastcall_status status = LASTCALL_OK;

    /* Whoever was allowed to plan is allowed to call it off. */
    if (older != NULL && !is_others && admission->plan.cancelled)
        return LASTCALL_OK;
    if (is_others)
        status = ask_older(admission, rules, older, now_ms, &admission->detail);
    if (status == LASTCALL_OK)
        status = ask(admission, rules, PLAN_START, now_ms, &admission->detail);
    if (status != LASTCALL_OK || admission->plan.warn_count == 0)
        return status;
    status = ask(admission, rules, PLAN_WARN, now_ms, &admission->detail);
    /* Where no server can show a message there is nobody to warn. */
    return status == LASTCALL_UNSUPPORTED ? LASTCALL_OK : status;
}
