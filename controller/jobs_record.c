#include "controller/jobs_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/records.h"
#include "controller/say.h"
#include "controller/settings.h"
#include "protocol/io/platform.h"

/* Names of hosts that a job's target shows; the rest is counted. */
#define TARGET_SHOWN_MAX 8

/* What the words of a job leave out: how to reach the broker, who we are, and
 * the form of the answer. */
#define WORDS_GROUPS                                                           \
    (OPTIONS_TARGET | OPTIONS_FILTER | OPTIONS_SELECT | OPTIONS_ENDING |       \
     OPTIONS_CONFIRM | OPTIONS_TTL | OPTIONS_TIMEOUT | OPTIONS_MEDIA |         \
     OPTIONS_MESSAGE)

static void warn(struct jobs_record *record, const char *why)
{
    if (!record->is_open)
        return;
    say_error("the job is not kept from here on: %s", why);
    say_mend("the campaign goes on; lastcall jobs will not know all of it");
    jobs_undo_batch(record->jobs);
    record->is_open = false;
}

static void warn_status(struct jobs_record *record, enum lastcall_status status)
{
    if (status == LASTCALL_BUSY)
        warn(record, "another lastcall holds the database for long");
    else
        warn(record, sqlite3_errmsg(record->jobs->store.db));
}

/* Append to a text of fixed size; what does not fit ends in "...". */
static void append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    size_t len = strlen(text);

    if (used + len < size) {
        memcpy(out + used, text, len + 1);
        return;
    }
    /* Cut where a character begins. */
    used = size - sizeof "...";
    if (used > strlen(out))
        used = strlen(out);
    while (used > 0 && ((unsigned char)out[used] & 0xc0) == 0x80)
        used--;
    memcpy(out + used, "...", sizeof "...");
}

static void describe_target(const struct target *target,
                            char out[JOBS_TEXT_SIZE])
{
    char more[32];

    out[0] = '\0';
    if (target->kind == TARGET_GROUP) {
        append(out, JOBS_TEXT_SIZE, "group:");
        append(out, JOBS_TEXT_SIZE, target->group.text);
    } else if (target->kind != TARGET_HOSTS) {
        append(out, JOBS_TEXT_SIZE, "all");
    }
    for (size_t i = 0; i < target->entry_count && i < TARGET_SHOWN_MAX; i++) {
        if (i > 0)
            append(out, JOBS_TEXT_SIZE, ",");
        append(out, JOBS_TEXT_SIZE, target->entries[i]);
    }
    if (target->entry_count > TARGET_SHOWN_MAX) {
        snprintf(more, sizeof more, " and %zu more",
                 target->entry_count - TARGET_SHOWN_MAX);
        append(out, JOBS_TEXT_SIZE, more);
    }
}

static const struct option_info *info_of(enum option_id id)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].id == id)
            return &option_table[i];
    }
    return NULL;
}

/* The command line without what does not matter; for a person to read. */
static void describe_words(const struct options *options,
                           char out[JOBS_TEXT_SIZE])
{
    out[0] = '\0';
    for (size_t i = 0; i < options->given_count; i++) {
        const struct option_given *given = &options->given[i];
        const struct option_info *info = info_of(given->id);

        if (info == NULL || (info->groups & WORDS_GROUPS) == 0 ||
            given->id == OPTION_YES)
            continue;
        append(out, JOBS_TEXT_SIZE, out[0] == '\0' ? "--" : " --");
        append(out, JOBS_TEXT_SIZE, info->name);
        if (info->kind == VALUE_IS_NONE)
            continue;
        append(out, JOBS_TEXT_SIZE, " ");
        append(out, JOBS_TEXT_SIZE, given->value);
    }
    for (size_t i = 0; i < options->argument_count; i++) {
        append(out, JOBS_TEXT_SIZE, out[0] == '\0' ? "" : " ");
        append(out, JOBS_TEXT_SIZE, options->arguments[i]);
    }
}

/*
 * Sign the request for a moment that is long over: nobody runs that, and who
 * reads it back knows from whom it is.
 */
static enum lastcall_status keep_request(const struct fleet *fleet,
                                         const struct request *request,
                                         struct job *job)
{
    const struct command_claims claims = {
        .jti = job->id,
        .audience = {.kind = ADDRESS_HOST, .name = fleet->identity.name},
    };
    json_t *json = command_encode(fleet->identity.issuer, &claims, request);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (json != NULL)
        status = token_sign(TOKEN_COMMAND, &fleet->identity.key,
                            fleet->identity.grant, json, &job->request);
    json_decref(json);
    return status;
}

static enum lastcall_status describe(const struct jobs_record_start *start,
                                     struct job *out)
{
    const struct fleet *fleet = start->fleet;
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct job){
        .fleet = fleet->settings.fleet,
        .timeout_ms = start->timeout_ms,
        .ttl_ms = start->ttl_ms,
        .started_ms = fleet_wall_ms(),
    };
    snprintf(out->issuer, sizeof out->issuer, "%s", fleet->identity.issuer);
    snprintf(out->command, sizeof out->command, "%s",
             action_name(start->request->action));
    describe_target(start->target, out->target);
    if (start->parent != NULL) {
        out->parent = start->parent->id;
        memcpy(out->words, start->parent->words, sizeof out->words);
    } else if (start->options != NULL) {
        describe_words(start->options, out->words);
    } else {
        append(out->words, sizeof out->words, start->words);
    }
    /* A person gives it to lastcall jobs, where a dash begins a flag. */
    do {
        status = platform_random_id(&out->id);
    } while (status == LASTCALL_OK && out->id.text[0] == '-');
    if (status == LASTCALL_OK)
        status = keep_request(fleet, start->request, out);
    return status;
}

enum lastcall_status jobs_record_open_folder(struct jobs *out,
                                             struct platform_error *error)
{
    char *folder = jobs_folder(controller_sources.environment);
    enum lastcall_status status = LASTCALL_E_MISSING;

    *out = (struct jobs){0};
    *error = (struct platform_error){0};
    if (folder == NULL)
        snprintf(error->text, sizeof error->text, "%s",
                 "there is no home to keep it in");
    else
        status = jobs_open(folder, out, error);
    free(folder);
    return status;
}

void jobs_record_open(struct jobs_record *record,
                      const struct jobs_record_start *start)
{
    struct platform_error error = {0};
    enum lastcall_status status = LASTCALL_OK;

    *record = (struct jobs_record){.identity = &start->fleet->identity};
    record->is_open = true;
    record->jobs = start->jobs;
    if (record->jobs == NULL) {
        record->jobs = &record->own;
        status = jobs_record_open_folder(&record->own, &error);
    }
    if (status == LASTCALL_OK) {
        status = describe(start, &record->job);
        if (status != LASTCALL_OK)
            snprintf(error.text, sizeof error.text, "%s", status_text(status));
    }
    if (status != LASTCALL_OK)
        warn(record, error.text);
}

void jobs_record_close(struct jobs_record *record)
{
    jobs_close(&record->own);
    job_deinit(&record->job);
    free(record->pending);
    *record = (struct jobs_record){0};
}

char *jobs_record_result(const struct answer *answer)
{
    struct bytes text;
    json_t *claims = result_encode(&answer->claims, "", &answer->result);
    char *out = NULL;

    bytes_init(&text, TOKEN_RESULT_BYTES_MAX);
    if (claims != NULL &&
        json_write(json_object_get(claims, "result"), &text) == LASTCALL_OK)
        out = bytes_take(&text);
    json_decref(claims);
    bytes_deinit(&text);
    return out;
}

/* The observer. */

static struct job_host host_of(const struct campaign *campaign,
                               const struct campaign_host *host)
{
    struct job_host out = {
        .name = host->name,
        .is_known = host->presence != PRESENCE_UNKNOWN,
        .has_message = host->message != CAMPAIGN_NO_MESSAGE,
        .is_late = host->is_late,
        .round_trip_ms = host->has_answer ? host->answered_ms : 0,
    };

    if (host->message != CAMPAIGN_NO_MESSAGE)
        out.address = campaign->messages[host->message].address;
    /* Its word is the same on both sides. */
    if (job_outcome_parse(campaign_outcome_name(host->outcome), &out.outcome) !=
        LASTCALL_OK)
        out.outcome = JOB_SILENT;
    return out;
}

/* Hosts that were expected from the beginning. */
static enum lastcall_status add_hosts(struct jobs_record *record,
                                      const struct campaign *campaign)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < campaign->host_count && status == LASTCALL_OK; i++) {
        struct job_host host = host_of(campaign, &campaign->hosts[i]);

        if (campaign->hosts[i].has_answer)
            host.outcome = JOB_WAITING; /* its answer follows */
        host.round_trip_ms = 0;
        status = jobs_add_host(record->jobs, record->job.number, &host);
    }
    record->has_hosts = status == LASTCALL_OK;
    return status;
}

static enum lastcall_status add_answer(struct jobs_record *record,
                                       const struct campaign *campaign,
                                       const struct name *name)
{
    const struct campaign_host *found = campaign_find_host(campaign, name);
    struct job_host host;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (found == NULL || !found->has_answer)
        return LASTCALL_OK;
    host = host_of(campaign, found);
    host.answered_ms = fleet_wall_ms();
    host.answer = jobs_record_result(&found->answer);
    if (host.answer != NULL)
        status = jobs_set_answer(record->jobs, record->job.number, &host);
    job_host_deinit(&host);
    return status;
}

static enum lastcall_status add_answers(struct jobs_record *record,
                                        const struct campaign *campaign)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < record->pending_count && status == LASTCALL_OK; i++)
        status = add_answer(record, campaign, &record->pending[i]);
    record->pending_count = 0;
    return status;
}

/* What has gathered, in one transaction. */
static void flush(struct jobs_record *record, const struct campaign *campaign)
{
    enum lastcall_status status = LASTCALL_OK;

    if (!record->is_open || (record->pending_count == 0 && record->has_hosts))
        return;
    status = jobs_open_batch(record->jobs);
    if (status == LASTCALL_OK && !record->has_hosts)
        status = add_hosts(record, campaign);
    if (status == LASTCALL_OK)
        status = add_answers(record, campaign);
    if (status == LASTCALL_OK)
        status = jobs_commit_batch(record->jobs);
    if (status != LASTCALL_OK)
        warn_status(record, status);
}

/*
 * Say that another lastcall tries the same hosts again: each of the two would
 * take what was sent to them for expired, and sign anew.
 */
static enum lastcall_status give_way(struct jobs_record *record,
                                     const struct request_id *rival)
{
    say_error("another lastcall is trying hosts of job %.8s again, as job "
              "%.8s; nothing was sent",
              record->job.parent.text, rival->text);
    say_mend("lastcall jobs wait %.8s waits for its end", rival->text);
    jobs_undo_batch(record->jobs);
    record->is_open = false;
    return LASTCALL_E_EXISTS;
}

/*
 * A broadcast's hosts can wait until it is on its way, when there is nothing
 * to do but wait; those that are asked one by one may never be asked, and are
 * known from here on.  So are those of a retry, of which only one may be.
 */
static enum lastcall_status begin(void *context,
                                  const struct campaign *campaign)
{
    struct jobs_record *record = context;
    const bool is_retry = record->job.parent.text[0] != '\0';
    struct request_id rival = {0};
    enum lastcall_status status = LASTCALL_OK;

    if (!record->is_open)
        return LASTCALL_OK;
    status = jobs_open_batch(record->jobs);
    if (status == LASTCALL_OK)
        status = jobs_begin(record->jobs, &record->job);
    if (status == LASTCALL_OK && (is_retry || campaign->message_count != 1))
        status = add_hosts(record, campaign);
    if (status == LASTCALL_OK && is_retry)
        status = jobs_find_rival(record->jobs, record->job.number, &rival);
    if (status == LASTCALL_OK && rival.text[0] != '\0')
        return give_way(record, &rival);
    if (status == LASTCALL_OK)
        status = jobs_commit_batch(record->jobs);
    if (status != LASTCALL_OK)
        warn_status(record, status);
    return LASTCALL_OK;
}

/* Its turn has come: if the process dies now it is silent, not unsent. */
static enum lastcall_status note_turn(struct jobs_record *record,
                                      const struct campaign *campaign,
                                      const struct name *name)
{
    const struct campaign_host *found = campaign_find_host(campaign, name);
    struct job_host host;

    if (found == NULL)
        return LASTCALL_OK;
    host = host_of(campaign, found);
    host.outcome = JOB_WAITING;
    return jobs_set_outcome(record->jobs, record->job.number, &host);
}

static void sending(void *context, const struct campaign *campaign,
                    const struct campaign_message *message)
{
    struct jobs_record *record = context;
    struct job_message out = {
        .id = message->id,
        .address = message->address,
        .token = message->token, /* borrowed */
        .sent_ms = fleet_wall_ms(),
    };
    const int64_t life_ms =
        message->life_ms > 0 ? message->life_ms : campaign->ttl_ms;
    enum lastcall_status status = LASTCALL_OK;

    if (!record->is_open)
        return;
    memcpy(out.hash, message->hash, sizeof out.hash);
    out.expires_s = (out.sent_ms + life_ms) / 1000;
    status = jobs_open_batch(record->jobs);
    if (status == LASTCALL_OK)
        status = jobs_add_message(record->jobs, record->job.number, &out);
    if (status == LASTCALL_OK && message->address.kind == ADDRESS_HOST)
        status = note_turn(record, campaign, &message->address.name);
    if (status == LASTCALL_OK)
        status = add_answers(record, campaign); /* since it writes anyway */
    if (status == LASTCALL_OK)
        status = jobs_commit_batch(record->jobs);
    if (status != LASTCALL_OK)
        warn_status(record, status);
}

static enum lastcall_status make_room(struct jobs_record *record)
{
    size_t capacity = record->pending_capacity * 2 + 16;
    struct name *grown = NULL;

    if (record->pending_count < record->pending_capacity)
        return LASTCALL_OK;
    grown = realloc(record->pending, capacity * sizeof *grown);
    if (grown == NULL)
        return LASTCALL_E_NOMEM;
    record->pending = grown;
    record->pending_capacity = capacity;
    return LASTCALL_OK;
}

static void answered(void *context, const struct campaign *campaign,
                     const struct campaign_host *host)
{
    struct jobs_record *record = context;

    if (!record->is_open)
        return;
    if (record->pending_count == JOBS_RECORD_BATCH)
        flush(record, campaign);
    if (make_room(record) != LASTCALL_OK) {
        warn(record, status_text(LASTCALL_E_NOMEM));
        return;
    }
    record->pending_last_ms = fleet_now_ms();
    if (record->pending_count == 0)
        record->pending_since_ms = record->pending_last_ms;
    record->pending[record->pending_count++] = host->name;
}

static int64_t pending_due_ms(const struct jobs_record *record)
{
    int64_t quiet_ms = record->pending_last_ms + JOBS_RECORD_QUIET_MS;
    int64_t wait_ms = record->pending_since_ms + JOBS_RECORD_WAIT_MS;

    if (record->pending_count == 0)
        return INT64_MAX;
    return quiet_ms < wait_ms ? quiet_ms : wait_ms;
}

static int64_t tend(void *context, const struct campaign *campaign,
                    int64_t now_ms)
{
    struct jobs_record *record = context;

    if (!record->is_open)
        return INT64_MAX;
    if (!record->has_hosts || now_ms >= pending_due_ms(record))
        flush(record, campaign);
    return pending_due_ms(record);
}

static enum lastcall_status add_silent(struct jobs_record *record,
                                       const struct campaign *campaign)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < campaign->host_count && status == LASTCALL_OK; i++) {
        const struct campaign_host *host = &campaign->hosts[i];
        struct job_host out;

        if (host->has_answer || host->outcome == OUTCOME_OFFLINE)
            continue;
        out = host_of(campaign, host);
        status = jobs_set_outcome(record->jobs, record->job.number, &out);
    }
    return status;
}

static void ended(void *context, const struct campaign *campaign)
{
    struct jobs_record *record = context;
    struct job *job = &record->job;
    enum lastcall_status status = LASTCALL_OK;

    if (!record->is_open)
        return;
    flush(record, campaign);
    if (!record->is_open)
        return;
    job->ended_ms = fleet_wall_ms();
    job->state =
        campaign->end == CAMPAIGN_INTERRUPTED ? JOB_INTERRUPTED : JOB_DONE;
    job->exit_code = (int)campaign_exit_code(campaign);
    status = jobs_open_batch(record->jobs);
    if (status == LASTCALL_OK)
        status = add_silent(record, campaign);
    if (status == LASTCALL_OK)
        status = jobs_end(record->jobs, job);
    if (status == LASTCALL_OK)
        status = jobs_commit_batch(record->jobs);
    if (status != LASTCALL_OK)
        warn_status(record, status);
}

const struct dispatch_observer jobs_record_observer = {
    .begin = begin,
    .sending = sending,
    .answered = answered,
    .tend = tend,
    .ended = ended,
};
