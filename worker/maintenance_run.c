#include "worker/maintenance_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t maintenance_now_ms(const struct maintenance_run *maintenance)
{
    const struct clock *clock = maintenance->options.clock;

    return clock->monotonic_ms(clock->state);
}

int64_t maintenance_wall_ms(const struct maintenance_run *maintenance)
{
    const struct clock *clock = maintenance->options.clock;

    return clock->wall_ms(clock->state);
}

struct admission_rules
maintenance_rules(const struct maintenance_run *maintenance)
{
    return (struct admission_rules){
        .settings = maintenance->options.settings,
        .policy = maintenance->options.policy,
        .identity = maintenance->options.identity,
        .trust = maintenance->options.trust,
        .now_s = maintenance_wall_ms(maintenance) / 1000,
    };
}

struct plan_entry *maintenance_find(struct maintenance_run *maintenance,
                                    const char *id)
{
    for (size_t i = 0; i < maintenance->count; i++) {
        if (strcmp(maintenance->entries[i].plan.id.text, id) == 0)
            return &maintenance->entries[i];
    }
    return NULL;
}

static void entry_deinit(struct plan_entry *entry)
{
    maintenance_deinit(&entry->plan);
    free(entry->token);
    *entry = (struct plan_entry){0};
}

void maintenance_drop_entry(struct maintenance_run *maintenance,
                            struct plan_entry *entry)
{
    struct plan_entry *last = &maintenance->entries[maintenance->count - 1];

    entry_deinit(entry);
    if (entry != last)
        *entry = *last;
    *last = (struct plan_entry){0};
    maintenance->count--;
}

bool maintenance_is_over(const struct plan_entry *entry, int64_t wall_ms)
{
    return !entry->is_warning && !entry->is_acting &&
           (entry->plan.cancelled || wall_ms >= entry->plan.ends_ms);
}

/* ---- records ---- */

enum lastcall_status maintenance_write(struct maintenance_run *maintenance,
                                       const struct plan_entry *entry)
{
    char servers[PLAN_SERVERS_TEXT_SIZE];
    struct plan_record record = {
        .id = entry->plan.id,
        .iat_s = entry->iat_s,
        .exp_s = entry->exp_s,
        .address = entry->address,
        .token = entry->token,
        .token_len = entry->token_len,
        .state = entry->state,
        .warn_servers = servers,
    };

    maintenance_servers_format(maintenance->options.settings,
                               entry->state.warn_servers, servers);
    if (!entry->needs_put)
        return maintenance_store_update(&maintenance->store, &record);
    memcpy(record.hash, entry->hash, sizeof(record.hash));
    return maintenance_store_put(&maintenance->store, &record);
}

enum lastcall_status maintenance_prune(struct maintenance_run *maintenance,
                                       int64_t expired_s)
{
    return maintenance_store_prune(&maintenance->store, expired_s);
}

/* Fill an entry from what admission read; takes the plan over. */
static enum lastcall_status entry_fill(struct plan_entry *entry,
                                       struct plan_admission *admission,
                                       const struct plan_source *source)
{
    entry->token = malloc(source->len + 1);
    if (entry->token == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(entry->token, source->data, source->len);
    entry->token[source->len] = '\0';
    entry->token_len = source->len;
    entry->address = source->address;
    entry->controller = admission->controller;
    entry->iat_s = admission->claims.iat_s;
    entry->exp_s = admission->claims.exp_s;
    memcpy(entry->issuer, admission->issuer, sizeof(entry->issuer));
    memcpy(entry->hash, admission->hash, sizeof(entry->hash));
    entry->plan = admission->plan;
    admission->plan = (struct maintenance){0};
    entry->backoff_ms = MAINTENANCE_AGAIN_FIRST_MS;
    return LASTCALL_OK;
}

/* A plan that was kept; one whose key was revoked meanwhile is left out, and
 * one whose grant the clock does not allow now is looked at again. */
static enum lastcall_status load(void *context,
                                 const struct plan_record *record)
{
    struct maintenance_run *maintenance = context;
    const struct admission_rules rules = maintenance_rules(maintenance);
    const struct plan_source source = {record->token, record->token_len,
                                       record->address, record->id};
    struct plan_entry *entry = &maintenance->entries[maintenance->count];
    struct plan_admission admission;
    enum lastcall_status status = LASTCALL_OK;

    if (maintenance->count == MAINTENANCE_PLAN_MAX ||
        maintenance_find(maintenance, record->id.text) != NULL)
        return LASTCALL_OK;
    /* A clock that is wrong for now may be put right: its times count when a
     * step is due. */
    status = plan_admission_open(&source, &rules, &admission);
    if (status == LASTCALL_E_NOMEM)
        goto out;
    if (admission.plan.id.text[0] == '\0') {
        if (status == LASTCALL_EXPIRED || status == LASTCALL_NOT_YET_VALID)
            maintenance->unread_count++;
        log_write(maintenance->options.log, LOG_LEVEL_WARN, LOG_LIMITED,
                  "PLAN-INVALID",
                  "the maintenance plan %s no longer holds here: %s%s%s",
                  record->id.text, status_text(status),
                  admission.detail.text[0] != '\0' ? ": " : "",
                  admission.detail.text);
        status = LASTCALL_OK;
        goto out;
    }
    status = entry_fill(entry, &admission, &source);
    if (status != LASTCALL_OK)
        goto out;
    entry->state = record->state;
    entry->state.warn_servers = maintenance_servers_parse(
        maintenance->options.settings, record->warn_servers);
    /* None of them is there any more. */
    if (entry->state.warn_servers == 0 && record->warn_servers[0] != '\0')
        entry->state.is_warn_owed = false;
    maintenance->count++;

out:
    plan_admission_deinit(&admission);
    return status;
}

enum lastcall_status maintenance_reread(struct maintenance_run *maintenance)
{
    maintenance->unread_count = 0;
    maintenance->reread_ms =
        maintenance_now_ms(maintenance) + MAINTENANCE_CLOCK_MS;
    return maintenance_store_each(&maintenance->store, load, maintenance);
}

enum lastcall_status maintenance_open(const struct maintenance_options *options,
                                      struct maintenance_run **out)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct maintenance_run *maintenance = calloc(1, sizeof(*maintenance));

    *out = NULL;
    if (maintenance == NULL)
        return status;
    maintenance->options = *options;
    maintenance->hold_until_ms =
        maintenance_now_ms(maintenance) + MAINTENANCE_ALONE_MS;
    maintenance->entries =
        calloc(MAINTENANCE_PLAN_MAX, sizeof(*maintenance->entries));
    if (maintenance->entries != NULL)
        status = maintenance_store_open(&options->journal->store,
                                        &maintenance->store);
    if (status == LASTCALL_OK)
        status = maintenance_reread(maintenance);
    if (status != LASTCALL_OK) {
        maintenance_close(maintenance);
        return status;
    }
    *out = maintenance;
    return LASTCALL_OK;
}

void maintenance_close(struct maintenance_run *maintenance)
{
    if (maintenance == NULL)
        return;
    if (maintenance->entries != NULL) {
        for (size_t i = 0; i < maintenance->count; i++)
            entry_deinit(&maintenance->entries[i]);
    }
    free(maintenance->entries);
    maintenance_store_close(&maintenance->store);
    free(maintenance);
}

void maintenance_ready(struct maintenance_run *maintenance)
{
    if (maintenance->was_ready)
        return;
    maintenance->was_ready = true;
    maintenance->hold_until_ms =
        maintenance_now_ms(maintenance) + MAINTENANCE_SETTLE_MS;
}

/* ---- refusing ---- */

void maintenance_refuse(struct maintenance_run *maintenance,
                        struct batch *batch, const struct plan_answer *answer,
                        enum lastcall_status code, const char *detail)
{
    struct order none = {0};
    struct run *run = run_new(&none);

    if (run == NULL)
        return; /* out of memory: the status still tells */
    if (maintenance_step_id(answer->id, answer->iat_s, answer->step,
                            &run->entry.request_id) != LASTCALL_OK) {
        run_free(run);
        return;
    }
    run->controller = *answer->controller;
    run->entry.audience = *answer->address;
    run->entry.action = answer->action;
    run->entry.received_ms = maintenance_wall_ms(maintenance);
    memcpy(run->entry.issuer, answer->issuer,
           strlen(answer->issuer) < sizeof(run->entry.issuer)
               ? strlen(answer->issuer) + 1
               : 0);
    memcpy(run->entry.hash, answer->hash, sizeof(run->entry.hash));
    run->result.action = answer->action;
    run->result.plan = *answer->id;
    memcpy(run->result.step, answer->step, strlen(answer->step) + 1);
    run_set_result(run, code, detail);
    batch_refuse(batch, run);
}

static bool was_refused(const struct maintenance_run *maintenance,
                        const struct plan_admission *admission,
                        enum lastcall_status code)
{
    for (size_t i = 0; i < maintenance->refused_count; i++) {
        const struct plan_refused *refused = &maintenance->refused[i];

        if (strcmp(refused->hash, admission->hash) == 0 &&
            refused->told.last_code == code)
            return true;
    }
    return false;
}

static void forget_refused(struct maintenance_run *maintenance, const char *id)
{
    for (size_t i = 0; i < maintenance->refused_count; i++) {
        struct plan_refused *refused = &maintenance->refused[i];

        if (strcmp(refused->told.id.text, id) == 0)
            *refused = (struct plan_refused){0};
    }
}

static void remember_refused(struct maintenance_run *maintenance,
                             const struct plan_admission *admission,
                             const struct name *id, enum lastcall_status code)
{
    struct plan_refused *refused = NULL;

    forget_refused(maintenance, id->text);
    refused = &maintenance->refused[maintenance->refused_next];
    maintenance->refused_next =
        (maintenance->refused_next + 1) % MAINTENANCE_PLAN_MAX;
    if (maintenance->refused_count < MAINTENANCE_PLAN_MAX)
        maintenance->refused_count++;
    *refused = (struct plan_refused){0};
    memcpy(refused->hash, admission->hash, sizeof(refused->hash));
    memcpy(refused->told.issuer, admission->issuer,
           sizeof(refused->told.issuer));
    refused->told.id = *id;
    refused->told.action = admission->plan.id.text[0] != '\0'
                               ? admission->plan.action
                               : ACTION_END;
    refused->told.starts_ms = admission->plan.starts_ms;
    refused->told.ends_ms = admission->plan.ends_ms;
    refused->told.phase = PLAN_REFUSED;
    refused->told.last_code = code;
}

/* The broker sends a retained plan with every connect: one answer is enough. */
static void refuse_once(struct maintenance_run *maintenance,
                        struct batch *batch, const struct plan_source *source,
                        const struct plan_admission *admission,
                        enum lastcall_status code)
{
    const struct maintenance *plan = &admission->plan;
    char first[RESULT_STEP_SIZE] = "start";
    const struct plan_answer answer = {
        .id = &source->id,
        .iat_s = admission->claims.iat_s,
        .issuer = admission->issuer,
        .controller = &admission->controller,
        .hash = admission->hash,
        .address = &source->address,
        .action = plan->id.text[0] != '\0' ? plan->action : ACTION_END,
        .step = first,
    };

    if (was_refused(maintenance, admission, code))
        return;
    if (plan->warn_count > 0)
        snprintf(first, sizeof(first), "warn:%lld", (long long)plan->warn_s[0]);
    remember_refused(maintenance, admission, &source->id, code);
    maintenance_refuse(maintenance, batch, &answer, code,
                       admission->detail.text);
}

/* ---- taking in ---- */

static struct plan_entry *make_room(struct maintenance_run *maintenance,
                                    struct batch *batch)
{
    const int64_t wall_ms = maintenance_wall_ms(maintenance);

    for (size_t i = 0;
         maintenance->count == MAINTENANCE_PLAN_MAX && i < maintenance->count;
         i++) {
        struct plan_entry *entry = &maintenance->entries[i];

        if (!maintenance_is_over(entry, wall_ms) || entry->needs_put ||
            !batch->is_open || batch->has_failed)
            continue;
        if (maintenance_store_retire(&maintenance->store, &entry->plan.id) ==
            LASTCALL_OK)
            maintenance_drop_entry(maintenance, entry);
    }
    if (maintenance->count == MAINTENANCE_PLAN_MAX)
        return NULL;
    return &maintenance->entries[maintenance->count++];
}

/* A plan that is only called off keeps its window, for the status. */
static void keep_window(struct maintenance *plan, const struct maintenance *old)
{
    if (!plan->cancelled || plan->starts_ms != 0)
        return;
    plan->starts_ms = old->starts_ms;
    plan->ends_ms = old->ends_ms;
    plan->action = old->action;
}

static enum lastcall_status refuse_room(struct plan_admission *admission)
{
    json_error_say(&admission->detail,
                   "this host holds as many maintenance plans as it may");
    return LASTCALL_BUSY;
}

/* Put a proved and allowed plan in the place of an older one, or of none. */
static enum lastcall_status take(struct maintenance_run *maintenance,
                                 struct batch *batch, struct plan_entry *entry,
                                 struct plan_admission *admission,
                                 const struct plan_source *source)
{
    const bool is_new = entry == NULL;
    struct plan_entry taken = {0};
    enum lastcall_status status = LASTCALL_OK;

    if (is_new)
        entry = make_room(maintenance, batch);
    if (entry == NULL)
        return refuse_room(admission);
    status = entry_fill(&taken, admission, source);
    if (status != LASTCALL_OK)
        goto fail;
    taken.needs_put = true;
    plan_state_init(&taken.state);
    if (!is_new) {
        keep_window(&taken.plan, &entry->plan);
        plan_inherit(&taken.state, &taken.plan, &entry->state, &entry->plan);
    }
    if (batch->is_open && !batch->has_failed)
        status = maintenance_write(maintenance, &taken);
    if (status == LASTCALL_LIMIT_EXCEEDED) {
        status = refuse_room(admission);
        goto fail;
    }
    if (status != LASTCALL_OK)
        batch_fail(batch, status); /* it stays in memory and is tried again */
    if (!is_new)
        entry_deinit(entry);
    *entry = taken;
    forget_refused(maintenance, taken.plan.id.text);
    log_write(maintenance->options.log, LOG_LEVEL_INFO, LOG_LIMITED, "PLAN",
              "%s maintenance plan %s of %s",
              taken.plan.cancelled ? "called off" : "took in",
              taken.plan.id.text, taken.issuer);
    return LASTCALL_OK;

fail:
    entry_deinit(&taken);
    if (is_new)
        maintenance->count--; /* the room that was made */
    return status;
}

/* Is this version, or a newer one, known?  Also of one that is over. */
static bool is_known(struct maintenance_run *maintenance,
                     const struct plan_entry *entry, const struct name *id,
                     const struct plan_admission *admission)
{
    const int64_t iat_s = admission->claims.iat_s;
    int64_t known_s = 0;

    /* A cancellation may come within the second of what it cancels. */
    if (entry != NULL && admission->plan.cancelled && !entry->plan.cancelled)
        return entry->iat_s > iat_s;
    if (entry != NULL)
        return entry->iat_s >= iat_s;
    return maintenance_store_find(&maintenance->store, id, &known_s) ==
               LASTCALL_OK &&
           known_s >= iat_s;
}

enum lastcall_status maintenance_handle(struct maintenance_run *maintenance,
                                        struct batch *batch,
                                        const struct inbox_message *message,
                                        struct json_error *detail)
{
    const struct admission_rules rules = maintenance_rules(maintenance);
    const struct plan_source source = {message->data, message->len,
                                       message->address, message->plan};
    struct plan_entry *entry = NULL;
    struct plan_older older = {0};
    struct plan_admission admission;
    enum lastcall_status status = LASTCALL_OK;

    if (message->len == 0)
        return LASTCALL_OK; /* the retained plan was taken off the broker */
    /* What comes may be a newer version of what could not be read. */
    if (maintenance->unread_count > 0)
        status = maintenance_reread(maintenance);
    if (status != LASTCALL_OK)
        return status;
    entry = maintenance_find(maintenance, message->plan.text);
    if (entry != NULL)
        older =
            (struct plan_older){&entry->plan, &entry->address, entry->issuer};
    status = plan_admission_open(&source, &rules, &admission);
    *detail = admission.detail;
    if (!admission.is_proved)
        goto out;
    if (is_known(maintenance, entry, &message->plan, &admission)) {
        status = LASTCALL_OK;
        goto out;
    }
    if (status == LASTCALL_OK)
        status = plan_admission_authorise(&admission, &rules,
                                          entry != NULL ? &older : NULL,
                                          maintenance_wall_ms(maintenance));
    if (status == LASTCALL_OK)
        status = take(maintenance, batch, entry, &admission, &source);
    if (status == LASTCALL_OK || !status_is_wire(status))
        goto out;
    refuse_once(maintenance, batch, &source, &admission, status);
    status = LASTCALL_OK;

out:
    plan_admission_deinit(&admission);
    return status;
}

/* ---- telling ---- */

static void tell(const struct plan_entry *entry, int64_t wall_ms,
                 struct status_plan *out)
{
    const struct plan_state *state = &entry->state;

    *out = (struct status_plan){
        .id = entry->plan.id,
        .action = entry->plan.action,
        .starts_ms = entry->plan.starts_ms,
        .ends_ms = entry->plan.ends_ms,
        .phase = entry->is_refused
                     ? PLAN_REFUSED
                     : plan_phase_of(&entry->plan, state, wall_ms),
        .warned = state->warned,
        .ended = state->ended,
        .failed = state->failed,
        .last_code = state->last_code,
    };
    memcpy(out->issuer, entry->issuer, sizeof(out->issuer));
}

/* What is under way comes first, what is over last. */
static int urgency(enum plan_phase phase)
{
    switch (phase) {
    case PLAN_RUNNING:
    case PLAN_ENFORCING:
        return 0;
    case PLAN_WARNING:
        return 1;
    case PLAN_SCHEDULED:
        return 2;
    case PLAN_DONE:
    case PLAN_MISSED:
    case PLAN_CANCELLED:
    case PLAN_REFUSED:
    case PLAN_PHASE_COUNT:
        break;
    }
    return 3;
}

/* The soonest first, of those that are over the latest; a status that cannot
 * hold all of them leaves out the last. */
static int compare_told(const void *left, const void *right)
{
    const struct status_plan *a = left;
    const struct status_plan *b = right;
    const int rank = urgency(a->phase);
    int order = (a->starts_ms > b->starts_ms) - (a->starts_ms < b->starts_ms);

    if (rank != urgency(b->phase))
        return rank - urgency(b->phase);
    if (order == 0)
        return strcmp(a->id.text, b->id.text);
    return rank == urgency(PLAN_DONE) ? -order : order;
}

size_t maintenance_list(const struct maintenance_run *maintenance,
                        struct status_plan out[STATUS_PLAN_COUNT_MAX])
{
    const int64_t wall_ms = maintenance_wall_ms(maintenance);
    size_t count = 0;

    for (size_t i = 0; i < maintenance->count; i++)
        tell(&maintenance->entries[i], wall_ms, &out[count++]);
    for (size_t i = 0; i < maintenance->refused_count; i++) {
        const struct status_plan *told = &maintenance->refused[i].told;
        bool is_listed = told->id.text[0] == '\0';

        for (size_t k = 0; k < maintenance->count && !is_listed; k++)
            is_listed = strcmp(told->id.text,
                               maintenance->entries[k].plan.id.text) == 0;
        if (!is_listed && count < STATUS_PLAN_COUNT_MAX)
            out[count++] = *told;
    }
    qsort(out, count, sizeof(*out), compare_told);
    return count;
}
