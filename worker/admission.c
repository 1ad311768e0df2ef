#include "worker/admission.h"

#include <stdio.h>
#include <string.h>

#include "protocol/grant.h"

void admission_deinit(struct admission *admission)
{
    order_deinit(&admission->order);
    *admission = (struct admission){0};
}

/* Is the address one that our own grant makes ours? */
static bool is_for_us(const struct identity *identity,
                      const struct address *address)
{
    switch (address->kind) {
    case ADDRESS_ALL:
        return true;
    case ADDRESS_HOST:
        return strcmp(address->name.text, identity->host.text) == 0;
    case ADDRESS_GROUP:
        for (size_t i = 0; i < identity->group_count; i++) {
            if (strcmp(address->name.text, identity->groups[i].text) == 0)
                return true;
        }
        return false;
    }
    return false;
}

enum lastcall_status admission_check_audience(const struct identity *identity,
                                              const struct address *claimed,
                                              const struct address *arrived,
                                              struct json_error *detail)
{
    char text[ADDRESS_TEXT_SIZE];

    if (address_is_equal(claimed, arrived) && is_for_us(identity, arrived))
        return LASTCALL_OK;
    address_format(arrived, text);
    snprintf(detail->text, sizeof(detail->text),
             "it came to %s, which is not the address in its aud, or "
             "none of this host's",
             text);
    return LASTCALL_INVALID_REQUEST;
}

/* The sender is a controller, and its id can name the answer's topic. */
static enum lastcall_status check_sender(const struct grant *grant,
                                         const struct verified *verified,
                                         struct admission *out)
{
    enum lastcall_status status = LASTCALL_E_GRANT;

    if (grant->kind != SUBJECT_CONTROLLER)
        return status;
    status = request_id_parse(verified->jti, strlen(verified->jti),
                              &out->entry.request_id);
    if (status != LASTCALL_OK)
        return status;
    out->controller = grant->name;
    memcpy(out->entry.issuer, verified->iss, sizeof(out->entry.issuer));
    memcpy(out->entry.hash, verified->hash, sizeof(out->entry.hash));
    return LASTCALL_OK;
}

/* Take the bytes apart, if they are those of a command. */
static enum lastcall_status open_command(const struct inbox_message *message,
                                         struct token *token)
{
    enum lastcall_status status =
        token_decode(message->data, message->len, token);

    if (status != LASTCALL_OK)
        return status;
    return token->type == TOKEN_COMMAND ? LASTCALL_OK : LASTCALL_E_TYPE;
}

enum lastcall_status admission_open(const struct inbox_message *message,
                                    const struct admission_rules *rules,
                                    struct admission *out)
{
    const struct settings *settings = rules->settings;
    enum lastcall_status status = LASTCALL_E_SIGNATURE;
    struct token token = {0};
    struct verified verified = {0};
    const struct grant *grant = NULL;
    struct command_claims claims = {0};
    struct request request = {0};

    *out = (struct admission){0};
    out->entry.audience = message->address;
    out->entry.received_ms = message->received_ms;

    status = open_command(message, &token);
    if (status != LASTCALL_OK)
        goto out;
    status = trust_verify(rules->trust, &token, rules->now_s, &verified, &grant,
                          &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    status = check_sender(grant, &verified, out);
    if (status != LASTCALL_OK)
        goto out;

    out->is_proved = true; /* from here on every refusal is answered */
    status = command_decode(&verified, &claims, &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    out->entry.exp_s = claims.exp_s;
    status = admission_check_audience(rules->identity, &claims.audience,
                                      &message->address, &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    status = command_check_times(&claims, rules->now_s,
                                 settings->worker.clock_skew_s,
                                 settings->worker.max_lifetime_s, &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    status = request_decode(&verified, &request, &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    out->has_action = true;
    out->entry.action = request.action;
    out->dry_run = request.dry_run;
    status = policy_authorise(rules->policy, settings, grant, &message->address,
                              &request, &out->order, &out->detail);
    if (status != LASTCALL_OK)
        goto out;
    out->order.id = out->entry.request_id;
    out->order.until_s = claims.exp_s + settings->worker.clock_skew_s;
    memcpy(out->order.issuer, out->entry.issuer, sizeof(out->order.issuer));

out:
    request_deinit(&request);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}
