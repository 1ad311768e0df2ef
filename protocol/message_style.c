#include "protocol/message_style.h"

#include <stdbool.h>
#include <string.h>

#include "protocol/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Names farther from what was written are no help. */
#define SUGGESTION_DISTANCE_MAX 3

/* A style has at most one name of each. */
enum style_group {
    GROUP_BUTTONS,
    GROUP_ICON,
    GROUP_DEFAULT,
    GROUP_SYSTEM_MODAL,
    GROUP_TOPMOST,
    GROUP_COUNT
};

/* NULL: the group has but one name. */
static const char *const group_names[GROUP_COUNT] = {
    [GROUP_BUTTONS] = "sets of buttons",
    [GROUP_ICON] = "icons",
    [GROUP_DEFAULT] = "default buttons",
};

struct style_row {
    const char *name;
    enum style_group group;
    uint32_t flag;
    unsigned buttons; /* how many; of a default: how many it takes */
};

static const struct style_row rows[] = {
    {"ok", GROUP_BUTTONS, 0x0, 1},
    {"ok_cancel", GROUP_BUTTONS, 0x1, 2},
    {"abort_retry_ignore", GROUP_BUTTONS, 0x2, 3},
    {"yes_no_cancel", GROUP_BUTTONS, 0x3, 3},
    {"yes_no", GROUP_BUTTONS, 0x4, 2},
    {"retry_cancel", GROUP_BUTTONS, 0x5, 2},
    {"cancel_try_continue", GROUP_BUTTONS, 0x6, 3},
    {"error", GROUP_ICON, 0x10, 0},
    {"question", GROUP_ICON, 0x20, 0},
    {"warning", GROUP_ICON, 0x30, 0},
    {"information", GROUP_ICON, 0x40, 0},
    {"default_2", GROUP_DEFAULT, 0x100, 2},
    {"default_3", GROUP_DEFAULT, 0x200, 3},
    {"system_modal", GROUP_SYSTEM_MODAL, 0x1000, 0},
    {"topmost", GROUP_TOPMOST, 0x40000, 0},
};

const char *message_style_name(size_t position)
{
    return position < COUNT(rows) ? rows[position].name : NULL;
}

static const struct style_row *find(const char *word, size_t len)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, word, len) == 0)
            return &rows[i];
    return NULL;
}

static void say_unknown(const char *word, size_t len, struct json_error *error)
{
    const char *best = NULL;
    size_t best_distance = SUGGESTION_DISTANCE_MAX + 1;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t distance = text_distance(word, len, rows[i].name);

        /* As far away as all of it is long: nothing of it is left. */
        if (distance < best_distance && distance < len) {
            best_distance = distance;
            best = rows[i].name;
        }
    }
    if (len == 0)
        json_error_say(error, "style has a comma without a name beside it");
    else if (best != NULL)
        json_error_say(error, "style knows no '%.*s'; did you mean '%s'?",
                       (int)len, word, best);
    else
        json_error_say(error,
                       "style knows no '%.*s'; it takes buttons (yes_no), an "
                       "icon (warning), default_2, default_3, system_modal, "
                       "topmost",
                       (int)(len < 40 ? len : 40), word);
}

/* The rows of a style, by group. */
static enum lastcall_status
read_names(const char *text, const struct style_row *chosen[GROUP_COUNT],
           struct json_error *error)
{
    const char *word = text;

    for (;;) {
        size_t len = strcspn(word, ",");
        const struct style_row *row = find(word, len);

        if (row == NULL) {
            say_unknown(word, len, error);
            return LASTCALL_E_SYNTAX;
        }
        if (chosen[row->group] == row) {
            json_error_say(error, "style names '%s' twice", row->name);
            return LASTCALL_E_SYNTAX;
        }
        if (chosen[row->group] != NULL) {
            json_error_say(error, "style has two %s: '%s' and '%s'",
                           group_names[row->group], chosen[row->group]->name,
                           row->name);
            return LASTCALL_E_SYNTAX;
        }
        chosen[row->group] = row;
        if (word[len] == '\0')
            return LASTCALL_OK;
        word += len + 1;
    }
}

enum lastcall_status message_style_parse(const char *text, uint32_t *out,
                                         struct json_error *error)
{
    const struct style_row *chosen[GROUP_COUNT] = {NULL};
    const struct style_row *buttons = NULL;
    const struct style_row *fallback = NULL;
    uint32_t flags = 0;

    *out = 0;
    json_error_clear(error);
    if (text == NULL)
        return LASTCALL_OK;
    if (read_names(text, chosen, error) != LASTCALL_OK)
        return LASTCALL_E_SYNTAX;
    buttons = chosen[GROUP_BUTTONS] != NULL ? chosen[GROUP_BUTTONS] : &rows[0];
    fallback = chosen[GROUP_DEFAULT];
    if (fallback != NULL && fallback->buttons > buttons->buttons) {
        json_error_say(error, "style has '%s', but '%s' has fewer buttons",
                       fallback->name, buttons->name);
        return LASTCALL_E_SYNTAX;
    }
    for (size_t i = 0; i < GROUP_COUNT; i++)
        flags |= chosen[i] != NULL ? chosen[i]->flag : 0u;
    *out = flags;
    return LASTCALL_OK;
}
