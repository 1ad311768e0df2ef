/* A growing text: what the stand-in writes to its files. */
#ifndef LASTCALL_TESTS_STANDIN_WTS_BUFFER_H
#define LASTCALL_TESTS_STANDIN_WTS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__MINGW32__)
#define BUFFER_PRINTF(at) __attribute__((format(gnu_printf, at, at + 1)))
#elif defined(__GNUC__)
#define BUFFER_PRINTF(at) __attribute__((format(printf, at, at + 1)))
#else
#define BUFFER_PRINTF(at)
#endif

/* {0} is empty.  NUL-terminated behind len once it is not NULL. */
struct buffer {
    char *data; /* owned */
    size_t len;
    size_t capacity;
    bool is_broken; /* out of memory; what was added later is lost */
};

void buffer_add(struct buffer *buffer, const char *data, size_t len);
void buffer_format(struct buffer *buffer, const char *format, ...)
    BUFFER_PRINTF(2);
/* As a JSON string with its quotes; NULL: null. */
void buffer_json(struct buffer *buffer, const char *text);
void buffer_deinit(struct buffer *buffer);

#endif
