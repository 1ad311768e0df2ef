#include "worker/wts_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/message_style.h"
#include "worker/wts_error.h"

#define MS_PER_S 1000

/* A message with its answer; it may outlive the request. */
struct show {
    struct wts_call call; /* first */
    uint32_t session;
    char *title;                /* owned */
    char *text;                 /* owned */
    struct wts_message message; /* borrows them */
    uint32_t error;
    uint32_t answer;
};

const char *wts_answer_name(uint32_t answer)
{
    switch (answer) {
    case WTS_ANSWER_OK:
        return "ok";
    case WTS_ANSWER_CANCEL:
        return "cancel";
    case WTS_ANSWER_ABORT:
        return "abort";
    case WTS_ANSWER_RETRY:
        return "retry";
    case WTS_ANSWER_IGNORE:
        return "ignore";
    case WTS_ANSWER_YES:
        return "yes";
    case WTS_ANSWER_NO:
        return "no";
    case WTS_ANSWER_TRY_AGAIN:
        return "try_again";
    case WTS_ANSWER_CONTINUE:
        return "continue";
    case WTS_ANSWER_TIMEOUT:
        return "timeout";
    default: /* Windows' numbers, not ours */
        return "";
    }
}

static void show_ask(struct wts_call *call, const struct wts_host *host)
{
    struct show *show = (struct show *)call;

    show->error = host->api->send_message(host->handle, show->session,
                                          &show->message, &show->answer);
}

static void show_free(struct wts_call *call)
{
    struct show *show = (struct show *)call;

    free(show->title);
    free(show->text);
    free(show);
}

/* Copy what is shown out of the request; NULL when out of memory. */
static struct show *show_new(uint32_t id, const struct request *request)
{
    struct show *show = calloc(1, sizeof(*show));

    if (show == NULL)
        return NULL;
    show->call = (struct wts_call){.ask = show_ask, .free = show_free};
    show->session = id;
    show->title = bytes_copy_text(request->title != NULL ? request->title
                                                         : WTS_MESSAGE_TITLE);
    show->text = bytes_copy_text(request->message);
    if (show->title == NULL || show->text == NULL) {
        show_free(&show->call);
        return NULL;
    }
    show->message = (struct wts_message){
        .title = show->title,
        .text = show->text,
        .timeout_s = (uint32_t)request->timeout_s,
        .wait = request->wait,
    };
    if (request->wait && request->timeout_s == 0)
        show->message.timeout_s = WTS_MESSAGE_WAIT_S;
    return show;
}

static enum lastcall_status say_answer(const struct show *show,
                                       struct session_outcome *outcome)
{
    const char *name = wts_answer_name(show->answer);

    if (!show->message.wait)
        return wts_outcome(outcome, LASTCALL_OK, "the message is shown");
    if (show->answer == WTS_ANSWER_TIMEOUT)
        wts_outcome(outcome, LASTCALL_OK,
                    "the message was shown and not answered within %" PRIu32
                    " s",
                    show->message.timeout_s);
    else if (name[0] != '\0')
        wts_outcome(outcome, LASTCALL_OK, "answered with %s", name);
    else
        wts_outcome(outcome, LASTCALL_OK,
                    "the message was shown, and Windows gives %" PRIu32
                    " as its answer, which is no button",
                    show->answer);
    snprintf(outcome->response, sizeof(outcome->response), "%s", name);
    return LASTCALL_OK;
}

enum lastcall_status wts_message_show(const struct wts_desk *desk, uint32_t id,
                                      const struct request *request,
                                      struct session_outcome *outcome)
{
    struct show *show = NULL;
    const enum wts_call_kind kind = request->wait ? WTS_CALL_BOX : WTS_CALL_ACT;
    struct json_error why = {""};
    uint32_t style = 0;
    int64_t timeout_ms = desk->timeout_ms;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    if (message_style_parse(request->style, &style, &why) != LASTCALL_OK)
        return wts_outcome(outcome, LASTCALL_INVALID_REQUEST, "%s", why.text);
    show = show_new(id, request);
    if (show == NULL)
        return wts_outcome(outcome, status, "out of memory");
    show->message.style = style;
    if (show->message.wait)
        timeout_ms += (int64_t)show->message.timeout_s * MS_PER_S;
    status = wts_calls_run(desk->calls, &show->call, timeout_ms, kind);
    if (status == LASTCALL_TIMEOUT)
        return wts_outcome(outcome, status,
                           "%.100s did not answer within %" PRId64
                           " ms; the message may have been shown",
                           desk->host->computer, timeout_ms);
    if (status != LASTCALL_OK)
        return wts_call_outcome(desk, status, kind,
                                "; the message may have been shown", outcome);
    if (show->error != WTS_ERROR_NONE)
        status = wts_error_outcome(desk->host, show->error, WTS_PURPOSE_MESSAGE,
                                   outcome);
    else
        status = say_answer(show, outcome);
    show_free(&show->call);
    return status;
}
