/*
 * What stands around a request in the claims of a command; declared in
 * protocol/request.h.
 */
#include <string.h>

#include "protocol/moment.h"
#include "protocol/request.h"

static enum lastcall_status refuse(struct json_error *error, const char *text)
{
    json_error_say(error, "%s", text);
    return LASTCALL_INVALID_REQUEST;
}

enum lastcall_status command_decode(const struct verified *verified,
                                    struct command_claims *out,
                                    struct json_error *error)
{
    struct command_claims claims = {.iat_s = verified->iat_s};
    const char *audience = NULL;

    *out = (struct command_claims){0};
    json_error_clear(error);
    if (request_id_parse(verified->jti, strlen(verified->jti), &claims.jti) !=
        LASTCALL_OK)
        return refuse(error, "jti is not 16 to 64 of [A-Za-z0-9_-]");
    if (json_get_integer(verified->claims, "exp", JSON_REQUIRED, 0,
                         MOMENT_S_MAX, &claims.exp_s, error) != LASTCALL_OK ||
        json_get_text(verified->claims, "aud", JSON_REQUIRED,
                      ADDRESS_TEXT_SIZE - 1, &audience, error) != LASTCALL_OK)
        return LASTCALL_INVALID_REQUEST;
    if (address_parse(audience, &claims.audience) != LASTCALL_OK)
        return refuse(error, "aud is not all, group:NAME or host:NAME");
    *out = claims;
    return LASTCALL_OK;
}

enum lastcall_status command_check_times(const struct command_claims *claims,
                                         int64_t now_s, int64_t skew_s,
                                         int64_t lifetime_max_s,
                                         struct json_error *detail)
{
    json_error_clear(detail);
    if (claims->exp_s < claims->iat_s)
        return refuse(detail, "exp lies before iat");
    if (claims->exp_s - claims->iat_s > lifetime_max_s) {
        json_error_say(detail,
                       "exp - iat is %lld s, and this host takes at most "
                       "%lld s",
                       (long long)(claims->exp_s - claims->iat_s),
                       (long long)lifetime_max_s);
        return LASTCALL_INVALID_REQUEST;
    }
    return token_check_times("the command",
                             &(struct token_times){.iat_s = claims->iat_s,
                                                   .exp_s = claims->exp_s,
                                                   .skew_s = skew_s},
                             now_s, detail);
}

json_t *command_encode(const char *iss, const struct command_claims *claims,
                       const struct request *request)
{
    char audience[ADDRESS_TEXT_SIZE];
    json_t *object = token_claims_new(iss, claims->iat_s, claims->jti.text);

    if (object == NULL)
        return NULL;
    address_format(&claims->audience, audience);
    if (json_put(object, "aud", json_string(audience)) != LASTCALL_OK ||
        json_put(object, "exp", json_integer(claims->exp_s)) != LASTCALL_OK ||
        json_put(object, "request", request_encode(request)) != LASTCALL_OK) {
        json_decref(object);
        return NULL;
    }
    return object;
}
