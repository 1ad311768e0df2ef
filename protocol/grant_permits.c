#include <stdio.h>
#include <string.h>

#include "protocol/grant.h"

/* What one rule says to one question. */
enum rule_verdict {
    RULE_SILENT,  /* another action, backend or audience */
    RULE_DEMANDS, /* would allow, but for a requirement */
    RULE_ALLOWS,
};

static bool names_audience(const struct permit_rule *rule,
                           const struct address *audience)
{
    char text[ADDRESS_TEXT_SIZE];

    address_format(audience, text);
    for (size_t i = 0; i < rule->audience_count; i++) {
        if (name_glob(rule->audiences[i], text, GLOB_CASE_EXACT))
            return true;
    }
    return false;
}

static enum rule_verdict ask_rule(const struct permit_rule *rule,
                                  const struct permit_question *question,
                                  uint32_t actions, uint32_t backends)
{
    if ((rule->actions & actions) == 0 ||
        (rule->backends & backends) != backends ||
        !names_audience(rule, question->audience))
        return RULE_SILENT;
    return (rule->require & ~question->given) == 0 ? RULE_ALLOWS : RULE_DEMANDS;
}

/* Ask the rules in their order about one kind of backend, or about none. */
static bool ask_rules(const struct grant *grant,
                      const struct permit_question *question, uint32_t actions,
                      uint32_t backends, size_t *rule)
{
    size_t demanding = grant->rule_count;

    for (size_t i = 0; i < grant->rule_count; i++) {
        switch (ask_rule(&grant->rules[i], question, actions, backends)) {
        case RULE_SILENT:
            break;
        case RULE_DEMANDS:
            if (demanding == grant->rule_count)
                demanding = i;
            break;
        case RULE_ALLOWS:
            *rule = i;
            return true;
        }
    }
    *rule = demanding;
    return false;
}

/* "rule 2 demands a reason", where such a rule was found. */
static void say_demand(const struct grant *grant,
                       const struct permit_question *question, size_t rule,
                       struct permit_answer *answer)
{
    static const char *const demands[] = {"a reason", "a where", "a limit",
                                          "something not known here"};
    size_t used = strlen(answer->detail);
    uint32_t missing = 0;

    if (rule == grant->rule_count)
        return;
    missing = grant->rules[rule].require & ~question->given;
    for (unsigned i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
        if ((missing & (UINT32_C(1) << i)) == 0)
            continue;
        (void)snprintf(answer->detail + used, sizeof(answer->detail) - used,
                       "; rule %zu demands %s", rule + 1, demands[i]);
        return;
    }
}

static void say_refusal(const struct grant *grant,
                        const struct permit_question *question,
                        const char *backend, struct permit_answer *answer)
{
    char audience[ADDRESS_TEXT_SIZE];

    address_format(question->audience, audience);
    (void)snprintf(answer->detail, sizeof(answer->detail),
                   "the grant of %s does not permit %s%s%s at %s",
                   grant->subject, action_name(question->action),
                   backend[0] != '\0' ? " on " : "", backend, audience);
}

/* Ask about one kind of backend, or about none (0). */
static bool permits(const struct grant *grant,
                    const struct permit_question *question, uint32_t backends,
                    struct permit_answer *answer)
{
    uint32_t actions = ACTION_BIT(question->action);
    const char *backend = "";

    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        if (backends != BACKEND_BIT(i))
            continue;
        backend = backend_kind_name((enum backend_kind)i);
        /* "end" is the backend's own ending by another name. */
        actions |=
            ACTION_BIT(action_resolve(question->action, (enum backend_kind)i));
    }
    if (ask_rules(grant, question, actions, backends, &answer->rule))
        return true;
    say_refusal(grant, question, backend, answer);
    say_demand(grant, question, answer->rule, answer);
    return false;
}

enum lastcall_status grant_permits(const struct grant *grant,
                                   const struct permit_question *question,
                                   struct permit_answer *answer)
{
    uint32_t left = question->backends;

    *answer = (struct permit_answer){0};
    do {
        uint32_t lowest = left & (~left + 1u);

        if (!permits(grant, question, lowest, answer))
            return LASTCALL_FORBIDDEN;
        left &= ~lowest;
    } while (left != 0);
    (void)snprintf(answer->detail, sizeof(answer->detail), "rule %zu allows it",
                   answer->rule + 1);
    return LASTCALL_OK;
}
