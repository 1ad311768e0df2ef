/* lastcall maintenance: windows in which hosts are emptied */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/confirm.h"
#include "controller/fleet.h"
#include "controller/plan_options.h"
#include "controller/plan_rows.h"
#include "controller/plan_send.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"
#include "controller/terminal.h"
#include "protocol/moment.h"

/* How long hosts may take to tell of a plan that they were sent. */
#define TOLD_MS 5000

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

/* What the rows add up to. */
struct account {
    struct planning *planning;
    struct output *output; /* NULL: only count */
    size_t rows, open, offline, refused, failed;
};

static void count_row(void *context, const struct plan_row *row)
{
    struct account *account = context;
    const struct status_plan *told = row->is_told ? row->status : NULL;

    account->rows++;
    if (!registry_host_is_up(row->host))
        account->offline++;
    else if (told == NULL)
        account->open++;
    if (told != NULL && told->phase == PLAN_REFUSED)
        account->refused++;
    else if (told != NULL)
        account->failed += plan_row_has_failed(row);
    if (account->output != NULL)
        output_record(account->output, plan_row_record(row));
}

static struct account add_up(struct planning *planning, const struct name *id,
                             struct output *output)
{
    struct account account = {.planning = planning, .output = output};

    plan_rows_each(&planning->fleet.registry, &planning->fleet.plans, id,
                   &planning->target, count_row, &account);
    return account;
}

static json_t *summary_of(const struct account *account, const struct name *id)
{
    json_t *summary = json_object();

    if (summary == NULL ||
        json_put(summary, "plan",
                 id == NULL ? json_null() : json_string(id->text)) !=
            LASTCALL_OK ||
        json_put(summary, "rows", json_integer((json_int_t)account->rows)) !=
            LASTCALL_OK ||
        json_put(summary, "offline",
                 json_integer((json_int_t)account->offline)) != LASTCALL_OK ||
        json_put(summary, "untold", json_integer((json_int_t)account->open)) !=
            LASTCALL_OK ||
        json_put(summary, "refused",
                 json_integer((json_int_t)account->refused)) != LASTCALL_OK) {
        json_decref(summary);
        return NULL;
    }
    return summary;
}

static enum exit_code show(struct planning *planning, const struct name *id,
                           enum exit_code code)
{
    struct output output;
    struct account account;

    present_begin(&planning->present, &plan_rows_layout, present_colour(),
                  stdout, &output);
    account = add_up(planning, id, &output);
    if (code == EXIT_CODE_OK && planning->fleet.plans.refused_count > 0)
        code = EXIT_CODE_REFUSED;
    return present_end(&output, summary_of(&account, id), code);
}

/* What has become of a plan that was just published. */
static enum exit_code code_of(const struct account *account)
{
    if (account->refused > 0)
        return EXIT_CODE_REFUSED;
    if (account->open + account->offline > 0)
        return EXIT_CODE_SILENT;
    return EXIT_CODE_OK;
}

/* Read what hosts say for a while; LASTCALL_OK when a status came. */
static enum lastcall_status read_more(struct planning *planning,
                                      int64_t until_ms)
{
    struct fleet_event event = {0};
    enum lastcall_status status = LASTCALL_OK;

    fleet_link_next(planning->fleet.link, until_ms, &event);
    if (event.kind == FLEET_MESSAGE)
        (void)fleet_handle(&planning->fleet, &event);
    else if (event.kind == FLEET_TIMEOUT)
        status = LASTCALL_TIMEOUT;
    else if (event.kind == FLEET_INTERRUPTED)
        status = LASTCALL_E_CLOSED;
    fleet_event_deinit(&event);
    return status;
}

static bool has_open_row(struct planning *planning, const struct name *id)
{
    return add_up(planning, id, NULL).open > 0;
}

static enum exit_code await_told(struct planning *planning)
{
    const int64_t until_ms =
        fleet_now_ms() + (planning->present.timeout_ms < TOLD_MS
                              ? planning->present.timeout_ms
                              : TOLD_MS);
    const struct name *id = &planning->plan.id;
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && has_open_row(planning, id))
        status = read_more(planning, until_ms);
    return status == LASTCALL_E_CLOSED ? EXIT_CODE_INTERRUPTED : EXIT_CODE_OK;
}

/* ---- following ---- */

static void note_open(void *context, const struct plan_row *row)
{
    *(bool *)context =
        *(bool *)context || !plan_row_is_over(row, fleet_wall_ms());
}

static bool is_over(struct planning *planning, const struct name *id)
{
    bool is_open = false;

    plan_rows_each(&planning->fleet.registry, &planning->fleet.plans, id,
                   &planning->target, note_open, &is_open);
    return !is_open;
}

/* What the rows look like, to see that something has changed. */
struct picture {
    uint64_t sum;
};

static void draw(void *context, const struct plan_row *row)
{
    struct picture *picture = context;
    const struct status_plan *told = row->status;
    const int64_t parts[] = {(int64_t)strlen(row->phase),
                             row->phase[0],
                             told == NULL ? -1 : (int64_t)told->phase,
                             told == NULL ? -1 : told->warned,
                             told == NULL ? -1 : told->ended,
                             told == NULL ? -1 : told->failed};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        picture->sum =
            picture->sum * UINT64_C(1099511628211) ^ (uint64_t)parts[i];
}

static uint64_t picture_of(struct planning *planning, const struct name *id)
{
    struct picture picture = {0};

    plan_rows_each(&planning->fleet.registry, &planning->fleet.plans, id,
                   &planning->target, draw, &picture);
    return picture.sum;
}

/* How a plan has gone that was followed to its end. */
static enum exit_code code_of_end(struct planning *planning)
{
    const struct account account = add_up(planning, &planning->plan.id, NULL);
    const enum exit_code code = code_of(&account);

    return code != EXIT_CODE_REFUSED && account.failed > 0 ? EXIT_CODE_FALSE
                                                           : code;
}

/* Show the rows whenever they change, until nothing is left to come; one
 * document, such as json, is shown at the end. */
static enum exit_code follow(struct planning *planning, const struct name *id)
{
    const bool is_one = planning->present.writer != &output_table &&
                        planning->present.writer != &output_ndjson;
    uint64_t shown = picture_of(planning, id);
    enum exit_code code =
        is_one ? EXIT_CODE_OK : show(planning, id, EXIT_CODE_OK);

    while (code == EXIT_CODE_OK && !is_over(planning, id)) {
        const enum lastcall_status status =
            read_more(planning, fleet_now_ms() + TOLD_MS);

        if (status == LASTCALL_E_CLOSED)
            code = EXIT_CODE_INTERRUPTED;
        if (is_one || code != EXIT_CODE_OK || picture_of(planning, id) == shown)
            continue;
        shown = picture_of(planning, id);
        if (planning->present.writer == &output_table)
            fputc('\n', stdout);
        code = show(planning, id, code);
    }
    if (code == EXIT_CODE_OK && planning->sending.count > 0)
        code = code_of_end(planning);
    return is_one ? show(planning, id, code) : code;
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

static enum exit_code publish_and_show(struct planning *planning)
{
    const struct plan_span span =
        plan_send_span(&planning->sending, fleet_wall_ms() / 1000);
    enum exit_code code = EXIT_CODE_OK;

    code =
        exit_of(plan_send_publish(&planning->sending, span.iat_s, span.exp_s));
    if (code == EXIT_CODE_OK)
        code = await_told(planning);
    if (code == EXIT_CODE_OK) {
        const struct account account =
            add_up(planning, &planning->plan.id, NULL);

        code = code_of(&account);
    }
    return code;
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
    code = publish_and_show(planning);
    if (code == EXIT_CODE_BROKER || code == EXIT_CODE_INTERRUPTED)
        return code;
    if (options_has(planning->options, OPTION_FOLLOW))
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
    struct account account;
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
    if (code != EXIT_CODE_OK)
        return code;
    account = add_up(planning, &planning->plan.id, NULL);
    return show(planning, &planning->plan.id,
                account.open + account.offline > 0 ? EXIT_CODE_SILENT
                                                   : EXIT_CODE_OK);
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
