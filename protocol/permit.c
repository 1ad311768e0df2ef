#include "protocol/permit.h"

#include <stdlib.h>
#include <string.h>

#define REQUIREMENT_COUNT 3
#define EVERYTHING "*"

/* Bit n of a set of enum permit_requirement has the name n. */
static const char *const requirement_names[REQUIREMENT_COUNT] = {
    "reason", "where", "limit"};

/* What stands in a rule that requires something we cannot check. */
#define REQUIREMENT_UNKNOWN_NAME "unknown"

void permit_rule_deinit(struct permit_rule *rule)
{
    for (size_t i = 0; i < rule->audience_count; i++)
        free(rule->audiences[i]);
    free(rule->audiences);
    *rule = (struct permit_rule){0};
}

/* The sets that a name adds; a name of a later version adds none. */
static uint32_t action_set(const char *name)
{
    enum action action = ACTION_PING;

    if (strcmp(name, EVERYTHING) == 0)
        return ACTION_SET_ALL;
    return action_parse(name, &action) == LASTCALL_OK ? ACTION_BIT(action) : 0;
}

static uint32_t backend_set(const char *name)
{
    enum backend_kind kind = BACKEND_PLEX;

    if (strcmp(name, EVERYTHING) == 0)
        return BACKEND_SET_ALL;
    return backend_kind_parse(name, &kind) == LASTCALL_OK ? BACKEND_BIT(kind)
                                                          : 0;
}

/* But a requirement of a later version closes the rule: what cannot be
 * checked is not met. */
static uint32_t requirement_set(const char *name)
{
    for (unsigned i = 0; i < REQUIREMENT_COUNT; i++) {
        if (strcmp(name, requirement_names[i]) == 0)
            return UINT32_C(1) << i;
    }
    return PERMIT_REQUIRE_UNKNOWN;
}

static enum lastcall_status decode_set(const json_t *object, const char *name,
                                       enum json_presence presence,
                                       uint32_t (*set_of)(const char *name),
                                       uint32_t *out)
{
    json_t *list = NULL;

    *out = 0;
    if (json_get_array(object, name, presence, GRANT_AUDIENCE_COUNT_MAX, &list,
                       NULL) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL)
            return LASTCALL_E_GRANT;
        *out |= set_of(text);
    }
    return LASTCALL_OK;
}

/* A pattern over "all", "group:g" and "host:h": nothing else could match. */
static bool audience_is_valid(const char *text, size_t len)
{
    return len > 0 && len <= GRANT_AUDIENCE_LEN_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-:*") >= len;
}

static enum lastcall_status decode_audiences(const json_t *object,
                                             struct permit_rule *out)
{
    json_t *list = NULL;

    if (json_get_array(object, "audiences", JSON_REQUIRED,
                       GRANT_AUDIENCE_COUNT_MAX, &list, NULL) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    if (json_array_size(list) == 0)
        return LASTCALL_OK;
    out->audiences = calloc(json_array_size(list), sizeof(*out->audiences));
    if (out->audiences == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || !audience_is_valid(text, strlen(text)))
            return LASTCALL_E_GRANT;
        out->audiences[i] = bytes_copy_text(text);
        if (out->audiences[i] == NULL)
            return LASTCALL_E_NOMEM;
        out->audience_count++;
    }
    return LASTCALL_OK;
}

enum lastcall_status permit_rule_decode(const json_t *object,
                                        struct permit_rule *out)
{
    enum lastcall_status status = LASTCALL_E_GRANT;

    *out = (struct permit_rule){0};
    status =
        decode_set(object, "actions", JSON_REQUIRED, action_set, &out->actions);
    if (status == LASTCALL_OK)
        status = decode_set(object, "backends", JSON_REQUIRED, backend_set,
                            &out->backends);
    if (status == LASTCALL_OK)
        status = decode_set(object, "require", JSON_OPTIONAL, requirement_set,
                            &out->require);
    if (status == LASTCALL_OK)
        status = decode_audiences(object, out);
    return status;
}

/* Names are appended to a list; a NULL value makes the list fail. */
static bool append(json_t *list, const char *name)
{
    return json_array_append_new(list, json_string(name)) == 0;
}

static json_t *list_done(json_t *list, bool is_good)
{
    if (is_good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *encode_actions(uint32_t set)
{
    json_t *list = json_array();
    bool is_good = list != NULL;

    if (set == ACTION_SET_ALL)
        return list_done(list, append(list, EVERYTHING));
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if ((set & ACTION_BIT(i)) != 0)
            is_good = append(list, action_name((enum action)i)) && is_good;
    }
    return list_done(list, is_good);
}

static json_t *encode_backends(uint32_t set)
{
    json_t *list = json_array();
    bool is_good = list != NULL;

    if (set == BACKEND_SET_ALL)
        return list_done(list, append(list, EVERYTHING));
    for (unsigned i = 0; i < BACKEND_KIND_COUNT; i++) {
        if ((set & BACKEND_BIT(i)) != 0)
            is_good = append(list, backend_kind_name((enum backend_kind)i)) &&
                      is_good;
    }
    return list_done(list, is_good);
}

static json_t *encode_requirements(uint32_t set)
{
    json_t *list = json_array();
    bool is_good = list != NULL;

    for (unsigned i = 0; i < REQUIREMENT_COUNT; i++) {
        if ((set & (UINT32_C(1) << i)) != 0)
            is_good = append(list, requirement_names[i]) && is_good;
    }
    if ((set & PERMIT_REQUIRE_UNKNOWN) != 0)
        is_good = append(list, REQUIREMENT_UNKNOWN_NAME) && is_good;
    return list_done(list, is_good);
}

static json_t *encode_audiences(const struct permit_rule *rule)
{
    json_t *list = json_array();
    bool is_good = list != NULL;

    for (size_t i = 0; i < rule->audience_count; i++)
        is_good = append(list, rule->audiences[i]) && is_good;
    return list_done(list, is_good);
}

json_t *permit_rule_encode(const struct permit_rule *rule)
{
    json_t *object = json_object();
    enum lastcall_status status = LASTCALL_E_NOMEM;

    status = json_put(object, "actions", encode_actions(rule->actions));
    if (status == LASTCALL_OK)
        status = json_put(object, "backends", encode_backends(rule->backends));
    if (status == LASTCALL_OK)
        status = json_put(object, "audiences", encode_audiences(rule));
    if (status == LASTCALL_OK && rule->require != 0)
        status =
            json_put(object, "require", encode_requirements(rule->require));
    if (status == LASTCALL_OK)
        return object;
    json_decref(object);
    return NULL;
}

/* The next item of a comma list that ends at `end`; *at moves behind it. */
static size_t next_item(const char **at, const char *end, const char **item)
{
    size_t len = 0;

    *item = *at;
    while (*item + len < end && (*item)[len] != ',')
        len++;
    *at = *item + len + 1;
    return len;
}

/* A person's list: here a name that is not known is a mistake. */
static enum lastcall_status parse_set(const char *at, const char *end,
                                      uint32_t (*set_of)(const char *name),
                                      uint32_t *out)
{
    char name[NAME_LEN_MAX + 1];
    const char *item = NULL;

    *out = 0;
    while (at <= end) {
        size_t len = next_item(&at, end, &item);
        uint32_t set = 0;

        if (len == 0 || len > NAME_LEN_MAX)
            return LASTCALL_E_SYNTAX;
        memcpy(name, item, len);
        name[len] = '\0';
        set = set_of(name);
        if (set == 0)
            return LASTCALL_E_SYNTAX;
        *out |= set;
    }
    return LASTCALL_OK;
}

static uint32_t known_requirement_set(const char *name)
{
    const uint32_t set = requirement_set(name);

    return set == PERMIT_REQUIRE_UNKNOWN ? 0 : set;
}

static enum lastcall_status parse_audiences(const char *at, const char *end,
                                            struct permit_rule *out)
{
    size_t count = 1;
    const char *item = NULL;

    for (const char *c = at; c < end; c++)
        count += *c == ',';
    if (count > GRANT_AUDIENCE_COUNT_MAX)
        return LASTCALL_E_TOO_LARGE;
    out->audiences = calloc(count, sizeof(*out->audiences));
    if (out->audiences == NULL)
        return LASTCALL_E_NOMEM;
    while (at <= end) {
        size_t len = next_item(&at, end, &item);
        char *copy = NULL;

        if (!audience_is_valid(item, len))
            return LASTCALL_E_SYNTAX;
        copy = calloc(1, len + 1);
        if (copy == NULL)
            return LASTCALL_E_NOMEM;
        memcpy(copy, item, len);
        out->audiences[out->audience_count++] = copy;
    }
    return LASTCALL_OK;
}

enum lastcall_status permit_rule_parse(const char *text,
                                       struct permit_rule *out)
{
    const char *colon = strchr(text, ':');
    const char *at = colon != NULL ? strchr(colon, '@') : NULL;
    const char *mark = at != NULL ? strchr(at, '!') : NULL;
    const char *end = mark != NULL ? mark : text + strlen(text);
    enum lastcall_status status = LASTCALL_E_SYNTAX;

    *out = (struct permit_rule){0};
    if (at == NULL)
        return status;
    status = parse_set(text, colon, backend_set, &out->backends);
    if (status == LASTCALL_OK)
        status = parse_set(colon + 1, at, action_set, &out->actions);
    if (status == LASTCALL_OK && mark != NULL)
        status = parse_set(mark + 1, mark + strlen(mark), known_requirement_set,
                           &out->require);
    if (status == LASTCALL_OK)
        status = parse_audiences(at + 1, end, out);
    if (status != LASTCALL_OK)
        permit_rule_deinit(out);
    return status;
}
