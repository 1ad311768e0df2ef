/*
 * Requests from controllers whose signature holds: decoding ends, and what
 * was decoded is written so that it decodes to the same.
 */
#include "protocol/request.h"
#include "tests/fuzz/claims.h"

static void try_again(const struct request *request)
{
    struct verified verified = {.type = TOKEN_COMMAND};
    struct request again;
    json_t *claims = json_object();
    char *once = claims_text(request_encode(request));
    char *twice = NULL;

    if (json_put(claims, "request", request_encode(request)) == LASTCALL_OK) {
        verified.claims = json_incref(claims);
        if (request_decode(&verified, &again, NULL) == LASTCALL_OK) {
            twice = claims_text(request_encode(&again));
            check(once == NULL || twice == NULL || strcmp(once, twice) == 0);
        }
        request_deinit(&again);
        verified_deinit(&verified);
    }
    free(once);
    free(twice);
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verified verified;
    struct command_claims claims;
    struct request request;
    struct session session = {0};
    struct json_error error;

    if (claims_of(TOKEN_COMMAND, data, size, &verified)) {
        if (command_decode(&verified, &claims, &error) == LASTCALL_OK)
            (void)!command_check_times(&claims, 1763712000, 30, 86400, &error);
        if (request_decode(&verified, &request, &error) == LASTCALL_OK) {
            (void)!request_check_precondition(&request, &session, &error);
            (void)filter_match(&request.where, &session);
            try_again(&request);
        } else {
            check(request.session_id == NULL && request.where.nodes == NULL);
        }
        request_deinit(&request);
    }
    verified_deinit(&verified);
    return 0;
}
