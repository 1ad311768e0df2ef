#include "controller/terminal.h"

#include <stdlib.h>
#include <windows.h>

/* Not in every header yet. */
#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

static HANDLE handle_of(enum terminal_stream stream)
{
    switch (stream) {
    case TERMINAL_INPUT:
        return GetStdHandle(STD_INPUT_HANDLE);
    case TERMINAL_OUTPUT:
        return GetStdHandle(STD_OUTPUT_HANDLE);
    case TERMINAL_ERROR:
        return GetStdHandle(STD_ERROR_HANDLE);
    }
    return INVALID_HANDLE_VALUE;
}

bool terminal_is(enum terminal_stream stream)
{
    DWORD mode = 0;

    return GetConsoleMode(handle_of(stream), &mode) != 0;
}

/* A console of before Windows 10 refuses the mode, and stays without colour. */
bool terminal_has_colour(enum terminal_stream stream)
{
    const char *no_color = getenv("NO_COLOR");
    HANDLE console = handle_of(stream);
    DWORD mode = 0;

    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return GetConsoleMode(console, &mode) != 0 &&
           SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) !=
               0;
}

/* A console of before Windows 10 goes to the next line as soon as the last
 * column is written, and an empty line would follow: that column stays free. */
size_t terminal_width(enum terminal_stream stream)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (GetConsoleScreenBufferInfo(handle_of(stream), &info) == 0 ||
        info.srWindow.Right <= info.srWindow.Left)
        return 0;
    return (size_t)(info.srWindow.Right - info.srWindow.Left);
}
