/*
 * What a message box looks like: the member "style" of a message, such as
 * "yes_no,question,default_2" (PROTOCOL.md, section 5), and the buttons by
 * name.
 */
#ifndef LASTCALL_PROTOCOL_MESSAGE_STYLE_H
#define LASTCALL_PROTOCOL_MESSAGE_STYLE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/json_strict.h"
#include "protocol/status.h"

/*
 * Read a style: names joined with commas, in any order; of buttons, icons and
 * default buttons at most one each.  What is not named is a box with the one
 * button "OK" and no icon.
 *
 *   text   NUL-terminated; NULL is the plain box
 *   out    the MB_* flags of MessageBox(), filled on LASTCALL_OK
 *   error  says what is wrong and what was probably meant; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 * Source: learn.microsoft.com, "MessageBox function".
 */
LASTCALL_MUST_USE enum lastcall_status
message_style_parse(const char *text, uint32_t *out, struct json_error *error);

/* The names that a style is made of, for usage and completion; static, NULL
 * behind the last. */
const char *message_style_name(size_t position);

#endif
