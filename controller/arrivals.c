#include "controller/arrivals.h"

#include <string.h>

void arrivals_begin(struct arrivals *arrivals)
{
    *arrivals = (struct arrivals){.retained = arrivals->retained,
                                  .has_asked = arrivals->has_asked};
}

/* Ids go from 1 to 65535 and begin again. */
static void note_id(struct arrivals *arrivals, uint16_t id)
{
    const uint16_t last = arrivals->last_id;

    if (id == 0)
        return;
    if (last != 0 && id != (last == UINT16_MAX ? 1 : last + 1))
        arrivals->has_gap = true;
    arrivals->last_id = id;
}

/* Any of those that stand for one of many will do as a probe. */
static void note_retained(struct arrivals *arrivals, enum topic_kind kind,
                          const char *topic)
{
    const size_t len = strlen(topic);

    arrivals->retained++;
    if (kind != TOPIC_STATUS && kind != TOPIC_SESSIONS)
        return;
    if (arrivals->probe.text[0] != '\0') {
        if (arrivals->is_probing && strcmp(arrivals->probe.text, topic) == 0)
            arrivals->is_probed = true;
    } else if (len < sizeof arrivals->probe.text) {
        memcpy(arrivals->probe.text, topic, len + 1);
    }
}

void arrivals_note(struct arrivals *arrivals,
                   const struct mqtt_message *message, enum topic_kind kind,
                   int64_t now_ms)
{
    arrivals->burst++;
    if (arrivals->run == 0 || now_ms - arrivals->ended_ms > ARRIVALS_PAUSE_MS) {
        arrivals->run = 0;
        arrivals->began_ms = now_ms;
    }
    arrivals->run += arrivals->has_asked;
    arrivals->ended_ms = now_ms;
    note_id(arrivals, message->packet_id);
    if (message->retain == MQTT_RETAINED)
        note_retained(arrivals, kind, message->topic);
}

bool arrivals_is_burst(const struct arrivals *arrivals)
{
    return arrivals->burst > ARRIVALS_SAFE;
}

bool arrivals_may_lack(const struct arrivals *arrivals)
{
    return arrivals->has_gap && arrivals_is_burst(arrivals);
}

bool arrivals_may_lack_the_last(const struct arrivals *arrivals)
{
    return arrivals->run > ARRIVALS_SAFE &&
           (uint64_t)(arrivals->ended_ms - arrivals->began_ms) <
               arrivals->run * ARRIVALS_SPACING_MS;
}
