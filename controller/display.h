/*
 * Text for a terminal: what strangers wrote is shown without letting it move
 * the cursor, and columns are aligned by the room that characters take.
 */
#ifndef LASTCALL_CONTROLLER_DISPLAY_H
#define LASTCALL_CONTROLLER_DISPLAY_H

#include <stddef.h>

#include "protocol/bytes.h"
#include "protocol/status.h"

/*
 * Append a text with everything neutralised that a terminal would obey:
 * control characters (C0, DEL, C1) become a space, bidirectional overrides
 * and bytes that are no UTF-8 become U+FFFD.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status display_append_clean(struct bytes *out,
                                                            const char *text);

/*
 * The columns that a text takes on a terminal: 0 for combining marks, 2 for
 * wide characters (East Asian, emoji), 1 for the rest.  A byte that is no
 * UTF-8 counts 1.
 */
size_t display_width(const char *text);

/* The bytes of the longest beginning that takes no more columns than these; a
 * character and the marks on it stay together. */
size_t display_fit(const char *text, size_t columns);

#endif
