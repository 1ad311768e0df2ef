#include "worker/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json_strict.h"

#define MS_PER_S 1000
#define JOURNAL_BUSY_TEXT                                                      \
    "the worker's journal cannot be written (is the disk full?); nothing was " \
    "run"
#define JOURNAL_FULL_TEXT                                                      \
    "the worker's journal holds all that it may, in all or of this "           \
    "controller; nothing was run"

static int64_t wall_ms(const struct batch *batch)
{
    return batch->options.clock->wall_ms(batch->options.clock->state);
}

static void list_push(struct run_list *list, struct run *run)
{
    run->next = NULL;
    if (list->last != NULL)
        list->last->next = run;
    else
        list->first = run;
    list->last = run;
}

static struct run *list_pop(struct run_list *list)
{
    struct run *run = list->first;

    if (run == NULL)
        return NULL;
    list->first = run->next;
    if (list->first == NULL)
        list->last = NULL;
    run->next = NULL;
    return run;
}

static void list_free(struct run_list *list)
{
    struct run *run = NULL;

    while ((run = list_pop(list)) != NULL)
        run_free(run);
}

void batch_init(struct batch *batch, const struct batch_options *options)
{
    *batch = (struct batch){.options = *options};
}

void batch_deinit(struct batch *batch)
{
    list_free(&batch->begun);
    list_free(&batch->armed);
    list_free(&batch->finished);
    list_free(&batch->refused);
    list_free(&batch->unrecorded);
    *batch = (struct batch){0};
}

void batch_fail(struct batch *batch, enum lastcall_status status)
{
    batch->has_failed = true;
    log_write(batch->options.log, LOG_LEVEL_ERROR, LOG_LIMITED, "JOURNAL-FAIL",
              "the journal cannot be written: %s; commands are refused until "
              "it can",
              status == LASTCALL_E_MISSING
                  ? "it was moved or removed, so start the worker again"
                  : status_text(status));
}

/* ---- signing ---- */

static enum lastcall_status sign(struct batch *batch, struct run *run)
{
    struct result_claims claims = {
        .host = batch->options.identity->host,
        .controller = run->controller,
        .request_id = run->entry.request_id,
        .iat_s = wall_ms(batch) / MS_PER_S,
    };
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    struct request_id jti;

    bytes_deinit(&run->token);
    memcpy(claims.request_hash, run->entry.hash, sizeof(claims.request_hash));
    status = platform_random_id(&jti);
    if (status == LASTCALL_OK)
        status = identity_sign(batch->options.identity, TOKEN_RESULT,
                               result_encode(&claims, jti.text, &run->result),
                               &run->token);
    if (status != LASTCALL_OK)
        log_write(batch->options.log, LOG_LEVEL_ERROR, LOG_LIMITED, "SIGN-FAIL",
                  "a result could not be signed: %s", status_text(status));
    return status;
}

/* Sign a stored result anew, with the mark of a replay. */
static enum lastcall_status sign_replay(struct batch *batch, struct run *run,
                                        const struct bytes *stored)
{
    enum lastcall_status status = LASTCALL_E_SHAPE;
    struct token token = {0};
    json_t *claims = NULL;
    json_t *result = NULL;

    status = token_decode(stored->data, stored->len, &token);
    if (status != LASTCALL_OK)
        goto out;
    status =
        json_parse_object(token.payload.data, token.payload.len, &claims, NULL);
    if (status != LASTCALL_OK)
        goto out;
    status = json_get_object(claims, "result", JSON_REQUIRED, &result, NULL);
    if (status != LASTCALL_OK)
        goto out;
    status = json_put(result, "replayed", json_true());
    if (status == LASTCALL_OK)
        status = identity_sign(batch->options.identity, TOKEN_RESULT,
                               json_incref(claims), &run->token);

out:
    json_decref(claims);
    token_deinit(&token);
    return status;
}

static void complete_result(struct batch *batch, struct run *run)
{
    struct result *result = &run->result;

    result->received_ms = run->entry.received_ms;
    result->finished_ms = wall_ms(batch);
    memcpy(result->boot_id, batch->options.identity->boot_id,
           sizeof(result->boot_id));
}

/* ---- recording ---- */

static enum lastcall_status note(struct batch *batch, const struct run *run,
                                 const char *phase)
{
    const bool is_begun = strcmp(phase, "begun") == 0;
    char audience[ADDRESS_TEXT_SIZE];
    const struct history_line line = {
        .at_ms = wall_ms(batch),
        .issuer = run->entry.issuer,
        .request_id = run->entry.request_id.text,
        .action = run->result.has_action ? action_name(run->result.action) : "",
        .audience = audience,
        .phase = phase,
        .code = is_begun ? "" : status_name(run->result.code),
        .detail = is_begun ? "" : run->result.detail,
        .request_hash = run->entry.hash,
    };

    address_format(&run->entry.audience, audience);
    return journal_note(batch->options.journal, &line);
}

static enum lastcall_status record(struct batch *batch, const struct run *run)
{
    enum lastcall_status status = journal_finish(
        batch->options.journal, &run->entry, wall_ms(batch), &run->token);

    if (status == LASTCALL_E_MISSING) {
        /* Trying again would not bring the row back, but hold up all else. */
        log_write(batch->options.log, LOG_LEVEL_ERROR, LOG_LIMITED,
                  "JOURNAL-GONE", "the journal has lost a command: id=%s",
                  run->entry.request_id.text);
        status = LASTCALL_OK;
    }
    if (status == LASTCALL_OK)
        status = note(batch, run, "finished");
    return status;
}

void batch_open(struct batch *batch, enum store_durability durability)
{
    enum lastcall_status status =
        journal_open_batch(batch->options.journal, durability);

    batch->is_open = status == LASTCALL_OK;
    batch->has_failed = false;
    for (const struct run *run = batch->unrecorded.first;
         run != NULL && status == LASTCALL_OK; run = run->next)
        status = record(batch, run);
    if (status == LASTCALL_OK)
        status = delivery_write(batch->options.delivery);
    if (status != LASTCALL_OK)
        batch_fail(batch, status);
}

void batch_refuse(struct batch *batch, struct run *run)
{
    enum lastcall_status status = LASTCALL_OK;

    counters_refuse(batch->options.counters, run->result.code);
    log_write(batch->options.log, LOG_LEVEL_INFO, LOG_LIMITED, "REFUSED",
              "refused a command: %s issuer=%s id=%s detail=%s",
              status_name(run->result.code), run->entry.issuer,
              run->entry.request_id.text, run->result.detail);
    complete_result(batch, run);
    run->entry.id = 0; /* nothing to acknowledge */
    if (sign(batch, run) != LASTCALL_OK) {
        run_free(run);
        return;
    }
    if (!batch->has_failed)
        status = note(batch, run, "refused");
    if (status != LASTCALL_OK)
        batch_fail(batch, status);
    list_push(&batch->refused, run);
}

static void refuse_as(struct batch *batch, struct run *run,
                      enum lastcall_status code, const char *detail)
{
    run_set_result(run, code, detail);
    batch_refuse(batch, run);
}

static void replay(struct batch *batch, struct run *run,
                   const struct bytes *stored)
{
    enum lastcall_status status = sign_replay(batch, run, stored);

    counters_add(batch->options.counters, COUNTER_REPLAYED);
    if (status != LASTCALL_OK) {
        log_write(batch->options.log, LOG_LEVEL_ERROR, LOG_LIMITED,
                  "REPLAY-FAIL", "a stored result is unreadable: %s",
                  status_text(status));
        run_free(run);
        return;
    }
    list_push(&batch->refused, run);
}

static void accept_new(struct batch *batch, struct run *run)
{
    enum lastcall_status status = note(batch, run, "begun");

    if (status != LASTCALL_OK)
        batch_fail(batch, status);
    counters_add(batch->options.counters, COUNTER_RUN);
    batch->run_count++;
    run->result.started_ms = wall_ms(batch);
    if (run->job_count > 0) {
        list_push(&batch->begun, run);
        return;
    }
    run_set_result(run, LASTCALL_OK, "");
    batch_finish(batch, run);
}

/*
 * Ask the journal.  One that cannot be written can still tell what it knows:
 * a command that has been run must not be answered that nothing was.
 * false: the run was refused.
 */
static bool begin_or_find(struct batch *batch, struct run *run,
                          enum journal_seen *seen, struct bytes *stored)
{
    struct journal *journal = batch->options.journal;
    const char *detail = JOURNAL_BUSY_TEXT;
    enum lastcall_status status = LASTCALL_OK;

    if (batch->has_failed) {
        status = journal_find(journal, &run->entry, seen, stored);
        if (status == LASTCALL_OK && *seen != JOURNAL_NEW)
            return true;
    } else {
        status = journal_begin(journal, &run->entry, seen, stored);
        if (status == LASTCALL_OK)
            return true;
        if (status == LASTCALL_BUSY)
            detail = JOURNAL_FULL_TEXT;
        else
            batch_fail(batch, status);
    }
    refuse_as(batch, run, LASTCALL_BUSY, detail);
    return false;
}

bool batch_begin(struct batch *batch, struct run *run)
{
    enum journal_seen seen = JOURNAL_OTHER;
    struct bytes stored = {0};

    if (!begin_or_find(batch, run, &seen, &stored)) {
        bytes_deinit(&stored);
        return false;
    }
    switch (seen) {
    case JOURNAL_NEW:
        accept_new(batch, run);
        break;
    case JOURNAL_RUNNING:
        run_free(run); /* its answer is on the way */
        break;
    case JOURNAL_FINISHED:
        replay(batch, run, &stored);
        break;
    case JOURNAL_FORGOTTEN:
        refuse_as(batch, run, LASTCALL_EXPIRED,
                  "the journal has forgotten commands as old as this one, so "
                  "it may have been run; was the host's clock set back?");
        break;
    case JOURNAL_OTHER:
        refuse_as(batch, run, LASTCALL_INVALID_REQUEST,
                  "another command with this jti was here before");
        break;
    }
    bytes_deinit(&stored);
    return seen == JOURNAL_NEW;
}

void batch_arm(struct batch *batch, struct run *run)
{
    enum lastcall_status status = LASTCALL_OK;
    struct bytes targets = {0};

    if (!batch->has_failed) {
        status = run_write_targets(run, batch->options.settings, &targets);
        if (status == LASTCALL_OK)
            status =
                journal_set_targets(batch->options.journal, &run->entry,
                                    (const char *)targets.data, targets.len);
        bytes_deinit(&targets);
    }
    if (status != LASTCALL_OK)
        batch_fail(batch, status);
    list_push(&batch->armed, run);
}

void batch_finish(struct batch *batch, struct run *run)
{
    enum lastcall_status status = LASTCALL_OK;

    complete_result(batch, run);
    if (sign(batch, run) != LASTCALL_OK) {
        /* Out of memory, most likely: after a restart it is settled as
         * interrupted. */
        batch->run_count--;
        run_free(run);
        return;
    }
    if (!batch->has_failed)
        status = record(batch, run);
    if (status != LASTCALL_OK)
        batch_fail(batch, status);
    list_push(&batch->finished, run);
}

/* ---- after the commit ---- */

static void submit(struct batch *batch, struct run *run, struct job *job)
{
    enum lastcall_status status =
        executor_submit(batch->options.executors[job->server], job);

    run->open_count++;
    if (status == LASTCALL_OK) {
        batch->busy_servers |= UINT64_C(1) << job->server;
        return;
    }
    if (status == LASTCALL_BUSY)
        run_job_refuse(job, LASTCALL_BUSY,
                       "too many orders wait for this server; nothing was run");
    else
        run_job_refuse(job, LASTCALL_INTERRUPTED,
                       "the worker is stopping; nothing was run");
    inbox_put_job(batch->options.inbox, job);
}

/* Every job is counted out before the first can come back. */
static void submit_all(struct batch *batch, struct run *run)
{
    const size_t job_count = run->job_count;
    const enum job_kind kind = run->jobs[0].kind;

    for (size_t i = 0; i < job_count; i++) {
        if (kind == JOB_SELECT || run_job_has_work(&run->jobs[i]))
            submit(batch, run, &run->jobs[i]);
    }
}

static void publish(struct batch *batch, const struct run *run)
{
    const int64_t splay_ms = run->order.request.splay_s * MS_PER_S;
    const int64_t delay_ms =
        splay_ms > 0 ? (int64_t)platform_random_below((uint32_t)splay_ms) : 0;

    delivery_hold(batch->options.delivery, &run->entry, &run->token, delay_ms);
}

static void refuse_unrecorded(struct batch *batch, struct run *run)
{
    run_set_result(run, LASTCALL_BUSY, JOURNAL_BUSY_TEXT);
    counters_refuse(batch->options.counters, LASTCALL_BUSY);
    complete_result(batch, run);
    if (sign(batch, run) == LASTCALL_OK)
        delivery_send(batch->options.delivery, &run->entry, &run->token);
}

static void hand_out_begun(struct batch *batch, bool is_kept)
{
    struct run *run = NULL;

    while ((run = list_pop(&batch->begun)) != NULL) {
        if (is_kept) {
            run->is_on_record = true;
            submit_all(batch, run);
            continue;
        }
        run->entry.id = 0;
        refuse_unrecorded(batch, run);
        batch->run_count--;
        run_free(run);
    }
}

/* Does the job come back long after the act?  It may be confirmed, or a
 * terminal server may take its time. */
static bool is_slow(const struct run *run, const struct job *job,
                    const struct settings *settings)
{
    return run->order.request.confirm_s > 0 ||
           settings->servers[job->server].backend == BACKEND_WTS;
}

/* The event of what ends comes before such a job. */
static void note_slow_targets(struct batch *batch, const struct run *run)
{
    const struct settings *settings = batch->options.settings;
    const struct inventory_cause cause = run_cause(run);

    for (size_t i = 0; i < run->job_count; i++) {
        const struct job *job = &run->jobs[i];

        if (!run_removes(run, job, settings) || !is_slow(run, job, settings))
            continue;
        for (size_t k = 0; k < job->target_count; k++) {
            const char *id = session_text(&job->targets[k].session, SESSION_ID);

            if (job->targets[k].is_wanted && id != NULL)
                herald_note_ending(batch->options.herald, job->server, id,
                                   &cause);
        }
    }
}

static void hand_out_armed(struct batch *batch, bool is_kept)
{
    struct run *run = NULL;

    while ((run = list_pop(&batch->armed)) != NULL) {
        if (is_kept) {
            note_slow_targets(batch, run);
            submit_all(batch, run);
            continue;
        }
        refuse_unrecorded(batch, run);
        list_push(&batch->unrecorded, run);
    }
}

static void hand_out_finished(struct batch *batch, bool is_kept)
{
    struct run *run = NULL;

    while ((run = list_pop(&batch->finished)) != NULL) {
        if (!is_kept && !run->is_on_record) {
            run->entry.id = 0; /* a ping that no record is left of */
            refuse_unrecorded(batch, run);
        } else {
            publish(batch, run);
        }
        if (!is_kept && run->is_on_record) {
            list_push(&batch->unrecorded, run);
            continue;
        }
        batch->run_count--;
        run_free(run);
    }
}

static void wake_executors(struct batch *batch)
{
    for (size_t i = 0; i < batch->options.settings->server_count; i++) {
        if ((batch->busy_servers & UINT64_C(1) << i) != 0)
            executor_wake(batch->options.executors[i]);
    }
    batch->busy_servers = 0;
}

void batch_close(struct batch *batch)
{
    struct run_list recorded = {0};
    bool is_kept = false;
    struct run *run = NULL;

    if (batch->is_open && !batch->has_failed) {
        enum lastcall_status status =
            journal_commit_batch(batch->options.journal);

        is_kept = status == LASTCALL_OK;
        if (!is_kept)
            batch_fail(batch, status);
    } else if (batch->is_open) {
        journal_undo_batch(batch->options.journal);
    }
    batch->is_open = false;
    batch->is_kept = is_kept;
    if (is_kept) {
        delivery_written(batch->options.delivery);
        recorded = batch->unrecorded;
        batch->unrecorded = (struct run_list){0};
    }
    while ((run = list_pop(&recorded)) != NULL) {
        delivery_want(batch->options.delivery, run->entry.id);
        batch->run_count--;
        run_free(run);
    }
    while ((run = list_pop(&batch->refused)) != NULL) {
        delivery_send(batch->options.delivery, &run->entry, &run->token);
        run_free(run);
    }
    hand_out_begun(batch, is_kept);
    hand_out_armed(batch, is_kept);
    wake_executors(batch);
    hand_out_finished(batch, is_kept);
}
