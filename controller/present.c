#include "controller/present.h"

#include <stdio.h>

#include "controller/records.h"
#include "controller/say.h"
#include "controller/terminal.h"
#include "protocol/io/config.h"
#include "protocol/moment.h"

/* No host accepts a longer lifetime unless its owner says so. */
#define TTL_MAX_MS (INT64_C(24) * 3600 * 1000)
#define UNKNOWN_SAID_MAX 10

/* Unlike other times it may be none at all. */
static enum lastcall_status read_splay(const struct options *options,
                                       struct present *out)
{
    const char *value = options_value(options, OPTION_SPLAY);
    int64_t ms = 0;

    if (value == NULL)
        return LASTCALL_OK;
    if (config_parse_duration(value, &ms) != LASTCALL_OK ||
        ms > REQUEST_SPLAY_S_MAX * INT64_C(1000)) {
        say_error("--splay: \"%s\" is no length of time up to 1h; write 0, 10s "
                  "or 2m",
                  value);
        return LASTCALL_E_SYNTAX;
    }
    out->splay = DISPATCH_SPLAY_SET;
    out->splay_s = (ms + 999) / 1000;
    return LASTCALL_OK;
}

enum lastcall_status present_read(const struct options *options,
                                  struct present *out)
{
    const char *form = options_value(options, OPTION_OUTPUT);
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct present){
        .command = command_table[options->command].name,
        .writer = form == NULL ? &output_table : output_find(form),
        .began_ms = fleet_now_ms(),
    };
    if (out->writer == NULL) {
        say_error("--output is table, json, ndjson, csv or names, not \"%s\"",
                  form);
        return LASTCALL_E_SYNTAX;
    }
    status = options_duration_ms(options, OPTION_TIMEOUT,
                                 DISPATCH_TIMEOUT_PRESET_MS, &out->timeout_ms);
    if (status == LASTCALL_OK)
        status = options_duration_ms(options, OPTION_TTL,
                                     DISPATCH_TTL_PRESET_MS, &out->ttl_ms);
    if (status == LASTCALL_OK &&
        (out->ttl_ms > TTL_MAX_MS || out->timeout_ms > TTL_MAX_MS)) {
        say_error("--timeout and --ttl are at most 24h");
        status = LASTCALL_E_SYNTAX;
    }
    return status == LASTCALL_OK ? read_splay(options, out) : status;
}

static json_t *head_of(const struct present *present)
{
    json_t *head = json_object();
    char now[MOMENT_TEXT_SIZE];

    moment_format(fleet_wall_ms(), now);
    if (head == NULL ||
        json_put(head, "command", json_string(present->command)) !=
            LASTCALL_OK ||
        json_put(head, "started_at", json_string(now)) != LASTCALL_OK) {
        json_decref(head);
        return NULL;
    }
    return head;
}

void present_begin(const struct present *present,
                   const struct output_layout *layout,
                   enum output_colour colour, FILE *stream, struct output *out)
{
    *out = (struct output){
        .colour = colour,
        .width =
            terminal_width(stream == stderr ? TERMINAL_ERROR : TERMINAL_OUTPUT),
        .now_ms = fleet_wall_ms()};
    output_begin(out, stream == stderr ? &output_table : present->writer,
                 layout, stream, head_of(present));
}

enum output_colour present_colour(void)
{
    return terminal_has_colour(TERMINAL_OUTPUT) ? OUTPUT_COLOURED
                                                : OUTPUT_PLAIN;
}

enum exit_code present_end(struct output *output, json_t *summary,
                           enum exit_code code)
{
    enum lastcall_status status = output_end(output, summary, code);

    if (status == LASTCALL_OK)
        return code;
    say_error("the answer could not be written: %s", status_text(status));
    return code == EXIT_CODE_OK ? EXIT_CODE_BROKER : code;
}

/* Silent, and never heard of: most likely a name that was misspelt. */
static void say_unknown(const struct campaign *campaign)
{
    size_t count = 0;

    for (size_t i = 0; i < campaign->host_count; i++) {
        const struct campaign_host *host = &campaign->hosts[i];

        if (host->presence != PRESENCE_UNKNOWN ||
            host->outcome != OUTCOME_SILENT)
            continue;
        if (++count <= UNKNOWN_SAID_MAX)
            say_error("%s has never published a status", host->name.text);
    }
    if (count > UNKNOWN_SAID_MAX)
        say_error("and %zu more", count - UNKNOWN_SAID_MAX);
}

static void say_stop(const struct campaign *campaign)
{
    const struct pacer *pacer = &campaign->pacer;

    if (pacer->phase == PACE_STOPPED_BY_CANARY)
        say_error("stopped: one of the first %zu host%s did not succeed",
                  pacer->canary, pacer->canary == 1 ? "" : "s");
    else if (pacer->phase == PACE_STOPPED_BY_FAILURES)
        say_error("stopped: more than %zu host%s failed", pacer->max_fail,
                  pacer->max_fail == 1 ? "" : "s");
}

void present_say_campaign(const struct present *present,
                          const struct campaign *campaign)
{
    struct campaign_tally tally;
    char rest[40] = "";

    record_say_bad(campaign);
    say_unknown(campaign);
    if (present->writer != &output_table || campaign->host_count == 0)
        return;
    campaign_tally(campaign, &tally);
    if (tally.outcomes[OUTCOME_UNSENT] > 0)
        snprintf(rest, sizeof rest, ", %zu unsent",
                 tally.outcomes[OUTCOME_UNSENT]);
    say("%zu host%s: %zu true, %zu false, %zu refused, %zu offline, %zu "
        "silent%s%s",
        tally.hosts, tally.hosts == 1 ? "" : "s", tally.outcomes[OUTCOME_TRUE],
        tally.outcomes[OUTCOME_FALSE], tally.outcomes[OUTCOME_REFUSED],
        tally.outcomes[OUTCOME_OFFLINE], tally.outcomes[OUTCOME_SILENT], rest,
        campaign->end == CAMPAIGN_INTERRUPTED ? "; interrupted" : "");
    say_stop(campaign);
    if (campaign->end == CAMPAIGN_CUT_OFF)
        say_error("the broker was lost while answers were awaited");
}
