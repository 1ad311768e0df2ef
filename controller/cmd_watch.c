/* lastcall watch: what happens to sessions, as it happens */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"
#include "controller/wake.h"
#include "controller/watch.h"
#include "controller/watch_records.h"
#include "protocol/body.h"

/* Bad messages that are said one by one. */
#define BAD_SAID_MAX 10

struct watching {
    struct present present;
    struct target target;
    struct selection selection;
    struct fleet fleet;
    struct output output;
    struct watch watch;
    int64_t event_max; /* --count; 0: no end */
    int64_t until_ms;  /* --for, on the steady clock; INT64_MAX: no end */
    int64_t counts[EVENT_KIND_COUNT];
    int64_t event_count;
    int64_t derived_count;
    int64_t gap_count;
    int64_t missed_count;
    size_t said_count; /* of the registry's refusals */
    bool is_down;      /* the broker was lost, and that was said */
};

static bool is_wanted(const struct watching *watching, const struct name *name)
{
    const struct registry_host *host =
        registry_find(&watching->fleet.registry, name);

    return target_includes(&watching->target, name,
                           host == NULL ? NULL : host->groups,
                           host == NULL ? 0 : host->group_count);
}

static bool is_full(const struct watching *watching)
{
    return watching->event_max > 0 &&
           watching->event_count >= watching->event_max;
}

/* ---- what the watch tells ---- */

static void on_event(void *context, const struct watch_event *event)
{
    struct watching *watching = context;

    if (is_full(watching) || !is_wanted(watching, event->host) ||
        !filter_match(&watching->selection.filter, event->session))
        return;
    watching->event_count++;
    watching->counts[event->kind]++;
    watching->derived_count += event->event == NULL;
    output_record(&watching->output,
                  watch_record_event(event, fleet_wall_ms()));
}

static void on_gap(void *context, const struct name *host,
                   const struct name *server, int64_t missed)
{
    struct watching *watching = context;

    if (is_full(watching) || !is_wanted(watching, host))
        return;
    watching->gap_count++;
    watching->missed_count = body_add_counts(watching->missed_count, missed);
    output_record(&watching->output,
                  watch_record_gap(host, server, missed, fleet_wall_ms()));
}

static struct watch_sink sink_of(struct watching *watching)
{
    return (struct watch_sink){watching, on_event, on_gap};
}

/* ---- what comes from the broker ---- */

static enum lastcall_status take_event(struct watching *watching,
                                       struct proof *proof)
{
    const struct watch_sink sink = sink_of(watching);

    return watch_take_event(&watching->watch, &watching->fleet.registry,
                            &proof->of.news, &sink);
}

/* What a status changes is told; a host that was never heard of is new. */
static void take_status(struct watching *watching,
                        const struct fleet_event *event)
{
    const struct registry *registry = &watching->fleet.registry;
    const struct name name = event->proof->parts.host;
    const struct registry_host *host = registry_find(registry, &name);
    const bool was_known = host != NULL && host->has_status;
    enum host_state state = was_known ? host->status.state : HOST_OFFLINE;
    char boot_id[RESULT_BOOT_ID_SIZE] = "";
    bool is_restarted = false;

    if (was_known)
        memcpy(boot_id, host->status.boot_id, sizeof boot_id);
    (void)fleet_handle(&watching->fleet, event);
    host = registry_find(registry, &name);
    if (host == NULL || !host->has_status || !is_wanted(watching, &name))
        return;
    is_restarted = was_known && host->status.state == state &&
                   strcmp(host->status.boot_id, boot_id) != 0;
    if (was_known && host->status.state == state && !is_restarted)
        return;
    output_record(&watching->output,
                  watch_record_host(host, is_restarted ? "restarted" : NULL,
                                    fleet_wall_ms()));
}

static void say_refusals(struct watching *watching)
{
    const struct registry *registry = &watching->fleet.registry;

    for (; watching->said_count < registry->refusal_count;
         watching->said_count++) {
        const struct registry_refusal *refusal = NULL;

        if (registry->refusals == NULL || watching->said_count >= BAD_SAID_MAX)
            continue;
        refusal = &registry->refusals[watching->said_count];
        say_error("bad signature: a message in the name of %s: %s",
                  refusal->host.text,
                  refusal->detail.text[0] != '\0'
                      ? refusal->detail.text
                      : status_text(refusal->status));
    }
}

static enum lastcall_status take_message(struct watching *watching,
                                         const struct fleet_event *event)
{
    const struct watch_sink sink = sink_of(watching);
    enum lastcall_status status = LASTCALL_OK;
    struct proof *proof = event->proof;
    const bool is_good = proof != NULL && proof->status == LASTCALL_OK;

    if (is_good && proof->parts.kind == TOPIC_EVENT)
        return take_event(watching, proof);
    if (is_good && proof->parts.kind == TOPIC_STATUS) {
        take_status(watching, event);
        return LASTCALL_OK;
    }
    if (is_good && proof->parts.kind == TOPIC_SESSIONS)
        status =
            watch_compare(&watching->fleet.registry, &proof->of.news, &sink);
    (void)fleet_handle(&watching->fleet, event);
    say_refusals(watching);
    return status;
}

static void say_link(struct watching *watching, const struct fleet_event *event)
{
    if (event->kind == FLEET_DOWN && !watching->is_down)
        say("the broker is gone: %s; trying to reach it again",
            event->detail != NULL && event->detail[0] != '\0'
                ? event->detail
                : "the connection was lost");
    if (event->kind == FLEET_READY && watching->is_down)
        say("the broker is back");
    watching->is_down = event->kind == FLEET_DOWN;
}

/* Take what comes until there is an end. */
static enum exit_code follow(struct watching *watching)
{
    enum exit_code code = EXIT_CODE_OK;
    bool goes_on = true;

    while (goes_on && !is_full(watching) &&
           watching->output.status == LASTCALL_OK) {
        struct fleet_event event = {0};
        enum lastcall_status status = LASTCALL_OK;

        /* What comes meanwhile waits where it is bounded. */
        if (!wake_wait_output())
            break;
        fleet_link_next(watching->fleet.link, watching->until_ms, &event);
        switch (event.kind) {
        case FLEET_TIMEOUT:
            goes_on = false;
            break;
        case FLEET_INTERRUPTED:
            code = EXIT_CODE_INTERRUPTED;
            goes_on = false;
            break;
        case FLEET_READY:
        case FLEET_DOWN:
            say_link(watching, &event);
            break;
        case FLEET_MESSAGE:
            status = take_message(watching, &event);
            break;
        case FLEET_PUBLISHED:
        case FLEET_POSTED:
            break;
        }
        fleet_event_deinit(&event);
        if (status != LASTCALL_OK) {
            say_error("%s", status_text(status));
            return EXIT_CODE_BROKER;
        }
    }
    /* It also ends the wait for whoever reads. */
    return wake_is_interrupted() ? EXIT_CODE_INTERRUPTED : code;
}

/* ---- the beginning and the end ---- */

static json_t *summary_of(const struct watching *watching)
{
    const struct registry *registry = &watching->fleet.registry;
    struct body_writer writer = {json_object(), LASTCALL_OK};

    if (writer.object == NULL)
        return NULL;
    body_put(&writer, "events", json_integer(watching->event_count));
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
        body_put(&writer, event_kind_name((enum event_kind)i),
                 json_integer(watching->counts[i]));
    body_put(&writer, "derived", json_integer(watching->derived_count));
    body_put(&writer, "gaps", json_integer(watching->gap_count));
    body_put(&writer, "missed", json_integer(watching->missed_count));
    body_put(&writer, "repeated",
             json_integer((json_int_t)watching->watch.repeated_count));
    body_put(&writer, "bad_signature",
             json_integer((json_int_t)registry->refusal_count));
    body_put(&writer, "bad", record_of_refusals(registry));
    body_put(&writer, "elapsed_ms",
             json_integer(fleet_now_ms() - watching->present.began_ms));
    if (writer.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

static void say_end(const struct watching *watching)
{
    const size_t bad = watching->fleet.registry.refusal_count;
    const uint64_t repeated = watching->watch.repeated_count;

    if (bad > BAD_SAID_MAX)
        say_error("and %zu more bad messages", bad - BAD_SAID_MAX);
    if (watching->present.writer != &output_table_live)
        return;
    say("%" PRId64 " event%s: %" PRId64 " started, %" PRId64
        " changed, %" PRId64 " ended; %" PRId64 " missed, %" PRIu64
        " repeated, %zu bad",
        watching->event_count, watching->event_count == 1 ? "" : "s",
        watching->counts[EVENT_STARTED], watching->counts[EVENT_CHANGED],
        watching->counts[EVENT_ENDED], watching->missed_count, repeated, bad);
}

static enum exit_code end(struct watching *watching, enum exit_code code)
{
    if (code == EXIT_CODE_OK && watching->fleet.registry.refusal_count > 0)
        code = EXIT_CODE_REFUSED;
    if (code == EXIT_CODE_INTERRUPTED &&
        (watching->output.status != LASTCALL_OK || !wake_wait_output())) {
        watching->output.status = LASTCALL_E_IO; /* nothing more is written */
        watching->output.is_reader_gone = true;
    }
    if (watching->output.is_reader_gone) {
        /* As if whoever reads had interrupted us; there is nobody to tell. */
        enum lastcall_status status = output_end(
            &watching->output, summary_of(watching), EXIT_CODE_INTERRUPTED);

        (void)status;
        return EXIT_CODE_INTERRUPTED;
    }
    say_end(watching);
    return present_end(&watching->output, summary_of(watching), code);
}

static void say_unknown(const struct watching *watching)
{
    const struct target *target = &watching->target;

    for (size_t i = 0; i < target->entry_count; i++) {
        const char *entry = target->entries[i];
        struct name name;

        if (!target_is_pattern(entry) &&
            name_parse(entry, strlen(entry), &name) == LASTCALL_OK &&
            registry_find(&watching->fleet.registry, &name) == NULL)
            say("%s has never published a status", entry);
    }
}

static enum exit_code watch_fleet(struct watching *watching, int64_t for_ms)
{
    say_unknown(watching);
    say_refusals(watching);
    present_begin(&watching->present, &watch_layout, present_colour(), stdout,
                  &watching->output);
    output_flush(&watching->output);
    watching->until_ms = for_ms == 0 ? INT64_MAX : fleet_now_ms() + for_ms;
    return end(watching, follow(watching));
}

static enum lastcall_status read_all(const struct options *options,
                                     struct watching *watching, int64_t *for_ms)
{
    char error[SELECT_ERROR_SIZE] = "";
    enum lastcall_status status = present_read(options, &watching->present);

    if (status == LASTCALL_OK)
        status = options_duration_ms(options, OPTION_WATCH_FOR, 0, for_ms);
    if (status == LASTCALL_OK)
        status = options_count(options, OPTION_EVENTS, INT32_MAX,
                               &watching->event_max);
    if (status == LASTCALL_OK && options_has(options, OPTION_EVENTS) &&
        watching->event_max == 0) {
        say_error("--count: how many events? at least 1");
        status = LASTCALL_E_SYNTAX;
    }
    if (status == LASTCALL_OK)
        status = target_parse(options, &watching->target, error);
    if (status == LASTCALL_OK)
        status = selection_parse(options, SELECT_FILTER, watching->target.kind,
                                 &watching->selection, error);
    if (error[0] != '\0')
        say_error("%s", error);
    if (watching->present.writer == &output_table)
        watching->present.writer = &output_table_live;
    return status;
}

enum exit_code cmd_watch(const struct options *options)
{
    struct watching watching = {0};
    const bool is_shared = options_has(options, OPTION_SHARE);
    const uint32_t needs = FLEET_NEED_STATUSES | FLEET_NEED_EVENTS |
                           (is_shared ? 0 : FLEET_NEED_INVENTORIES);
    int64_t for_ms = 0;
    enum exit_code code = EXIT_CODE_USAGE;

    watching.watch.share = is_shared ? WATCH_SHARED : WATCH_ALONE;
    if (read_all(options, &watching, &for_ms) == LASTCALL_OK) {
        code = fleet_open(options, needs, &watching.target,
                          watching.present.timeout_ms, &watching.fleet);
        if (code == EXIT_CODE_OK)
            code = watch_fleet(&watching, for_ms);
    }
    fleet_close(&watching.fleet);
    watch_deinit(&watching.watch);
    selection_deinit(&watching.selection);
    target_deinit(&watching.target);
    return code;
}
