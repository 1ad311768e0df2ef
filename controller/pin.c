#include "controller/pin.h"

#include <string.h>

static const enum session_field pinned[PIN_CONDITION_COUNT] = {
    SESSION_USERNAME,
    SESSION_LOGON_TIME,
};

void pin_of_host(const struct campaign_host *planned, const char *session_id,
                 struct pin *out)
{
    const struct result *result = NULL;

    *out = (struct pin){0};
    if (planned == NULL || !planned->has_answer)
        return;
    result = &planned->answer.result;
    for (size_t i = 0; i < result->session_count; i++) {
        const struct session_result *shown = &result->sessions[i];

        if (!shown->has_session || shown->backend != BACKEND_WTS ||
            strcmp(shown->session_id, session_id) != 0)
            continue;
        out->count = PIN_CONDITION_COUNT;
        for (size_t k = 0; k < PIN_CONDITION_COUNT; k++) {
            out->conditions[k].field = pinned[k];
            out->conditions[k].value = shown->session->fields[pinned[k]];
        }
        return;
    }
}

size_t pin_of_all(const struct campaign *plan, const char *session_id,
                  struct pin *out)
{
    size_t count = 0;

    *out = (struct pin){0};
    for (size_t i = 0; i < plan->host_count; i++) {
        struct pin pin;

        pin_of_host(&plan->hosts[i], session_id, &pin);
        if (pin.count == 0)
            continue;
        *out = pin;
        count++;
    }
    if (count != 1)
        *out = (struct pin){0};
    return count;
}
