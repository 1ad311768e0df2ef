/*
 * Many records: each thread makes the text of so many in a row, then all is
 * written in order, then come the next.  What lies in memory is no more than
 * what the threads made since the last writing.
 */
#include <stdio.h>

#include "controller/output.h"
#include "protocol/io/gate.h"
#include "protocol/io/platform.h"

#define THREAD_MAX 16
/* Of a thread, at a time; what takes less is not worth starting threads. */
#define SHARE_RECORDS ((size_t)32)

/* What one thread makes at a time. */
struct share {
    const struct output *output;        /* borrowed */
    const struct output_source *source; /* borrowed */
    size_t first;
    size_t count;
    struct bytes text; /* owned */
    pthread_t thread;
    enum lastcall_status status;
    bool is_started;
};

struct many {
    const struct output_source *source; /* borrowed */
    struct share shares[THREAD_MAX];
    size_t share_count;
    size_t begun; /* records */
};

static void *make_share(void *argument)
{
    struct share *share = argument;
    const struct output *output = share->output;
    const struct output_source *source = share->source;

    for (size_t i = share->first;
         i < share->first + share->count && share->status == LASTCALL_OK; i++) {
        json_t *record = source->record(source->context, i);

        share->status = record == NULL
                            ? LASTCALL_E_NOMEM
                            : output->writer->format(output->layout, record,
                                                     output->record_count + i,
                                                     &share->text);
        json_decref(record);
    }
    return NULL;
}

static void write_share(struct output *output, struct share *share)
{
    if (output->status == LASTCALL_OK)
        output->status = share->status;
    if (output->status == LASTCALL_OK && share->text.len > 0 &&
        fwrite(share->text.data, 1, share->text.len, output->stream) !=
            share->text.len)
        output->status = LASTCALL_E_IO;
    share->text.len = 0;
}

/* One share for each thread; the first is ours. */
static void go_round(struct output *output, struct many *many)
{
    const size_t count = many->source->count;

    for (size_t i = 0; i < many->share_count; i++) {
        struct share *share = &many->shares[i];
        const size_t left = count - many->begun;

        share->first = many->begun;
        share->count = left < SHARE_RECORDS ? left : SHARE_RECORDS;
        many->begun += share->count;
        share->is_started =
            i > 0 && share->count > 0 &&
            gate_thread_start(&share->thread, make_share, share) == LASTCALL_OK;
    }
    for (size_t i = 0; i < many->share_count; i++) {
        struct share *share = &many->shares[i];

        if (share->is_started)
            pthread_join(share->thread, NULL);
        else
            make_share(share);
        write_share(output, share);
    }
}

static void make_together(struct output *output,
                          const struct output_source *source)
{
    const unsigned cores = platform_core_count();
    struct many many = {
        .source = source,
        .share_count = cores < THREAD_MAX ? cores : THREAD_MAX,
    };

    for (size_t i = 0; i < many.share_count; i++) {
        many.shares[i] = (struct share){.output = output, .source = source};
        bytes_init(&many.shares[i].text, SIZE_MAX / 2);
    }
    while (many.begun < source->count && output->status == LASTCALL_OK)
        go_round(output, &many);
    output->record_count += many.begun;
    for (size_t i = 0; i < many.share_count; i++)
        bytes_deinit(&many.shares[i].text);
}

void output_records(struct output *output, const struct output_source *source)
{
    if (output->writer->format != NULL && source->count > SHARE_RECORDS) {
        make_together(output, source);
        return;
    }
    for (size_t i = 0; i < source->count; i++)
        output_record(output, source->record(source->context, i));
}
