#include "worker/pipeline_private.h"

#include <stdlib.h>

#include "worker/admission.h"

/* ---- messages ---- */

/* Make a run that only carries an answer. */
static struct run *answer_new(const struct admission *admission)
{
    struct order none = {0};
    struct run *run = run_new(&none);

    if (run == NULL)
        return NULL;
    run->entry = admission->entry;
    run->controller = admission->controller;
    run->result.has_action = admission->has_action;
    run->result.action = admission->entry.action;
    run->result.dry_run = admission->dry_run;
    return run;
}

static void refuse(struct pipeline *pipeline, const struct admission *admission,
                   enum lastcall_status code, const char *detail)
{
    struct run *run = answer_new(admission);

    if (run == NULL)
        return; /* out of memory: the sender asks again */
    run_set_result(run, code, detail);
    batch_refuse(&pipeline->batch, run);
}

static void drop(struct pipeline *pipeline, enum lastcall_status reason,
                 const struct json_error *detail)
{
    counters_drop(pipeline->options.counters, reason);
    log_write(pipeline->options.log, LOG_LEVEL_WARN, LOG_LIMITED,
              "COMMAND-DROP", "a message was dropped: %s%s%s",
              status_text(reason), detail->text[0] != '\0' ? ": " : "",
              detail->text);
}

/* Why a command may not start now, or NULL. */
static const char *busy_reason(const struct pipeline *pipeline)
{
    if (pipeline->stop == INBOX_STOP)
        return "the worker is stopping; nothing was run";
    if (pipeline->batch.run_count >= PIPELINE_PENDING_MAX)
        return "too many commands are under way; nothing was run";
    return NULL;
}

static void start(struct pipeline *pipeline, struct admission *admission)
{
    const char *reason = busy_reason(pipeline);
    struct run *run = NULL;

    if (reason != NULL) {
        refuse(pipeline, admission, LASTCALL_BUSY, reason);
        return;
    }
    run = run_new(&admission->order);
    if (run == NULL)
        return; /* out of memory: the sender asks again */
    run->entry = admission->entry;
    run->controller = admission->controller;
    (void)batch_begin(&pipeline->batch, run);
}

static void handle_command(struct pipeline *pipeline,
                           const struct inbox_message *message)
{
    const struct admission_rules rules = {
        .settings = pipeline->options.settings,
        .policy = pipeline->options.policy,
        .identity = pipeline->options.identity,
        .trust = pipeline->options.trust,
        .now_s = pipeline_wall_s(pipeline),
    };
    struct admission admission;
    enum lastcall_status status = admission_open(message, &rules, &admission);

    if (status == LASTCALL_OK)
        start(pipeline, &admission);
    else if (admission.is_proved && status_is_wire(status))
        refuse(pipeline, &admission, status, admission.detail.text);
    else
        drop(pipeline, status, &admission.detail);
    admission_deinit(&admission);
}

static void handle_revocation(struct pipeline *pipeline,
                              const struct inbox_message *message)
{
    const struct pipeline_options *options = &pipeline->options;
    enum lastcall_status status =
        trust_adopt_revocation(options->trust, message->data, message->len);
    struct platform_error error = {{0}};

    if (status == LASTCALL_ALREADY_GONE)
        return; /* we hold it, or a newer one */
    if (status != LASTCALL_OK) {
        drop(pipeline, status, &(struct json_error){""});
        return;
    }
    log_write(options->log, LOG_LEVEL_INFO, LOG_EVERY, "REVOKED-NEW",
              "adopted revocation list seq=%lld entries=%zu",
              (long long)options->trust->revoked.seq,
              options->trust->revoked.count);
    status = identity_keep_revoked(options->settings, message->data,
                                   message->len, &error);
    if (status != LASTCALL_OK)
        log_write(options->log, LOG_LEVEL_ERROR, LOG_EVERY, "REVOKED-KEEP",
                  "the revocation list could not be kept: %s", error.text);
}

static void handle_maintenance(struct pipeline *pipeline,
                               const struct inbox_message *message)
{
    struct json_error detail = {""};
    enum lastcall_status status = maintenance_handle(
        pipeline->maintenance, &pipeline->batch, message, &detail);

    if (status != LASTCALL_OK)
        drop(pipeline, status, &detail);
}

void pipeline_handle_messages(struct pipeline *pipeline)
{
    for (unsigned i = 0; i < PIPELINE_BATCH_MAX; i++) {
        struct inbox_message *message = pipeline->messages;

        if (message == NULL)
            return;
        pipeline->messages = message->next;
        if (message->kind == TOPIC_REVOKED)
            handle_revocation(pipeline, message);
        else if (message->kind == TOPIC_MAINTENANCE)
            handle_maintenance(pipeline, message);
        else
            handle_command(pipeline, message);
        free(message);
    }
}

/* ---- jobs ---- */

static void note_endings(struct pipeline *pipeline, const struct job *job,
                         const struct run *run)
{
    const bool removes = run_removes(run, job, pipeline->options.settings);
    const struct inventory_cause cause = run_cause(run);

    if (run->order.request.action == ACTION_MESSAGE)
        return;
    for (size_t i = 0; i < job->target_count; i++) {
        const struct job_target *target = &job->targets[i];
        const char *id = session_text(&target->session, SESSION_ID);

        if (!target->is_wanted || target->outcome.code != LASTCALL_OK)
            continue;
        counters_add(pipeline->options.counters, COUNTER_ENDED);
        if (id != NULL && removes)
            herald_note_ending(&pipeline->herald, job->server, id, &cause);
    }
}

static void conclude(struct pipeline *pipeline, struct run *run)
{
    if (run_conclude(run, pipeline->options.settings) != LASTCALL_OK)
        run_set_result(run, LASTCALL_INTERRUPTED,
                       "out of memory while the result was put together");
    pipeline->has_prunable = true;
    maintenance_conclude(pipeline->maintenance, run);
    batch_finish(&pipeline->batch, run);
}

void pipeline_handle_job(struct pipeline *pipeline, struct job *job)
{
    const struct run_rules rules = {
        .settings = pipeline->options.settings,
        .policy = pipeline->options.policy,
        .now_s = pipeline_wall_s(pipeline),
        .skew_s = pipeline->options.settings->worker.clock_skew_s,
    };
    const enum job_kind kind = job->kind;
    struct run *run = job->owner;

    if (kind == JOB_ACT)
        note_endings(pipeline, job, run);
    if (--run->open_count > 0)
        return;
    if (kind == JOB_SELECT && run_decide(run, &rules) == RUN_ACT)
        batch_arm(&pipeline->batch, run);
    else
        conclude(pipeline, run);
}

void pipeline_handle_recoveries(struct pipeline *pipeline)
{
    struct recovery **link = &pipeline->recoveries;
    const int64_t now = pipeline_now_ms(pipeline);

    while (*link != NULL) {
        struct recovery *recovery = *link;
        struct run *run = NULL;

        if (!recovery_is_over(recovery, now)) {
            link = &recovery->next;
            continue;
        }
        *link = recovery->next;
        run = recovery_take_run(recovery);
        run->is_on_record = true;
        run->is_recovered = true;
        pipeline->batch.run_count++;
        pipeline->has_prunable = true;
        log_write(pipeline->options.log, LOG_LEVEL_WARN, LOG_LIMITED,
                  "INTERRUPTED", "settled a command after a restart: %s id=%s",
                  status_name(run->result.code), run->entry.request_id.text);
        maintenance_conclude(pipeline->maintenance, run);
        batch_finish(&pipeline->batch, run);
    }
}
