#include "tests/standin/wts/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512

void buffer_add(struct buffer *buffer, const char *data, size_t len)
{
    if (buffer->capacity - buffer->len <= len) {
        size_t capacity = 2 * (buffer->len + len) + LINE_SIZE;
        char *grown = realloc(buffer->data, capacity);

        if (grown == NULL) {
            buffer->is_broken = true;
            return;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof(line))
        buffer->is_broken = true;
    else
        buffer_add(buffer, line, (size_t)len);
}

void buffer_json(struct buffer *buffer, const char *text)
{
    if (text == NULL) {
        buffer_add(buffer, "null", 4);
        return;
    }
    buffer_add(buffer, "\"", 1);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buffer_format(buffer, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            buffer_format(buffer, "\\u%04x", (unsigned)*at);
        else
            buffer_add(buffer, at, 1);
    }
    buffer_add(buffer, "\"", 1);
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
