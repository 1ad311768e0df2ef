/*
 * An event stream: however it is cut it is the same events, within their
 * bounds, and each can be taken for news.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/plex_news.h"
#include "worker/sse.h"

#define DIGEST_PRIME UINT64_C(0x100000001b3)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reading came to. */
struct reading {
    uint64_t digest;
    size_t count;
    struct plex_news news;
};

static struct sse sse;
static struct reading whole;
static struct reading parts;

static void digest(struct reading *reading, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        reading->digest =
            (reading->digest ^ (unsigned char)bytes[i]) * DIGEST_PRIME;
    reading->digest = (reading->digest ^ len) * DIGEST_PRIME;
}

static void on_event(void *context, const struct sse_event *event)
{
    struct reading *reading = context;

    if (event->name_len == 0 || event->name_len > SSE_NAME_BYTES_MAX ||
        event->data_len >= SSE_DATA_BYTES_MAX)
        abort();
    reading->count++;
    digest(reading, event->name, event->name_len);
    digest(reading, event->data, event->data_len);
    if (plex_news_take(&reading->news, event) > PLEX_NEWS_STOPPED)
        abort();
}

static void on_lost(void *context)
{
    digest(context, "lost", 4);
}

static void read_in(struct reading *reading, const uint8_t *data, size_t size,
                    size_t step)
{
    const struct sse_reader reader = {reading, on_event, on_lost};

    *reading = (struct reading){0};
    sse_init(&sse);
    for (size_t at = 0; at < size; at += step)
        sse_feed(&sse, data + at, size - at < step ? size - at : step, &reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_in(&whole, data, size, size);
    read_in(&parts, data, size, 1);
    if (whole.digest != parts.digest || whole.count != parts.count)
        abort();
    read_in(&parts, data, size, 7);
    if (whole.digest != parts.digest || whole.count != parts.count)
        abort();
    return 0;
}
