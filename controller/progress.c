#include "controller/progress.h"

#include <stdio.h>
#include <string.h>

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

static void draw(const struct campaign *campaign)
{
    char bar[BAR_WIDTH + 1];
    const size_t total = campaign->host_count;
    const size_t done = total - campaign->outcome_count[OUTCOME_WAITING] -
                        campaign->outcome_count[OUTCOME_UNSENT];
    size_t filled = total == 0 ? BAR_WIDTH : done * BAR_WIDTH / total;

    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : ' ';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s]", bar);
    show_numbers(campaign, done);
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_show(struct progress *progress, const struct campaign *campaign)
{
    if (progress->is_shown && progress->phase == campaign->pacer.phase &&
        memcmp(progress->outcome_count, campaign->outcome_count,
               sizeof progress->outcome_count) == 0)
        return;
    if (!terminal_is(TERMINAL_ERROR))
        return;
    progress->is_shown = true;
    progress->phase = campaign->pacer.phase;
    memcpy(progress->outcome_count, campaign->outcome_count,
           sizeof progress->outcome_count);
    draw(campaign);
}

void progress_clear(struct progress *progress)
{
    if (!progress->is_shown)
        return;
    progress->is_shown = false;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
