#include "controller/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int descriptor_of(enum terminal_stream stream)
{
    switch (stream) {
    case TERMINAL_INPUT:
        return STDIN_FILENO;
    case TERMINAL_OUTPUT:
        return STDOUT_FILENO;
    case TERMINAL_ERROR:
        return STDERR_FILENO;
    }
    return -1;
}

bool terminal_is(enum terminal_stream stream)
{
    return isatty(descriptor_of(stream)) == 1;
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

size_t terminal_width(enum terminal_stream stream)
{
    struct winsize size = {0};

    return ioctl(descriptor_of(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col
                                                                : 0;
}
