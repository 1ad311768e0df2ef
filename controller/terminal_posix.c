#include "controller/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_is(enum terminal_stream stream)
{
    switch (stream) {
    case TERMINAL_INPUT:
        return isatty(STDIN_FILENO) == 1;
    case TERMINAL_OUTPUT:
        return isatty(STDOUT_FILENO) == 1;
    case TERMINAL_ERROR:
        return isatty(STDERR_FILENO) == 1;
    }
    return false;
}

bool terminal_has_colour(enum terminal_stream stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (no_color != NULL && no_color[0] != '\0')
        return false;
    if (term != NULL && strcmp(term, "dumb") == 0)
        return false;
    return terminal_is(stream);
}
