#include "tests/standin/fault.h"

#include "tests/standin/fault_apply.h"
#include "tests/standin/text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* A generator that starts from 0 would stay there. */
#define RANDOM_SEED UINT64_C(0x9e3779b97f4a7c15)

static const char *word_of(const json_t *given, const char *name,
                           const char *fallback)
{
    const char *word = json_string_value(json_object_get(given, name));

    return word != NULL ? word : fallback;
}

static uint64_t number_of(const json_t *given, const char *name,
                          uint64_t fallback)
{
    const json_t *value = json_object_get(given, name);

    return json_is_integer(value) ? (uint64_t)json_integer_value(value)
                                  : fallback;
}

const char *faults_add(struct faults *faults, const json_t *given,
                       json_int_t *id)
{
    struct fault_rule rule = {0};
    const json_t *chance = json_object_get(given, "probability");
    bool sticky = json_is_true(json_object_get(given, "sticky"));

    if (!json_is_object(given))
        return "a rule is a JSON object";
    if (fault_stage_of(word_of(given, "fault", "")) == FAULT_NONE)
        return "fault is none of those in README.md";
    rule.id = ++faults->next_id;
    rule.given = json_deep_copy(given);
    rule.nth = number_of(given, "nth", 1);
    rule.left = number_of(given, "count", chance != NULL ? UINT64_MAX : 1);
    if (sticky)
        rule.left = UINT64_MAX;
    rule.chance = chance != NULL ? json_number_value(chance) : 1;
    rule.random = RANDOM_SEED ^ number_of(given, "seed", 0);
    faults->rules = must_realloc(faults->rules, (faults->count + 1) *
                                                    sizeof(struct fault_rule));
    faults->rules[faults->count++] = rule;
    *id = rule.id;
    return NULL;
}

bool faults_remove(struct faults *faults, json_int_t id)
{
    size_t kept = 0;
    size_t before = faults->count;

    for (size_t i = 0; i < before; i++) {
        if (id == -1 || faults->rules[i].id == id)
            json_decref(faults->rules[i].given);
        else
            faults->rules[kept++] = faults->rules[i];
    }
    faults->count = kept;
    return kept != before;
}

json_t *faults_describe(const struct faults *faults)
{
    json_t *all = json_array();

    for (size_t i = 0; i < faults->count; i++) {
        const struct fault_rule *rule = &faults->rules[i];

        json_array_append_new(all, json_pack("{sIsOsIsI}", "id", rule->id,
                                             "rule", rule->given, "matched",
                                             (json_int_t)rule->matched, "hits",
                                             (json_int_t)rule->hits));
    }
    return all;
}

/* xorshift64: the same seed gives the same failures on every machine. */
static double random_next(struct fault_rule *rule)
{
    rule->random ^= rule->random << 13;
    rule->random ^= rule->random >> 7;
    rule->random ^= rule->random << 17;
    return (double)(rule->random >> 11) / 9007199254740992.0; /* 2^53 */
}

static bool rule_means(const struct fault_rule *rule, const char *method,
                       const char *path)
{
    const char *own = word_of(rule->given, "method", "*");

    return (strcmp(own, "*") == 0 || strcmp(own, method) == 0) &&
           fnmatch(word_of(rule->given, "path", "*"), path, 0) == 0;
}

static bool rule_hits(struct fault_rule *rule)
{
    rule->matched++;
    if (rule->matched < rule->nth || rule->left == 0)
        return false;
    if (rule->chance < 1 && random_next(rule) >= rule->chance)
        return false;
    if (rule->left != UINT64_MAX)
        rule->left--;
    rule->hits++;
    return true;
}

struct fault faults_pick(struct faults *faults, const char *method,
                         const char *path)
{
    struct fault fault = {0};

    for (size_t i = 0; i < faults->count; i++) {
        struct fault_rule *rule = &faults->rules[i];

        if (!rule_means(rule, method, path) || !rule_hits(rule))
            continue;
        fault.stage = fault_stage_of(word_of(rule->given, "fault", ""));
        fault.effect = json_is_true(json_object_get(rule->given, "effect"));
        fault.given = json_incref(rule->given);
        break;
    }
    return fault;
}

void fault_deinit(struct fault *fault)
{
    json_decref(fault->given);
    *fault = (struct fault){0};
}

void faults_deinit(struct faults *faults)
{
    (void)faults_remove(faults, -1);
    free(faults->rules);
    *faults = (struct faults){0};
}
