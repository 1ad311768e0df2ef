#include "tests/standin/wts/rds.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/standin/wts/rds_private.h"
#include "tests/standin/wts/world.h"

#define TEXT_SIZE 512
#define STATE_DISCONNECTED 4

/* ---- the log ---- */

void rds_line_begin(struct buffer *line, const struct rds_call *call)
{
    buffer_format(line, "{\"pid\":%lu,\"fn\":\"%s\",\"server\":",
                  (unsigned long)world_pid(), call->fn);
    buffer_json(line, call->server);
    if (call->reach != RDS_MACHINE)
        buffer_format(line, ",\"session\":%lu", (unsigned long)call->session);
    if (call->class != STATE_ANY)
        buffer_format(line, ",\"class\":%d", (int)call->class);
    if (call->reach == RDS_USERS)
        buffer_format(line, ",\"wait\":%s", call->is_waited ? "true" : "false");
}

void rds_line_end(struct buffer *line)
{
    buffer_add(line, "}\n", 2);
    if (!line->is_broken)
        world_append_log(line->data, line->len);
    buffer_deinit(line);
}

void rds_log(const char *format, ...)
{
    struct buffer line = {0};
    char text[TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    buffer_format(&line, "{\"pid\":%lu,", (unsigned long)world_pid());
    buffer_add(&line, text, strlen(text));
    rds_line_end(&line);
}

/* ---- one call ---- */

/* Use the failure up that is for this call, if there is one; with the lock. */
static uint32_t take_failure(const struct rds_call *call, struct state *state,
                             struct state_failure *out)
{
    struct state_failure *failure = state_find_failure(
        state, call->fn,
        call->reach == RDS_MACHINE ? STATE_ANY : (int64_t)call->session,
        call->class);

    if (failure == NULL)
        return RDS_OK;
    *out = *failure;
    out->fn = NULL; /* it belongs to the state */
    if (failure->count <= 0)
        return RDS_OK;
    out->count = --failure->count;
    return rds_save();
}

/* As real Windows checks: the machine, the parameters, the session. */
static uint32_t check(const struct rds_call *call, struct rds_scene *scene)
{
    uint32_t id = call->session;

    if (!state_has_server(scene->state, call->server))
        return RDS_SERVER_DOWN;
    if (call->is_bad)
        return RDS_INVALID_PARAMETER;
    if (call->reach == RDS_MACHINE)
        return RDS_OK;
    if (id == RDS_CURRENT_SESSION)
        id = (uint32_t)scene->state->host.own;
    scene->session = state_find_session(scene->state, call->server, id);
    if (scene->session == NULL)
        return (uint32_t)scene->state->host.notfound;
    if (call->reach == RDS_USERS && (id == 0 || id >= RDS_LISTENER_FIRST))
        return RDS_DENIED;
    return RDS_OK;
}

/* Act, with the lock; whatever was not saved is forgotten. */
static uint32_t act_on(const struct rds_call *call, struct rds_scene *scene,
                       rds_act *act, void *context)
{
    uint32_t error = RDS_OK;

    scene->now_ft = world_now_ft();
    error = check(call, scene);
    if (error == RDS_OK && scene->quirk.nochange == 0)
        error = act(scene, context);
    if (error == RDS_OK && scene->is_changed)
        return rds_save();
    if (scene->is_changed)
        rds_forget();
    return error;
}

uint32_t rds_run(const struct rds_call *call, rds_act *act, void *context)
{
    struct rds_scene scene = {.quirk = {.bytes = -1}};
    uint32_t error;

    world_lock();
    error = rds_borrow(&scene.state);
    if (error == RDS_OK)
        error = take_failure(call, scene.state, &scene.quirk);
    if (error == RDS_OK && scene.quirk.delay_ms != 0) {
        /* A slow call holds up nobody else. */
        world_unlock();
        world_sleep_ms((uint32_t)scene.quirk.delay_ms);
        world_lock();
        error = rds_borrow(&scene.state);
    }
    if (error == RDS_OK && scene.quirk.error != 0 && scene.quirk.after == 0)
        error = (uint32_t)scene.quirk.error;
    if (error == RDS_OK)
        error = act_on(call, &scene, act, context);
    world_unlock();
    if (error == RDS_OK && scene.quirk.after != 0)
        error = (uint32_t)scene.quirk.error;
    return error;
}

uint32_t rds_call(const struct rds_call *call, rds_act *act, void *context)
{
    uint32_t error = rds_run(call, act, context);
    struct buffer line = {0};

    rds_line_begin(&line, call);
    buffer_format(&line, ",\"error\":%lu", (unsigned long)error);
    rds_line_end(&line);
    return error;
}

/* ---- acts ---- */

static void clear_text(char *text)
{
    if (text != NULL)
        text[0] = '\0';
}

static uint32_t act_disconnect(struct rds_scene *scene, void *context)
{
    struct state_session *session = scene->session;

    (void)context;
    assert(session != NULL);
    if (session->state == STATE_DISCONNECTED)
        return RDS_OK;
    session->state = STATE_DISCONNECTED;
    session->disc_ft = scene->now_ft;
    clear_text(session->name);
    clear_text(session->client);
    clear_text(session->addr);
    scene->is_changed = true;
    return RDS_OK;
}

uint32_t rds_disconnect(const struct rds_call *call)
{
    return rds_call(call, act_disconnect, NULL);
}

/* context: how long it takes, out */
static uint32_t act_logoff(struct rds_scene *scene, void *context)
{
    uint32_t *takes_ms = context;

    assert(scene->session != NULL);
    *takes_ms = (uint32_t)scene->session->logoff_ms;
    if (*takes_ms == 0)
        state_remove_session(scene->state, scene->session);
    else if (scene->session->ends_ft == 0)
        scene->session->ends_ft =
            scene->now_ft + (int64_t)*takes_ms * STATE_FT_PER_MS;
    scene->is_changed = true;
    return RDS_OK;
}

uint32_t rds_logoff(const struct rds_call *call)
{
    uint32_t takes_ms = 0;
    uint32_t error = rds_call(call, act_logoff, &takes_ms);

    if (error == RDS_OK && call->is_waited)
        world_sleep_ms(takes_ms);
    return error;
}

int32_t rds_lock_flag(const struct state *state,
                      const struct state_session *session)
{
    bool is_reversed = state->host.reversed != 0 || world_is_lock_reversed();

    if (session->locked < 0)
        return -1;
    /* 0 says locked, where it is not the other way round. */
    return (session->locked == 0) != is_reversed ? 1 : 0;
}
