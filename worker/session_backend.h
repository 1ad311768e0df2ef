/*
 * The interface to a kind of server that has sessions.  Selection, filters,
 * limits, protection, dry run, confirmation and outcomes live above it, once
 * for all kinds; a test double is one more table.
 */
#ifndef LASTCALL_WORKER_SESSION_BACKEND_H
#define LASTCALL_WORKER_SESSION_BACKEND_H

#include <stdint.h>

#include "protocol/action.h"
#include "protocol/io/log.h"
#include "protocol/io/platform.h"
#include "protocol/result.h"
#include "protocol/session.h"
#include "worker/policy.h"
#include "worker/settings.h"

/* What became of a call; code is a wire code. */
struct session_outcome {
    enum lastcall_status code;
    char detail[RESULT_DETAIL_SIZE]; /* a sentence for a person, or "" */
    /* With LASTCALL_OK: the server accepted and is at it.  The session is
     * watched until its ending shows in the list, at most this long, and then
     * LASTCALL_UNCONFIRMED; 0: done. */
    int64_t settle_ms;
    /* The button that answered a message, such as "yes"; else "". */
    char response[RESULT_RESPONSE_SIZE];
};

/* What `--check` and the status message tell of a server. */
struct backend_report {
    char version[64]; /* of the product; "" when unknown */
    uint32_t actions; /* what can really be done: no stop without a Pass */
    struct session_outcome rights; /* LASTCALL_OK, or what is missing */
};

/* What a backend is opened with; all borrowed until close. */
struct backend_surroundings {
    const struct server_settings *settings;
    const struct clock *clock;
    struct log *log; /* may be NULL */
    /*
     * The server told of a change: list soon.  Called on any thread, also
     * several times for one change; returns at once.  May be NULL.
     */
    void (*changed)(void *context);
    void *changed_context;
};

/* One table per kind of server, const and static.  Every member is set. */
struct session_backend_ops {
    const char *name; /* "plex" or "wts", as on the wire */
    enum backend_kind kind;
    uint32_t actions; /* set of enum action this kind can do */

    /*
     * Make the state for one server; nothing is sent yet.
     *
     *   around  borrowed for the call only, what it names until close
     *   state   filled on LASTCALL_OK
     *   error   a sentence with the mend on failure
     *
     * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_PERMISSION,
     *         LASTCALL_E_NOMEM.
     */
    enum lastcall_status (*open)(const struct backend_surroundings *around,
                                 void **state, struct platform_error *error);

    /*
     * Read the sessions afresh.
     *
     *   out      filled on LASTCALL_OK, empty else; session_list_deinit()
     *   outcome  code and a sentence in every case
     *
     * Returns outcome->code: LASTCALL_OK, LASTCALL_UNREACHABLE,
     *         LASTCALL_TIMEOUT, LASTCALL_DENIED, LASTCALL_SERVER_ERROR,
     *         LASTCALL_UNSUPPORTED (the product cannot list),
     *         LASTCALL_INTERRUPTED (the worker is stopping), or
     *         LASTCALL_E_NOMEM.
     */
    enum lastcall_status (*list)(void *state, struct session_list *out,
                                 struct session_outcome *outcome);

    /*
     * Do the order's action (resolved for this kind) on one session that was
     * selected.  The target is looked up once more right before: a session
     * whose id meanwhile names another one, or that no longer satisfies the
     * order's preconditions, is left alone (changed).  A lost answer is
     * settled by listing, never by repeating.
     *
     * Returns outcome->code.
     * Thread: the executor's, as every call but interrupt; a message that
     *         waits for its answer also on others, several at a time.
     */
    enum lastcall_status (*act)(void *state, const struct session *target,
                                const struct order *order,
                                struct session_outcome *outcome);

    /*
     * Ask for version, rights and abilities.
     *
     * Returns out->rights.code.
     */
    enum lastcall_status (*report)(void *state, struct backend_report *out);

    /*
     * For --check: say whether a change is told of at once, or why it is only
     * found when the sessions are listed.
     *
     *   outcome  a sentence in every case; "" where there is nothing to say
     *
     * Returns outcome->code; anything but LASTCALL_OK is a warning.
     */
    enum lastcall_status (*check_events)(void *state,
                                         struct session_outcome *outcome);

    /* From any thread: ends a call that is under way, and all later ones. */
    void (*interrupt)(void *state);
    void (*close)(void *state);
};

extern const struct session_backend_ops backend_plex_ops;

#endif
