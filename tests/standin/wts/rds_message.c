/* Message boxes: shown, answered by `reply`, or timed out. */
#include "tests/standin/wts/rds.h"

#include "tests/standin/wts/rds_private.h"
#include "tests/standin/wts/world.h"

#define MS_PER_S 1000
#define ANSWER_TIMEOUT 32000u
#define ANSWER_ASYNC 32001u

struct reading {
    uint32_t reply;
    uint32_t reply_ms;
};

static uint32_t act_read_reply(struct rds_scene *scene, void *context)
{
    struct reading *reading = context;

    reading->reply = (uint32_t)scene->session->reply;
    reading->reply_ms = (uint32_t)scene->session->reply_ms;
    return RDS_OK;
}

/* A box is open; the test answers by writing `reply` to the file. */
static uint32_t look_again(const struct rds_call *call, struct reading *out)
{
    uint32_t error;
    struct state *state = NULL;
    const struct state_session *session = NULL;

    world_lock();
    error = rds_borrow(&state);
    if (error == RDS_OK) {
        session = state_find_session(state, call->server, call->session);
        if (session == NULL)
            error = (uint32_t)state->host.notfound;
    }
    if (session != NULL) {
        out->reply = (uint32_t)session->reply;
        out->reply_ms = (uint32_t)session->reply_ms;
    }
    world_unlock();
    return error;
}

static uint32_t wait_for_answer(const struct rds_call *call,
                                struct reading *reading, struct rds_box *box)
{
    int64_t since_ms = world_monotonic_ms();
    uint32_t error = RDS_OK;

    while (error == RDS_OK) {
        int64_t shown_ms = world_monotonic_ms() - since_ms;

        if (reading->reply != 0 && shown_ms >= reading->reply_ms) {
            box->answer = reading->reply;
            return RDS_OK;
        }
        if (box->timeout_s != 0 &&
            shown_ms >= (int64_t)box->timeout_s * MS_PER_S) {
            box->answer = ANSWER_TIMEOUT;
            return RDS_OK;
        }
        world_sleep_ms(RDS_POLL_MS);
        error = look_again(call, reading);
    }
    return error;
}

static void log_box(const struct rds_call *call, const struct rds_box *box,
                    const char *rest, uint32_t number)
{
    struct buffer line = {0};

    rds_line_begin(&line, call);
    buffer_format(&line, ",\"title\":");
    buffer_json(&line, box->title);
    buffer_format(&line, ",\"text\":");
    buffer_json(&line, box->text);
    buffer_format(&line, ",\"style\":%lu,\"timeout_s\":%lu",
                  (unsigned long)box->style, (unsigned long)box->timeout_s);
    buffer_format(&line, ",\"answer\":%lu,\"%s\":%lu",
                  (unsigned long)box->answer, rest, (unsigned long)number);
    rds_line_end(&line);
}

uint32_t rds_send_message(const struct rds_call *call, struct rds_box *box)
{
    struct reading reading = {0};
    uint32_t error;

    box->answer = 0;
    error = rds_run(call, act_read_reply, &reading);
    if (error == RDS_OK && !call->is_waited)
        box->answer = ANSWER_ASYNC;
    if (error == RDS_OK && call->is_waited) {
        log_box(call, box, "shown", 1);
        error = wait_for_answer(call, &reading, box);
    }
    log_box(call, box, "error", error);
    return error;
}
