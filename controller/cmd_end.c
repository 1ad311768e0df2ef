/* lastcall stop, disconnect, logoff, message, end: sessions are touched */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/command.h"
#include "controller/confirm.h"
#include "controller/ending.h"
#include "controller/jobs_record.h"
#include "controller/message.h"
#include "controller/pin.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"
#include "controller/terminal.h"
#include "protocol/text.h"

/* A worker watches a logoff for half a minute: programs take their time to
 * close. */
#define LOGOFF_PATIENCE_MS INT64_C(45000)

/* read_*: the command line */

static enum lastcall_status read_target(struct ending *ending)
{
    char error[SELECT_ERROR_SIZE] = "";
    enum lastcall_status status =
        target_parse(ending->options, &ending->target, error);

    if (status == LASTCALL_OK && ending->target.kind == TARGET_NONE) {
        snprintf(error, sizeof error, "%s",
                 "which hosts? give --host NAME, --group NAME, --hosts-file "
                 "FILE or --all");
        status = LASTCALL_E_SYNTAX;
    }
    if (status == LASTCALL_OK)
        status =
            selection_parse(ending->options, SELECT_ONE, ending->target.kind,
                            &ending->selection, error);
    if (error[0] != '\0')
        say_error("%s", error);
    return status;
}

static enum lastcall_status read_reason(struct ending *ending)
{
    const char *reason = options_value(ending->options, OPTION_REASON);
    size_t chars = 0;

    if (reason == NULL)
        return LASTCALL_OK;
    if (!bytes_is_utf8(reason, strlen(reason))) {
        say_error("--reason is not UTF-8");
        return LASTCALL_E_SYNTAX;
    }
    chars = text_count_chars(reason);
    if (chars < 1 || chars > REQUEST_REASON_CHARS_MAX) {
        say_error("--reason is 1 to %d characters, not %zu",
                  REQUEST_REASON_CHARS_MAX, chars);
        return LASTCALL_E_SYNTAX;
    }
    ending->request.reason = bytes_copy_text(reason);
    return ending->request.reason == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

static enum lastcall_status read_numbers(struct ending *ending)
{
    int64_t confirm_ms = 0;
    enum lastcall_status status = LASTCALL_OK;

    ending->request.limit = REQUEST_LIMIT_NONE;
    ending->expect = ENDING_EXPECT_NONE;
    status = options_count(ending->options, OPTION_LIMIT, REQUEST_LIMIT_MAX,
                           &ending->request.limit);
    if (status == LASTCALL_OK)
        status = options_count(ending->options, OPTION_EXPECT, INT32_MAX,
                               &ending->expect);
    if (status == LASTCALL_OK)
        status = options_duration_ms(ending->options, OPTION_CONFIRM, 0,
                                     &confirm_ms);
    ending->request.confirm_s = (confirm_ms + 999) / 1000;
    if (status == LASTCALL_OK &&
        ending->request.confirm_s > REQUEST_CONFIRM_S_MAX) {
        say_error("--confirm is at most %ds", REQUEST_CONFIRM_S_MAX);
        status = LASTCALL_E_SYNTAX;
    }
    return status;
}

static enum lastcall_status read_share(const struct options *options,
                                       enum option_id id, const char *name,
                                       struct pace_share *out)
{
    const char *value = options_value(options, id);

    if (value == NULL)
        return LASTCALL_OK;
    if (pace_share_parse(value, out) == LASTCALL_OK &&
        (out->number > 0 || id == OPTION_MAX_FAIL))
        return LASTCALL_OK;
    say_error("--%s: \"%s\" is neither a number of hosts up to %d nor a share "
              "of them such as 20%%",
              name, value, PACE_NUMBER_MAX);
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status ending_read_pace(struct ending *ending)
{
    const struct options *options = ending->options;
    struct campaign_pace *pace = &ending->pace;
    enum lastcall_status status =
        read_share(options, OPTION_BATCH, "batch", &pace->batch);

    if (status == LASTCALL_OK)
        status = read_share(options, OPTION_CANARY, "canary", &pace->canary);
    if (status == LASTCALL_OK)
        status =
            read_share(options, OPTION_MAX_FAIL, "max-fail", &pace->max_fail);
    if (status == LASTCALL_OK)
        status = options_duration_ms(options, OPTION_BATCH_WAIT, 0,
                                     &pace->batch_wait_ms);
    if (status == LASTCALL_OK && options_has(options, OPTION_BATCH_WAIT) &&
        !pace->batch.is_given && !pace->canary.is_given) {
        say_error("--batch-wait goes with --batch or --canary");
        status = LASTCALL_E_SYNTAX;
    }
    return status;
}

static enum action action_of(enum command_id command)
{
    if (command == COMMAND_STOP)
        return ACTION_STOP;
    if (command == COMMAND_DISCONNECT)
        return ACTION_DISCONNECT;
    if (command == COMMAND_LOGOFF)
        return ACTION_LOGOFF;
    return command == COMMAND_MESSAGE ? ACTION_MESSAGE : ACTION_END;
}

static void fill_request(struct ending *ending)
{
    struct request *request = &ending->request;
    const struct selection *selection = &ending->selection;

    request->action = action_of(ending->options->command);
    request->backends =
        selection->backends == 0 ? BACKEND_SET_ALL : selection->backends;
    request->server = selection->server;
    request->session_id = selection->session_id;
    request->has_where = selection->where != NULL;
    request->where = selection->filter;
    request->splay_s = ending->present.splay_s;
    request->dry_run = options_has(ending->options, OPTION_DRY_RUN);
    /* Who pressed a button is worth as much as which. */
    request->pass_thru =
        request->wait || options_has(ending->options, OPTION_PASS_THRU);
}

/* How long a host may have good reason to be at it. */
static int64_t patience_ms(const struct request *request)
{
    if (request->action == ACTION_MESSAGE)
        return message_answer_ms(request);
    if (request->action == ACTION_LOGOFF)
        return LOGOFF_PATIENCE_MS + request->confirm_s * 1000;
    return DISPATCH_TIMEOUT_PRESET_MS + request->confirm_s * 1000;
}

/* People and their programs need their time, unless the operator has less. */
static void fill_times(struct ending *ending)
{
    const struct present *present = &ending->present;
    int64_t answer_ms = patience_ms(&ending->request);

    ending->answer_timeout_ms = present->timeout_ms;
    ending->answer_ttl_ms = present->ttl_ms;
    if (!options_has(ending->options, OPTION_TIMEOUT) &&
        answer_ms > present->timeout_ms)
        ending->answer_timeout_ms = answer_ms;
    if (!options_has(ending->options, OPTION_TTL) &&
        answer_ms > present->ttl_ms)
        ending->answer_ttl_ms = answer_ms;
}

static enum lastcall_status read_all(struct ending *ending)
{
    enum lastcall_status status =
        present_read(ending->options, &ending->present);

    if (status == LASTCALL_OK)
        status = read_target(ending);
    if (status == LASTCALL_OK)
        status = read_reason(ending);
    if (status == LASTCALL_OK)
        status = read_numbers(ending);
    if (status == LASTCALL_OK)
        status = ending_read_pace(ending);
    if (status == LASTCALL_OK && ending->options->command == COMMAND_MESSAGE)
        status = message_read(ending->options, &ending->request);
    if (status == LASTCALL_OK) {
        fill_request(ending);
        fill_times(ending);
    }
    return status;
}

enum exit_code ending_check_consent(struct ending *ending)
{
    const char *file = options_value(ending->options, OPTION_HOSTS_FILE);
    bool reads_input = file != NULL && strcmp(file, "-") == 0;

    if (ending->request.dry_run || options_has(ending->options, OPTION_YES))
        return EXIT_CODE_OK;
    if (terminal_is(TERMINAL_INPUT) && terminal_is(TERMINAL_ERROR) &&
        !reads_input) {
        ending->asks = true;
        return EXIT_CODE_OK;
    }
    say_error("there is nobody to ask: nothing was sent");
    say_mend("give --yes to go on without a question, or --dry-run to see "
             "which sessions they would be");
    return EXIT_CODE_UNCONFIRMED;
}

/* One campaign, shown as it comes when the form allows. */

static void answered(void *context, const struct campaign *campaign,
                     const struct campaign_host *host)
{
    struct ending *ending = context;

    (void)campaign;
    if (ending->output.writer != NULL && ending->output.writer->is_live)
        output_record(&ending->output, record_of_answer(host));
}

static json_t *record_at(const void *campaign, size_t index)
{
    return record_of_answer(&((const struct campaign *)campaign)->hosts[index]);
}

/* Hand over the records that the form has not had yet. */
static void show_rest(struct output *output, const struct campaign *campaign)
{
    const struct output_source all = {campaign->host_count, record_at,
                                      campaign};

    if (!output->writer->is_live) {
        output_records(output, &all);
        return;
    }
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (!campaign->hosts[i].has_answer)
            output_record(output, record_at(campaign, i));
    }
}

static const struct output_layout *layout_of(const struct request *request)
{
    if (request->dry_run)
        return &record_plans;
    if (request->wait)
        return &record_replies;
    return request->pass_thru ? &record_results_shown : &record_results;
}

/* Without what a real run has besides: plan, recall, record. */
static struct dispatch dispatch_of(struct ending *ending,
                                   const struct request *request)
{
    struct dispatch dispatch = {
        .request = request,
        .target = &ending->target,
        .timeout_ms = request->dry_run ? ending->present.timeout_ms
                                       : ending->answer_timeout_ms,
        .ttl_ms =
            request->dry_run ? ending->present.ttl_ms : ending->answer_ttl_ms,
        .splay = ending->present.splay,
        .answered = answered,
        .context = ending,
    };

    /* What touches nothing need not be slow. */
    if (!request->dry_run)
        dispatch.pace = ending->pace;
    return dispatch;
}

static enum exit_code run_dry(struct ending *ending,
                              const struct request *request,
                              struct campaign *campaign)
{
    const struct dispatch dispatch = dispatch_of(ending, request);
    enum exit_code code = dispatch_run(&ending->fleet, &dispatch, campaign);

    return code;
}

static bool is_single(const struct ending *ending)
{
    return dispatch_is_single(&ending->target, &ending->pace);
}

/* What is done is kept as a job. */
static enum exit_code run_real(struct ending *ending,
                               const struct campaign *plan,
                               struct campaign *campaign)
{
    struct dispatch dispatch = dispatch_of(ending, &ending->request);
    const struct jobs_record_start start = {
        .options = ending->options,
        .fleet = &ending->fleet,
        .target = &ending->target,
        .request = &ending->request,
        .parent = ending->parent,
        .timeout_ms = dispatch.timeout_ms,
        .ttl_ms = dispatch.ttl_ms,
    };
    struct jobs_record record;
    enum exit_code code = EXIT_CODE_BROKER;

    /* Who shares a message hears it whatever his status says. */
    if (!is_single(ending))
        fleet_link_pass_over(ending->fleet.link, TOPIC_STATUS);
    jobs_record_open(&record, &start);
    dispatch.plan = plan;
    dispatch.recall = ending->recall;
    dispatch.observer = &jobs_record_observer;
    dispatch.observer_context = &record;
    code = dispatch_run(&ending->fleet, &dispatch, campaign);
    if (record.is_open && campaign->host_count > 0)
        ending->job = record.job.id;
    jobs_record_close(&record);
    return code;
}

static enum exit_code run(struct ending *ending, const struct campaign *plan,
                          struct campaign *campaign)
{
    if (ending->request.dry_run)
        return run_dry(ending, &ending->request, campaign);
    return run_real(ending, plan, campaign);
}

/* Whoever did not do it can be asked again. */
static void say_job(const struct ending *ending,
                    const struct campaign *campaign)
{
    if (ending->job.text[0] == '\0' ||
        ending->present.writer != &output_table ||
        campaign->outcome_count[OUTCOME_TRUE] == campaign->host_count)
        return;
    say_mend("lastcall jobs retry %.8s asks the others again",
             ending->job.text);
}

static enum exit_code show(struct ending *ending, struct output *output,
                           const struct campaign *campaign, enum exit_code code)
{
    json_t *summary =
        record_of_campaign(campaign, &ending->fleet.registry,
                           fleet_now_ms() - ending->present.began_ms);

    if (json_object_set_new(summary, "job",
                            ending->job.text[0] == '\0'
                                ? json_null()
                                : json_string(ending->job.text)) != 0) {
        json_decref(summary);
        summary = NULL;
    }
    show_rest(output, campaign);
    code = present_end(output, summary, code);
    present_say_campaign(&ending->present, campaign);
    say_job(ending, campaign);
    return code;
}

/* Show a finished campaign on standard output. */
static enum exit_code show_plan(struct ending *ending,
                                const struct campaign *campaign,
                                enum exit_code code)
{
    struct output output;

    present_begin(&ending->present, &record_plans, present_colour(), stdout,
                  &output);
    /* Nothing was shown while it ran, so everything is left to show. */
    for (size_t i = 0; output.writer->is_live && i < campaign->host_count; i++)
        if (campaign->hosts[i].has_answer)
            output_record(&output, record_of_answer(&campaign->hosts[i]));
    return show(ending, &output, campaign, code);
}

/* The real run. */
static enum exit_code end_sessions(struct ending *ending,
                                   const struct campaign *plan)
{
    struct campaign campaign = {0};
    enum exit_code code = EXIT_CODE_BROKER;

    present_begin(&ending->present, layout_of(&ending->request),
                  present_colour(), stdout, &ending->output);
    code = run(ending, plan, &campaign);
    /* What the fleet says next takes time that the answer needs. */
    fleet_hang_up(&ending->fleet);
    if (code == EXIT_CODE_OK)
        code = record_exit_code(&campaign, &ending->fleet.registry);
    code = show(ending, &ending->output, &campaign, code);
    campaign_deinit(&campaign);
    return code;
}

/* --expect: the number is certain only when everyone who may act has said
 * his own. */
static bool is_expected(const struct ending *ending,
                        const struct campaign_tally *tally)
{
    if (ending->expect == ENDING_EXPECT_NONE)
        return true;
    if (tally->outcomes[OUTCOME_SILENT] > 0) {
        say_error("--expect: %zu host%s did not say how many sessions match; "
                  "nothing was done",
                  tally->outcomes[OUTCOME_SILENT],
                  tally->outcomes[OUTCOME_SILENT] == 1 ? "" : "s");
        return false;
    }
    /* The broker keeps a broadcast for a host that comes back in time. */
    if (!is_single(ending) && tally->outcomes[OUTCOME_OFFLINE] > 0) {
        say_error("--expect: %zu host%s offline and might come back to hear "
                  "it; nothing was done",
                  tally->outcomes[OUTCOME_OFFLINE],
                  tally->outcomes[OUTCOME_OFFLINE] == 1 ? " is" : "s are");
        say_mend("name the hosts, such as --host '*': one that is offline is "
                 "then sent nothing");
        return false;
    }
    if (tally->matched == ending->expect)
        return true;
    say_error("--expect: %lld session%s, not %lld; nothing was done",
              (long long)tally->matched,
              tally->matched == 1 ? " matches" : "s match",
              (long long)ending->expect);
    return false;
}

/* Ids of Windows are small numbers that each host gives anew: a broadcast
 * could not be pinned to what was seen on each. */
static bool is_one_session(const struct ending *ending,
                           const struct campaign *plan)
{
    const char *session_id = ending->request.session_id;
    struct pin pin;
    size_t count = 0;

    if (session_id == NULL || is_single(ending) ||
        (count = pin_of_all(plan, session_id, &pin)) <= 1)
        return true;
    say_error("%zu hosts have a session %s, each another one; nothing was done",
              count, session_id);
    say_mend("name the hosts with --host");
    return false;
}

static int64_t hosts_concerned(const struct campaign *campaign)
{
    int64_t count = 0;

    for (size_t i = 0; i < campaign->host_count; i++)
        count += campaign->hosts[i].has_answer &&
                 campaign->hosts[i].answer.result.succeeded > 0;
    return count;
}

/* Where a reflex is too little: everybody, or the work of several. */
static bool needs_number(const struct ending *ending,
                         const struct campaign_tally *tally)
{
    return ending->target.kind == TARGET_ALL ||
           (ending->request.action == ACTION_LOGOFF && tally->succeeded > 1);
}

/* Show on the terminal what is about to be done, and ask. */
static enum exit_code ask(struct ending *ending, const struct campaign *plan,
                          const struct campaign_tally *tally)
{
    const struct confirm_question question = {
        .kind = needs_number(ending, tally) ? CONFIRM_NUMBER : CONFIRM_YES,
        .action = ending->request.action,
        .sessions = tally->succeeded,
        .hosts = hosts_concerned(plan),
    };
    struct output output;
    enum confirm_answer answer = CONFIRM_DECLINED;

    present_begin(&ending->present, &record_plans,
                  terminal_has_colour(TERMINAL_ERROR) ? OUTPUT_COLOURED
                                                      : OUTPUT_PLAIN,
                  stderr, &output);
    for (size_t i = 0; i < plan->host_count; i++)
        output_record(&output, record_of_answer(&plan->hosts[i]));
    if (present_end(&output, json_object(), EXIT_CODE_OK) != EXIT_CODE_OK)
        return EXIT_CODE_BROKER;
    answer = confirm_ask(&question);
    switch (answer) {
    case CONFIRM_GO:
        return EXIT_CODE_OK;
    case CONFIRM_INTERRUPTED:
        return EXIT_CODE_INTERRUPTED;
    case CONFIRM_DECLINED:
        break;
    }
    say_error("not confirmed: nothing was done");
    return EXIT_CODE_UNCONFIRMED;
}

/* A dry run first, then what it allows. */
static enum exit_code plan_and_end(struct ending *ending)
{
    struct campaign plan = {0};
    struct campaign_tally tally;
    struct request question = ending->request;
    enum exit_code code = EXIT_CODE_BROKER;

    question.dry_run = true;
    code = run_dry(ending, &question, &plan);
    campaign_tally(&plan, &tally);
    if (code != EXIT_CODE_OK)
        goto out;
    code = record_exit_code(&plan, &ending->fleet.registry);
    if (code != EXIT_CODE_INTERRUPTED && !is_expected(ending, &tally))
        code = EXIT_CODE_STOPPED;
    else if (!ending->request.dry_run && !is_one_session(ending, &plan))
        code = EXIT_CODE_USAGE;
    if (code == EXIT_CODE_INTERRUPTED || code == EXIT_CODE_STOPPED ||
        code == EXIT_CODE_USAGE || tally.succeeded == 0 ||
        ending->request.dry_run) {
        code = show_plan(ending, &plan, code);
        goto out;
    }
    code = ending->asks ? ask(ending, &plan, &tally) : EXIT_CODE_OK;
    if (code == EXIT_CODE_OK)
        code = end_sessions(ending, &plan);
out:
    campaign_deinit(&plan);
    return code;
}

enum exit_code ending_run(struct ending *ending)
{
    record_say_refusals(&ending->fleet.registry);
    return ending->asks || ending->expect != ENDING_EXPECT_NONE
               ? plan_and_end(ending)
               : end_sessions(ending, NULL);
}

enum exit_code cmd_end(const struct options *options)
{
    struct ending ending = {.options = options};
    enum lastcall_status status = read_all(&ending);
    enum exit_code code =
        status == LASTCALL_OK ? ending_check_consent(&ending) : EXIT_CODE_USAGE;

    if (code == EXIT_CODE_OK)
        code = fleet_open(options, FLEET_NEED_STATUSES | FLEET_NEED_IDENTITY,
                          &ending.target, ending.present.timeout_ms,
                          &ending.fleet);
    if (code == EXIT_CODE_OK) {
        fleet_say_unmatched(&ending.fleet, &ending.target);
        code = ending_run(&ending);
    }
    fleet_close(&ending.fleet);
    free(ending.request.reason);
    free(ending.request.title);
    free(ending.request.message);
    free(ending.request.style);
    selection_deinit(&ending.selection);
    target_deinit(&ending.target);
    return code;
}
