/* lastcall jobs wait: another lastcall's job, and the answers that are late */
#include <stdlib.h>
#include <string.h>

#include "controller/answer.h"
#include "controller/campaign.h"
#include "controller/cmd_jobs.h"
#include "controller/jobs_record.h"
#include "controller/say.h"

/* How often the database is looked at while the job runs. */
#define LOOK_MS 250

/* Everything that one run works with. */
struct waiting {
    struct jobs_command *command;
    struct fleet fleet;
    struct job_message *messages; /* owned, without tokens, sorted by id */
    size_t message_count;
    size_t message_capacity;
    int64_t expires_ms; /* wall clock: nobody runs anything after that */
    int64_t looked_ms;  /* steady clock */
    bool is_out_of_memory;
};

static void keep_message(void *context, const struct job_message *message)
{
    struct waiting *waiting = context;

    if (waiting->message_count == waiting->message_capacity) {
        size_t capacity = waiting->message_capacity * 2 + 16;
        void *grown =
            realloc(waiting->messages, capacity * sizeof *waiting->messages);

        if (grown == NULL) {
            waiting->is_out_of_memory = true;
            return;
        }
        waiting->messages = grown;
        waiting->message_capacity = capacity;
    }
    waiting->messages[waiting->message_count++] = *message;
    if (message->expires_s * 1000 > waiting->expires_ms)
        waiting->expires_ms = message->expires_s * 1000;
}

/* What the job has sent by now, and where it stands. */
static enum lastcall_status look(struct waiting *waiting)
{
    struct jobs_command *command = waiting->command;
    struct request_id id = command->job.id;
    enum lastcall_status status = LASTCALL_OK;

    waiting->looked_ms = fleet_now_ms();
    /* Its lastcall may have been killed meanwhile. */
    if (command->job.state == JOB_RUNNING)
        status = jobs_mark_crashed(&command->jobs);
    job_deinit(&command->job);
    if (status == LASTCALL_OK)
        status = jobs_find(&command->jobs, id.text, &command->job);
    waiting->message_count = 0;
    if (status == LASTCALL_OK)
        status = jobs_each_message(&command->jobs, command->job.number,
                                   keep_message, waiting);
    return waiting->is_out_of_memory ? LASTCALL_E_NOMEM : status;
}

static int compare_ids(const void *a, const void *b)
{
    const struct job_message *left = a;
    const struct job_message *right = b;

    return strcmp(left->id.text, right->id.text);
}

static const struct job_message *find_message(const struct waiting *waiting,
                                              const struct request_id *id)
{
    const struct job_message key = {.id = *id};

    if (waiting->message_count == 0)
        return NULL;
    return bsearch(&key, waiting->messages, waiting->message_count, sizeof key,
                   compare_ids);
}

static enum job_outcome judge(const struct result *result)
{
    if (campaign_is_refusal(result->code))
        return JOB_REFUSED;
    return result_is_success(result) ? JOB_TRUE : JOB_FALSE;
}

static enum lastcall_status note(struct waiting *waiting,
                                 const struct answer *answer,
                                 const struct job_message *message)
{
    struct jobs *jobs = &waiting->command->jobs;
    struct job_host host = {
        .name = answer->host,
        .is_known = true,
        .has_message = true,
        .address = message->address,
        .outcome = judge(&answer->result),
        .is_late = waiting->command->job.state != JOB_RUNNING,
        .answered_ms = fleet_wall_ms(),
        .answer = jobs_record_result(answer),
    };
    enum lastcall_status status = LASTCALL_E_NOMEM;

    host.round_trip_ms = host.answered_ms - message->sent_ms;
    if (host.answer != NULL)
        status = jobs_open_batch(jobs);
    if (status == LASTCALL_OK) {
        status = jobs_set_answer(jobs, waiting->command->job.number, &host);
        if (status == LASTCALL_OK)
            status = jobs_commit_batch(jobs);
        else
            jobs_undo_batch(jobs);
    }
    job_host_deinit(&host);
    return status;
}

/* An answer counts when it is to the job's bytes and from whom was asked. */
static const char *find_fault(const struct job_message *message,
                              const struct answer *answer)
{
    if (strcmp(message->hash, answer->claims.request_hash) != 0)
        return "its request_hash is not that of what was sent";
    if (message->address.kind == ADDRESS_HOST &&
        strcmp(message->address.name.text, answer->host.text) != 0)
        return "it answers what was asked of another host";
    return NULL;
}

static void take_result(struct waiting *waiting, const struct proof *proof)
{
    const struct name *host = &proof->parts.host;
    const struct job_message *message =
        find_message(waiting, &proof->parts.request_id);
    const char *fault = NULL;
    enum lastcall_status status = proof->status;

    /* Other campaigns of ours share the inbox.  What was sent since the last
     * look is noted by who sent it. */
    if (message == NULL)
        return;
    if (status == LASTCALL_OK)
        fault = find_fault(message, &proof->of.answer);
    if (status != LASTCALL_OK || fault != NULL) {
        say_error("bad signature: a message in the name of %s: %s", host->text,
                  fault != NULL                ? fault
                  : proof->why.text[0] != '\0' ? proof->why.text
                                               : status_text(status));
        return;
    }
    status = note(waiting, &proof->of.answer, message);
    if (status != LASTCALL_OK)
        say_error("an answer of %s could not be kept: %s", host->text,
                  status_text(status));
}

/* Whether an answer may still come that nobody has. */
static bool is_over(const struct waiting *waiting)
{
    const struct job *job = &waiting->command->job;

    if (job->state == JOB_RUNNING)
        return false;
    return job->outcomes[JOB_SILENT] + job->outcomes[JOB_WAITING] == 0 ||
           fleet_wall_ms() >= waiting->expires_ms;
}

static enum exit_code listen(struct waiting *waiting)
{
    const struct options *options = waiting->command->options;
    const int64_t end_ms =
        options_has(options, OPTION_TIMEOUT)
            ? fleet_now_ms() + waiting->command->present.timeout_ms
            : INT64_MAX;
    struct fleet_event event = {0};
    enum lastcall_status status = look(waiting);

    while (status == LASTCALL_OK && !is_over(waiting) &&
           fleet_now_ms() < end_ms) {
        int64_t look_ms = waiting->looked_ms + LOOK_MS;
        enum fleet_event_kind kind = FLEET_TIMEOUT;

        fleet_next(&waiting->fleet, look_ms < end_ms ? look_ms : end_ms,
                   &event);
        if (event.kind == FLEET_MESSAGE &&
            fleet_handle(&waiting->fleet, &event))
            take_result(waiting, event.proof);
        kind = event.kind;
        fleet_event_deinit(&event);
        if (kind == FLEET_INTERRUPTED)
            return EXIT_CODE_INTERRUPTED;
        if (fleet_now_ms() - waiting->looked_ms >= LOOK_MS)
            status = look(waiting);
    }
    if (status == LASTCALL_OK)
        return (enum exit_code)job_exit_code(&waiting->command->job);
    say_error("the job could not be read any more: %s", status_text(status));
    return EXIT_CODE_BROKER;
}

enum exit_code jobs_wait(struct jobs_command *command)
{
    const struct target nobody = {0};
    struct waiting waiting = {.command = command};
    enum exit_code code =
        fleet_open(command->options, FLEET_NEED_IDENTITY, &nobody,
                   command->present.timeout_ms, &waiting.fleet);

    if (code == EXIT_CODE_OK)
        code = jobs_check_owner(&command->job, &waiting.fleet);
    if (code == EXIT_CODE_OK)
        code = jobs_show(command, listen(&waiting));
    fleet_close(&waiting.fleet);
    free(waiting.messages);
    return code;
}
