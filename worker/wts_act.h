/*
 * Doing something to one session: disconnect, log off, show a message.
 *
 * Windows gives a session's id to the next one as soon as it is free, says
 * "done" before it is, and loses answers.  So a session is read afresh right
 * before, compared with the one that was selected, and looked at again
 * afterwards; nothing is ever done twice.
 */
#ifndef LASTCALL_WORKER_WTS_ACT_H
#define LASTCALL_WORKER_WTS_ACT_H

#include "worker/wts_look.h"

/* A log off is watched for so long at least: programs ask about unsaved work
 * and get half a minute from Windows before it offers to end them. */
#define WTS_LOGOFF_SETTLE_MS 30000

/*
 * Do an order's action; see session_backend_ops.act.
 *
 * Returns outcome->code.
 * Thread: any, several at a time.
 */
enum lastcall_status wts_act(const struct wts_desk *desk,
                             const struct session *target,
                             const struct order *order,
                             struct session_outcome *outcome);

#endif
