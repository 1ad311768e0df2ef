#include "controller/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "controller/display.h"

static void write_line(const char *prefix, const char *format, va_list rest)
    LASTCALL_PRINTF(2, 0);

static void write_line(const char *prefix, const char *format, va_list rest)
{
    char line[SAY_SIZE];
    struct bytes clean;

    if (vsnprintf(line, sizeof line, format, rest) < 0)
        return;
    bytes_init(&clean, 3 * sizeof line);
    if (display_append_clean(&clean, line) == LASTCALL_OK && clean.data != NULL)
        fprintf(stderr, "%s%s\n", prefix, (const char *)clean.data);
    bytes_deinit(&clean);
}

void say_error(const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    write_line("lastcall: ", format, rest);
    va_end(rest);
}

void say_mend(const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    write_line("  ", format, rest);
    va_end(rest);
}

void say(const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    write_line("", format, rest);
    va_end(rest);
}
