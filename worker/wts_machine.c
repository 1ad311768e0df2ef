#include "worker/wts_machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"

/* No name of a computer holds one of these; a path, an address or a list
 * does. */
#define ODD_CHARACTERS "\\/:*?\"'<>|,;=+[]()&@ \t"

static bool is_computer_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= WTS_COMPUTER_SIZE || name[0] == '.' ||
        name[0] == '-' || strpbrk(name, ODD_CHARACTERS) != NULL)
        return false;
    return text_is_clean(name);
}

/* As Windows compares them: without regard to the case of letters. */
static bool is_same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        int upper_a = *a >= 'a' && *a <= 'z' ? *a - 'a' + 'A' : *a;
        int upper_b = *b >= 'a' && *b <= 'z' ? *b - 'a' + 'A' : *b;

        if (upper_a != upper_b)
            return false;
    }
    return *a == *b;
}

static enum lastcall_status find_computer(struct wts_machine *machine,
                                          const char *wanted,
                                          struct platform_error *error)
{
    const struct wts_api_ops *api = machine->api;

    api->computer_name(machine->computer, sizeof(machine->computer));
    if (wanted == NULL || is_same_name(wanted, machine->computer))
        return LASTCALL_OK;
    if (!is_computer_name(wanted)) {
        snprintf(error->text, sizeof(error->text),
                 "computer = %.100s is not the name of a computer; write it "
                 "plain, such as computer = TS02, or leave the line out for "
                 "this machine",
                 wanted);
        return LASTCALL_E_CONFIG;
    }
    snprintf(machine->computer, sizeof(machine->computer), "%s", wanted);
    machine->is_remote = true;
    return LASTCALL_OK;
}

enum lastcall_status wts_machine_open(const struct wts_api_ops *api,
                                      const struct server_settings *settings,
                                      struct wts_machine **out,
                                      struct platform_error *error)
{
    struct wts_machine *machine = calloc(1, sizeof(*machine));
    enum lastcall_status status = LASTCALL_E_NOMEM;
    uint32_t failure = WTS_ERROR_NONE;

    *out = NULL;
    if (machine == NULL)
        return status;
    machine->api = api;
    atomic_init(&machine->holders, 1);
    snprintf(machine->server, sizeof(machine->server), "%s",
             settings->name.text);
    status = find_computer(machine, settings->computer, error);
    if (status != LASTCALL_OK)
        goto out;

    machine->is_lock_reversed = api->is_lock_reversed();
    machine->own_session = WTS_SESSION_CURRENT;
    if (!machine->is_remote &&
        api->own_session(&machine->own_session) != WTS_ERROR_NONE)
        machine->own_session = WTS_SESSION_CURRENT;
    failure = api->open(machine->is_remote ? machine->computer : NULL,
                        &machine->handle);
    if (failure != WTS_ERROR_NONE) {
        snprintf(error->text, sizeof(error->text),
                 "Windows gives no handle for the sessions of %.100s (error "
                 "%" PRIu32 "); this needs Windows 7 or Server 2008 R2 or "
                 "later",
                 machine->computer, failure);
        status = LASTCALL_E_CONFIG;
        goto out;
    }
    *out = machine;

out:
    if (status != LASTCALL_OK)
        free(machine);
    return status;
}

struct wts_machine *wts_machine_hold(struct wts_machine *machine)
{
    atomic_fetch_add(&machine->holders, 1u);
    return machine;
}

void wts_machine_release(struct wts_machine *machine)
{
    if (machine == NULL || atomic_fetch_sub(&machine->holders, 1u) != 1u)
        return;
    machine->api->close(machine->handle);
    free(machine);
}
