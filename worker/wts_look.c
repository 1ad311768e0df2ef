#include "worker/wts_look.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "worker/wts_error.h"
#include "worker/wts_session.h"

/* Where Windows cuts names it leaves at least so many characters: 20 of a
 * user, 15 of a NetBIOS domain. */
#define NAME_CUT_LEN_MIN 15

/* The first thing that one list could not find out, for the log. */
struct gap {
    size_t count;
    uint32_t session;
    uint32_t error;
    const char *what; /* a literal */
};

/* A question about all sessions, or one, with its answer. */
struct look {
    struct wts_call call; /* first */
    /* the question */
    bool is_one;
    uint32_t id;
    enum wts_depth depth;
    /* the answer */
    uint32_t error;
    enum lastcall_status status; /* of making sessions */
    struct session_list list;    /* owned */
    struct wts_sight sight;      /* owned */
    struct gap gap;
};

/* All that is asked of one session; owned. */
struct replies {
    bool has_info, has_client, has_protocol;
    struct wts_info info;
    struct wts_client client;
    uint32_t protocol;
    char *username;
    char *domain;
};

static bool note(struct gap *gap, uint32_t session, const char *what,
                 uint32_t error)
{
    if (error == WTS_ERROR_NONE)
        return true;
    if (!wts_error_is_usual(error) && gap->count++ == 0) {
        gap->session = session;
        gap->what = what;
        gap->error = error;
    }
    return false;
}

/* A short name is whole, and two questions less for each session. */
static bool may_be_cut(const char *name)
{
    return name != NULL && strlen(name) >= NAME_CUT_LEN_MIN;
}

static void ask_session(const struct wts_host *host,
                        const struct wts_entry *entry, struct gap *gap,
                        struct replies *out)
{
    const struct wts_api_ops *api = host->api;
    void *handle = host->handle;
    uint32_t id = entry->id;

    if (!wts_state_has_facts(entry->state) || id >= WTS_SESSION_LISTENER_FIRST)
        return;
    out->has_info =
        note(gap, id, "times", api->read_info(handle, id, &out->info));
    if (may_be_cut(entry->username))
        note(gap, id, "user",
             api->read_text(handle, id, WTS_TEXT_USERNAME, &out->username));
    if (may_be_cut(entry->domain))
        note(gap, id, "domain",
             api->read_text(handle, id, WTS_TEXT_DOMAIN, &out->domain));
    if (!wts_state_has_client(entry->state))
        return;
    out->has_client =
        note(gap, id, "client", api->read_client(handle, id, &out->client));
    out->has_protocol = note(gap, id, "protocol",
                             api->read_protocol(handle, id, &out->protocol));
}

static enum lastcall_status make_session(const struct wts_host *host,
                                         const struct wts_entry *entry,
                                         enum wts_depth depth, struct gap *gap,
                                         struct session *out)
{
    struct replies replies = {0};
    struct wts_facts facts = {.entry = entry};
    enum lastcall_status status = LASTCALL_OK;

    if (depth == WTS_DEPTH_FULL)
        ask_session(host, entry, gap, &replies);
    facts.info = replies.has_info ? &replies.info : NULL;
    facts.client = replies.has_client ? &replies.client : NULL;
    facts.protocol = replies.has_protocol ? &replies.protocol : NULL;
    facts.username = replies.username;
    facts.domain = replies.domain;
    status = wts_session_make(host, &facts, out);
    wts_client_deinit(&replies.client);
    free(replies.username);
    free(replies.domain);
    return status;
}

/* Answer: all sessions. */
static void take_all(struct look *look, const struct wts_host *host,
                     const struct wts_entries *entries)
{
    for (size_t i = 0; look->status == LASTCALL_OK && i < entries->count; i++) {
        struct session session;

        if (atomic_load(&look->call.is_left))
            return;
        look->status = make_session(host, &entries->items[i], look->depth,
                                    &look->gap, &session);
        if (look->status == LASTCALL_OK)
            look->status = session_list_take(&look->list, &session);
        atomic_fetch_add(&look->call.steps, 1u);
    }
}

/* Answer: one session. */
static void take_one(struct look *look, const struct wts_host *host,
                     const struct wts_entries *entries)
{
    look->sight.id = look->id;
    for (size_t i = 0; i < entries->count; i++) {
        const struct wts_entry *entry = &entries->items[i];

        if (entry->id != look->id)
            continue;
        look->status = make_session(host, entry, look->depth, &look->gap,
                                    &look->sight.session);
        look->sight.is_there = look->status == LASTCALL_OK;
        look->sight.state = entry->state;
        return;
    }
}

static void look_ask(struct wts_call *call, const struct wts_host *host)
{
    struct look *look = (struct look *)call;
    struct wts_entries entries = {0};

    look->error = host->api->enumerate(host->handle, &entries);
    if (look->error != WTS_ERROR_NONE)
        return;
    if (look->is_one)
        take_one(look, host, &entries);
    else
        take_all(look, host, &entries);
    wts_entries_deinit(&entries);
}

static void look_free(struct wts_call *call)
{
    struct look *look = (struct look *)call;

    session_list_deinit(&look->list);
    session_deinit(&look->sight.session);
    free(look);
}

enum lastcall_status wts_call_outcome(const struct wts_desk *desk,
                                      enum lastcall_status status,
                                      enum wts_call_kind kind, const char *fear,
                                      struct session_outcome *outcome)
{
    if (status == LASTCALL_BUSY)
        return wts_outcome(outcome, LASTCALL_TIMEOUT,
                           "%zu earlier calls to %.100s still have no answer; "
                           "no further one is made until one of them ends",
                           wts_calls_stuck_max(kind), desk->host->computer);
    if (status == LASTCALL_INTERRUPTED)
        return wts_outcome(outcome, status, "the worker is stopping%s", fear);
    if (status == LASTCALL_E_NOMEM)
        return wts_outcome(outcome, status, "out of memory");
    return wts_outcome(outcome, LASTCALL_SERVER_ERROR,
                       "no thread could be started to ask Windows");
}

static int64_t now_ms(void)
{
    return platform_clock.monotonic_ms(platform_clock.state);
}

/* Ask, and say why not when there is no answer.  On LASTCALL_OK the look is
 * the caller's. */
static enum lastcall_status ask(const struct wts_desk *desk, struct look *look,
                                struct session_outcome *outcome)
{
    const int64_t longest_ms = wts_calls_longest_ms(desk->timeout_ms);
    const int64_t start_ms = now_ms();
    enum lastcall_status status = LASTCALL_OK;

    look->call = (struct wts_call){.ask = look_ask, .free = look_free};
    status = wts_calls_run(desk->calls, &look->call, desk->timeout_ms,
                           WTS_CALL_LOOK);
    if (status == LASTCALL_TIMEOUT && now_ms() - start_ms >= longest_ms)
        return wts_outcome(outcome, status,
                           "%.100s had not told all its sessions after "
                           "%" PRId64 " ms",
                           desk->host->computer, longest_ms);
    if (status == LASTCALL_TIMEOUT)
        return wts_outcome(outcome, status,
                           "%.100s did not answer within %" PRId64
                           " ms when it was asked for its sessions",
                           desk->host->computer, desk->timeout_ms);
    if (status != LASTCALL_OK)
        return wts_call_outcome(desk, status, WTS_CALL_LOOK, "", outcome);
    if (look->error != WTS_ERROR_NONE)
        status = wts_error_outcome(desk->host, look->error, WTS_PURPOSE_LIST,
                                   outcome);
    else if (look->status != LASTCALL_OK)
        status = wts_outcome(outcome, look->status, "out of memory");
    else
        status = wts_outcome(outcome, LASTCALL_OK, "%s", "");
    if (look->gap.count > 0)
        log_write(desk->log, LOG_LEVEL_DEBUG, LOG_LIMITED, "WTS-GAP",
                  "Windows does not tell the %s of session %" PRIu32
                  " of server %s (error %" PRIu32 "); such gaps: %zu",
                  look->gap.what, look->gap.session, desk->host->server,
                  look->gap.error, look->gap.count);
    if (status != LASTCALL_OK)
        look_free(&look->call);
    return status;
}

enum lastcall_status wts_look_at_all(const struct wts_desk *desk,
                                     struct session_list *out,
                                     struct session_outcome *outcome)
{
    struct look *look = calloc(1, sizeof(*look));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = (struct session_list){0};
    if (look == NULL)
        return wts_outcome(outcome, status, "out of memory");
    look->depth = WTS_DEPTH_FULL;
    status = ask(desk, look, outcome);
    if (status != LASTCALL_OK)
        return status;
    *out = look->list;
    look->list = (struct session_list){0};
    look_free(&look->call);
    return status;
}

enum lastcall_status wts_look_at(const struct wts_desk *desk, uint32_t id,
                                 enum wts_depth depth, struct wts_sight *out,
                                 struct session_outcome *outcome)
{
    struct look *look = calloc(1, sizeof(*look));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = (struct wts_sight){0};
    if (look == NULL)
        return wts_outcome(outcome, status, "out of memory");
    look->is_one = true;
    look->id = id;
    look->depth = depth;
    status = ask(desk, look, outcome);
    if (status != LASTCALL_OK)
        return status;
    *out = look->sight;
    look->sight = (struct wts_sight){0};
    look_free(&look->call);
    return status;
}
