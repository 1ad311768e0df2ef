#include "tests/standin/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_FIRST_CAP = 256, TEXT_PRINTF_MAX = 1024 };

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("plex-standin: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *must_calloc(size_t count, size_t size)
{
    return must(calloc(count, size));
}

void *must_realloc(void *old, size_t size)
{
    return must(realloc(old, size));
}

char *must_strdup(const char *string)
{
    return must(strdup(string));
}

void text_append(struct text *text, const void *bytes, size_t len)
{
    size_t cap = text->cap != 0 ? text->cap : TEXT_FIRST_CAP;

    while (cap < text->len + len + 1)
        cap *= 2;
    if (cap != text->cap) {
        text->data = must_realloc(text->data, cap);
        text->cap = cap;
    }
    if (len != 0)
        memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_byte(struct text *text, int byte)
{
    unsigned char one = (unsigned char)byte;

    text_append(text, &one, 1);
}

void text_puts(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    char line[TEXT_PRINTF_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    text_puts(text, line);
}

const char *text_get(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}
