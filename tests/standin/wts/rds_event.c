/* Waits for events: two looks at the file, and what lies between. */
#include "tests/standin/wts/rds.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/standin/wts/rds_private.h"
#include "tests/standin/wts/world.h"

#define STATE_ACTIVE 0
#define STATE_DISCONNECTED 4

/* How many flushes there have been in this process. */
static atomic_uint flushes;

void rds_flush(void)
{
    rds_log("\"flush\":true");
    atomic_fetch_add(&flushes, 1);
}

static bool has_user(const struct state_session *session)
{
    return session->user != NULL && session->user[0] != '\0';
}

static uint32_t compare_session(const struct state_session *before,
                                const struct state_session *after)
{
    uint32_t events = 0;

    if (before == NULL)
        return RDS_EVENT_CREATE | (has_user(after) ? RDS_EVENT_LOGON : 0);
    if (before->state != after->state) {
        events |= RDS_EVENT_STATE;
        if (after->state == STATE_DISCONNECTED)
            events |= RDS_EVENT_DISCONNECT;
        else if (after->state == STATE_ACTIVE)
            events |= RDS_EVENT_CONNECT;
    }
    if (has_user(before) != has_user(after))
        events |= has_user(after) ? RDS_EVENT_LOGON : RDS_EVENT_LOGOFF;
    else if (has_user(after) && strcmp(before->user, after->user) != 0)
        events |= RDS_EVENT_LOGON | RDS_EVENT_LOGOFF;
    return events;
}

static uint32_t compare(const struct state *before, const struct state *after)
{
    uint32_t events = 0;

    for (size_t i = 0; i < after->sessions.count; i++) {
        const struct state_session *session = state_session_at(after, i);

        events |= compare_session(
            state_find_session(before, session->server, (uint32_t)session->id),
            session);
    }
    for (size_t i = 0; i < before->sessions.count; i++) {
        const struct state_session *session = state_session_at(before, i);

        if (state_find_session(after, session->server, (uint32_t)session->id) ==
            NULL)
            events |= RDS_EVENT_DELETE | RDS_EVENT_LOGOFF;
    }
    return events;
}

/* Say that from now on a change is seen. */
static void log_waiting(const struct rds_call *call)
{
    struct buffer line = {0};

    rds_line_begin(&line, call);
    buffer_format(&line, ",\"waiting\":true");
    rds_line_end(&line);
}

static uint32_t wait_for_events(const struct rds_call *call,
                                unsigned flushes_before, uint32_t mask,
                                uint32_t *events)
{
    struct state before, after;
    unsigned count_before = 0, count = 0;
    uint32_t error = rds_load(&before, &count);

    if (error == RDS_OK)
        log_waiting(call);

    while (error == RDS_OK && *events == 0 &&
           atomic_load(&flushes) == flushes_before) {
        world_sleep_ms(RDS_POLL_MS);
        count_before = count;
        error = rds_load(&after, &count);
        if (error == RDS_OK && count == count_before)
            continue;
        if (error == RDS_OK)
            *events = compare(&before, &after) & mask;
        state_deinit(&before);
        before = after;
    }
    state_deinit(&before);
    return error;
}

static uint32_t act_nothing(struct rds_scene *scene, void *context)
{
    (void)scene;
    (void)context;
    return RDS_OK;
}

uint32_t rds_wait_event(const struct rds_call *call, uint32_t mask,
                        uint32_t *events)
{
    unsigned flushes_before = atomic_load(&flushes);
    uint32_t error = rds_run(call, act_nothing, NULL);
    struct buffer line = {0};

    *events = 0;
    if (error == RDS_OK)
        error = wait_for_events(call, flushes_before, mask, events);
    rds_line_begin(&line, call);
    buffer_format(&line, ",\"events\":%lu,\"error\":%lu",
                  (unsigned long)*events, (unsigned long)error);
    rds_line_end(&line);
    return error;
}
