#include "controller/progress.h"

#include <stdio.h>

#include "controller/terminal.h"

#define BAR_WIDTH 24

/* "3/9 hosts", how many of them failed, and what is under way. */
static void show_numbers(const struct campaign *campaign, size_t done)
{
    const size_t *count = campaign->outcome_count;
    size_t failed = count[OUTCOME_FALSE] + count[OUTCOME_REFUSED] +
                    count[OUTCOME_SILENT] + count[OUTCOME_OFFLINE];

    fprintf(stderr, " %zu/%zu hosts", done, campaign->host_count);
    if (failed > 0)
        fprintf(stderr, ", %zu failed", failed);
    if (!pace_is_limited(&campaign->pace))
        return;
    if (pacer_is_stopped(&campaign->pacer))
        fputs(", stopped", stderr);
    else if (campaign->pacer.phase == PACE_CANARY)
        fprintf(stderr, ", canary of %zu", campaign->pacer.canary);
    if (count[OUTCOME_WAITING] > 0)
        fprintf(stderr, ", %zu asked", count[OUTCOME_WAITING]);
}

void progress_show(const struct campaign *campaign)
{
    char bar[BAR_WIDTH + 1];
    const size_t total = campaign->host_count;
    const size_t done = total - campaign->outcome_count[OUTCOME_WAITING] -
                        campaign->outcome_count[OUTCOME_UNSENT];
    size_t filled = total == 0 ? BAR_WIDTH : done * BAR_WIDTH / total;

    if (!terminal_is(TERMINAL_ERROR))
        return;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : ' ';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s]", bar);
    show_numbers(campaign, done);
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_clear(void)
{
    if (terminal_is(TERMINAL_ERROR))
        fputs("\r\033[K", stderr);
}
