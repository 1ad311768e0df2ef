/*
 * Text from strangers, made fit for people: characters counted, cleaned and
 * cut where a character ends.
 */
#ifndef LASTCALL_PROTOCOL_TEXT_H
#define LASTCALL_PROTOCOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Count the characters (code points) of a valid UTF-8 text. */
size_t text_count_chars(const char *text);

/*
 * Say whether a text is valid UTF-8 that holds no control characters (C0,
 * DEL, C1): text_clean() would not change it but for its length.
 */
bool text_is_clean(const char *text);

/*
 * Copy a text so that it is clean: control characters become spaces, what is
 * not UTF-8 becomes U+FFFD, and what does not fit is cut where a character
 * ends and marked with "…".
 *
 *   text  NUL-terminated
 *   out   filled and NUL-terminated
 *   size  room in out, at least 4
 *
 * Returns the length of what stands in out.
 */
size_t text_clean(const char *text, char *out, size_t size);

/* A word longer than this is near to nothing. */
#define TEXT_WORD_LEN_MAX 40

/*
 * Levenshtein's distance: how many characters of a word to change, add or
 * leave out for a name.
 *
 *   word, len  as it was written; need not end with a NUL
 *
 * Returns SIZE_MAX for a word longer than TEXT_WORD_LEN_MAX.
 */
size_t text_distance(const char *word, size_t len, const char *name);

#endif
