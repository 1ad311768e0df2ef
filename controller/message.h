/*
 * What `lastcall message` shows on people's screens, read from its flags.
 */
#ifndef LASTCALL_CONTROLLER_MESSAGE_H
#define LASTCALL_CONTROLLER_MESSAGE_H

#include "controller/options.h"
#include "protocol/request.h"

/* The box's title when none is given. */
#define MESSAGE_TITLE_PRESET "Message from the administrator"
/* How long a box that is waited for stays open. */
#define MESSAGE_BOX_PRESET_MS INT64_C(60000)
/* An answer comes at the latest so long after its box was closed. */
#define MESSAGE_MARGIN_MS INT64_C(10000)

/*
 * Read TEXT, --title, --style, --timeout-box and --wait.  What is wrong is
 * said on standard error.
 *
 *   request  title, message, style, timeout_s and wait are filled; the caller
 *            frees the three texts in every case
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
message_read(const struct options *options, struct request *request);

/*
 * How long the answers to a message may take: what the box stays open and a
 * margin; 0 when they are not waited for.
 */
int64_t message_answer_ms(const struct request *request);

#endif
