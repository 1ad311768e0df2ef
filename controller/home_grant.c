#include "controller/home_grant.h"

#include <stdio.h>
#include <string.h>

#define SENTENCE_SIZE 320

struct comparison {
    const struct grant *grant;
    const struct bridge_config *config;
    uint32_t backends;
    void (*tell)(void *context, enum grant_finding finding, const char *text);
    void *context;
};

/* Whom a button asks, as grants write it; a pattern stands for itself: a
 * grant's pattern that covers it matches its letters, too. */
static struct address address_of(const struct home_button *button)
{
    struct address address = {.kind = button->scope};

    if (button->scope == ADDRESS_GROUP)
        address.name = button->group;
    else if (button->scope == ADDRESS_HOST)
        snprintf(address.name.text, sizeof address.name.text, "%s",
                 button->pattern);
    return address;
}

/* The kinds of servers that a button's action is for. */
static uint32_t kinds_of(const struct home_button *button)
{
    uint32_t kinds = 0;

    for (unsigned kind = 0; kind < BACKEND_KIND_COUNT; kind++) {
        if ((backend_kind_actions((enum backend_kind)kind) &
             ACTION_BIT(button->request.action)) != 0)
            kinds |= BACKEND_BIT(kind);
    }
    return kinds;
}

static void find_lack(const struct comparison *comparison,
                      const struct home_button *button)
{
    const struct request *request = &button->request;
    const struct address address = address_of(button);
    struct permit_answer answer = {0};
    struct permit_question question = {
        .action = request->action,
        .backends = kinds_of(button) & comparison->backends,
        .audience = &address,
    };
    char text[SENTENCE_SIZE];

    if (question.backends == 0)
        question.backends = kinds_of(button);
    if (request->reason != NULL)
        question.given |= PERMIT_REQUIRE_REASON;
    if (request->has_where)
        question.given |= PERMIT_REQUIRE_WHERE;
    if (request->limit != REQUEST_LIMIT_NONE)
        question.given |= PERMIT_REQUIRE_LIMIT;
    if (grant_permits(comparison->grant, &question, &answer) == LASTCALL_OK)
        return;
    snprintf(text, sizeof text, "button \"%s\" will be refused: %s",
             button->id.text, answer.detail);
    comparison->tell(comparison->context, GRANT_LACKS, text);
}

/* Say whether some button needs an action on a kind of server, by whichever
 * name: "end" is the server's own ending. */
static bool needs_action(const struct bridge_config *config, enum action action,
                         enum backend_kind kind)
{
    for (size_t i = 0; i < config->button_count; i++) {
        const enum action wanted = config->buttons[i].request.action;

        if ((kinds_of(&config->buttons[i]) & BACKEND_BIT(kind)) != 0 &&
            action_resolve(wanted, kind) == action_resolve(action, kind))
            return true;
    }
    return false;
}

/* Say whether some button asks everybody whom an audience of a rule names. */
static bool needs_audience(const struct bridge_config *config,
                           const char *audience)
{
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < config->button_count; i++) {
        const struct address address = address_of(&config->buttons[i]);

        address_format(&address, text);
        if (name_glob(text, audience, GLOB_CASE_EXACT))
            return true;
    }
    return false;
}

static void find_excess_actions(const struct comparison *comparison,
                                const struct permit_rule *rule, size_t number)
{
    char text[SENTENCE_SIZE];

    for (unsigned i = 0; i < (unsigned)BACKEND_KIND_COUNT * ACTION_COUNT; i++) {
        const enum backend_kind kind = (enum backend_kind)(i / ACTION_COUNT);
        const enum action action = (enum action)(i % ACTION_COUNT);

        if ((rule->backends & BACKEND_BIT(kind)) == 0 ||
            (rule->actions & backend_kind_actions(kind) & ACTION_BIT(action)) ==
                0 ||
            !action_is_change(action) ||
            needs_action(comparison->config, action, kind))
            continue;
        snprintf(text, sizeof text,
                 "rule %zu of the grant permits %s on %s, which no button "
                 "needs",
                 number, action_name(action), backend_kind_name(kind));
        comparison->tell(comparison->context, GRANT_EXCEEDS, text);
    }
}

static bool has_changes(const struct permit_rule *rule)
{
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if ((rule->actions & ACTION_BIT(i)) != 0 &&
            action_is_change((enum action)i))
            return true;
    }
    return false;
}

static void find_excess_audiences(const struct comparison *comparison,
                                  const struct permit_rule *rule, size_t number)
{
    char text[SENTENCE_SIZE];

    for (size_t i = 0; i < rule->audience_count; i++) {
        if (!has_changes(rule) ||
            needs_audience(comparison->config, rule->audiences[i]))
            continue;
        snprintf(text, sizeof text,
                 "rule %zu of the grant is good for %s, which is more than "
                 "any button asks",
                 number, rule->audiences[i]);
        comparison->tell(comparison->context, GRANT_EXCEEDS, text);
    }
}

void home_grant_compare(const struct grant *grant,
                        const struct bridge_config *config, uint32_t backends,
                        void (*tell)(void *context, enum grant_finding finding,
                                     const char *text),
                        void *context)
{
    const struct comparison comparison = {grant, config, backends, tell,
                                          context};

    for (size_t i = 0; i < config->button_count; i++)
        find_lack(&comparison, &config->buttons[i]);
    for (size_t i = 0; i < grant->rule_count; i++) {
        find_excess_actions(&comparison, &grant->rules[i], i + 1);
        find_excess_audiences(&comparison, &grant->rules[i], i + 1);
    }
}
