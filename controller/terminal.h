/*
 * What the standard streams are connected to.  Fillings: terminal_posix.c,
 * terminal_win32.c.
 */
#ifndef LASTCALL_CONTROLLER_TERMINAL_H
#define LASTCALL_CONTROLLER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum terminal_stream {
    TERMINAL_INPUT,
    TERMINAL_OUTPUT,
    TERMINAL_ERROR,
};

/* Say whether a person is at the other end of a stream. */
bool terminal_is(enum terminal_stream stream);

/* Say whether a stream may be coloured: a terminal, and no NO_COLOR. */
bool terminal_has_colour(enum terminal_stream stream);

/* How many columns a line may take at the moment without being wrapped; 0
 * where there is no terminal, or it does not say. */
size_t terminal_width(enum terminal_stream stream);

#endif
