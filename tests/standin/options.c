#include "tests/standin/options.h"

#include "tests/standin/render.h"
#include "tests/standin/text.h"

#include <stdint.h>
#include <string.h>

/* -1 stands for "as it is" where a number is an override. */
static const char DEFAULTS[] =
    "{\"pass\": true, \"dialect\": \"a\", \"profile\": \"claimed\","
    " \"accept_only\": \"any\", \"wrong_method_status\": 404,"
    " \"duplicate_policy\": \"first\", \"empty_form\": \"absent\","
    " \"size\": -1, \"total_size\": -1, \"non_owner_status\": 403,"
    " \"long_401\": false, \"starting_writes_400\": false,"
    " \"allowed_networks\": \"\", \"known_hosts\": \"\","
    " \"stream_form\": \"bare\", \"stream_ends\": \"lf\","
    " \"stream_length\": \"chunked\", \"stream_split\": 0,"
    " \"stream_lines\": false, \"stream_noise\": false,"
    " \"stream_client_identifier\": true, \"stream_text_offset\": false,"
    " \"stream_pings\": true, \"stream_events\": true,"
    " \"stream_drop_after\": -1, \"stream_drop_partial\": false,"
    " \"friendly_name\": \"Fictional PMS\","
    " \"machine_identifier\": \"0123456789abcdef0123456789abcdef01234567\","
    " \"version\": \"1.43.3.10828-00f1c710b\"}";

/* The options whose value is one of a few words. */
static const struct {
    const char *name;
    const char *words; /* each between spaces */
} CHOICES[] = {
    {"dialect", " a b "},
    {"profile", " claimed unclaimed "},
    {"accept_only", " any GET POST "},
    {"duplicate_policy", " first all "},
    {"empty_form", " absent array "},
    {"stream_form", " bare wrapped array "},
    {"stream_ends", " lf crlf cr "},
    {"stream_length", " chunked close "},
};

void options_init(struct options *options)
{
    options->values = json_loads(DEFAULTS, 0, NULL);
}

void options_deinit(struct options *options)
{
    json_decref(options->values);
    options->values = NULL;
}

static bool choice_ok(const char *name, const json_t *value)
{
    for (size_t i = 0; i < sizeof(CHOICES) / sizeof(CHOICES[0]); i++) {
        struct text word = {0};
        bool ok;

        if (strcmp(CHOICES[i].name, name) != 0)
            continue;
        text_printf(&word, " %s ", json_string_value(value));
        ok = strstr(CHOICES[i].words, text_get(&word)) != NULL;
        text_deinit(&word);
        return ok;
    }
    return true;
}

static bool same_kind(const json_t *a, const json_t *b)
{
    if (json_is_boolean(a))
        return json_is_boolean(b);
    return a != NULL && b != NULL && json_typeof(a) == json_typeof(b);
}

const char *options_change(struct options *options, const json_t *change)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_walk(change), name, value)
    {
        if (!same_kind(json_object_get(options->values, name), value) ||
            !choice_ok(name, value))
            return name;
    }
    json_object_update(options->values, json_walk(change));
    return NULL;
}

bool options_bool(const struct options *options, const char *name)
{
    return json_is_true(json_object_get(options->values, name));
}

json_int_t options_number(const struct options *options, const char *name)
{
    return json_integer_value(json_object_get(options->values, name));
}

const char *options_word(const struct options *options, const char *name)
{
    return json_string_value(json_object_get(options->values, name));
}

bool options_is(const struct options *options, const char *name,
                const char *value)
{
    return strcmp(options_word(options, name), value) == 0;
}
