#include "protocol/action.h"

#include <string.h>

static const char *const action_names[ACTION_COUNT] = {
    [ACTION_PING] = "ping",     [ACTION_LIST] = "list",
    [ACTION_STOP] = "stop",     [ACTION_DISCONNECT] = "disconnect",
    [ACTION_LOGOFF] = "logoff", [ACTION_MESSAGE] = "message",
    [ACTION_END] = "end",
};

static const char *const kind_names[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = "plex",
    [BACKEND_WTS] = "wts",
};

static const uint32_t kind_actions[BACKEND_KIND_COUNT] = {
    [BACKEND_PLEX] = ACTION_BIT(ACTION_PING) | ACTION_BIT(ACTION_LIST) |
                     ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_END),
    [BACKEND_WTS] = ACTION_BIT(ACTION_PING) | ACTION_BIT(ACTION_LIST) |
                    ACTION_BIT(ACTION_DISCONNECT) | ACTION_BIT(ACTION_LOGOFF) |
                    ACTION_BIT(ACTION_MESSAGE) | ACTION_BIT(ACTION_END),
};

const char *action_name(enum action action)
{
    return (unsigned)action < ACTION_COUNT ? action_names[action] : "unknown";
}

const char *backend_kind_name(enum backend_kind kind)
{
    return (unsigned)kind < BACKEND_KIND_COUNT ? kind_names[kind] : "unknown";
}

enum lastcall_status action_parse(const char *name, enum action *out)
{
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(action_names[i], name) == 0) {
            *out = (enum action)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status backend_kind_parse(const char *name,
                                        enum backend_kind *out)
{
    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *out = (enum backend_kind)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

bool action_is_change(enum action action)
{
    return action != ACTION_PING && action != ACTION_LIST;
}

enum action action_resolve(enum action action, enum backend_kind kind)
{
    if (action != ACTION_END)
        return action;
    return kind == BACKEND_PLEX ? ACTION_STOP : ACTION_DISCONNECT;
}

uint32_t backend_kind_actions(enum backend_kind kind)
{
    return (unsigned)kind < BACKEND_KIND_COUNT ? kind_actions[kind] : 0;
}
