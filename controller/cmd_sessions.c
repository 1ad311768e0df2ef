/* lastcall sessions: from the retained inventories, or asked afresh */
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"

struct listing {
    struct present present;
    struct target target;
    struct selection selection;
    struct fleet fleet;
    struct output output;
    size_t shown_count;
    size_t missing_count; /* named hosts that cannot be told of */
};

/* One host's inventories, and a word about what they cannot tell. */
static void show_host(struct listing *listing, const struct registry_host *host)
{
    bool is_up = registry_host_is_up(host);

    if (!is_up && listing->target.kind == TARGET_HOSTS)
        listing->missing_count++;
    for (size_t i = 0; i < host->inventory_count; i++) {
        const struct inventory *inventory = &host->inventories[i].inventory;
        const struct record_source source = {
            .host = &host->name,
            .taken_ms = inventory->taken_ms,
            .freshness = !is_up                  ? "offline"
                         : !inventory->reachable ? "unreachable"
                                                 : "current",
            .now_ms = fleet_wall_ms(),
        };

        if (is_up && !inventory->reachable)
            say("%s: server %s cannot be asked: %s", host->name.text,
                inventory->server.text,
                inventory->error_detail[0] != '\0'
                    ? inventory->error_detail
                    : status_text(inventory->error_code));
        if (inventory->truncated)
            say("%s: server %s has %zu sessions, too many to list",
                host->name.text, inventory->server.text,
                inventory->sessions.total_count);
        for (size_t j = 0; j < inventory->sessions.count; j++) {
            const struct session *session = &inventory->sessions.items[j];

            if (!filter_match(&listing->selection.filter, session))
                continue;
            output_record(&listing->output,
                          record_of_session(session, &source));
            listing->shown_count++;
        }
    }
}

static json_t *summary_of(const struct listing *listing)
{
    const struct registry *registry = &listing->fleet.registry;
    json_t *summary = json_object();

    if (summary == NULL ||
        json_put(summary, "sessions",
                 json_integer((json_int_t)listing->shown_count)) !=
            LASTCALL_OK ||
        json_put(summary, "bad_signature",
                 json_integer((json_int_t)registry->refusal_count)) !=
            LASTCALL_OK ||
        json_put(summary, "bad", record_of_refusals(registry)) != LASTCALL_OK) {
        json_decref(summary);
        return NULL;
    }
    return summary;
}

static enum exit_code list_retained(struct listing *listing)
{
    const struct registry *registry = &listing->fleet.registry;
    const struct target *target = &listing->target;
    enum exit_code code = EXIT_CODE_OK;

    present_begin(&listing->present, &record_sessions, present_colour(), stdout,
                  &listing->output);
    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (target_includes(target, &host->name, host->groups,
                            host->group_count))
            show_host(listing, host);
    }
    for (size_t i = 0; i < target->entry_count; i++) {
        struct name name;
        const char *entry = target->entries[i];

        if (target_is_pattern(entry) ||
            name_parse(entry, strlen(entry), &name) != LASTCALL_OK ||
            registry_find(registry, &name) != NULL)
            continue;
        say_error("%s has never published a status", entry);
        listing->missing_count++;
    }
    if (listing->missing_count > 0)
        code = EXIT_CODE_SILENT;
    if (registry->refusal_count > 0)
        code = EXIT_CODE_REFUSED;
    record_say_refusals(registry);
    return present_end(&listing->output, summary_of(listing), code);
}

/* The sessions of an answer to `list`. */
static void show_answer(struct listing *listing,
                        const struct campaign_host *host)
{
    const struct result *result = &host->answer.result;
    const struct record_source source = {
        .host = &host->name,
        .taken_ms = result->finished_ms,
        .freshness = "fresh",
        .now_ms = fleet_wall_ms(),
    };

    for (size_t i = 0; i < result->session_count; i++) {
        if (!result->sessions[i].has_session)
            continue;
        output_record(&listing->output,
                      record_of_session(result->sessions[i].session, &source));
        listing->shown_count++;
    }
    if (!result_is_success(result))
        say_error("%s: %s: %s", host->name.text, status_name(result->code),
                  result->detail);
}

static void answered(void *context, const struct campaign *campaign,
                     const struct campaign_host *host)
{
    struct listing *listing = context;

    (void)campaign;
    if (listing->output.writer->is_live)
        show_answer(listing, host);
}

static enum exit_code list_fresh(struct listing *listing)
{
    const struct request request = {
        .action = ACTION_LIST,
        .backends = BACKEND_SET_ALL,
        .has_where = listing->selection.where != NULL,
        .where = listing->selection.filter,
        .limit = REQUEST_LIMIT_NONE,
        .splay_s = listing->present.splay_s,
    };
    const struct dispatch dispatch = {
        .request = &request,
        .target = &listing->target,
        .timeout_ms = listing->present.timeout_ms,
        .ttl_ms = listing->present.ttl_ms,
        .splay = listing->present.splay,
        .answered = answered,
        .context = listing,
    };
    struct campaign campaign = {0};
    enum exit_code code = EXIT_CODE_BROKER;

    present_begin(&listing->present, &record_sessions, present_colour(), stdout,
                  &listing->output);
    code = dispatch_run(&listing->fleet, &dispatch, &campaign);
    if (code == EXIT_CODE_OK)
        code = record_exit_code(&campaign, &listing->fleet.registry);
    for (size_t i = 0; i < campaign.host_count; i++) {
        const struct campaign_host *host = &campaign.hosts[i];

        if (!host->has_answer)
            say("%s: %s", host->name.text,
                campaign_outcome_name(host->outcome));
        else if (!listing->output.writer->is_live)
            show_answer(listing, host);
    }
    code = present_end(
        &listing->output,
        record_of_campaign(&campaign, &listing->fleet.registry,
                           fleet_now_ms() - listing->present.began_ms),
        code);
    present_say_campaign(&listing->present, &campaign);
    campaign_deinit(&campaign);
    return code;
}

static enum lastcall_status read_all(const struct options *options,
                                     struct listing *listing)
{
    char error[SELECT_ERROR_SIZE] = "";
    enum lastcall_status status = present_read(options, &listing->present);

    if (status == LASTCALL_OK)
        status = target_parse(options, &listing->target, error);
    if (status == LASTCALL_OK)
        status = selection_parse(options, SELECT_FILTER, listing->target.kind,
                                 &listing->selection, error);
    if (error[0] != '\0')
        say_error("%s", error);
    return status;
}

enum exit_code cmd_sessions(const struct options *options)
{
    struct listing listing = {0};
    bool fresh = options_has(options, OPTION_FRESH);
    uint32_t needs = FLEET_NEED_STATUSES |
                     (fresh ? FLEET_NEED_IDENTITY : FLEET_NEED_INVENTORIES);
    enum exit_code code = EXIT_CODE_USAGE;

    if (read_all(options, &listing) == LASTCALL_OK) {
        code = fleet_open(options, needs, &listing.target,
                          listing.present.timeout_ms, &listing.fleet);
        if (code == EXIT_CODE_OK)
            fleet_say_unmatched(&listing.fleet, &listing.target);
        if (code == EXIT_CODE_OK)
            code = fresh ? list_fresh(&listing) : list_retained(&listing);
    }
    fleet_close(&listing.fleet);
    selection_deinit(&listing.selection);
    target_deinit(&listing.target);
    return code;
}
