#include "controller/progress.h"

#include <stdio.h>

#include "controller/terminal.h"

#define BAR_WIDTH 24

void progress_show(size_t done, size_t total)
{
    char bar[BAR_WIDTH + 1];
    size_t filled = total == 0 ? BAR_WIDTH : done * BAR_WIDTH / total;

    if (!terminal_is(TERMINAL_ERROR))
        return;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : ' ';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %zu/%zu hosts", bar, done, total);
    fflush(stderr);
}

void progress_clear(void)
{
    if (terminal_is(TERMINAL_ERROR))
        fputs("\r\033[K", stderr);
}
