/* lastcall maintenance: windows in which hosts are emptied */
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/confirm.h"
#include "controller/fleet.h"
#include "controller/plan_options.h"
#include "controller/plan_progress.h"
#include "controller/plan_send.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"
#include "controller/terminal.h"
#include "protocol/moment.h"

/* How long hosts may take to tell of a plan that they were sent. */
#define TOLD_MS 5000
/* Messages that are read before the rows are looked at. */
#define READ_MAX 4096

struct planning {
    const struct options *options;
    struct present present;
    struct target target;
    struct fleet fleet;
    struct maintenance plan; /* what is to be published */
    struct plan_send sending;
};

/* ---- words ---- */

struct verb {
    const char *name;
    enum exit_code (*run)(struct planning *planning);
    size_t argument_count;
};

static enum exit_code run_start(struct planning *planning);
static enum exit_code run_status(struct planning *planning);
static enum exit_code run_cancel(struct planning *planning);

static const struct verb verbs[] = {
    {"start", run_start, 1},
    {"status", run_status, 2},
    {"cancel", run_cancel, 2},
};

/* The plan that the line names; LASTCALL_E_SYNTAX where it names none. */
static enum lastcall_status read_plan_name(const struct planning *planning,
                                           struct name *out)
{
    const char *text = planning->options->argument_count > 1
                           ? planning->options->arguments[1]
                           : "";

    return name_parse(text, strlen(text), out);
}

static const struct verb *find_verb(const struct options *options)
{
    static const enum option_id of_start[] = {
        OPTION_AT,     OPTION_FOR,     OPTION_WARN,    OPTION_PLAN_MESSAGE,
        OPTION_ACTION, OPTION_ENFORCE, OPTION_PLAN_ID, OPTION_REASON};
    const struct verb *found = NULL;

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(options->arguments[0], verbs[i].name) == 0)
            found = &verbs[i];
    }
    if (found == NULL) {
        say_error("maintenance start, status or cancel, not \"%s\"",
                  options->arguments[0]);
        return NULL;
    }
    if (options->argument_count > found->argument_count) {
        say_error("one word too many: %s", options->arguments[1]);
        return NULL;
    }
    for (size_t i = 0; i < sizeof of_start / sizeof of_start[0]; i++) {
        if (found != &verbs[0] && options_has(options, of_start[i])) {
            say_error("maintenance %s does not take the flags of a new plan",
                      found->name);
            return NULL;
        }
    }
    return found;
}

static enum exit_code open_fleet(struct planning *planning, uint32_t needs)
{
    static const struct target everybody = {.kind = TARGET_ALL};
    enum exit_code code = fleet_open(
        planning->options, needs | FLEET_NEED_STATUSES | FLEET_NEED_PLANS,
        &everybody, planning->present.timeout_ms, &planning->fleet);

    if (code == EXIT_CODE_OK) {
        record_say_refusals(&planning->fleet.registry);
        if (planning->fleet.plans.refused_count > 0)
            say_error("%zu retained plans are refused: no controller of this "
                      "fleet signed them",
                      planning->fleet.plans.refused_count);
    }
    return code;
}

static enum exit_code exit_of(enum lastcall_status status)
{
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    return status == LASTCALL_E_CLOSED ? EXIT_CODE_INTERRUPTED
                                       : EXIT_CODE_BROKER;
}

/* ---- what the fleet tells ---- */

static struct plan_view view_of(const struct planning *planning,
                                const struct name *id)
{
    return (struct plan_view){
        .registry = &planning->fleet.registry,
        .plans = &planning->fleet.plans,
        .id = id,
        .target = &planning->target,
    };
}

static struct plan_account add_up(const struct planning *planning,
                                  const struct name *id)
{
    const struct plan_view view = view_of(planning, id);
    struct plan_account account;
    /* Nothing is shown: nothing can fail. */
    enum lastcall_status status =
        plan_progress_take(&view, NULL, NULL, fleet_wall_ms(), &account);

    (void)status;
    return account;
}

/* End an answer, for a person with a line that adds it up. */
static enum exit_code end(const struct planning *planning,
                          struct output *output,
                          const struct plan_account *account,
                          const struct name *id, enum exit_code code)
{
    char line[PLAN_PROGRESS_TEXT_SIZE];

    if (code == EXIT_CODE_OK && planning->fleet.plans.refused_count > 0)
        code = EXIT_CODE_REFUSED;
    code = present_end(output, plan_progress_summary(account, id), code);
    if (planning->present.writer != &output_table)
        return code;
    plan_progress_format(account, id, line);
    if (account->rows == 0 && id != NULL)
        say("no host that is known has a plan %s", id->text);
    else if (account->rows == 0)
        say("no host that is known has a plan");
    else
        say("%s%s", line, code == EXIT_CODE_INTERRUPTED ? "; interrupted" : "");
    return code;
}

static enum exit_code show(struct planning *planning, const struct name *id,
                           enum exit_code code)
{
    const struct plan_view view = view_of(planning, id);
    struct output output;
    struct plan_account account;

    present_begin(&planning->present, &plan_rows_layout, present_colour(),
                  stdout, &output);
    if (plan_progress_take(&view, NULL, &output, fleet_wall_ms(), &account) !=
        LASTCALL_OK)
        code = EXIT_CODE_BROKER;
    return end(planning, &output, &account, id, code);
}

/* What has become of a plan that was just published. */
static enum exit_code code_of(const struct plan_account *account)
{
    if (account->refused > 0)
        return EXIT_CODE_REFUSED;
    if (account->untold + account->offline > 0)
        return EXIT_CODE_SILENT;
    return EXIT_CODE_OK;
}

/* How a plan has gone that was followed to its end. */
static enum exit_code code_of_end(const struct plan_account *account)
{
    const enum exit_code code = code_of(account);

    return code != EXIT_CODE_REFUSED && account->failed > 0 ? EXIT_CODE_FALSE
                                                            : code;
}

/* Read what hosts say: wait for the first word, and take what else has come,
 * since to look at all the rows takes longer than to read. */
static enum lastcall_status read_more(struct planning *planning,
                                      int64_t until_ms)
{
    for (size_t i = 0; i < READ_MAX; i++) {
        struct fleet_event event = {0};
        enum fleet_event_kind kind = FLEET_TIMEOUT;

        fleet_link_next(planning->fleet.link, i == 0 ? until_ms : 0, &event);
        if (event.kind == FLEET_MESSAGE)
            (void)fleet_handle(&planning->fleet, &event);
        kind = event.kind;
        fleet_event_deinit(&event);
        if (kind == FLEET_INTERRUPTED)
            return LASTCALL_E_CLOSED;
        if (kind == FLEET_TIMEOUT)
            return i == 0 ? LASTCALL_TIMEOUT : LASTCALL_OK;
    }
    return LASTCALL_OK;
}

static enum exit_code await_told(struct planning *planning)
{
    const int64_t until_ms =
        fleet_now_ms() + (planning->present.timeout_ms < TOLD_MS
                              ? planning->present.timeout_ms
                              : TOLD_MS);
    const struct name *id = &planning->plan.id;
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && add_up(planning, id).untold > 0)
        status = read_more(planning, until_ms);
    return status == LASTCALL_E_CLOSED ? EXIT_CODE_INTERRUPTED : EXIT_CODE_OK;
}

/* ---- following ---- */

/* The last line of the terminal: where the fleet stands. */
static void show_line(const struct plan_account *account, const struct name *id)
{
    const size_t width = terminal_width(TERMINAL_ERROR);
    char line[PLAN_PROGRESS_TEXT_SIZE];

    if (!terminal_is(TERMINAL_ERROR))
        return;
    plan_progress_format(account, id, line);
    if (width > 1 && strlen(line) >= width)
        line[width - 1] = '\0';
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

static void clear_line(void)
{
    if (!terminal_is(TERMINAL_ERROR))
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* Show each row when it changes, until nothing is left to come. */
static enum lastcall_status stream(struct planning *planning,
                                   const struct name *id, struct output *output,
                                   struct plan_account *account)
{
    const struct plan_view view = view_of(planning, id);
    struct plan_shown shown = {0};
    enum lastcall_status status = LASTCALL_OK;
    bool goes_on = true;

    while (goes_on) {
        clear_line();
        status =
            plan_progress_take(&view, &shown, output, fleet_wall_ms(), account);
        goes_on = status == LASTCALL_OK && account->unfinished > 0 &&
                  (output == NULL || output->status == LASTCALL_OK);
        if (!goes_on)
            break;
        show_line(account, id);
        status = read_more(planning, fleet_now_ms() + TOLD_MS);
        goes_on = status != LASTCALL_E_CLOSED;
    }
    clear_line();
    plan_shown_deinit(&shown);
    return status;
}

/* Follow plans to their end.  One document, such as json, is written then. */
static enum exit_code follow(struct planning *planning, const struct name *id)
{
    const bool is_one = planning->present.writer != &output_table &&
                        planning->present.writer != &output_ndjson;
    struct present present = planning->present;
    struct output output;
    struct plan_account account;
    enum lastcall_status status = LASTCALL_OK;
    enum exit_code code = EXIT_CODE_OK;

    if (present.writer == &output_table)
        present.writer = &output_table_live;
    if (!is_one)
        present_begin(&present, &plan_rows_layout, present_colour(), stdout,
                      &output);
    status = stream(planning, id, is_one ? NULL : &output, &account);
    if (status == LASTCALL_E_CLOSED)
        code = EXIT_CODE_INTERRUPTED;
    else if (status == LASTCALL_E_NOMEM)
        code = EXIT_CODE_BROKER;
    else if (planning->sending.count > 0)
        code = code_of_end(&account);
    return is_one ? show(planning, id, code)
                  : end(planning, &output, &account, id, code);
}

/* ---- the verbs ---- */

static enum exit_code ask(const struct planning *planning, const char *sentence)
{
    if (options_has(planning->options, OPTION_YES))
        return EXIT_CODE_OK;
    if (!terminal_is(TERMINAL_INPUT) || !terminal_is(TERMINAL_ERROR)) {
        say_error("there is nobody to ask: nothing was published");
        say_mend("give --yes to go on without a question");
        return EXIT_CODE_UNCONFIRMED;
    }
    switch (confirm_ask_about(sentence)) {
    case CONFIRM_GO:
        return EXIT_CODE_OK;
    case CONFIRM_INTERRUPTED:
        return EXIT_CODE_INTERRUPTED;
    case CONFIRM_DECLINED:
        break;
    }
    say_error("not confirmed: nothing was published");
    return EXIT_CODE_UNCONFIRMED;
}

/* Whose sessions, where: "sessions where USERNAME of the group office". */
static void describe(const struct planning *planning, char *out, size_t size)
{
    const struct target *target = &planning->target;
    const struct maintenance *plan = &planning->plan;
    char hosts[CONFIRM_SENTENCE_SIZE] = "every host";

    if (target->kind == TARGET_GROUP)
        snprintf(hosts, sizeof hosts, "the group %s", target->group.text);
    else if (target->kind == TARGET_HOSTS && target->entry_count == 1)
        snprintf(hosts, sizeof hosts, "the host %.63s", target->entries[0]);
    else if (target->kind == TARGET_HOSTS)
        snprintf(hosts, sizeof hosts, "%zu hosts that are named",
                 target->entry_count);
    if (plan->has_where)
        snprintf(out, size, "the sessions of %s where %s", hosts,
                 plan->where.text);
    else
        snprintf(out, size, "all sessions of %s", hosts);
}

static enum exit_code ask_start(const struct planning *planning)
{
    const struct maintenance *plan = &planning->plan;
    char whose[FILTER_TEXT_MAX + CONFIRM_SENTENCE_SIZE];
    char sentence[sizeof whose + CONFIRM_SENTENCE_SIZE];
    char starts[MOMENT_TEXT_SIZE];
    char ends[MOMENT_TEXT_SIZE];

    moment_format(plan->starts_ms, starts);
    moment_format(plan->ends_ms, ends);
    describe(planning, whose, sizeof whose);
    snprintf(sentence, sizeof sentence,
             "The plan %s: \"%s\" at %.19sZ%s%.19sZ, for %s; %zu warning%s.",
             plan->id.text, action_name(plan->action), starts,
             plan->enforce ? ", for new sessions too, until "
                           : "; it is over at ",
             ends, whose, plan->warn_count, plan->warn_count == 1 ? "" : "s");
    return ask(planning, sentence);
}

/* Publish the plan, and wait for what the hosts make of it. */
static enum exit_code publish(struct planning *planning)
{
    const struct plan_span span =
        plan_send_span(&planning->sending, fleet_wall_ms() / 1000);
    struct plan_account account;
    enum exit_code code =
        exit_of(plan_send_publish(&planning->sending, span.iat_s, span.exp_s));

    if (code == EXIT_CODE_OK)
        code = await_told(planning);
    if (code != EXIT_CODE_OK)
        return code;
    account = add_up(planning, &planning->plan.id);
    return code_of(&account);
}

static enum exit_code run_start(struct planning *planning)
{
    enum exit_code code = EXIT_CODE_USAGE;
    enum lastcall_status status = LASTCALL_OK;

    if (planning->target.kind == TARGET_NONE) {
        say_error("which hosts? --all, --group, --host or --hosts-file");
        return code;
    }
    if (plan_options_read(planning->options, fleet_wall_ms(),
                          &planning->plan) != LASTCALL_OK)
        return code;
    code = ask_start(planning);
    if (code == EXIT_CODE_OK)
        code = open_fleet(planning, FLEET_NEED_IDENTITY);
    if (code == EXIT_CODE_OK)
        code = plan_send_check_foreign(&planning->sending);
    if (code != EXIT_CODE_OK)
        return code;
    status = plan_send_add_target(&planning->sending, &planning->target);
    if (status == LASTCALL_OK && planning->sending.count == 0) {
        say_error("no known host belongs to that target; nothing was "
                  "published");
        return EXIT_CODE_USAGE;
    }
    if (status != LASTCALL_OK) {
        say_error("the plan could not be made: %s", status_text(status));
        return EXIT_CODE_BROKER;
    }
    code = publish(planning);
    if (planning->sending.taken_count == 0)
        return code; /* there is nothing to show */
    if (options_has(planning->options, OPTION_FOLLOW) &&
        code != EXIT_CODE_BROKER && code != EXIT_CODE_INTERRUPTED)
        return follow(planning, &planning->plan.id);
    return show(planning, &planning->plan.id, code);
}

static enum exit_code run_status(struct planning *planning)
{
    struct name id;
    const struct name *only = NULL;
    enum exit_code code = EXIT_CODE_OK;

    if (planning->options->argument_count > 1) {
        if (read_plan_name(planning, &id) != LASTCALL_OK) {
            say_error("\"%s\" is no plan's name",
                      planning->options->arguments[1]);
            return EXIT_CODE_USAGE;
        }
        only = &id;
    }
    code = open_fleet(planning, 0);
    if (code != EXIT_CODE_OK)
        return code;
    return options_has(planning->options, OPTION_FOLLOW)
               ? follow(planning, only)
               : show(planning, only, EXIT_CODE_OK);
}

/* For where a plan is to be cancelled. */
struct search {
    struct planning *planning;
    enum lastcall_status status;
    int64_t exp_s;
};

/* A host that holds a plan which the broker has lost. */
static void add_holder(void *context, const struct plan_row *row)
{
    struct search *search = context;
    struct plan_send *sending = &search->planning->sending;

    if (row->plan != NULL || search->status != LASTCALL_OK)
        return;
    search->status = plan_send_add(sending, ADDRESS_HOST, &row->host->name);
    if (row->status->ends_ms / 1000 + PLAN_EXPIRY_S > search->exp_s)
        search->exp_s = row->status->ends_ms / 1000 + PLAN_EXPIRY_S;
}

/* Wherever the plan is retained, and to whoever holds it all the same. */
static enum lastcall_status add_everywhere(struct search *search)
{
    struct planning *planning = search->planning;
    const struct plans *plans = &planning->fleet.plans;
    static const struct target everybody = {.kind = TARGET_NONE};

    for (size_t i = 0; i < plans->count && search->status == LASTCALL_OK; i++) {
        const struct plan *plan = &plans->items[i];

        if (strcmp(plan->body.id.text, planning->plan.id.text) == 0)
            search->status = plan_send_add(
                &planning->sending, plan->address.kind, &plan->address.name);
    }
    plan_rows_each(&planning->fleet.registry, plans, &planning->plan.id,
                   &everybody, add_holder, search);
    return search->status;
}

static enum lastcall_status cancel(struct planning *planning)
{
    const struct plan_span span =
        plan_send_span(&planning->sending, fleet_wall_ms() / 1000);
    struct search search = {planning, LASTCALL_OK, span.exp_s};
    const enum lastcall_status status = add_everywhere(&search);

    return status == LASTCALL_OK
               ? plan_send_publish(&planning->sending, span.iat_s, search.exp_s)
               : status;
}

static enum exit_code run_cancel(struct planning *planning)
{
    char sentence[CONFIRM_SENTENCE_SIZE];
    struct plan_account account;
    enum exit_code code = EXIT_CODE_USAGE;

    if (read_plan_name(planning, &planning->plan.id) != LASTCALL_OK) {
        say_error("which plan? lastcall maintenance status lists them");
        return code;
    }
    if (planning->target.kind != TARGET_NONE) {
        say_error("a plan is cancelled for every host that it is for; nothing "
                  "was published");
        return code;
    }
    planning->plan.cancelled = true;
    planning->plan.action = ACTION_END;
    snprintf(sentence, sizeof sentence,
             "The plan %s will be cancelled on every host.",
             planning->plan.id.text);
    code = ask(planning, sentence);
    if (code == EXIT_CODE_OK)
        code = open_fleet(planning, FLEET_NEED_IDENTITY);
    if (code == EXIT_CODE_OK)
        code = plan_send_check_foreign(&planning->sending);
    if (code != EXIT_CODE_OK)
        return code;
    code = exit_of(cancel(planning));
    if (code == EXIT_CODE_OK && planning->sending.count == 0) {
        say_error("there is no plan %s", planning->plan.id.text);
        say_mend("lastcall maintenance status lists them");
        return EXIT_CODE_USAGE;
    }
    if (code == EXIT_CODE_OK)
        code = await_told(planning);
    if (planning->sending.taken_count == 0)
        return code;
    account = add_up(planning, &planning->plan.id);
    if (code == EXIT_CODE_OK && account.untold + account.offline > 0)
        code = EXIT_CODE_SILENT;
    return show(planning, &planning->plan.id, code);
}

enum exit_code cmd_maintenance(const struct options *options)
{
    struct planning planning = {.options = options};
    const struct verb *verb = find_verb(options);
    char error[SELECT_ERROR_SIZE] = "";
    enum exit_code code = EXIT_CODE_USAGE;

    if (verb == NULL || present_read(options, &planning.present) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    planning.sending = (struct plan_send){
        .fleet = &planning.fleet,
        .plan = &planning.plan,
        .timeout_ms = planning.present.timeout_ms,
    };
    if (target_parse(options, &planning.target, error) != LASTCALL_OK)
        say_error("%s", error);
    else
        code = verb->run(&planning);
    fleet_close(&planning.fleet);
    maintenance_deinit(&planning.plan);
    target_deinit(&planning.target);
    plan_send_deinit(&planning.sending);
    return code;
}
