/*
 * A growing buffer of bytes.
 *
 * The stand-in is a test tool: when memory runs out it says so and ends, so
 * nothing here returns an error.
 */
#ifndef STANDIN_TEXT_H
#define STANDIN_TEXT_H

#include <stddef.h>

struct text {
    char *data; /* owned; always followed by a NUL once something was added */
    size_t len;
    size_t cap;
};

/* Append len bytes. */
void text_append(struct text *text, const void *bytes, size_t len);

/* Append one byte, 0 to 255. */
void text_byte(struct text *text, int byte);

/* Append a string. */
void text_puts(struct text *text, const char *string);

/* Append printf-style; at most 1,023 bytes of it. */
void text_printf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The contents as a string, "" when empty; borrowed from text. */
const char *text_get(const struct text *text);

/* Free what it holds; afterwards it is empty. */
void text_deinit(struct text *text);

/* Allocate zeroed memory or end the program; the caller frees. */
void *must_calloc(size_t count, size_t size);

/* Enlarge memory or end the program; the caller frees. */
void *must_realloc(void *old, size_t size);

/* Copy a string or end the program; the caller frees. */
char *must_strdup(const char *string);

#endif
