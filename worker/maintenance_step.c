#include "worker/maintenance_private.h"

#include <string.h>

#include "worker/pipeline.h"

/* ---- when ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The step whose time has come by the wall clock. */
static bool find_step(const struct maintenance_run *maintenance,
                      const struct plan_entry *entry, struct plan_step *step)
{
    const struct plan_moment moment = {
        .now_ms = maintenance_wall_ms(maintenance),
        .is_warning = entry->is_warning,
        .is_acting = entry->is_acting,
        .may_start = entry->owed == 0 || (entry->owed & entry->back) != 0,
        .has_new = entry->fresh != 0,
        .is_warn_held =
            entry->state.warn_servers != 0 &&
            ((entry->state.warn_servers & entry->warn_back) == 0 ||
             maintenance_now_ms(maintenance) < entry->warn_retry_ms),
    };

    return !entry->is_refused &&
           plan_next(&entry->plan, &entry->state, &moment, step);
}

/* And from when on it may be begun. */
static int64_t begin_ms(const struct maintenance_run *maintenance,
                        const struct plan_entry *entry)
{
    return later(entry->retry_ms, maintenance->hold_until_ms);
}

static bool may_begin(const struct maintenance_run *maintenance,
                      const struct plan_entry *entry, struct plan_step *step)
{
    return !entry->needs_put &&
           maintenance_now_ms(maintenance) >= begin_ms(maintenance, entry) &&
           find_step(maintenance, entry, step);
}

/* Wall clock: when a plan that is over is no longer told of. */
static int64_t retire_ms(const struct plan_entry *entry)
{
    if (entry->plan.ends_ms != 0)
        return entry->plan.ends_ms + MAINTENANCE_TELL_MS;
    return entry->iat_s * 1000 + MAINTENANCE_TELL_MS;
}

static bool is_retired(const struct maintenance_run *maintenance,
                       const struct plan_entry *entry)
{
    const int64_t wall_ms = maintenance_wall_ms(maintenance);

    return wall_ms >= retire_ms(entry) && maintenance_is_over(entry, wall_ms) &&
           maintenance_now_ms(maintenance) >= entry->retry_ms;
}

bool maintenance_is_due(const struct maintenance_run *maintenance)
{
    const int64_t now_ms = maintenance_now_ms(maintenance);
    struct plan_step step;

    if (maintenance->unread_count > 0 && now_ms >= maintenance->reread_ms)
        return true;
    for (size_t i = 0; i < maintenance->count; i++) {
        const struct plan_entry *entry = &maintenance->entries[i];

        if ((entry->needs_put || entry->needs_update) &&
            now_ms >= entry->retry_ms)
            return true;
        if (may_begin(maintenance, entry, &step) ||
            is_retired(maintenance, entry))
            return true;
    }
    return false;
}

/* When to look at a plan again. */
static int64_t look_ms(const struct maintenance_run *maintenance,
                       const struct plan_entry *entry)
{
    const int64_t now_ms = maintenance_now_ms(maintenance);
    const int64_t wall_ms = maintenance_wall_ms(maintenance);
    const int64_t wake_ms = plan_wake_ms(&entry->plan, &entry->state, wall_ms);
    struct plan_step step;

    if (find_step(maintenance, entry, &step))
        return begin_ms(maintenance, entry);
    if (entry->retry_ms > now_ms)
        return entry->retry_ms;
    /* The wall clock may step while we sleep by the other one. */
    if (wake_ms == PLAN_NEVER || wake_ms - wall_ms > MAINTENANCE_CLOCK_MS)
        return now_ms + MAINTENANCE_CLOCK_MS;
    return now_ms + wake_ms - wall_ms;
}

int64_t maintenance_next_ms(const struct maintenance_run *maintenance)
{
    int64_t next = PLAN_NEVER;

    if (maintenance_is_due(maintenance))
        return maintenance_now_ms(maintenance);
    if (maintenance->unread_count > 0)
        next = maintenance->reread_ms;
    for (size_t i = 0; i < maintenance->count; i++) {
        const int64_t due = look_ms(maintenance, &maintenance->entries[i]);

        next = due < next ? due : next;
    }
    return next;
}

/* ---- beginning ---- */

static void back_off(const struct maintenance_run *maintenance,
                     struct plan_entry *entry)
{
    entry->retry_ms = maintenance_now_ms(maintenance) + entry->backoff_ms;
    entry->backoff_ms *= 2;
    if (entry->backoff_ms > MAINTENANCE_AGAIN_MAX_MS)
        entry->backoff_ms = MAINTENANCE_AGAIN_MAX_MS;
}

static void answer_step(struct maintenance_run *maintenance,
                        struct batch *batch, const struct plan_entry *entry,
                        const struct plan_step *step, enum lastcall_status code,
                        const char *detail)
{
    const struct plan_answer answer = {
        .id = &entry->plan.id,
        .iat_s = entry->iat_s,
        .issuer = entry->issuer,
        .controller = &entry->controller,
        .hash = entry->hash,
        .address = &entry->address,
        .action = step->kind == PLAN_WARN ? ACTION_MESSAGE : entry->plan.action,
        .step = step->name,
    };

    maintenance_refuse(maintenance, batch, &answer, code, detail);
}

/* The step is not allowed any more: nothing of the plan is. */
static void refuse_step(struct maintenance_run *maintenance,
                        struct batch *batch, struct plan_entry *entry,
                        const struct plan_step *step,
                        enum lastcall_status status, const char *detail)
{
    const enum lastcall_status code =
        status_is_wire(status) ? status : LASTCALL_FORBIDDEN;

    entry->is_refused = true;
    entry->state.last_code = code;
    answer_step(maintenance, batch, entry, step, code,
                detail[0] != '\0' ? detail : status_text(status));
}

/* There is no room to record the step: it is begun when there is. */
static void put_off_step(struct maintenance_run *maintenance,
                         struct batch *batch, struct plan_entry *entry,
                         const struct plan_step *step)
{
    answer_step(maintenance, batch, entry, step, LASTCALL_BUSY,
                "the worker's journal holds all that it may; nothing was run");
    back_off(maintenance, entry);
}

/* Which of the order's servers the step is for: all, unless some are known to
 * have nothing for it.  False when it is for none of them. */
static bool narrow(const struct plan_entry *entry, const struct plan_step *step,
                   struct order *order)
{
    const struct plan_state *state = &entry->state;
    uint64_t wanted = order->servers;

    /* Where it was given once nobody is to see it again. */
    if (step->kind == PLAN_WARN && step->warn_s == state->warned_s &&
        state->warn_servers != 0) {
        order->servers &= state->warn_servers;
        return order->servers != 0;
    }
    if (step->kind == PLAN_START && entry->owed != 0)
        wanted &= entry->owed & entry->back;
    if (step->kind == PLAN_ENFORCE)
        wanted &= entry->fresh;
    if (wanted != 0)
        order->servers = wanted;
    return true;
}

/* Ask again whether the step is allowed, and make its order. */
static enum lastcall_status authorise(struct maintenance_run *maintenance,
                                      const struct plan_entry *entry,
                                      const struct plan_step *step,
                                      struct order *order,
                                      struct json_error *detail)
{
    const struct admission_rules rules = maintenance_rules(maintenance);
    const struct plan_source source = {entry->token, entry->token_len,
                                       entry->address, entry->plan.id};
    struct plan_admission admission;
    enum lastcall_status status =
        plan_admission_open(&source, &rules, &admission);

    *detail = admission.detail;
    if (status == LASTCALL_OK)
        status = plan_admission_order(&admission, &rules, step,
                                      maintenance_wall_ms(maintenance), order,
                                      detail);
    plan_admission_deinit(&admission);
    return status;
}

static struct run *make_run(const struct maintenance_run *maintenance,
                            const struct plan_entry *entry,
                            const struct plan_step *step, struct order *order)
{
    const int64_t wall_ms = maintenance_wall_ms(maintenance);
    const int64_t forgotten_s = maintenance->options.journal->forgotten_s;
    struct run *run = NULL;

    if (maintenance_step_id(&entry->plan.id, entry->iat_s, step->name,
                            &order->id) != LASTCALL_OK)
        return NULL;
    run = run_new(order);
    if (run == NULL)
        return NULL;
    run->controller = entry->controller;
    run->entry.request_id = run->order.id;
    run->entry.audience = entry->address;
    run->entry.action = run->order.request.action;
    run->entry.received_ms = wall_ms;
    run->entry.is_step = true;
    /* What keeps a step from being done twice is the plan's own record; the
     * journal's is there for recovery and delivery. */
    run->entry.exp_s = later(wall_ms / 1000 + 3600, forgotten_s + 1);
    memcpy(run->entry.issuer, entry->issuer, sizeof(run->entry.issuer));
    memcpy(run->entry.hash, entry->hash, sizeof(run->entry.hash));
    run->plan_iat_s = entry->iat_s;
    run->plan_step = step->kind;
    run->result.plan = entry->plan.id;
    memcpy(run->result.step, step->name, sizeof(run->result.step));
    return run;
}

static void note_begin(struct plan_entry *entry, const struct plan_step *step,
                       const struct run *run)
{
    entry->undo = entry->state;
    entry->has_undo = true;
    plan_begin(&entry->state, step);
    if (step->kind == PLAN_WARN) {
        entry->is_warning = true;
        entry->warn_back = 0;
        return;
    }
    entry->is_acting = true;
    entry->asked = run->order.servers;
    entry->back &= ~entry->asked;
    entry->fresh &= ~entry->asked;
}

static void begin(struct maintenance_run *maintenance, struct batch *batch,
                  struct plan_entry *entry, const struct plan_step *step)
{
    struct order order = {0};
    struct json_error detail = {""};
    struct run *run = NULL;
    enum lastcall_status status =
        authorise(maintenance, entry, step, &order, &detail);

    if (status == LASTCALL_OK && !narrow(entry, step, &order)) {
        order_deinit(&order);
        status = LASTCALL_UNSUPPORTED;
    }
    if (status == LASTCALL_UNSUPPORTED && step->kind == PLAN_WARN) {
        /* No server of this host can show it. */
        plan_begin(&entry->state, step);
        entry->needs_update = true; /* with the next batch */
        entry->is_written = false;
        return;
    }
    if (status == LASTCALL_E_NOMEM || status == LASTCALL_NOT_YET_VALID) {
        back_off(maintenance, entry); /* a clock that is put right */
        return;
    }
    if (status != LASTCALL_OK) {
        refuse_step(maintenance, batch, entry, step, status, detail.text);
        return;
    }
    if (journal_is_full(maintenance->options.journal)) {
        order_deinit(&order);
        put_off_step(maintenance, batch, entry, step);
        return;
    }
    run = make_run(maintenance, entry, step, &order);
    order_deinit(&order);
    if (run == NULL) {
        back_off(maintenance, entry);
        return;
    }
    note_begin(entry, step, run);
    status = maintenance_write(maintenance, entry);
    if (status != LASTCALL_OK)
        batch_fail(batch, status);
    if (batch_begin(batch, run) || batch->has_failed)
        return;
    /* The journal has it already. */
    entry->is_warning = step->kind != PLAN_WARN && entry->is_warning;
    entry->is_acting = step->kind == PLAN_WARN && entry->is_acting;
    back_off(maintenance, entry);
}

/* Write what changed; false when the batch keeps nothing. */
static bool write_changes(struct maintenance_run *maintenance,
                          struct batch *batch, struct plan_entry *entry)
{
    enum lastcall_status status = LASTCALL_OK;

    if (!batch->is_open || batch->has_failed)
        return false;
    if (entry->needs_put || entry->needs_update)
        status = maintenance_write(maintenance, entry);
    if (status != LASTCALL_OK) {
        batch_fail(batch, status);
        return false;
    }
    entry->is_written = true;
    return true;
}

void maintenance_record(struct maintenance_run *maintenance,
                        struct batch *batch)
{
    for (size_t i = 0; i < maintenance->count; i++) {
        if (!write_changes(maintenance, batch, &maintenance->entries[i]))
            return;
    }
}

/* Stop telling of a plan that has long been over; true when it is gone. */
static bool retire(struct maintenance_run *maintenance,
                   struct plan_entry *entry)
{
    if (!is_retired(maintenance, entry))
        return false;
    if (maintenance_store_retire(&maintenance->store, &entry->plan.id) !=
        LASTCALL_OK) {
        back_off(maintenance, entry);
        return false;
    }
    maintenance_drop_entry(maintenance, entry);
    return true;
}

void maintenance_step(struct maintenance_run *maintenance, struct batch *batch)
{
    struct plan_step step;

    if (maintenance->unread_count > 0 &&
        maintenance_now_ms(maintenance) >= maintenance->reread_ms &&
        maintenance_reread(maintenance) != LASTCALL_OK)
        maintenance->unread_count = 1; /* once more, later */
    /* From the end: what is dropped gives its place to the last. */
    for (size_t i = maintenance->count; i > 0; i--) {
        struct plan_entry *entry = &maintenance->entries[i - 1];

        if (!batch->is_open || batch->has_failed)
            return;
        if (!retire(maintenance, entry) &&
            batch->run_count < PIPELINE_PENDING_MAX &&
            may_begin(maintenance, entry, &step))
            begin(maintenance, batch, entry, &step);
    }
}

/* The step that was not recorded was not begun. */
static void undo_flags(struct plan_entry *entry)
{
    if (entry->state.start_count != entry->undo.start_count ||
        entry->state.enforce_count != entry->undo.enforce_count)
        entry->is_acting = false;
    else
        entry->is_warning = false;
}

void maintenance_settle(struct maintenance_run *maintenance,
                        const struct batch *batch)
{
    for (size_t i = 0; i < maintenance->count; i++) {
        struct plan_entry *entry = &maintenance->entries[i];

        if (batch->is_kept) {
            entry->needs_put = entry->needs_put && !entry->is_written;
            entry->needs_update = entry->needs_update && !entry->is_written;
            entry->is_written = false;
            entry->has_undo = false;
            continue;
        }
        entry->is_written = false;
        if (entry->has_undo) {
            undo_flags(entry);
            entry->state = entry->undo;
            entry->has_undo = false;
            entry->needs_update = true;
        }
        if (entry->needs_put || entry->needs_update)
            back_off(maintenance, entry);
    }
}

/* ---- concluding ---- */

/* Who could not be asked has seen nothing, and is asked less and less. */
static void conclude_warning(const struct maintenance_run *maintenance,
                             struct plan_entry *entry,
                             const struct result *result)
{
    const uint64_t unreached =
        maintenance_unreached(maintenance->options.settings, result);
    int64_t wait_ms = MAINTENANCE_AGAIN_FIRST_MS;

    entry->is_warning = false;
    plan_conclude(&entry->state, PLAN_WARN, result, false);
    if (result->code == LASTCALL_INTERRUPTED || unreached == 0)
        return;
    plan_owe_warning(&entry->state, unreached);
    for (int64_t i = 1;
         i < entry->state.warn_count && wait_ms < MAINTENANCE_AGAIN_MAX_MS; i++)
        wait_ms *= 2;
    entry->warn_retry_ms = maintenance_now_ms(maintenance) + wait_ms;
}

void maintenance_conclude(struct maintenance_run *maintenance,
                          const struct run *run)
{
    const struct result *result = &run->result;
    struct plan_entry *entry = maintenance_find(maintenance, result->plan.text);

    if (result->plan.text[0] == '\0' || entry == NULL ||
        entry->iat_s != run->plan_iat_s)
        return; /* a command, or of a version that was replaced */
    entry->needs_update = true;
    if (run->plan_step == PLAN_WARN) {
        conclude_warning(maintenance, entry, result);
        return;
    }
    entry->is_acting = false;
    /* A list of meanwhile may show whom we just ended; the next one tells. */
    entry->fresh &= ~entry->asked;
    entry->acted_ms = maintenance_now_ms(maintenance);
    entry->acted_wall_ms = maintenance_wall_ms(maintenance);
    maintenance_remember_ended(maintenance, entry, result);
    if (run->plan_step == PLAN_START && !run->is_recovered)
        entry->owed = (entry->owed & ~entry->asked) |
                      maintenance_failed(maintenance->options.settings, result);
    /* After a crash it is done again for whoever is still there. */
    plan_conclude(&entry->state, run->plan_step, result,
                  !run->is_recovered && entry->owed == 0);
    if (result_is_success(result) && result->failed == 0)
        entry->backoff_ms = MAINTENANCE_AGAIN_FIRST_MS;
    if (!run->is_recovered)
        back_off(maintenance, entry);
}

/* The step that was begun last, of a kind. */
static bool last_step(const struct plan_entry *entry, enum plan_step_kind kind,
                      struct plan_step *out)
{
    const struct plan_state *state = &entry->state;
    int64_t count = 0;

    *out = (struct plan_step){.kind = kind, .warn_s = state->warned_s};
    switch (kind) {
    case PLAN_WARN:
        count = state->warn_count;
        break;
    case PLAN_START:
        count = state->start_count;
        break;
    case PLAN_ENFORCE:
        count = state->enforce_count;
        break;
    }
    plan_step_name(out, count);
    return count > 0;
}

static bool is_step(const struct plan_entry *entry,
                    const struct plan_step *step, const struct run *run)
{
    struct request_id id;

    return strcmp(entry->issuer, run->entry.issuer) == 0 &&
           strcmp(entry->hash, run->entry.hash) == 0 &&
           maintenance_step_id(&entry->plan.id, entry->iat_s, step->name,
                               &id) == LASTCALL_OK &&
           strcmp(id.text, run->entry.request_id.text) == 0;
}

void maintenance_adopt(struct maintenance_run *maintenance, struct run *run)
{
    static const enum plan_step_kind kinds[] = {PLAN_WARN, PLAN_START,
                                                PLAN_ENFORCE};

    for (size_t i = 0; i < maintenance->count; i++) {
        struct plan_entry *entry = &maintenance->entries[i];

        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct plan_step step;

            if (!last_step(entry, kinds[k], &step) ||
                !is_step(entry, &step, run))
                continue;
            run->plan_iat_s = entry->iat_s;
            run->plan_step = step.kind;
            run->result.plan = entry->plan.id;
            memcpy(run->result.step, step.name, sizeof(run->result.step));
            if (step.kind == PLAN_WARN)
                entry->is_warning = true;
            else
                entry->is_acting = true;
            return;
        }
    }
}
