/*
 * Logging to standard error, for systemd and people: one line an event, with
 * a level, a stable event id and key=value pairs behind a sentence:
 *
 *     warn LINK-LOST broker connection lost; next attempt in 812 ms
 *
 * Repeats of one event id are held back (after the first few, one a minute
 * with a count), so that a hostile peer cannot fill a disk.  Control
 * characters in a line are written as spaces.
 */
#ifndef LASTCALL_IO_LOG_H
#define LASTCALL_IO_LOG_H

#include "protocol/io/platform.h"
#include "protocol/status.h"

/* A longer line ends in "...". */
#define LOG_LINE_BYTES_MAX 1024
/* So many of one event id in a window pass; the rest are counted. */
#define LOG_REPEAT_MAX 5
#define LOG_REPEAT_WINDOW_MS 60000
/* Event ids whose repeats are counted at a time. */
#define LOG_EVENT_COUNT_MAX 64

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum log_repeat {
    LOG_EVERY,   /* each one is written */
    LOG_LIMITED, /* held back when it repeats */
};

struct log;

/*
 * Open a log on standard error.  systemd's "<n>" priority prefixes are
 * written when JOURNAL_STREAM names standard error, time stamps when not.
 *
 * Returns NULL when out of memory; log_close() frees.
 */
struct log *log_open(enum log_level level);

/*
 * As log_open(), on a descriptor and a clock of the caller, who closes the
 * descriptor after log_close().
 */
struct log *log_open_fd(enum log_level level, int fd,
                        const struct clock *clock);

/* Write the counts of what was held back, and free; NULL is fine. */
void log_close(struct log *log);

/* Change the level. Thread: any. */
void log_set_level(struct log *log, enum log_level level);

/* Find a level by name: error, warn, info, debug. */
LASTCALL_MUST_USE enum lastcall_status log_level_parse(const char *name,
                                                       enum log_level *out);

/*
 * Write one line.
 *
 *   log    NULL writes nothing
 *   event  stable id in capitals, a string literal
 *
 * Thread: any.
 */
void log_write(struct log *log, enum log_level level, enum log_repeat repeat,
               const char *event, const char *format, ...)
    LASTCALL_PRINTF(5, 6);

#endif
