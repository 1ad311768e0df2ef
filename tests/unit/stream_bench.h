/*
 * A bench for the watch over a Plex server's stream: a table of HTTP calls
 * that does as the test says, and what was seen.  Each attempt at the stream
 * stands still until it is told how it goes.
 */
#ifndef LASTCALL_TESTS_UNIT_STREAM_BENCH_H
#define LASTCALL_TESTS_UNIT_STREAM_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/plex_watch.h"

#define STREAM_PATIENCE_MS 10000
#define STREAM_TEXT_SIZE 512
#define STREAM_LOG_SIZE 8192

/* What a server does with an attempt. */
struct stream_answer {
    enum lastcall_status transport;
    long status;
    const char *type;
    const char *bytes; /* of the stream; NULL: none */
    const char *later; /* more of it, a turn later */
    bool stays;        /* until interrupted */
};

/* A lock guards it while a watch is open. */
struct stream_seen {
    struct stream_answer answer; /* to the next attempts */
    unsigned attempts;
    unsigned streams; /* attempts that were begun as a stream */
    unsigned hints;
    unsigned closed_hints; /* hints after the close */
    bool is_interrupted;
    bool is_closed;
    uint32_t silence_ms;
    char url[STREAM_TEXT_SIZE];
    char token[STREAM_TEXT_SIZE];
    char accept[STREAM_TEXT_SIZE];
    char log[STREAM_LOG_SIZE];
};

extern struct stream_seen stream_seen;

struct stream_bench {
    char token_path[64];
    char url[32];
    struct server_settings settings;
    struct log *log;
    struct plex_watch *watch;
};

/* Open a watch that sees the answer; everything seen is forgotten. */
void stream_bench_open(struct stream_bench *bench,
                       const struct stream_answer *answer);

/* Close it, which must not take long, and be silent afterwards. */
void stream_bench_close(struct stream_bench *bench);

void stream_bench_write_token(const struct stream_bench *bench,
                              const char *token);

/* Answer the next attempts so. */
void stream_set_answer(const struct stream_answer *answer);

/* Wait until a count of stream_seen has got there; whether it did. */
bool stream_await(const unsigned *count, unsigned wanted, int64_t patience_ms);

unsigned stream_count_of(const unsigned *count);

/* How often the log names an event. */
unsigned stream_logged(const char *event);

/* The machine's monotonic clock. */
int64_t stream_now_ms(void);

#endif
