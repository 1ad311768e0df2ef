/*
 * Logging, for the system and people: one line an event, with a level, a
 * stable event id and key=value pairs behind a sentence:
 *
 *     warn LINK-LOST broker connection lost; next attempt in 812 ms
 *
 * Repeats of one event id are held back (after the first few, one a minute
 * with a count), so that a hostile peer cannot fill a disk.  Control
 * characters in a line are written as spaces.
 *
 * Lines go to a sink.  Fillings: log_posix.c, log_win32.c (standard error),
 * log_events_win32.c (the Windows event log).
 */
#ifndef LASTCALL_IO_LOG_H
#define LASTCALL_IO_LOG_H

#include <stddef.h>
#include <stdint.h>

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

enum log_form {
    LOG_FORM_TIMED,    /* "TIME LEVEL EVENT TEXT\n" */
    LOG_FORM_PRIORITY, /* "<n>LEVEL EVENT TEXT\n": sd-daemon(3) */
    LOG_FORM_BARE,     /* "EVENT TEXT": who keeps it has time and level */
};

/* Where lines go.  Every member but close is set. */
struct log_sink {
    enum log_form form;
    /* Write one line of UTF-8, ended with a zero; calls never overlap.  A line
     * that cannot be written is lost: there is nobody to tell. */
    void (*write)(intptr_t target, enum log_level level, const char *line,
                  size_t len);
    void (*close)(intptr_t target); /* NULL: the target is borrowed */
    intptr_t target;                /* a descriptor, a handle, an address */
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
 * As log_open(), but where the system keeps the lines of its services: the
 * Windows event log; elsewhere standard error, which the service manager
 * reads.
 */
struct log *log_open_service(enum log_level level);

/* As log_open(), on a sink and a clock of the caller. */
struct log *log_open_sink(enum log_level level, const struct log_sink *sink,
                          const struct clock *clock);

/* Write the counts of what was held back, and free; NULL is fine. */
void log_close(struct log *log);

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
