#include "worker/plex_pace.h"

/* Enough doublings for the longest pause. */
#define FAILURES_MAX 16u
#define BURST_MS (INT64_C(1) * (PLEX_HINT_BURST - 1) * PLEX_HINT_PAUSE_MS)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- connecting ---- */

void plex_retry_begin(struct plex_retry *retry, int64_t now_ms)
{
    retry->begun_ms = now_ms;
    retry->is_open = false;
}

void plex_retry_open(struct plex_retry *retry, int64_t now_ms)
{
    retry->opened_ms = now_ms;
    retry->is_open = true;
}

bool plex_retry_hear(struct plex_retry *retry, int64_t now_ms)
{
    if (!retry->is_open || retry->state == PLEX_STREAM_LIVE ||
        now_ms - retry->opened_ms < PLEX_RETRY_HEARD_MS)
        return false;
    retry->state = PLEX_STREAM_LIVE;
    retry->failures = 0;
    return true;
}

/* Half of the pause at least, so that a count of attempts has a bound. */
static int64_t pause_ms(unsigned failures, uint32_t chance)
{
    int64_t base_ms = PLEX_RETRY_FIRST_MS;

    for (unsigned i = 0; i < failures && base_ms < PLEX_RETRY_MAX_MS; i++)
        base_ms *= 2;
    base_ms = earlier(base_ms, PLEX_RETRY_MAX_MS);
    return base_ms / 2 + (int64_t)chance % (base_ms / 2 + 1);
}

bool plex_retry_end(struct plex_retry *retry, enum plex_stream state,
                    int64_t now_ms, uint32_t chance)
{
    const bool is_new = retry->state != state;

    if (retry->is_open && now_ms - retry->opened_ms >= PLEX_RETRY_LASTED_MS)
        retry->failures = 0;
    retry->is_open = false;
    retry->state = state;
    if (state == PLEX_STREAM_LOST) {
        retry->next_ms = now_ms + pause_ms(retry->failures, chance);
        if (retry->failures < FAILURES_MAX)
            retry->failures++;
    } else {
        retry->next_ms = now_ms + PLEX_RETRY_SLOW_MS;
    }
    return is_new;
}

void plex_retry_nudge(struct plex_retry *retry, int64_t now_ms)
{
    retry->next_ms = earlier(
        retry->next_ms, later(now_ms, retry->begun_ms + PLEX_RETRY_GAP_MS));
}

/* ---- listing ---- */

void plex_hints_init(struct plex_hints *hints)
{
    *hints = (struct plex_hints){
        .now_ms = PLEX_PACE_NEVER,
        .soon_ms = PLEX_PACE_NEVER,
        .later_ms = PLEX_PACE_NEVER,
        .spent_ms = INT64_MIN,
    };
}

void plex_hints_note(struct plex_hints *hints, enum plex_news_kind kind,
                     int64_t now_ms)
{
    switch (kind) {
    case PLEX_NEWS_NONE:
        return;
    case PLEX_NEWS_STOPPED:
        hints->soon_ms = now_ms + PLEX_HINT_SOON_MS;
        break;
    case PLEX_NEWS_CHANGED:
        break;
    }
    hints->now_ms = earlier(hints->now_ms, now_ms);
    hints->later_ms = now_ms + PLEX_HINT_LATER_MS;
}

int64_t plex_hints_due_ms(const struct plex_hints *hints)
{
    int64_t first_ms = hints->now_ms;

    if (first_ms != PLEX_PACE_NEVER && hints->spent_ms != INT64_MIN)
        first_ms = later(first_ms, hints->spent_ms - BURST_MS);
    /* The others are seldom by themselves: each change puts them off. */
    return earlier(first_ms, earlier(hints->soon_ms, hints->later_ms));
}

/* Forget a wish that is granted with this hint. */
static void grant(int64_t *wanted_ms, int64_t now_ms)
{
    if (*wanted_ms <= now_ms)
        *wanted_ms = PLEX_PACE_NEVER;
}

bool plex_hints_take(struct plex_hints *hints, int64_t now_ms)
{
    const bool is_first = hints->now_ms <= now_ms;

    if (now_ms < plex_hints_due_ms(hints))
        return false;
    grant(&hints->now_ms, now_ms);
    grant(&hints->soon_ms, now_ms);
    grant(&hints->later_ms, now_ms);
    if (is_first)
        hints->spent_ms = later(hints->spent_ms, now_ms) + PLEX_HINT_PAUSE_MS;
    return true;
}
