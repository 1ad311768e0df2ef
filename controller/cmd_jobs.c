/* lastcall jobs: what was asked, and what came of it */
#include "controller/cmd_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "controller/command.h"
#include "controller/records.h"
#include "controller/say.h"
#include "protocol/body.h"
#include "protocol/moment.h"

#define LAST_PRESET 20

static json_t *moment_or_null(int64_t ms)
{
    char text[MOMENT_TEXT_SIZE];

    if (ms <= 0)
        return json_null();
    moment_format(ms, text);
    return json_string(text);
}

static json_t *text_or_null(const char *text)
{
    return json_text_or_null(text[0] == '\0' ? NULL : text);
}

static json_t *finish(struct body_writer *writer)
{
    if (writer->status == LASTCALL_OK)
        return writer->object;
    json_decref(writer->object);
    return NULL;
}

static json_t *record_of_job(const struct job *job)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};
    char shorter[JOBS_SHORT_LEN + 1] = "";

    memcpy(shorter, job->id.text, JOBS_SHORT_LEN);
    if (writer.object == NULL)
        return NULL;
    body_put(&writer, "job", json_string(job->id.text));
    body_put(&writer, "short", json_string(shorter));
    body_put(&writer, "retry_of", text_or_null(job->parent.text));
    body_put(&writer, "state", json_string(job_state_name(job->state)));
    body_put(&writer, "job_started_at", moment_or_null(job->started_ms));
    body_put(&writer, "job_ended_at", moment_or_null(job->ended_ms));
    body_put(&writer, "fleet", json_string(job->fleet.text));
    body_put(&writer, "controller", json_string(job->issuer));
    body_put(&writer, "action", json_string(job->command));
    body_put_text(&writer, "target", job->target);
    body_put_text(&writer, "words", job->words);
    body_put(&writer, "hosts", json_integer((json_int_t)job->host_count));
    for (unsigned i = 0; i < JOB_OUTCOME_COUNT; i++)
        body_put(&writer, job_outcome_name((enum job_outcome)i),
                 json_integer((json_int_t)job->outcomes[i]));
    body_put(&writer, "job_exit",
             job->exit_code == JOB_EXIT_NONE ? json_null()
                                             : json_integer(job->exit_code));
    return finish(&writer);
}

static json_t *record_of_job_host(const struct job_host *host)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};
    json_t *result = NULL;

    if (writer.object == NULL)
        return NULL;
    body_put(&writer, "host", json_string(host->name.text));
    body_put(&writer, "outcome", json_string(job_outcome_name(host->outcome)));
    body_put(&writer, "known", json_boolean(host->is_known));
    body_put(&writer, "request_id", text_or_null(host->request_id.text));
    body_put(&writer, "retried_as", text_or_null(host->retried_as.text));
    body_put(&writer, "answered_at", moment_or_null(host->answered_ms));
    body_put(&writer, "late",
             host->answered_ms > 0 ? json_boolean(host->is_late) : json_null());
    if (host->answer == NULL) {
        body_put(&writer, "success", json_null());
        return finish(&writer);
    }
    body_put(&writer, "round_trip_ms", json_integer(host->round_trip_ms));
    /* We wrote it; a database that others damaged is shown without. */
    if (json_parse_object(host->answer, strlen(host->answer), &result, NULL) ==
            LASTCALL_OK &&
        json_object_update(writer.object, result) != 0)
        writer.status = LASTCALL_E_NOMEM;
    json_decref(result);
    return finish(&writer);
}

static void show_job(void *context, const struct job *job)
{
    output_record(context, record_of_job(job));
}

static void show_host(void *context, const struct job_host *host)
{
    output_record(context, record_of_job_host(host));
}

static enum exit_code say_unread(struct jobs_command *command,
                                 enum lastcall_status status)
{
    say_error("the jobs could not be read: %s",
              status == LASTCALL_E_NOMEM
                  ? status_text(status)
                  : sqlite3_errmsg(command->jobs.store.db));
    say_mend("a damaged database is given up by moving %s away from %s",
             JOBS_FILE, command->jobs.folder);
    return EXIT_CODE_BROKER;
}

static enum exit_code list(struct jobs_command *command)
{
    struct output output;
    int64_t count = LAST_PRESET;
    enum exit_code code = EXIT_CODE_OK;
    enum lastcall_status status =
        options_count(command->options, OPTION_LAST, JOBS_KEEP_COUNT, &count);

    if (status != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    present_begin(&command->present, &record_jobs, present_colour(), stdout,
                  &output);
    status = jobs_each(&command->jobs, count, show_job, &output);
    if (status != LASTCALL_OK)
        code = say_unread(command, status);
    return present_end(&output, json_object(), code);
}

enum exit_code jobs_show(struct jobs_command *command, enum exit_code code)
{
    struct output output;
    const struct job *job = &command->job;
    enum lastcall_status status = LASTCALL_OK;

    present_begin(&command->present, &record_job_hosts, present_colour(),
                  stdout, &output);
    status = jobs_each_host(&command->jobs, job->number, show_host, &output);
    if (status != LASTCALL_OK)
        code = say_unread(command, status);
    code = present_end(&output, record_of_job(job), code);
    if (command->present.writer == &output_table)
        say("job %.8s, %s, %s: %zu true, %zu false, %zu refused, %zu offline, "
            "%zu silent, %zu unsent",
            job->id.text, job->command, job_state_name(job->state),
            job->outcomes[JOB_TRUE], job->outcomes[JOB_FALSE],
            job->outcomes[JOB_REFUSED], job->outcomes[JOB_OFFLINE],
            job->outcomes[JOB_SILENT], job->outcomes[JOB_UNSENT]);
    return code;
}

enum exit_code jobs_check_owner(const struct job *job,
                                const struct fleet *fleet)
{
    if (strcmp(job->fleet.text, fleet->settings.fleet.text) != 0) {
        say_error("job %.8s is of the fleet %s, and this one is %s",
                  job->id.text, job->fleet.text, fleet->settings.fleet.text);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(job->issuer, fleet->identity.issuer) != 0) {
        say_error("job %.8s is of %s, and we are %s", job->id.text, job->issuer,
                  fleet->identity.issuer);
        say_mend("hosts answer to whoever asked; give that one's --key and "
                 "--grant");
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_OK;
}

static enum exit_code find_job(struct jobs_command *command, const char *id)
{
    enum lastcall_status status = jobs_find(&command->jobs, id, &command->job);

    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    if (status == LASTCALL_E_MISSING)
        say_error("there is no job %.64s", id);
    else if (status == LASTCALL_E_EXISTS)
        say_error("several jobs begin with %.64s; give more of the id", id);
    else if (status == LASTCALL_E_SYNTAX)
        say_error("a job is named by its id, or the first %d characters or "
                  "more of it",
                  JOBS_PREFIX_MIN);
    else
        return say_unread(command, status);
    say_mend("lastcall jobs lists them");
    return EXIT_CODE_USAGE;
}

/* What may stand behind lastcall jobs, before a job's id. */
struct word {
    const char *name;
    enum exit_code (*run)(struct jobs_command *command);
};

static enum exit_code show_only(struct jobs_command *command)
{
    return jobs_show(command, EXIT_CODE_OK);
}

static const struct word words[] = {
    {"show", show_only},
    {"retry", jobs_retry},
    {"wait", jobs_wait},
};

static const struct word *find_word(const struct options *options)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (options->argument_count == 2 &&
            strcmp(options->arguments[0], words[i].name) == 0)
            return &words[i];
    }
    return NULL;
}

/* A flag in the wrong place would be passed over in silence. */
static bool is_well_flagged(const struct options *options,
                            const struct word *word)
{
    static const enum option_id of_retry[] = {OPTION_ONLY,   OPTION_YES,
                                              OPTION_BATCH,  OPTION_BATCH_WAIT,
                                              OPTION_CANARY, OPTION_MAX_FAIL};
    bool is_retry = word != NULL && word->run == jobs_retry;

    for (size_t i = 0; i < sizeof of_retry / sizeof of_retry[0]; i++) {
        if (!is_retry && options_has(options, of_retry[i])) {
            say_error("--only, --yes, --batch, --batch-wait, --canary and "
                      "--max-fail belong to lastcall jobs retry");
            return false;
        }
    }
    if (word != NULL && options_has(options, OPTION_LAST)) {
        say_error("--last belongs to lastcall jobs alone");
        return false;
    }
    return true;
}

enum exit_code cmd_jobs(const struct options *options)
{
    struct jobs_command command = {.options = options};
    struct platform_error error = {0};
    const struct word *word = find_word(options);
    char *folder = NULL;
    enum exit_code code = EXIT_CODE_USAGE;

    if (word == NULL && options->argument_count > 0) {
        say_error("lastcall jobs is followed by nothing, or by show, retry or "
                  "wait and a job's id");
        return EXIT_CODE_USAGE;
    }
    if (!is_well_flagged(options, word) ||
        present_read(options, &command.present) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    folder = jobs_folder(controller_sources.environment);
    if (folder == NULL) {
        say_error("there is no home that jobs could be kept in");
        return EXIT_CODE_USAGE;
    }
    if (jobs_open(folder, &command.jobs, &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        code = EXIT_CODE_BROKER;
    } else if (word == NULL) {
        code = list(&command);
    } else {
        code = find_job(&command, options->arguments[1]);
        if (code == EXIT_CODE_OK)
            code = word->run(&command);
    }
    job_deinit(&command.job);
    jobs_close(&command.jobs);
    free(folder);
    return code;
}
