#include "worker/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

#define WORD_SIZE 32
#define BLANKS " \t"

/* A piece of a text, between two separators. */
struct slice {
    const char *text;
    size_t len;
};

/* Cut the next piece off, without the blanks around it; false at the end. */
static bool slice_next(const char **rest, const char *separators,
                       struct slice *out)
{
    size_t len = 0;

    if (*rest == NULL)
        return false;
    out->text = *rest + strspn(*rest, BLANKS);
    len = strcspn(*rest, separators);
    out->len = (size_t)(*rest + len - out->text);
    if (out->text > *rest + len)
        out->len = 0;
    *rest = (*rest)[len] == '\0' ? NULL : *rest + len + 1;
    while (out->len > 0 && strchr(BLANKS, out->text[out->len - 1]) != NULL)
        out->len--;
    return true;
}

static bool slice_copy(const struct slice *slice, char word[WORD_SIZE])
{
    if (slice->len == 0 || slice->len >= WORD_SIZE)
        return false;
    memcpy(word, slice->text, slice->len);
    word[slice->len] = '\0';
    return true;
}

static enum lastcall_status refuse(struct config_error *error,
                                   const struct settings *from,
                                   const char *what, const struct slice *word)
{
    snprintf(error->text, sizeof(error->text), "%s: [policy] allow: %s '%.*s'",
             from->path, what, (int)(word->len < 64 ? word->len : 64),
             word->text);
    return LASTCALL_E_CONFIG;
}

/* Read the kinds in front of the colon: one name, or '*'. */
static bool kinds_parse(const struct slice *slice, uint32_t *kinds)
{
    enum backend_kind kind = BACKEND_PLEX;
    char word[WORD_SIZE];

    if (!slice_copy(slice, word))
        return false;
    if (strcmp(word, "*") == 0) {
        *kinds = BACKEND_SET_ALL;
        return true;
    }
    if (backend_kind_parse(word, &kind) != LASTCALL_OK)
        return false;
    *kinds = BACKEND_BIT(kind);
    return true;
}

/* Read the actions behind the colon into a set. */
static bool actions_parse(const char *text, uint32_t *actions,
                          struct slice *fault)
{
    const char *rest = text;
    enum action action = ACTION_PING;
    char word[WORD_SIZE];

    *actions = 0;
    while (slice_next(&rest, ",", fault)) {
        if (!slice_copy(fault, word))
            return false;
        if (strcmp(word, "*") == 0)
            *actions |= ACTION_SET_ALL;
        else if (action_parse(word, &action) == LASTCALL_OK)
            *actions |= ACTION_BIT(action);
        else
            return false;
    }
    return true;
}

static void policy_add(struct policy *policy, uint32_t kinds, uint32_t actions)
{
    for (unsigned kind = 0; kind < BACKEND_KIND_COUNT; kind++) {
        const uint32_t own =
            ACTION_BIT(action_resolve(ACTION_END, (enum backend_kind)kind));

        if ((kinds & BACKEND_BIT(kind)) == 0)
            continue;
        policy->allow[kind] |= actions;
        /* "end" and the kind's own ending are one act under two names. */
        if ((policy->allow[kind] & (own | ACTION_BIT(ACTION_END))) != 0)
            policy->allow[kind] |= own | ACTION_BIT(ACTION_END);
    }
}

static enum lastcall_status allow_parse(const struct settings *from,
                                        struct policy *out,
                                        struct config_error *error)
{
    const char *rest = from->policy.allow;
    struct slice entry;

    while (slice_next(&rest, ";", &entry)) {
        char text[CONFIG_LINE_MAX];
        const char *colon = NULL;
        struct slice kind = {0};
        struct slice fault = {0};
        uint32_t kinds = 0;
        uint32_t actions = 0;

        if (entry.len == 0)
            continue;
        if (entry.len >= sizeof(text))
            return refuse(error, from, "too long", &entry);
        memcpy(text, entry.text, entry.len);
        text[entry.len] = '\0';
        colon = strchr(text, ':');
        if (colon == NULL)
            return refuse(error, from, "BACKEND:ACTION,... expected, not",
                          &entry);
        kind = (struct slice){text, (size_t)(colon - text)};
        while (kind.len > 0 && strchr(BLANKS, text[kind.len - 1]) != NULL)
            kind.len--;
        if (!kinds_parse(&kind, &kinds))
            return refuse(error, from, "no such backend:", &kind);
        if (!actions_parse(colon + 1, &actions, &fault))
            return refuse(error, from, "no such action:", &fault);
        policy_add(out, kinds, actions);
    }
    return LASTCALL_OK;
}

static enum lastcall_status protect_parse(const struct settings *from,
                                          struct policy *out,
                                          struct config_error *error)
{
    struct filter_error fault = {0};
    enum lastcall_status status =
        filter_parse(from->policy.protect, &out->protect, &fault);

    if (status == LASTCALL_OK) {
        out->has_protect = true;
        return LASTCALL_OK;
    }
    if (status == LASTCALL_E_NOMEM)
        return status;
    snprintf(error->text, sizeof(error->text),
             "%s: [policy] protect: %s (at character %zu)", from->path,
             fault.text, fault.position + 1);
    return LASTCALL_E_CONFIG;
}

enum lastcall_status policy_load(const struct settings *from,
                                 struct policy *out, struct config_error *error)
{
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct policy){0};
    *error = (struct config_error){0};
    out->max_sessions = from->policy.max_sessions;
    if (from->policy.allow != NULL) {
        out->has_allow = true;
        status = allow_parse(from, out, error);
    }
    if (status == LASTCALL_OK && from->policy.protect != NULL)
        status = protect_parse(from, out, error);
    if (status != LASTCALL_OK)
        policy_deinit(out);
    return status;
}

void policy_deinit(struct policy *policy)
{
    filter_deinit(&policy->protect);
    *policy = (struct policy){0};
}

/* The servers that a request reaches, and their kinds. */
struct reach {
    uint64_t servers;
    uint32_t kinds;
};

static enum lastcall_status find_reach(const struct settings *settings,
                                       const struct request *request,
                                       struct reach *reach,
                                       struct json_error *detail)
{
    const char *wanted = request->server.text;
    bool is_named = false;

    *reach = (struct reach){0};
    for (size_t i = 0; i < settings->server_count; i++) {
        const struct server_settings *server = &settings->servers[i];
        const enum backend_kind kind = (enum backend_kind)server->backend;

        if (wanted[0] != '\0' && strcmp(wanted, server->name.text) != 0)
            continue;
        is_named = true;
        if ((request->backends & BACKEND_BIT(kind)) == 0 ||
            (backend_kind_actions(kind) & ACTION_BIT(request->action)) == 0)
            continue;
        reach->servers |= UINT64_C(1) << i;
        reach->kinds |= BACKEND_BIT(kind);
    }
    if (!is_named) {
        snprintf(detail->text, sizeof(detail->text),
                 "this host has no server named %s", wanted);
        return LASTCALL_NOT_FOUND;
    }
    if (reach->servers != 0)
        return LASTCALL_OK;
    snprintf(detail->text, sizeof(detail->text),
             "no server of this host that was asked for knows the action %s",
             action_name(request->action));
    return LASTCALL_UNSUPPORTED;
}

static enum lastcall_status ask_permit(const struct grant *grant,
                                       const struct request *request,
                                       const struct reach *reach,
                                       const struct address *audience,
                                       struct json_error *detail)
{
    struct permit_answer answer = {0};
    struct permit_question question = {
        .action = request->action,
        .backends = reach->kinds,
        .audience = audience,
    };
    enum lastcall_status status = LASTCALL_FORBIDDEN;

    if (request->reason != NULL)
        question.given |= PERMIT_REQUIRE_REASON;
    if (request->has_where)
        question.given |= PERMIT_REQUIRE_WHERE;
    if (request->limit != REQUEST_LIMIT_NONE)
        question.given |= PERMIT_REQUIRE_LIMIT;
    status = grant_permits(grant, &question, &answer);
    if (status != LASTCALL_OK)
        snprintf(detail->text, sizeof(detail->text), "%.*s",
                 JSON_ERROR_SIZE - 1, answer.detail);
    return status;
}

static enum lastcall_status ask_owner(const struct policy *policy,
                                      const struct request *request,
                                      const struct reach *reach,
                                      struct json_error *detail)
{
    uint32_t allowed_somewhere = 0;

    if (!policy->has_allow)
        return LASTCALL_OK;
    for (unsigned kind = 0; kind < BACKEND_KIND_COUNT; kind++) {
        allowed_somewhere |= policy->allow[kind];
        if ((reach->kinds & BACKEND_BIT(kind)) == 0 ||
            (policy->allow[kind] & ACTION_BIT(request->action)) != 0)
            continue;
        snprintf(detail->text, sizeof(detail->text),
                 "this host's policy does not allow %s on %s",
                 action_name(request->action),
                 backend_kind_name((enum backend_kind)kind));
        return LASTCALL_FORBIDDEN;
    }
    if (reach->kinds != 0 ||
        (allowed_somewhere & ACTION_BIT(request->action)) != 0)
        return LASTCALL_OK;
    snprintf(detail->text, sizeof(detail->text),
             "this host's policy does not allow %s",
             action_name(request->action));
    return LASTCALL_FORBIDDEN;
}

static int64_t smaller_limit(const struct policy *policy,
                             const struct request *request)
{
    const int64_t own = policy->max_sessions;

    if (own == 0 || !action_is_change(request->action))
        return request->limit;
    if (request->limit == REQUEST_LIMIT_NONE || own < request->limit)
        return own;
    return request->limit;
}

enum lastcall_status
policy_authorise(const struct policy *policy, const struct settings *settings,
                 const struct grant *grant, const struct address *audience,
                 struct request *request, struct order *out,
                 struct json_error *detail)
{
    enum lastcall_status status = LASTCALL_FORBIDDEN;
    struct reach reach = {0};

    *out = (struct order){0};
    *detail = (struct json_error){0};
    if (request->action != ACTION_PING) {
        status = find_reach(settings, request, &reach, detail);
        if (status != LASTCALL_OK)
            return status;
    }
    status = ask_permit(grant, request, &reach, audience, detail);
    if (status != LASTCALL_OK)
        return status;
    status = ask_owner(policy, request, &reach, detail);
    if (status != LASTCALL_OK)
        return status;

    out->servers = reach.servers;
    out->limit = smaller_limit(policy, request);
    out->request = *request;
    *request = (struct request){0};
    return LASTCALL_OK;
}

void order_deinit(struct order *order)
{
    request_deinit(&order->request);
    *order = (struct order){0};
}

bool policy_protects(const struct policy *policy, const struct session *session)
{
    return policy->has_protect && filter_match(&policy->protect, session);
}
