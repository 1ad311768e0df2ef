#include "protocol/io/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/name.h"

#define CHOICES_TEXT_SIZE 160
#define DURATION_TEXT_SIZE 32

struct unit {
    const char *name;
    int64_t ms;
};

/* From the largest down, so that a bound is written in its own unit. */
static const struct unit units[] = {
    {"d", INT64_C(86400000)}, {"h", INT64_C(3600000)}, {"m", INT64_C(60000)},
    {"s", INT64_C(1000)},     {"ms", INT64_C(1)},
};

LASTCALL_PRINTF(2, 3)
static enum lastcall_status refuse(struct config_error *error,
                                   const char *format, ...)
{
    va_list arguments;

    if (error != NULL) {
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return LASTCALL_E_CONFIG;
}

/* Digits with an optional minus sign; no other spelling of a number. */
static enum lastcall_status parse_integer(const char *text, const char **end,
                                          int64_t *out)
{
    char *stop = NULL;
    long long value;

    if (text[strspn(text, "-")] < '0' || text[strspn(text, "-")] > '9')
        return LASTCALL_E_SYNTAX;
    errno = 0;
    value = strtoll(text, &stop, 10);
    if (errno != 0 || stop == text)
        return LASTCALL_E_SYNTAX;
    *end = stop;
    *out = value;
    return LASTCALL_OK;
}

enum lastcall_status config_parse_duration(const char *text, int64_t *ms)
{
    const char *unit = NULL;
    int64_t value = 0;

    *ms = 0;
    if (parse_integer(text, &unit, &value) != LASTCALL_OK || value < 0)
        return LASTCALL_E_SYNTAX;
    if (*unit == '\0')
        unit = "s";
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        if (value > CONFIG_DURATION_MS_MAX / units[i].ms)
            return LASTCALL_E_SYNTAX;
        *ms = value * units[i].ms;
        return LASTCALL_OK;
    }
    return LASTCALL_E_SYNTAX;
}

static void format_duration(int64_t ms, char *text, size_t size)
{
    size_t i = 0;

    while (ms == 0 ? units[i].ms != 1000 : ms % units[i].ms != 0)
        i++;
    snprintf(text, size, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}

static bool is_bounded(const struct config_key *key)
{
    return key->min != 0 || key->max != 0;
}

static bool is_within(const struct config_key *key, int64_t value)
{
    return !is_bounded(key) || (value >= key->min && value <= key->max);
}

static enum lastcall_status set_integer(const struct config_key *key,
                                        int64_t *slot, const char *value,
                                        struct config_error *error)
{
    const char *end = "";
    int64_t number = 0;

    if (parse_integer(value, &end, &number) != LASTCALL_OK || *end != '\0')
        return refuse(error, "%s = %.60s: not a whole number", key->name,
                      value);
    if (!is_within(key, number))
        return refuse(error,
                      "%s = %.60s: out of range; it may be %" PRId64
                      " to %" PRId64,
                      key->name, value, key->min, key->max);
    *slot = number;
    return LASTCALL_OK;
}

/* unit_ms: what one unit of the slot is worth. */
static enum lastcall_status set_duration(const struct config_key *key,
                                         int64_t unit_ms, int64_t *slot,
                                         const char *value,
                                         struct config_error *error)
{
    char low[DURATION_TEXT_SIZE];
    char high[DURATION_TEXT_SIZE];
    int64_t ms = 0;

    if (config_parse_duration(value, &ms) != LASTCALL_OK)
        return refuse(error,
                      "%s = %.60s: not a duration such as 250ms, 90s, 2m, 24h "
                      "or 7d",
                      key->name, value);
    if (ms % unit_ms != 0)
        return refuse(error, "%s = %.60s: not whole seconds", key->name, value);
    if (!is_within(key, ms / unit_ms)) {
        format_duration(key->min * unit_ms, low, sizeof(low));
        format_duration(key->max * unit_ms, high, sizeof(high));
        return refuse(error, "%s = %.60s: out of range; it may be %s to %s",
                      key->name, value, low, high);
    }
    *slot = ms / unit_ms;
    return LASTCALL_OK;
}

static enum lastcall_status set_bool(const struct config_key *key, bool *slot,
                                     const char *value,
                                     struct config_error *error)
{
    static const char *const words[] = {"false", "true", "no",
                                        "yes",   "off",  "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            *slot = i % 2 == 1;
            return LASTCALL_OK;
        }
    }
    return refuse(error, "%s = %.60s: it may be true or false", key->name,
                  value);
}

static enum lastcall_status set_choice(const struct config_key *key,
                                       int64_t *slot, const char *value,
                                       struct config_error *error)
{
    char known[CHOICES_TEXT_SIZE] = "";
    size_t len = 0;

    for (int64_t i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(value, key->choices[i]) == 0) {
            *slot = i;
            return LASTCALL_OK;
        }
        if (len < sizeof(known))
            len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
                                    i == 0 ? "" : ", ", key->choices[i]);
    }
    return refuse(error, "%s = %.60s: it may be one of %s", key->name, value,
                  known);
}

static enum lastcall_status set_text(char **slot, const char *value)
{
    char *copy = bytes_copy_text(value);

    if (copy == NULL)
        return LASTCALL_E_NOMEM;
    free(*slot);
    *slot = copy;
    return LASTCALL_OK;
}

static enum lastcall_status set_name(const struct config_key *key,
                                     struct name *slot, const char *value,
                                     struct config_error *error)
{
    const size_t len = strlen(value);
    struct name name;

    if (name_parse(value, len, &name) == LASTCALL_OK) {
        *slot = name;
        return LASTCALL_OK;
    }
    if (name_parse_lowered(value, len, &name) == LASTCALL_OK)
        return refuse(error, "%s = %s: a name has no capitals; write %s",
                      key->name, value, name.text);
    return refuse(error,
                  "%s = %.60s: not a name; a name is 1 to %d characters of "
                  "a-z, 0-9, '.' and '-', and begins with a letter or "
                  "digit",
                  key->name, value, NAME_LEN_MAX);
}

enum lastcall_status config_set(const struct config_key *key, void *structure,
                                const char *value, struct config_error *error)
{
    void *slot = (char *)structure + key->offset;

    if (value[0] == '\0')
        return refuse(error,
                      "%s has no value; leave the key out for its "
                      "default",
                      key->name);
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        return set_text(slot, value);
    case CONFIG_NAME:
        return set_name(key, slot, value, error);
    case CONFIG_DURATION_S:
        return set_duration(key, 1000, slot, value, error);
    case CONFIG_DURATION_MS:
        return set_duration(key, 1, slot, value, error);
    case CONFIG_INTEGER:
        return set_integer(key, slot, value, error);
    case CONFIG_BOOL:
        return set_bool(key, slot, value, error);
    case CONFIG_CHOICE:
        return set_choice(key, slot, value, error);
    }
    return LASTCALL_E_INTERNAL;
}

enum lastcall_status config_preset(const struct config_key *keys,
                                   size_t key_count, const char *section,
                                   void *structure)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < key_count && status == LASTCALL_OK; i++) {
        if (keys[i].preset == NULL || strcmp(keys[i].section, section) != 0)
            continue;
        status = config_set(&keys[i], structure, keys[i].preset, NULL);
        assert(status != LASTCALL_E_CONFIG); /* a default breaks its rule */
    }
    return status;
}

void config_deinit(const struct config_key *keys, size_t key_count,
                   const char *section, void *structure)
{
    for (size_t i = 0; i < key_count; i++) {
        if ((keys[i].type != CONFIG_TEXT && keys[i].type != CONFIG_PATH) ||
            strcmp(keys[i].section, section) != 0)
            continue;
        char **slot = (void *)((char *)structure + keys[i].offset);

        free(*slot);
        *slot = NULL;
    }
}
