#include "tests/unit/seen.h"

#include <stdio.h>

struct seen seen;

static void note_ready(void *context)
{
    (void)context;
    watch_lock(&seen.watch);
    seen.readies++;
    watch_unlock(&seen.watch);
}

static void note_down(void *context, enum mqtt_failure failure,
                      const char *detail)
{
    (void)context;
    watch_lock(&seen.watch);
    seen.downs++;
    seen.last_failure = failure;
    snprintf(seen.last_detail, sizeof(seen.last_detail), "%s", detail);
    watch_unlock(&seen.watch);
}

static void note_message(void *context, const struct mqtt_message *message)
{
    (void)context;
    watch_lock(&seen.watch);
    seen.messages++;
    seen.retained += message->retain == MQTT_RETAINED;
    seen.last_expiry_s = message->expiry_s;
    watch_unlock(&seen.watch);
}

static void note_published(void *context, uint64_t tag,
                           enum lastcall_status status)
{
    (void)context;
    watch_lock(&seen.watch);
    seen.told++;
    seen.told_ok += status == LASTCALL_OK;
    seen.told_refused += status == LASTCALL_FORBIDDEN;
    if (tag <= SEEN_TAG_MAX) {
        seen.ends[tag]++;
        seen.status[tag] = status;
    }
    watch_unlock(&seen.watch);
}

static void note_session(void *context)
{
    (void)context;
    watch_lock(&seen.watch);
    seen.sessions++;
    watch_unlock(&seen.watch);
}

const struct connection_handler seen_handler = {
    .session = note_session,
    .ready = note_ready,
    .down = note_down,
    .message = note_message,
    .published = note_published,
};

void seen_reset(void)
{
    seen = (struct seen){0};
    watch_init(&seen.watch);
}

bool seen_await(const unsigned *value, unsigned wanted, uint32_t timeout_ms)
{
    return watch_await(&seen.watch, value, wanted, timeout_ms);
}

enum mqtt_failure seen_last_failure(void)
{
    enum mqtt_failure failure;

    watch_lock(&seen.watch);
    failure = seen.last_failure;
    watch_unlock(&seen.watch);
    return failure;
}
