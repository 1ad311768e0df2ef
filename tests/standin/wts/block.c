#include "tests/standin/wts/block.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

#include "tests/standin/wts/rds.h"

#define MAGIC 0x5754534c4956450aULL
#define FREED 0x5754534445414421ULL

struct head {
    uint64_t magic;
    uint32_t kind;
    uint32_t count;
};

static atomic_long live_allocs;
static atomic_long bad_frees;

void *block_new(enum block_kind kind, size_t size, uint32_t count)
{
    struct head *head = calloc(1, sizeof(*head) + size);

    if (head == NULL)
        return NULL;
    *head = (struct head){MAGIC, (uint32_t)kind, count};
    atomic_fetch_add(&live_allocs, 1);
    return head + 1;
}

uint16_t *block_text(enum block_kind kind, const char *utf8, size_t *bytes)
{
    uint16_t *text;
    int units;

    *bytes = 0;
    if (utf8 == NULL)
        return NULL;
    units = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0);
    if (units <= 0)
        return NULL;
    text = block_new(kind, (size_t)units * sizeof(*text), 0);
    if (text == NULL)
        return NULL;
    MultiByteToWideChar(CP_UTF8, 0, utf8, -1, text, units);
    *bytes = (size_t)units * sizeof(*text);
    return text;
}

void block_free(void *block, enum block_kind kind, uint32_t count)
{
    struct head *head = (struct head *)block - 1;

    if (block == NULL)
        return;
    if (head->magic == MAGIC && head->kind == (uint32_t)kind &&
        head->count == count) {
        head->magic = FREED;
        atomic_fetch_sub(&live_allocs, 1);
        return;
    }
    atomic_fetch_add(&bad_frees, 1);
    if (head->magic == MAGIC)
        rds_log("\"bad_free\":\"a block of kind %u, %u long, as %u, %u long\"",
                (unsigned)head->kind, (unsigned)head->count, (unsigned)kind,
                (unsigned)count);
    else
        rds_log("\"bad_free\":\"%s\"",
                head->magic == FREED ? "a second time" : "not from here");
}

void block_report(unsigned open_handles)
{
    rds_log("\"unloaded\":true,\"live_allocs\":%ld,\"bad_frees\":%ld,"
            "\"open_handles\":%u",
            atomic_load(&live_allocs), atomic_load(&bad_frees), open_handles);
}
