#include "controller/home_press.h"

#include <string.h>

static const char *const verdict_names[PRESS_VERDICT_COUNT] = {
    [PRESS_ACCEPTED] = "accepted", [PRESS_RETAINED] = "retained",
    [PRESS_EARLY] = "early",       [PRESS_UNKNOWN] = "unknown",
    [PRESS_LATE] = "late",         [PRESS_REPEATED] = "repeated",
};

const char *press_verdict_name(enum press_verdict verdict)
{
    return verdict_names[verdict];
}

const struct home_button *home_press_find(const struct bridge_config *config,
                                          const struct name *host,
                                          const void *payload, size_t len)
{
    if (len == 0 || len > NAME_LEN_MAX)
        return NULL;
    for (size_t i = 0; i < config->button_count; i++) {
        const struct home_button *button = &config->buttons[i];

        if (strlen(button->id.text) == len &&
            memcmp(button->id.text, payload, len) == 0)
            return home_button_is_on(button, host) ? button : NULL;
    }
    return NULL;
}

enum press_verdict home_press_judge(struct home_press *state,
                                    const struct home_button *button,
                                    const struct home_pressing *pressing)
{
    if (pressing->is_retained)
        return PRESS_RETAINED;
    if (pressing->came_ms - pressing->ready_ms < pressing->quiet_ms)
        return PRESS_EARLY;
    if (button == NULL)
        return PRESS_UNKNOWN;
    if (pressing->now_ms - pressing->came_ms >= button->timeout_ms)
        return PRESS_LATE;
    if (state->has_accepted &&
        pressing->came_ms - state->accepted_ms < button->min_interval_ms)
        return PRESS_REPEATED;
    state->has_accepted = true;
    state->accepted_ms = pressing->came_ms;
    return PRESS_ACCEPTED;
}
