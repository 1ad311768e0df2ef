#include "worker/plex_verdict.h"

#include <stdbool.h>
#include <string.h>

/* Whether a session is still there. */
enum presence {
    PRESENCE_UNKNOWN, /* the list could not be had */
    PRESENCE_LISTED,
    PRESENCE_GONE,
};

static bool is_same_text(const struct session *a, const struct session *b,
                         enum session_field field)
{
    const char *left = session_text(a, field);
    const char *right = session_text(b, field);

    if (left == NULL || right == NULL)
        return left == right;
    return strcmp(left, right) == 0;
}

enum session_field plex_verdict_difference(const struct session *a,
                                           const struct session *b)
{
    static const enum session_field identity[] = {
        SESSION_ID,        SESSION_USERNAME,
        SESSION_USER_ID,   SESSION_PLAYER_MACHINE_ID,
        SESSION_MEDIA_KEY, SESSION_SESSION_KEY,
    };

    for (size_t i = 0; i < sizeof(identity) / sizeof(identity[0]); i++) {
        if (!is_same_text(a, b, identity[i]))
            return identity[i];
    }
    return SESSION_FIELD_COUNT;
}

/* Ask the list; outcome tells why it could not be had. */
static enum presence look(struct plex_client *client,
                          const struct session *target,
                          struct session_outcome *outcome)
{
    struct session_list list = {0};
    enum presence presence = PRESENCE_GONE;

    if (plex_client_list(client, &list, outcome) != LASTCALL_OK)
        return PRESENCE_UNKNOWN;
    for (size_t i = 0; i < list.count; i++) {
        if (plex_verdict_difference(target, &list.items[i]) ==
            SESSION_FIELD_COUNT)
            presence = PRESENCE_LISTED;
    }
    session_list_deinit(&list);
    return presence;
}

static enum lastcall_status judge_unauthorised(struct plex_client *client,
                                               struct session_outcome *outcome)
{
    struct plex_server server = {0};
    struct session_list list = {0};
    enum lastcall_status status =
        plex_client_ask(client, PLEX_PAGE_ROOT, &server, outcome);

    if (status != LASTCALL_OK)
        return status;
    if (server.lacks_pass)
        return plex_outcome(outcome, LASTCALL_NO_PLEX_PASS,
                            "Plex cannot end sessions: its owner has no Plex "
                            "Pass (no feature session_kick)");
    status = plex_client_list(client, &list, outcome);
    session_list_deinit(&list);
    if (status != LASTCALL_OK)
        return status;
    return plex_outcome(outcome, LASTCALL_DENIED,
                        "Plex refuses to end the session (401), though it "
                        "has a Plex Pass and takes the token for its list");
}

static enum lastcall_status judge_missing(struct plex_client *client,
                                          const struct session *target,
                                          struct session_outcome *outcome)
{
    switch (look(client, target, outcome)) {
    case PRESENCE_GONE:
        return plex_outcome(outcome, LASTCALL_ALREADY_GONE,
                            "the session ended right before");
    case PRESENCE_LISTED:
        return plex_outcome(outcome, LASTCALL_NOT_FOUND,
                            "Plex lists the session but does not find it when "
                            "it is to end it (404): a stale entry");
    case PRESENCE_UNKNOWN:
        break;
    }
    return outcome->code; /* why the list could not be had */
}

static enum lastcall_status judge_answer(struct plex_client *client,
                                         const struct session *target,
                                         const struct http_response *response,
                                         struct session_outcome *outcome)
{
    if (response->status == 401)
        return judge_unauthorised(client, outcome);
    if (response->status == 404)
        return judge_missing(client, target, outcome);
    return plex_client_explain(client, LASTCALL_OK, response, outcome);
}

/* Ask the list until it says "gone", the time is up, or we are stopped. */
static enum presence settle(struct plex_client *client,
                            const struct session *target,
                            struct session_outcome *outcome)
{
    int64_t until_ms =
        plex_client_now_ms(client) + plex_client_timeout_ms(client);
    uint32_t wait_ms = PLEX_SETTLE_WAIT_MS;
    enum presence presence = PRESENCE_UNKNOWN;

    for (int i = 0; i < PLEX_SETTLE_COUNT_MAX; i++) {
        presence = look(client, target, outcome);
        if (presence == PRESENCE_GONE ||
            plex_client_now_ms(client) + (int64_t)wait_ms > until_ms ||
            plex_client_wait(client, wait_ms) == LASTCALL_E_CLOSED)
            break;
        wait_ms *= 2;
    }
    return presence;
}

static enum lastcall_status judge_lost(struct plex_client *client,
                                       const struct session *target,
                                       enum lastcall_status transport,
                                       const struct http_response *response,
                                       struct session_outcome *outcome)
{
    struct session_outcome list = {0};
    enum lastcall_status code = transport == LASTCALL_TIMEOUT
                                    ? LASTCALL_TIMEOUT
                                    : LASTCALL_SERVER_ERROR;

    switch (settle(client, target, &list)) {
    case PRESENCE_GONE:
        return plex_outcome(outcome, LASTCALL_OK,
                            "the answer was lost, the session is gone");
    case PRESENCE_LISTED:
        return plex_outcome(outcome, code,
                            "Plex did not say whether it ended the session, "
                            "which is still listed: %.200s",
                            response->detail);
    case PRESENCE_UNKNOWN:
        break;
    }
    /* What has no wire code must not become the answer's. */
    if (status_is_wire(list.code))
        code = list.code;
    return plex_outcome(outcome, code,
                        "it is unknown whether the session ended; the answer "
                        "was lost and the list cannot be had: %.200s",
                        list.detail);
}

enum lastcall_status plex_verdict(struct plex_client *client,
                                  const struct session *target,
                                  enum lastcall_status transport,
                                  const struct http_response *response,
                                  struct session_outcome *outcome)
{
    if (transport == LASTCALL_OK)
        return judge_answer(client, target, response, outcome);
    if (response->sent == HTTP_NOT_SENT)
        return plex_client_explain(client, transport, response, outcome);
    if (transport == LASTCALL_E_CLOSED)
        return plex_outcome(outcome, LASTCALL_INTERRUPTED,
                            "the worker is stopping; it is unknown whether "
                            "the session ended");
    return judge_lost(client, target, transport, response, outcome);
}
