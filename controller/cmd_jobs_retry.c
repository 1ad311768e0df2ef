/* lastcall jobs retry: the same request to those who did not do it */
#include <stdlib.h>
#include <string.h>

#include "controller/cmd_jobs.h"
#include "controller/ending.h"
#include "controller/records.h"
#include "controller/say.h"

#define ONLY_SIZE 80
/* Retries of retries that are looked through for what a host was sent. */
#define ANCESTORS_MAX 32

/* What --only may name; without it everything is meant. */
static const struct choice {
    const char *name;
    uint32_t outcomes; /* set of enum job_outcome */
} choices[] = {
    {"failed", 1U << JOB_FALSE | 1U << JOB_REFUSED},
    {"false", 1U << JOB_FALSE},
    {"refused", 1U << JOB_REFUSED},
    {"silent", 1U << JOB_SILENT | 1U << JOB_WAITING},
    {"offline", 1U << JOB_OFFLINE},
    {"unsent", 1U << JOB_UNSENT},
};
#define CHOICE_COUNT (sizeof choices / sizeof choices[0])

/* Everything that one run works with. */
struct retrying {
    struct jobs_command *command;
    struct ending ending;
    uint32_t outcomes; /* set of enum job_outcome */
    size_t host_count;
    size_t retried_count;         /* that a later job has asked again */
    struct request_id retried_as; /* one of these */
    int retried_exit;             /* of these; 0 when all did it */
    /* The job, what it retried, and so on. */
    int64_t ancestors[ANCESTORS_MAX];
    size_t ancestor_count;
    bool is_out_of_memory;
    bool is_unread; /* a later job could not be read */
};

static uint32_t find_choice(const char *name, size_t len)
{
    for (size_t i = 0; i < CHOICE_COUNT; i++) {
        if (strlen(choices[i].name) == len &&
            memcmp(choices[i].name, name, len) == 0)
            return choices[i].outcomes;
    }
    return 0;
}

static enum lastcall_status read_only(const struct options *options,
                                      uint32_t *out)
{
    const char *text = options_value(options, OPTION_ONLY);

    *out = 0;
    for (size_t i = 0; text == NULL && i < CHOICE_COUNT; i++)
        *out |= choices[i].outcomes;
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        uint32_t found = find_choice(text, len);

        if (found == 0) {
            say_error("--only takes failed, false, refused, silent, offline "
                      "and unsent, with commas, not \"%.*s\"",
                      len > ONLY_SIZE ? ONLY_SIZE : (int)len, text);
            return LASTCALL_E_SYNTAX;
        }
        *out |= found;
        text += len + (text[len] == ',');
    }
    if (*out != 0)
        return LASTCALL_OK;
    say_error("--only names nothing");
    return LASTCALL_E_SYNTAX;
}

/* Which hosts. */

/* A later job has asked a host again; how that went. */
static enum lastcall_status note_retried(struct retrying *retrying,
                                         const struct request_id *id)
{
    struct job later;
    enum lastcall_status status = LASTCALL_OK;

    retrying->retried_count++;
    if (strcmp(retrying->retried_as.text, id->text) == 0)
        return LASTCALL_OK;
    retrying->retried_as = *id;
    if (retrying->retried_exit != EXIT_CODE_OK)
        return LASTCALL_OK;
    status = jobs_find(&retrying->command->jobs, id->text, &later);
    if (status == LASTCALL_OK)
        retrying->retried_exit = job_exit_code(&later);
    job_deinit(&later);
    return status;
}

static void choose_host(void *context, const struct job_host *host)
{
    struct retrying *retrying = context;
    struct target *target = &retrying->ending.target;
    char *entry = NULL;

    if ((retrying->outcomes & 1U << host->outcome) == 0)
        return;
    if (host->retried_as.text[0] != '\0') {
        if (note_retried(retrying, &host->retried_as) != LASTCALL_OK)
            retrying->is_unread = true;
        return;
    }
    entry = bytes_copy_text(host->name.text);
    if (entry == NULL ||
        target->entry_count == retrying->command->job.host_count) {
        retrying->is_out_of_memory = true;
        free(entry);
        return;
    }
    target->entries[target->entry_count++] = entry;
    retrying->host_count++;
}

/* What was sent to a host may stand in a job that this one retried. */
static enum lastcall_status find_ancestors(struct retrying *retrying)
{
    struct jobs *jobs = &retrying->command->jobs;
    struct request_id parent = retrying->command->job.parent;
    enum lastcall_status status = LASTCALL_OK;

    retrying->ancestors[retrying->ancestor_count++] =
        retrying->command->job.number;
    while (parent.text[0] != '\0' && status == LASTCALL_OK &&
           retrying->ancestor_count < ANCESTORS_MAX) {
        struct job job;

        status = jobs_find(jobs, parent.text, &job);
        parent = job.parent;
        if (status == LASTCALL_OK)
            retrying->ancestors[retrying->ancestor_count++] = job.number;
        job_deinit(&job);
    }
    return status == LASTCALL_E_MISSING ? LASTCALL_OK : status; /* forgotten */
}

static enum lastcall_status choose_hosts(struct retrying *retrying)
{
    const struct job *job = &retrying->command->job;
    struct target *target = &retrying->ending.target;
    enum lastcall_status status = LASTCALL_OK;

    if (job->host_count == 0)
        return LASTCALL_OK;
    target->kind = TARGET_HOSTS;
    target->entries = calloc(job->host_count, sizeof *target->entries);
    if (target->entries == NULL)
        return LASTCALL_E_NOMEM;
    status = find_ancestors(retrying);
    if (status != LASTCALL_OK)
        return status;
    status = jobs_each_host(&retrying->command->jobs, job->number, choose_host,
                            retrying);
    if (status == LASTCALL_OK && retrying->is_out_of_memory)
        return LASTCALL_E_NOMEM;
    return status == LASTCALL_OK && retrying->is_unread ? LASTCALL_E_IO
                                                        : status;
}

/* What they are asked. */

/* Read a request out of a command that we signed ourselves. */
static enum lastcall_status read_request(const struct fleet *fleet,
                                         const struct bytes *text,
                                         struct request *out,
                                         struct json_error *error)
{
    struct token token = {0};
    struct verified verified = {0};
    enum lastcall_status status = token_decode(text->data, text->len, &token);

    *out = (struct request){0};
    if (status == LASTCALL_OK && token.type != TOKEN_COMMAND)
        status = LASTCALL_E_TYPE;
    if (status == LASTCALL_OK)
        status = token_verify(&token, &fleet->identity.key, &verified);
    if (status == LASTCALL_OK)
        status = request_decode(&verified, out, error);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}

/*
 * Find the last that a host was sent.
 *
 *   has_answered  whether an answer to it is known
 */
static enum lastcall_status find_sent(const struct retrying *retrying,
                                      const struct name *name,
                                      struct job_message *out,
                                      bool *has_answered)
{
    struct jobs *jobs = &retrying->command->jobs;
    enum lastcall_status status = LASTCALL_E_MISSING;

    *out = (struct job_message){0};
    for (size_t i = 0;
         i < retrying->ancestor_count && status == LASTCALL_E_MISSING; i++) {
        const int64_t job = retrying->ancestors[i];
        struct job_host host = {0};

        status = jobs_find_host(jobs, job, name, &host);
        *has_answered = host.answered_ms > 0;
        if (status == LASTCALL_OK)
            status = host.has_message
                         ? jobs_find_message(jobs, job, &host.address, out)
                         : LASTCALL_E_MISSING;
        job_host_deinit(&host);
    }
    return status;
}

/*
 * A host that has answered is asked anew: its journal would only say the same
 * again.  One that has not may have done it: as long as what it was sent may
 * be run, to the last moment, it gets these bytes and no others; clocks that
 * differ a little are allowed for by the host.
 */
static enum lastcall_status find(void *context, const struct name *name,
                                 struct dispatch_recalled *out)
{
    const struct retrying *retrying = context;
    struct job_message message = {0};
    struct json_error error = {0};
    const int64_t now_ms = fleet_wall_ms();
    bool has_answered = false;
    enum lastcall_status status =
        find_sent(retrying, name, &message, &has_answered);

    *out = (struct dispatch_recalled){0};
    if (status != LASTCALL_OK)
        return status;
    out->life_ms = message.expires_s * 1000 - now_ms;
    if (!has_answered && out->life_ms > 0) {
        out->token = message.token;
        message.token = (struct bytes){0};
        out->address = message.address;
        out->id = message.id;
    } else {
        status = read_request(&retrying->ending.fleet, &message.token,
                              &out->request, &error);
    }
    job_message_deinit(&message);
    return status;
}

static enum exit_code read_job(struct retrying *retrying)
{
    const struct job *job = &retrying->command->job;
    struct json_error error = {0};
    enum lastcall_status status =
        read_request(&retrying->ending.fleet, &job->request,
                     &retrying->ending.request, &error);

    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_error("what job %.8s asked cannot be read: %s", job->id.text,
              error.text[0] != '\0' ? error.text : status_text(status));
    if (status == LASTCALL_E_KEY)
        say_mend("it was signed with another key than ours; give the command "
                 "again instead");
    return EXIT_CODE_USAGE;
}

static enum exit_code open_fleet(struct retrying *retrying)
{
    struct ending *ending = &retrying->ending;
    enum exit_code code =
        fleet_open(ending->options, FLEET_NEED_STATUSES | FLEET_NEED_IDENTITY,
                   &ending->target, ending->present.timeout_ms, &ending->fleet);

    if (code == EXIT_CODE_OK)
        code = jobs_check_owner(&retrying->command->job, &ending->fleet);
    if (code == EXIT_CODE_OK)
        code = read_job(retrying);
    return code;
}

/* Nobody is left: an answer without records; how it went with those whom a
 * later job has asked is that one's to tell. */
static enum exit_code show_nothing(struct retrying *retrying)
{
    struct output output;

    present_begin(&retrying->command->present, &record_results,
                  present_colour(), stdout, &output);
    if (retrying->retried_count == 0)
        say("job %.8s has no such host: nothing to try again",
            retrying->command->job.id.text);
    return present_end(&output, json_object(),
                       (enum exit_code)retrying->retried_exit);
}

static void fill_ending(struct retrying *retrying)
{
    struct jobs_command *command = retrying->command;
    struct ending *ending = &retrying->ending;

    ending->options = command->options;
    ending->present = command->present;
    ending->expect = ENDING_EXPECT_NONE;
    ending->parent = &command->job;
    ending->answer_timeout_ms = options_has(command->options, OPTION_TIMEOUT)
                                    ? command->present.timeout_ms
                                    : command->job.timeout_ms;
    ending->answer_ttl_ms = command->job.ttl_ms;
}

static enum exit_code retry(struct retrying *retrying)
{
    const struct dispatch_recall recall = {.find = find, .context = retrying};
    enum lastcall_status status = choose_hosts(retrying);
    enum exit_code code = EXIT_CODE_OK;

    if (status != LASTCALL_OK) {
        say_error("the hosts of the job could not be read: %s",
                  status_text(status));
        return EXIT_CODE_BROKER;
    }
    if (retrying->retried_count > 0) {
        say_error("%zu of its hosts %s tried again already, last in job %.8s",
                  retrying->retried_count,
                  retrying->retried_count == 1 ? "was" : "were",
                  retrying->retried_as.text);
        say_mend("lastcall jobs retry %.8s goes on from there",
                 retrying->retried_as.text);
    }
    if (retrying->host_count == 0)
        return show_nothing(retrying);
    code = ending_check_consent(&retrying->ending);
    if (code == EXIT_CODE_OK)
        code = open_fleet(retrying);
    if (code == EXIT_CODE_OK) {
        retrying->ending.recall = &recall;
        code = ending_run(&retrying->ending);
    }
    fleet_close(&retrying->ending.fleet);
    return code;
}

enum exit_code jobs_retry(struct jobs_command *command)
{
    struct retrying retrying = {.command = command};
    enum exit_code code = EXIT_CODE_USAGE;

    if (command->job.state == JOB_RUNNING) {
        say_error("job %.8s is still running", command->job.id.text);
        say_mend("lastcall jobs wait %.8s waits for its end",
                 command->job.id.text);
        return EXIT_CODE_USAGE;
    }
    if (read_only(command->options, &retrying.outcomes) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    fill_ending(&retrying);
    if (ending_read_pace(&retrying.ending) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    code = retry(&retrying);
    request_deinit(&retrying.ending.request);
    target_deinit(&retrying.ending.target);
    return code;
}
