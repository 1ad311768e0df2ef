#include "controller/news.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grant.h"

void news_deinit(struct news *news)
{
    host_status_deinit(&news->status);
    inventory_deinit(&news->inventory);
    if (news->event != NULL)
        event_deinit(news->event);
    free(news->event);
    free(news->groups);
    *news = (struct news){0};
}

/* The groups stand in the grant, so a host cannot put itself into one. */
static enum lastcall_status copy_groups(const struct grant *grant,
                                        struct news *news)
{
    if (grant->group_count == 0)
        return LASTCALL_OK;
    news->groups = calloc(grant->group_count, sizeof *news->groups);
    if (news->groups == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(news->groups, grant->groups,
           grant->group_count * sizeof *news->groups);
    news->group_count = grant->group_count;
    return LASTCALL_OK;
}

static enum lastcall_status read_status(const struct verified *verified,
                                        const struct grant *grant,
                                        struct news *news,
                                        struct json_error *why)
{
    enum lastcall_status status =
        host_status_decode(verified, &news->status, why);

    return status == LASTCALL_OK ? copy_groups(grant, news) : status;
}

static enum lastcall_status read_inventory(const struct verified *verified,
                                           const struct topic_parts *parts,
                                           struct news *news,
                                           struct json_error *why)
{
    enum lastcall_status status =
        inventory_decode(verified, &news->inventory, why);

    if (status == LASTCALL_OK &&
        strcmp(news->inventory.server.text, parts->server.text) != 0)
        return LASTCALL_E_GRANT;
    return status;
}

/* An event has a place of its own: other news need not be as large. */
static enum lastcall_status read_event(const struct verified *verified,
                                       const struct topic_parts *parts,
                                       struct news *news,
                                       struct json_error *why)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;

    news->event = calloc(1, sizeof *news->event);
    if (news->event == NULL)
        return LASTCALL_E_NOMEM;
    status = event_decode(verified, news->event, why);
    if (status == LASTCALL_OK &&
        strcmp(news->event->server.text, parts->server.text) != 0)
        return LASTCALL_E_GRANT;
    return status;
}

/* The type of token that belongs on a topic. */
static enum token_type type_of(enum topic_kind kind)
{
    if (kind == TOPIC_STATUS)
        return TOKEN_STATUS;
    return kind == TOPIC_EVENT ? TOKEN_EVENT : TOKEN_SESSIONS;
}

/* Prove that the token is what its topic says: type, host, signature. */
static enum lastcall_status
prove(struct trust *trust, const struct topic_parts *parts,
      const struct token *token, int64_t now_s, struct verified *verified,
      const struct grant **grant, struct json_error *why)
{
    enum lastcall_status status = LASTCALL_E_TYPE;

    if (token->type != type_of(parts->kind))
        return LASTCALL_E_TYPE;
    status = trust_verify(trust, token, now_s, verified, grant, why);
    if (status != LASTCALL_OK)
        return status;
    if ((*grant)->kind != SUBJECT_HOST ||
        strcmp((*grant)->name.text, parts->host.text) != 0)
        return LASTCALL_E_GRANT;
    return LASTCALL_OK;
}

enum lastcall_status news_open(struct trust *trust,
                               const struct topic_parts *parts,
                               const struct bytes *message, int64_t now_ms,
                               struct news *out, struct json_error *why)
{
    struct token token = {0};
    struct verified verified = {0};
    const struct grant *grant = NULL;
    enum lastcall_status status =
        token_decode(message->data, message->len, &token);

    assert(parts->kind == TOPIC_STATUS || parts->kind == TOPIC_SESSIONS ||
           parts->kind == TOPIC_EVENT);
    *out = (struct news){
        .kind = parts->kind, .host = parts->host, .arrived_ms = now_ms};
    *why = (struct json_error){0};
    if (status == LASTCALL_OK)
        status =
            prove(trust, parts, &token, now_ms / 1000, &verified, &grant, why);
    if (status == LASTCALL_OK && parts->kind == TOPIC_STATUS)
        status = read_status(&verified, grant, out, why);
    else if (status == LASTCALL_OK && parts->kind == TOPIC_EVENT)
        status = read_event(&verified, parts, out, why);
    else if (status == LASTCALL_OK)
        status = read_inventory(&verified, parts, out, why);
    if (status == LASTCALL_OK) {
        out->iat_s = verified.iat_s;
        out->granted_s = grant->iat_s;
        memcpy(out->signer, grant->key.thumbprint, sizeof out->signer);
    } else {
        news_deinit(out);
    }
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}
