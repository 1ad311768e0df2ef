#include "worker/counters.h"

#include <stdio.h>

static const char *const names[COUNTER_COUNT] = {
    [COUNTER_RECEIVED] = "received",
    [COUNTER_DROPPED] = "dropped",
    [COUNTER_REFUSED] = "refused",
    [COUNTER_RUN] = "run",
    [COUNTER_REPLAYED] = "replayed",
    [COUNTER_ENDED] = "ended",
    [COUNTER_PUBLISHED] = "published",
    [COUNTER_INVENTORIES] = "inventories",
    [COUNTER_EVENTS_LOST] = "events_lost",
    [COUNTER_RECONNECTS] = "reconnects",
};

void counters_add(struct counters *counters, enum counter which)
{
    atomic_fetch_add_explicit(&counters->of[which], 1, memory_order_relaxed);
}

void counters_drop(struct counters *counters, enum lastcall_status reason)
{
    counters_add(counters, COUNTER_DROPPED);
    atomic_fetch_add_explicit(&counters->dropped[reason], 1,
                              memory_order_relaxed);
}

void counters_refuse(struct counters *counters, enum lastcall_status code)
{
    counters_add(counters, COUNTER_REFUSED);
    atomic_fetch_add_explicit(&counters->refused[code], 1,
                              memory_order_relaxed);
}

int64_t counters_read(const struct counters *counters, enum counter which)
{
    return (int64_t)atomic_load_explicit(&counters->of[which],
                                         memory_order_relaxed);
}

static size_t list_some(const atomic_uint_fast32_t *values, const char *prefix,
                        struct status_counter *out, size_t count)
{
    for (int i = 0; i < LASTCALL_STATUS_COUNT; i++) {
        const int64_t value =
            (int64_t)atomic_load_explicit(&values[i], memory_order_relaxed);

        if (value == 0 || count == STATUS_COUNTER_COUNT_MAX)
            continue;
        snprintf(out[count].name, sizeof(out[count].name), "%s%s", prefix,
                 status_name((enum lastcall_status)i));
        out[count++].value = value;
    }
    return count;
}

size_t counters_list(const struct counters *counters,
                     struct status_counter out[STATUS_COUNTER_COUNT_MAX])
{
    size_t count = 0;

    for (int i = 0; i < COUNTER_COUNT; i++) {
        snprintf(out[count].name, sizeof(out[count].name), "%s", names[i]);
        out[count++].value = counters_read(counters, (enum counter)i);
    }
    count = list_some(counters->dropped, "", out, count);
    return list_some(counters->refused, "refused_", out, count);
}
