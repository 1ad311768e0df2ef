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
};

/* What `--check` and the status message tell of a server. */
struct backend_report {
    char version[64]; /* of the product; "" when unknown */
    uint32_t actions; /* what can really be done: no stop without a Pass */
    struct session_outcome rights; /* LASTCALL_OK, or what is missing */
};

/* One table per kind of server, const and static.  Every member is set. */
struct session_backend_ops {
    const char *name; /* "plex" or "wts", as on the wire */
    enum backend_kind kind;
    uint32_t actions; /* set of enum action this kind can do */

    /*
     * Make the state for one server; nothing is sent yet.
     *
     *   settings, clock, log  borrowed until close
     *   state                 filled on LASTCALL_OK
     *   error                 a sentence with the mend on failure
     *
     * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_PERMISSION,
     *         LASTCALL_E_NOMEM.
     */
    enum lastcall_status (*open)(const struct server_settings *settings,
                                 const struct clock *clock, struct log *log,
                                 void **state, struct platform_error *error);

    /*
     * Read the sessions afresh.
     *
     *   out      filled on LASTCALL_OK, empty else; session_list_deinit()
     *   outcome  code and a sentence in every case
     *
     * Returns outcome->code: LASTCALL_OK, LASTCALL_UNREACHABLE,
     *         LASTCALL_TIMEOUT, LASTCALL_DENIED, LASTCALL_SERVER_ERROR,
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
     * Wait for a hint that sessions may have changed.
     *
     * Returns LASTCALL_OK (list again), LASTCALL_TIMEOUT, or
     * LASTCALL_UNSUPPORTED at once where the server gives no hints.
     */
    enum lastcall_status (*wait_change)(void *state, uint32_t timeout_ms);

    /* From any thread: ends a call that is under way, and all later ones. */
    void (*interrupt)(void *state);
    void (*close)(void *state);
};

extern const struct session_backend_ops backend_plex_ops;

#endif
