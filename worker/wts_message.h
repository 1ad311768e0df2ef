/*
 * Showing a session a message, and the button that answers it.
 */
#ifndef LASTCALL_WORKER_WTS_MESSAGE_H
#define LASTCALL_WORKER_WTS_MESSAGE_H

#include "worker/wts_look.h"

/* A message that is waited for is waited for so long when the request does
 * not say: never for ever. */
#define WTS_MESSAGE_WAIT_S 60
/* Above a message without a title; MessageBox() would write "Error". */
#define WTS_MESSAGE_TITLE "Message"

/*
 * Show a message, and wait for the answer where the request says so.
 *
 * Returns outcome->code; outcome->response names the button, or "timeout".
 * Thread: any, several at a time.
 */
enum lastcall_status wts_message_show(const struct wts_desk *desk, uint32_t id,
                                      const struct request *request,
                                      struct session_outcome *outcome);

/* Name an answer ("yes"), or "" when it is none. */
const char *wts_answer_name(uint32_t answer);

#endif
