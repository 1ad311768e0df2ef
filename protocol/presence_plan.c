#include "protocol/presence_plan.h"

#include <stdlib.h>
#include <string.h>

/* ,"maintenance_count":64 and what closes the claims, with room. */
#define TAIL_LEN_MAX 64

const char *plan_phase_name(enum plan_phase phase)
{
    static const char *const names[PLAN_PHASE_COUNT] = {
        [PLAN_SCHEDULED] = "scheduled", [PLAN_WARNING] = "warning",
        [PLAN_RUNNING] = "running",     [PLAN_ENFORCING] = "enforcing",
        [PLAN_DONE] = "done",           [PLAN_MISSED] = "missed",
        [PLAN_CANCELLED] = "cancelled", [PLAN_REFUSED] = "refused",
    };

    return (unsigned)phase < PLAN_PHASE_COUNT ? names[phase] : "unknown";
}

static json_t *encode_plan(const struct status_plan *plan)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    body_put_text(&writer, "id", plan->id.text);
    body_put_text(&writer, "issuer", plan->issuer);
    body_put(&writer, "action", json_string(action_name(plan->action)));
    body_put_time(&writer, "starts_at", plan->starts_ms);
    body_put_time(&writer, "ends_at", plan->ends_ms);
    body_put(&writer, "phase", json_string(plan_phase_name(plan->phase)));
    body_put(&writer, "warned", json_integer(plan->warned));
    body_put(&writer, "ended", json_integer(plan->ended));
    body_put(&writer, "failed", json_integer(plan->failed));
    body_put(&writer, "last_code", json_string(status_name(plan->last_code)));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

/* Append the plans that fit; says how many. */
static enum lastcall_status put_plans(json_t *list, struct body_budget *budget,
                                      const struct status_plan *plans,
                                      size_t count, size_t *put)
{
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && *put < count) {
        json_t *item = encode_plan(&plans[*put]);

        status = body_budget_take(budget, item);
        if (status == LASTCALL_OK && json_array_append(list, item) != 0)
            status = LASTCALL_E_NOMEM;
        *put += status == LASTCALL_OK;
        json_decref(item);
    }
    return status == LASTCALL_E_TOO_LARGE ? LASTCALL_OK : status;
}

void status_plans_put(struct body_writer *writer, const json_t *claims,
                      const struct status_plan *plans, size_t count)
{
    struct body_budget budget = {TAIL_LEN_MAX, body_claims_max(TOKEN_STATUS)};
    json_t *list = json_array();
    size_t put = 0;

    body_put(writer, "maintenance", list);
    if (writer->status == LASTCALL_OK)
        writer->status = body_budget_take(&budget, claims);
    if (writer->status == LASTCALL_OK)
        writer->status = put_plans(list, &budget, plans, count, &put);
    if (put < count)
        body_put(writer, "maintenance_count", json_integer((json_int_t)count));
}

static void decode_plan(struct body_reader *reader, struct status_plan *out)
{
    char text[NAME_LEN_MAX + 1];
    unsigned phase = 0;

    body_get_name(reader, "id", &out->id);
    body_get_text(reader, "issuer", out->issuer, sizeof(out->issuer));
    body_get_text(reader, "action", text, sizeof(text));
    if (action_parse(text, &out->action) != LASTCALL_OK)
        body_fail(reader, "action", "is not known");
    body_get_time(reader, "starts_at", &out->starts_ms);
    body_get_time(reader, "ends_at", &out->ends_ms);
    body_get_text(reader, "phase", text, sizeof(text));
    while (phase < PLAN_PHASE_COUNT &&
           strcmp(text, plan_phase_name((enum plan_phase)phase)) != 0)
        phase++;
    if (phase == PLAN_PHASE_COUNT)
        body_fail(reader, "phase", "is not known");
    else
        out->phase = (enum plan_phase)phase;
    body_get_count(reader, "warned", JSON_REQUIRED, &out->warned);
    body_get_count(reader, "ended", JSON_REQUIRED, &out->ended);
    body_get_count(reader, "failed", JSON_REQUIRED, &out->failed);
    body_get_text(reader, "last_code", text, sizeof(text));
    if (status_parse(text, &out->last_code) != LASTCALL_OK)
        body_fail(reader, "last_code", "is not known");
}

static void decode_plans(struct body_reader *reader, json_t *items,
                         struct host_status *out)
{
    out->plans = calloc(json_array_size(items), sizeof(*out->plans));
    if (out->plans == NULL) {
        reader->status = LASTCALL_E_NOMEM;
        return;
    }
    out->plan_count = json_array_size(items);
    for (size_t i = 0; i < out->plan_count; i++) {
        struct body_reader item = {json_array_get(items, i), reader->error,
                                   reader->status};

        decode_plan(&item, &out->plans[i]);
        reader->status = item.status;
    }
}

void status_plans_decode(struct body_reader *reader, struct host_status *out)
{
    json_t *items = NULL;
    int64_t total = 0;

    body_get_array(reader, "maintenance", JSON_OPTIONAL, STATUS_PLAN_COUNT_MAX,
                   &items);
    total = (int64_t)json_array_size(items);
    body_get_count(reader, "maintenance_count", JSON_OPTIONAL, &total);
    if (total < (int64_t)json_array_size(items))
        body_fail(reader, "maintenance_count", "is less than those listed");
    if (json_array_size(items) > 0)
        decode_plans(reader, items, out);
    out->plan_total = (size_t)total;
}
