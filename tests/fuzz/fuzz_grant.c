/*
 * Grants, revocation lists and permits on the command line: decoding ends,
 * and encoding what was decoded is stable.
 */
#include "protocol/grant.h"
#include "protocol/revocation.h"
#include "tests/fuzz/claims.h"

static void ask(const struct grant *grant)
{
    struct address audience = {.kind = ADDRESS_HOST, .name = {"web-1"}};
    struct permit_question question = {.audience = &audience};
    struct permit_answer answer;

    for (unsigned action = 0; action < ACTION_COUNT; action++) {
        question.action = (enum action)action;
        for (question.backends = 0; question.backends <= BACKEND_SET_ALL;
             question.backends++) {
            if (grant_permits(grant, &question, &answer) == LASTCALL_OK)
                check(answer.rule < grant->rule_count);
            check(answer.detail[0] != '\0');
        }
    }
}

static void try_grant(const struct verified *verified)
{
    struct grant grant;
    struct grant again = {0};
    struct verified next = *verified;

    if (grant_decode(verified, "text", &grant) == LASTCALL_OK) {
        ask(&grant);
        next.claims = grant_encode(&grant);
        if (next.claims != NULL &&
            grant_decode(&next, "text", &again) == LASTCALL_OK) {
            char *once = claims_text(json_incref(next.claims));
            char *twice = claims_text(grant_encode(&again));

            check(once == NULL || twice == NULL || strcmp(once, twice) == 0);
            free(once);
            free(twice);
        }
        json_decref(next.claims);
    } else {
        check(grant.text == NULL && grant.rules == NULL);
    }
    grant_deinit(&grant);
    grant_deinit(&again);
}

static void try_revocation(const struct verified *verified)
{
    struct revocation_list list;

    if (revocation_decode(verified, &list) == LASTCALL_OK) {
        for (size_t i = 0; i < list.count; i++)
            check(list.entries[i].before_s == 0 ||
                  revocation_covers(&list, list.entries[i].thumbprint,
                                    list.entries[i].before_s - 1));
        json_decref(revocation_encode(&list, "jti"));
    }
    revocation_deinit(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verified verified;
    struct permit_rule rule;
    char text[256];
    size_t len = size < sizeof(text) ? size : sizeof(text) - 1;

    if (claims_of(TOKEN_GRANT, data, size, &verified)) {
        try_grant(&verified);
        try_revocation(&verified);
    }
    verified_deinit(&verified);

    if (len > 0)
        memcpy(text, data, len);
    text[len] = '\0';
    if (permit_rule_parse(text, &rule) == LASTCALL_OK)
        check(rule.actions != 0 && rule.backends != 0 &&
              rule.audience_count > 0);
    permit_rule_deinit(&rule);
    return 0;
}
