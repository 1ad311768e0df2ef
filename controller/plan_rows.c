#include "controller/plan_rows.h"

#include <assert.h>
#include <string.h>

#include "protocol/body.h"
#include "protocol/moment.h"

#define COLUMNS(array) (array), sizeof(array) / sizeof((array)[0])

static const struct output_column columns[] = {
    {"PLAN", "plan", CELL_TEXT},        {"HOST", "host", CELL_TEXT},
    {"PHASE", "phase", CELL_STATE},     {"ACTION", "action", CELL_TEXT},
    {"STARTS", "starts_at", CELL_TEXT}, {"ENDS", "ends_at", CELL_TEXT},
    {"WARNED", "warned", CELL_TEXT},    {"ENDED", "ended", CELL_TEXT},
    {"FAILED", "failed", CELL_TEXT},    {"CODE", "last_code", CELL_STATE},
};

/* Where each host stands with which plan. */
static const struct output_span spans[sizeof columns / sizeof columns[0]] = {
    {0, 20, 0}, /* PLAN */
    {0, 20, 0}, /* HOST */
    {0, 10, 0}, /* PHASE */
    {0, 10, 1}, /* ACTION */
    {0, 24, 4}, /* STARTS */
    {0, 24, 3}, /* ENDS */
    {0, 6, 2},  /* WARNED */
    {0, 6, 5},  /* ENDED */
    {0, 6, 6},  /* FAILED */
    {0, 14, 0}, /* CODE */
};

static const struct output_column csv[] = {
    {"plan", "plan", CELL_TEXT},
    {"host", "host", CELL_TEXT},
    {"phase", "phase", CELL_TEXT},
    {"action", "action", CELL_TEXT},
    {"starts_at", "starts_at", CELL_TEXT},
    {"ends_at", "ends_at", CELL_TEXT},
    {"warned", "warned", CELL_TEXT},
    {"ended", "ended", CELL_TEXT},
    {"failed", "failed", CELL_TEXT},
    {"last_code", "last_code", CELL_TEXT},
    {"issuer", "issuer", CELL_TEXT},
    {"retained", "retained", CELL_TEXT},
};

static const struct output_block blocks[] = {
    {NULL, NULL, NULL, COLUMNS(columns), spans},
};

const struct output_layout plan_rows_layout = {
    .noun = "plans",
    .type = "plan",
    .name = "plan",
    .blocks = blocks,
    .block_count = 1,
    .csv = {NULL, NULL, NULL, COLUMNS(csv), NULL},
};

static const struct status_plan *status_of(const struct registry_host *host,
                                           const struct name *id)
{
    for (size_t i = 0; i < host->status.plan_count; i++) {
        if (strcmp(host->status.plans[i].id.text, id->text) == 0)
            return &host->status.plans[i];
    }
    return NULL;
}

static bool is_wanted(const struct name *id, const struct name *other)
{
    return id == NULL || strcmp(id->text, other->text) == 0;
}

/* The retained plan of an id that reaches a host; the newest of several. */
static const struct plan *plan_of(const struct plans *plans,
                                  const struct registry_host *host,
                                  const struct name *id)
{
    const struct plan *found = NULL;

    for (size_t i = 0; i < plans->count; i++) {
        const struct plan *plan = &plans->items[i];

        if (strcmp(plan->body.id.text, id->text) == 0 &&
            plan_reaches(&plan->address, host) &&
            (found == NULL || plan_is_newer(plan, found)))
            found = plan;
    }
    return found;
}

static bool is_past(enum plan_phase phase)
{
    return phase == PLAN_DONE || phase == PLAN_MISSED ||
           phase == PLAN_CANCELLED || phase == PLAN_REFUSED;
}

/* Does the host tell of the plan as it is retained?  It may not have read the
 * newest version yet, or not believe it. */
static bool tells_of(const struct status_plan *told, const struct plan *plan)
{
    const struct maintenance *body = NULL;

    if (plan == NULL)
        return true;
    body = &plan->body;
    if (body->cancelled)
        return is_past(told->phase);
    if (told->phase == PLAN_REFUSED && told->starts_ms == 0)
        return true; /* it could not even read it */
    return told->phase != PLAN_CANCELLED &&
           told->starts_ms == body->starts_ms &&
           told->ends_ms == body->ends_ms && told->action == body->action &&
           strcmp(told->issuer, plan->issuer) == 0;
}

/* The phase of a plan that a host has not told of. */
static const char *untold_phase(const struct registry_host *host)
{
    if (!registry_host_is_up(host))
        return PLAN_ROW_OFFLINE;
    return host->status.plan_total > host->status.plan_count ? PLAN_ROW_UNLISTED
                                                             : PLAN_ROW_WAITING;
}

/* What a host has not told of: plans retained for it. */
static void untold_rows(const struct registry_host *host,
                        const struct plans *plans, const struct name *id,
                        void (*row)(void *context, const struct plan_row *row),
                        void *context)
{
    for (size_t i = 0; i < plans->count; i++) {
        const struct plan *plan = &plans->items[i];
        const struct plan_row untold = {
            .host = host,
            .id = plan->body.id,
            .plan = plan,
            .phase = untold_phase(host),
        };

        /* The cheap questions first: a plan for hosts that are named is one
         * plan for each of them. */
        if (is_wanted(id, &plan->body.id) &&
            plan_reaches(&plan->address, host) &&
            status_of(host, &plan->body.id) == NULL &&
            plan_of(plans, host, &plan->body.id) == plan)
            row(context, &untold);
    }
}

void plan_rows_each(const struct registry *registry, const struct plans *plans,
                    const struct name *id, const struct target *target,
                    void (*row)(void *context, const struct plan_row *row),
                    void *context)
{
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (!host->has_status ||
            (target->kind != TARGET_NONE &&
             !target_includes(target, &host->name, host->groups,
                              host->group_count)))
            continue;
        for (size_t k = 0; k < host->status.plan_count; k++) {
            const struct status_plan *status = &host->status.plans[k];
            const struct plan *plan = plan_of(plans, host, &status->id);
            const struct plan_row told = {
                .host = host,
                .id = status->id,
                .plan = plan,
                .status = status,
                .phase = plan_phase_name(status->phase),
                .is_told = tells_of(status, plan),
            };

            if (is_wanted(id, &status->id))
                row(context, &told);
        }
        untold_rows(host, plans, id, row, context);
    }
}

bool plan_row_is_over(const struct plan_row *row, int64_t now_ms)
{
    if (!registry_host_is_up(row->host))
        return true;
    if (row->is_told)
        return is_past(row->status->phase);
    if (row->plan->body.cancelled)
        return row->plan->exp_s * 1000 <= now_ms;
    return row->plan->body.ends_ms <= now_ms;
}

bool plan_row_has_failed(const struct plan_row *row)
{
    const struct status_plan *told = row->status;

    if (!row->is_told || told->phase == PLAN_CANCELLED ||
        told->phase == PLAN_SCHEDULED || told->phase == PLAN_WARNING)
        return false;
    return told->phase == PLAN_MISSED || told->failed > 0 ||
           !status_is_success(told->last_code);
}

/* The host's word on a plan; null where it has not told. */
static void put_told(struct body_writer *writer, const struct status_plan *told)
{
    body_put(writer, "warned",
             told == NULL ? json_null() : json_integer(told->warned));
    body_put(writer, "ended",
             told == NULL ? json_null() : json_integer(told->ended));
    body_put(writer, "failed",
             told == NULL ? json_null() : json_integer(told->failed));
    body_put(writer, "last_code",
             told == NULL ? json_null()
                          : json_string(status_name(told->last_code)));
}

json_t *plan_row_record(const struct plan_row *row)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};
    const struct status_plan *told = row->status;
    const struct maintenance *body = NULL;

    if (writer.object == NULL)
        return NULL;
    /* A row comes of a plan, or of what a host told. */
    assert(told != NULL || row->plan != NULL);
    body = told != NULL ? NULL : &row->plan->body;
    body_put(&writer, "plan", json_string(row->id.text));
    body_put(&writer, "host", json_string(row->host->name.text));
    body_put(&writer, "phase", json_string(row->phase));
    body_put(
        &writer, "action",
        json_string(action_name(body == NULL ? told->action : body->action)));
    body_put_time(&writer, "starts_at",
                  body == NULL ? told->starts_ms : body->starts_ms);
    body_put_time(&writer, "ends_at",
                  body == NULL ? told->ends_ms : body->ends_ms);
    put_told(&writer, told);
    body_put(&writer, "issuer",
             json_string(told != NULL ? told->issuer : row->plan->issuer));
    body_put(&writer, "retained", json_boolean(row->plan != NULL));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}
