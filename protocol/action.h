/*
 * The actions of requests and the kinds of session backends, as names and as
 * sets (PROTOCOL.md, section 5).
 */
#ifndef LASTCALL_PROTOCOL_ACTION_H
#define LASTCALL_PROTOCOL_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/status.h"

enum action {
    ACTION_PING,
    ACTION_LIST,
    ACTION_STOP,
    ACTION_DISCONNECT,
    ACTION_LOGOFF,
    ACTION_MESSAGE,
    ACTION_END,
    ACTION_COUNT
};

enum backend_kind { BACKEND_PLEX, BACKEND_WTS, BACKEND_KIND_COUNT };

/* Sets: bit n stands for the member n of the enumeration. */
#define ACTION_BIT(action) (UINT32_C(1) << (unsigned)(action))
#define BACKEND_BIT(kind) (UINT32_C(1) << (unsigned)(kind))
#define ACTION_SET_ALL (ACTION_BIT(ACTION_COUNT) - 1u)
#define BACKEND_SET_ALL (BACKEND_BIT(BACKEND_KIND_COUNT) - 1u)

/* Name an action ("stop") or a kind ("plex"); static strings. */
const char *action_name(enum action action);
const char *backend_kind_name(enum backend_kind kind);

/* Find an action or kind by name; LASTCALL_OK or LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status action_parse(const char *name,
                                                    enum action *out);
LASTCALL_MUST_USE enum lastcall_status
backend_kind_parse(const char *name, enum backend_kind *out);

/* Say whether an action ends or touches sessions: all but ping and list. */
bool action_is_change(enum action action);

/*
 * The action that "end" stands for on a kind of backend: stop on Plex,
 * disconnect on WTS; every other action stands for itself.
 */
enum action action_resolve(enum action action, enum backend_kind kind);

/* The actions that a kind of backend can do, ping and end included. */
uint32_t backend_kind_actions(enum backend_kind kind);

#endif
