#include "worker/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grant.h"
#include "protocol/json_strict.h"
#include "worker/confirm.h"

static size_t server_index(const struct settings *settings, const char *name)
{
    size_t i = 0;

    while (i < settings->server_count &&
           strcmp(settings->servers[i].name.text, name) != 0)
        i++;
    return i;
}

static void set_detail(struct session_result *session,
                       enum lastcall_status code, const char *detail)
{
    session->code = code;
    snprintf(session->detail, sizeof(session->detail), "%s", detail);
}

static enum lastcall_status read_target(struct recovery *recovery,
                                        const json_t *object,
                                        const struct settings *settings)
{
    struct session_result *out = NULL;
    const char *server = NULL;
    const char *id = NULL;
    const char *username = NULL;
    const char *logon_time = NULL;
    size_t index = 0;

    if (json_get_text(object, "server", JSON_REQUIRED, NAME_LEN_MAX, &server,
                      NULL) != LASTCALL_OK ||
        json_get_text(object, "session_id", JSON_REQUIRED, SESSION_TEXT_MAX,
                      &id, NULL) != LASTCALL_OK ||
        json_get_text(object, "username", JSON_OPTIONAL, SESSION_TEXT_MAX,
                      &username, NULL) != LASTCALL_OK ||
        json_get_text(object, "logon_time", JSON_OPTIONAL, SESSION_TEXT_MAX,
                      &logon_time, NULL) != LASTCALL_OK)
        return LASTCALL_E_SHAPE;
    out = result_add_session(&recovery->run->result);
    if (out == NULL)
        return LASTCALL_E_NOMEM;
    out->session_id = bytes_copy_text(id);
    out->session = calloc(1, sizeof *out->session);
    if (out->session_id == NULL || out->session == NULL ||
        session_set_text(out->session, SESSION_ID, id) != LASTCALL_OK ||
        session_set_text(out->session, SESSION_USERNAME, username) !=
            LASTCALL_OK ||
        session_set_text(out->session, SESSION_LOGON_TIME, logon_time) !=
            LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    if (name_parse(server, strlen(server), &out->server) != LASTCALL_OK)
        return LASTCALL_E_SHAPE;
    if (recovery->run->result.action == ACTION_MESSAGE) {
        /* No list tells, and nobody is to be shown it twice. */
        set_detail(out, LASTCALL_INTERRUPTED,
                   "the worker was restarted; whether the message was shown "
                   "cannot be told");
    } else {
        set_detail(out, LASTCALL_INTERRUPTED,
                   "the worker was restarted and could not ask the server "
                   "since");
    }
    index = server_index(settings, server);
    if (index == settings->server_count)
        return LASTCALL_OK; /* taken out of the settings meanwhile */
    out->backend = (enum backend_kind)settings->servers[index].backend;
    if (recovery->run->result.action != ACTION_MESSAGE)
        recovery->waiting |= UINT64_C(1) << index;
    return LASTCALL_OK;
}

static enum lastcall_status read_targets(struct recovery *recovery,
                                         const struct journal_open_entry *open,
                                         const struct settings *settings)
{
    enum lastcall_status status = LASTCALL_E_SHAPE;
    json_t *whole = NULL;
    json_t *array = NULL;

    status = json_parse_object(open->targets, open->targets_len, &whole, NULL);
    if (status == LASTCALL_OK)
        status = json_get_array(whole, "targets", JSON_REQUIRED,
                                SESSION_COUNT_MAX, &array, NULL);
    for (size_t i = 0; status == LASTCALL_OK && i < json_array_size(array); i++)
        status = read_target(recovery, json_array_get(array, i), settings);
    json_decref(whole);
    return status;
}

struct recovery *recovery_new(const struct journal_open_entry *open,
                              const struct settings *settings, int64_t now_ms)
{
    struct recovery *recovery = calloc(1, sizeof(*recovery));
    enum subject_kind kind = SUBJECT_HOST;
    struct order none = {0};
    struct run *run = NULL;

    if (recovery == NULL)
        return NULL;
    run = run_new(&none);
    recovery->run = run;
    if (run == NULL || subject_parse(open->entry.issuer, &kind,
                                     &run->controller) != LASTCALL_OK)
        goto fail;
    run->entry = open->entry;
    run->result.action = open->entry.action;
    run->result.received_ms = open->entry.received_ms;
    run->result.started_ms = open->entry.received_ms;
    recovery->until_ms = now_ms + RECOVER_WAIT_MS;
    if (open->targets != NULL &&
        read_targets(recovery, open, settings) != LASTCALL_OK)
        goto fail;
    return recovery;

fail:
    recovery_free(recovery);
    return NULL;
}

void recovery_free(struct recovery *recovery)
{
    if (recovery == NULL)
        return;
    run_free(recovery->run);
    free(recovery);
}

static void look_for(struct session_result *target, enum action action,
                     const struct session_list *list)
{
    const enum action resolved = action_resolve(action, target->backend);

    if (!confirm_has_ended(resolved, target->session, list))
        set_detail(target, LASTCALL_INTERRUPTED,
                   resolved == ACTION_DISCONNECT
                       ? "the worker was restarted; the session is still "
                         "connected"
                       : "the worker was restarted; the session is still "
                         "there");
    else
        set_detail(target, LASTCALL_OK,
                   session_list_find(list, target->session_id) != NULL &&
                           resolved == ACTION_DISCONNECT
                       ? "disconnected; established after the worker was "
                         "restarted"
                       : "gone; established after the worker was restarted");
}

void recovery_look(struct recovery *recovery, const struct snapshot *snapshot,
                   const struct settings *settings)
{
    const uint64_t bit = UINT64_C(1) << snapshot->server;
    const char *server = settings->servers[snapshot->server].name.text;
    struct result *result = &recovery->run->result;

    if ((recovery->waiting & bit) == 0 || snapshot->outcome.code != LASTCALL_OK)
        return;
    recovery->waiting &= ~bit;
    for (size_t i = 0; i < result->session_count; i++) {
        struct session_result *target = &result->sessions[i];

        if (strcmp(target->server.text, server) == 0)
            look_for(target, result->action, &snapshot->sessions);
    }
}

bool recovery_is_over(const struct recovery *recovery, int64_t now_ms)
{
    return recovery->waiting == 0 || now_ms >= recovery->until_ms;
}

struct run *recovery_take_run(struct recovery *recovery)
{
    struct run *run = recovery->run;
    struct result *result = &run->result;

    recovery->run = NULL;
    recovery_free(recovery);
    if (result->session_count == 0) {
        run_set_result(run, LASTCALL_INTERRUPTED,
                       "the worker was restarted; nothing was run");
        return run;
    }
    result_tally(result);
    if (result->code == LASTCALL_OK)
        run_set_result(run, LASTCALL_OK,
                       "every session has ended; established after the worker "
                       "was restarted");
    else
        run_set_result(run, LASTCALL_INTERRUPTED,
                       "the worker was restarted while it ran this; it is not "
                       "run again");
    return run;
}
