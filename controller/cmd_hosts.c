/* lastcall hosts: the fleet as its retained statuses tell it */
#include <string.h>

#include "controller/command.h"
#include "controller/present.h"
#include "controller/records.h"
#include "controller/say.h"

static json_t *summary_of(const struct fleet *fleet, size_t shown)
{
    json_t *summary = json_object();

    if (summary == NULL ||
        json_put(summary, "hosts", json_integer((json_int_t)shown)) !=
            LASTCALL_OK ||
        json_put(summary, "bad_signature",
                 json_integer((json_int_t)fleet->registry.refusal_count)) !=
            LASTCALL_OK ||
        json_put(summary, "bad", record_of_refusals(&fleet->registry)) !=
            LASTCALL_OK) {
        json_decref(summary);
        return NULL;
    }
    return summary;
}

/* A host that was named, not matched, and never published anything. */
static bool is_unknown(const struct fleet *fleet, const char *entry)
{
    struct name name;

    return !target_is_pattern(entry) &&
           name_parse(entry, strlen(entry), &name) == LASTCALL_OK &&
           registry_find(&fleet->registry, &name) == NULL;
}

static size_t say_unknown(const struct fleet *fleet,
                          const struct target *target)
{
    size_t count = 0;

    for (size_t i = 0; i < target->entry_count; i++) {
        if (is_unknown(fleet, target->entries[i])) {
            say_error("%s has never published a status", target->entries[i]);
            count++;
        }
    }
    return count;
}

static enum exit_code list(const struct fleet *fleet,
                           const struct target *target,
                           const struct present *present)
{
    struct output output;
    size_t shown = 0;
    enum exit_code code = EXIT_CODE_OK;

    present_begin(present, &record_hosts, present_colour(), stdout, &output);
    for (size_t i = 0; i < fleet->registry.count; i++) {
        const struct registry_host *host = fleet->registry.hosts[i];

        if (host->has_status &&
            target_includes(target, &host->name, host->groups,
                            host->group_count)) {
            output_record(&output, record_of_host(host));
            shown++;
        }
    }
    if (say_unknown(fleet, target) > 0)
        code = EXIT_CODE_SILENT;
    if (fleet->registry.refusal_count > 0)
        code = EXIT_CODE_REFUSED;
    record_say_refusals(&fleet->registry);
    return present_end(&output, summary_of(fleet, shown), code);
}

enum exit_code cmd_hosts(const struct options *options)
{
    struct present present;
    struct target target = {0};
    struct fleet fleet = {0};
    char error[SELECT_ERROR_SIZE] = "";
    enum exit_code code = EXIT_CODE_USAGE;

    if (present_read(options, &present) != LASTCALL_OK)
        return EXIT_CODE_USAGE;
    if (target_parse(options, &target, error) != LASTCALL_OK) {
        say_error("%s", error);
        goto out;
    }
    code = fleet_open(options, FLEET_NEED_STATUSES | FLEET_NEED_DETAILS,
                      &target, present.timeout_ms, &fleet);
    if (code == EXIT_CODE_OK)
        fleet_say_unmatched(&fleet, &target);
    if (code == EXIT_CODE_OK)
        code = list(&fleet, &target, &present);
out:
    fleet_close(&fleet);
    target_deinit(&target);
    return code;
}
