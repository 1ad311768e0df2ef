#include "controller/answer.h"

#include <stdio.h>
#include <string.h>

void answer_deinit(struct answer *answer)
{
    result_deinit(&answer->result);
    *answer = (struct answer){0};
}

static enum lastcall_status refuse(enum lastcall_status status,
                                   struct json_error *why, const char *text)
{
    snprintf(why->text, sizeof why->text, "%s", text);
    return status;
}

static enum lastcall_status check_claims(const struct answer *answer,
                                         const struct name *controller,
                                         const struct topic_parts *parts,
                                         struct json_error *why)
{
    if (strcmp(answer->claims.controller.text, controller->text) != 0)
        return refuse(LASTCALL_E_SHAPE, why,
                      "it is meant for another controller");
    if (strcmp(answer->claims.request_id.text, parts->request_id.text) != 0)
        return refuse(LASTCALL_E_SHAPE, why,
                      "it answers another request than its topic says");
    return LASTCALL_OK;
}

static enum lastcall_status check_host(const struct grant *grant,
                                       const struct topic_parts *parts,
                                       struct json_error *why)
{
    if (grant->kind != SUBJECT_HOST)
        return refuse(LASTCALL_E_GRANT, why, "a controller signed it");
    if (strcmp(grant->name.text, parts->host.text) != 0)
        return refuse(LASTCALL_E_GRANT, why, "another host signed it");
    return LASTCALL_OK;
}

enum lastcall_status answer_open(struct trust *trust,
                                 const struct name *controller,
                                 const struct topic_parts *parts,
                                 const struct bytes *message, int64_t now_s,
                                 struct answer *out, struct json_error *why)
{
    struct token token = {0};
    struct verified verified = {0};
    const struct grant *grant = NULL;
    enum lastcall_status status =
        token_decode(message->data, message->len, &token);

    *out = (struct answer){.host = parts->host};
    *why = (struct json_error){0};
    if (status == LASTCALL_OK && token.type != TOKEN_RESULT)
        status = refuse(LASTCALL_E_TYPE, why, "it is no result");
    if (status == LASTCALL_OK)
        status = trust_verify(trust, &token, now_s, &verified, &grant, why);
    if (status == LASTCALL_OK)
        status = check_host(grant, parts, why);
    if (status == LASTCALL_OK)
        status = result_decode(&verified, &out->claims, &out->result, why);
    if (status == LASTCALL_OK)
        status = check_claims(out, controller, parts, why);
    if (status != LASTCALL_OK)
        answer_deinit(out);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}
